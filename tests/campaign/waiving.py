"""Those who sign waivers: their files lie beside the plan, and the session's own code reads them.

Beside it stands a second count, made without that code: what was signed, when, and until when.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from hdh_migrate.clocks import Judge, Moment, seconds_of
from hdh_migrate.codes import Severity
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.model import OpenFinding
from hdh_migrate.pipeline.excused import Waivers
from hdh_migrate.plan.loader import LoadedPlan
from hdh_migrate.session.policy import waivers
from hdh_migrate.session.policy.excuses import excuses, kept_excuses
from tests.campaign.council import DPO
from tests.campaign.desks import shared_plan
from tests.campaign.setting import Setting

DAYS = (1, 40, 400)
"""How long waivers last."""


@dataclass(slots=True)
class RememberedWaiver:
    """One waiver as an outsider remembers it."""

    code: str
    made_at: str
    until: str


class Waiving:
    """Signs waivers as `waive` does, and says what counts as verbs read it."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self.signed: list[RememberedWaiver] = []

    def sign(self, *, lasting: bool = False) -> None:
        """Let somebody sign for what is open and not waived; `lasting`: for long."""
        setting = self._setting
        ledger = setting.world.open()
        try:
            now = self._now(ledger)
            waived = excuses(self._plan(), ledger, now)
            held = {one["code"] for one in _open(ledger) if not waived(one)}
        finally:
            ledger.close()
        days = DAYS[-1] if lasting else setting.aside.choice(DAYS)
        until = f"{datetime.fromisoformat(now.last_day) + timedelta(days=days):%Y-%m-%d}"
        for code in sorted(held):
            waivers.make(
                self._plan(), DPO, what=waivers.finding(code), reason="known", until=until,
                now=now, by="dpo",
            )  # fmt: skip
            self.signed.append(RememberedWaiver(code, now.earliest, until))
            setting.life.tell(f"people: waive {code} until {until}")

    def counting(self, ledger: SqliteLedger, judge: Judge) -> Waivers:
        """Return what reads the waivers that count, for a verb that works."""
        return partial(kept_excuses, self._plan(), ledger, judge)

    def lacks(self, ledger: SqliteLedger, batch: str) -> list[str]:
        """Return the codes of a batch's open findings that nobody waived, as an outsider knows."""
        today = self._now(ledger).last_day
        return sorted(
            found["code"]
            for found in _open(ledger)
            if found["batch"] == batch
            and not any(_covers(one, found, today) for one in self.signed)
        )

    def _now(self, ledger: SqliteLedger) -> Moment:
        return self._setting.world.context(ledger).judge.now()

    def _plan(self) -> LoadedPlan:
        return shared_plan(self._setting)


def _covers(one: RememberedWaiver, found: OpenFinding, today: str) -> bool:
    known = seconds_of(one.made_at) >= seconds_of(found["at"])
    return one.code == found["code"] and known and one.until >= today


def _open(ledger: SqliteLedger) -> list[OpenFinding]:
    return list(ledger.findings(severity=Severity.FINDING))
