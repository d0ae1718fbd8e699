"""Results of the verbs that look: status, ls, errors, fetch."""

from __future__ import annotations

from typing import NotRequired, final

from typing_extensions import TypedDict

from hdh_migrate.results.switches import Waits


class Pace(TypedDict):
    """How fast a step goes and how long it will take; None when that is not known."""

    bytes_per_second: int | None
    objects_per_second: float | None
    eta_seconds: int | None


class Listed(TypedDict):
    """How far the inventory of a batch has come."""

    done: bool
    objects: int
    bytes: int


class Moved(Listed, Pace):
    """How far a step of a batch has come, and how fast it goes."""

    of_objects: int
    of_bytes: int


class StepsStatus(TypedDict):
    """The steps of a batch."""

    inventory: Listed
    transfer: Moved
    verify: Moved


class CutoverStatus(TypedDict):
    """Where a batch's cutover stands, why it waits, and who holds the door."""

    stage: str
    since: str | None
    waits: Waits | None
    held: str | None
    window_until: str | None


class BatchStatus(TypedDict):
    """One batch: its steps, and its objects by state."""

    batch: str
    steps: StepsStatus
    cutover: CutoverStatus | None
    states: dict[str, int]


@final
class FindingGroup(TypedDict):
    """All open findings of one code in one dataset."""

    code: str
    severity: str
    dataset: str | None
    detail: str
    count: int


@final
class NamedFinding(TypedDict):
    """One open finding, with the object's name: what --show-names asks for."""

    id: int
    dataset: str | None
    object: int | None
    key: str | None
    code: str
    severity: str
    detail: str
    at: str
    batch: str | None


class Status(TypedDict):
    """Where a run stands."""

    migration: str
    plan_digest: str | None
    plan_changed: bool
    batches: list[BatchStatus]
    findings: list[FindingGroup] | list[NamedFinding]


class ObjectLine(TypedDict):
    """One object: where it stands, and the codes of its open findings; its key when asked for."""

    dataset: str
    id: int
    state: str
    size: int
    codes: list[str]
    key: NotRequired[str]


class Example(TypedDict):
    """The oldest finding of a cause; `object` is None when it is about no single one."""

    object: int | None
    detail: str
    at: str
    key: NotRequired[str | None]


class Cause(TypedDict):
    """All open findings of one code in one dataset: what is safe, and what mends them.

    `waived`: how many of them a signed waiver lets go; when it is all, `exit` is 0.
    """

    code: str
    severity: str
    batch: str | None
    dataset: str | None
    count: int
    waived: int
    example: Example
    exit: int
    safe: str
    next: str


class Causes(TypedDict):
    """The open findings by cause, the gravest first; `exit` is how a run would end with them."""

    migration: str
    causes: list[Cause]
    exit: int


class Fetched(TypedDict):
    """One object that was read back; `compared` with the digest of its transfer."""

    dataset: str
    size: int
    sha256: str
    compared: bool
    out: str
