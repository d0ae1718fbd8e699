"""What a plan may change under a ledger, what it may not, and which verb can do it.

*What* a batch is stays as it was when its inventory began, and an amendment alone changes it.
*How* may change at any time. *Who consents* may change in the plan, and is judged where consent is
asked for (`session.policy.consents`); but a pointer that a cutover has touched stays.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from hdh_migrate.errors import LedgerDamaged, PlanChanged, UsageError
from hdh_migrate.events.cutover import Track
from hdh_migrate.frozen import frozen
from hdh_migrate.jsonform import CanonicalPlan
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.pipeline.binding import Binding, bindings
from hdh_migrate.pipeline.projections.standing import BEFORE_SWITCH, CutoverStanding, standings
from hdh_migrate.plan.classes import FieldClass, is_ordered, what_of
from hdh_migrate.plan.diff import PlanDifference, differences
from hdh_migrate.plan.loader import LoadedPlan

TOOL = "hdh-migrate"

ROTATE = f"{TOOL} keys rotate PLAN --from OLD --to NEW"
"""What replaces a recipient's key."""

PUT_BACK = "put it back"
"""What to do where no verb does it."""

MOVED = (
    "or, where a host gave the same objects another address,"
    f" {TOOL} adopt PLAN --bundle DIR --state-dir NEW"
)
ADOPT = f"{PUT_BACK}; {MOVED}"
"""A ledger tells of one place alone; another one can begin from what lies at the place of now."""

FOLLOWED = (
    f"{PUT_BACK}; or, where a host moved what consumers follow, go the way that"
    f' "A host moved" tells ({TOOL} docs operations)'
)
"""What consumers follow is led elsewhere by people, who know what they have written there."""

ADDRESSES: Final = frozenset((
    "source.account_url", "target.provider", "target.region", "target.endpoint",
    "datasets[].source.container", "datasets[].target.bucket", "datasets[].target.prefix",
))  # fmt: skip
"""Where objects are found, which hosts rename."""


@frozen
class Change:
    """One difference between the plan and what a ledger is bound to."""

    difference: PlanDifference
    kind: FieldClass
    batches: tuple[str, ...] = ()
    """Those that bind it; none: it may change."""
    verb: str | None = None
    """What can do it where it is bound, or judges it where it is not; None: there is none."""

    @property
    def allowed(self) -> bool:
        """Whether the next verb takes it as it is."""
        return not self.batches

    @property
    def line(self) -> str:
        """The difference, and what stands against it."""
        text = self.difference.line
        if not self.batches:
            return text
        bound = f"bound by batch {', '.join(self.batches)}"
        many = len(self.batches) > 1 and self.verb not in {None, ROTATE, ADOPT, FOLLOWED}
        each = ", and for each other" if many else ""
        return f"{text} ({bound}: {self.verb or PUT_BACK}{each})"


def judged(ledger: SqliteLedger, new: CanonicalPlan) -> list[Change]:
    """Return each difference of a canonical plan from what a ledger is bound to.

    A ledger that no run has begun is bound to nothing.
    """
    old = json.loads(ledger.meta("plan") or "{}")
    if not old:
        return []
    bound = _bound(ledger, new)
    pointers = dict(_touched(ledger, old, new))
    rest = [one for one in differences(old, new) if one.place not in bound]
    return [*bound.values(), *(_free(one, pointers) for one in rest)]


def _bound(ledger: SqliteLedger, new: CanonicalPlan) -> dict[str, Change]:
    """Return the differences in what batches are that were begun, by their places."""
    found: dict[str, Change] = {}
    stories = standings(ledger.cutovers())
    for binding in bindings(ledger).values():
        followed = is_followed(stories.get((binding.batch, Track.CUTOVER)))
        sealed = {row.name for row in ledger.datasets(binding.batch) if row.sealed}
        for one in _differing(binding, new):
            change = found.get(one.place) or Change(difference=one, kind=FieldClass.WHAT)
            verb = change.verb
            if _amendable(one, sealed) and (one.path == RECIPIENT or not followed):
                verb = verb or f'{TOOL} amend PLAN --batch {binding.batch} --reason "..."'
            elif one.path in ADDRESSES:
                verb = verb or (FOLLOWED if followed else ADOPT)
            found[one.place] = replace(change, verb=verb, batches=(*change.batches, binding.batch))
    keys = [one for one in found.values() if one.difference.path == RECIPIENT]
    if sorted(one.difference.was is None for one in keys) == [False, True]:
        # One key for another: for all batches at once, or not at all.
        found |= {one.difference.place: replace(one, verb=ROTATE) for one in keys}
    return found


def _differing(binding: Binding, new: CanonicalPlan) -> list[PlanDifference]:
    """Return in what a batch would be another one than it is bound to."""
    now = what_of(new, binding.batch)
    if now is None:
        place = f"batches[{binding.batch}]"
        return [PlanDifference(place=place, path="batches[]", change="not in the plan any more")]
    found = differences(binding.what, now)
    return [one for one in found if not one.order or is_ordered(one.path)]


