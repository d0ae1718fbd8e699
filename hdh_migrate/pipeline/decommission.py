"""Give a batch up at the source: object by object, by version, on signed evidence alone.

What is asked of the service is written down as *requested*. What it shows afterwards is written
down as *observed*, which proves no more than what its API shows. Objects that the plan excluded,
that are new or that changed since inventory are never deleted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

from hdh_migrate.errors import ApprovalMissing, DoorHeld, Interrupted, Refused
from hdh_migrate.model import DatasetRow, Erased, Erasing, State, Trace
from hdh_migrate.pipeline.cutover.moments import later
from hdh_migrate.pipeline.cutover.scene import Consent, Story
from hdh_migrate.pipeline.cutover.standing import FINAL, Stage
from hdh_migrate.ports import Eraser

BATCH_OBJECTS = 5_000
GONE = "gone"
"""The outcome of an object that was not there when a delete whose end nobody saw was repeated."""

DAY_SECONDS = 86_400
_NOT_DELETED = (Erasing.MISSING, Erasing.DRIFTED, Erasing.KEPT)
_Row = tuple[int, int, str, str]


@dataclass(slots=True, kw_only=True)
class Undertaking(Story):
    """One batch's end at the source."""

    eraser: Eraser | None
    """None in a dry run: there is nothing that could delete."""
    evidence: Callable[[str], Sequence[str]]
    """Says what the evidence lacks for a manifest root; empty means that it proves the batch."""
    cooling_seconds: int
    connections: int


def blockers(story: Undertaking, root: str) -> list[str]:
    """Return everything that stands against deleting, besides approvals.

    Raises:
        ClocksDiffer: it cannot be told whether the cooling period has passed.
    """
    now = story.standing()
    told = []
    if now.stage not in FINAL:
        told.append(f"the cutover of batch {story.batch} is not finalized ({now.stage})")
    else:
        until = later(now.times["finalized"], story.cooling_seconds)
        if not story.ctx.judge.firm().passed(until):
            told.append(f"the cooling period lasts until {until}")
        if root != now.root:
            told.append("the manifest is not the one that was cut over")
    told += [f"evidence: {line}" for line in story.evidence(root)]
    return told


def forecast(story: Undertaking) -> dict[str, Any]:
    """Say what would be deleted and what stands against it; writes nothing anywhere."""
    root = story.root()
    consent = story.consent("decommission", root)
    holder = story.held()
    return {
        "batch": story.batch,
        "executed": False,
        "would_delete": _tally(story, State.VERIFIED),
        "kept": {"excluded": _tally(story, State.EXCLUDED), "failed": _tally(story, State.FAILED)},
        "done": dict(story.standing().erasure.counts),
        "blockers": [
            *blockers(story, root),
            *([] if consent.given else [f"approval: {line}" for line in consent.told]),
            *([] if holder is None else [f"held {holder}"]),
        ],
    }


def execute(story: Undertaking) -> dict[str, Any]:
    """Ask the source to delete every verified object of the batch; goes on after any stop.

    Raises:
        Refused: something stands against it; nothing was deleted.
        ApprovalMissing, DoorHeld: it may not be, or not now.
        ClocksDiffer: it cannot be told whether it may be.
        AccessDenied, AuthFailed: the credential may not delete.
        Interrupted: a signal; the same command goes on.
    """
    root = story.root()
    _demand(story, root)
    now = story.standing()
    if now.stage in {Stage.REQUESTED, Stage.OBSERVED}:
        return _told(story)
    # Kept here from now on: the fold over so many receipts would cost more than the deletes.
    after, unsure = now.erasure.after, now.erasure.open_until
    while rows := story.ctx.ledger.erasable(story.batch, after, BATCH_OBJECTS):
        if story.ctx.stop.is_set():
            raise Interrupted("stopped between two deletes; the same command goes on")
        if (holder := story.held()) is not None:
            raise DoorHeld(f"held: {holder}")
        story.ctx.judge.firm()
        _demand_consent(story, root)
        _erase(story, rows, unsure)
        after, unsure = rows[-1][0], None
        story.ctx.progress.advance(len(rows), 0)
    story.note("requested", outcomes=dict(story.standing().erasure.counts), user=story.user)
    return _told(story)


def _demand(story: Undertaking, root: str) -> None:
    story.judged("decommission")
    told, consent = blockers(story, root), story.consent("decommission", root)
    if told and not consent.given:
        told += [f"approval: {line}" for line in consent.told]
    if told:
        raise Refused(
            f"batch {story.batch} may not be deleted at the source", blockers=told,
            hint="nothing was deleted",
        )  # fmt: skip
    consent = _demand_consent(story, root)
    if story.standing().erasure.after == 0 and story.standing().stage is Stage.FINALIZED:
        story.note("agreed", approvals=list(consent.keys), approved_stage="decommission", root=root)


