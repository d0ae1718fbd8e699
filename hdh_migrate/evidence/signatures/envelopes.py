"""Signatures of a statement: added to its envelope, and held against keys that are trusted."""

from __future__ import annotations

from collections.abc import Sequence

from hdh_migrate.errors import EvidenceDamaged
from hdh_migrate.evidence.signatures.dsse import (
    STATEMENT_TYPE,
    SignedEnvelope,
    claims_of,
    pre_authentication_encoding,
)
from hdh_migrate.evidence.signatures.signing import Signer, TrustedKey


def add_signature(envelope: SignedEnvelope, signer: Signer) -> SignedEnvelope:
    """Return the envelope with one more signature, of a witness; the first ones stay.

    Raises:
        EvidenceDamaged: it is a draft, malformed, no in-toto statement, or has this key's
            signature already.
    """
    if envelope.get("draft"):
        raise EvidenceDamaged("an unsigned draft is no evidence: its operator signs first")
    payload, claims = claims_of(envelope, STATEMENT_TYPE)
    if any(key_id == signer.key_id for key_id, _ in claims):
        raise EvidenceDamaged(f"the statement has a signature of {signer.key_id} already")
    more = signer.sign(STATEMENT_TYPE, payload)["signatures"]
    return {**envelope, "signatures": [*envelope["signatures"], *more]}


def is_signed_by(envelope: SignedEnvelope, key: TrustedKey) -> bool:
    """Return whether a key signed an envelope, as an in-toto statement."""
    try:
        verify_envelope(envelope, [key])
    except EvidenceDamaged:
        return False
    return True


def signers_among(
    envelope: SignedEnvelope, keys: Sequence[TrustedKey]
) -> tuple[tuple[TrustedKey, ...], int]:
    """Return which keys signed, the first signer first, and how many signatures none of them made.

    Raises:
        EvidenceDamaged: the envelope is malformed, or of another type.
    """
    payload, claims = claims_of(envelope, STATEMENT_TYPE)
    message = pre_authentication_encoding(STATEMENT_TYPE, payload)
    made = [
        [key for key in keys if said in (None, key.key_id) and key.accepts(signature, message)]
        for said, signature in claims
    ]
    signed = {key.fingerprint: key for several in made for key in several}
    return tuple(signed.values()), sum(not several for several in made)


def verify_envelope(
    envelope: SignedEnvelope, keys: Sequence[TrustedKey], threshold: int = 1
) -> bytes:
    """Return the payload if `threshold` different keys signed it as an in-toto statement.

    A key id in the envelope only narrows which keys are tried; it proves nothing.

    Raises:
        EvidenceDamaged: the envelope is malformed, of another type, or too few trusted keys
            signed it.
    """
    payload, _ = claims_of(envelope, STATEMENT_TYPE)
    signed, _ = signers_among(envelope, keys)
    if len(signed) >= max(threshold, 1):
        return payload
    what = "no trusted key signed the statement"
    if signed:
        what = f"only {len(signed)} of {threshold} trusted keys signed the statement"
    raise EvidenceDamaged(
        what, hint="give the public keys of the expected signers, obtained apart from the bundle"
    )
