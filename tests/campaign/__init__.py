"""The fault campaign: a migration lives through what a seed draws, and invariants are checked."""
