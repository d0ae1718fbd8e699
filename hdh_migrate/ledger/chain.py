"""The journal's chain: each event's digest covers the digest before it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from json.encoder import encode_basestring

from hdh_migrate.errors import LedgerDamaged
from hdh_migrate.fixity import canonical_json

GENESIS = bytes(32)


def link(previous: bytes, seq: int, at: str, kind: str, body: str) -> bytes:
    """Return the digest of one event."""
    texts = f"{encode_basestring(at)},{encode_basestring(kind)},{encode_basestring(body)}"
    try:
        covered = f"[{seq},{texts}]".encode()  # as `canonical_json` would, in a third of its time
    except UnicodeEncodeError:
        covered = canonical_json([seq, at, kind, body])
    return hashlib.sha256(previous + covered).digest()


def check(
    rows: Iterable[tuple[int, str, str, str, bytes]], after: tuple[int, bytes] = (0, GENESIS)
) -> tuple[int, bytes]:
    """Walk the journal, from the event `after` (number, digest) on; return its last, or `after`.

    Raises:
        LedgerDamaged: an event was edited, removed or reordered; its number is named.
    """
    head, expected = after[1], after[0] + 1
    for seq, at, kind, body, digest in rows:
        if seq != expected:
            raise LedgerDamaged(f"the journal lacks event {expected}")
        head = link(head, seq, at, kind, body)
        if head != digest:
            raise LedgerDamaged(f"the journal's event {seq} was edited or moved")
        expected += 1
    return expected - 1, head


def rows_digest(rows: Iterable[Mapping[str, object]]) -> str:
    """Return one digest over receipts in order, for the event that acknowledges them."""
    digest = hashlib.sha256()
    for row in rows:
        digest.update(canonical_json(row) + b"\n")
    return digest.hexdigest()