def amendments(ledger: SqliteLedger, batch: str, new: CanonicalPlan) -> list[Change]:
    """Return what an amendment of a batch would change; what it cannot has no verb.

    Raises:
        UsageError: the batch has not begun, so nothing binds it.
    """
    binding = bindings(ledger).get(batch)
    if binding is None:
        raise UsageError(
            f"batch {batch} has not begun: nothing binds it",
            hint="change it in the plan; the next run takes it as it is",
        )
    sealed = {row.name for row in ledger.datasets(batch) if row.sealed}
    return [
        Change(
            difference=one, kind=FieldClass.WHAT, batches=(batch,),
            verb=f"{TOOL} amend" if _amendable(one, sealed) else None,
        )
        for one in _differing(binding, new)
    ]  # fmt: skip


RULES: Final = ("datasets[].include", "datasets[].exclude")
RECIPIENT: Final = "seal.recipients[]"
"""Somebody more is sealed for: what was sent stays as it is, in a batch that is cut over, too."""
ADDED: Final = (
    "datasets[]", "batches[].datasets[]", RECIPIENT, "datasets[].ignore_md5",
    "datasets[].allow_leased",
)  # fmt: skip
"""Of these an amendment can add one, and take none away."""


def _amendable(one: PlanDifference, sealed: set[str]) -> bool:
    """Return whether an amendment can do it; `sealed` are the batch's datasets that are closed.

    Of what was not closed no event counts an object: its listing begins anew, wherever it is.
    """
    if one.path == "batches[]":
        return False
    dataset = one.place.removeprefix("datasets[").partition("]")[0]
    anew = one.path.startswith("datasets[].") and dataset not in sealed
    added = one.path in ADDED and one.was is None
    kept = one.path == "datasets[].collisions" and one.now == "keep"
    return not sealed or anew or added or kept or one.path.startswith(RULES)


def is_followed(story: CutoverStanding | None) -> bool:
    """Say whether consumers follow a batch to the target, or somebody is about to let them."""
    return story is not None and (story.stage not in BEFORE_SWITCH or story.intended)


def _free(one: PlanDifference, pointers: Mapping[str, str]) -> Change:
    """Return a difference that no batch's inventory binds."""
    place = next((at for at in pointers if one.place == at or one.place.startswith(f"{at}.")), None)
    if place is not None:
        back = "put it back; its cutover must find the pointer that it switched"
        return Change(difference=one, kind=FieldClass.WHO, batches=(pointers[place],), verb=back)
    asks = f"{TOOL} cutover start PLAN --batch NAME" if one.kind is FieldClass.WHO else None
    return Change(difference=one, kind=one.kind, verb=asks)


def _touched(
    ledger: SqliteLedger, old: CanonicalPlan, new: CanonicalPlan
) -> Iterator[tuple[str, str]]:
    """Yield place and batch of each pointer that a cutover has touched and that is another one."""
    for (batch, track), story in standings(ledger.cutovers()).items():
        if is_followed(story) and _pointer(old, batch, track) != _pointer(new, batch, track):
            field = {Track.CUTOVER: "batches[{}].pointer", Track.REHEARSAL: "cutovers[{}].canary"}
            yield field[track].format(batch), batch


def demand_allowed(changes: Iterable[Change]) -> None:
    """Demand that a plan's changes may be taken as they are.

    Raises:
        PlanChanged: some may not; each with its field, the batch that binds it, and the verb.
    """
    refused = [one.line for one in changes if not one.allowed]
    if refused:
        raise PlanChanged(refused)


def bears(ledger: SqliteLedger, loaded: LoadedPlan) -> bool:
    """Return whether a ledger is of this plan, or may be bound to it by the next run."""
    if ledger.meta("plan_digest") == loaded.digest:
        return True
    return all(one.allowed for one in judged(ledger, json.loads(loaded.canonical)))


def demand_datasets(ledger: SqliteLedger, loaded: LoadedPlan) -> None:
    """Demand that the ledger has the plan's datasets, each in its batch.

    Raises:
        LedgerDamaged: it has not; what is left out of a batch would be left out of every count.
    """
    planned = {
        (name, batch.name) for batch in loaded.plan.ordered_batches() for name in batch.datasets
    }
    there = {(row.name, row.batch) for row in ledger.datasets()}
    if there != planned:
        name, _ = min(there ^ planned)
        raise LedgerDamaged(f"dataset {name} does not stand in the ledger as in the plan")


def _pointer(plan: CanonicalPlan, batch: str, track: Track) -> Any:  # noqa: ANN401 - JSON
    section, name, field = {
        Track.CUTOVER: ("batches", "name", "pointer"),
        Track.REHEARSAL: ("cutovers", "batch", "canary"),
    }[track]
    entries = plan.get(section) or ()
    return next((entry.get(field) for entry in entries if entry[name] == batch), None)
