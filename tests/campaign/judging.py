"""Those who judge whether a loss is a breach to be notified, and what waits for that.

Beside the session's code stands a second count, made without it: which losses the journal of the
machine that acts tells, and which of them it tells a judgement of that somebody here signed.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from hdh_migrate.codes import Code
from hdh_migrate.errors import MigrateError
from hdh_migrate.events.judgements import BreachJudged
from hdh_migrate.events.objects import FindingsChanged
from hdh_migrate.jsonform import ABSENT
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.session.verbs.judge import JudgementWish, keep, sign, waiting
from tests.campaign.desks import DPO_FILE, desk_of
from tests.campaign.life import Broken
from tests.campaign.setting import Setting

LOST = (Code.DECOMMISSION_TARGET_LOST, Code.TARGET_REPLACED, Code.VANISHED_LOST)


@dataclass(slots=True)
class RememberedJudgement:
    """One judgement as an outsider remembers it."""

    payload: str
    findings: frozenset[int]
    """Numbers of the findings that it names."""


class Judging:
    """Judges some of what waits, or all of it; and looks what waits after each process."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._dice = random.Random(f"judging {setting.life.seed}")
        self._signed: list[RememberedJudgement] = []
        self.waits = False
        """Whether something waited for it after the last process."""

    def judge(self) -> str:
        """Sign for some of what waits, or for all, and have the journal tell it."""
        setting, dice = self._setting, self._dice
        desk, every = desk_of(setting), dice.random() < 0.3
        names = [one["what"] for one in waiting(desk)]
        chosen = (
            names if every else dice.sample(names, dice.randint(min(1, len(names)), len(names)))
        )
        if not chosen:
            return "nothing waits"
        told = dice.random() < 0.3
        wish = JudgementWish(
            what=() if every else chosen, reference="R-7" if told else None,
            on=setting.clock_text()[:10] if told else None, reason="known",
        )  # fmt: skip
        envelope = sign(desk, wish, desk.loaded.base / DPO_FILE, None)
        numbers = (one.rpartition(".")[2] for one in chosen if one.startswith("finding."))
        remembered = RememberedJudgement(envelope["payload"], frozenset(map(int, numbers)))
        self._signed.append(remembered)
        made = keep(desk, envelope)
        left = {one["what"] for one in made["waiting"]}
        if left & set(chosen) or not made["kept"]:
            raise Broken(f"{min(chosen)} was judged, and waits still")
        return f"{len(chosen)} judged, {len(left)} wait"

    def look(self, name: str) -> None:
        """Look after a process.

        Raises:
            Broken: a loss waits that somebody judged, or one does not that nobody did.
        """
        setting = self._setting
        with setting.script.undisturbed():
            try:
                said = [one["what"] for one in waiting(desk_of(setting))]
            except MigrateError:
                return  # no run has begun
            self.waits = bool(said)
            ledger = SqliteLedger.read_only(setting.world.path, setting.clock)
            try:
                lost = {
                    one.number
                    for _, event in ledger.events(FindingsChanged)
                    for one in event.opened or ()
                    if one.code in LOST
                }
                told = {
                    str(envelope["payload"])
                    for _, event in ledger.events(BreachJudged)
                    if event.signed is not ABSENT
                    for envelope in event.signed
                }
            finally:
                ledger.close()
        judged = {number for one in self._signed if one.payload in told for number in one.findings}
        expected = {f"finding.{number}" for number in lost - judged}
        waits = {one for one in said if one.startswith("finding.")}
        if waits != expected:
            raise Broken(f"{name}: {min(waits ^ expected)} is judged, or waits, and should not")
