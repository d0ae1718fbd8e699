"""Under which limits of the target an object was written: what stands beside it followed from them.

A probe, or a newer profile, may know wider limits later. What was written under the narrower ones
lacks beside it what would stand there today, and has it in its sidecar or not at all, as it was
chosen then: nothing of that is anybody's change.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Final

from hdh_migrate.clocks import seconds_of
from hdh_migrate.fixity import canonical_json
from hdh_migrate.frozen import frozen
from hdh_migrate.model import TargetLimits
from hdh_migrate.ports.ledger import Ledger

_PLACED: Final = "placed-under:"
"""How the names of the ledger begin that keep since when something is written under which."""

_OF_PLACES: Final = ("max_metadata", "max_tags", "metadata_hyphens", "tags")
"""The limits that decide where an object's features go."""


@frozen
class LimitsOverTime:
    """The limits under which was written, each with the moment since when, the oldest first."""

    eras: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, ledger: Ledger) -> LimitsOverTime:
        """Read them from a ledger; of what an earlier version wrote it has none."""
        found = ledger.metas(_PLACED).items()
        return cls(eras=tuple(sorted(found, key=lambda one: seconds_of(one[0]))))

    def at(self, moment: str | None, now: TargetLimits) -> TargetLimits | None:
        """Return the limits at a moment if they were other ones than now; None: not so."""
        if moment is None:
            return None
        before = [text for since, text in self.eras if seconds_of(since) <= seconds_of(moment)]
        then = replace(now, **json.loads(before[-1])) if before else now
        return None if then == now else then


def remember(ledger: Ledger, limits: TargetLimits, now: str) -> None:
    """Keep under which limits is written from now on; durable with the next commit."""
    text = canonical_json({one: getattr(limits, one) for one in _OF_PLACES}).decode()
    eras = LimitsOverTime.of(ledger).eras
    if not eras or eras[-1][1] != text:
        ledger.set_meta(_PLACED + max(now, ledger.last_at() or now, key=seconds_of), text)
