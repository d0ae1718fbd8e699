"""This ledger's fences at the target: taken for a verb that writes, or only judged."""

from __future__ import annotations

import hashlib
import os
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final

from hdh_migrate.errors import AccessDenied, Fenced, StorageError, Transient
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.model import Problem
from hdh_migrate.pipeline.fences.fence import (
    Known,
    fenced_out,
    judge,
    known,
    read_fence,
    why_barred,
)
from hdh_migrate.pipeline.fences.fence_keeping import Keeper
from hdh_migrate.pipeline.fences.fencing import Fencing, TakeOver
from hdh_migrate.pipeline.fences.post import Owner
from hdh_migrate.plan.model import Plan
from hdh_migrate.ports.stores import TargetReader, TargetWriter
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.policy.binding import fingerprints
from hdh_migrate.session.policy.buckets import buckets_of
from hdh_migrate.telemetry import SystemClock
from hdh_migrate.wiring import Services
from hdh_migrate.wiring.context import RUN_TAG

WHERE = "the fence"

UNKNOWN_HERE: Final = (
    "what only the other ledger was told is not known here: holds, waivers, openings, grants that"
    " were given or revoked, amendments, rollbacks, deletions at the source. Ask who worked there,"
    " and say it again here before anything is switched, granted or deleted"
)
"""What no adoption finds at the target; approvals from before a take-over count for nothing."""


@contextmanager
def fenced(
    desk: Desk,
    opened: Sequence[Services],
    ledger: SqliteLedger,
    selected: Sequence[str] = (),
    over: TakeOver | None = None,
    *,
    user: str,
    later: bool = False,
) -> Iterator[Fencing]:
    """Hold the fences of the buckets of some batches (none: all) while a verb writes there.

    `opened` are the services with each credential there was, the newest last. In the end the
    fences say that nobody is at work any more. Who begins to write `later` settles them before;
    see `Fencing.take`.

    Raises:
        Fenced: somebody else writes there; nothing was written.
        Refused: it is to be taken over, and consumers follow a batch without this ledger's doing;
            or the target tells of what this ledger does not know, and nobody can take back.
        StorageError: it cannot be learned, or the target cannot be written to.
    """
    fencing = fencing_of(desk, opened, ledger, user=user)
    buckets = buckets_of(desk.loaded.plan, selected)
    if over is not None:
        from hdh_migrate.session.policy.unswitched import demand_pointers_unmoved  # rarely needed

        chosen = selected or [one.name for one in desk.batches(())]
        demand_pointers_unmoved(desk, opened[-1], ledger, chosen)
    held = known(ledger)
    asked = over is not None or not all(one in held and held[one].held for one in buckets)

    def demand_known(*, fences_stand: bool) -> None:
        if asked:
            from hdh_migrate.session.policy.signposted import demand_signposts_known  # rarely

            newest = opened[-1]
            demand_signposts_known(
                desk, ledger, newest.reader, newest.recipients, selected, fences_stand=fences_stand
            )

    demand_known(fences_stand=False)
    again = partial(demand_known, fences_stand=True)
    taken = fencing.take(buckets, over, later=later, demand_known=again)
    if over is not None:
        taken_over = f"taken over: {', '.join(taken)}" if taken else "nobody else held a fence"
        desk.progress.note(f"{taken_over}; this ledger writes in epoch {fencing.epoch}")
        if taken:
            desk.progress.note(UNKNOWN_HERE)
    keeper = Keeper(fencing)
    try:
        yield fencing
    finally:
        keeper.stop()


def fencing_of(
    desk: Desk, opened: Sequence[Services], ledger: SqliteLedger, *, user: str
) -> Fencing:
    """Return this ledger's fences; nothing is taken or contacted yet."""

    def writer() -> TargetWriter:
        found = opened[-1].writer
        assert found is not None, "who takes a fence can write"
        return found

    owner = owner_of(desk, ledger, user, opened[-1].recipients)
    desk.fences_asked.set()
    return Fencing(
        ledger, writer, owner, clock=desk.clock, retry=desk.retrying(),
        progress=desk.progress, wait=desk.stop.wait,
    )  # fmt: skip