def _demand_consent(story: Undertaking, root: str) -> Consent:
    """Return the consent as it is now: an approval may expire while a long batch goes on."""
    consent = story.consent("decommission", root)
    if not consent.given:
        raise ApprovalMissing(
            f"decommission of batch {story.batch} is not approved:\n"
            + "\n".join(f"  {line}" for line in consent.told),
            hint=f'"hdh-migrate approve PLAN --batch {story.batch} --stage decommission --key'
            ' FILE"; nothing more was deleted',
        )
    return consent


def _erase(story: Undertaking, rows: Sequence[_Row], unsure: int | None) -> None:
    """Delete some objects between an intent and a receipt.

    `unsure` is the last id of an intent that has no receipt: some of these may be gone already.
    """
    ledger = story.ctx.ledger
    story.note("erasing", first=rows[0][0], last=rows[-1][0], objects=len(rows))
    names = {dataset.id: dataset for dataset in story.datasets()}
    act = partial(_one, story, names)
    if story.connections > 1:
        with ThreadPoolExecutor(story.connections) as pool:
            found = list(pool.map(act, rows))
    else:
        found = [act(row) for row in rows]
    outcomes = Counter[str]()
    for (number, dataset, _, _), (erased, again) in zip(rows, found, strict=True):
        repeated = again or (unsure is not None and number <= unsure)
        if erased.outcome is Erasing.MISSING and repeated:
            outcomes[GONE] += 1
            continue
        outcomes[erased.outcome] += 1
        if erased.outcome in _NOT_DELETED:
            code = f"decommission-{erased.outcome}"
            ledger.finding(code, "finding", erased.told, dataset=dataset, entry=number)
    story.note("erased", last=rows[-1][0], outcomes=dict(outcomes))


def _one(story: Undertaking, names: dict[int, DatasetRow], row: _Row) -> tuple[Erased, bool]:
    """Delete one object; say, too, whether it had to be asked more than once."""
    _, dataset, key, version = row
    place, tries, eraser = story.ctx.route(names[dataset]).source, 0, story.eraser
    assert eraser is not None

    def attempt() -> Erased:
        nonlocal tries
        tries += 1
        return eraser.erase(place, key, version)

    return story.ctx.retry(attempt), tries > 1


def observe(story: Undertaking) -> dict[str, Any]:
    """List what the source still shows of the batch and write it down.

    Raises:
        Refused: nothing was requested yet.
    """
    if story.standing().stage not in {Stage.ERASING, Stage.REQUESTED, Stage.OBSERVED}:
        raise Refused(
            f"batch {story.batch}: no deletion was requested yet",
            hint="see what would happen: hdh-migrate decommission PLAN --batch NAME",
        )
    if story.standing().stage is Stage.ERASING:
        raise Refused(
            f"batch {story.batch}: the deletion is not through yet",
            hint="run the same command with --execute again; it goes on where it was",
        )
    remains = story.ctx.retry(partial(_remains, story))
    story.note("observed", remains=remains)
    return _told(story)


def _remains(story: Undertaking) -> dict[str, Any]:
    """Return counts by form of what is still there of ours, and of what never was.

    Raises:
        Transient: there was no whole listing; nothing is kept of it.
    """
    ours, others, days, eraser = Counter[str](), 0, 0, story.eraser
    assert eraser is not None
    for dataset in story.datasets():
        place = story.ctx.route(dataset).source
        for remnant in eraser.remnants(place):
            known = story.ctx.ledger.pinned(dataset.id, remnant.key)
            if known is None or known[2] is not State.VERIFIED:
                others += 1
                continue
            ours[remnant.trace] += 1
            days = max(days, remnant.days or 0)
    until = later(story.ctx.clock.now(), days * DAY_SECONDS) if days else None
    return {
        **{str(trace): ours[trace] for trace in Trace},
        "until": until,
        "not_ours": others,
        "not_shown": [str(trace) for trace in eraser.unseen()],
    }


def _tally(story: Undertaking, state: State) -> dict[str, int]:
    tallies = [story.ctx.ledger.tally(dataset.id, state) for dataset in story.datasets()]
    return {
        "objects": sum(tally.objects for tally in tallies),
        "bytes": sum(tally.size for tally in tallies),
    }


def _told(story: Undertaking) -> dict[str, Any]:
    now = story.standing()
    return {
        "batch": story.batch,
        "executed": True,
        "stage": str(now.stage),
        "requested": None if now.requested is None else dict(now.requested),
        "observed": None if now.observed is None else dict(now.observed),
    }
