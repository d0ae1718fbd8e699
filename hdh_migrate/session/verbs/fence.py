"""Look at who writes in a plan's buckets, take that over, or let go of it for good."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from hdh_migrate.errors import Exit
from hdh_migrate.pipeline.fence import FenceStanding, Known, known, plain, read_fence, why_barred
from hdh_migrate.pipeline.fencing import Fencing, TakeOver
from hdh_migrate.results.hosts import Fence, Fences
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.operator import operator
from hdh_migrate.session.policy import gate
from hdh_migrate.session.policy.bound_ledger import held_ledger
from hdh_migrate.session.policy.buckets import buckets_of
from hdh_migrate.session.policy.fencing import fenced, owner_of
from hdh_migrate.session.verbs.probe import admitted
from hdh_migrate.session.verbs.run import Turn
from hdh_migrate.targets.s3_reader import S3Reader


def show(desk: Desk) -> Fences:
    """Return who writes in each bucket, and whether this ledger may; writes nothing.

    Raises:
        UsageError: no run of this plan has begun here.
        Refused: the target is not attested.
        StorageError: it cannot be learned.
    """
    ledger = desk.read_ledger()
    try:
        own, owner = known(ledger), owner_of(desk, ledger, operator())
        reader, retry = S3Reader(admitted(desk), desk.limits), desk.retrying()
        fences = []
        for bucket in buckets_of(desk.loaded.plan):
            standing = retry(lambda bucket=bucket: read_fence(reader, bucket, owner.migration))  # type: ignore[misc]
            mine = own.get(bucket, Known())
            why = why_barred(bucket, standing, mine, ledger=owner.ledger, place=owner.place)
            fences.append(_row(bucket, standing, mine, why))
    finally:
        ledger.close()
    code = Exit.LOCKED if any(one["against"] is not None for one in fences) else Exit.OK
    return {"exit": int(code), "fences": fences}


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
    services = desk.services(write=True)
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
