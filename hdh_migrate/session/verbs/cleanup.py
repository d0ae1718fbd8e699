"""Abort multipart uploads of ours that nobody goes on with: never anybody else's, never young ones.

Ours is an upload under the key of an object in the ledger that was not there before our first
write (the survey remembers those) and was begun before the object was verified (consumers upload
under the same keys afterwards), or one under the key with which a run tries its right to write.

A ledger that was put back from before its first write, or made anew, takes what it had begun itself
for somebody else's. So those of others are counted, and ended only where somebody names the
dataset, says why, and types its name.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from hdh_migrate.clocks import Judge, seconds_of
from hdh_migrate.errors import Exit, Missing, Unsupported, UsageError
from hdh_migrate.events.objects import CleanupAbort
from hdh_migrate.frozen import frozen
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.model import DatasetRow, PartInfo, Upload
from hdh_migrate.pipeline.transfer.uploads import PROBE, is_elsewhere, may_be_ours, tell_others
from hdh_migrate.pipeline.workers.work import Route
from hdh_migrate.ports.stores import TargetWriter
from hdh_migrate.results.hosts import StaleUploads
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.operator import operator
from hdh_migrate.session.policy.bound_ledger import journal_of
from hdh_migrate.session.policy.fencing import demand_the_writer
from hdh_migrate.session.policy.meant import demand_meant
from hdh_migrate.session.policy.target_alone import admitted, judge_of
from hdh_migrate.targets.s3 import S3Writer
from hdh_migrate.telemetry import counted, size_text
from hdh_migrate.wiring import routes_of


@frozen
class OthersWish:
    """Which dataset's uploads of others are to be ended as well, and why."""

    dataset: str
    reason: str | None
    typed: str | None
    """The dataset's name, as somebody typed it; None: they are only looked at."""


@frozen
class FoundUpload:
    """One open upload; `entry` is its object in the ledger, if any."""

    upload: Upload
    begun: str
    age: float
    ours: bool
    entry: int | None = None
    resumable: bool = False


def cleanup(
    desk: Desk, *, older_than: float, execute: bool, others: OthersWish | None = None
) -> tuple[Exit, list[StaleUploads]]:
    """Abort our uploads that were begun more than `older_than` seconds ago.

    One that the ledger could still resume is given up as well: its object is begun anew. Those of
    `others` that are as old are looked at, and ended where it is said why.

    Raises:
        UsageError: no run of this plan has begun here, so nothing can be ours; or the dataset of
            `others` is none, its name was not typed, or there is no reason.
        LedgerLocked: a run is under way.
        Fenced: another ledger, or another copy of this one, writes at the target.
        Refused: the gate to the target stays shut.
    """
    routes = routes_of(desk.loaded.plan)
    if others is not None:
        _demand_meant(others, routes, execute=execute)
    desk.read_ledger().close()
    endpoint = admitted(desk)
    judge = judge_of(desk, endpoint)
    writer = S3Writer(endpoint, desk.limits)
    found: list[StaleUploads] = []
    with journal_of(desk, judge) as ledger:
        for dataset in ledger.datasets():
            if execute:  # uploads of another copy look like ours
                demand_the_writer(desk, ledger, writer)
            if dataset.name not in routes or not dataset.surveyed:
                found.append(_row(dataset, "no run has looked at its target yet"))
                continue
            sweep = StaleSweep(judge, writer, ledger, dataset, routes)
            named = others if others is not None and others.dataset == dataset.name else None
            found.append(sweep.abort(older_than, execute=execute, others=named))
    return Exit.OK, found


def _demand_meant(others: OthersWish, routes: Collection[str], *, execute: bool) -> None:
    if others.dataset not in routes:
        raise UsageError(f"{others.dataset} is no dataset of the plan", hint=NOTHING)
    if execute:
        demand_meant(
            others.dataset, others.typed, others.reason, nothing=NOTHING,
            kept="why uploads that may be somebody else's were ended",
        )  # fmt: skip


NOTHING = "nothing was aborted"


