"""Look again at verified objects of a plan, or decide about what somebody else put there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Literal

from hdh_migrate.errors import AuthFailed, Exit, Refused
from hdh_migrate.model import State, key_text
from hdh_migrate.pipeline.looks.look_again import Choice, Found, LookAgain
from hdh_migrate.pipeline.looks.restoring import DecisionOutcome, Restoring
from hdh_migrate.pipeline.runner import Runner, summary
from hdh_migrate.pipeline.working_set import working_set
from hdh_migrate.results import moves
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.operator import operator
from hdh_migrate.session.policy.fencing import demand_the_writer
from hdh_migrate.session.verbs.backup import copied_after
from hdh_migrate.session.verbs.run import Turn, at_work
from hdh_migrate.telemetry import counted

RUN = "hdh-migrate run PLAN"
RESTORE = "hdh-migrate verify PLAN --again --restore all"
ACCEPT = "hdh-migrate verify PLAN --again --accept all --reason TEXT"
AGAIN = "hdh-migrate verify PLAN --again"
ERRORS = "hdh-migrate errors PLAN"


def look_again(
    desk: Desk, selected: Sequence[str], choice: Choice, *, show_names: bool
) -> moves.LooksMade:
    """Read verified objects again and tell what the target does not hold any more.

    Without a level it is the plan's that is looked at.

    Raises:
        MigrateError: whatever ended it early, with its exit code; the same command goes on.
    """
    batches = desk.batches(selected)
    names = [one.name for one in batches]
    choice = replace(choice, level=choice.level or desk.loaded.plan.verify.level)
    with (
        copied_after(desk),
        at_work(desk, ("look-again",), selected, write=False, obeys=True, unread=names) as turn,
    ):
        _demand_begun(turn)
        turn.ctx.course.demand()
        # What another copy of the ledger wrote since would look like damage.
        reader, gone = turn.ctx.reader, partial(_note_gone, desk)
        demand_the_writer(desk, turn.ledger, reader, selected, gone=gone)
        looks, lost = [], False
        for batch in batches:
            if selected and batch.name not in selected:
                continue
            verified = sum(
                turn.ctx.ledger.tally(row.id, State.VERIFIED).objects
                for row in working_set(turn.ctx.ledger, batch.name)
            )
            if verified:
                found = _looked(turn, batch.name, choice)
                lost = lost or found.differs
                looks.append(_row(turn, batch.name, choice, found, verified, show_names))
        code = Runner(turn.ctx, batches, renewed=turn.renewed).exit_code(selected)
        kinds = {one["found"] for look in looks for one in look["differing"]}
        return {
            "exit": int(Exit.VERIFICATION_FAILED if lost else code),
            "plan_digest": desk.loaded.digest,
            "datasets": summary(turn.ctx),
            "looks": looks,
            "next": [
                *([RUN] if kinds & {"gone", "damaged"} else []),
                *([RESTORE, ACCEPT] if kinds & {"replaced", "beside"} else []),
                *([ERRORS] if "lost" in kinds else []),
                *([AGAIN] if "unread" in kinds else []),
            ],
        }


def _note_gone(desk: Desk, why: str) -> None:
    desk.progress.note(
        f"{why}. This look reads all the same; what another ledger wrote since would look like"
        " damage, and a run sends nothing anew before the fence is taken over"
    )


def restore(desk: Desk, selected: Sequence[str], ids: Sequence[int] | None) -> moves.DecidedObjects:
    """Keep foreign objects aside and list ours again; None: all that looks have found.

    Raises:
        UsageError: no look has found a foreign object in the place of one of these.
        MigrateError: whatever ended it early; the same command goes on.
    """

    def act(story: Restoring, chosen: Sequence[int]) -> DecisionOutcome:
        return story.restore(chosen)

    return _decide(desk, selected, ids, act, write=True, became="restored")


def accept(
    desk: Desk, selected: Sequence[str], ids: Sequence[int] | None, reason: str
) -> moves.DecidedObjects:
    """Take foreign objects as they are; None: all that looks have found.

    Raises:
        UsageError: no look has found a foreign object in the place of one of these.
        MigrateError: whatever ended it early; the same command goes on.
    """

    def act(story: Restoring, chosen: Sequence[int]) -> DecisionOutcome:
        return story.accept(chosen, reason)

    return _decide(desk, selected, ids, act, write=False, became="accepted")


def _decide(
    desk: Desk,
    selected: Sequence[str],
    ids: Sequence[int] | None,
    act: Callable[[Restoring, Sequence[int]], DecisionOutcome],
    *,
    write: bool,
    became: Literal["restored", "accepted"],
) -> moves.DecidedObjects:
    batches, asked = desk.batches(selected), None if ids is None else frozenset(ids)
    names = [one.name for one in batches]
    with (
        copied_after(desk),
        at_work(desk, (f"look-again-{became}",), selected, write=write, unread=names) as turn,
    ):
        _demand_begun(turn)
        if not write:
            demand_the_writer(desk, turn.ledger, turn.ctx.reader, selected)
        stories = {
            batch.name: Restoring(turn.ctx, batch.name, user=operator())
            for batch in batches
            if not selected or batch.name in selected
        }
        waiting = {
            name: story.waiting(accepted=write and asked is not None)
            for name, story in stories.items()
        }
        known = {number for numbers in waiting.values() for number in numbers}
        strange = sorted((asked or frozenset()) - known)
        decided: list[moves.DecidedObject] = []
        for name, story in stories.items():
            chosen = [one for one in waiting[name] if asked is None or one in asked]
            if strange:
                chosen = strange  # refuses, before anything is done
            found = act(story, chosen)
            kept = dict(found.copies)
            decided += [{"id": one, "became": became, "kept": kept.get(one)} for one in found.done]
            decided += [{"id": one, "became": "left", "kept": None} for one in found.others]
        code = Runner(turn.ctx, batches, renewed=turn.renewed).exit_code(selected)
        left = any(one["became"] == "left" for one in decided)
        restored = any(one["became"] == "restored" for one in decided)
        return {
            "exit": int(code),
            "plan_digest": desk.loaded.digest,
            "datasets": summary(turn.ctx),
            "objects": decided,
            "next": [*([RUN] if restored else []), *([AGAIN] if left else [])],
        }


def _demand_begun(turn: Turn) -> None:
    if not any(row.sealed for row in turn.ctx.ledger.datasets()):
        raise Refused(
            "nothing is verified yet, so there is nothing to look at again",
            hint='begin with "hdh-migrate run PLAN"',
        )


def _looked(turn: Turn, batch: str, choice: Choice) -> Found:
    """Look at one batch; when a credential is refused, look once more whether it was renewed."""
    found: Found | None = None
    while True:
        try:
            if found is None:
                found = LookAgain(turn.ctx, batch, choice, user=operator()).run()
            if made := turn.ctx.packs.copy(turn.ctx, batch):
                packs = counted(made, "header pack was", "header packs were")
                turn.ctx.progress.note(f"batch {batch}: {packs} copied again")
        except AuthFailed:
            if turn.renewed() is None:
                raise
            turn.ctx.progress.note("a credential was renewed; going on")
            choice = replace(choice, afresh=False)  # what this look has read is not old
        else:
            return found


def _row(
    turn: Turn, batch: str, choice: Choice, found: Found, verified: int, show_names: bool
) -> moves.BatchLook:
    kinds: dict[int, Literal["gone", "damaged", "replaced", "unread", "lost", "beside"]] = {
        **dict.fromkeys(found.gone, "gone"),
        **dict.fromkeys(found.damaged, "damaged"),
        **dict.fromkeys(found.replaced, "replaced"),
        **dict.fromkeys(found.unread, "unread"),
        **dict.fromkeys(found.lost, "lost"),
        **dict.fromkeys(found.beside, "beside"),
    }
    differing: list[moves.Differing] = [
        {"id": number, "found": kind} for number, kind in sorted(kinds.items())
    ]
    if show_names and differing:
        names = _names(turn, batch, set(kinds))
        for one in differing:
            one["key"] = names[one["id"]]
    return {
        "batch": batch, "level": choice.level, "objects": found.objects, "bytes": found.size,
        "verified": verified, "before": found.before, "since": found.since,
        "differing": differing,
    }  # fmt: skip


def _names(turn: Turn, batch: str, wanted: set[int]) -> dict[int, str]:
    ledger = turn.ctx.ledger
    return {
        number: key_text(key)
        for row in ledger.datasets(batch)
        for number, key, *_ in ledger.listing(row.id)
        if number in wanted
    }
