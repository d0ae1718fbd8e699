"""One life of a migration, drawn from a seed: runs, looks and passes, and all that goes wrong.

The real pipeline, sealing and ledger work here between a source and a target in memory, in one
thread, with a clock that nobody waits for. The seed draws what people do, what the source and the
target do under them, which calls fail before or after their effect, and when the process is
killed. After each process the invariants of docs/reliability.md are checked; in the end
everything heals, and what is there is compared with what a migration without trouble gives.

The same seed gives the same life: a seed that fails is a test.
"""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from hdh_migrate.codes import Code
from hdh_migrate.errors import (
    AccessDenied,
    ConnectionLost,
    Exit,
    LedgerDamaged,
    MigrateError,
    ShortRead,
    Throttled,
)
from hdh_migrate.model import ObjectInfo, Place, State, Step
from hdh_migrate.pipeline.look_again import Choice, LookAgain
from hdh_migrate.pipeline.restoring import Restoring
from hdh_migrate.pipeline.runner import Wishes
from tests.support.fakes import _Open
from tests.support.script import Killed, Point
from tests.support.world import ALL, BIG, ONE, SEGMENT, World

SIZES = (0, 1, 300, SEGMENT, 70_000, BIG, BIG, BIG)
BUCKET, CONTAINER, PREFIX = "dst", "src", "t/"
USER = "sim@here"
SETTLING = 8
"""Quiet runs after which a migration must have come to rest."""

CALLS = (
    "page", "recount", "head source", "read source", "check", "check target", "keys", "head",
    "read", "put", "begin", "put_part", "parts", "complete", "abort", "open_uploads", "tag",
)  # fmt: skip
"""Methods of the ports that may fail, be late or lose their reply."""

KILLED_AT = (
    "now", "now", "now", "page", "read source", "put", "put", "put_part", "put_part", "complete",
    "complete", "complete", "read", "head", "begin", "tag",
)  # fmt: skip
"""Methods around whose calls the process is killed; the clock is asked before each commit."""


class Broken(AssertionError):
    """An invariant does not hold; the story says what came before."""


@dataclass(slots=True)
class Life:
    """What one seed drew, and how far it came."""

    seed: int
    story: list[str] = field(default_factory=list)
    processes: int = 0
    kills: int = 0
    faults: Counter[str] = field(default_factory=Counter)


