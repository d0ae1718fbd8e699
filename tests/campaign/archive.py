"""Objects that somebody archives at the source, and who asks for them: read again hours later.

The pipeline's own `Rehydrating` asks; the archive looks that each request has an intent, and that
nothing is asked for twice: each request costs.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from hdh_migrate.codes import Code
from hdh_migrate.errors import Exit
from hdh_migrate.events.rehydration import RehydrationAsking
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.model import Archived, Asked, ObjectInfo, Place, Problem, Span, State, Step
from hdh_migrate.pipeline.inventory.rehydrating import Rehydrating
from hdh_migrate.ports.stores import Write
from tests.campaign.life import Broken
from tests.campaign.operators import Operators
from tests.campaign.setting import USER, Setting
from tests.support.quiet import FakeClock

COLD, WARM = "archived", "object"
HOURS = 3_600
LONGEST = 15 * HOURS
"""After so long everything is readable that was asked for."""


class SimulatedArchive:
    """The tier of a source in which objects cannot be read; see `ports.Rehydrator`."""

    def __init__(self, setting: Setting, operators: Operators) -> None:
        self._setting, self._operators = setting, operators
        self._dice = random.Random(f"archive {setting.life.seed}")
        self._coming: dict[str, tuple[str, float]] = {}
        """By key: the version that is on its way, and when it is readable."""
        source = setting.source
        listed, read = source._listed, source.read

        def thawed(place: Place) -> list[ObjectInfo]:
            self._arrive()
            return listed(place)

        def readable(
            place: Place, obj: ObjectInfo, span: Span, write: Write, *, checked: bool = False
        ) -> None:
            self._arrive()
            read(place, obj, span, write, checked=checked)

        source._listed, source.read = thawed, readable  # type: ignore[method-assign]

    # --- what people do --------------------------------------------------------------------------

    def happen(self) -> None:
        """Let somebody archive an object, some of the time."""
        keys = self._setting.source_keys()
        if keys and self._dice.random() < 0.2:
            key = self._dice.choice(keys)
            self._coming.pop(key, None)
            self._setting.source.touch(self._setting.container(key), key, kind=COLD)
            self._setting.life.tell(f"source: {key} is archived")

    def rehydrate(self) -> Exit:
        """Ask for what is archived, and move what is readable."""
        comes = 0
        with self._operators.opened(writes=False) as (_, ctx):
            asks = Rehydrating(ctx=ctx, rehydrator=self, tier="hot", priority="standard", user=USER)
            for batch in self._operators._batches():
                found = asks.ask(batch)
                comes += found.readable + found.moot
        if comes:
            return self._operators.run((Step.INVENTORY, Step.TRANSFER))
        return Exit.OK

    @property
    def holds(self) -> bool:
        """Whether something is archived that was not moved, and waits for nothing else."""
        self._arrive()
        others = {
            row["key"]
            for row in self._setting.records()
            if row["state"] is State.VERIFIED or row["reason"] == Code.CONFLICT
        }
        return any(map(self._is_cold, set(self._setting.source_keys()) - others))

    def thaw(self) -> None:
        """Let people bring back what is archived, by other means."""
        for key in filter(self._is_cold, self._setting.source_keys()):
            self._setting.source.touch(self._setting.container(key), key, kind=WARM)
            self._setting.life.tell(f"people: {key} is brought back")

    # --- the port --------------------------------------------------------------------------------

    def check(self, place: Place) -> Sequence[Problem]:
        """Say that it may be asked."""
        del place
        return ()

    def look(self, place: Place, key: str, version: str) -> Archived:
        """Say how an object stands."""
        with self._setting.script.call("look archived"):
            self._arrive()
            there = self._setting.source._blobs.get((place.bucket, key))
            if there is None:
                return Archived.GONE
            if there.info.version != version:
                return Archived.CHANGED
            if there.info.kind != COLD:
                return Archived.READABLE
            return Archived.COMING if key in self._coming else Archived.ARCHIVED

    def ask(self, place: Place, key: str) -> Asked:
        """Be asked for an object; without an intent it is broken."""
        with self._setting.script.call("ask archived"):
            there = self._setting.source._blobs.get((place.bucket, key))
            if there is None:
                return Asked(taken=False, detail="it is gone")
            if key in self._coming:
                raise Broken(f"{key} is asked for again while it is on its way")
            if key not in self._intended():
                raise Broken(f"{key} is asked for at the source and no intent tells of it")
            hours = self._dice.randint(1, LONGEST // HOURS)
            self._coming[key] = there.info.version, self._setting.clock.seconds + hours * HOURS
            return Asked(taken=True)

    def _intended(self) -> set[str]:
        """Return the keys of which the journal says, for good, that they are asked for."""
        ledger = SqliteLedger.read_only(self._setting.world.path, FakeClock())
        try:
            ids = {one for _, event in ledger.events(RehydrationAsking) for one in event.ids}
            rows = [row for one in ledger.datasets() for row in ledger.records(one.id)]
        finally:
            ledger.close()
        return {row["key"] for row in rows if row["id"] in ids}

    def _is_cold(self, key: str) -> bool:
        there = self._setting.source._blobs.get((self._setting.container(key), key))
        return there is not None and there.info.kind == COLD

    def _arrive(self) -> None:
        """Let be readable what was asked for long enough ago."""
        now, source = self._setting.clock.seconds, self._setting.source
        for key, (version, due) in list(self._coming.items()):
            place = (self._setting.container(key), key)
            there = source._blobs.get(place)
            if there is None or there.info.version != version or there.info.kind != COLD:
                del self._coming[key]  # it was written anew, or is gone
            elif due <= now:
                del self._coming[key]
                source.touch(*place, kind=WARM)
