"""Trusted keys, and the signatures of a statement.

Used by verify.py (which see). It needs Python 3.9 and `cryptography` and nothing else.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Optional

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from hdh_migrate.evidence.verifier import forms

KEY_ID = re.compile("ed25519:[0-9a-f]{16}")
Claims = list[tuple[str, bytes]]
UNKNOWN = (
    "whether those signed {} more times whose keys you do not trust: --trust their keys, too. A"
    " page names the first signer, whoever that is"
)


class Key(NamedTuple):
    """A trusted public key, and the last day on which it may sign (None: no end)."""

    fingerprint: str
    public: Ed25519PublicKey
    until: Optional[str] = None  # noqa: UP045 - Python 3.9 reads this


def envelope(folder: Path, problems: list[str]) -> tuple[Any, Claims, bytes | None]:
    """Return the in-toto statement, its signatures as claimed, and the bytes that they are over.

    DSSE signs type and length of the payload too (its pre-authentication encoding). The statement
    may be any JSON value yet. Raises Wrong where there is none.
    """
    try:
        raw = forms.document(folder / "statement.json")
        document = forms.parsed(raw, "statement.json")
        forms.must(forms.canonical(document) + b"\n" == raw)
        if document.get("draft") is True and document.keys() == {"draft", "statement"}:
            problems.append("statement.json: an unsigned draft, not evidence")
            return document["statement"], [], None
        payload, claims = _claims(document)
        said = forms.parsed(payload, "statement.json")
        forms.must(forms.canonical(said) == payload)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise forms.Wrong(
            "statement.json: neither an envelope nor a draft in canonical form"
        ) from None
    kind = document["payloadType"].encode()
    return said, claims, b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def _claims(envelope: Mapping[str, Any]) -> tuple[bytes, Claims]:
    payload = base64.b64decode(envelope["payload"], validate=True)
    claims = [
        (str(claim["keyid"]), base64.b64decode(claim["sig"], validate=True))
        for claim in envelope["signatures"]
    ]
    spelled = {
        "payload": base64.b64encode(payload).decode(),
        "payloadType": "application/vnd.in-toto+json",
        "signatures": [
            {"keyid": key_id, "sig": base64.b64encode(signature).decode()}
            for key_id, signature in claims
        ],
    }
    forms.must(spelled == envelope and 0 < len(claims) == len(dict(claims)))
    forms.must(
        all(KEY_ID.fullmatch(key_id) and len(signature) == 64 for key_id, signature in claims)
    )
    return payload, claims


def unsigned(
    claims: Claims, message: bytes, keys: list[Key], threshold: int, written: str
) -> Iterator[str]:
    """Yield what the signatures lack; a key id only says which key to try, it proves nothing."""
    signed: set[str] = set()
    ended: set[str] = set()
    for key_id, signature in claims:
        named = [key for key in keys if key_id == key_id_of(key)]
        made = [key for key in named if accepts(key, signature, message)]
        if named and not made:
            yield "statement.json: a signature that names a trusted key, and is not by it"
        for key in made:
            past = key.until is not None and written[:10] > key.until
            (ended if past else signed).add(key.fingerprint)
    if ended:
        many = f"{len(ended)} key{'s' * (len(ended) > 1)}"
        yield f"statement.json: signed by {many} after the last day of validity"
    if len(signed) < threshold:
        few = f"only {len(signed)} of {threshold} trusted keys" if signed else "no trusted key"
        yield f"statement.json: {few} signed the statement"


def unjudged(claims: Claims, keys: list[Key]) -> Iterator[str]:
    """Say how many signatures name keys that are not trusted: whether they are theirs is open."""
    if others := {key_id for key_id, _ in claims} - {key_id_of(key) for key in keys}:
        yield UNKNOWN.format(len(others))


def key_id_of(key: Key) -> str:
    """Return what signatures name a key by."""
    return f"ed25519:{key.fingerprint[:16]}"


def accepts(key: Key, signature: bytes, message: bytes) -> bool:
    """Say whether this key made the signature over the message."""
    try:
        key.public.verify(signature, message)
    except InvalidSignature:
        return False
    return True


def load_key(path: Path) -> Key:
    """Open a public key in PEM; a line "Valid-Until: YYYY-MM-DD" before it limits its use."""
    try:
        pem = forms.handed(path)
        key = load_pem_public_key(pem)
    except OSError as error:
        raise forms.Wrong(f"{path}: {error.strerror}") from None
    except (ValueError, UnsupportedAlgorithm):
        raise forms.Wrong(f"{path}: not a public key in PEM") from None
    if not isinstance(key, Ed25519PublicKey):
        raise forms.Wrong(f"{path}: not an Ed25519 key")
    raw = key.public_bytes(Encoding.Raw, PublicFormat.Raw)
    if is_weak(raw):
        raise forms.Wrong(
            f"{path}: not an honest key: one signature of it could hold for any statement"
        )
    try:
        return Key(forms.sha256(raw), key, last_day(pem))
    except ValueError as error:
        raise forms.Wrong(f"{path}: {error}") from None


def last_day(pem: bytes) -> str | None:
    """Return the last day of a key's use, from the line before its PEM block; None: no end.

    What stands elsewhere, or is written otherwise, is no end that anybody obeys: refused.
    """
    before = pem.partition(b"-----BEGIN")[0]
    days = re.findall(rb"(?m)^Valid-Until: *(\d{4}-\d\d-\d\d)\s*$", before)
    if len(days) > 1 or len(days) != len(re.findall(rb"(?i)valid-until", pem)):
        raise ValueError("its Valid-Until is not one line with a day, YYYY-MM-DD")
    return days[0].decode() if days else None


def is_weak(raw: bytes) -> bool:
    """Say whether a key is a point of small order, under which one signature fits any message."""
    prime = 2**255 - 19
    eighth = 2707385501144840649318225287225658788936804267575313519463743609750303402022
    y = int.from_bytes(raw, "little") % (1 << 255) % prime
    return y in (0, 1, prime - 1, eighth, prime - eighth)
