"""In spite of what switches were made final: what target and source showed right before."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, cast

from hdh_migrate.events.cutover import CutoverFinalized
from hdh_migrate.evidence.verifier.members import Predicate
from hdh_migrate.frozen import frozen_row
from hdh_migrate.results.switches import Finalization
from hdh_migrate.telemetry import counted


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
    def passed(self) -> list[str]:
        """What it was made final in spite of, in English."""
        return [*in_spite_of(late=self.late, unlisted=self.unlisted, let_go=self.let_go)]

    @classmethod
    def told_by(cls, batch: str, at: str, event: CutoverFinalized) -> FinalSwitch:
        """Return what its event says of it."""
        return cls.of(batch, at, cast("Finalization", event.as_json()))

    def undecided(self, observed: Mapping[str, object] | None) -> bool:
        """Say whether the source may hold still what was passed over there, as it was last seen."""
        there = observed is None or any(observed.get(form) for form in ("current", "not_ours"))
        return there and (self.late > 0 or self.unlisted)


def in_spite_of(*, late: int, unlisted: bool, let_go: int) -> Iterator[str]:
    """Yield, in English, what a switch was made final in spite of."""
    if late:
        many = counted(late, "object", "objects")
        yield f"{many} new or changed at the source, which nobody moved"
    if unlisted:
        yield "a source that could not be listed"
    if let_go:
        many = counted(let_go, "verified object", "verified objects")
        yield f"{many} that the target did not hold any more, or not as verified"


NONE_PASSED: Final = FinalSwitch(
    batch="", at="", late=0, unlisted=False, let_go=0, besides=0, listed=True, told=True
)
"""What stands for a switch of which nothing is to be decided."""


def finals(predicate: Predicate, told: Mapping[str, CutoverFinalized]) -> Iterator[FinalSwitch]:
    """Yield the switches of a statement that are final, in its order.

    `told` has, by batch, what the journal tells: of earlier versions it says more.
    """
    for one in predicate["cutovers"]:
        batch, said, at = str(one["batch"]), one["finalized"], one["times"].get("finalized")
        if one["track"] == "cutover" and said is not None and at is not None:
            event = told.get(batch)
            if event is None or "target" in said:
                yield FinalSwitch.of(batch, at, said)
            else:
                yield FinalSwitch.told_by(batch, at, event)


def undecided(predicate: Predicate, ended: Iterable[FinalSwitch]) -> list[FinalSwitch]:
    """Return those of which the source may hold still what was passed over there."""
    observed = {
        one["batch"]: one["decommission"].get("observed")
        for one in predicate["cutovers"]
        if one["track"] == "cutover"
    }
    return [one for one in ended if one.undecided(observed[one.batch])]
