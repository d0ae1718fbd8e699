"""Those who tell a run something from another terminal: pause, go on, no faster than that.

The session's own code writes what they say and a run's own course takes it in. Beside it stands a
second count: what was said on each machine, in which order, and what of it counts.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from hdh_migrate.events.course import RunInstructed
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.ledger.instructions import InstructionFile
from hdh_migrate.model import Instruction, InstructionKind, Standing
from hdh_migrate.pipeline.context import Context
from hdh_migrate.pipeline.pace.course import Course
from hdh_migrate.pipeline.workers.work import Toolbox
from hdh_migrate.ports.work import Engine
from hdh_migrate.session.verbs.instruct import instruct
from hdh_migrate.session.verbs.run import demand_unpaused
from tests.campaign.desks import desk_of
from tests.campaign.life import Broken
from tests.campaign.setting import HOUR, Setting
from tests.support.here import Bench
from tests.support.serial import SerialEngine

OBEYING = ("run", "inventory", "transfer", "verify")
"""How the names of processes begin that somebody's pause holds up."""

CONTACTING = (
    "page", "head source", "read source", "check", "keys", "head", "read", "put", "begin",
    "put_part", "parts", "complete", "abort", "open_uploads", "tag", "claim",
)  # fmt: skip
MOVING = ("put", "put_part", "read source")
STEPS = (-25, 0, 25)
"""By how many seconds a clock may be wrong, and everything goes on."""

RATES = (1, 70_000, 10**9)
SECONDS = (None, None, 3_600, 2 * 86_400)
_WORDS = (
    InstructionKind.PAUSE, InstructionKind.RESUME, InstructionKind.RESUME, InstructionKind.LIMIT,
    InstructionKind.RELEASE,
)  # fmt: skip


