"""A batch that was moved, its pointer, and everybody who has a say in its cutover: all in memory.

The pointer obeys its port. Killing works as in `World`: what stays is the pointer, the target and
the source as they are at that moment, and the ledger's files as they are on the disk.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any, Literal, TypeVar

from hdh_migrate.errors import PointerMoved
from hdh_migrate.events.cutover import Track
from hdh_migrate.fixity import MerkleTree, canonical_json, leaf_digest
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.ledger.database import connect
from hdh_migrate.model import Erased, Erasing, Place, Problem, Refusal, Remnant, State, Trace
from hdh_migrate.pipeline.cutover.scene import Consent, Consumer, Need, Program, Ran, Scene, Terms
from hdh_migrate.pipeline.projections.standing import CutoverStanding, standing
from hdh_migrate.ports.switching import Pointer
from tests.support.events import demand_round_trip
from tests.support.script import Point, Script
from tests.support.world import ONE, Dataset, World

OLD, NEW = "https://old.example/pmsi", "s3://dst/t/"
BATCH = "b"
T = TypeVar("T")


class FakePointer:
    """One value, changed by compare-and-set only."""

    kind = "fake"
    guard: Literal["conditional", "checked"] = "conditional"

    def __init__(self, script: Script, value: str = OLD) -> None:
        self.script = script
        self.value = value
        self.problems: list[Problem] = []
        self.swaps: list[tuple[str, str]] = []

    def check(self) -> Sequence[Problem]:
        with self.script.call("pointer check"):
            return list(self.problems)

    def read(self) -> str:
        with self.script.call("pointer read"):
            return self.value

    def swap(self, *, expected: str, new: str) -> None:
        with self.script.call("pointer swap"):
            if self.value == new:
                return
            if self.value != expected:
                raise PointerMoved("the pointer has another value")
            self.value = new
            self.swaps.append((expected, new))


class Watched:
    """A real pointer whose calls are counted, so that a run can be killed around them."""

    def __init__(self, script: Script, pointer: Pointer) -> None:
        self.script, self._pointer = script, pointer
        self.kind = pointer.kind

    @property
    def guard(self) -> Literal["conditional", "checked"]:
        return self._pointer.guard

    def check(self) -> Sequence[Problem]:
        with self.script.call("pointer check"):
            return self._pointer.check()

    def read(self) -> str:
        with self.script.call("pointer read"):
            return self._pointer.read()

    def swap(self, *, expected: str, new: str) -> None:
        with self.script.call("pointer swap"):
            self._pointer.swap(expected=expected, new=new)


class FakeProbe:
    """Tries to write to the fake source; whether it may is the test's to say."""

    def __init__(self, world: World) -> None:
        self.script, self.source = world.script, world.source
        self.denied = True
        self.lands = False
        """Whether what is denied is done all the same."""
        self.removable = True
        self.landed = 0
        """When a write last went through, by the script's count of steps, where it counts them."""

    def probe(self, place: Place, name: str) -> Refusal:
        with self.script.call("probe"):
            if self.lands or not self.denied:
                self.landed = getattr(self.script, "step", 0)
            if self.denied:
                if self.lands:
                    self.source.put(place.bucket, name, b"")
                return Refusal(proven=True, detail="AuthorizationPermissionMismatch (HTTP 403)")
            self.source.put(place.bucket, name, b"")
            if not self.removable:
                return Refusal(proven=False, detail="the write went through", left=name)
            self.source.drop(place.bucket, name)
            return Refusal(proven=False, detail="the write went through")

    def clear(self, place: Place, name: str) -> bool:
        with self.script.call("clear"):
            if (self.denied and not self.lands) or not self.removable:
                return False  # who may not write may not delete either
            self.source._blobs.pop((place.bucket, name), None)
            return True


class FakeEraser:
    """Deletes from a world's source, by version."""

    def __init__(self, world: World) -> None:
        self.script, self.source = world.script, world.source
        self.kept: dict[str, str] = {}
        self.left: list[Remnant] = []
        self.asked: list[tuple[str, str]] = []

    def erase(self, place: Place, key: str, version: str) -> Erased:
        with self.script.call("erase"):
            self.asked.append((key, version))
            blob = self.source._blobs.get((place.bucket, key))
            if blob is None:
                return Erased(outcome=Erasing.MISSING, detail="it was not there")
            if key in self.kept:
                return Erased(outcome=Erasing.KEPT, detail=self.kept[key])
            if blob.info.version != version:
                return Erased(outcome=Erasing.DRIFTED, detail="it has another version now")
            self.source.drop(place.bucket, key)
            return Erased(outcome=Erasing.DELETED)

    def remnants(self, place: Place) -> Iterator[Remnant]:
        with self.script.call("remnants"):
            yield from self.left
            for bucket, key in sorted(self.source._blobs):
                if bucket == place.bucket:
                    yield Remnant(key=key, trace=Trace.CURRENT)

    def unseen(self) -> Sequence[Trace]:
        return [Trace.VERSION]


class FakeDrawer:
    """Keeps files in memory."""

    def __init__(self) -> None:
        self.files: dict[str, str] = {}

    @contextmanager
    def open(self, name: str) -> Iterator[io.StringIO]:
        file = io.StringIO()
        yield file
        self.files[name] = file.getvalue()

    def path(self, name: str) -> str:
        return f"/state/{name}"


