"""Those who read back what was moved: one object in the clear, or what each dataset has become.

The session's own `fetch` and `restore-view` do it, at a desk that leads to the life's own target.
Beside them stands a second count: what was read for whom, and where it is written down that it was
opened.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hdh_migrate.errors import MigrateError, UsageError
from hdh_migrate.events.objects import ObjectOpened
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.model import ObjectRecord, Span, State, Stored
from hdh_migrate.ports.stores import Write
from hdh_migrate.session.policy.openings import FILE, take_in
from hdh_migrate.session.verbs.fetch import fetch
from hdh_migrate.session.verbs.restore_view import restore_view
from tests.campaign.desks import desk_of
from tests.campaign.life import Broken
from tests.campaign.setting import Setting
from tests.support.world import ONE

OPENING = ("fetch", "restore-view")
"""Names of processes that read back for people."""


class Openers:
    """Opens objects of the machine that acts, and looks that each opening is accounted for."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._dice = random.Random(f"opening {setting.life.seed}")
        self._numbers = 0
        self.differences = 0
        """How many the last view told."""
        self._wanted: int | None = None
        """The object that is fetched at this moment, by its number."""
        self._lines = 0
        """How many openings were written down when that began."""
        read = setting.target.read

        def watched(bucket: str, stored: Stored, span: Span | None, write: Write) -> Stored:
            if self._wanted is not None:
                self._demand_written_down(self._wanted)
            return read(bucket, stored, span, write)

        setting.target.read = watched  # type: ignore[method-assign]

    # --- verbs -----------------------------------------------------------------------------------

    def fetch(self) -> str:
        """Read one object back into a file of its own."""
        setting = self._setting
        rows = self._rows()  # somebody may be at work with the ledger
        if not rows:
            return "there is nothing"
        row = self._dice.choice(rows)
        out = self._out()
        with self._fetching(row["id"]):
            try:
                fetch(
                    desk_of(setting), ONE[0].name, row["key"], out, reason="somebody asked for it"
                )
            finally:
                self._demand_whole(row["key"], row["version"] or "", out)
        return "read back"

    def fetch_meanwhile(self) -> None:
        """Read one back while a process of somebody else is at work."""
        with self._setting.script.undisturbed():
            try:
                done = self.fetch()
            except MigrateError as error:
                done = type(error).__name__
        self._setting.life.tell(f"  people, meanwhile: fetch: {done}")

    def _rows(self) -> list[ObjectRecord]:
        setting = self._setting
        try:
            ledger = desk_of(setting).read_ledger()
        except UsageError:
            return []
        try:
            return [row for one in ledger.datasets() for row in ledger.records(one.id)]
        finally:
            ledger.close()

    def view(self) -> str:
        """Compare what the target gives back with what the source listed."""
        setting = self._setting
        view, _ = restore_view(desk_of(setting), None, self._out(), reason="an audit")
        lost = [
            row["key"] for row in setting.records()
            if row["state"] is State.VERIFIED and setting.stored(row["key"]) is None
        ]  # fmt: skip
        if lost and not view["differences"]:
            raise Broken(f"a view of the target tells no difference, and {min(lost)} is not there")
        self.differences = view["differences"]
        return f"{self.differences} differences"

    def take_in(self, ledger: SqliteLedger) -> None:
        """Have the journal tell of openings, as every verb does that has the ledger."""
        take_in(ledger, self._setting.world.path)

    def _out(self) -> Path:
        folder = self._setting.folder / "opened"
        folder.mkdir(exist_ok=True)
        self._numbers += 1
        return folder / str(self._numbers)

    @contextmanager
    def _fetching(self, number: int) -> Iterator[None]:
        self._wanted, self._lines = number, len(self._written())
        try:
            yield
        finally:
            self._wanted = None

    # --- what an outsider knows ------------------------------------------------------------------

    def look(self, name: str) -> None:
        """Look after a process.

        Raises:
            Broken: an opening is told nowhere, twice, or otherwise than it was written down.
        """
        setting, host = self._setting, self._setting.host
        with setting.script.undisturbed():
            ledger = SqliteLedger.read_only(setting.world.path, setting.clock)
            try:
                told = [(one.number, one.object) for _, one in ledger.events(ObjectOpened)]
            finally:
                ledger.close()
        if [number for number, _ in told] != list(range(1, 1 + len(told))):
            raise Broken(f"{name}: the journal tells openings twice, or leaves one out")
        known = [*told, *(one for one in self._written() if one[0] > len(told))]
        objects = [number for _, number in known]
        if objects[: len(host.opened)] != host.opened:
            raise Broken(f"{name}: an object was opened, and neither file nor journal has it")
        host.opened[:] = objects

    def _written(self) -> list[tuple[int, int]]:
        """Return number and object of each whole line of the file."""
        path = self._setting.world.path.with_name(FILE)
        lines = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
        found = [json.loads(line) for line in lines]
        return [(one["number"], one["object"]) for one in found]

    def _demand_written_down(self, number: int) -> None:
        written = self._written()[self._lines :]
        if number not in [one for _, one in written]:
            raise Broken("an object is read for somebody, and it is not written down before")
        host = self._setting.host
        if len(host.opened) < len(self._written()):
            host.opened.append(number)  # from now on it must be accounted for

    def _demand_whole(self, key: str, version: str, out: Path) -> None:
        """Demand that what has a name is the whole object as it was verified."""
        if not out.exists():
            return
        if out.read_bytes() not in self._setting.bytes[key, version]:
            raise Broken(f"{key} was read back as what it never was")
