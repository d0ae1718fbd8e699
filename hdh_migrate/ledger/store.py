"""What every part of the ledger stands on: the journal, datasets and tallies, and its memory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Final, TypeVar

import apsw

from hdh_migrate.errors import LedgerDamaged
from hdh_migrate.events.event import Event
from hdh_migrate.events.registry import CUTOVER_KINDS, CutoverEvent, UnknownOfCutover, read_body
from hdh_migrate.fixity import canonical_json
from hdh_migrate.jsonform import JsonForm, OtherForm
from hdh_migrate.ledger import chain
from hdh_migrate.ledger.connection import LedgerConnection, all_or_nothing
from hdh_migrate.ledger.database import PAGES, guarded
from hdh_migrate.ledger.holding import RunLock
from hdh_migrate.model import DatasetRow, JournalEnd, State, Tally, key_text
from hdh_migrate.ports.run import Clock

WALKED = "walked"
"""What the ledger's memory calls the last event up to which the chain was walked."""

WALK_EVENTS = 512
"""Events that opening walks at most, and one transaction's: as often, how far is remembered."""

E = TypeVar("E", bound=Event)
F = TypeVar("F", bound=JsonForm)


EVENTS_KEPT: Final = 4_096
"""Events of cutovers that are read once: a verb asks a dozen times how a batch stands. Some MiB."""


