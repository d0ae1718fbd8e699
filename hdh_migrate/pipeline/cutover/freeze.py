"""Prove that nobody writes to the source any more: a refused write, and two equal listings.

Azure has no switch that stops writes (legal holds and management locks do not), so both
are needed: a writer's own credential must be refused, or somebody signs that writers are stopped,
and two whole listings a stated time apart must be equal. The final delta compares with them again,
and right before the switch the write is tried once more.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import partial

from hdh_migrate.errors import (
    ApprovalMissing,
    Interrupted,
    Missing,
    Refused,
    SourceWritten,
    Transient,
)
from hdh_migrate.events.cutover import (
    CutoverFrozen,
    CutoverProbed,
    CutoverProbing,
    FreezeStatement,
    FreezeTrial,
    FreezeTrials,
    Relisting,
)
from hdh_migrate.events.event import SignedEnvelopes
from hdh_migrate.jsonform import ABSENT, Absent
from hdh_migrate.model import FREEZE_TRIAL, DatasetRow, Refusal
from hdh_migrate.pipeline.cutover.scene import Consent, Scene
from hdh_migrate.pipeline.inventory.recounting import listing_digest
from hdh_migrate.pipeline.projections.standing import CutoverStanding
from hdh_migrate.ports.switching import FreezeProbe
from hdh_migrate.telemetry import counted

_NOT_FROZEN = "not-frozen"
"""Why a cutover waits after a write that went through."""

Listing = Mapping[int, tuple[int, int]]
"""Count and digest of what each dataset's source listed, by the dataset's id."""


def prove(scene: Scene, root: str) -> Listing:
    """Return the listing that stood still, after writing the proof into the journal.

    Raises:
        Refused: a write went through.
        ApprovalMissing: the plan asks for a signed statement, and there is none.
        SourceWritten: the two listings differ.
        Interrupted: it was stopped between them.
    """
    how: FreezeStatement | FreezeTrials
    signed: SignedEnvelopes | Absent = ABSENT
    if scene.probe is None:
        consent = _stated(scene, root)
        how, signed = FreezeStatement(keys=consent.keys), consent.signed
    else:
        how = _tried(scene, scene.probe)
    relists, listings = list[Relisting](), list[Listing]()
    for number in range(2):
        if number and scene.ctx.stop.wait(scene.terms.relist_seconds):
            raise Interrupted("stopped between two listings of the source")
        listings.append({dataset.id: _listed(scene, dataset) for dataset in scene.datasets()})
        relists.append(_relisting(scene.ctx.clock.now(), listings[-1]))
    if listings[0] != listings[1]:
        counts = " and ".join(counted(relist.objects, "object") for relist in relists)
        why = f"two listings {scene.terms.relist_seconds} s apart differ ({counts})"
        scene.waits("source-written", [why])
        raise SourceWritten(f"the source is still being written: {why}")
    seconds = scene.terms.relist_seconds
    scene.note(
        CutoverFrozen(
            **scene.about, how=how, relists=tuple(relists), interval_seconds=seconds,
            signed=signed,
        )
    )  # fmt: skip
    return listings[1]


def try_once_more(scene: Scene) -> None:
    """Try again to write, where that is the proof: listings and the delta take hours or days.

    A signed statement is judged again by the switch itself.

    Raises:
        Refused: a write went through.
    """
    if scene.probe is not None:
        _tried(scene, scene.probe)


def clear(scene: Scene, now: CutoverStanding) -> None:
    """Remove what trials that were cut short may have left at the source.

    Raises:
        Refused: something of ours is there and cannot be removed.
    """
    for trial in now.probes:
        dataset = next(
            row for row in scene.ledger.datasets(scene.batch) if row.name == trial.dataset
        )
        if scene.probe is not None:
            _clear(scene, scene.probe, dataset, trial.name, "blocked")
        elif _is_there(scene, dataset, trial.name):
            raise _left(scene, dataset, "blocked")  # a statement is asked for by now: nobody tries
        _probed(scene, dataset, trial.name, Refusal(proven=False, detail="cut short"))


def _clear(
    scene: Scene, probe: FreezeProbe, dataset: DatasetRow, name: str, why: str = _NOT_FROZEN
) -> None:
    # A writer that is shut out may not delete either: then the source itself tells.
    place = scene.ctx.route(dataset).source
    if not scene.ctx.retry(partial(probe.clear, place, name)) and _is_there(scene, dataset, name):
        raise _left(scene, dataset, why)


def _is_there(scene: Scene, dataset: DatasetRow, name: str) -> bool:
    """Ask the source itself for what a trial may have left: a refusal is a word of its service."""
    ctx, place = scene.ctx, scene.ctx.route(dataset).source
    try:
        ctx.retry(partial(ctx.source.head, place, name))
    except Missing:
        return False
    return True


def _stated(scene: Scene, root: str) -> Consent:
    consent = scene.consent("freeze", root)
    if not consent.given:
        scene.waits("approval", [f"freeze: {line}" for line in consent.reasons])
        raise ApprovalMissing(
            "nobody has signed that the source is frozen:\n"
            + "\n".join(f"  {line}" for line in consent.reasons),
            hint=f'stop the writers, then "hdh-migrate approve PLAN --batch {scene.batch}'
            ' --stage freeze --key FILE"; nothing was switched',
        )
    return consent


def _tried(scene: Scene, probe: FreezeProbe) -> FreezeTrials:
    trials = []
    for dataset in scene.datasets():
        refusal = scene.ctx.retry(partial(_trial, scene, probe, dataset))
        if not refusal.proven:
            line = f"dataset {dataset.name}: {refusal.detail}"
            scene.waits(_NOT_FROZEN, [line])
            raise Refused(
                "the source is not frozen",
                blockers=[line],
                hint="take the writers' rights away, then start again; nothing was switched",
            )
        trials.append(FreezeTrial(dataset=dataset.name, told=refusal.detail))
    return FreezeTrials(trials=tuple(trials))


def _trial(scene: Scene, probe: FreezeProbe, dataset: DatasetRow) -> Refusal:
    """Try to write once, under a name that is in the journal before.

    Raises:
        Transient: no answer came; nothing is left of the trial.
    """
    ctx, place = scene.ctx, scene.ctx.route(dataset).source
    moment = f"{ctx.run_tag}{dataset.name}{ctx.clock.now()}{ctx.clock.monotonic()}"
    name = place.prefix + FREEZE_TRIAL + hashlib.sha256(moment.encode()).hexdigest()[:16]
    scene.note(CutoverProbing(**scene.about, dataset=dataset.name, name=name))
    try:
        refusal = probe.probe(place, name)
    except Transient:
        _clear(scene, probe, dataset, name)
        _probed(scene, dataset, name, Refusal(proven=False, detail="no answer"))
        raise
    if refusal.left is not None:
        raise _left(scene, dataset, _NOT_FROZEN)  # the intent stays open: the next start removes it
    if refusal.proven and _is_there(scene, dataset, name):
        _clear(scene, probe, dataset, name)
        refusal = Refusal(proven=False, detail="the write was refused, and went through")
    _probed(scene, dataset, name, refusal)
    return refusal


def _probed(scene: Scene, dataset: DatasetRow, name: str, found: Refusal) -> None:
    scene.note(
        CutoverProbed(
            **scene.about, dataset=dataset.name, name=name, proven=found.proven, told=found.detail
        )
    )


def _left(scene: Scene, dataset: DatasetRow, why: str) -> Refused:
    line = f"dataset {dataset.name}: the write trial left an empty object at the source"
    scene.waits(why, [line])
    return Refused(
        line,
        hint=f"remove the object whose name begins with {FREEZE_TRIAL}, or let the credential"
        " delete it, then start again; nothing was switched",
    )


def _listed(scene: Scene, dataset: DatasetRow) -> tuple[int, int]:
    ctx, place = scene.ctx, scene.ctx.route(dataset).source
    return ctx.retry(lambda: listing_digest(ctx.source.recount(place)))


def _relisting(at: str, listing: Listing) -> Relisting:
    objects = sum(count for count, _ in listing.values())
    total = sum(digest for _, digest in listing.values())
    return Relisting(at=at, objects=objects, digest=f"{total:x}")
