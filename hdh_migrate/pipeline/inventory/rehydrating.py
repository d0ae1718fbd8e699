"""Ask a source for the archived objects of a batch, and see how far it is.

Each portion is an intent event, the requests, and a receipt event. Whether an object is on its way
the source says, not the journal: killed anywhere, the same command asks for what is still archived.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import field
from typing import Final

from hdh_migrate.errors import Interrupted
from hdh_migrate.events.rehydration import RehydrationAsked, RehydrationAsking
from hdh_migrate.frozen import mutable
from hdh_migrate.model import Archived, ArchivedObject, Asked, Place
from hdh_migrate.pipeline.context import Context
from hdh_migrate.pipeline.retrying import Retrying
from hdh_migrate.pipeline.working_set import working_set
from hdh_migrate.ports.switching import Rehydrator

ASKERS: Final = 8
PORTION: Final = 200


@mutable
class AwaitedObjects:
    """Objects of which the source is to say when they are readable."""

    waits: list[tuple[Place, ArchivedObject]] = field(default_factory=list)
    asked: int = 0
    readable: int = 0
    moot: int = 0
    """Gone or changed since the inventory: a run looks at them anew."""
    refused: Counter[str] = field(default_factory=Counter)


@mutable
class Rehydrating:
    """Asks for the archived objects of some batches."""

    ctx: Context
    rehydrator: Rehydrator
    tier: str
    priority: str
    user: str

    def ask(self, batch: str) -> AwaitedObjects:
        """Ask for everything of a batch that is archived and not on its way.

        Raises:
            Interrupted: asked to stop; what was asked for stays asked for.
            AccessDenied, AuthFailed: the credential may not.
        """
        found = AwaitedObjects()
        with ThreadPoolExecutor(ASKERS) as pool:
            for dataset in working_set(self.ctx.ledger, batch):
                place = self.ctx.route(dataset).source
                for portion in self.ctx.ledger.archived(dataset.id, PORTION):
                    self._portion(batch, place, portion, found, pool)
        return found

    def _portion(
        self, batch: str, place: Place, portion: list[ArchivedObject], found: AwaitedObjects,
        pool: ThreadPoolExecutor,
    ) -> None:  # fmt: skip
        if self.ctx.stop.is_set():
            raise Interrupted("stopped while asking; the same command goes on")
        stands = list(pool.map(lambda one: self._look(place, one), portion))
        wanted = [one for one, at in zip(portion, stands, strict=True) if at is Archived.ARCHIVED]
        coming = [one for one, at in zip(portion, stands, strict=True) if at is Archived.COMING]
        found.readable += stands.count(Archived.READABLE)
        found.moot += stands.count(Archived.GONE) + stands.count(Archived.CHANGED)
        found.waits += [(place, one) for one in coming]
        if not wanted:
            return
        ledger = self.ctx.ledger
        ledger.event(
            RehydrationAsking(
                batch=batch, tier=self.tier, priority=self.priority, user=self.user,
                ids=tuple(one.number for one in wanted),
            )
        )  # fmt: skip
        ledger.commit()
        replies = list(pool.map(lambda one: self._ask(place, one), wanted))
        taken = [one for one, reply in zip(wanted, replies, strict=True) if reply.taken]
        refused = Counter(reply.detail for reply in replies if not reply.taken)
        ledger.event(
            RehydrationAsked(
                batch=batch, ids=tuple(one.number for one in taken), refused=dict(refused)
            )
        )
        ledger.commit()
        found.asked += len(taken)
        found.refused += refused
        found.waits += [(place, one) for one in taken]

    def _look(self, place: Place, one: ArchivedObject) -> Archived:
        return self.ctx.retry(lambda: self.rehydrator.look(place, one.key, one.version))

    def _ask(self, place: Place, one: ArchivedObject) -> Asked:
        return self.ctx.retry(lambda: self.rehydrator.ask(place, one.key))


def looked(
    rehydrator: Rehydrator, waits: Iterable[tuple[Place, ArchivedObject]], retry: Retrying
) -> Iterator[tuple[Place, ArchivedObject, Archived]]:
    """Say how each of some objects stands now."""

    def look(one: tuple[Place, ArchivedObject]) -> Archived:
        place, obj = one
        return retry(lambda: rehydrator.look(place, obj.key, obj.version))

    kept = list(waits)
    with ThreadPoolExecutor(ASKERS) as pool:
        for (place, obj), stands in zip(kept, pool.map(look, kept), strict=True):
            yield place, obj, stands
