"""The story: inventory, transfer, verify. Sees ports only."""
