"""In spite of what switches were made final: what target and source showed right before.

What was at the source by then nobody moves any more with its own batch. Another dataset at the same
place, listed since, may have moved it: that is told beside it, and once all of that is moved,
nothing is left to decide.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Final, Self, cast

from hdh_migrate.clocks import seconds_of
from hdh_migrate.events.cutover import CutoverFinalized
from hdh_migrate.events.event import Event
from hdh_migrate.evidence.lines.listings import Listings
from hdh_migrate.evidence.lines.planned import PlannedDataset, plan_of
from hdh_migrate.evidence.lines.stories import cutovers
from hdh_migrate.evidence.verifier.members import Predicate
from hdh_migrate.evidence.verifier.selection import NO_CONDITIONS
from hdh_migrate.frozen import frozen_row
from hdh_migrate.results.switches import Finalization
from hdh_migrate.telemetry import counted

_PASSING: Final = frozenset({"older_than", "newer_than", "tier", "tags"})
"""What may hold of an object on one day, and not on another, while its bytes are the same."""


@frozen_row
class TakingRules:
    """What a dataset takes of its place; each rule is of the form of a canonical plan."""

    include: tuple[Mapping[str, object], ...]
    exclude: tuple[Mapping[str, object], ...]
    as_of: bool
    """It is meant as it was at a moment."""

    @classmethod
    def of(cls, planned: PlannedDataset) -> Self:
        """Return those of a dataset of a canonical plan."""
        return cls(
            include=tuple(_asked(one) for one in planned.get("include") or ()),
            exclude=tuple(_asked(one) for one in planned.get("exclude") or ()),
            as_of=isinstance(planned["source"].get("versions"), Mapping),
        )

    def take_after(self, other: TakingRules, *, day: str) -> bool:
        """Say whether, of what was written since a day, they surely take whatever `other` takes."""
        dated = any(
            one.keys() == {"modified_since"} and str(one["modified_since"]) <= day
            for one in self.include
        )
        wide = not self.include or dated or (bool(other.include) and _in(other, self))
        return wide and all(_lasts(one) and one in other.exclude for one in self.exclude)


def _in(other: TakingRules, rules: TakingRules) -> bool:
    return all(_lasts(one) and one in rules.include for one in other.include)


def _lasts(rule: Mapping[str, object]) -> bool:
    return _PASSING.isdisjoint(rule)


def _asked(rule: str | Mapping[str, object]) -> Mapping[str, object]:
    """Return what a rule asks of an object."""
    if isinstance(rule, str):
        return {"glob": rule}
    return {
        name: one for name, one in rule.items() if name not in NO_CONDITIONS and one is not None
    }


@frozen_row
class PlacedDataset:
    """One dataset: where it lies at the source, and what came of it; the tool's own files apart."""

    name: str
    batch: str
    place: tuple[str, str]
    """Bucket and prefix."""
    closed: bool
    verified: int
    left: int
    """Failed, or waits."""
    excluded: int
    listed: str | None
    """When its source was last listed whole."""
    rules: TakingRules

    def takes_after(self, own: PlacedDataset) -> bool:
        """Say whether it surely took what another at its place would have taken, and came later.

        Later than that one was last listed.
        """
        if own.listed is None or self.rules.as_of:
            return False
        return not self.excluded or self.rules.take_after(own.rules, day=own.listed[:10])


@frozen_row
class FollowedSource:
    """What other datasets at the places of a batch came to, that were listed after its end."""

    by: tuple[str, ...]
    """Their batches."""
    at: str
    """When the first of them was listed."""
    moved: int
    left: int
    excluded: int
    """A rule left these behind."""
    everywhere: bool
    """Every place of the batch was listed whole, and no rule left anything behind there that was
    written after the batch itself was last listed."""

    @classmethod
    def of(cls, batch: str, at: str, datasets: Collection[PlacedDataset]) -> Self | None:
        """Return what became of the places of a batch that ended at a moment; None: nothing did."""
        own = {one.name: one.place for one in datasets if one.batch == batch}
        at_place = {one.place: one for one in datasets if one.batch == batch}
        since = [
            (one, one.listed)
            for one in datasets
            if one.listed is not None
            and one.place in {place for name, place in own.items() if name != one.name}
            and seconds_of(one.listed) > seconds_of(at)
        ]
        if not since:
            return None
        first = {one.name for one, _ in since}
        whole = {
            one.place for one, _ in since if one.closed and one.takes_after(at_place[one.place])
        }
        return cls(
            by=tuple(dict.fromkeys(one.batch for one, _ in since)),
            at=min((listed for _, listed in since), key=seconds_of),
            moved=sum(one.verified for one, _ in since),
            left=sum(one.left for one, _ in since),
            excluded=sum(one.excluded for one, _ in since),
            everywhere=all(place in whole for name, place in own.items() if name not in first),
        )


