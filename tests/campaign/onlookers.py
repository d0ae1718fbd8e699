"""Those who look on: what `status` tells of a ledger is what its rows say, and names a way on."""

from __future__ import annotations

from collections import Counter

from hdh_migrate.codes import Severity
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.model import State
from hdh_migrate.results.looks import Status
from hdh_migrate.session.views.status import status
from tests.campaign.desks import desk_of
from tests.campaign.life import Broken
from tests.campaign.setting import Setting
from tests.campaign.waiving import Waiving

UNDONE = (State.LISTED, State.REFUSED, State.SENDING, State.SENT)
"""States in which something is left to do whatever is waived."""


class Onlookers:
    """Ask how a migration stands, as anybody may at any time."""

    def __init__(self, setting: Setting, waiving: Waiving) -> None:
        self._setting, self._waiving = setting, waiving

    def look(self, name: str) -> None:
        """Look after a process.

        Raises:
            Broken: what is told is not so, or nothing is named that goes on.
        """
        setting = self._setting
        with setting.script.undisturbed():
            told = status(desk_of(setting), left=True)
            counts = Counter(row["state"] for row in setting.records())
            unwaived = self._unwaived()
        self._demand_counts(name, told, counts)
        left = sum(counts[state] for state in UNDONE)
        if not (left or unwaived):
            return
        why = f"{left} objects are left, open: {', '.join(unwaived) or 'nothing'}"
        if told["check"]["exit"] == 0:
            raise Broken(f"{name}: status calls it fine, and {why}")
        if not told["next"]:
            raise Broken(f"{name}: status names nothing to do, and {why}")

    def _unwaived(self) -> list[str]:
        setting = self._setting
        ledger = SqliteLedger.read_only(setting.world.path, setting.clock)
        try:
            found = [one["batch"] for one in ledger.findings(severity=Severity.FINDING)]
            return [
                code
                for batch in {one for one in found if one is not None}
                for code in self._waiving.lacks(ledger, batch, journalled=False)
            ]
        finally:
            ledger.close()

    def _demand_counts(self, name: str, told: Status, counts: Counter[State]) -> None:
        shown = Counter[str]()
        for batch in told["batches"]:
            shown.update(batch["states"])
        if any(shown[state.name.lower()] != counts[state] for state in State):
            raise Broken(f"{name}: status counts {dict(shown)}, the rows say {dict(counts)}")
