"""What became of objects: receipts that were taken, failures, findings, openings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from hdh_migrate.events.event import Event
from hdh_migrate.jsonform import ABSENT, Absent, JsonForm, json_form


@json_form
class ObjectsSent(Event):
    """Receipts of sent objects were taken; the digest is over the receipts in order."""

    kind: ClassVar[str] = "sent"
    ids: tuple[int, ...]
    rows_sha256: str


@json_form
class ObjectsVerified(Event):
    """Objects were verified; their rows are covered from here on (ledger/coverage.py)."""

    kind: ClassVar[str] = "verified"
    ids: tuple[int, ...]
    datasets: Mapping[str, int] | Absent
    """How many of each dataset; absent before version 3 of the ledger."""
    rows_sha256: str
    extras_sha256: str | Absent
    """Over what rows have beyond their columns; early events lack it."""


@json_form
class ObjectsSuperseded(Event):
    """Some verified objects are verified no more; the others of their event stay covered."""

    kind: ClassVar[str] = "superseded"
    event: int
    """The number of the event that this one replaces."""
    dropped: tuple[int, ...]
    dropped_datasets: Mapping[str, int] | Absent
    """Absent before version 3 of the ledger."""
    ids: tuple[int, ...]
    rows_sha256: str
    extras_sha256: str | Absent


@json_form
class ObjectsFailed(Event):
    """Objects failed or were refused; their rows are covered from here on."""

    kind: ClassVar[str] = "failed"
    ids: tuple[int, ...]
    rows_sha256: str
    datasets: Mapping[str, int]


@json_form
class ObjectsRetried(Event):
    """Some failed objects wait again; the others of their event stay covered."""

    kind: ClassVar[str] = "retried"
    event: int
    """The number of the event that this one replaces."""
    ids: tuple[int, ...]
    datasets: Mapping[str, int]
    kept: tuple[int, ...]
    rows_sha256: str


@json_form
class OpenedFinding(JsonForm):
    """One finding, as it was when it was opened."""

    number: int
    at: str
    code: str
    severity: str
    dataset: str | None
    object: int | Absent | None
    """None: of no object; absent with keyed names."""
    message: str


@json_form
class FindingsChanged(Event):
    """Findings were opened, or closed by their numbers."""

    kind: ClassVar[str] = "findings"
    opened: tuple[OpenedFinding, ...] | Absent
    closed: tuple[int, ...] | Absent


@json_form
class ObjectDrifted(Event):
    """The source had another version, or other bytes under the same one; it was pinned anew."""

    kind: ClassVar[str] = "drifted"
    id: int
    attempt: int
    same_version: Literal[True] | Absent


@json_form
class SendingAgain(Event):
    """Objects of a dataset were under way when what sent them ended, and nobody knows their end.

    It was killed or not waited for, or it was a machine from which this ledger has taken over.
    """

    kind: ClassVar[str] = "sending-again"
    dataset: str
    unacknowledged: int
    """Are sent as a new attempt, from their first byte; the target is asked first."""
    going_on: int
    """Large ones whose upload is known and goes on."""


@json_form
class ObjectsUnderWay(Event):
    """More of large objects has passed since the last such event; none of them is at its end.

    `bytes` says how many of each, in the order of `ids`: of a transfer those of parts that the
    target acknowledged, of a verification those that were read back. 0: it begins anew, and what
    passed of it before counts for nothing.
    """

    kind: ClassVar[str] = "under-way"
    step: str
    ids: tuple[int, ...]
    bytes: tuple[int, ...]


@json_form
class OrphanAborted(Event):
    """An upload of ours that the ledger did not know was aborted; `id` is its object's."""

    kind: ClassVar[str] = "orphan-aborted"
    id: int


@json_form
class CleanupAbort(Event):
    """A stale upload is about to be aborted; `id` is its object's, None where it has none."""

    kind: ClassVar[str] = "cleanup-abort"
    id: int | None
    upload_id: str
    reason: str | Absent = ABSENT
    """Why somebody ends one that this ledger did not begin; absent of one that is ours."""
    user: str | Absent = ABSENT
    """Who said so."""


@json_form
class ObjectOpened(Event):
    """Somebody read an object back in the clear; `number` is the line's in `openings.jsonl`."""

    kind: ClassVar[str] = "object-opened"
    number: int
    at: str
    who: str
    dataset: str
    object: int
    reason: str


ObjectEvent = (
    ObjectsSent
    | ObjectsVerified
    | ObjectsSuperseded
    | ObjectsFailed
    | ObjectsRetried
    | FindingsChanged
    | ObjectDrifted
    | OrphanAborted
    | SendingAgain
    | ObjectsUnderWay
    | CleanupAbort
    | ObjectOpened
)