class Steering:
    """Says something between processes and in the middle of one; looks what became of it."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._dice = random.Random(f"steering {setting.life.seed}")
        self._latest = ""
        self._set_back = set[str]()
        """What was said before the clock was set back."""
        """What a machine's clock showed at the latest: limits up to then may be over."""
        self._limits: list[tuple[int, float | None]] = []
        """What workers were told to be no faster than, and at which step."""
        setting.world.engine = self._engine
        setting.host.kept_beside = True

    # --- what people do ------------------------------------------------------------------------

    def say(self) -> str:
        """Say something, as a process of its own."""
        kind = self._dice.choice(_WORDS)
        limits = kind is InstructionKind.LIMIT
        made = instruct(
            desk_of(self._setting), kind,
            rate=self._dice.choice(RATES) if limits else None,
            seconds=self._dice.choice(SECONDS) if limits else None,
            reason="the night shift" if self._dice.random() < 0.3 else None,
        )  # fmt: skip
        self._hear(made["said"])
        return f"{kind}: {made['said'] or 'nothing to say'}"

    def say_meanwhile(self) -> None:
        """Say something while a process of somebody else is at work."""
        with self._setting.script.undisturbed():
            if self._dice.random() < 0.2:
                self.step_clock((-HOUR,))
            self._setting.life.tell(f"  people, meanwhile: {self.say()}")

    def step_clock(self, seconds: Sequence[int] = STEPS) -> None:
        """Let the machine's clock show another time from now on."""
        self._set(self._dice.choice(seconds))
        self._latest = max(self._latest, self._setting.clock.shown())
        self._setting.life.tell(f"this machine's clock is {self._setting.clock.ahead:+} s ahead")

    def set_clock(self) -> None:
        """Let people set a clock that is so wrong that nothing may be signed by it."""
        if abs(self._setting.clock.ahead) > max(STEPS):
            self._set(0)

    def _set(self, ahead: int) -> None:
        if ahead < self._setting.clock.ahead:
            self._set_back |= {one.id for one in self._setting.host.said}
        self._setting.clock.ahead = ahead

    def let_go(self) -> None:
        """Let runs go on, as fast as they can, and the clock be right."""
        self._setting.clock.seconds += 2 * HOUR
        self._setting.clock.ahead = 0
        with self._setting.script.undisturbed():
            for kind in (InstructionKind.RESUME, InstructionKind.RELEASE):
                self._hear(instruct(desk_of(self._setting), kind)["said"])

    def _hear(self, said: str | None) -> None:
        """Remember what was said just now: it is in the file from this moment on."""
        if said is None:
            return
        newest = self._file.read()[-1]
        if newest.kind != said:
            raise Broken(f"{said} was said and the file has {newest.kind}")
        self._setting.host.said.append(newest)

    # --- what a verb asks ------------------------------------------------------------------------

    def demand_free(self) -> None:
        """Demand what a verb that obeys demands before it opens anything."""
        demand_unpaused(desk_of(self._setting))

    def course(self, ledger: SqliteLedger, ctx: Context, *, obeys: bool) -> Course:
        """Return the course of a verb, as the session puts it together."""
        desk = desk_of(self._setting)
        return Course(
            ledger, ctx.judge, desk.clock, rates=desk.loaded.plan.rates,
            instructions=desk.instructions, obeys=obeys,
        )  # fmt: skip

    def _engine(self, box: Toolbox) -> Engine:
        def limit(rate: float | None) -> None:
            self._limits.append((self._setting.script.step, rate))

        return SerialEngine(Bench(box), limit=limit)

    # --- what an outsider knows ------------------------------------------------------------------

    def begins(self) -> Callable[[str], None]:
        """Remember what counts when a process begins; return what looks at it after that."""
        setting, said = self._setting, list(self._setting.host.said)
        host, limits = setting.host, len(self._limits)
        counted = _counted(said, setting.clock.shown())

        def look(name: str) -> None:
            if host not in setting.hosts or setting.host is not host:
                return  # it went on with another state folder
            verb = name.removeprefix("settling: ")
            # What is restored, somebody decides at a moment of his own choice; a run follows.
            obeys = verb.startswith(OBEYING) and verb != "verify --restore"
            if host.said == said and obeys:
                self._demand_obeyed(name, *counted, self._limits[limits:])
            self._look(name)

        return look

    def _look(self, name: str) -> None:
        """Look after a process.

        Raises:
            Broken: something that was said is forgotten, told twice, or counts otherwise.
        """
        setting, said = self._setting, self._setting.host.said
        with setting.script.undisturbed():
            kept = self._file.read()
            now = setting.clock.now()
            ledger = SqliteLedger.read_only(setting.world.path, setting.clock)
            try:
                told = [one for _, one in ledger.events(RunInstructed)]
            finally:
                ledger.close()
        ids = [one.instruction for one in told]
        if ids != [one.id for one in said if one.id in ids]:
            raise Broken(f"{name}: the journal tells instructions twice, or in another order")
        known = {one.id: one for one in said}
        for event in told:
            if (known[event.instruction].kind.value, known[event.instruction].at) != (
                event.what, event.given,
            ):  # fmt: skip
                raise Broken(f"{name}: the journal tells an instruction otherwise than it was said")
        sure = [one for one in said if one.id not in setting.host.unsure]
        if gone := [one for one in sure if one not in kept and one.id not in ids]:
            raise Broken(f"{name}: {gone[0].kind} was said, and neither file nor journal has it")
        self._latest = max(self._latest, now)
        counts = Standing.of(kept, now)
        paused, limit = _counted(said, now)
        if counts.paused != paused:
            raise Broken(f"{name}: somebody said pause, or resume, and it does not count")
        # Heard by a clock that is behind its own, it ends as that one says.
        over = limit is not None and limit.until is not None and (
            limit.until <= self._latest or limit.id in self._set_back
        )  # fmt: skip
        heard, meant = (one and one.id for one in (counts.limit, limit))
        if heard != meant and not over:  # its times may be those of who heard it
            raise Broken(
                f"{name}: a limit counts that nobody set, or one does not that somebody did"
            )

    def _demand_obeyed(
        self, name: str, paused: Instruction | None, limit: Instruction | None,
        limits: list[tuple[int, float | None]],
    ) -> None:  # fmt: skip
        last, began = self._setting.script.last, self._setting.began
        if paused is not None:
            for method in CONTACTING:
                if last.get(method, 0) > began:
                    raise Broken(f"{name}: it was paused, and there was a {method}")
        ended = limit is not None and limit.until is not None
        if limit is None or ended or not any(last.get(one, 0) > began for one in MOVING):
            return
        if not limits or any(rate is None or rate > (limit.rate or 0) for _, rate in limits):
            raise Broken(f"{name}: bytes were moved faster than somebody said")

    @property
    def _file(self) -> InstructionFile:
        return InstructionFile(self._setting.world.path)


def _counted(said: list[Instruction], now: str) -> tuple[Instruction | None, Instruction | None]:
    """Return who paused, and whose limit counts, by what people said one after the other."""
    paused = next(
        (
            one
            for number, one in enumerate(said)
            if one.kind == "pause" and not any(two.kind == "resume" for two in said[number:])
        ),
        None,
    )
    limits = [one for one in said if one.kind in {"limit", "release"}]
    limit = limits[-1] if limits and limits[-1].kind == "limit" else None
    over = limit is not None and limit.until is not None and limit.until <= now
    return paused, None if over else limit
