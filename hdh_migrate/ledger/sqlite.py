"""The ledger of one migration: intents before effects, receipts after, both in one file.

Changes gather in one transaction until `commit`, which also writes the tallies and one journal
event for the receipts in it. Nothing may be promised to the outside before `commit` returns.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import apsw

from hdh_migrate.errors import LedgerDamaged, LedgerError, PlanChanged
from hdh_migrate.fixity import canonical_json
from hdh_migrate.ledger import chain
from hdh_migrate.ledger.database import RunLock, connect, guarded, queries
from hdh_migrate.model import (
    DatasetRow,
    Entry,
    Listed,
    ObjectInfo,
    OpenUpload,
    PartReceipt,
    State,
    Tally,
    key_bytes,
    key_text,
)
from hdh_migrate.ports import Clock

SAMPLES_KEPT = 400


def ledger_path(state_dir: Path, migration: str) -> Path:
    """Return where the ledger of a migration lives."""
    return state_dir / migration / "ledger.db"


class Ledger:
    """The one writable connection; only the coordinator has it."""

    def __init__(self, con: apsw.Connection, clock: Clock, lock: RunLock | None = None) -> None:
        self._con = con
        self._clock = clock
        self._lock = lock
        self._sql = queries()
        self._deltas: dict[tuple[int, int], list[int]] = {}
        self._receipts: dict[str, list[Mapping[str, Any]]] = {}
        self._failure: LedgerError | None = None
        self.pending = 0

    @classmethod
    def open(cls, path: Path, clock: Clock) -> Ledger:
        """Open or create a ledger for a run; folders are made with mode 0700, files with 0600.

        Raises:
            LedgerLocked: another run holds it.
            LedgerDamaged: its pages or its journal do not check.
        """
        for folder in (path.parent.parent, path.parent):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = RunLock(path.with_name("lock"))
        try:
            # Made here, not by SQLite, so that its companions get the mode too.
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            con = connect(path)
        except BaseException:
            lock.release()
            raise
        ledger = cls(con, clock, lock)
        try:
            ledger.check()
        except BaseException:
            ledger.close()
            raise
        return ledger

    @classmethod
    def temporary(cls, clock: Clock) -> Ledger:
        """Return a ledger that leaves nothing behind; it spills to a nameless file when large."""
        return cls(connect(None), clock)

    @classmethod
    def read_only(cls, path: Path, clock: Clock) -> Ledger:
        """Look at a ledger while another process may be writing it."""
        return cls(connect(path, read_only=True), clock)

    def close(self) -> None:
        """Give up what was not committed, and the lock."""
        try:
            with guarded():
                if self._con.in_transaction:
                    self._con.execute("ROLLBACK")
                self._con.close()
        finally:
            if self._lock is not None:
                self._lock.release()

    # --- transactions and journal ----------------------------------------------------------

    @contextmanager
    def _using(self, *, write: bool) -> Iterator[None]:
        """Guard statements; after one failure the ledger takes nothing more.

        SQLite may have rolled back by itself what our tallies still count, and an fsync that
        failed must not be tried again: whoever wants to go on opens the ledger anew.
        """
        if self._failure is not None:
            raise self._failure
        try:
            with guarded():
                if write and not self._con.in_transaction:
                    self._con.execute("BEGIN IMMEDIATE")
                yield
        except LedgerError as error:
            self._failure = error
            with suppress(apsw.Error):
                if self._con.in_transaction:
                    self._con.execute("ROLLBACK")
            raise

    def _do(self, query: str, values: Sequence[Any] = ()) -> int:
        with self._using(write=True):
            self._con.execute(query, values)
            self.pending += 1
            return self._con.changes()

    def _rows(self, query: str, values: Sequence[Any] = ()) -> list[Any]:
        with self._using(write=False):
            return list(self._con.execute(query, values))

    def commit(self) -> None:
        """Make everything since the last commit durable.

        Raises:
            NoSpace: the disk is full; everything since the last commit is rolled back.
        """
        if self._failure is None and not self._con.in_transaction:
            return
        for (dataset, state), (objects, size) in self._deltas.items():
            self._do(self._sql["count"], (dataset, state, objects, size))
        for kind, rows in self._receipts.items():
            ids = [row["id"] for row in rows]
            self.event(kind, {"ids": ids, "rows_sha256": chain.rows_digest(rows)})
        with self._using(write=True):
            self._con.execute("COMMIT")
        self._deltas.clear()
        self._receipts.clear()
        self.pending = 0

    def event(self, kind: str, body: Mapping[str, Any]) -> None:
        """Append one event to the journal."""
        last = self._rows("SELECT seq, digest FROM event ORDER BY seq DESC LIMIT 1")
        seq, previous = (last[0][0] + 1, last[0][1]) if last else (1, chain.GENESIS)
        at, text = self._clock.now(), canonical_json(body).decode()
        digest = chain.link(previous, seq, at, kind, text)
        self._do("INSERT INTO event VALUES (?, ?, ?, ?, ?)", (seq, at, kind, text, digest))

    def head(self) -> str:
        """Return the digest of the last event."""
        last = self._rows("SELECT digest FROM event ORDER BY seq DESC LIMIT 1")
        return (last[0][0] if last else chain.GENESIS).hex()

    def check(self) -> None:
        """Check pages, journal and tallies.

        Raises:
            LedgerDamaged: something does not add up.
        """
        if self._rows("PRAGMA quick_check(1)") != [("ok",)]:
            raise LedgerDamaged("the ledger's pages do not check")
        with guarded():
            chain.check(self._con.execute("SELECT seq, at, kind, body, digest FROM event"))

    def check_receipts(self) -> None:
        """Compare every verified row with the journal event that acknowledged it.

        Raises:
            LedgerDamaged: a row was changed, added or removed behind the journal's back.
        """
        acknowledged = 0
        for seq, body in self._rows("SELECT seq, body FROM event WHERE kind = 'verified'"):
            told = json.loads(body)
            rows: list[dict[str, Any]] = []
            for number in told["ids"]:
                rows.extend(self._verified_rows(number))
            if chain.rows_digest(rows) != told["rows_sha256"]:
                raise LedgerDamaged(f"an object acknowledged by event {seq} was changed since")
            acknowledged += len(told["ids"])
        verified = self._rows("SELECT count(*) FROM object WHERE state = 5")[0][0]
        if verified != acknowledged:
            raise LedgerDamaged(
                f"{verified} objects are marked verified, the journal knows of {acknowledged}"
            )

    # --- the run ---------------------------------------------------------------------------

    def start(
        self,
        digest: str,
        canonical: bytes,
        datasets: Sequence[tuple[str, str]],
        *,
        diff: Callable[[Mapping[str, Any], Mapping[str, Any]], Sequence[str]],
    ) -> None:
        """Bind the ledger to a plan; `datasets` are (name, batch) pairs, `diff` explains changes.

        Raises:
            PlanChanged: it was started with another plan.
        """
        known = self.meta("plan_digest")
        if known is None:
            self.set_meta("plan_digest", digest)
            self.set_meta("plan", canonical.decode())
            for name, batch in datasets:
                self._do("INSERT INTO dataset (name, batch) VALUES (?, ?)", (name, batch))
        elif known != digest:
            old = json.loads(self.meta("plan") or "{}")
            raise PlanChanged(diff(old, json.loads(canonical)))

    def meta(self, name: str) -> str | None:
        """Return one remembered value."""
        rows = self._rows("SELECT value FROM meta WHERE name = ?", (name,))
        return rows[0][0] if rows else None

    def set_meta(self, name: str, value: str) -> None:
        """Remember one value."""
        self._do("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))

    def datasets(self, batch: str | None = None) -> list[DatasetRow]:
        """Return the datasets, of one batch or all."""
        rows = self._rows(
            "SELECT id, name, batch, state, surveyed, marker, last_key, pages, root FROM dataset"
            " WHERE ?1 IS NULL OR batch = ?1 ORDER BY id",
            (batch,),
        )
        return [
            DatasetRow(
                id=r[0], name=r[1], batch=r[2], sealed=bool(r[3]), surveyed=bool(r[4]),
                marker=r[5], last_key=None if r[6] is None else key_text(r[6]),
                pages=r[7], root=r[8],
            )
            for r in rows
        ]  # fmt: skip

    def tally(self, dataset: int, *states: State) -> Tally:
        """Return objects and bytes of a dataset in some states; does not scan."""
        rows = self._rows(
            "SELECT coalesce(sum(objects), 0), coalesce(sum(bytes), 0) FROM counter"
            " WHERE dataset = ? AND state IN (SELECT value FROM json_each(?))",
            (dataset, json.dumps([int(state) for state in states])),
        )
        return Tally(objects=rows[0][0], size=rows[0][1])

    def _moved(self, dataset: int, size: int, old: State | None, new: State | None) -> None:
        for state, sign in ((old, -1), (new, 1)):
            if state is not None:
                delta = self._deltas.setdefault((dataset, int(state)), [0, 0])
                delta[0] += sign
                delta[1] += sign * size

    # --- inventory -------------------------------------------------------------------------

    def add_page(self, dataset: int, page: Iterable[Listed], marker: str | None) -> None:
        """Store one page of a listing and where the next one starts, and commit.

        Raises:
            LedgerDamaged: a key is listed twice (the caller has checked the order).
        """
        rows = [
            (dataset, key_bytes(one.obj.key), one.obj.size, one.obj.version, one.obj.modified,
             _raw(one.obj.md5), _extra(one.obj), one.fold, one.parts, int(one.state), one.reason)
            for one in page
        ]  # fmt: skip
        with self._using(write=True):
            self._con.executemany(self._sql["add_object"], rows)
        for state in {row[9] for row in rows}:
            sizes = [row[2] for row in rows if row[9] == state]
            delta = self._deltas.setdefault((dataset, state), [0, 0])
            delta[0] += len(sizes)
            delta[1] += sum(sizes)
        last = rows[-1][1] if rows else None
        self._do(
            "UPDATE dataset SET marker = ?, last_key = coalesce(?, last_key), pages = pages + 1"
            " WHERE id = ?",
            (marker, last, dataset),
        )
        self.commit()

    def restart_listing(self, dataset: int) -> None:
        """Forget an unfinished listing."""
        self._do("DELETE FROM object WHERE dataset = ?", (dataset,))
        self._do("DELETE FROM counter WHERE dataset = ?", (dataset,))
        self._do("DELETE FROM finding WHERE dataset = ?", (dataset,))
        self._do(
            "UPDATE dataset SET marker = NULL, last_key = NULL, pages = 0 WHERE id = ?", (dataset,)
        )

    def seal(self, dataset: int, root: str) -> None:
        """Close a dataset's inventory; its root covers every row."""
        self._do(
            "UPDATE dataset SET state = 1, marker = NULL, root = ?, sealed_at = ? WHERE id = ?",
            (root, self._clock.now(), dataset),
        )

    def surveyed(self, dataset: int) -> None:
        """Note that the target was looked at before the first write."""
        self._do("UPDATE dataset SET surveyed = 1 WHERE id = ?", (dataset,))

    def occupied(self, dataset: int, key: str) -> bool:
        """Note that the target holds something under an object's key; False: no such object.

        The object's first attempt then counts as its second, so the worker asks before it writes.
        """
        return bool(
            self._do(
                "UPDATE object SET attempt = max(attempt, 1) WHERE dataset = ? AND key = ?"
                " AND state NOT IN (1, 2)",
                (dataset, key_bytes(key)),
            )
        )

    def collisions(self) -> list[tuple[int, int]]:
        """Return (object, dataset) of every object that shares its folded target address."""
        self._do("CREATE INDEX IF NOT EXISTS object_fold ON object (fold) WHERE fold IS NOT NULL")
        return self._rows(
            "SELECT id, dataset FROM object WHERE state <> 1 AND fold IN (SELECT fold FROM object"
            " WHERE fold IS NOT NULL AND state <> 1 GROUP BY fold HAVING count(*) > 1)"
            " ORDER BY id"
        )

    def refuse(self, entry: int, dataset: int, code: str) -> bool:
        """Mark a listed object as one that cannot be moved as planned; False: it was no more."""
        size = self._rows("SELECT size FROM object WHERE id = ?", (entry,))[0][0]
        done = self._do(
            "UPDATE object SET state = 2, reason = ? WHERE id = ? AND state = 0", (code, entry)
        )
        if done:
            self._moved(dataset, size, State.LISTED, State.REFUSED)
        return bool(done)

    # --- transfer --------------------------------------------------------------------------

    def todo(self, kind: str, dataset: int, *more: int) -> list[Entry]:
        """Return entries of a to-do query: `small`, `big`, `verify` or `sending`."""
        name = "sending" if kind == "sending" else f"todo_{kind}"
        return [_entry(row) for row in self._rows(self._sql[name], (dataset, *more))]

    def claim(self, entry: Entry) -> None:
        """Record the intent to send; commit before acting on it."""
        self._do(self._sql["claim"], (entry.id,))
        self._moved(entry.dataset, entry.obj.size, State.LISTED, State.SENDING)

    def unclaim(self, entry: Entry) -> None:
        """Take an intent back; whatever effect it had, the next attempt asks for."""
        if self._do(self._sql["unclaim"], (entry.id,)):
            self._moved(entry.dataset, entry.obj.size, State.SENDING, State.LISTED)

    def sent(self, entry: Entry, receipt: Mapping[str, Any]) -> bool:
        """Record one object's receipt; False when a later attempt fences it."""
        done = self._do(
            self._sql["sent"],
            (_raw(receipt.get("sha256")), _raw(receipt.get("sealed_sha256")),
             receipt["stored_size"], receipt["etag"], receipt.get("version_id"),
             entry.id, entry.attempt),
        )  # fmt: skip
        if done:
            self._moved(entry.dataset, entry.obj.size, State.SENDING, State.SENT)
            self._receipts.setdefault("sent", []).append(receipt)
        return bool(done)

    def drifted(self, entry: Entry, obj: ObjectInfo, parts: int) -> int:
        """Pin the source's new version; return how often this object drifted."""
        self.drop_upload(entry.id)
        if self._do(
            self._sql["drifted"],
            (obj.version, obj.size, obj.modified, _raw(obj.md5), parts, entry.id, entry.attempt),
        ):
            self._moved(entry.dataset, entry.obj.size, State.SENDING, None)
            self._moved(entry.dataset, obj.size, None, State.LISTED)
        row = self._rows("SELECT drifts FROM object WHERE id = ?", (entry.id,))
        return int(row[0][0])

    def failed(self, entry: Entry, old: State, code: str, verdict: str | None) -> None:
        """End an object in a finding."""
        if self._do(self._sql["failed"], (code, verdict, entry.id)):
            self._moved(entry.dataset, entry.obj.size, old, State.FAILED)

    def retry_failed(self, dataset: int) -> int:
        """Let every failed object that could end otherwise wait again; return how many."""
        rows = self._rows(self._sql["failed_of"], (dataset,))
        again = [row for row in rows if not row[2].startswith("kind-")]
        for entry, size, _ in again:
            self._do(self._sql["again"], (entry,))
            self._do("UPDATE finding SET closed = 1 WHERE object = ?", (entry,))
            self._moved(dataset, size, State.FAILED, State.LISTED)
        return len(again)

    # --- multipart uploads -----------------------------------------------------------------

    def begun(self, upload: OpenUpload) -> None:
        """Record an upload on the very next line after it was begun."""
        self.drop_upload(upload.entry)
        self._do(
            "INSERT INTO upload VALUES (?, ?, ?, ?, ?)",
            (upload.entry, upload.attempt, upload.upload_id, upload.header, upload.segments),
        )

    def upload(self, entry: int) -> OpenUpload | None:
        """Return the upload that is recorded for an object."""
        rows = self._rows("SELECT * FROM upload WHERE object = ?", (entry,))
        if not rows:
            return None
        r = rows[0]
        return OpenUpload(entry=r[0], attempt=r[1], upload_id=r[2], header=r[3], segments=r[4])

    def drop_upload(self, entry: int) -> None:
        """Forget an upload and its parts."""
        self._do("DELETE FROM upload WHERE object = ?", (entry,))
        self._do("DELETE FROM part WHERE object = ?", (entry,))

    def add_part(self, entry: int, part: PartReceipt) -> None:
        """Record one part's receipt."""
        self._do(
            "INSERT OR REPLACE INTO part VALUES (?, ?, ?, ?, ?, ?)",
            (entry, part.number, _raw(part.sha256), _raw(part.sealed_sha256),
             part.stored_size, part.etag),
        )  # fmt: skip

    def drop_part(self, entry: int, number: int) -> None:
        """Forget one part that the target does not hold."""
        self._do("DELETE FROM part WHERE object = ? AND number = ?", (entry, number))

    def parts(self, entry: int) -> list[PartReceipt]:
        """Return an object's part receipts in order."""
        rows = self._rows(
            "SELECT number, sha256, sealed_sha256, stored_size, etag FROM part"
            " WHERE object = ? ORDER BY number",
            (entry,),
        )
        return [
            PartReceipt(
                number=r[0],
                sha256=r[1].hex(),
                sealed_sha256=r[2].hex(),
                stored_size=r[3],
                etag=r[4],
            )
            for r in rows
        ]

    def parts_acknowledged(self) -> int:
        """Return how many parts of open uploads have a receipt."""
        return int(self._rows("SELECT count(*) FROM part")[0][0])

    def note_foreign(self, upload_id: str) -> None:
        """Remember an upload that was there before us."""
        self._do("INSERT OR IGNORE INTO foreign_upload VALUES (?)", (upload_id,))

    def is_foreign(self, upload_id: str) -> bool:
        """Say whether an upload was there before us."""
        query = "SELECT 1 FROM foreign_upload WHERE upload_id = ?"
        return bool(self._rows(query, (upload_id,)))

    def find(self, dataset: int, key: str) -> tuple[Entry, State] | None:
        """Return one object by its key."""
        rows = self._rows(
            "SELECT id, dataset, key, size, version, modified, md5, extra, parts, attempt, sha256,"
            " sealed_sha256, stored_size, etag, version_id, state FROM object"
            " WHERE dataset = ? AND key = ?",
            (dataset, key_bytes(key)),
        )
        return (_entry(rows[0][:-1]), State(rows[0][-1])) if rows else None

    # --- verify ----------------------------------------------------------------------------

    def verified(self, entry: Entry, receipt: Mapping[str, Any]) -> bool:
        """Record that what was read back is what was read from the source."""
        done = self._do(
            self._sql["verified"],
            (_raw(receipt.get("sha256")), _raw(receipt.get("stored_sha256")), receipt["level"],
             receipt["at"], entry.id, entry.attempt),
        )  # fmt: skip
        if done:
            self.drop_upload(entry.id)
            self._moved(entry.dataset, entry.obj.size, State.SENT, State.VERIFIED)
            self._receipts.setdefault("verified", []).extend(self._verified_rows(entry.id))
        return bool(done)

    def _verified_rows(self, number: int) -> list[dict[str, Any]]:
        """Return a verified object as the journal's digest covers it: all that a report says."""
        rows = self._rows(self._sql["verified_row"], (number,))
        return [dict(zip(_VERIFIED, map(_json, row), strict=True)) for row in rows]

    # --- findings and reading ----------------------------------------------------------------

    def finding(
        self, code: str, severity: str, detail: str, *, dataset: int | None = None,
        entry: int | None = None,
    ) -> None:  # fmt: skip
        """Record a finding; the detail names no object and holds no secret."""
        self._do(
            "INSERT INTO finding (dataset, object, code, severity, detail, at)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (dataset, entry, code, severity, detail, self._clock.now()),
        )

    def findings(self, *, severity: str | None = None) -> Iterator[dict[str, Any]]:
        """Return open findings with the object's key, oldest first."""
        with guarded():
            rows = self._con.execute(
                "SELECT f.id, d.name, f.object, o.key, f.code, f.severity, f.detail, f.at, d.batch"
                " FROM finding f LEFT JOIN object o ON o.id = f.object"
                " LEFT JOIN dataset d ON d.id = f.dataset"
                " WHERE f.closed = 0 AND (?1 IS NULL OR f.severity = ?1) ORDER BY f.id",
                (severity,),
            )
            for r in rows:
                yield {
                    "id": r[0], "dataset": r[1], "object": r[2],
                    "key": None if r[3] is None else key_text(r[3]),
                    "code": r[4], "severity": r[5], "detail": r[6], "at": r[7], "batch": r[8],
                }  # fmt: skip

    def listing(self, dataset: int) -> Iterator[tuple[int, bytes, int, str, State, str | None]]:
        """Return (id, key bytes, size, version, state, reason) of every object in key order."""
        with guarded():
            yield from self._con.execute(self._sql["listing"], (dataset,))

    def records(self, dataset: int) -> Iterator[dict[str, Any]]:
        """Return every object of a dataset in key order, as the manifest needs it."""
        names = (
            *("id", "key", "size", "version", "modified", "md5", "state", "reason", "sha256"),
            *("stored_size", "stored_sha256", "etag", "level", "verdict", "verified_at"),
        )
        with guarded():
            for row in self._con.execute(self._sql["records"], (dataset,)):
                found = dict(zip(names, row, strict=True))
                for name in ("md5", "sha256", "stored_sha256"):
                    found[name] = found[name].hex() if found[name] is not None else None
                found["key"], found["state"] = key_text(found["key"]), State(found["state"])
                yield found

    def sent_whole(self) -> int:
        """Return how many verified objects had their digest taken while the source was read."""
        return int(self._rows("SELECT count(*) FROM object WHERE state = 5 AND parts = 0")[0][0])

    def events(self, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Return (time, body) of the journal's events of one kind."""
        with guarded():
            query = "SELECT at, body FROM event WHERE kind = ? ORDER BY seq"
            for at, body in self._con.execute(query, (kind,)):
                yield at, json.loads(body)

    def sample(self, batch: str, step: str, objects: int, size: int) -> None:
        """Remember how far a step has come, for rates and ETA."""
        self._do(
            "INSERT INTO sample VALUES (?, ?, ?, ?, ?, ?)",
            (self._clock.now(), self._clock.monotonic(), batch, step, objects, size),
        )
        self._do(
            "DELETE FROM sample WHERE rowid <= (SELECT max(rowid) FROM sample) - ?", (SAMPLES_KEPT,)
        )

    def samples(self, batch: str, step: str) -> list[tuple[float, int, int]]:
        """Return (seconds, objects, bytes) of the last samples of a step."""
        return self._rows(
            "SELECT seconds, objects, bytes FROM sample WHERE batch = ? AND step = ?"
            " ORDER BY rowid",
            (batch, step),
        )


_VERIFIED = (
    "id", "dataset", "key", "size", "version", "modified", "md5", "parts", "attempt", "sha256",
    "sealed_sha256", "stored_size", "stored_sha256", "etag", "version_id", "level", "verdict", "at",
)  # fmt: skip


def _json(value: Any) -> Any:  # noqa: ANN401 - what SQLite holds
    return value.hex() if isinstance(value, bytes) else value


def _raw(digest: str | None) -> bytes | None:
    return None if digest is None else bytes.fromhex(digest)


def _extra(obj: ObjectInfo) -> str | None:
    if not (obj.headers or obj.metadata or obj.tags or obj.tier or obj.lease):
        return None
    extra = {
        "headers": dict(obj.headers), "metadata": dict(obj.metadata), "tags": dict(obj.tags),
        "tier": obj.tier, "lease": obj.lease, "kind": None if obj.kind == "object" else obj.kind,
    }  # fmt: skip
    kept = {name: value for name, value in extra.items() if value}
    return json.dumps(kept) if kept else None


def _entry(row: Sequence[Any]) -> Entry:
    extra = json.loads(row[7]) if row[7] else {}
    obj = ObjectInfo(
        key=key_text(row[2]),
        size=row[3],
        version=row[4],
        modified=row[5],
        md5=row[6].hex() if row[6] is not None else None,
        **extra,
    )
    more = row[10:] or (None,) * 5
    return Entry(
        id=row[0],
        dataset=row[1],
        obj=obj,
        parts=row[8],
        attempt=row[9],
        sha256=more[0].hex() if more[0] is not None else None,
        sealed_sha256=more[1].hex() if more[1] is not None else None,
        stored_size=more[2],
        etag=more[3],
        version_id=more[4],
    )