def not_the_writer(
    desk: Desk,
    ledger: SqliteLedger,
    reader: TargetReader,
    selected: Sequence[str] = (),
    *,
    gone: Callable[[str], None] | None = None,
) -> Callable[[], list[str]]:
    """Return what asks why this ledger is not the one that wrote last; empty: it is.

    It writes nothing, and reads the journal once however often it is asked. A fence that is `gone`
    is told to who asks for that, and is no reason then.
    """
    owner = owner_of(desk, ledger, "")
    own, buckets = known(ledger), buckets_of(desk.loaded.plan, selected)
    retry = desk.retrying()

    def asked() -> list[str]:
        desk.fences_asked.set()
        return judge(
            reader, own, buckets, migration=owner.migration, ledger=owner.ledger,
            place=owner.place, gone=gone,
        )  # fmt: skip

    return lambda: retry(asked)


def demand_the_writer(
    desk: Desk,
    ledger: SqliteLedger,
    reader: TargetReader,
    selected: Sequence[str] = (),
    *,
    gone: Callable[[str], None] | None = None,
) -> None:
    """Demand that this ledger is the one that wrote last at the target; writes nothing.

    A fence that is `gone` is told to who asks for that, and refuses nothing then.

    Raises:
        Fenced: another one, or another copy of it, did.
        StorageError: it cannot be learned.
    """
    problems = not_the_writer(desk, ledger, reader, selected, gone=gone)()
    if problems:
        raise fenced_out(problems)


def held_by_another(
    services: Services,
    plan: Plan,
    path: Path,
    selected: Sequence[str] = (),
    *,
    silence: bool = False,
) -> list[Problem]:
    """Return why a run of the ledger at `path` would not get the fences; nothing is written.

    A ledger that is not there yet is a new one. A target that does not answer is a problem where
    `silence` counts as one; else others report it.
    """
    if not path.exists():
        return _holders(services, plan, selected, {}, ledger="", place="", silence=silence)
    ledger = SqliteLedger.read_only(path, SystemClock())
    try:
        name = ledger.meta(RUN_TAG) or ""
        return _holders(
            services, plan, selected, known(ledger), ledger=name, place=place_of(path),
            silence=silence,
        )  # fmt: skip
    finally:
        ledger.close()


def _holders(
    services: Services,
    plan: Plan,
    selected: Sequence[str],
    own: Mapping[str, Known],
    *,
    ledger: str,
    place: str,
    silence: bool,
) -> list[Problem]:
    holders = []
    for bucket in buckets_of(plan, selected):
        try:
            standing = read_fence(services.reader, bucket, plan.migration)
        except AccessDenied as error:
            holders.append(Problem(where=WHERE, what=str(error), hint=error.hint, auth=True))
            continue
        except StorageError as error:
            if silence and isinstance(error, Transient):
                what = f"bucket {bucket}: not known: {error}"
                holders.append(Problem(where=WHERE, what=what, hint=error.hint))
            continue
        mine = own.get(bucket, Known())
        if (why := why_barred(bucket, standing, mine, ledger=ledger, place=place)) is not None:
            holders.append(Problem(where=WHERE, what=why, hint=Fenced.default_hint))
    return holders


def owner_of(desk: Desk, ledger: SqliteLedger, user: str, recipients: Sequence[str] = ()) -> Owner:
    """Return whom the fences of this ledger are to name, and for whom it seals."""
    name = ledger.meta(RUN_TAG)
    assert name is not None, "a ledger that is bound has a name"
    return Owner(
        migration=desk.loaded.plan.migration,
        ledger=name,
        place=place_of(desk.ledger_path),
        host=socket.gethostname(),
        pid=os.getpid(),
        user=user,
        recipients=tuple(fingerprints(recipients)),
    )


def place_of(path: Path) -> str:
    """Return a digest of where a ledger's file lies: machine, file system and file.

    A copy lies elsewhere, even under the same name.
    """
    found = path.stat()
    text = f"{socket.gethostname()}\0{os.statvfs(path).f_fsid}\0{found.st_ino}"
    return hashlib.sha256(text.encode()).hexdigest()[:32]
