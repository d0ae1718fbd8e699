"""The keys of those who sign in a life: who approves and waives, and who runs the plan."""

from __future__ import annotations

import hashlib

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hdh_migrate.evidence.signatures.signing import Signer, verifier_of

DPO_KEY = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"dpo").digest())
DPO = Signer(verifier_of(DPO_KEY.public_key()), DPO_KEY)
"""Approves and waives."""

CISO_KEY = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"ciso").digest())
CISO = Signer(verifier_of(CISO_KEY.public_key()), CISO_KEY)
"""Approves where two do."""

REPORT_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OPERATOR = Signer(verifier_of(REPORT_KEY.public_key()), REPORT_KEY)
"""Signs reports, and so neither waives nor approves."""
