"""Sizes, names, steps and states that every layer shares."""

from __future__ import annotations

import re
from dataclasses import field
from enum import IntEnum, StrEnum
from typing import Final
from urllib.parse import quote

from hdh_migrate.frozen import frozen, frozen_row

SEGMENT = 65_536
"""Plaintext bytes per unit of encryption (Crypt4GH)."""

MIB = 1 << 20

FREEZE_TRIAL = ".hdh-migrate-freeze-trial-"
"""How the name of every blob begins, under its prefix, that a freeze probe tries to create."""

SIZE_MAX = 1 << 60
"""Bytes that no single object of any store reaches; who says more is wrong."""

TOTAL_MAX = (1 << 63) - 1
"""Bytes that the objects of one dataset may have together: what the ledger can add up."""


def key_bytes(key: str) -> bytes:
    """Return the exact bytes of a key."""
    return key.encode("utf-8", "surrogateescape")


_PLAIN_PATH: Final = re.compile(r"[A-Za-z0-9/._~-]*", re.ASCII)


def path_of(key: str) -> str:
    """Return a key as the path of an address carries it: percent-encoded, but for `/`."""
    if _PLAIN_PATH.fullmatch(key) is not None:  # as most are, and to quote costs twenty times that
        return key
    return quote(key_bytes(key), safe="/-_.~")


def key_text(raw: bytes) -> str:
    """Return the text form of a key's bytes; undecodable bytes become lone surrogates."""
    return raw.decode("utf-8", "surrogateescape")


class State(IntEnum):
    """The state of one object; the values are stored in the ledger.

    A crash leaves SENDING rows behind: they are intents without receipts, and the next run
    asks the target what happened before it sends them again.
    """

    LISTED = 0
    EXCLUDED = 1
    REFUSED = 2
    SENDING = 3
    SENT = 4
    VERIFIED = 5
    FAILED = 6


AT_TARGET: Final = (State.SENT, State.VERIFIED)
"""States of objects that the target holds, as far as the ledger knows."""

VANISHED = "vanished"
"""Why an object is left behind that was gone from the source before it could be moved."""


class Verdict(StrEnum):
    """What a comparison between source and target found."""

    MATCH = "match"
    MISMATCH = "mismatch"
    MISSING = "missing"
    DRIFTED = "drifted"
    UNVERIFIABLE = "unverifiable"


class Step(StrEnum):
    """The steps of the pipeline, in order."""

    INVENTORY = "inventory"
    TRANSFER = "transfer"
    VERIFY = "verify"


class Role(StrEnum):
    """What a worker process is for. No process has the secrets of the other role."""

    MOVE = "move"
    """Reads the source and writes the target."""
    PROVE = "prove"
    """Reads back what the target holds, and can write nothing."""


@frozen_row
class Span:
    """A byte range of an object: `start` inclusive, `length` bytes."""

    start: int
    length: int

    @property
    def end(self) -> int:
        """The first byte after the span."""
        return self.start + self.length


@frozen
class Place:
    """Where a dataset lives on one side: a container or bucket, and a key prefix."""

    bucket: str
    prefix: str = ""
    as_of: str | None = None
    """The moment at which a source is meant, RFC 3339 in UTC, in seconds; None: as it is now."""
    every_version: bool = False
    """Whether every version of each object is meant, with the keys of `model.naming`."""


FENCES: Final = ".hdh-migrate-fence/"
"""Under this prefix of a bucket lie the fences, each under its migration's name."""

PROBES: Final = ".hdh-migrate-probe/"
"""Under this prefix every probe writes, each in a folder of its own."""


SIDECARS: Final = ".hdh-migrate-sidecar/"
"""Under this, below a dataset's prefix, lie the files of its sidecar."""

HEADER_PACKS: Final = SIDECARS + "_headers/"
"""Under this lie the header packs of all datasets: a dataset's name has no underscore."""

WRAPPED: Final = 60
"""Bytes of a detached header that are its object's own: the others are many objects'."""

SIDECAR: Final = "sidecar"
"""The kind of such a file: it comes from no source."""

SIDECAR_VERSION: Final = "sidecar:"
"""How the version of one begins, before the SHA-256 of its bytes."""


def is_reserved(target_key: str) -> bool:
    """Return whether a key of a target bucket is one of the tool's own, which is never data."""
    return target_key.startswith((FENCES, PROBES))


@frozen
class Problem:
    """One reason found by preflight or inventory why the migration must not go on."""

    where: str
    what: str
    hint: str | None = None
    auth: bool = False
    batches: frozenset[str] = field(default=frozenset(), compare=False)
    """Those that it holds up alone; empty: it is nothing of some batches only."""
    journalled: str | None = None
    """What a journal says instead, where this quotes words that must not be kept."""

    def __str__(self) -> str:
        return f"{self.where}: {self.what}" + (f" ({self.hint})" if self.hint else "")
