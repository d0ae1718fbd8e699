"""The end of a batch at the source: agreed, looked at again, deleted in portions, observed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from hdh_migrate.events.cutover import OfCutover, RestsOnApprovals
from hdh_migrate.jsonform import ABSENT, Absent, JsonForm, json_form

Remains = Mapping[str, int | str | tuple[str, ...] | None]
"""What the source still shows: counts by form (`model.Trace`), `not_ours`, until when, `not_shown`.
"""


@json_form
class PresentedEvidence(JsonForm):
    """A signed report that was presented, and how far the ledger's journal had come in it."""

    statement: str
    """The SHA-256 of its statement; a report that follows names it as `previous_statement`."""
    written: str
    events: int
    head: str


@json_form
class CutoverAgreed(RestsOnApprovals):
    """What is deleted from here on rests on these approvals, for this manifest."""

    kind: ClassVar[str] = "cutover-agreed"
    root: str
    evidence: PresentedEvidence | Absent = ABSENT
    """Early events lack it."""


@json_form
class CutoverRechecking(OfCutover):
    """The target is about to be read again, so closely; the plan's reason for no closer look."""

    kind: ClassVar[str] = "cutover-rechecking"
    level: str
    reason: str | None


@json_form
class CutoverRechecked(OfCutover):
    """A portion was read again, none of it before `at`."""

    kind: ClassVar[str] = "cutover-rechecked"
    at: str
    spans: tuple[tuple[int, int, str], ...]
    """First id, last id, level."""
    objects: int
    bytes: int
    differing: tuple[tuple[int, str], ...]
    """Ids of what is not as it was verified, and why."""


@json_form
class CutoverErasing(OfCutover):
    """The intent to delete a portion; `again`: ids that had their turn before."""

    kind: ClassVar[str] = "cutover-erasing"
    first: int
    last: int
    objects: int
    again: tuple[int, ...] | Absent


@json_form
class CutoverErased(OfCutover):
    """What became of a portion; what is pending is to be asked for again."""

    kind: ClassVar[str] = "cutover-erased"
    first: int | Absent
    """Early events lack it."""
    last: int
    again: tuple[int, ...] | Absent
    outcomes: Mapping[str, int]
    pending: tuple[tuple[int, str], ...] | Absent
    """Ids, and why; early events lack it."""


@json_form
class CutoverRequested(OfCutover):
    """Every object had its turn."""

    kind: ClassVar[str] = "cutover-requested"
    outcomes: Mapping[str, int]
    user: str
    keep_going: bool | Absent
    """Early events lack it."""


@json_form
class CutoverObserved(OfCutover):
    """What the source shows after the deletion."""

    kind: ClassVar[str] = "cutover-observed"
    remains: Remains


DecommissionEvent = (
    CutoverAgreed
    | CutoverRechecking
    | CutoverRechecked
    | CutoverErasing
    | CutoverErased
    | CutoverRequested
    | CutoverObserved
)
