"""Everything that a life happens in: both ends, the pointer, the machines, what is known of them.

What is kept here is what an outsider knows who saw everything: which bytes the source ever gave
under a version, what somebody else stored, when an object was touched, read or asked for. The
ledger is asked for none of it.
"""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from hdh_migrate.codes import Code
from hdh_migrate.errors import MigrateError
from hdh_migrate.events.fence import FenceTaking
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.model import (
    FREEZE_TRIAL,
    HEADER_PACKS,
    DatasetRow,
    Instruction,
    Keeping,
    ObjectRecord,
    OpenFinding,
    Place,
    Span,
    Stamp,
    Stored,
    Upload,
)  # fmt: skip
from hdh_migrate.pipeline.fences.fence import fence_key
from hdh_migrate.pipeline.fences.fencing import Fencing
from hdh_migrate.pipeline.projections.standing import CutoverStage, CutoverStanding, standing
from hdh_migrate.pipeline.tags import ATTEMPT, mark_of
from hdh_migrate.ports.stores import Write
from tests.campaign.conditions import Conditions
from tests.campaign.disk import Disk
from tests.campaign.keyring import Keyring, every_version
from tests.campaign.kinds import LifeKind
from tests.campaign.life import Broken, Life, StepScript
from tests.campaign.packs import HybridRing, SecondCopies, is_pack, opened
from tests.support.cutover import BATCH, Affair, FakePointer
from tests.support.quiet import FIRST
from tests.support.versioned import VersionedTarget
from tests.support.world import ONE, RUN_TAG, SMALL, Dataset, World

BUCKET, CONTAINER, PREFIX, COPIES = "dst", "src", "t/", "copies"
OTHER = "https://somebody.example/"
USER = "sim@here"
MIGRATION = "m"
LOCK_DAYS = 2
HOUR = 3_600
SHARED = (
    "source", "target", "clock", "stop", "notes", "envelopes", "plan", "rebinds", "engine",
)  # fmt: skip
"""What each machine's world has of the first one's."""
ENDING = "e"
"""The dataset that is to be erased, and how the keys of its objects begin."""


@dataclass(slots=True)
class SimulatedHost:
    """A machine with a ledger of its own, or with a copy of another one's."""

    name: str
    world: World
    plans: list[Dataset]
    """The dataset as each revision of the batch has it."""
    journal: list[bytes] = field(default_factory=list)
    sealed: frozenset[str] = frozenset()
    """Datasets whose inventory is closed."""
    recipients: tuple[str, ...] = ()
    """For whom its plan seals: public keys, in hexadecimal."""
    first: tuple[str, ...] = ()
    """For whom its plan sealed when its ledger was made."""
    copies: SecondCopies | None = None
    """Of its header packs."""
    erased: frozenset[str] = frozenset()
    """Datasets that its journal says are erased, or being erased."""
    rotating: bool = False
    """Whether an exchange of keys has begun and not gone through everything."""
    run_tag: str = RUN_TAG
    knows: int = 0
    """How often the fence was taken, as far as this machine can know."""
    said: list[Instruction] = field(default_factory=list)
    """What people told its runs, one after the other."""
    unsure: frozenset[str] = frozenset()
    """Of what was said, by its ids, what the journal may have lost with an older ledger."""
    noticed: set[str] = field(default_factory=set)
    """Ids of documents that waited for whom the plan notifies."""
    kept_beside: bool = False
    """Whether people write something beside its ledger."""
    opened: list[int] = field(default_factory=list)
    """The objects that were opened for people, by their numbers, one after the other."""

    def copied(self, **other: Any) -> SimulatedHost:
        """Return a machine with a copy of this one's state, and what is `other` there."""
        lists: dict[str, Any] = {
            "journal": list(self.journal),
            "plans": list(self.plans),
            "said": list(self.said),
            "opened": list(self.opened),
            "noticed": set(self.noticed),
        }
        return replace(self, **lists | other)


@dataclass(slots=True)
class Touched:
    """When somebody else touched a thing, in steps, and how."""

    step: int
    how: str


