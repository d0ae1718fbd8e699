"""Whatever a source lists, and however often it is cut off: what is sealed is what was there.

The model is a dictionary of what the source holds. A sealed inventory has exactly that, each object
in its version; what a listing leaves out, repeats or disorders is never sealed.
"""

from __future__ import annotations

import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from hdh_migrate.errors import ConnectionLost, Exit, MigrateError, Refused
from hdh_migrate.model import ObjectInfo, Place, Step
from tests.campaign.lives import quick_folder
from tests.support.examples import many
from tests.support.world import World

pytestmark = pytest.mark.slow

KEYS = [
    "a", "a/", "a/b", "a.b", "a0", "A", "é", "e\u0301", "\uffee", "\U00010000", "z", "/", "a//b",
]  # fmt: skip
"""Among them those that stores order in different ways, and those that look alike."""

LIES = ("leaves one out", "repeats one", "is reversed", "ends early", "tells another size")

keys = st.sampled_from(KEYS)
picks = st.integers(0, 100)


def lied(found: list[ObjectInfo], how: str, pick: int) -> list[ObjectInfo]:
    """Return what a listing tells that lies."""
    at = pick % len(found) if found else 0
    match how:
        case "leaves one out":
            return found[:at] + found[at + 1 :]
        case "repeats one":
            return found[: at + 1] + found[at:]
        case "is reversed":
            return found[::-1]
        case "ends early":
            return found[:at]
        case _:
            return found


class Listings(RuleBasedStateMachine):
    """Writes to a source, lets it lie, and makes inventories of it."""

    world: World

    @initialize(first=st.sets(keys, min_size=1, max_size=5))
    def begin(self, first: set[str]) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="listings-", dir=quick_folder()))
        self.world = World(self.folder)
        self.whole = self.world.source._listed
        self.sealed: dict[str, str] | None = None
        for key in sorted(first):
            self.put(key)

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            shutil.rmtree(self.folder)

    # --- the source ------------------------------------------------------------------------------

    @rule(key=keys)
    def put(self, key: str) -> None:
        self.world.source.put("src", key, key.encode())

    @rule(pick=picks)
    def drop(self, pick: int) -> None:
        there = sorted(key for _, key in self.world.source._blobs)
        if len(there) > 1:
            self.world.source.drop("src", there[pick % len(there)])

    @rule(how=st.sampled_from(LIES), pick=picks)
    def lie_once(self, how: str, pick: int) -> None:
        source = self.world.source
        if how == "tells another size":
            there = sorted(key for _, key in source._blobs)
            source.tell(there[pick % len(there)], {"size": 7})
            return

        def once(place: Place) -> list[ObjectInfo]:
            source._listed = self.whole  # type: ignore[method-assign]
            return lied(self.whole(place), how, pick)

        source._listed = once  # type: ignore[method-assign]

    # --- inventories -----------------------------------------------------------------------------

    @rule(page=st.integers(1, 4), how=st.sampled_from(["stop", "lost", "now"]))
    def cut_off(self, page: int, how: str) -> None:
        script, stop = self.world.script, self.world.stop
        number = script.calls["page"] + page
        if how == "stop":
            script.at("page", number, "after", stop.set)
        else:
            when = "before" if how == "lost" else "after"
            script.at("page", number, when, _raising(ConnectionLost("cut off")))  # type: ignore[arg-type]
        self.take()

    @rule()
    def take(self) -> None:
        before = self.there()
        with suppress(MigrateError):
            self.world.run((Step.INVENTORY,))
        self.world.script.heal()
        self.world.stop.clear()
        if self.sealed is None and self.is_sealed():
            self.sealed = before
            assert self.rows() == before

    @rule()
    def take_in_peace(self) -> None:
        """Without a lie and without a cut an inventory comes to its end, whatever was before."""
        self.world.source._listed = self.whole  # type: ignore[method-assign]
        self.world.source._told.clear()
        before = self.there()
        with suppress(Refused):  # names that look alike: it is made, and says so
            assert self.world.run((Step.INVENTORY,)) in {Exit.OK, Exit.FINDINGS}
        if self.sealed is None:
            assert self.is_sealed()
            self.sealed = before
            assert self.rows() == before

    @invariant()
    def what_is_sealed_stays(self) -> None:
        if getattr(self, "sealed", None) is not None:
            assert self.rows() == self.sealed

    # --- what is there -------------------------------------------------------------------------

    def there(self) -> dict[str, str]:
        blobs = self.world.source._blobs
        return {key: blob.info.version for (_, key), blob in blobs.items()}

    def rows(self) -> dict[str, str]:
        return {row["key"]: str(row["version"]) for row in self.world.records().values()}

    def is_sealed(self) -> bool:
        ledger = self.world.open()
        try:
            return ledger.datasets()[0].sealed
        finally:
            ledger.close()


def _raising(error: Exception):  # type: ignore[no-untyped-def]  # as acts of a script
    def act() -> None:
        raise error

    return act


TestListings = Listings.TestCase
TestListings.settings = settings(
    max_examples=many(40),
    stateful_step_count=14,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