class StaleSweep:
    """One dataset's open uploads."""

    def __init__(
        self, judge: Judge, writer: TargetWriter, ledger: SqliteLedger, dataset: DatasetRow,
        routes: Mapping[str, Route],
    ) -> None:  # fmt: skip
        self._judge, self._writer, self._ledger = judge, writer, ledger
        self._dataset, self._routes = dataset, routes
        self._route = routes[dataset.name]

    def abort(
        self, older_than: float, *, execute: bool, others: OthersWish | None = None
    ) -> StaleUploads:
        """Abort uploads of ours that are open for more seconds than this, or count them.

        Raises:
            StorageError: the target does not answer; the same command goes on.
        """
        try:
            seen = list(self._open())
        except Unsupported:
            return _row(self._dataset, "the target cannot list open uploads")
        stale = [one for one in seen if one.ours and one.age > older_than]
        for one in stale if execute else ():
            self._end(one.upload, CleanupAbort(id=one.entry, upload_id=one.upload.upload_id))
            if one.resumable and one.entry is not None:
                self._ledger.drop_upload(one.entry)
                self._ledger.commit()
        row: StaleUploads = {
            **_row(self._dataset, None),
            "stale": len(stale),
            "resumable": sum(one.resumable for one in stale),
            "oldest_seconds": round(max((one.age for one in stale), default=0.0)),
            "aborted": len(stale) * execute,
        }
        theirs = [one for one in seen if not one.ours]
        gone = set[str]()
        if others is not None:
            old = [one.upload for one in theirs if one.age > older_than]
            gone = self._of_others(row, old, others if execute else None)
        left = [one.begun for one in theirs if one.upload.upload_id not in gone]
        if execute:
            tell_others(self._ledger, self._dataset, left)
            self._ledger.commit()
        row["others"] = len(left)
        if left:
            row["others_since"] = min(left, key=seconds_of)
        return row

    def _of_others(
        self, row: StaleUploads, old: Sequence[Upload], wish: OthersWish | None
    ) -> set[str]:
        """Say what uploads of others hold, and end them if that is wished; return which are gone.

        One that went on since it was looked at is somebody's who works with it: it is left alone.
        """
        held = {one.upload_id: self._parts(one) for one in old}
        parts = [part for some in held.values() for part in some or ()]
        row["others_stale"] = sum(some is not None for some in held.values())
        row["others_parts"], row["others_bytes"] = len(parts), sum(part.size for part in parts)
        ended, gone = 0, {number for number, some in held.items() if some is None}
        for one in old if wish is not None else ():
            if one.upload_id in gone or self._parts(one) != held[one.upload_id]:
                continue
            assert wish is not None
            reason, user = (wish.reason or "").strip(), operator()
            event = CleanupAbort(id=None, upload_id=one.upload_id, reason=reason, user=user)
            self._end(one, event)
            gone.add(one.upload_id)
            ended += 1
        row["others_aborted"] = ended
        return gone

    def _parts(self, upload: Upload) -> list[PartInfo] | None:
        """Return the parts of an upload, None where there is no such upload any more."""
        try:
            return [part for _, part in sorted(self._writer.parts(upload).items())]
        except Missing:
            return None

    def _end(self, upload: Upload, event: CleanupAbort) -> None:
        self._ledger.event(event)
        self._ledger.commit()
        self._writer.abort(upload)

    def _open(self) -> Iterator[FoundUpload]:
        """Yield each open upload in the dataset's place, ours and others'."""
        route, ledger = self._route, self._ledger
        now = seconds_of(self._judge.now().earliest)
        for upload, begun in self._writer.open_uploads(route.target):
            age = now - seconds_of(begun)
            if upload.key == route.target.prefix + PROBE:
                ours = not ledger.is_foreign(upload.upload_id)
                yield FoundUpload(upload=upload, begun=begun, age=age, ours=ours)
                continue
            key = route.source_key(upload.key)
            named = ledger.named(self._dataset.id, key) if key is not None else []
            known = [ledger.upload(entry.id) for entry, _ in named]
            of = [one.entry for one in known if one and one.upload_id == upload.upload_id]
            if may_be_ours(ledger, self._dataset.batch, named, upload, begun):
                entry = of[0] if of else named[0][0].id
                yield FoundUpload(
                    upload=upload, begun=begun, age=age, ours=True, entry=entry, resumable=bool(of)
                )
            elif not of and not is_elsewhere(self._routes.values(), route, upload):
                yield FoundUpload(upload=upload, begun=begun, age=age, ours=False)


def _row(dataset: DatasetRow, why_not: str | None) -> StaleUploads:
    return {"dataset": dataset.name, "skipped": why_not, "stale": 0, "resumable": 0, "aborted": 0}


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
        found += _of_others(one, execute=execute)
    return found


def _of_others(one: StaleUploads, *, execute: bool) -> Iterator[str]:
    if "others_stale" in one:
        done = f"{one['others_aborted']} aborted" if execute else "would be aborted"
        yield (
            f"  {counted(one['others_stale'], 'stale upload')} that this ledger did not begin,"
            f" with {counted(one['others_parts'], 'part')} of {size_text(one['others_bytes'])};"
            f" {done}"
        )
    if one.get("others"):
        count = counted(one["others"], "upload stands", "uploads stand")
        more = "" if "others_stale" in one else (
            f"; left alone: learn whose they are, --others {one['dataset']} shows what they hold"
        )  # fmt: skip
        yield (f"  {count} open that this ledger did not begin, since {one['others_since']}{more}")
