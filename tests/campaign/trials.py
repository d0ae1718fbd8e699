"""Write trials at the source, watched: each has an intent, and what it leaves is told of."""

from __future__ import annotations

from hdh_migrate.model import FREEZE_TRIAL, Place, Refusal
from tests.campaign.guards import Committed
from tests.campaign.life import Broken
from tests.campaign.setting import Setting, SimulatedHost
from tests.support.cutover import FakeProbe


class GuardedProbe(FakeProbe):
    """Tries to write only under a name that the journal has, and remembers what came of it."""

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting.world)
        self._setting, self._committed = setting, Committed(setting)
        self._refused: dict[str, int] = {}
        """By container: the step at which a write was last refused, and did not go through."""
        self._by: dict[tuple[str, str], SimulatedHost] = {}
        """Which machine left what, by place and name."""

    def probe(self, place: Place, name: str) -> Refusal:
        """Try to write; without an intent it is broken."""
        setting = self._setting
        with setting.script.undisturbed():
            if name not in self._committed.trials():
                raise Broken("a write is tried at the source and no intent tells of it")
        self._refused.pop(place.bucket, None)
        try:
            found = super().probe(place, name)
        finally:
            if (place.bucket, name) in self.source._blobs:
                self._by[place.bucket, name] = setting.host
        if self.denied and not self.lands:
            self._refused[place.bucket] = setting.script.step
        return found

    def unproven(self, containers: set[str], began: int) -> set[str]:
        """Return the containers where no write was refused since a process `began`."""
        return {one for one in containers if self._refused.get(one, 0) <= began}

    def left(self) -> set[str]:
        """Return the names of what trials of the machine that acts have at the source."""
        return {
            name
            for bucket, name in self.source._blobs
            if FREEZE_TRIAL in name and self._by.get((bucket, name)) is self._setting.host
        }
