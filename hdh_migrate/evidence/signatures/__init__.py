"""Who stands behind evidence: keys, envelopes, approvals, witnesses, checkpoints, stamps."""
