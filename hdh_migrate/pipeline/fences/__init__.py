"""Which ledger writes to a bucket, and what no later ledger may be ignorant of."""
