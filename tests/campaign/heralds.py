"""Those who are notified: a program of the plan takes documents, or takes none for a while.

The session's own `notify` looks and sends. Beside it stands what the program was really given.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path

from hdh_migrate.events.notices import NoticeDelivered, NoticeGivenUp
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.notices.queue import NoticeQueue
from hdh_migrate.session.verbs.journalling_notices import journal_notices
from hdh_migrate.session.verbs.notifying import notify
from tests.campaign.desks import REFUSING, TAKEN, desk_of
from tests.campaign.life import Broken
from tests.campaign.setting import Setting


class Heralds:
    """Sends what is new, and looks that nothing of it is forgotten, or told that was not."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._dice = random.Random(f"notices {setting.life.seed}")

    def notify(self) -> str:
        """Look and send; the program takes nothing, some of the time."""
        desk = desk_of(self._setting)
        refusing = desk.loaded.base / REFUSING
        refusing.unlink(missing_ok=True)
        if self._dice.random() < 0.3:
            refusing.touch()
        told = notify(desk)
        (room,) = told["channels"]
        if not refusing.exists() and (room["waiting"] or room["given_up"]):
            raise Broken("a program takes every document, and some of them wait")
        return f"{room['sent']} sent, {room['waiting']} wait, {room['given_up']} given up"

    def journal(self, ledger: SqliteLedger, *, ends: bool = False) -> None:
        """Have the journal tell what came of documents, as every verb does that works."""
        journal_notices(desk_of(self._setting), ledger, ends=ends)

    def look(self, name: str) -> None:
        """Look after a process.

        Raises:
            Broken: a document is gone, came twice, or is called delivered and was not taken.
        """
        setting, host = self._setting, self._setting.host
        queue = NoticeQueue.beside(setting.world.path)
        waiting, outcomes = {one.notice for one in queue.waiting()}, queue.outcomes()
        with setting.script.undisturbed():
            ledger = SqliteLedger.read_only(setting.world.path, setting.clock)
            try:
                taken = [one.notice for _, one in ledger.events(NoticeDelivered)]
                over = [one.notice for _, one in ledger.events(NoticeGivenUp)]
            finally:
                ledger.close()
        given = self._given()
        called = [*taken, *(one.notice for one in outcomes if one.why is None)]
        if wrong := set(called) - given.keys():
            raise Broken(f"{name}: {len(wrong)} documents are called delivered and were not taken")
        known = waiting | {one.notice for one in outcomes} | {*taken, *over}
        if host.noticed - known - host.unsure:
            raise Broken(f"{name}: a document waited, and neither files nor journal have it")
        host.noticed |= known
        alone = len(setting.hosts) == 1 and not setting.put_back
        if alone and max(given.values(), default=0) > 1:
            raise Broken(f"{name}: a document was sent twice")
        if max(Counter([*taken, *over]).values(), default=0) > 1:
            raise Broken(f"{name}: the journal tells twice what came of a document")

    def _given(self) -> Counter[str]:
        """Return which documents the programs of all machines were given, and how often."""
        found: list[Path] = list((self._setting.folder / "bases").glob(f"*/{TAKEN}"))
        lines = [line for path in found for line in path.read_text("utf-8").splitlines()]
        return Counter(json.loads(line)["id"] for line in lines)
