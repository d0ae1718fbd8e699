"""Whether consumers follow a batch to the target already, for who would go on without knowing.

A ledger made anew, or an old copy, knows neither a pointer's old value nor who agreed to a switch;
and what consumers have rewritten at the target would look like damage, and be overwritten. So a
bundle, a copy of the ledger, and the pointer itself are asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from hdh_migrate.errors import LedgerError, MigrateError, Refused
from hdh_migrate.events.cutover import Track
from hdh_migrate.evidence.lines.stories import cutovers
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.ledger.copies import LEDGER
from hdh_migrate.pipeline.projections.standing import BEFORE_SWITCH, standings
from hdh_migrate.plan.pointers import Pointer
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.policy.bundles import Bundles
from hdh_migrate.session.policy.newest import copies_at
from hdh_migrate.wiring import Services, open_pointer
from hdh_migrate.wiring.context import RUN_TAG

EARLY: Final = {str(stage) for stage in BEFORE_SWITCH}

PUT_BACK: Final = (
    "nothing was done; put a copy of the ledger in its place (hdh-migrate docs operations), or"
    " leave the batch out: --batch NAME"
)


def demand_not_switched(desk: Desk, bundles: Bundles, batches: Sequence[str]) -> None:
    """Demand that neither bundle nor copy of the ledger knows of a switch that stands.

    Of one ledger what its longest journal tells counts: an earlier one may be from before it went
    back.

    Raises:
        Refused: one does.
    """
    newest: dict[tuple[str | None, str], _SeenStage] = {}
    for one in (*_in_bundles(bundles), *_in_copies(desk)):
        known = newest.setdefault((one.ledger, one.batch), one)
        if one.events > known.events:
            newest[one.ledger, one.batch] = one
    for one in newest.values():
        if one.batch in batches and one.stage not in EARLY:
            raise Refused(
                f"batch {one.batch} was switched already ({one.stage}, says {one.where}): a ledger"
                " made anew would not know the pointer's old value, nor who agreed",
                hint=f'{PUT_BACK}. Where a host moved it: "A host moved" in the same pages',
            )


class _SeenStage(NamedTuple):
    """Where a batch stands, as the journal of a ledger tells that goes so far."""

    ledger: str | None
    events: int
    batch: str
    stage: str
    where: str


def _in_bundles(bundles: Bundles) -> Iterator[_SeenStage]:
    for one in bundles.found:
        for batch, story in cutovers(one.bundle.predicate).items():
            yield _SeenStage(
                one.ledger, one.seen.events, batch, story["stage"],
                f"the bundle of {one.written}",
            )  # fmt: skip


def _in_copies(desk: Desk) -> Iterator[_SeenStage]:
    for folder in reversed(copies_at(desk)):
        try:
            ledger = SqliteLedger.read_only(folder / LEDGER, desk.clock)
            try:
                name, events = ledger.meta(RUN_TAG), ledger.length()
                found = standings(ledger.cutovers())
            finally:
                ledger.close()
        except LedgerError:
            continue  # a copy that cannot be read says nothing, here as elsewhere
        for (batch, track), story in found.items():
            if track is Track.CUTOVER:
                yield _SeenStage(name, events, batch, str(story.stage), str(folder))


def led_to_target(desk: Desk, services: Services, batch: str) -> str | None:
    """Say why consumers may follow a batch to the target, as its pointer shows; None: they do not.

    The journal tells what this ledger switched; people can set a pointer by its own means.
    """
    section = desk.loaded.plan.pointer(batch)
    if section is None:
        return None
    try:
        now = _value(desk, services, section)
    except MigrateError as error:
        return f"its pointer cannot be read: {error}"
    return "its pointer leads consumers there" if now == section.value else None


def _value(desk: Desk, services: Services, section: Pointer) -> str:
    """Return what a pointer is now.

    Raises:
        MigrateError: it cannot be read.
    """
    opened = open_pointer(desk.loaded.plan, section, services.vault, desk.ledger_path.parent)
    return desk.retrying()(services.take(opened).read)


def demand_pointers_unmoved(
    desk: Desk, services: Services, ledger: SqliteLedger, batches: Sequence[str]
) -> None:
    """Demand that no batch's pointer has its new value, but where this ledger gave it that.

    Raises:
        Refused: one has, or it cannot be told.
    """
    plan, stories = desk.loaded.plan, standings(ledger.cutovers())
    for batch in batches:
        section, story = plan.pointer(batch), stories.get((batch, Track.CUTOVER))
        known = story is not None and (story.stage not in BEFORE_SWITCH or story.intended)
        if section is None or known:
            continue
        try:
            now = _value(desk, services, section)
        except MigrateError as error:
            raise Refused(
                f"batch {batch}: its pointer cannot be read, so nobody can tell whether consumers"
                f" follow it to the target: {error}",
                hint="nothing was done; fix that, or leave the batch out: --batch NAME",
            ) from error
        if now == section.value:
            raise Refused(
                f"batch {batch} was switched already: its pointer has the new value, and this"
                " ledger did not set it; what consumers have written since would be taken for"
                " damage",
                hint=f"{PUT_BACK}. Where no copy is left, save what consumers have written and give"
                " the pointer its old value by hand: then this ledger can go on, and cut over anew",
            )
