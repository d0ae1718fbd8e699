"""Results of the verbs that look at single objects: explain, ls, fetch, restore-view."""

from __future__ import annotations

from typing import Literal, NotRequired

from typing_extensions import TypedDict


class FoundObject(TypedDict):
    """One object as the source lists it."""

    size: int
    version: str
    modified: str | None
    type: str
    tier: str | None
    tags: dict[str, str]


class KeptObject(TypedDict):
    """One object as the ledger has it."""

    id: int
    state: str
    size: int
    version: str


Becomes = Literal[
    "moved", "left behind", "left alone", "refused", "not moved", "not there", "unknown"
]
"""`left alone`: no run touches it any more, for what opens its dataset was erased."""


class ExplainedObject(TypedDict):
    """What decides about one object of a dataset, and what becomes of it.

    `rule` is the place of the rule that decided, `include` (none of it matches), `directory`, or
    None: no rule speaks of it. `code` and `why`: what else is found or noted.
    """

    dataset: str
    source: FoundObject | None
    rule: str | None
    asks: str | None
    reason: str | None
    becomes: Becomes
    code: str | None
    why: str | None
    target_key: str | None
    ages_count_from: str | None
    ages_fixed: bool
    ledger: KeptObject | None


class Explained(TypedDict):
    """One object, in each dataset that it may belong to."""

    datasets: list[ExplainedObject]


class ObjectLine(TypedDict):
    """One object: where it stands, and the codes of its open findings; its key when asked for."""

    dataset: str
    id: int
    state: str
    size: int
    codes: list[str]
    key: NotRequired[str]


class Fetched(TypedDict):
    """One object that was read back; `compared` with the digest of its transfer."""

    dataset: str
    size: int
    sha256: str
    compared: bool
    out: str


class RestoredFeature(TypedDict):
    """How many objects of a dataset give a feature back as it was listed, and how many do not."""

    feature: str
    restored: int
    dropped: int
    """As the plan chose."""
    differs: int


class RestoredDataset(TypedDict):
    """What target and sidecar give back of a dataset; `shown` are the first differences."""

    dataset: str
    objects: int
    directories: int
    sidecar_files: int
    features: list[RestoredFeature]
    differences: int
    shown: list[str]


class RestoredView(TypedDict):
    """What can be restored, and where it differs from the inventory."""

    datasets: list[RestoredDataset]
    differences: int
    out: str | None