@frozen_row
class FinalSwitch:
    """One switch that is final, and what two listings right before it had shown."""

    batch: str
    at: str
    late: int
    """So many objects were new or changed at the source since the last listing before the switch:
    nobody moved them."""
    unlisted: bool
    """The source could not be listed."""
    let_go: int
    """So many verified objects were gone from the target, or others stood in their places."""
    besides: int
    """So many objects stood there besides."""
    listed: bool
    """It is told what was listed of the source; earlier versions did not look there."""
    told: bool
    """Likewise of the target."""
    since: FollowedSource | None = None
    """What other datasets have moved from the same places since."""

    @classmethod
    def of(cls, batch: str, at: str, said: Finalization) -> FinalSwitch:
        """Return what the statement says of it."""
        target, source = said.get("target"), said.get("source")
        late = 0 if source is None else source["new"] + source["changed"]
        let_go = 0 if target is None else target["changed"] + target["gone"]
        return cls(
            batch=batch, at=at, late=late, unlisted="source" in said and source is None,
            let_go=let_go, besides=0 if target is None else target["new"],
            listed="source" in said, told=target is not None,
        )  # fmt: skip

    @property
    def settled(self) -> bool:
        """Whether nothing waits of what was passed over: all of it that is left was moved since.

        Fewer objects than were passed over would mean that some are gone from the source.
        """
        since = self.since
        return (
            since is not None and since.everywhere and not since.left and since.moved >= self.late
        )

    @property
    def passed(self) -> list[str]:
        """What it was made final in spite of, in English."""
        return [*in_spite_of(late=self.late, unlisted=self.unlisted, let_go=self.let_go)]

    @classmethod
    def told_by(cls, batch: str, at: str, event: CutoverFinalized) -> FinalSwitch:
        """Return what its event says of it."""
        return cls.of(batch, at, cast("Finalization", event.as_json()))

    def missed_since(self, look: Mapping[str, object] | None, verified: int) -> int:
        """Return how many objects it let go, unless the last look at all verified ones is later."""
        looked = (
            self.let_go > 0
            and look is not None
            and look["ended"] is True
            and cast("int", look["objects"]) >= verified
            and seconds_of(str(look["at"])) >= seconds_of(self.at)
        )
        return 0 if looked else self.let_go

    def undecided(self, observed: Mapping[str, object] | None) -> bool:
        """Say whether the source may hold still what was passed over there, as it was last seen."""
        there = observed is None or any(observed.get(form) for form in ("current", "not_ours"))
        return there and (self.late > 0 or self.unlisted) and not self.settled


def in_spite_of(*, late: int, unlisted: bool, let_go: int) -> Iterator[str]:
    """Yield, in English, what a switch was made final in spite of."""
    if late:
        many = counted(late, "object", "objects")
        yield f"{many} new or changed at the source since the switch"
    if unlisted:
        yield "a source that could not be listed"
    if let_go:
        many = counted(let_go, "verified object", "verified objects")
        yield f"{many} that the target did not hold any more, or not as verified"


NONE_PASSED: Final = FinalSwitch(
    batch="", at="", late=0, unlisted=False, let_go=0, besides=0, listed=True, told=True
)
"""What stands for a switch of which nothing is to be decided."""


def finals(
    predicate: Predicate,
    told: Mapping[str, CutoverFinalized],
    listed: Iterable[tuple[str, Event]],
) -> Iterator[FinalSwitch]:
    """Yield the switches of a statement that are final, in its order.

    `told` has, by batch, what the journal tells: of earlier versions it says more. `listed` are
    its events of listings.
    """
    datasets = _placed(predicate, listed)
    for batch, one in cutovers(predicate).items():
        said, at = one["finalized"], one["times"].get("finalized")
        if said is not None and at is not None:
            event = told.get(batch)
            alone = event is None or "target" in said
            end = (
                FinalSwitch.of(batch, at, said)
                if event is None or alone
                else FinalSwitch.told_by(batch, at, event)
            )
            yield replace(end, since=FollowedSource.of(batch, at, datasets))


def _placed(predicate: Predicate, listed: Iterable[tuple[str, Event]]) -> list[PlacedDataset]:
    batch_of = {one["name"]: one["batch"] for one in predicate["datasets"]}
    listings = Listings.of(listed, batch_of)
    planned = {one["name"]: one for one in plan_of(predicate)["datasets"]}
    return [
        PlacedDataset(
            name=one["name"], batch=one["batch"],
            place=(one["source"]["bucket"], one["source"]["prefix"]), closed=one["closed"],
            verified=one["tally"]["verified"]["objects"]
            - (one["own_verified"]["objects"] if "own_verified" in one else 0),
            left=one["tally"]["failed"]["objects"] + one["tally"]["pending"]["objects"],
            excluded=one["tally"]["excluded"]["objects"], listed=listings.of_dataset(one["name"]),
            rules=TakingRules.of(planned[one["name"]]),
        )
        for one in predicate["datasets"]
    ]  # fmt: skip


def undecided(predicate: Predicate, ended: Iterable[FinalSwitch]) -> list[FinalSwitch]:
    """Return those of which the source may hold still what was passed over there."""
    observed = {
        batch: one["decommission"].get("observed") for batch, one in cutovers(predicate).items()
    }
    return [one for one in ended if one.undecided(observed[one.batch])]
