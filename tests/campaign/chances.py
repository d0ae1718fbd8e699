"""What the world does between and during processes: source, target, consumers, people, time."""

from __future__ import annotations

from collections.abc import Callable

from hdh_migrate.model import FREEZE_TRIAL, SIZE_MAX, ObjectInfo, Place
from tests.campaign.council import Council
from tests.campaign.guards import GuardedPointer
from tests.campaign.setting import BUCKET, CONTAINER, OTHER, PREFIX, Setting
from tests.campaign.waiving import LASTING, Waiving
from tests.support.cutover import NEW, OLD, FakeProbe
from tests.support.fakes import _Object, _Open
from tests.support.versioned import VersionedTarget
from tests.support.world import BIG, SEGMENT

SIZES = (0, 1, 300, 900, SEGMENT, 70_000, BIG, BIG)
DAY = 86_400
LONG_NAME = f"k{'n' * 1_100}"


class Chances:
    """Draws what happens."""

    def __init__(
        self, setting: Setting, council: Council, pointer: GuardedPointer, waiving: Waiving
    ) -> None:
        self._setting, self._council, self._pointer = setting, council, pointer
        self._waiving = waiving
        self._names = 0
        self.kept: dict[str, _Object] = {}
        """What stood where somebody else harmed it, by name, for who mends it by other means."""
        self._whole = setting.source._listed
        self._short = False
        """Whether a listing of the inventory that is not sealed yet left something out."""

    # --- the source ----------------------------------------------------------------------------

    def add(self) -> None:
        """Let an object come to the source."""
        self._names += 1
        first = "k"
        if self._setting.beside and self._names > 1 and self._setting.dice.random() < 0.4:
            first = self._setting.beside[0].name
        self.put(f"{first}{self._names}", "added")

    def begin(self) -> None:
        """Let there be something of each dataset."""
        for one in self._setting.world.datasets:
            self._setting.source.make(one.source.bucket)
        for one in self._setting.beside:
            self.put(f"{one.name}0", "added")
        for _ in range(self._setting.dice.randint(1, 6)):
            self.add()

    def put(self, key: str, how: str, size: int | None = None) -> None:
        """Write an object at the source."""
        setting = self._setting
        size = setting.dice.choice(SIZES) if size is None else size
        setting.source.put(setting.container(key), key, setting.dice.randbytes(size))
        setting.life.tell(f"source: {key} {how}, {size} bytes")

    def change_source(self) -> None:
        """Add, change, delete, or let a listing lie."""
        setting, keys = self._setting, self._setting.source_keys()
        dice, source = setting.dice, setting.source
        if setting.aside.random() < 0.04:
            source.put(CONTAINER, LONG_NAME, b"1")
            setting.life.tell("source: an object whose name no target takes")
        what = dice.choice(("add", "change", "drop", "drift", "lie once", "leave out"))
        if what == "add" or not keys:
            self.add()
            return
        key = dice.choice(keys)
        if what == "change":
            self.put(key, "changed")
        elif what == "drop":
            self._drop(key, keys)
        elif what == "drift":
            data = dice.randbytes(dice.choice(SIZES))
            source.drift(key, data, midway=dice.random() < 0.5)
            setting.moving = True
            setting.life.tell(f"source: {key} changes while it is read, to {len(data)} bytes")
        elif what == "lie once":
            source.tell(key, {"size": dice.choice((0, 7, SIZE_MAX, 1 << 62))})
            setting.life.tell(f"source: one listing tells a wrong size of {key}")
        elif what == "leave out":
            self._lie_in_a_listing(
                f"leaves {key} out", lambda found: [one for one in found if one.key != key]
            )

    def change(self) -> None:
        """Let an object of the source become another one."""
        if keys := self._setting.source_keys():
            self.put(self._setting.dice.choice(keys), "changed")

    def drop(self) -> None:
        """Let an object vanish from the source: its finding stays open until it is waived."""
        if keys := self._setting.source_keys():
            self._drop(self._setting.dice.choice(keys), keys)

    def _drop(self, key: str, keys: list[str]) -> None:
        if self._is_one_of_many(key, keys):
            self._setting.source.drop(self._setting.container(key), key)
            self._setting.life.tell(f"source: {key} deleted")

    def _is_one_of_many(self, key: str, keys: list[str]) -> bool:
        """Say whether its dataset has more objects than this one."""
        name = self._setting.dataset_of(key).name
        return sum(self._setting.dataset_of(one).name == name for one in keys) > 1

    def break_a_listing(self) -> None:
        """Let a listing end early, repeat itself, or come out of order."""
        what = self._setting.dice.choice(("ends early", "repeats an object", "is out of order"))
        lies: dict[str, Callable[[list[ObjectInfo]], list[ObjectInfo]]] = {
            "ends early": lambda found: found[: len(found) // 2],
            "repeats an object": lambda found: [*found, *found[:1]],
            "is out of order": lambda found: found[::-1],
        }
        self._lie_in_a_listing(what, lies[what])

    def _lie_in_a_listing(
        self, what: str, lie: Callable[[list[ObjectInfo]], list[ObjectInfo]]
    ) -> None:
        """Let the next listing, of either sort, tell something else than what is there.

        Of one inventory what leaves something out is said once: when both of its listings agree,
        nobody can know.
        """
        source = self._setting.source
        if what.startswith(("ends early", "leaves")):
            if self._short and not self._setting.host.sealed:
                return
            self._short = not self._setting.host.sealed

        def once(place: Place) -> list[ObjectInfo]:
            if place.bucket != CONTAINER:
                return self._whole(place)
            source._listed = self._whole  # type: ignore[method-assign]
            return lie(self._whole(place))

        source._listed = once  # type: ignore[method-assign]
        self._setting.life.tell(f"source: one listing {what}")

    def lose_of_what_ends(self) -> None:
        """Let the source lose an object of what is to be erased."""
        setting, (ending,) = self._setting, self._setting.beside
        keys = [key for key in setting.source_keys() if setting.dataset_of(key) is ending]
        if len(keys) > 1:
            key = setting.dice.choice(keys)
            setting.source.drop(ending.source.bucket, key)
            setting.life.tell(f"source: {key} deleted")

    def lie_of_what_ends(self) -> None:
        """Let the next listing of what is to be erased show one object twice, and leave one out."""
        source, (ending,) = self._setting.source, self._setting.beside

        def once(place: Place) -> list[ObjectInfo]:
            found = self._whole(place)
            if place.bucket != ending.source.bucket:
                return found
            source._listed = self._whole  # type: ignore[method-assign]
            return [*found[:1], *found[:-1]]

        source._listed = once  # type: ignore[method-assign]
        self._setting.life.tell("source: one listing shows an object twice and lacks another")

    # --- the target ----------------------------------------------------------------------------

    def change_target(self) -> None:
        """Let objects, uploads or parts be lost, spoiled or replaced."""
        open_ones = list(self._setting.target._open.values())
        if open_ones and self._setting.dice.random() < 0.6:
            self._change_uploads(open_ones)
        else:
            self.harm()

    def harm(self, *, hard: bool = False) -> None:
        """Let one stored object be lost, spoiled or replaced; `hard`: so that a HEAD shows it."""
        setting = self._setting
        dice, target = setting.dice, setting.target
        held = [
            name
            for name in sorted(target._buckets[BUCKET])
            if name.startswith(tuple(setting.prefixes)) and name.endswith(setting.suffix)
            and setting.key(name) not in setting.erased
        ]  # fmt: skip
        if not held:
            return
        name = dice.choice(held)
        key, size = setting.key(name), len(target.data(BUCKET, name))
        what = dice.choice(("gone", "replaced") if hard else ("gone", "spoiled", "replaced"))
        self.kept.setdefault(name, target._buckets[BUCKET][name])
        if what == "spoiled" and size:
            theirs = setting.foreign.get(name) == target.data(BUCKET, name)
            target.spoil(BUCKET, name, dice.randrange(size))
            if theirs:  # and not kept aside: it stays somebody else's
                setting.foreign[name] = target.data(BUCKET, name)
        elif what == "replaced":
            setting.foreign[name] = dice.randbytes(40)
            target.keep(BUCKET, name, setting.foreign[name])
        else:
            what = "gone"
            target.drop(BUCKET, name)
            setting.foreign.pop(name, None)
        setting.touch(key, what)
        setting.life.tell(f"target: {key} {what}")

    def mend(self) -> None:
        """Let people put back what stood there, from a copy of theirs."""
        setting = self._setting
        for name, one in self.kept.items():
            setting.foreign.pop(name, None)
            setting.target._buckets[BUCKET][name] = one
            setting.harmed.discard(setting.key(name))
            setting.life.tell(f"people: what stood at {name} is put back")
        self.kept.clear()

    def _change_uploads(self, open_ones: list[_Open]) -> None:
        setting = self._setting
        if setting.dice.random() < 0.5:
            setting.target.forget_uploads()
            setting.life.tell("target: open uploads are gone")
            return
        one = setting.dice.choice(open_ones)
        if one.parts:
            number = setting.dice.choice(sorted(one.parts))
            del one.parts[number]
            setting.life.tell(f"target: part {number} of an open upload is gone")

    def consume(self) -> None:
        """Let consumers write beside what was moved: nothing of it is ours to touch."""
        setting = self._setting
        name = f"{PREFIX}consumer-{setting.script.step}"
        setting.foreign[name] = setting.dice.randbytes(20)
        setting.target.keep(BUCKET, name, setting.foreign[name])
        setting.life.tell("target: consumers write an object of theirs")

    # --- the pointer, people, time -----------------------------------------------------------

    def happen(self) -> None:
        """Draw what people, consumers and clocks do around a cutover."""
        setting, dice = self._setting, self._setting.dice
        if setting.pointer_touched and dice.random() < 0.6:
            self._pointer.put_right()
        if setting.affair.holder is not None and dice.random() < 0.7:
            self._council.hold(held=False)
        if isinstance(probe := setting.affair.probe, FakeProbe):
            probe.denied = dice.random() < 0.9
            probe.lands = setting.aside.random() < 0.15
            probe.removable = setting.aside.random() < 0.9
        what = dice.random()
        if what < 0.08:
            self.move_pointer()
        elif what < 0.14:
            self._council.hold(held=True)
        elif what < 0.20:
            self._council.withdraw()
        elif what < 0.30:
            setting.clock.seconds += dice.choice((60, 3_600, DAY, 8 * DAY, 45 * DAY))
            setting.life.tell("time goes by")
        elif what < 0.36 and self._pointer.value == NEW:
            self.consume()

    def let_trials_land(self) -> None:
        """Let the source do what it refuses, some of the time."""
        if isinstance(probe := self._setting.affair.probe, FakeProbe):
            probe.lands = self._setting.aside.random() < 0.4

    def move_pointer(self) -> None:
        """Let somebody else set the pointer."""
        self._pointer.by_somebody(self._setting.dice.choice((OTHER, OTHER, OLD, NEW)))

    def waive(self, *, lasting: bool = False) -> None:
        """Let people sign waivers for every finding that is open."""
        self._waiving.sign(days=LASTING if lasting else None)

    def heal(self) -> None:
        """Let source, listings and people be well again."""
        source = self._setting.source
        source._drifts.clear()
        source._drifts_after.clear()
        source._told.clear()
        source._listed = self._whole  # type: ignore[method-assign]
        if (CONTAINER, LONG_NAME) in source._blobs:
            source.drop(CONTAINER, LONG_NAME)
            self._setting.life.tell("source: what no target takes has another name")
        for place, key in [one for one in source._blobs if one[1].startswith(FREEZE_TRIAL)]:
            source.drop(place, key)
            self._setting.life.tell("source: what a write trial left is removed")
        if isinstance(target := self._setting.target, VersionedTarget):
            target.denies_removal = target.keeps_removed = False
        if isinstance(probe := self._setting.affair.probe, FakeProbe):
            probe.denied = probe.removable = True
            probe.lands = False
        if self._setting.affair.holder is not None:
            self._council.hold(held=False)

    def let_time_go_by(self) -> None:
        """Let days pass, after which locks are over."""
        self._setting.clock.seconds += self._setting.dice.choice((3_600, DAY, 3 * DAY))
        self._setting.life.tell("time goes by")

    def change_versions(self) -> None:
        """Let the host begin, or cease, to keep versions that are to be removed."""
        target, dice = self._setting.target, self._setting.dice
        if not isinstance(target, VersionedTarget):
            return
        what = dice.choice(("may be removed", "may be removed", "are locked", "stay, removed"))
        target.denies_removal = what == "are locked"
        target.keeps_removed = what == "stay, removed"
        self._setting.life.tell(f"target: earlier versions {what}")

    def change_copies(self) -> None:
        """Let a second copy of a header pack be lost or spoiled."""
        setting, copies = self._setting, self._setting.host.copies
        files = [] if copies is None else copies.files()
        if copies is None or not files:
            return
        number = setting.dice.randrange(len(files))
        setting.packs_harmed = True
        if setting.dice.random() < 0.5:
            files[number].unlink()
        else:
            copies.spoil(files[number])
        setting.life.tell(f"second place: pack {number} of {len(files)} is lost or spoiled")
