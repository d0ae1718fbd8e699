"""Abort multipart uploads of ours that nobody goes on with: never anybody else's, never young ones.

Ours is an upload under the key of an object in the ledger that was not there before our first
write (the survey remembers those) and was begun before the object was verified (consumers upload
under the same keys afterwards), or one under the key with which a run tries its right to write.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hdh_migrate.clocks import Judge, seconds_of
from hdh_migrate.errors import Exit, Unsupported
from hdh_migrate.events.objects import CleanupAbort
from hdh_migrate.frozen import frozen
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.model import DatasetRow, Upload
from hdh_migrate.pipeline.uploads import PROBE, may_be_ours
from hdh_migrate.pipeline.work import Route
from hdh_migrate.ports.stores import TargetWriter
from hdh_migrate.results.hosts import StaleUploads
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.policy.bound_ledger import journal_of
from hdh_migrate.session.policy.fencing import demand_the_writer
from hdh_migrate.session.verbs.probe import admitted, judge_of
from hdh_migrate.targets.s3 import S3Writer
from hdh_migrate.telemetry import counted
from hdh_migrate.wiring import routes_of


@frozen
class Stale:
    """One upload of ours that is old enough; `entry` is its object in the ledger, if any."""

    upload: Upload
    entry: int | None
    resumable: bool
    age: float


def cleanup(desk: Desk, *, older_than: float, execute: bool) -> tuple[Exit, list[StaleUploads]]:
    """Abort our uploads that were begun more than `older_than` seconds ago.

    One that the ledger could still resume is given up as well: its object is begun anew.

    Raises:
        UsageError: no run of this plan has begun here, so nothing can be ours.
        LedgerLocked: a run is under way.
        Fenced: another ledger, or another copy of this one, writes at the target.
        Refused: the gate to the target stays shut.
    """
    desk.read_ledger().close()
    endpoint = admitted(desk)
    judge = judge_of(desk, endpoint)
    writer = S3Writer(endpoint, desk.limits)
    routes = routes_of(desk.loaded.plan)
    found: list[StaleUploads] = []
    with journal_of(desk, judge) as ledger:
        if execute:
            demand_the_writer(desk, ledger, writer)
        for dataset in ledger.datasets():
            route = routes.get(dataset.name)
            if route is None or not dataset.surveyed:
                found.append(_row(dataset, "no run has looked at its target yet"))
                continue
            found.append(
                abort_stale(judge, writer, ledger, dataset, route, older_than, execute=execute)
            )
    return Exit.OK, found


def abort_stale(
    judge: Judge, writer: TargetWriter, ledger: SqliteLedger, dataset: DatasetRow, route: Route,
    older_than: float, *, execute: bool,
) -> StaleUploads:  # fmt: skip
    """Abort one dataset's uploads of ours that are open for more seconds than this, or count them.

    Raises:
        StorageError: the target does not answer; the same command goes on.
    """
    try:
        found = list(_stale(judge, writer, ledger, dataset, route, older_than))
    except Unsupported:
        return _row(dataset, "the target cannot list open uploads")
    aborted = 0
    for stale in found if execute else ():
        ledger.event(CleanupAbort(id=stale.entry, upload_id=stale.upload.upload_id))
        ledger.commit()
        writer.abort(stale.upload)
        aborted += 1
        if stale.resumable and stale.entry is not None:
            ledger.drop_upload(stale.entry)
            ledger.commit()
    return {
        **_row(dataset, None),
        "stale": len(found),
        "resumable": sum(stale.resumable for stale in found),
        "oldest_seconds": round(max((stale.age for stale in found), default=0.0)),
        "aborted": aborted,
    }


def _row(dataset: DatasetRow, why_not: str | None) -> StaleUploads:
    return {"dataset": dataset.name, "skipped": why_not, "stale": 0, "resumable": 0, "aborted": 0}


def _stale(
    judge: Judge, writer: TargetWriter, ledger: SqliteLedger, dataset: DatasetRow, route: Route,
    older_than: float,
) -> Iterator[Stale]:  # fmt: skip
    now = seconds_of(judge.now().earliest)
    for upload, begun in writer.open_uploads(route.target):
        age = now - seconds_of(begun)
        if age <= older_than:
            continue
        if upload.key == route.target.prefix + PROBE:
            if ledger.is_foreign(upload.upload_id):
                continue
            yield Stale(upload=upload, entry=None, resumable=False, age=age)
            continue
        key = route.source_key(upload.key)
        named = ledger.named(dataset.id, key) if key is not None else []
        known = [ledger.upload(entry.id) for entry, _ in named]
        of = [one.entry for one in known if one and one.upload_id == upload.upload_id]
        if may_be_ours(ledger, dataset.batch, named, upload, begun):
            entry = of[0] if of else named[0][0].id
            yield Stale(upload=upload, entry=entry, resumable=bool(of), age=age)


def lines(stale: Sequence[StaleUploads], *, execute: bool) -> list[str]:
    """Return what came of it, for people."""
    found = []
    for one in stale:
        if one["skipped"]:
            found.append(f"{one['dataset']}: skipped: {one['skipped']}")
            continue
        verb = f"{one['aborted']} aborted" if execute else "would be aborted"
        found.append(
            f"{one['dataset']}: {counted(one['stale'], 'stale upload')} of ours,"
            f" {one['resumable']} of them resumable; {verb}"
        )
    return found
