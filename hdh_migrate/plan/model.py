"""The shape of a plan: frozen, strict, and closed to unknown fields.

Validate JSON (`Plan.model_validate_json`), for strict mode takes no list for a tuple in Python.
A `Plan` that exists obeys the fields' rules and the rules across fields (`rules`). It holds
references to secrets and never a secret.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from copy import copy
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import BeforeValidator, Discriminator, Field, create_model, model_validator
from pydantic_core import PydanticCustomError

from hdh_migrate.hours.timetable import Timetable
from hdh_migrate.model import Role
from hdh_migrate.plan import rules
from hdh_migrate.plan.conduct import Backup, EngineSection, Limits, Planned, Verify
from hdh_migrate.plan.consent import Approvals, Freeze, Waivers
from hdh_migrate.plan.cutover import Cutover
from hdh_migrate.plan.datasets import Batch, Dataset
from hdh_migrate.plan.ends import LegalBasis
from hdh_migrate.plan.fields import Name, unsaid
from hdh_migrate.plan.hours import RunWindows, moment_of, timetable_of
from hdh_migrate.plan.notices import NotifyChannel
from hdh_migrate.plan.pointers import Pointer
from hdh_migrate.plan.prices import EgressClaim, UnitPrice
from hdh_migrate.plan.rehydration import Rehydration
from hdh_migrate.plan.reports import Report
from hdh_migrate.plan.sides import (
    SOURCES,
    Crypt4gh,
    Section,
    SourceSection,
    Target,
    Unsealed,
    one_of,
)
from hdh_migrate.plan.watching import Metrics

if TYPE_CHECKING:
    AnySource = SourceSection
else:
    AnySource = one_of(SOURCES)

BROKEN_RULE = "plan_rule"
"""The pydantic error type of a broken rule across fields."""


def _whole(value: object) -> object:
    """Keep `true` and `1.0`, which equal 1 in Python, from passing for it."""
    return value if type(value) is int else None


def _one_batch(validated: Mapping[str, Any]) -> tuple[Batch, ...]:
    # Of what was validated: to do it again would build a second validator whenever a plan is read.
    names = tuple(one.name for one in validated["datasets"])
    return (Batch.model_construct(name="all", datasets=names),)


class Plan(Section):
    """What to move, from where to where, how it is sealed and proved."""

    kinds: ClassVar[tuple[type[SourceSection], ...]] = SOURCES
    """Those that `source` may be of."""

    version: Annotated[Literal[1], BeforeValidator(_whole)] = Field(
        description="The version of this format."
    )
    migration: Name = Field(
        description="Names the ledger and its evidence; it stays as long as the migration does.",
        examples=["emc2-exit"],
    )
    source: AnySource = Field(description="Where objects are read; nothing is ever written there.")
    target: Target = Field(description="Where objects go.")
    seal: Annotated[Crypt4gh | Unsealed, Discriminator("format")] = Field(
        description="How objects are encrypted before they leave."
    )
    datasets: tuple[Dataset, ...] = Field(min_length=1, description="What is moved.")
    batches: tuple[Batch, ...] = Field(
        default_factory=_one_batch,
        min_length=1,
        description="In which order; default: one batch named `all` with every dataset.",
    )
    verify: Verify = Field(
        default=Verify.model_construct(), description="What must be proved of each object."
    )
    engine: EngineSection = Field(
        default=EngineSection.model_construct(), description="Who does the work."
    )
    limits: Limits = Field(default=Limits.model_construct(), description="What a run may use.")
    windows: RunWindows | None = Field(
        default=None,
        exclude_if=unsaid,
        description="When runs may move and read back; default: at any time.",
    )
    planned: Planned | None = Field(
        default=None, description="The days in which the migration is to run."
    )
    legal_basis: tuple[LegalBasis, ...] = Field(
        default=(),
        exclude_if=unsaid,
        description="What allows the processing, and until when: nothing is sent after that day, or"
        " while the last planned day lies after it, unless `legal-basis` is waived.",
    )
    prices: tuple[UnitPrice, ...] = Field(
        default=(),
        exclude_if=unsaid,
        description="What egress and requests cost, each from a day on.",
    )
    claim: EgressClaim | None = Field(
        default=None,
        exclude_if=unsaid,
        description="Who claims egress back from whom (`forecast --dossier`).",
    )
    waivers: Waivers | None = Field(
        default=None, description="Who may waive a condition of the target."
    )
    report: Report = Field(default=Report.model_construct(), description="The signed evidence.")
    backup: Backup | None = Field(
        default=None,
        exclude_if=unsaid,
        description="Where copies of the ledger go; default: none is made.",
    )
    notify: tuple[NotifyChannel, ...] = Field(
        default=(),
        exclude_if=unsaid,
        max_length=20,
        description="Who gets notices of what happens; default: nobody.",
    )
    metrics: Metrics | None = Field(
        default=None,
        exclude_if=unsaid,
        description="Where a run writes its numbers for Prometheus; default: nowhere.",
    )
    approvals: Approvals | None = Field(
        default=None,
        exclude_if=unsaid,
        description="Who must agree before a cutover goes on; default: nobody.",
    )
    rehydrate: Rehydration | None = Field(
        default=None,
        exclude_if=unsaid,
        description="Who asks the source for archived objects; default: nobody can.",
    )
    freeze: Freeze | None = Field(
        default=None,
        exclude_if=unsaid,
        description="How it is shown, before a cutover, that nobody writes any more.",
    )
    cutovers: tuple[Cutover, ...] = Field(
        default=(), exclude_if=unsaid, description="How batches are cut over."
    )

    @model_validator(mode="after")
    def _obey_rules(self) -> Self:
        for broken in rules.broken(self.model_dump(mode="json", exclude_unset=True), self.kinds):
            raise PydanticCustomError(BROKEN_RULE, "{message}", {"message": broken.message})
        return self

    @property
    def reads_twice(self) -> bool:
        """Whether every object is read from the source again when it is verified."""
        return self.verify.source == "again" or self.source.reads_twice

    def dataset(self, name: str) -> Dataset:
        """Return the dataset of this name.

        Raises:
            KeyError: there is none.
        """
        return {dataset.name: dataset for dataset in self.datasets}[name]

    def cutover(self, batch: str) -> Cutover | None:
        """Return how a batch is cut over, None when the plan does not say."""
        return {cutover.batch: cutover for cutover in self.cutovers}.get(batch)

    def pointer(self, batch: str) -> Pointer | None:
        """Return the pointer of a batch."""
        return {found.name: found for found in self.batches}[batch].pointer

    @property
    def zone(self) -> str | None:
        """The time zone of its windows, of which days and hours are meant; None: it has none."""
        return None if self.windows is None else self.windows.zone

    def rates(self, role: Role) -> tuple[Timetable, ...]:
        """Return what a role may move, by timetables that all count; none: there is no ceiling."""
        own = self.limits.to_target if role is Role.MOVE else self.limits.from_target
        return tuple(timetable_of(said, self.zone) for said in (self.limits.bandwidth, own) if said)

    def not_before(self, batch: Batch) -> float | None:
        """Return when a batch may begin to be moved, in seconds since 1970; None: at any time."""
        said = batch.not_before
        return None if said is None else moment_of(said, self.zone)

    def done_by(self, batch: Batch) -> float | None:
        """Return when a batch is to be verified, in seconds since 1970; None: nobody says."""
        said = batch.done_by
        return None if said is None else moment_of(said, self.zone, end=True)

    def ordered_batches(self) -> tuple[Batch, ...]:
        """Return the batches so that each comes after its needs.

        Of those that could be next the one of the highest priority is, then the first in the plan;
        a batch has the priority of whoever needs it, where that is higher than its own.
        """
        urgent = self._priorities()
        rank = {batch.name: (-urgent[batch.name], at) for at, batch in enumerate(self.batches)}
        sorter = TopologicalSorter({batch.name: batch.needs for batch in self.batches})
        sorter.prepare()
        ready: list[tuple[int, int]] = []
        order: list[Batch] = []
        while sorter.is_active():
            for name in sorter.get_ready():
                heapq.heappush(ready, rank[name])
            order.append(self.batches[heapq.heappop(ready)[1]])
            sorter.done(order[-1].name)
        return tuple(order)

    def _priorities(self) -> dict[str, int]:
        found = {batch.name: batch.priority for batch in self.batches}
        needs = {batch.name: batch.needs for batch in self.batches}
        for name in reversed([*TopologicalSorter(needs).static_order()]):
            for need in needs[name]:
                found[need] = max(found[need], found[name])
        return found


def knowing(kinds: tuple[type[SourceSection], ...]) -> type[Plan]:
    """Return the model of plans whose source may be of these kinds; in all else it is `Plan`."""
    if kinds == Plan.kinds:
        return Plan
    field = copy(Plan.model_fields["source"])
    made = create_model("Plan", __base__=Plan, source=(one_of(kinds), field))
    made.kinds = kinds
    return made
