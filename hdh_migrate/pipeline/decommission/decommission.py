"""Give a batch up at the source: object by object, by version, on signed evidence alone.

What is asked of the service is written down as *requested*. What it shows afterwards is written
down as *observed*, which proves no more than what its API shows. Objects that the plan excluded,
that are new or that changed since inventory are never deleted, and neither is what the target does
not hold any more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial

from hdh_migrate.clocks import later
from hdh_migrate.errors import Missing, Refused, TargetDiffers
from hdh_migrate.events.decommission import CutoverObserved, Remains
from hdh_migrate.model import State, Trace, Verified
from hdh_migrate.pipeline.decommission.erasing import (
    BATCH_OBJECTS,
    GONE,
    Deletion,
    to_keep,
)
from hdh_migrate.pipeline.decommission.own_files_again import demand_sidecars
from hdh_migrate.pipeline.decommission.recheck import due, remaining
from hdh_migrate.pipeline.decommission.undertaking import (
    STAGE,
    UNSURE,
    Undertaking,
    blockers,
    demand,
    elsewhere,
    unapproved,
)
from hdh_migrate.pipeline.inventory.index_tags import MovedTags
from hdh_migrate.pipeline.looks.rereading import STEP, Portion, Rereading, RereadWanted
from hdh_migrate.pipeline.projections.facts import observed_of
from hdh_migrate.pipeline.projections.portions import tally_of
from hdh_migrate.pipeline.projections.standing import FINAL, CutoverStage, CutoverStanding
from hdh_migrate.pipeline.workers.rechecking import demand_lasting
from hdh_migrate.results import Amount
from hdh_migrate.results.switches import Decommissioned, DecommissionForecast, RecheckForecast

DAY_SECONDS = 86_400


def forecast(story: Undertaking, *, quick: bool = False) -> DecommissionForecast:
    """Return what would be deleted and what stands against it; writes nothing anywhere.

    The target is read again as an execution would read it, header packs too; not if it is `quick`.

    Raises:
        AuthFailed, Interrupted, Transient: a side could not be asked.
        LedgerDamaged: the rows are not as the journal tells them.
    """
    story.ctx.ledger.reconcile()
    root, now = story.root(), story.standing()
    reasons = [*blockers(story, now), *(f"evidence: {line}" for line in story.evidence(root).lacks)]
    if now.stage in FINAL and (moved := elsewhere(story, now)) is not None:
        reasons.append(moved)
    consent, holder = story.consent(STAGE, root), story.held()
    if not consent.given:
        reasons += [f"approval: {line}" for line in unapproved(consent, root, now)]
    reasons += [] if holder is None else [f"held {holder}"]
    reasons += [*story.wanted(), *_ending(story, now)]
    look, differing = _reread(story, now, quick=quick)
    if look["skipped"] is None:
        try:
            story.ctx.packs.demand(story.ctx, story.batch)
            demand_sidecars(story.ctx, story.batch)
        except TargetDiffers as why:
            reasons.append(str(why))
    gone = _gone_already(story, now)
    left = _less(story, _left(story, now), gone | differing.keys())
    done = dict(now.erasure.counts)
    if gone:
        done[GONE] = done.get(GONE, 0) + len(gone)
    return {
        "batch": story.batch,
        "executed": False,
        "would_delete": left,
        "would_keep": dict(sorted(Counter(differing.values()).items())),
        "kept": {
            "excluded": _tally(story, State.EXCLUDED),
            "failed": _tally(story, State.FAILED),
            "erased": story.ctx.retry(partial(_erased, story)),
        },
        "done": done,
        "recheck": look,
        "blockers": reasons,
    }


def _reread(
    story: Undertaking, now: CutoverStanding, *, quick: bool
) -> tuple[RecheckForecast, dict[int, str]]:
    """Look at the target as an execution would; return what that came to, and what is wrong.

    What was read lately enough is only asked for, as it is right before a delete.
    """
    recheck: RecheckForecast = {
        "level": story.level,
        "reason": story.reason,
        "objects": 0,
        "bytes": 0,
        "skipped": None,
    }
    skipped = None
    if quick:
        skipped = "it was asked not to be"
    elif now.stage not in FINAL:
        skipped = "the cutover is not finalized"
    elif story.attested():
        skipped = "it may not be asked"
    if skipped is not None:
        return {**recheck, "skipped": skipped}, to_keep(now)
    differing: dict[int, str] = {}

    def keep(portion: Portion) -> None:
        recheck["objects"] += portion.objects
        recheck["bytes"] += portion.size
        differing.update(portion.differing)

    def look(row: Verified) -> RereadWanted:
        return RereadWanted(row=row, level="head", first=row.id)

    ctx, left = story.ctx, _left(story, now)
    ctx.progress.step(story.batch, STEP, objects=left["objects"], size=left["bytes"])
    wanted = due(story, now, remaining(story, now), look)
    try:
        Rereading(ctx, story.batch, wanted, keep, moment=story.moment, sampled=False).run()
    finally:
        ctx.engines.drop(grace=30.0)
    return recheck, differing


def _ending(story: Undertaking, now: CutoverStanding) -> list[str]:
    """Say of the first object that would be deleted whether the target will delete it by itself.

    And whether its index tags can be compared. An execution looks at each.
    """
    first = story.ctx.ledger.erasable(story.batch, now.erasure.after, 1)
    if now.stage not in FINAL or not first or story.attested():
        return []
    row, route, tags = first[0], story.routes()[first[0].dataset], MovedTags(story.ctx, story.batch)
    where = (route.target.bucket, route.target_key(row.key))
    seen = story.ctx.retry(lambda: story.ctx.reader.head(*where))
    try:
        demand_lasting(seen)
        for moved in tags.of(first).values():
            story.ctx.retry(partial(tags.differ, route, row, moved))
    except Refused as error:
        return [str(error)]
    return []


def _left(story: Undertaking, now: CutoverStanding) -> Amount:
    """Return how much was not asked for yet, as far as receipts tell."""
    ledger, done = story.ctx.ledger, now.erasure
    rest = ledger.erasable_left(story.batch, done.after)
    again = tally_of(ledger, story.batch, done.pending)
    return {
        "objects": rest.objects + again.objects,
        "bytes": rest.size + again.size,
    }


def _less(story: Undertaking, left: Amount, ids: Iterable[int]) -> Amount:
    less = tally_of(story.ctx.ledger, story.batch, ids)
    return {
        "objects": left["objects"] - less.objects,
        "bytes": left["bytes"] - less.size,
    }


def _gone_already(story: Undertaking, now: CutoverStanding) -> set[int]:
    """Ask the source for what an execution was killed over, and return what it does not have.

    An intent without a receipt covers one portion, so these are few.
    """
    ledger, done = story.ctx.ledger, now.erasure
    open_ids = {number for number, why in done.pending.items() if why == UNSURE} | done.reopened
    rows = ledger.erasable_of(story.batch, sorted(open_ids))
    after, until = done.after, done.open_until or 0
    while after < until and (some := ledger.erasable(story.batch, after, BATCH_OBJECTS)):
        rows += [row for row in some if row.id <= until]
        after = some[-1].id
    if not rows:
        return set()
    routes = story.routes()
    with ThreadPoolExecutor(story.connections) as pool:
        found = pool.map(lambda row: story.gone(routes[row.dataset], row), rows)
        return {row.id for row, gone in zip(rows, found, strict=True) if gone}


def execute(story: Undertaking, *, keep_going: bool = False) -> Decommissioned:
    """Ask the source to delete every verified object of the batch; goes on after any stop.

    With `keep_going` what the target does not hold as it was verified stays at the source and
    everything else goes; without it one such object stops everything.

    Raises:
        Refused: something stands against it; nothing was deleted.
        LedgerDamaged: the rows are not as the journal tells them.
        ApprovalMissing, SwitchHeld, PointerMoved: it may not be, or not now.
        TargetDiffers: the target does not hold what was verified.
        AccessDenied, AuthFailed: a credential may not do its part.
        Interrupted: a signal; the same command goes on.
    """
    now = story.standing()
    if now.stage in {CutoverStage.REQUESTED, CutoverStage.OBSERVED} and not now.erasure.pending:
        return _result(story)
    story.ctx.ledger.reconcile()  # what is compared with the target is what verify wrote
    root = story.root()
    demand(story, root, now)
    Deletion(story, root, now, keep_going=keep_going).run()
    return _result(story)


def observe(story: Undertaking) -> Decommissioned:
    """List what the source still shows of the batch and write it down.

    Raises:
        Refused: nothing was requested yet.
    """
    if story.standing().stage not in {
        CutoverStage.ERASING,
        CutoverStage.REQUESTED,
        CutoverStage.OBSERVED,
    }:
        raise Refused(
            f"batch {story.batch}: no deletion was requested yet",
            hint="see what would happen: hdh-migrate decommission PLAN --batch NAME",
        )
    if story.standing().stage is CutoverStage.ERASING:
        raise Refused(
            f"batch {story.batch}: the deletion is not through yet",
            hint="run the same command with --execute again; it goes on where it was",
        )
    remains = story.ctx.retry(partial(_remains, story))
    story.note(CutoverObserved(**story.about, remains=remains))
    return _result(story)


def _remains(story: Undertaking) -> Remains:
    """Return counts by form of what is still there of ours, and of what never was.

    Raises:
        Transient: there was no whole listing; nothing is kept of it.
    """
    ours, others, days, eraser = Counter[str](), 0, 0, story.eraser
    assert eraser is not None
    for dataset in story.ctx.ledger.datasets(story.batch):  # what was erased is at the source yet
        place = story.ctx.route(dataset).source
        for remnant in eraser.remnants(place):
            known = story.ctx.ledger.pinned(dataset.id, remnant.key)
            if known is None or known.state is not State.VERIFIED:
                others += 1
                continue
            ours[remnant.trace] += 1
            days = max(days, remnant.days or 0)
    until = later(story.ctx.clock.now(), days * DAY_SECONDS) if days else None
    return {
        "current": ours[Trace.CURRENT],
        "version": ours[Trace.VERSION],
        "snapshot": ours[Trace.SNAPSHOT],
        "soft-deleted": ours[Trace.SOFT_DELETED],
        "uncommitted": ours[Trace.UNCOMMITTED],
        "until": until,
        "not_ours": others,
        "not_shown": tuple(str(trace) for trace in eraser.unseen()),
    }


def _tally(story: Undertaking, state: State) -> Amount:
    ledger = story.ctx.ledger
    tallies = [ledger.tally(dataset.id, state) for dataset in ledger.datasets(story.batch)]
    return {
        "objects": sum(tally.objects for tally in tallies),
        "bytes": sum(tally.size for tally in tallies),
    }


def _erased(story: Undertaking) -> Amount:
    """List what the source holds of datasets whose headers were erased, of what was moved.

    They may have been erased after a deletion, so neither event tells what is there.

    Raises:
        AuthFailed, Transient: it did not list it.
    """
    objects = size = 0
    ledger, source = story.ctx.ledger, story.ctx.source
    erased = ledger.erased()
    for dataset in ledger.datasets(story.batch):
        if dataset.id not in erased:
            continue
        with suppress(Missing):  # the place itself is gone
            for page in source.pages(story.ctx.route(dataset).source):
                for obj in page.objects:
                    known = ledger.pinned(dataset.id, obj.key)
                    if known is not None and known.state is State.VERIFIED:
                        objects, size = objects + 1, size + obj.size
    return {"objects": objects, "bytes": size}


def _result(story: Undertaking) -> Decommissioned:
    now = story.standing()
    return {
        "batch": story.batch,
        "executed": True,
        "stage": str(now.stage),
        "requested": None if now.requested is None else dict(now.requested),
        "observed": observed_of(now),
    }
