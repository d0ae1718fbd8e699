"""Results of the verbs that make a plan ready: demo, init, validate, docs."""

from __future__ import annotations

from typing import Literal, NotRequired

from typing_extensions import TypedDict

from hdh_migrate.results import Amount


class Made(TypedDict):
    """The files that were made."""

    made: list[str]


class Demo(TypedDict):
    """Where the demo left what; `kept` are the processes of endpoints that still run."""

    folder: str
    plan: str
    report: str
    outcome: dict[str, object]
    kept: list[int]


class Outlook(TypedDict):
    """How a plan fits its target, as far as that is known offline; sizes are bytes."""

    provider: str
    profile_as_of: str
    overrides: list[str]
    largest_object: int
    largest_part: int
    max_parts: int
    connections: int
    connections_needed: int | None
    notes: list[str]


class TriedRule(TypedDict):
    """What one rule did: `decided` by it, first of all that match; `matched`, whoever decided.

    `rule` is its place in the dataset, or `include` (none of it matches), or `directory`.
    """

    rule: str
    asks: str
    reason: str | None
    decided: Amount
    matched: int
    unused: bool
    keys_lacking: int
    """Keys of its list that are not there; 0 where only a part was looked at."""


class TriedDataset(TypedDict):
    """What the rules make of the objects that were looked at; `whole`: those are all there are.

    `not_moved` are of a type that is not moved, `refused` would keep their batch from beginning.
    """

    dataset: str
    looked_at: Amount
    whole: bool
    moved: Amount
    left_behind: Amount
    refused: Amount
    not_moved: Amount
    codes: dict[str, int]
    rules: list[TriedRule]
    ages_count_from: str | None
    ages_fixed: bool


class FidelityFact(TypedDict):
    """What becomes of each feature of a dataset's objects: `kept`, `sidecar` or `dropped`.

    `as_of` is the moment whose versions are moved; None: what is current, or all of them.
    """

    dataset: str
    ways: dict[str, str]
    as_of: str | None
    all_versions: bool


class Valid(TypedDict):
    """A plan in which nothing is wrong; `sample` is what its rules did where they were tried.

    `report_taken_at`: that was a report of the source, begun then.
    """

    valid: Literal[True]
    plan_digest: str
    target: Outlook
    sample: NotRequired[list[TriedDataset]]
    report_taken_at: NotRequired[str]

    fidelity: NotRequired[list[FidelityFact]]
    """Docs page `fidelity`."""


class Invalid(TypedDict):
    """A plan with mistakes: all of them, each with file:line:column."""

    valid: Literal[False]
    problems: list[str]


class PageName(TypedDict):
    """A page of the documentation."""

    name: str
    title: str


class PageText(PageName):
    """A page with its text, in Markdown."""

    text: str


class Contents(TypedDict):
    """Every page and every schema that there is."""

    pages: list[PageName]
    schemas: list[str]


class Schema(TypedDict):
    """A JSON Schema."""

    name: str
    schema: dict[str, object]


class PlanChange(TypedDict):
    """One difference of the plan from what its ledger is bound to.

    `field_class`: what, how, or who. `bound_by`: batches that bind it; none: it may change.
    `consent`: batches whose terms in force it changes, for each of which those agree who approved
    before. `verb`: what can do it where it is bound, or judges it where it is not.
    """

    field: str
    field_class: Literal["what", "how", "who"]
    change: str
    was: object
    now: object
    bound_by: list[str]
    consent: list[str]
    verb: str | None


class BoundBatch(TypedDict):
    """A batch that was begun, and the digest of all that it is bound to."""

    batch: str
    revision: int
    digest: str


class PlanDiff(TypedDict):
    """How the plan differs from what its ledger is bound to; `allowed`: the next run takes it."""

    migration: str
    plan_digest: str
    bound_digest: str | None
    allowed: bool
    bound: list[BoundBatch]
    free: list[str]
    changes: list[PlanChange]


class AmendedDataset(TypedDict):
    """What an amendment means for one dataset, in objects.

    `judged`: by other rules than before; otherwise nothing becomes of its objects. `at_target`: of
    those excluded, what the target may hold of earlier attempts. `released`: had been refused for a
    name like another's. `sealed_before`: stay sealed for the earlier recipients; `begun_anew`: were
    on their way for them, and are sent from their first byte.
    """

    dataset: str
    added: bool
    listed_anew: bool
    judged: bool
    excluded: int
    taken_back: int
    moved_before: int
    at_target: int
    released: int
    sealed_before: int
    begun_anew: int


class AmendedObject(TypedDict):
    """One object that an amendment is about."""

    dataset: str
    id: int
    key: str
    becomes: str


class Amendment(TypedDict):
    """What an amendment of a bound batch means; `executed`: it was made.

    `refused`: changes of the plan that stand against the next run all the same. `objects`: at most
    so many as `objects_shown` says, with --show-names.
    """

    batch: str
    executed: bool
    revision: int
    changes: list[str]
    datasets: list[AmendedDataset]
    recipients_added: list[str]
    refused: list[str]
    objects: NotRequired[list[AmendedObject]]
    objects_shown: NotRequired[int]
