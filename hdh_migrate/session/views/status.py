"""Where a run stands, at one moment of its ledger; never walks objects, never disturbs the run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from hdh_migrate.clocks import Moment, seconds_of, text_of_seconds
from hdh_migrate.codes import LOST_OBJECTS, Code, how_many
from hdh_migrate.errors import KeyUnavailable
from hdh_migrate.evidence.lines.gravest import OutcomeCounts
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.model import Grouped, OpenFinding, State
from hdh_migrate.notices.queue import NoticeQueue
from hdh_migrate.pipeline.binding import bindings
from hdh_migrate.pipeline.excused import Waived, nothing_waived
from hdh_migrate.pipeline.projections.portions import RotationSoFar
from hdh_migrate.pipeline.projections.standing import CutoverStage, standing
from hdh_migrate.pipeline.runner import BatchOrder
from hdh_migrate.results.looks import (
    BatchStatus,
    CutoverStatus,
    FindingGroup,
    GraveFact,
    HappenedFact,
    NamedFinding,
    NoticeStanding,
    Status,
)
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.policy.changing import bears
from hdh_migrate.session.policy.erased import erasures, said_of
from hdh_migrate.session.policy.excuses import excuses
from hdh_migrate.session.policy.report_files import LAST
from hdh_migrate.session.policy.rotating import open_rotation, said_of_rotation
from hdh_migrate.session.verbs.hold import holder
from hdh_migrate.session.views.absent import absent_facts
from hdh_migrate.session.views.at_work import work_of
from hdh_migrate.session.views.course import course_of
from hdh_migrate.session.views.crew_file import workers_of
from hdh_migrate.session.views.happened import Happened, lately
from hdh_migrate.session.views.next_step import next_steps
from hdh_migrate.session.views.opening import ceilings_at
from hdh_migrate.session.views.pace_file import connections_of
from hdh_migrate.session.views.progress import (
    BatchProgress,
    HoldReason,
    LedgerMoment,
    amount_of,
    batch_state,
    eta_of,
    progress_of,
    together,
)
from hdh_migrate.session.views.proved import key_trials
from hdh_migrate.session.views.verdict import verdict

LATELY = 12
"""How many of the last events are shown."""


def status(
    desk: Desk, selected: Sequence[str] = (), *, show_names: bool = False, left: bool = False
) -> Status:
    """Return per batch and step: objects, bytes, rate, time left; the open findings; who works.

    With `left` also what is left to do, for which more of the journal is read.

    Raises:
        UsageError: no run of this plan has begun, or a batch is not in the plan.
    """
    batches = desk.batches(selected)
    behind = _behind(desk)  # before the ledger is read: a run may make a copy meanwhile
    ledger = desk.read_ledger()
    try:
        with ledger.snapshot():
            return _status(
                ledger, desk, batches, selected, behind, show_names=show_names, left=left
            )
    finally:
        ledger.close()


def _status(
    ledger: SqliteLedger,
    desk: Desk,
    batches: Sequence[BatchOrder],
    selected: Sequence[str],
    behind: Callable[[SqliteLedger], str | None],
    *,
    show_names: bool,
    left: bool,
) -> Status:
    work = work_of(desk, ledger)
    at, waived = desk.clock.now(), waived_now(desk, ledger)
    ceilings = ceilings_at(desk.loaded.plan, seconds_of(at))
    alive = desk.clock.monotonic() if work["alive"] else None
    seen = LedgerMoment.of(ledger, alive, waived, ceilings)
    chosen = [one for one in progress_of(seen, batches) if not selected or one.name in selected]
    _hold_early(chosen, batches, seconds_of(at))
    planned = _cutovers(ledger, desk)
    rows = [_batch(one, planned.get(one.name)) for one in chosen]
    causes = [
        one for one in seen.causes if not selected or one.batch is None or one.batch in selected
    ]
    connections = desk.loaded.plan.engine.connections
    found: Status = {
        "migration": desk.loaded.plan.migration,
        "at": at,
        "plan_digest": ledger.meta("plan_digest"),
        "plan_changed": not bears(ledger, desk.loaded),
        "behind": behind(ledger),
        "held": holder(desk),
        "run": work,
        "course": course_of(desk, at),
        "check": {"exit": 0, "why": []},
        "next": [],
        "total": together([batch["amounts"] for batch in rows]),
        "eta": eta_of(seen, chosen),
        "batches": rows,
        "findings": _named(ledger, selected) if show_names else list(map(_group, causes)),
        "keys": key_trials(ledger),
        "notices": _notices(desk),
        "connections": connections_of(desk.ledger_path, work["pid"], connections)
        if work["alive"]
        else None,
        "lately": [_happened(one) for one in lately(ledger, LATELY)],
    }
    if work["pid"] is not None and desk.loaded.plan.engine.scheduler is not None:
        found["workers"] = workers_of(desk.ledger_path, work["pid"])
    if grave := _grave(ledger if left else None, causes, rows):
        found["grave"] = grave
    if gone := {name: one for name, one in erasures(ledger).items() if one.ended is not None}:
        found["erased"] = [said_of(name, one) for name, one in gone.items()]
    if open_ := [*_open_work(ledger), *_unplanned(desk, ledger)]:
        found["open"] = open_
    counting = _held_against(ledger, causes, waived)
    found["check"] = verdict(found, counting)
    reported = desk.ledger_path.with_name(LAST).exists()
    found["next"] = next_steps(found, reported=reported)
    if left:
        from hdh_migrate.session.views.left import left_now  # it speaks as the pages of a report do

        found["left"], found["ends"] = left_now(desk, ledger, rows, counting)
    return found


def _grave(
    ledger: SqliteLedger | None, causes: Sequence[Grouped], rows: Sequence[BatchStatus]
) -> list[GraveFact]:
    """Return what somebody must look into, in the order and the words of a report's banner.

    What looks missed is told only where the ledger is given: its events may be many.
    """
    codes = Counter[str]()
    for cause in causes:
        codes[cause.code] += cause.many
    failed = sum(row["amounts"]["failed"]["objects"] for row in rows)
    lost, replaced = how_many(codes, *LOST_OBJECTS), how_many(codes, Code.TARGET_REPLACED)
    gone = 0
    if ledger is not None:
        shown = {row["batch"] for row in rows}
        absent = absent_facts(ledger)
        gone = sum(one["missing"] for batch, one in absent.items() if batch in shown)
    if not (failed or lost or replaced or gone):
        return []
    from hdh_migrate.session.views.left import grave_facts  # it speaks as the pages of a report do

    return grave_facts(OutcomeCounts(failed=failed, lost=lost, replaced=replaced, gone=gone))


def _open_work(ledger: SqliteLedger) -> list[str]:
    """Return what was begun for good and holds up other verbs until it is through."""
    rotation = open_rotation(ledger)
    said = []
    if rotation is not None:
        done = RotationSoFar(ledger, rotation.number).objects
        said.append(said_of_rotation(rotation, done))
    return said + [
        said_of(name, one) for name, one in erasures(ledger).items() if one.ended is None
    ]


def _unplanned(desk: Desk, ledger: SqliteLedger) -> Iterator[str]:
    """Yield batches that were begun and that the plan does not have: nothing goes on without."""
    gone = bindings(ledger).keys() - {one.name for one in desk.loaded.plan.batches}
    cutovers = list(ledger.cutovers()) if gone else []
    for name in sorted(gone):
        stage = standing(cutovers, name).stage
        switch = "" if stage is CutoverStage.NONE else f", its cutover stands at {stage}"
        yield f"batch {name} was begun{switch}, and is not in the plan any more: put it back"


def _happened(one: Happened) -> HappenedFact:
    return {
        "at": one.at,
        "event": one.kind,
        "batch": one.batch,
        "dataset": one.dataset,
        "step": one.step,
        "code": one.code,
        "count": one.count,
    }


def _notices(desk: Desk) -> NoticeStanding:
    waiting = NoticeQueue.beside(desk.ledger_path).waiting()
    return {
        "waiting": len(waiting),
        "since": waiting[0].noticed if waiting else None,
        "why": next((one.why for one in waiting if one.why is not None), None),
    }


def _hold_early(chosen: Sequence[BatchProgress], batches: Sequence[BatchOrder], now: float) -> None:
    """Note of batches that are not to be moved yet that they wait for their day."""
    days = {one.name: one.not_before for one in batches if one.not_before is not None}
    for one in chosen:
        day = days.get(one.name)
        if day is not None and now < day:
            at = text_of_seconds(day)
            one.waits.append(
                HoldReason(
                    f"batch {one.name} is not to be moved before {at}",
                    f"il ne doit pas être déplacé avant le {at}",
                )
            )


def _behind(desk: Desk) -> Callable[[SqliteLedger], str | None]:
    """Return what says of a ledger what the newest copy knows that it does not."""
    if desk.loaded.plan.backup is None:
        return lambda _: None
    from hdh_migrate.session.policy.newest import behind, newest_copy  # only for who has copies

    copy = newest_copy(desk)
    return lambda ledger: behind(ledger, copy)


def _cutovers(ledger: SqliteLedger, desk: Desk) -> dict[str, CutoverStatus]:
    if not desk.loaded.plan.cutovers:
        return {}
    from hdh_migrate.session.views.cutovers import cutovers_now  # only for a plan that has one

    return cutovers_now(ledger, desk)


def waived_now(desk: Desk, ledger: SqliteLedger) -> Waived:
    """Return what says whether a finding is waived; nothing is, when waivers cannot be judged."""
    try:
        return excuses(desk.loaded, ledger, Moment.at(desk.clock.now()))
    except KeyUnavailable:
        return nothing_waived


def _held_against(ledger: SqliteLedger, causes: list[Grouped], waived: Waived) -> list[Grouped]:
    """Return the causes without what is waived; goes through findings only where waivers are."""
    if waived is nothing_waived:
        return causes
    many = Counter(
        (found["code"], found["severity"], found["dataset"])
        for found in ledger.findings()
        if waived(found)
    )
    left = [
        one._replace(many=one.many - many[one.code, one.severity, one.dataset]) for one in causes
    ]
    return [one for one in left if one.many]


def _batch(one: BatchProgress, switched: CutoverStatus | None) -> BatchStatus:
    steps = one.steps()
    return {
        "batch": one.name,
        "state": batch_state(steps),
        "amounts": one.amounts(),
        "waived": amount_of(one.waived),
        "waits": [why.en for why in one.waits],
        "waits_fr": [why.fr for why in one.waits],
        "steps": steps,
        "cutover": switched,
        "states": {state.name.lower(): one.sum(state).objects for state in State},
    }


def _group(cause: Grouped) -> FindingGroup:
    return {
        "code": cause.code,
        "severity": cause.severity,
        "dataset": cause.dataset,
        "detail": cause.detail,
        "count": cause.many,
    }


def _named(ledger: SqliteLedger, selected: Sequence[str]) -> list[NamedFinding]:
    return [
        _with_name(found)
        for found in ledger.findings()
        if not selected or found["batch"] is None or found["batch"] in selected
    ]


def _with_name(found: OpenFinding) -> NamedFinding:
    return {
        "id": found["id"],
        "dataset": found["dataset"],
        "object": found["object"],
        "key": found["key"],
        "code": found["code"],
        "severity": found["severity"],
        "detail": found["detail"],
        "at": found["at"],
        "batch": found["batch"],
    }
