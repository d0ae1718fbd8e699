"""Look at who writes in a plan's buckets, take that over, or let go of it for good."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from hdh_migrate.errors import (
    ClocksDiffer,
    Exit,
    KeyUnavailable,
    Refused,
    StorageError,
)
from hdh_migrate.evidence.verifier.members import StatedFences
from hdh_migrate.pipeline.fences.fence import (
    FenceStanding,
    Known,
    plain,
)
from hdh_migrate.pipeline.fences.fencing import Fencing, TakeOver
from hdh_migrate.results.hosts import Fence, Fences
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.operator import operator
from hdh_migrate.session.policy import gate
from hdh_migrate.session.policy.bound_ledger import held_ledger
from hdh_migrate.session.policy.buckets import buckets_of
from hdh_migrate.session.policy.fencing import fenced
from hdh_migrate.session.policy.last_writer import judged, newer, not_newest, standing_at
from hdh_migrate.session.policy.target_alone import admitted, judge_of
from hdh_migrate.session.verbs.run import Turn

LOOK: Final = (
    'Once this ledger is the writer again ("hdh-migrate fence PLAN --take-over --reason TEXT"),'
    ' "hdh-migrate verify PLAN --again" says what the target still holds'
)
TAKE_OVER: Final = '"hdh-migrate adopt PLAN", then "hdh-migrate fence PLAN --take-over"'


def show(desk: Desk) -> Fences:
    """Return who writes in each bucket, and whether this ledger may; writes nothing.

    Raises:
        UsageError: no run of this plan has begun here.
        Refused: the target is not attested.
        StorageError: it cannot be learned.
    """
    ledger = desk.read_ledger()
    try:
        fences = [
            _row(*seen)
            for seen in judged(desk, ledger, standing_at(desk, admitted(desk), desk.retrying()))
        ]
    finally:
        ledger.close()
    code = Exit.LOCKED if any(one["against"] is not None for one in fences) else Exit.OK
    return {"exit": int(code), "fences": fences}


def last_to_write(desk: Desk) -> StatedFences:
    """Return in how many of the plan's buckets this ledger was seen to be the last that wrote.

    Each is asked once. What cannot be learned is said, and counted: evidence is written without a
    network, too. A fence that is gone refuses nothing: it may be, once all is over.

    Raises:
        UsageError: no run of this plan has begun here.
        Fenced: one shows a newer copy of this ledger or, where this one wrote, another ledger.
        ClocksDiffer: the target's Date shows that this machine's clock is wrong: what is signed
            now would be dated so.
    """
    many = len(buckets_of(desk.loaded.plan))
    ours, known_better = 0, list[str]()
    ledger, judge = desk.read_ledger(), None
    try:
        endpoint = admitted(desk)
        judge = judge_of(desk, endpoint)
        standing = standing_at(desk, endpoint, lambda ask: ask())
        for bucket, found, own, why in judged(desk, ledger, standing):
            shown = None if found is None else found.shown
            if shown is None:
                if why is not None:  # nor is it known what else was removed there
                    desk.progress.note(f"who wrote last at the target is not known: {why}. {LOOK}")
                continue
            if shown.nonce in own.nonces and why is None:
                ours += 1
            elif (line := newer(ledger, bucket, found, own, why)) is not None:
                known_better.append(line)
    except ClocksDiffer:
        raise
    except (StorageError, Refused, KeyUnavailable) as error:
        desk.progress.note(f"who wrote last at the target cannot be learned: {error}")
    finally:
        ledger.close()
    if judge is not None:
        judge.glance()
    if known_better:
        raise not_newest(
            known_better,
            "nothing was written. Put the newest copy of the ledger in its place; where there"
            f" is none, adopt and take the fence over ({TAKE_OVER}). With --offline a report is"
            " written all the same, and says that nobody looked",
        )
    return {"ours": ours, "unknown": many - ours}


def take_over(desk: Desk, reason: str) -> Fences:
    """Make this ledger the one that writes in every bucket of the plan.

    Raises:
        UsageError: no run of this plan has begun here.
        Refused: the target is not attested.
        StorageError: the target cannot be written to; the same again goes on.
    """
    with _held(desk, TakeOver(reason=reason)):
        pass
    return show(desk)


def release(desk: Desk) -> Fences:
    """Say in every bucket that this ledger has no more to write.

    Raises:
        Fenced: somebody else writes there.
        StorageError: the target cannot be written to; the same again goes on.
    """
    with _held(desk, None) as fencing:
        fencing.release()
    return show(desk)


@contextmanager
def _held(desk: Desk, over: TakeOver | None) -> Iterator[Fencing]:
    desk.read_ledger().close()  # a ledger is never made here
    services = desk.services(write=True, reads=False)
    judge = gate.admitted(desk, services)
    if over is not None:
        judge.now()  # approvals that were given before count for nothing: before what?
    opened = [services]
    with (
        held_ledger(desk, judge) as ledger,
        fenced(desk, opened, ledger, over=over, user=operator()) as fencing,
        Turn(desk=desk, opened=opened, ledger=ledger, judge=judge, fencing=fencing, work="fence"),
    ):
        yield fencing


def _row(bucket: str, standing: FenceStanding | None, own: Known, why: str | None) -> Fence:
    shown = None if standing is None else standing.shown
    return {
        "bucket": bucket,
        "ours": shown is not None and shown.nonce in own.nonces,
        "against": why,
        "epoch": None if shown is None else shown.epoch,
        "state": None if shown is None else shown.state,
        "host": None if shown is None else plain(shown.host),
        "pid": None if shown is None else shown.pid,
        "since": None if shown is None else plain(shown.since),
        "seen": None if shown is None else plain(shown.seen),
    }