class Simulation:
    """Lives one life; `live` raises `Broken` when something is lost, altered or forgotten."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.life = Life(seed)
        self._dice = random.Random(seed)
        self._folder = folder
        self.world = World(folder)
        self.world.clock._tick = self._dice.choice((0.001, 1.0))
        """With little time passing, only what must be committed at once is."""
        self._bytes: dict[tuple[str, str], list[bytes]] = {}
        """What the source gave under a key and version, ever."""
        self._harmed: set[str] = set()
        """Keys whose verified target object somebody else touched since it was looked at."""
        self._sealed = self._moving = False
        """Whether the inventory was sealed before; whether the source changes under a process."""
        self._foreign: dict[str, bytes] = {}
        self._journal: list[bytes] = []
        self._following = False
        """Whether the next process follows the source, so that what was planted comes to pass."""
        self._names = 0
        self._put_at_source = self.world.source.put
        self.world.source.put = self._remember  # type: ignore[method-assign]  # drifts call it, too

    # --- a life --------------------------------------------------------------------------------

    def live(self) -> Life:
        """Live from the first object to the rest after the last trouble.

        Raises:
            Broken: an invariant does not hold.
        """
        dice = self._dice
        for _ in range(dice.randint(1, 6)):
            self._add()
        for _ in range(dice.randint(2, 9)):
            if dice.random() < 0.6:
                self._change_source()
            if dice.random() < (0.6 if self.world.target._open else 0.35):
                self._change_target()
            self._plant()
            self._process(*self._drawn())
        self._settle()
        return self.life

    def _drawn(self) -> tuple[str, Callable[[], object]]:
        """Draw what the operator does next."""
        level = self._dice.choice(("head", "stored", "full"))
        refresh = Wishes(refresh=True, user=USER)
        done: list[tuple[str, Callable[[], object]]] = [
            ("run", self.world.run),
            ("run --refresh", lambda: self.world.run(ALL, wishes=refresh)),
            ("inventory", lambda: self.world.run((Step.INVENTORY,))),
            ("transfer", lambda: self.world.run((Step.TRANSFER,))),
            ("verify", lambda: self.world.run((Step.VERIFY,))),
            (f"verify --again {level}", lambda: self._look(level)),
            ("verify --restore", self._restore),
            ("run --retry-failed", self._retry),
        ]
        weights = (6, 5, 1, 2, 2, 4, 2, 2)
        if self._following:
            self._following = False
            return done[1]
        return self._dice.choices(done, weights)[0]

    def _process(self, name: str, act: Callable[[], object]) -> None:
        """Let one process live, and check what it left."""
        life = self.life
        life.processes += 1
        try:
            ended = act()
        except Killed as kill:
            life.kills += 1
            life.story.append(f"{name}: killed {kill}")
        except LedgerDamaged as error:
            raise Broken(f"{name}: the ledger contradicts itself: {error}") from error
        except MigrateError as error:
            life.story.append(f"{name}: {type(error).__name__}: {error}")
        else:
            life.story.append(f"{name}: {ended if isinstance(ended, Exit) else 'done'}")
        self.world.script.heal()
        self.world.stop.clear()
        self._check(name)

    # --- what people do ------------------------------------------------------------------------

    def _look(self, level: str) -> Exit:
        def look() -> None:
            ledger = self.world.open()
            try:
                LookAgain(self.world.context(ledger), "b", Choice(level=level), user=USER).run()
                ledger.check_receipts()
                ledger.reconcile()
            finally:
                ledger.close()
                self._bury()

        look()
        return Exit.OK

    def _restore(self) -> Exit:
        ledger = self.world.open()
        try:
            story = Restoring(self.world.context(ledger), "b", user=USER)
            story.restore(story.waiting(accepted=True))
        finally:
            ledger.close()
            self._bury()
        return self.world.run()

    def _retry(self) -> Exit:
        return self.world.run(ALL, wishes=Wishes(again=(), user=USER))

    def _bury(self) -> None:
        if self.world.script.dead:
            self.world._put_back()

    # --- what the world does -------------------------------------------------------------------

    def _add(self) -> None:
        self._names += 1
        self._put(f"k{self._names}", "added")

    def _put(self, key: str, how: str, size: int | None = None) -> None:
        size = self._dice.choice(SIZES) if size is None else size
        data = self._dice.randbytes(size)
        self.world.source.put(CONTAINER, key, data)
        self.life.story.append(f"source: {key} {how}, {size} bytes")

    def _remember(self, bucket: str, key: str, data: bytes, **more: object) -> None:
        self._put_at_source(bucket, key, data, **more)
        self._bytes[key, self.world.source.version(bucket, key)] = [data]

    def _keys(self) -> list[str]:
        return sorted(key for _, key in self.world.source._blobs)

    def _change_source(self) -> None:
        keys = self._keys()
        what = self._dice.choice(("add", "change", "drop", "drift", "lie once", "leave out"))
        if what == "add" or not keys:
            self._add()
            return
        key = self._dice.choice(keys)
        if what == "change":
            self._put(key, "changed")
        elif what == "drop" and len(keys) > 1:
            self.world.source.drop(CONTAINER, key)
            self.life.story.append(f"source: {key} deleted")
        elif what == "drift":
            data = self._dice.randbytes(self._dice.choice(SIZES))
            self.world.source.drift(key, data, midway=self._dice.random() < 0.5)
            self._moving = True
            self.life.story.append(f"source: {key} changes while it is read, to {len(data)} bytes")
        elif what == "lie once":
            lie: dict[str, object] = {"size": self._dice.choice((0, 7, 1 << 62))}
            self.world.source.tell(key, lie)
            self.life.story.append(f"source: one listing tells a wrong size of {key}")
        elif what == "leave out":
            self._leave_out(key)

    def _leave_out(self, key: str) -> None:
        """Let the next listing, of either sort, not tell of an object that is there."""
        source, whole = self.world.source, self.world.source._listed

        def once(place: Place) -> list[ObjectInfo]:
            source._listed = whole  # type: ignore[method-assign]
            return [info for info in whole(place) if info.key != key]

        source._listed = once  # type: ignore[method-assign]
        self.life.story.append(f"source: one listing leaves {key} out")

    def _change_target(self) -> None:
        open_ones = list(self.world.target._open.values())
        if open_ones and self._dice.random() < 0.6:
            self._change_uploads(open_ones)
            return
        held = [stored.key for stored in self.world.target.keys(ONE[0].target)]
        held = [key for key in held if key.endswith(".c4gh")]
        if not held:
            return
        name = self._dice.choice(held)
        key = name.removeprefix(PREFIX).removesuffix(".c4gh")
        what = self._dice.choice(("gone", "spoiled", "replaced"))
        if what == "gone":
            self.world.target.drop(BUCKET, name)
            self._foreign.pop(name, None)
        elif what == "spoiled":
            size = len(self.world.target.data(BUCKET, name))
            self.world.target.spoil(BUCKET, name, self._dice.randrange(size))
            self._foreign.pop(name, None)
        else:
            self._foreign[name] = self._dice.randbytes(40)
            self.world.target.keep(BUCKET, name, self._foreign[name])
        states = {row["key"]: row["state"] for row in self.world.records().values()}
        if states.get(key) is State.VERIFIED:
            self._harmed.add(key)
        self.life.story.append(f"target: {key} {what}")

    def _change_uploads(self, open_ones: list[_Open]) -> None:
        """Let the host lose parts of uploads that are under way, or all of an upload."""
        if self._dice.random() < 0.5:
            self.world.target.forget_uploads()
            self.life.story.append("target: open uploads are gone")
            return
        one = self._dice.choice(open_ones)
        if one.parts:
            number = self._dice.choice(sorted(one.parts))
            del one.parts[number]
            self.life.story.append(f"target: part {number} of an open upload is gone")

    # --- what goes wrong -----------------------------------------------------------------------

    def _plant(self) -> None:
        """Draw which calls of the next process fail, and whether it is killed."""
        dice, script = self._dice, self.world.script
        for _ in range(dice.choice((0, 0, 1, 2, 4))):
            method, when = dice.choice(CALLS), dice.choice(("before", "after"))
            number = script.calls[method] + dice.randint(1, 4)
            error = self._error()
            script.at(method, number, when, _raising(error))  # type: ignore[arg-type]
            self.life.faults[type(error).__name__] += 1
            self.life.story.append(f"  {when} {method} {number}: {type(error).__name__}")
        if dice.random() < 0.3:
            dice.choice((self._plant_foreign, self._plant_stale, self._plant_other_bytes))()
        if dice.random() < 0.7:
            method = dice.choice(KILLED_AT)
            spread = 40 if method == "now" else 3
            number = script.calls[method] + dice.randint(1, spread)
            self.world.kill_at(Point(method, number, dice.choice(("before", "after"))))

    def _plant_foreign(self) -> None:
        """Let somebody else store an object under a key of ours right before we do."""
        script, target, keys = self.world.script, self.world.target, self._keys()
        if not keys:
            return
        name = f"{PREFIX}{self._dice.choice(keys)}.c4gh"
        body = self._dice.randbytes(30)

        def store() -> None:
            if name not in target._buckets[BUCKET]:
                target.keep(BUCKET, name, body)
                self._foreign[name] = body
                self.life.story.append(f"target: somebody stores {name} during the run")

        for method in ("put", "complete"):
            script.at(method, script.calls[method] + 1, "before", store)

    def _plant_stale(self) -> None:
        """Let the host acknowledge a write, and keep the bytes that were there before."""
        keys = self._keys()
        if not keys:
            return
        script, target = self.world.script, self.world.target
        key, was = self._dice.choice(keys), dict[str, bytes]()
        self._put(key, "changed", len(self.world.source.data(CONTAINER, key)))
        self._following = True

        def remember() -> None:
            was.update({name: one.data for name, one in target._buckets[BUCKET].items()})

        def keep() -> None:
            for name, one in target._buckets[BUCKET].items():
                if name in was and was[name] != one.data and len(was[name]) == len(one.data):
                    target._buckets[BUCKET][name] = replace(one, data=was[name])
                    self.life.story.append(f"target: a write of {name} is acknowledged, not done")

        for method in ("put", "complete"):
            number = script.calls[method] + 1
            script.at(method, number, "before", remember)
            script.at(method, number, "after", keep)

    def _plant_other_bytes(self) -> None:
        """Kill the process after a part, and let the source give other bytes from then on.

        They come under the same version, and of an object whose last part is to be sent again:
        that a source gives one stretch of an object from before such a change and another from
        after it, each once, nobody can know.
        """
        script, source, target = self.world.script, self.world.source, self.world.target
        point = Point("put_part", script.calls["put_part"] + self._dice.randint(1, 3), "after")
        body = self._dice.randbytes(BIG)
        self.world.kill_at(point)
        die = script._acts[point]

        def change() -> None:
            upload, _ = list(target.left)[-1]
            name = target._open[upload].upload.key
            key = name.removeprefix(PREFIX).removesuffix(".c4gh")
            if (CONTAINER, key) in source._blobs and len(source.data(CONTAINER, key)) == BIG:
                source.lie(CONTAINER, key, body)
                self._bytes[key, source.version(CONTAINER, key)].append(body)
                self.life.story.append(f"source: {key} has other bytes from now on")
            die()

        script.at(point.method, point.number, point.when, change)

    def _error(self) -> MigrateError:
        return self._dice.choice(
            (
                ConnectionLost("cut off"),
                ConnectionLost("cut off"),
                ShortRead("another reply than was asked for"),
                Throttled("asks for less", retry_after=self._dice.choice((None, 1.0, 500.0))),
                AccessDenied("may not"),
            )
        )

    # --- what must hold ------------------------------------------------------------------------

    def _check(self, name: str) -> None:
        ledger = self.world.open()
        try:
            ledger.check()
            ledger.reconcile()
            (dataset,) = ledger.datasets()
            rows = list(ledger.records(dataset.id))
            tallies = {state: ledger.tally(dataset.id, state).objects for state in State}
            journal = [digest for *_, digest in ledger.journal()]
        except MigrateError as error:
            raise Broken(f"{name}: the ledger does not check: {error}") from error
        finally:
            ledger.close()
        counts = Counter(row["state"] for row in rows)
        if any(counts[state] != count for state, count in tallies.items()):
            raise Broken(f"{name}: the counts do not close: {counts} {tallies}")
        if journal[: len(self._journal)] != self._journal:
            raise Broken(f"{name}: events of the journal are gone")
        self._journal = journal
        if dataset.sealed and not self._sealed and not self._moving:
            left_out = set(self._keys()) - {row["key"] for row in rows}
            if left_out:
                raise Broken(f"{name}: an inventory was sealed without {min(left_out)}")
        self._sealed = dataset.sealed
        for bodies in self.world.target.left.values():
            if len({body for body in bodies if len(body) == len(max(bodies, key=len))}) > 1:
                raise Broken(f"{name}: one data key sealed two different bodies in one place")
        for row in rows:
            if row["state"] is State.VERIFIED and row["key"] not in self._harmed:
                self._reopen(name, row["key"], row["version"])
        self._demand_foreign(name)

    def _reopen(self, name: str, key: str, version: str | None) -> None:
        """Demand that what is called verified opens to the bytes of its version."""
        expected = self._bytes.get((key, version or ""))
        if expected is None:
            raise Broken(f"{name}: {key} is verified in a version that never was")
        if self._plain(key, len(expected[0])) not in expected:
            raise Broken(f"{name}: {key} is called verified and is not")

    def _demand_foreign(self, name: str) -> None:
        """Demand that somebody else's object is where it was, or was kept aside."""
        held = [stored.key for stored in self.world.target.keys(ONE[0].target)]
        for key, body in self._foreign.items():
            if body not in {self.world.target.data(BUCKET, one) for one in held if key in one}:
                raise Broken(f"{name}: somebody else's object was overwritten: {key}")

    def _plain(self, key: str, size: int) -> bytes | None:
        out = bytearray()
        try:
            stored = self.world.target.data(BUCKET, f"{PREFIX}{key}.c4gh")
            unsealer = self.world.envelopes.unsealer(size=size, write=out.extend)
            unsealer.write(stored)
            unsealer.close()
        except (KeyError, MigrateError):
            return None
        return bytes(out)

    # --- the end -------------------------------------------------------------------------------

    def _settle(self) -> None:
        """Heal the world, and demand that quiet runs come to what an undisturbed one gives."""
        world = self.world
        world.script.heal()
        world.source._drifts.clear()
        world.source._drifts_after.clear()
        world.source._told.clear()
        vars(world.source).pop("_listed", None)
        refresh = Wishes(refresh=True, user=USER)
        for number in range(SETTLING):
            before = self._state()
            self._move_away()
            self._process("settling: verify --again full", lambda: self._look("full"))
            self._harmed.clear()
            self._process("settling: verify --restore", self._restore)
            self._process("settling: run --retry-failed", self._retry)
            self._process("settling: run --refresh", lambda: world.run(ALL, wishes=refresh))
            if number and self._state() == before:
                break
        else:
            raise Broken(f"not at rest after {SETTLING} rounds without trouble")
        self._compare()

    def _move_away(self) -> None:
        """Do what a conflict asks of people: what is in the way of an object is moved elsewhere."""
        for row in self.world.records().values():
            name = f"{PREFIX}{row['key']}.c4gh"
            if row["reason"] == Code.CONFLICT and name in self.world.target._buckets[BUCKET]:
                self._foreign.pop(name, None)
                self.world.target.drop(BUCKET, name)
                self.life.story.append(f"target: what is in the way of {row['key']} is moved away")

    def _state(self) -> str:
        """Return a digest of all that must come to rest."""
        fields = ("state", "version", "sha256", "reason")
        rows = sorted(
            (name, *(str({**record}[field]) for field in fields))
            for name, record in self.world.records().items()
        )
        held = sorted((stored.key, stored.etag) for stored in self.world.target.keys(ONE[0].target))
        said = repr((rows, held, self.world.target.uploads()))
        return hashlib.sha256(said.encode()).hexdigest()

    def _compare(self) -> None:
        """Demand what a migration without trouble gives: all of the source, and nothing else."""
        world = self.world
        if world.target.uploads():
            raise Broken("uploads were left open")
        rows = {record["key"]: record for record in world.records().values()}
        findings = {key for _, key in world.findings()}
        for key in self._keys():
            row = rows.get(key)
            if row is None:
                raise Broken(f"{key} was never inventoried")
            if row["state"] is not State.VERIFIED:
                if key in findings:
                    raise Broken(f"{key} stays {row['state'].name}: {row['reason']}")
                raise Broken(f"{key} stays {row['state'].name} and nothing says why")
            if row["version"] != world.source.version(CONTAINER, key):
                raise Broken(f"{key} is verified in a version that is past")
            known = self._bytes[key, world.source.version(CONTAINER, key)]
            plain = self._plain(key, len(known[0]))
            if plain not in known:
                raise Broken(f"{key} is verified and differs")
            if row["sha256"] != hashlib.sha256(plain or b"").hexdigest():
                raise Broken(f"{key} has another digest in the ledger")


def _raising(error: BaseException) -> Callable[[], None]:
    def act() -> None:
        raise error

    return act
