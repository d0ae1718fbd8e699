"""Rows of the ledger as the nouns of the model, and back."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from json.encoder import encode_basestring_ascii as _text
from typing import TYPE_CHECKING, Any

from hdh_migrate.fixity import inventory_leaf
from hdh_migrate.model import Entry, ObjectInfo, Verified, key_bytes, key_text

if TYPE_CHECKING:
    from hdh_migrate.receipts import Sent

VERIFIED = (
    "id", "dataset", "key", "size", "version", "modified", "md5", "parts", "attempt", "sha256",
    "sealed_sha256", "stored_size", "stored_sha256", "etag", "version_id", "level", "verdict", "at",
)  # fmt: skip
"""What the journal's digest of a verified object covers, in the order of `verified_row`."""


FAILED = (
    "id", "dataset", "key", "size", "version", "modified", "md5", "state", "reason", "sha256",
    "stored_size", "stored_sha256", "etag", "level", "verdict", "at",
)  # fmt: skip
"""The same of an object that failed or was refused, in the order of `failed_row`. Its attempt is
left out: the survey of the target counts one for what it finds under the object's key."""


def raw_digest(digest: str | None) -> bytes | None:
    """Return the bytes of a digest in hexadecimal."""
    return None if digest is None else bytes.fromhex(digest)


def hex_of(digest: bytes | None) -> str | None:
    """Return a digest in hexadecimal."""
    return None if digest is None else digest.hex()


def sent_row(receipt: Sent) -> dict[str, object]:
    """Return a receipt in the form that the journal's digest of it covers."""
    row: dict[str, object] = {
        "kind": "sent",
        "id": receipt.id,
        "attempt": receipt.attempt,
        "stored_size": receipt.stored_size,
        "etag": receipt.etag,
        "version_id": receipt.version_id,
    }
    if receipt.sha256 is not None:  # of a multipart object nobody has read the whole yet
        row |= {"sha256": receipt.sha256, "sealed_sha256": receipt.sealed_sha256}
    return row


def extra_of(obj: ObjectInfo) -> str | None:
    """Return what an object has beyond its columns, as JSON."""
    lines = list[str]()
    if obj.headers:
        lines.append(f'"headers": {_object(obj.headers)}')
    if obj.metadata:
        lines.append(f'"metadata": {_object(obj.metadata)}')
    if obj.tags:
        lines.append(f'"tags": {_object(obj.tags)}')
    if obj.tier:
        lines.append(f'"tier": {_text(obj.tier)}')
    if obj.lease:
        lines.append(f'"lease": {_text(obj.lease)}')
    if obj.kind and obj.kind != "object":
        lines.append(f'"kind": {_text(obj.kind)}')
    if obj.facts:
        lines.append(f'"facts": {_object(obj.facts)}')
    return f"{{{', '.join(lines)}}}" if lines else None


def _object(members: Mapping[str, str]) -> str:
    """Write an object of texts as `json.dumps` would, without making an encoder for it."""
    return f"{{{', '.join([f'{_text(name)}: {_text(text)}' for name, text in members.items()])}}}"


def leaf_of(obj: ObjectInfo) -> bytes:
    """Return an object's leaf in the root of its dataset's inventory."""
    return inventory_leaf(key_bytes(obj.key), obj.size, obj.version)


def entry_of(row: Sequence[Any]) -> Entry:
    """Return an entry from a `todo` or `find` row."""
    extra = json.loads(row[7]) if row[7] else {}
    obj = ObjectInfo(
        key=key_text(row[2]),
        size=row[3],
        version=row[4],
        modified=row[5],
        md5=row[6].hex() if row[6] is not None else None,
        **extra,
    )
    more = row[10:] or (None,) * 5
    return Entry(
        id=row[0],
        dataset=row[1],
        obj=obj,
        parts=row[8],
        attempt=row[9],
        sha256=more[0].hex() if more[0] is not None else None,
        sealed_sha256=more[1].hex() if more[1] is not None else None,
        stored_size=more[2],
        etag=more[3],
        version_id=more[4],
    )


def verified_of(row: Sequence[Any]) -> Verified:
    """Return a verified object from an `erasable` row."""
    return Verified(
        id=row[0],
        dataset=row[1],
        key=key_text(row[2]),
        size=row[3],
        version=row[4],
        sha256=row[5].hex() if row[5] is not None else None,
        stored_size=row[6],
        stored_sha256=row[7].hex() if row[7] is not None else None,
        etag=row[8],
        version_id=row[9],
        level=row[10],
        verified_at=row[11],
    )