class Setting:
    """The ends and the machines of one life."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.life = Life(seed)
        self.dice = random.Random(seed)
        self.aside = random.Random(f"aside {seed}")
        """Draws what lives did not have at first, so that a seed keeps what it drew before."""
        self.script = StepScript()
        self.folder = folder
        self.given, self._handed_out = folder / "given", folder / "given-at-the-kill"
        """Where grants are written."""
        self.disk = Disk(self.dice)
        self.conditions = Conditions(self.life, self.script)
        self.kind = LifeKind.of(seed)
        datasets = self._datasets()
        self.suffix = datasets[0].suffix
        self.beside = datasets[1:]
        """What is moved besides, whose rules nobody changes."""
        self.affair = Affair(folder / "one", datasets, script=self.script)
        self.host = SimulatedHost("one", self.affair.world, plans=[datasets[0]])
        self.hosts = [self.host]
        self._machines = 0
        """How many there were besides the first one."""
        self.steps = self.kind is LifeKind.ATTENDED
        """Whether the machines' clock steps, by up to an hour to either side."""
        self.slack = 2.0 + 2 * HOUR * self.steps
        """Seconds between a call, or a signature, and what is noted of it."""
        self.lost = False
        """Whether a ledger was lost, and another one made anew."""
        self.put_back = False
        """Whether an older copy was put in a ledger's place."""
        world = self.affair.world
        self.versioned = self.kind.rekeys and self.dice.random() < 0.75
        """Whether the target keeps what is written over."""
        if self.versioned:
            world.target = VersionedTarget(BUCKET, limits=SMALL, script=self.script)
            world.target.now = self.clock_text
            self.affair.reader = world.target
            if self.kind is LifeKind.ERASED and self.dice.random() < 0.35:
                self._lock()
        self.inline = Keyring()
        self.hybrid = HybridRing() if self.kind.apart else None
        self.ring: Keyring | HybridRing = self.hybrid or self.inline
        self.host.recipients = self.host.first = self.ring.first
        self.host.copies = SecondCopies(self.base("one") / COPIES / MIGRATION)
        self.headers: dict[str, bytes] = {}
        """Where they are apart, as the ledger had them after the last process."""
        self.under_way: dict[str, bytes] = {}
        """Those under which objects are being sealed anew."""
        if self.hybrid is not None:
            world.envelopes = self.hybrid.envelopes(self.host.recipients)
        elif self.kind.rekeys:
            self.inline.watch(world.target)
        self.source, self.target, self.clock = world.source, world.target, world.clock
        self.clock._tick = self.dice.choice((0.001, 1.0))
        """With little time passing, only what must be committed at once is."""
        self.source.page_size = self.dice.choice((1, 2, 3))
        self.fenced = self.dice.random() < 0.4 and self.kind is not LifeKind.GRANTED
        """Whether who writes holds the fence; without it there is one machine."""
        always = self.kind in {LifeKind.MONTHS, LifeKind.JUDGED}
        self.switches = self.dice.random() < 0.5 or always
        """Whether the batch is to be cut over in this life, besides being moved."""
        self.bytes: dict[tuple[str, str], list[bytes]] = {}
        """What the source gave under a key and version, ever."""
        self.harmed: set[str] = set()
        """Keys whose verified target object somebody else touched since it was looked at."""
        self.packs_harmed = False
        """Whether somebody else ever touched a header pack, or a second copy of one."""
        self.touched: dict[str, Touched] = {}
        """By key: when somebody else last touched what the target holds."""
        self.looked: dict[str, int] = {}
        """By target name: the step of the last time it was asked for."""
        self.read: dict[str, tuple[int, float]] = {}
        """By target name: step and second of the last time all of it was read."""
        self.foreign: dict[str, bytes] = {}
        self.erased: set[str] = set()
        """Keys that were deleted at the source on our word."""
        self.opened: dict[tuple[str, str], bytes] = {}
        """By key and version: what was stored when it was last opened and found right."""
        self.moving = False
        """Whether the source changes under a process."""
        self.following = False
        """Whether the next process follows the source, so that what was planted comes to pass."""
        self.holding: Fencing | None = None
        """The fence of the process that is under way."""
        self.takes = 0
        """How often the fence was taken, by any machine."""
        self._nonce = ""
        """What the fence showed when it was taken last."""
        self.reported: set[str] = set()
        """Manifest roots of which there is a report that proves every object."""
        self.pointer_touched = 0
        """The step at which somebody else last changed the pointer; 0: it is as we left it."""
        self.switched_by: SimulatedHost | None = None
        """Which machine last changed the pointer."""
        self.seen: tuple[list[ObjectRecord], CutoverStanding] | None = None
        """What the ledger of the machine that acts tells, since the last process; None: unread."""
        self.began = 0
        """The step at which the process under way, or the last one, began."""
        self._watch()

    def _datasets(self) -> tuple[Dataset, ...]:
        """Return what is moved: one dataset, or two, of one batch or each of its own."""
        if self.kind is not LifeKind.ERASED:
            return ONE
        ending = Dataset(
            name=ENDING, batch=self.dice.choice((BATCH, "c")), source=Place(bucket="src-e"),
            target=Place(bucket=BUCKET, prefix="e/"), suffix=".segments", allow_empty=True,
        )  # fmt: skip
        return (replace(ONE[0], suffix=".segments"), ending)

    def _lock(self) -> None:
        """Have every object locked at the host for some days."""
        keeping = Keeping(mode="GOVERNANCE", days=LOCK_DAYS)
        self.world.datasets = [replace(one, keeping=keeping) for one in self.world.datasets]
        self.host.plans, self.beside = [self.world.datasets[0]], tuple(self.world.datasets[1:])

    def clock_text(self) -> str:
        """Return what the life's clock shows; nobody notices that it was looked at."""
        moment = FIRST + timedelta(seconds=int(self.affair.world.clock.seconds))
        return moment.strftime("%Y-%m-%dT%H:%M:%SZ")

    def base(self, name: str) -> Path:
        """Return the folder of a machine's plan."""
        return self.folder / "bases" / name

    @property
    def prefixes(self) -> list[str]:
        """How the names begin of what is moved, and was not erased."""
        datasets = (self.host.plans[-1], *self.beside)
        return [one.target.prefix for one in datasets if one.name not in self.host.erased]

    @property
    def world(self) -> World:
        """The machine that acts now."""
        return self.host.world

    @property
    def pointer(self) -> FakePointer:
        """What consumers follow."""
        return self.affair.pointer

    @property
    def strangers(self) -> bool:
        """Whether a ledger stored something that the one of the machine that acts may not know."""
        return len(self.hosts) > 1 or self.lost or self.put_back

    def turn_to(self, host: SimulatedHost) -> None:
        """Let another machine act from here on."""
        self.host, self.seen = host, None
        self.affair.world = host.world

    def revive(self) -> bool:
        """Let every seam answer again after a kill, and leave of the ledger what the kill left.

        Returns whether there was a kill. Whoever acts next, people too, may only do so after this.
        """
        killed = self.script.dead
        if killed:
            self.world._put_back()
            if self._handed_out.exists():
                shutil.rmtree(self.given, ignore_errors=True)
                self._handed_out.rename(self.given)
        return killed

    def keep_given(self) -> None:
        """Remember what grants have on the disk at the moment of a kill."""
        if self.given.exists():
            shutil.rmtree(self._handed_out, ignore_errors=True)
            shutil.copytree(self.given, self._handed_out)

    def took(self, *, over: bool, before: int) -> None:
        """Judge that the machine that acts took the fence, `over` whoever had it or not.

        `before`: how often it was taken when this machine began to.

        Raises:
            Broken: another one took it since this one last knew, and nobody said to take it over.
        """
        if not over and self.host.knows != before:
            raise Broken(f"{self.host.name} writes as if no other machine had written since")
        self.see_taken()

    def see_taken(self) -> None:
        """Remember that the machine that acts took the fence, if that is what the fence shows.

        Also of one that was killed on the way; who was overtaken there notices that later.
        """
        found = self.target._buckets[BUCKET].get(fence_key(MIGRATION))
        if found is None:
            return
        shown = json.loads(found.data)
        if shown["host"] == self.host.name and shown["nonce"] != self._nonce:
            self._nonce = shown["nonce"]
            self.takes += 1
            self.host.knows = self.takes

    def shows_fence_of(self, host: SimulatedHost) -> bool:
        """Return whether the fence shows what a machine's ledger says that it would write there."""
        ledger = host.world.open()
        try:
            return self._nonce in {one.nonce for _, one in ledger.events(FenceTaking)}
        finally:
            ledger.close()

    def distrust(self) -> None:
        """Take whatever is verified for touched: another machine may have written since."""
        self.harmed.update(row["key"] for row in self.records())

    def _watch(self) -> None:
        """Remember what the source ever gave, and when the target was asked for what."""
        source, target = self.source, self.target
        put, head, read = source.put, target.head, target.read
        store, complete = target.put, target.complete

        def remembered(bucket: str, key: str, data: bytes, **more: object) -> None:
            put(bucket, key, data, **more)
            self.bytes[key, source.version(bucket, key)] = [data]

        def asked(bucket: str, key: str, *, version_id: str | None = None) -> Stored | None:
            found = head(bucket, key, version_id=version_id)
            self.looked[key] = self.script.step
            return found

        def whole(bucket: str, stored: Stored, span: Span | None, write: Write) -> Stored:
            found = read(bucket, stored, span, write)
            self.read[stored.key] = (self.script.step, self.clock.seconds)
            return found

        def stored(
            bucket: str, key: str, body: memoryview, *, sha256: str, stamp: Stamp,
            replaces: str | None,
        ) -> Stored:  # fmt: skip
            there = self._epoch_at(bucket, key)
            found = store(bucket, key, body, sha256=sha256, stamp=stamp, replaces=replaces)
            _demand_not_earlier(key, stamp.attempt, there)
            return found

        def completed(
            upload: Upload, parts: Sequence[tuple[int, str]], *, size: int, attempt: str,
            replaces: str | None,
        ) -> Stored:  # fmt: skip
            there = self._epoch_at(upload.bucket, upload.key)
            found = complete(upload, parts, size=size, attempt=attempt, replaces=replaces)
            _demand_not_earlier(upload.key, attempt, there)
            return found

        target.put, target.complete = stored, completed  # type: ignore[method-assign]
        source.put = remembered  # type: ignore[method-assign]  # drifts call it, too
        target.head, target.read = asked, whole  # type: ignore[method-assign]

    def _epoch_at(self, bucket: str, key: str) -> int:
        found = self.target._buckets[bucket].get(key)
        return 0 if found is None else _epoch(found.stored.metadata.get(ATTEMPT, ""))

    # --- what is there -------------------------------------------------------------------------

    def source_keys(self) -> list[str]:
        """Return the keys of the source, without what a trial of ours may have left.

        And without what was erased: nobody follows that any more.
        """
        keys = (key for _, key in self.source._blobs if not key.startswith(FREEZE_TRIAL))
        return sorted(key for key in keys if self.dataset_of(key).name not in self.host.erased)

    def dataset_of(self, key: str) -> Dataset:
        """Return to which dataset an object, or a pack, belongs."""
        parts = key.removeprefix(HEADER_PACKS)
        return next((one for one in self.beside if parts.startswith(one.name)), self.host.plans[-1])

    def living(self, ledger: SqliteLedger, batch: str | None = None) -> list[DatasetRow]:
        """Return the datasets of a ledger that nobody erased, the one of the life first."""
        return [row for row in ledger.datasets(batch) if row.name not in self.host.erased]

    def container(self, key: str) -> str:
        """Return in which container of the source an object is."""
        return self.dataset_of(key).source.bucket

    def name(self, key: str) -> str:
        """Return under which name an object is stored."""
        return f"{self.dataset_of(key).target.prefix}{key}{self.suffix}"

    def key(self, name: str) -> str:
        """Return of which object a stored one is."""
        prefix = next((one for one in self.prefixes if name.startswith(one)), "")
        return name.removeprefix(prefix).removesuffix(self.suffix)

    def stored(self, key: str) -> bytes | None:
        """Return what is stored for an object."""
        found = self.target._buckets[BUCKET].get(self.name(key))
        return None if found is None else found.data

    def plain(self, key: str, size: int) -> bytes | None:
        """Return what is stored for an object, opened; None: it does not open."""
        out = bytearray()
        stored = self.stored(key)
        if stored is None:
            return None
        envelopes = self.world.envelopes
        if self.hybrid is not None:
            return self._apart(self.hybrid, key, size)
        if self.kind.rekeys:  # whichever key that is: see `Invariants`
            envelopes = self.inline.opening(stored) or envelopes
        try:
            unsealer = envelopes.unsealer(size=size, write=out.extend)
            unsealer.write(stored)
            unsealer.close()
        except MigrateError:
            return None
        return bytes(out)

    def _apart(self, ring: HybridRing, key: str, size: int) -> bytes | None:
        """Return the same where the header is apart.

        While an object is being sealed anew, one header is of the version that is there still, and
        another one of what takes its place.
        """
        name, headers = self.name(key), [self.headers.get(key, b"")]
        bodies = [self.target._buckets[BUCKET][name].data]
        if key in self.under_way:
            headers.append(self.under_way[key])
            bodies = list(every_version(self.target, BUCKET)[name])
        for data_key in ring.data_keys(headers):
            for body in bodies:
                if (found := opened(body, data_key, size)) is not None:
                    return found
        return None

    def holds(self, key: str, version: str) -> bool:
        """Return whether the target holds an object as the source gave it in a version."""
        known = self.bytes.get((key, version))
        stored = self.stored(key)
        if known is None or stored is None:
            return False
        if self.opened.get((key, version)) is stored:
            return True
        if self.plain(key, len(known[0])) not in known:
            return False
        self.opened[key, version] = stored
        return True

    def touch(self, key: str, how: str) -> None:
        """Remember that somebody else touched what the target holds."""
        self.touched[key] = Touched(self.script.step, how)
        self.packs_harmed = self.packs_harmed or is_pack(key)
        self.harmed.add(key)

    # --- what our ledger tells, for who plays people or chance -----------------------------------

    def records(self) -> list[ObjectRecord]:
        """Return the rows of the machine that acts."""
        return self._known()[0]

    def standing(self) -> CutoverStanding:
        """Return how the batch stands, as the ledger of the machine that acts has it."""
        return self._known()[1]

    def findings(self, code: Code) -> list[OpenFinding]:
        """Return the open findings of a code, in the ledger of the machine that acts."""
        ledger = self.world.open()
        try:
            return [one for one in ledger.findings() if one["code"] == code]
        finally:
            ledger.close()

    def _known(self) -> tuple[list[ObjectRecord], CutoverStanding]:
        if self.seen is None:
            ledger = self.world.open()
            try:
                rows = [row for one in self.living(ledger) for row in ledger.records(one.id)]
                self.seen = rows, standing(ledger.cutovers(), BATCH)
            finally:
                ledger.close()
        return self.seen

    def another(self) -> SimulatedHost:
        """Return a new machine with a copy of the state folder as it is."""
        self._machines += 1
        name = f"copy-{self._machines}"
        other = World(self.folder / name, script=self.script)
        for shared in (*SHARED, "datasets"):
            setattr(other, shared, getattr(self.world, shared))
        self.copy_state(self.world.path.parents[1], other.path.parents[1])
        copies = SecondCopies(self.base(name) / COPIES / MIGRATION)
        host = self.host.copied(name=name, world=other, copies=copies)
        self.hosts.append(host)
        return host

    def lose(self) -> None:
        """Lose every machine with its ledger; the next one has the plan and the keys alone."""
        self._machines += 1
        name = f"anew-{self._machines}"
        other = World(self.folder / name, script=self.script)
        for shared in (*SHARED, "datasets"):
            setattr(other, shared, getattr(self.world, shared))
        other.run_tag = f"{RUN_TAG}-{name}"
        host = SimulatedHost(
            name, other, plans=[self.host.plans[-1]], recipients=self.host.recipients,
            first=self.host.recipients, run_tag=other.run_tag,
            copies=SecondCopies(self.base(name) / COPIES / MIGRATION),
        )  # fmt: skip
        self.hosts, self.lost = [host], True
        self.turn_to(host)

    @staticmethod
    def copy_state(source: Path, target: Path) -> None:
        """Copy a state folder."""
        if source.exists():
            shutil.copytree(source, target)


def _epoch(tag: str) -> int:
    """Return the epoch that a tag of an attempt names."""
    ours, *numbers = tag.split(".")
    known = mark_of(ours) == RUN_TAG and len(numbers) == 3 and numbers[2].isdigit()
    return int(numbers[2]) if known else 0


def _demand_not_earlier(key: str, tag: str, there: int) -> None:
    if there > _epoch(tag):
        raise Broken(f"{key} of epoch {there} is replaced by a writer of epoch {_epoch(tag)}")


AT_TARGET = frozenset(
    {
        CutoverStage.SWITCHED, CutoverStage.OPEN, CutoverStage.FINALIZED, CutoverStage.ERASING,
        CutoverStage.REQUESTED, CutoverStage.OBSERVED,
    }
)  # fmt: skip
"""Stages in which consumers are led to the target."""

NOT_SWITCHED = frozenset({CutoverStage.NONE, CutoverStage.PREPARING, CutoverStage.ROLLED_BACK})
"""Stages in which they are led to where they were before."""