class Store(LedgerConnection):
    """The journal, what a run remembers, and how far each dataset is."""

    def __init__(self, con: apsw.Connection, clock: Clock, lock: RunLock | None = None) -> None:
        super().__init__(con, clock, lock)
        self._cutover_events: dict[bytes, CutoverEvent | UnknownOfCutover] = {}
        """By the chain's digest, which is of no other event."""

    # --- journal -----------------------------------------------------------------------------

    @all_or_nothing
    def event(self, event: Event) -> None:
        """Append one event to the journal; its time is never before that of the last one."""
        last = self._rows("SELECT seq, digest, at FROM event ORDER BY seq DESC LIMIT 1")
        seq, previous = (last[0][0] + 1, last[0][1]) if last else (1, chain.GENESIS)
        at, text = self._clock.now(), canonical_json(event.as_json()).decode()
        if last:  # all are written in one form, so their order is that of their text
            at = max(at, last[0][2])
        digest = chain.link(previous, seq, at, event.kind, text)
        self._do("INSERT INTO event VALUES (?, ?, ?, ?, ?)", (seq, at, event.kind, text, digest))
        self._written = JournalEnd(events=seq, head=digest.hex())
        if seq % WALK_EVENTS == 0:  # the chain was walked when this was opened, and is ours since
            self._remember_walk(seq, digest)

    def last_at(self) -> str | None:
        """Return the time of the last event, None when there is none.

        Raises:
            LedgerDamaged: it is no time.
        """
        last = self._rows("SELECT seq, at FROM event ORDER BY seq DESC LIMIT 1")
        if not last:
            return None
        seq, at = last[0]
        try:
            datetime.fromisoformat(at)
        except ValueError:
            raise LedgerDamaged(f"the journal's event {seq} has no time") from None
        return str(at)

    def head(self) -> str:
        """Return the digest of the last event."""
        last = self._rows("SELECT digest FROM event ORDER BY seq DESC LIMIT 1")
        return (last[0][0] if last else chain.GENESIS).hex()

    def length(self) -> int:
        """Return how many events the journal has."""
        return int(self._rows("SELECT coalesce(max(seq), 0) FROM event")[0][0])

    def goes_on_from(self, events: int, head: str) -> bool:
        """Return whether this journal continues one with that many events and that last digest."""
        if not events:
            return True
        rows = self._rows("SELECT digest FROM event WHERE seq = ?", (events,))
        return bool(rows) and rows[0][0].hex() == head

    def size(self) -> int:
        """Return the bytes of all pages."""
        return int(self._rows("PRAGMA page_count")[0][0] * self._rows("PRAGMA page_size")[0][0])

    def check(self) -> int:
        """Read every page and walk the whole journal; return how many events it has.

        Raises:
            LedgerDamaged: something does not add up.
        """
        self._refuse_programs()
        if self._rows("PRAGMA quick_check(1)") != [("ok",)]:
            raise LedgerDamaged(PAGES)
        with guarded():
            return chain.check(self.journal())[0]

    def check_end(self) -> None:
        """Walk the journal from where it was walked before; what that costs does not grow.

        A page is checked against its checksum whenever it is read. Whoever does what cannot be
        taken back checks all (docs/decisions/0050-opening-a-ledger.md).

        Raises:
            LedgerDamaged: something does not add up.
        """
        self._refuse_programs()
        before = self._walked()
        with guarded():
            last, head = chain.check(self.journal(before[0]), before)
        if last - before[0] >= WALK_EVENTS:
            self._remember_walk(last, head)
            self.commit()

    def _walked(self) -> tuple[int, bytes]:
        """Return the event up to which the chain was walked; from the beginning, if it changed."""
        number, _, digest = (self.meta(WALKED) or "").partition(" ")
        if number.isascii() and number.isdecimal():
            kept = self._rows("SELECT digest FROM event WHERE seq = ?", (int(number),))
            if kept and kept[0][0].hex() == digest:
                return int(number), kept[0][0]
        return 0, chain.GENESIS

    def _remember_walk(self, seq: int, digest: bytes) -> None:
        self.set_meta(WALKED, f"{seq} {digest.hex()}")

    def _refuse_programs(self) -> None:
        if self._rows("SELECT 1 FROM sqlite_schema WHERE type IN ('trigger', 'view')"):
            raise LedgerDamaged("the ledger has triggers or views, which this tool never makes")

    def events(self, of: type[E]) -> Iterator[tuple[str, E]]:
        """Return time and event of the journal's events of one kind.

        Raises:
            LedgerDamaged: one is not of its kind's form.
        """
        with guarded():
            query = "SELECT seq, at, body FROM event WHERE kind = ? ORDER BY seq"
            for seq, at, body in self._con.execute(query, (of.kind,)):
                yield at, read_event(seq, of, body)

    def told(self, *kinds: type[Event], since: int = 0) -> Iterator[tuple[str, Event]]:
        """Return time and event of the journal's events of some kinds, in their order.

        With `since`, only of those from that number on.

        Raises:
            LedgerDamaged: one is not of its kind's form.
        """
        for _, at, event in self.numbered(*kinds, since=since):
            yield at, event

    def numbered(self, *kinds: type[Event], since: int = 0) -> Iterator[tuple[int, str, Event]]:
        """Return number, time and event, as `told` does.

        Raises:
            LedgerDamaged: one is not of its kind's form.
        """
        known = {of.kind: of for of in kinds}
        query = (
            "SELECT seq, at, kind, body FROM event"
            " WHERE kind IN (SELECT value FROM json_each(?)) AND seq >= ? ORDER BY seq"
        )
        with guarded():
            for seq, at, kind, body in self._con.execute(query, (json.dumps([*known]), since)):
                yield seq, at, read_event(seq, known[kind], body)

    def last_time_of(self, of: type[Event]) -> str | None:
        """Return when the last event of a kind came, None when none did; reads no body."""
        query = "SELECT at FROM event WHERE kind = ? ORDER BY seq DESC LIMIT 1"
        return next((str(row[0]) for row in self._rows(query, (of.kind,))), None)

    def cutovers(self) -> Iterator[tuple[str, str, CutoverEvent | UnknownOfCutover]]:
        """Return (time, kind, event) of every event of a cutover, oldest first; never scans.

        Raises:
            LedgerDamaged: one is not of its kind's form.
        """
        with guarded():
            query = (
                "SELECT seq, at, kind, body, digest FROM event"
                " WHERE kind >= 'cutover-' AND kind < 'cutover.' ORDER BY seq"
            )
            for seq, at, kind, body, digest in self._con.execute(query):
                event = self._cutover_events.get(digest)
                if event is None:
                    of: type[CutoverEvent | UnknownOfCutover] = CUTOVER_KINDS.get(
                        kind, UnknownOfCutover
                    )
                    event = read_event(seq, of, body)
                    if len(self._cutover_events) < EVENTS_KEPT:
                        self._cutover_events[digest] = event
                yield at, kind, event

    def journal(self, after: int = 0) -> Iterator[tuple[int, str, str, str, bytes]]:
        """Return (number, time, kind, body, digest) of every event, oldest first.

        With `after`, only of those that come after that number.
        """
        query = "SELECT seq, at, kind, body, digest FROM event WHERE seq > ? ORDER BY seq"
        with guarded():
            yield from self._con.execute(query, (after,))

    def since(self, seq: int) -> Iterator[tuple[int, str, bytes]]:
        """Return (number, kind, digest) of the events from a number on, oldest first."""
        with guarded():
            query = "SELECT seq, kind, digest FROM event WHERE seq >= ? ORDER BY seq"
            yield from self._con.execute(query, (seq,))

    # --- the run and its datasets ------------------------------------------------------------

    def meta(self, name: str) -> str | None:
        """Return the value of a name in the table `meta`, None when there is none."""
        rows = self._rows("SELECT value FROM meta WHERE name = ?", (name,))
        return rows[0][0] if rows else None

    def metas(self, prefix: str) -> dict[str, str]:
        """Return every value of the table `meta` whose name begins so, by the rest of its name."""
        query = "SELECT substr(name, ?2), value FROM meta WHERE substr(name, 1, ?2 - 1) = ?1"
        return dict(self._rows(query + " ORDER BY name", (prefix, len(prefix) + 1)))

    def set_meta(self, name: str, value: str) -> None:
        """Store a value under a name in the table `meta`, in place of what was there."""
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


def read_event(seq: int, of: type[F], body: str) -> F:
    """Read the body of an event.

    Raises:
        LedgerDamaged: it is not of its kind's form.
    """
    try:
        return read_body(of, body)
    except OtherForm as error:
        raise LedgerDamaged(f"event {seq} of the journal is not of this version: {error}") from None
