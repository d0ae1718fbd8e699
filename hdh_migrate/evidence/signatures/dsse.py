"""DSSE envelopes (secure-systems-lab/dsse, protocol.md, 1.0): what was signed, and by whom it says.

The signature covers the type and length of the payload as well as its bytes.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from hdh_migrate.errors import EvidenceDamaged
from hdh_migrate.fixity import canonical_json

STATEMENT = "https://in-toto.io/Statement/v1"
"""What an in-toto statement says that it is."""

STATEMENT_TYPE = "application/vnd.in-toto+json"
"""DSSE payload type of an in-toto statement, the only one that is accepted here."""

SignedEnvelope = Mapping[str, Any]
"""A DSSE envelope as it was read or made: JSON of which nothing is believed until it is judged."""


def claims_of(
    envelope: SignedEnvelope, payload_type: str
) -> tuple[bytes, list[tuple[str | None, bytes]]]:
    """Return the payload and (key id, signature) of every signature, none of them checked.

    Raises:
        EvidenceDamaged: the envelope is malformed, or of another payload type.
    """
    try:
        kind, signatures = envelope["payloadType"], envelope["signatures"]
        payload = _decode(envelope["payload"])
        claims = [(_key_id(claim.get("keyid")), _decode(claim["sig"])) for claim in signatures]
    except (KeyError, TypeError, ValueError, AttributeError):
        raise EvidenceDamaged("the envelope is malformed") from None
    if kind != payload_type:
        raise EvidenceDamaged(f"the envelope does not hold {payload_type}")
    return payload, claims


def statement_in(envelope: SignedEnvelope) -> bytes:
    """Return the statement as it was signed, or of a draft as it would have been; none is checked.

    Raises:
        KeyError, TypeError, ValueError: there is none.
    """
    if "payload" in envelope:
        return base64.b64decode(envelope["payload"], validate=True)
    return canonical_json(envelope["statement"])


def pre_authentication_encoding(payload_type: str, payload: bytes) -> bytes:
    """Return the bytes that DSSE signs: version, then type and payload with their lengths."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def enveloped(payload_type: str, payload: bytes, key_id: str, signature: bytes) -> SignedEnvelope:
    """Return the envelope of one signature that was made."""
    return {
        "payload": base64.b64encode(payload).decode("ascii"),
        "payloadType": payload_type,
        "signatures": [{"keyid": key_id, "sig": base64.b64encode(signature).decode("ascii")}],
    }


def _key_id(claimed: object) -> str | None:
    if claimed is None or isinstance(claimed, str):
        return claimed
    raise ValueError("a key id that is no text")


def _decode(text: str) -> bytes:
    """Decode base64 of either alphabet (DSSE demands both), refusing every second spelling."""
    standard = text.replace("-", "+").replace("_", "/")
    data = base64.b64decode(standard, validate=True)
    if base64.b64encode(data).decode("ascii") != standard:
        raise ValueError("base64 with stray bits")
    return data


def stamped_bytes(envelope: SignedEnvelope) -> bytes:
    """Return what a time-stamp is about: what was signed, followed by the first signature.

    Nothing here is verified. Signatures that are added later do not change it.

    Raises:
        EvidenceDamaged: it is a draft, malformed, or no in-toto statement.
    """
    if envelope.get("draft"):
        raise EvidenceDamaged("an unsigned draft is no evidence: its operator signs first")
    payload, claims = claims_of(envelope, STATEMENT_TYPE)
    if not claims:
        raise EvidenceDamaged("the envelope is malformed")
    return pre_authentication_encoding(STATEMENT_TYPE, payload) + claims[0][1]