class Affair:
    """One batch of a world and its cutover; each verb is one process from start to end."""

    def __init__(self, folder: Path, datasets: Sequence[Dataset] = ONE, **options: Any) -> None:
        self.world = World(folder, datasets, **options)
        self.script = self.world.script
        self.pointer = FakePointer(self.script)
        self.canary = FakePointer(self.script)
        self.real: Pointer | None = None
        self.value = NEW
        self.probe: FakeProbe | None = FakeProbe(self.world)
        self.drawer = FakeDrawer()
        self.approved: set[tuple[str, str]] = set()
        self.stated: str | None = None
        self.holder: str | None = None
        self.waivers: set[str] = set()
        self._typed: set[bytes] = set()
        self.closed: list[str] = []
        self.unfit: list[str] = []
        self.lacking: list[str] = []
        self.needs: tuple[Need, ...] = ()
        self.programs: list[Program] = []
        self.reader: Any = self.world.target
        self.consumer: Callable[[], Consumer] = self._as_world
        self.terms = Terms(
            relist_seconds=60, rounds=3, smoke_objects=3, window_seconds=3600, roll_back=False
        )

    def twin(self, folder: Path, copied: dict[int, Any] | None = None) -> Affair:
        """Return an affair that is as this one is between two processes; see `World.twin`."""
        copied = {} if copied is None else copied
        self.world.twin(folder, copied)
        return deepcopy(self, copied)

    # --- what a test does --------------------------------------------------------------------

    def approve(self, *stages: str) -> None:
        """Sign for stages, for the manifest as it is now."""
        ledger = self.world.open()
        try:
            root = self.root(ledger)
        finally:
            ledger.close()
        self.approved.update((stage, root) for stage in stages)

    def act(self, verb: Callable[..., T], *more: Any, track: Track = Track.CUTOVER) -> T:
        """Carry out a verb as one process does; what it journals is of the events' types."""
        ledger = self.world.open()
        try:
            return verb(self.scene(ledger, track), *more)
        finally:
            ledger.close()
            if self.script.dead:
                self.world._put_back()
            self._demand_typed()

    def kill_at(self, point: Point) -> None:
        self.world.kill_at(point)

    def _demand_typed(self) -> None:
        con = connect(self.world.path, read_only=True)
        for kind, body, digest in con.execute("SELECT kind, body, digest FROM event"):
            if digest not in self._typed:
                demand_round_trip(kind, body)
                self._typed.add(digest)
        con.close()

    # --- what came of it ---------------------------------------------------------------------

    def standing(self, track: Track = Track.CUTOVER) -> CutoverStanding:
        ledger = self.world.open()
        try:
            return standing(ledger.cutovers(), BATCH, track)
        finally:
            ledger.close()

    def events(self) -> list[str]:
        """Return the kinds of the story's events, in order."""
        ledger = self.world.open()
        try:
            return [kind.removeprefix("cutover-") for _, kind, _ in ledger.cutovers()]
        finally:
            ledger.close()

    def source_as_it_is(self) -> dict[tuple[str, str], tuple[str, bytes]]:
        """Return every byte and version of the source."""
        blobs = self.world.source._blobs
        return {key: (blob.info.version, blob.data) for key, blob in blobs.items()}

    # --- how it is put together ----------------------------------------------------------------

    def root(self, ledger: SqliteLedger) -> str:
        tree = MerkleTree()
        for row in ledger.datasets(BATCH):
            for record in ledger.records(row.id):
                if record["state"] is not State.EXCLUDED:
                    tree.append(
                        leaf_digest(canonical_json({**record, "state": int(record["state"])}))
                    )
        return tree.root()

    def scene(self, ledger: SqliteLedger, track: Track) -> Scene:
        return Scene(
            ctx=self.world.context(ledger),
            batch=BATCH,
            track=track,
            pointer=self.real or (self.pointer if track is Track.CUTOVER else self.canary),
            value=self.value,
            probe=self.probe,
            terms=self.terms,
            needs=self.needs,
            user="ops@here",
            root=lambda: self.root(ledger),
            consent=self._consent,
            held=self._held,
            waivers=lambda: self._waived,
            attested=lambda: list(self.closed),
            unfit=lambda: list(self.unfit),
            consumer=self.consumer,
            lacking=lambda: list(self.lacking),
            programs=self.programs,
            drawer=self.drawer,
            shown=lambda value: f"<{value[:5]}>",
            rehearsing=True,
        )

    def _as_world(self) -> Consumer:
        return Consumer(reader=self.reader, envelopes=self.world.envelopes)

    def _consent(self, stage: str, root: str) -> Consent:
        with self.script.call("consent"):
            if stage == "freeze" and self.stated is not None:
                return Consent(given=True, keys=("SHA256:dpo",), begins=self.stated)
            if (stage, root) in self.approved:
                return Consent(given=True, keys=("SHA256:dpo",))
            return Consent(given=False, reasons=("0 of 1 approvals",))

    def _held(self) -> str | None:
        with self.script.call("held"):
            return self.holder

    def _waived(self, finding: Mapping[str, Any]) -> bool:
        return finding["code"] in self.waivers


def program(name: str, *, ok: bool = True, act: Callable[[], None] = lambda: None) -> Program:
    """Return a smoke test that ends as told."""

    def run() -> Ran:
        act()
        return Ran(ok=ok, detail="status 0" if ok else "status 1")

    return Program(name=name, run=run)


def names(affair: Affair, what: str) -> list[dict[str, Any]]:
    """Return the lines that a verb left in the drawer."""
    return [json.loads(line) for line in affair.drawer.files[what].splitlines()]
