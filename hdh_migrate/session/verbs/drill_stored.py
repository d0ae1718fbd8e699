"""Open objects with a private key as the target holds them, drawn by chance; nothing is kept.

A test envelope shows that a key fits the recipients of today. That it opens what was stored, months
ago and under another set of recipients perhaps, only shows who reads it. A small object is read
whole and compared with its digest, of a large one the header and the first segment. Where headers
are kept apart, one of the dataset's header packs is opened besides: with the ledger lost, it is
what opens its objects. Plaintext is digested in memory and goes nowhere.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Final, Literal

from hdh_migrate.errors import Conflict, LedgerDamaged, Missing, PackDamaged, Refused, UnsealFailed
from hdh_migrate.events.run import StoredDrill
from hdh_migrate.frozen import mutable
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.model import MIB, DatasetRow, Entry, PackRow, Span, State, Stored
from hdh_migrate.model.naming import is_version
from hdh_migrate.pipeline.looks.look_findings import accepted
from hdh_migrate.pipeline.packed import lines_of
from hdh_migrate.pipeline.retrying import Retrying
from hdh_migrate.pipeline.workers.work import Route
from hdh_migrate.ports.sealing import Envelopes
from hdh_migrate.ports.stores import TargetReader
from hdh_migrate.results.keys import NotOpened, StoredTrial
from hdh_migrate.sealing.packets import SEALED_SEGMENT

WHOLE: Final = 8 * MIB
"""Stored bytes up to which an object is read whole."""

Wrong = Literal["unopened", "gone", "replaced"]


@mutable
class StoredDrilling:
    """Opens what is stored with one key."""

    ledger: SqliteLedger
    reader: TargetReader
    envelopes: Envelopes
    """With the key that is tried."""
    routes: Mapping[str, Route]
    retry: Retrying
    stop: threading.Event
    whole: int = field(default=0, init=False)
    packs: int = field(default=0, init=False)

    def run(self, batches: Sequence[str], most: int) -> StoredTrial:
        """Open up to `most` objects of some batches, each with the same chance, and say how many.

        Raises:
            Refused: nothing of them is at the target that anybody could open.
            StorageError: the target cannot be asked.
        """
        rows = self._datasets(batches)
        chosen = self._drawn(rows, batches, most)
        wrong = list[NotOpened]()
        apart = set[int]()
        for entry, _ in chosen:
            if self.stop.is_set():
                raise KeyboardInterrupt
            header = self.ledger.header(entry.id)
            if header is not None:
                apart.add(entry.dataset)
            why = self._opened(self.routes[rows[entry.dataset].name], entry, header)
            if why is not None:
                wrong.append({"dataset": rows[entry.dataset].name, "id": entry.id, "why": why})
        opened = len(chosen) - len(wrong)
        wrong += [found for number in sorted(apart) for found in self._pack(rows[number])]
        sizes = [entry.obj.size for entry, _ in chosen]
        return {
            "objects": len(chosen), "opened": opened,
            "bytes": sum(entry.stored_size or 0 for entry, _ in chosen),
            "whole": self.whole, "smallest": min(sizes), "largest": max(sizes),
            "sent": sum(state is State.SENT for _, state in chosen),
            "packs": self.packs, "not_opened": wrong,
        }  # fmt: skip

    # --- what is drawn ---------------------------------------------------------------------------

    def _datasets(self, batches: Sequence[str]) -> dict[int, DatasetRow]:
        gone = self.ledger.erased()
        return {
            row.id: row for row in self.ledger.datasets()
            if row.batch in batches and row.id not in gone
        }  # fmt: skip

    def _drawn(
        self, rows: Mapping[int, DatasetRow], batches: Sequence[str], most: int
    ) -> list[tuple[Entry, State]]:
        # What somebody else put there was taken as it is: no key of ours opens it.
        theirs = {number for batch in batches for number in accepted(self.ledger, batch)}
        drawn = self.ledger.drawn(set(rows), most + len(theirs))
        chosen = [one for one in drawn if one[0].id not in theirs]
        while len(chosen) > most:
            chosen.pop(secrets.randbelow(len(chosen)))
        if not chosen:
            raise Refused(
                "nothing is stored yet that a key could open",
                hint='"hdh-migrate status PLAN" shows what is at the target; without --stored the'
                " key is tried on a test envelope",
            )
        return chosen

    # --- what is opened --------------------------------------------------------------------------

    def _opened(self, route: Route, entry: Entry, header: bytes | None) -> Wrong | None:
        """Return why an object does not open; None: it does."""
        if entry.stored_size is None or entry.etag is None:
            raise LedgerDamaged(f"object {entry.id} counts as sent and has no receipt")
        stored = Stored(
            key=route.target_key(entry.obj.key), size=entry.stored_size, etag=entry.etag,
            version_id=entry.version_id, exact=is_version(entry.obj.key),
        )  # fmt: skip
        whole = stored.size <= WHOLE
        span = None if whole else self._beginning(stored, entry.obj.size)

        def read() -> bool:
            return self._unsealed(route.target.bucket, stored, span, entry, header)

        try:
            good = self.retry(read)
        except UnsealFailed:
            return "unopened"
        except Missing:
            return "gone"
        except Conflict:
            return "replaced"
        self.whole += good and whole
        return None if good else "unopened"

    def _beginning(self, stored: Stored, size: int) -> Span:
        """Return where a large object's header and its first segment are."""
        before = stored.size - self.envelopes.sealed_size(size) + self.envelopes.header_size
        return Span(0, before + SEALED_SEGMENT)

    def _unsealed(
        self, bucket: str, stored: Stored, span: Span | None, entry: Entry, header: bytes | None
    ) -> bool:
        """Say whether what is read opens, and is what was sent as far as it is read.

        Raises:
            UnsealFailed: it does not open.
        """
        digest, seen = hashlib.sha256(), 0

        def take(plain: memoryview) -> None:
            nonlocal seen
            seen += len(plain)
            digest.update(plain)

        unsealer = self.envelopes.unsealer(size=entry.obj.size, write=take, header=header)
        self.reader.read(bucket, stored, span, unsealer.write)
        if span is not None:
            return seen > 0
        unsealer.close()
        return entry.sha256 in {None, digest.hexdigest()}

    # --- headers that are kept apart -------------------------------------------------------------

    def _pack(self, dataset: DatasetRow) -> list[NotOpened]:
        """Open one of a dataset's verified header packs, drawn by chance."""
        route = self.routes[dataset.name]
        packs = [
            row for row in self.ledger.packs(dataset.id, route.header_packs(dataset.name))
            if row.state is State.VERIFIED
        ]  # fmt: skip
        if not packs:
            return []  # they are made when the batch's transfer is over
        pack = secrets.choice(packs)
        why = self._pack_opened(route, dataset, pack)
        self.packs += why is None
        return [] if why is None else [{"dataset": dataset.name, "id": pack.id, "why": why}]

    def _pack_opened(self, route: Route, dataset: DatasetRow, pack: PackRow) -> Wrong | None:
        assert pack.stored_size is not None, "it is verified"
        assert pack.etag is not None, "it is verified"
        bucket = route.target.bucket
        stored = Stored(
            key=route.target_key(pack.key), size=pack.stored_size, etag=pack.etag,
            version_id=pack.version_id,
        )  # fmt: skip

        def read() -> bytes:
            body = bytearray()
            self.reader.read(bucket, stored, None, body.extend)
            return bytes(body)

        try:
            plain = self.envelopes.own.whole(self.retry(read))
            lines = sum(1 for _ in lines_of(plain, dataset.name, bucket))
        except (UnsealFailed, PackDamaged):
            return "unopened"
        except Missing:
            return "gone"
        except Conflict:
            return "replaced"
        return None if lines else "unopened"


def event_of(trial: StoredTrial) -> StoredDrill:
    """Return what the journal tells of it: no object is named."""
    return StoredDrill(
        objects=trial["objects"], opened=trial["opened"], bytes=trial["bytes"],
        whole=trial["whole"], smallest=trial["smallest"], largest=trial["largest"],
        sent=trial["sent"], packs=trial["packs"],
    )  # fmt: skip
