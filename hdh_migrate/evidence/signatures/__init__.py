"""Signatures over evidence: keys, envelopes, approvals, witnesses, checkpoints, time stamps."""
