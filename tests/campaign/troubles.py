"""What goes wrong in a process: calls that fail, replies that are late or lie, kills, second hosts.

Each is a row of the matrix of faults; `ROWS` says of which, and docs/reliability.md shows it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from hdh_migrate.errors import (
    AccessDenied,
    ConnectionLost,
    MigrateError,
    ShortRead,
    Throttled,
)
from hdh_migrate.model import ObjectInfo, Place, Span
from hdh_migrate.ports.stores import Write
from tests.campaign.chances import Chances
from tests.campaign.council import Council
from tests.campaign.disk import Failure
from tests.campaign.guards import GuardedPointer
from tests.campaign.landlords import CHANGE, LOOK, RULES, Landlord
from tests.campaign.life import Broken
from tests.campaign.months import Months
from tests.campaign.openers import OPENING
from tests.campaign.operators import Operators
from tests.campaign.setting import BUCKET, Setting, SimulatedHost
from tests.support.script import Point
from tests.support.world import BIG

MOVING = (
    "page", "recount", "head source", "read source", "check", "check target", "keys", "head",
    "read", "put", "begin", "put_part", "parts", "complete", "abort", "open_uploads", "tag",
)  # fmt: skip
"""Methods of the ports that may fail, be late or lose their reply."""

SWITCHING = (
    "pointer read", "pointer swap", "pointer check", "probe", "clear", "erase", "remnants",
    "erase", "pointer swap", "head", "keys", "recount",
)  # fmt: skip

KILLED_AT = (
    "now", "now", "now", "page", "read source", "put", "put", "put_part", "put_part", "complete",
    "complete", "complete", "read", "head", "begin", "tag",
)  # fmt: skip
"""Methods around whose calls the process is killed; the clock is asked before each commit."""

SWITCH_KILLED_AT = (
    "now", "now", "pointer swap", "pointer read", "probe", "erase", "erase", "consent", "keys",
    "remnants",
)  # fmt: skip

EXCHANGING = (
    "head", "read", "read", "put", "begin", "put_part", "copy_part", "complete", "abort",
    "remove_version", "versions", "keeps_versions", "open_uploads",
)  # fmt: skip

EXCHANGE_KILLED_AT = (
    "now", "now", "now", "head", "read", "put", "put", "begin", "put_part", "copy_part",
    "complete", "complete", "remove_version", "remove_version", "versions",
)  # fmt: skip

ERASING = ("head", "read", "versions", "keys", "remove_version", "page", "claim")

ERASE_KILLED_AT = (
    "now", "now", "now", "versions", "versions", "head", "remove_version", "remove_version",
    "remove_version", "read", "page",
)  # fmt: skip

ONCE = ("pointer swap", "clear")
"""Methods that a process calls once."""

EXCHANGES = ("keys rotate", "reseal")

GRANTS = ("grant", "grant --renew", "revoke")

LATE = ("put", "put_part", "complete", "abort", "claim")
"""Writes that may land later than their sender believes, or twice."""


class Troubles:
    """Draws what the next process has to live through."""

    def __init__(
        self, setting: Setting, council: Council, pointer: GuardedPointer, chances: Chances,
        meanwhile: Callable[[SimulatedHost], bool], months: Months | None, operators: Operators,
    ) -> None:  # fmt: skip
        """`meanwhile` lets another machine live a process, and says if it took the fence over."""
        self._setting, self._council = setting, council
        self._pointer, self._chances, self._meanwhile = pointer, chances, meanwhile
        self._months, self._operators = months, operators
        self._late: dict[str, list[str]] = {name: [] for name in LATE}
        self.landlord: Landlord | None = None
        """Whose bucket others change; None: nobody provisions one."""
        self._flips = 0
        self._due: list[Callable[[], None]] = []
        self._dress()

    def plant(self, verb: str) -> None:
        """Draw which calls of the next process fail, and whether it is killed."""
        if verb in EXCHANGES:
            self._plant_in_exchange()
            return
        if verb == "erase":
            self._plant_in_erasure()
            if self._setting.fenced and self._setting.dice.random() < 0.15:
                self._second_host()
            return
        if verb == "rehydrate":
            self._plant_in_asking()
            return
        if verb in OPENING:
            self._plant_in_opening()
            return
        if verb.startswith("provision"):
            self._plant_in_provision()
            return
        if verb in ("tell a run", "notify"):
            if self._setting.dice.random() < 0.4:
                self._kill("now")
            return
        if verb in GRANTS:
            self._plant_in_grant()
            return
        dice = self._setting.dice
        switching = not verb.startswith(("run", "inventory", "transfer", "verify"))
        calls = SWITCHING if switching and dice.random() < 0.6 else MOVING
        if self._setting.fenced:
            calls = (*calls, "claim")
        for _ in range(dice.choice((0, 0, 1, 2, 4))):
            self._fail(dice.choice(calls))
        if dice.random() < 0.3:
            dice.choice((self._foreign, self._stale, self._other_bytes))()
        if dice.random() < 0.25:
            dice.choice((self._delay, self._twice, self._flip, self._flip_reply))()
        if switching and dice.random() < 0.3:
            dice.choice((self._harm, self._move_pointer, self._change_minds))()
        if self._operators.openers is not None and dice.random() < 0.2:
            self._at(dice.choice(("page", "put", "read", "head")), 6,
                     self._operators.openers.fetch_meanwhile)  # fmt: skip
        if self._operators.steering is not None and dice.random() < 0.4:
            method = dice.choice(("now", "page", "read source", "put", "put_part", "read", "head"))
            self._at(method, 6, self._operators.steering.say_meanwhile)
        if self._months is not None and dice.random() < 0.3:
            method = dice.choice(("now", "now", "recount", "consent", "erase", "put", "head"))
            self._at(method, 6, self._months.happen_meanwhile)
        if self._setting.fenced and dice.random() < 0.15:
            self._second_host()
        if self._setting.fenced and dice.random() < 0.4:
            self._renew()
        if dice.random() < 0.1:
            how: Failure = dice.choice(("full", "write", "sync"))
            self._setting.disk.fail(how, dice.randint(0, 30 if how == "sync" else 150))
            self._note(f"the ledger's disk fails after a while: {how}")
        if dice.random() < (0.5 if switching else 0.7):
            killed_at = SWITCH_KILLED_AT if switching and dice.random() < 0.8 else KILLED_AT
            self._kill(dice.choice(killed_at))

    def _plant_in_exchange(self) -> None:
        """Draw the same of an exchange of keys, and what others do under it."""
        dice, setting = self._setting.dice, self._setting
        for _ in range(dice.choice((0, 0, 1, 2))):
            self._fail(dice.choice(EXCHANGING))
        if dice.random() < 0.25:
            dice.choice((self._delay, self._twice, self._flip_reply))()
        if dice.random() < 0.4:
            act = dice.choice((self._chances.change_source, self._chances.harm, self._foreign))
            self._at(dice.choice(("head", "read", "put", "put_part", "complete")), 6, act)
        if setting.fenced and dice.random() < 0.2:
            self._second_host()
        if setting.fenced and dice.random() < 0.4:
            self._renew()
        if dice.random() < 0.1:
            how: Failure = dice.choice(("full", "write", "sync"))
            setting.disk.fail(how, dice.randint(0, 30 if how == "sync" else 100))
            self._note(f"the ledger's disk fails after a while: {how}")
        if dice.random() < 0.7:
            self._kill(dice.choice(EXCHANGE_KILLED_AT))

    def plant_in_the_end(self, verb: str) -> None:
        """Draw the same where all is to come to rest: of no other machine."""
        fenced, self._setting.fenced = self._setting.fenced, False
        try:
            self.plant(verb)
        finally:
            self._setting.fenced = fenced

    def _plant_in_erasure(self) -> None:
        """Draw what an erasure has to live through."""
        dice, setting = self._setting.dice, self._setting
        for _ in range(dice.choice((0, 0, 0, 1, 2))):
            self._fail(dice.choice(ERASING))
        if dice.random() < 0.2:
            self._at(dice.choice(("head", "read", "remove_version")), 6, self._chances.harm)
        if dice.random() < 0.2:
            self._chances.lie_of_what_ends()
        if dice.random() < 0.1:
            how: Failure = dice.choice(("full", "write", "sync"))
            setting.disk.fail(how, dice.randint(0, 30 if how == "sync" else 60))
            self._note(f"the ledger's disk fails after a while: {how}")
        if dice.random() < 0.6:
            self._kill(dice.choice(ERASE_KILLED_AT))

    def _plant_in_asking(self) -> None:
        """Draw what asking for archived objects has to live through."""
        dice = self._setting.dice
        for _ in range(dice.choice((0, 0, 1))):
            self._fail(dice.choice(("page", "put", "read source")))
        if dice.random() < 0.6:
            self._kill("now")

    def _plant_in_provision(self) -> None:
        """Draw what making a bucket what it is to be has to live through."""
        dice = self._setting.dice
        for _ in range(dice.choice((0, 0, 1, 2))):
            self._fail(dice.choice((LOOK, RULES, CHANGE)))
        if dice.random() < 0.3 and self.landlord is not None:
            self._at(RULES, 3, self.landlord.happen)
        if dice.random() < 0.6:
            self._kill(dice.choice(("now", "now", LOOK, CHANGE, CHANGE)))

    def _plant_in_opening(self) -> None:
        """Draw what reading back has to live through."""
        dice = self._setting.dice
        for _ in range(dice.choice((0, 0, 1, 2))):
            self._fail("read")
        if dice.random() < 0.2:
            self._at("read", 1, self._chances.harm)
        if dice.random() < 0.2:
            self._flip_reply()
        if dice.random() < 0.5:
            self._kill(dice.choice(("now", "read", "read")))

    def _plant_in_grant(self) -> None:
        """Draw what a grant, its renewal or its end has to live through."""
        dice = self._setting.dice
        for _ in range(dice.choice((0, 0, 1, 2))):
            self._fail(dice.choice(("head", "read", "read")))
        if dice.random() < 0.3:
            self._at(dice.choice(("head", "read", "now")), 4, self._chances.harm)
        if dice.random() < 0.1:
            how: Failure = dice.choice(("full", "write", "sync"))
            self._setting.disk.fail(how, dice.randint(0, 10 if how == "sync" else 30))
            self._note(f"the ledger's disk fails after a while: {how}")
        if dice.random() < 0.5:
            self._kill(dice.choice(("now", "now", "now", "read", "head")))

    def plant_at_the_end(self, *, harm: bool) -> None:
        """Draw what the last verbs have to live through; `harm`: the target may lose something."""
        dice = self._setting.dice
        for _ in range(dice.choice((0, 0, 1, 2))):
            self._fail(dice.choice(SWITCHING))
        if dice.random() < 0.6:
            acts = (self._move_pointer, self._change_minds)
            dice.choice((*acts, self._harm, self._harm) if harm else acts)()
        if dice.random() < 0.5:
            self._kill(dice.choice(SWITCH_KILLED_AT))

    def _kill(self, method: str) -> None:
        """Kill the process around one of the next calls of a method, with the power or without."""
        dice, world = self._setting.dice, self._setting.world
        world.cut = self._cut if dice.random() < 0.5 else self._leave
        spread = 40 if method == "now" else 1 if method in ONCE else 3
        number = self._next(method, spread)
        world.kill_at(Point(method, number, dice.choice(("before", "after"))))

    def _leave(self, folder: Path, image: Path) -> None:
        """Leave what there is at the kill."""
        del folder, image
        self._setting.keep_given()

    def _cut(self, folder: Path, image: Path) -> None:
        """Take the power away with the kill."""
        self._setting.keep_given()
        self._setting.disk.cut(folder, image)
        self._setting.life.cuts += 1
        self._setting.life.tell("  the power is cut")

    def heal(self) -> None:
        """Let every call come through, and what was under way arrive or be lost."""
        self._setting.script.heal()
        self._setting.disk.heal()
        for one in self._late.values():
            one.clear()
        self._flips = 0
        self._arrive()

    def _next(self, method: str, spread: int) -> int:
        return self._setting.script.calls[method] + self._setting.dice.randint(1, spread)

    def _at(self, method: str, spread: int, act: Callable[[], None], when: str = "before") -> int:
        number = self._next(method, spread)
        self._setting.script.at(method, number, when, act)  # type: ignore[arg-type]
        return number

    def _note(self, what: str) -> None:
        self._setting.life.faults[what] += 1
        self._setting.life.tell(f"  {what}")

    # --- calls that fail -------------------------------------------------------------------------

    def _fail(self, method: str) -> None:
        dice = self._setting.dice
        when, error = dice.choice(("before", "after")), self._error()

        def act() -> None:
            raise error

        number = self._at(method, 1 if method in ONCE else 4, act, when)
        self._setting.life.faults[type(error).__name__] += 1
        self._setting.life.tell(f"  {when} {method} {number}: {type(error).__name__}")

    def _error(self) -> MigrateError:
        dice = self._setting.dice
        return dice.choice(
            (
                ConnectionLost("cut off"),
                ConnectionLost("cut off"),
                ShortRead("another reply than was asked for"),
                Throttled("asks for less", retry_after=dice.choice((None, 1.0, 500.0))),
                AccessDenied("may not"),
            )
        )

    # --- requests that come late, or twice; replies with other bytes -------------------------

    def _dress(self) -> None:
        """Let writes of the target pass through what delays and doubles them."""
        target, source = self._setting.target, self._setting.source
        for name in LATE:
            setattr(target, name, self._sent(name, getattr(target, name)))
        read = source.read

        def flipped(
            place: Place, obj: ObjectInfo, span: Span, write: Write, *, checked: bool = False
        ) -> None:
            def turned(data: bytes | memoryview) -> None:
                if self._flips and data and obj.md5 is not None:
                    self._flips -= 1
                    data = bytes([data[0] ^ 1, *data[1:]])
                write(data)

            read(place, obj, span, turned, checked=checked)

        source.read = flipped  # type: ignore[method-assign]

    def _sent(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **more: Any) -> Any:
            what = self._late[name].pop() if self._late[name] else ""
            if what == "late":
                kept = [bytes(one) if isinstance(one, memoryview) else one for one in args]
                self._due.append(lambda: method(*map(_body, kept), **more))
                raise ConnectionLost("no reply came")
            if what == "twice":
                method(*args, **more)
            return method(*args, **more)

        return call

    def _delay(self) -> None:
        """Let a write land after its sender gave it up, before a later call of the process."""
        name = self._setting.dice.choice(LATE)
        self._late[name].append("late")
        self._at(self._setting.dice.choice(("now", "head", "put", "read")), 12, self._arrive)
        self._note(f"a {name} comes late")

    def _arrive(self) -> None:
        due, self._due = self._due, []
        for land in due:
            with self._setting.script.undisturbed():
                try:
                    land()
                except MigrateError:
                    continue
                self._setting.life.tell("target: what came late has landed")

    def _twice(self) -> None:
        name = self._setting.dice.choice(LATE)
        self._late[name].append("twice")
        self._note(f"a {name} comes twice")

    def _flip(self) -> None:
        """Turn a bit of what the source sends, once, of an object of which it claims a digest.

        Without a digest nobody can notice: what was read is what is expected from then on.
        """
        keys = self._setting.source_keys()
        if not keys:
            return
        key, source = self._setting.dice.choice(keys), self._setting.source
        container = self._setting.container(key)
        md5 = hashlib.md5(source.data(container, key), usedforsecurity=False).hexdigest()
        source.touch(container, key, md5=md5)
        self._flips = 1
        self._note(f"a bit turns on the way from the source, of {key} or another one with a digest")

    def _flip_reply(self) -> None:
        """Turn a bit of what the target sends back, once."""
        target = self._setting.target
        read = target.read

        def turned(bucket: str, stored: Any, span: Span | None, write: Write) -> Any:
            target.read = read  # type: ignore[method-assign]

            def other(data: bytes | memoryview) -> None:
                # Another bit than somebody spoils: the same one, turned twice, would be right.
                write(bytes([data[0] ^ 2, *data[1:]]) if data else data)

            return read(bucket, stored, span, other)

        target.read = turned  # type: ignore[method-assign]
        self._note("the target sends a turned bit back")

    # --- what others do meanwhile ------------------------------------------------------------

    def _harm(self) -> None:
        """Let the target lose something while the process works."""
        method = self._setting.dice.choice(("erase", "erase", "read", "head", "pointer read"))
        self._at(method, 3, lambda: self._chances.harm(hard=True), "after")

    def _move_pointer(self) -> None:
        methods = ("erase", "pointer read", "pointer swap", "read", "held")
        self._at(self._setting.dice.choice(methods), 2, self._chances.move_pointer)

    def _change_minds(self) -> None:
        def change() -> None:
            if self._setting.dice.random() < 0.5:
                self._council.hold(held=True)
            else:
                self._council.withdraw()

        self._at(self._setting.dice.choice(("erase", "now", "pointer read", "probe")), 6, change)

    def _second_host(self) -> None:
        """Let a copy of the ledger on another machine run in the middle of this process."""
        other = self._setting.another()
        renews = self._setting.dice.random() < 0.5
        methods = ("put", "put_part", "complete", "head", "claim", "erase")
        method = self._setting.dice.choice(methods)

        def run() -> None:
            with self._setting.script.undisturbed():
                taken = self._meanwhile(other)
                if taken and renews and self._setting.holding is not None:
                    self._setting.holding.renew()
                    if self._setting.holding.lost is None:
                        raise Broken("a fence is renewed that another machine has taken over")

        self._at(method, 3, run)
        self._setting.life.tell(f"  the state folder is copied: {other.name}")

    def _renew(self) -> None:
        """Let the fence be renewed in the middle, as a thread of its own does in a run."""

        def renew() -> None:
            if self._setting.holding is not None:
                self._setting.holding.renew()

        self._at(self._setting.dice.choice(("put", "put_part", "complete", "read")), 3, renew)

    def _foreign(self) -> None:
        """Let somebody else store an object under a key of ours right before we do."""
        setting, keys = self._setting, self._setting.source_keys()
        if not keys:
            return
        name = setting.name(setting.dice.choice(keys))
        body = setting.dice.randbytes(30)

        def store() -> None:
            if name not in setting.target._buckets[BUCKET]:
                setting.target.keep(BUCKET, name, body)
                setting.foreign[name] = body
                setting.life.tell(f"target: somebody stores {name} during the run")

        for method in ("put", "complete"):
            self._at(method, 1, store)

    def _stale(self) -> None:
        """Let the host acknowledge a write, and keep the bytes that were there before."""
        setting, keys = self._setting, self._setting.source_keys()
        if not keys:
            return
        held, key = setting.target._buckets[BUCKET], setting.dice.choice(keys)
        was = dict[str, bytes]()
        self._chances.put(key, "changed", len(setting.source.data(setting.container(key), key)))
        setting.following = True

        def remember() -> None:
            was.update({name: one.data for name, one in held.items()})

        def keep() -> None:
            for name, one in held.items():
                if name in was and was[name] != one.data and len(was[name]) == len(one.data):
                    held[name] = replace(one, data=was[name])
                    setting.life.tell(f"target: a write of {name} is acknowledged, not done")

        for method in ("put", "complete"):
            number = self._at(method, 1, remember)
            setting.script.at(method, number, "after", keep)

    def _other_bytes(self) -> None:
        """Kill the process after a part, and let the source give other bytes from then on.

        They come under the same version, and of an object whose last part is to be sent again:
        that a source gives one stretch of an object from before such a change and another from
        after it, each once, nobody can know.
        """
        setting = self._setting
        script, source, target = setting.script, setting.source, setting.target
        point = Point("put_part", self._next("put_part", 3), "after")
        body = setting.dice.randbytes(BIG)
        setting.world.kill_at(point)
        die = script._acts[point]

        def change() -> None:
            upload, _ = list(target.left)[-1]
            if (one := target._open.get(upload)) is not None:
                key = setting.key(one.upload.key)
                container = setting.container(key)
                there = (container, key) in source._blobs
                if there and len(source.data(container, key)) == BIG:
                    source.lie(container, key, body)
                    source.touch(container, key, md5=None)
                    setting.bytes[key, source.version(container, key)].append(body)
                    setting.life.tell(f"source: {key} has other bytes from now on")
            die()

        script.at(point.method, point.number, point.when, change)


def _body(one: Any) -> Any:
    return memoryview(one) if isinstance(one, bytes) else one


ROWS: Mapping[int, str] = {
    12: "a call ends in the middle: `ConnectionLost`",
    13: "`ShortRead`, before or after the effect",
    14: "`ShortRead`, before or after the effect",
    15: "a turned bit from the source, of an object with a digest",
    16: "a turned bit from the target; a write that is acknowledged and not done",
    18: "`Throttled`, with and without a time, up to 500 s",
    19: "a write whose reply never comes, and that lands late",
    20: "`AccessDenied` of the source's calls",
    21: "`AccessDenied` of the target's calls",
    22: "`AccessDenied` of one read of one object",
    25: "time goes by between processes, up to 45 days",
    26: "a completion whose reply is lost, comes late, or twice",
    27: "parts that the host loses under an open upload",
    28: "uploads left open by kills, or forgotten by the host",
    29: "an object changes before or during its read",
    30: "an object is deleted between listing and read",
    31: "an object is added after the inventory",
    32: "objects that are archived while they are moved; they come back hours later",
    36: "empty objects",
    38: "listings that leave one out, end early, repeat, or come out of order",
    52: "a second process with a copy of the ledger",
    53: "two machines with copies of one ledger, one in the middle of the other's run",
    54: "a process that goes on after its fence was taken over",
    56: "kills at every call and every commit",
    57: "receipts lost with kills; writes that come twice",
    58: "machines that die, or are given up and go on, each with its order",
    59: "cutovers that are killed or refused at every step",
    60: "rollbacks that fail: the pointer moved, away, or slow",
    61: "the source is written during a cutover",
    71: "target objects lost or replaced before and during a decommission",
    72: "the pointer set by somebody else, at any time",
    74: "one listing with a wrong size",
    80: "the plan leaves objects out and takes them back",
    81: "verified objects gone, spoiled, replaced; the source goes on",
    82: "a copy of the state goes on while the first one does, too; older backups are put back",
    90: "rest of 500 s",
    92: "other bytes under the same version",
}
"""Which rows of the matrix the simulator draws, and as what."""

ELSEWHERE: Mapping[int, str] = {
    17: "no memory is corrupted here",
    23: "no TLS is spoken here",
    24: "no name is resolved here",
    33: "one kind of object in these sources",
    34: "keys are plain here",
    35: "keys are plain here",
    37: "objects are small here",
    55: "one version of the code in one process",
    73: "one clock; several are judged in `unit/test_clocks.py`",
    75: "what is changed by hand is the part of flipped bits",
    76: "reports are signed as they were written",
    77: "no tags are moved here",
    78: "globs name whole keys here",
    79: "features are not refused here",
    91: "keys are plain here",
}
"""Why the simulator does not draw the other rows of the network and of the world."""
