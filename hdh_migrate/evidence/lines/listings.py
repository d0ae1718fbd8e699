"""When each batch's source was last listed whole, by the journal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from hdh_migrate.clocks import seconds_of
from hdh_migrate.events.event import Event
from hdh_migrate.events.inventory import InventorySealed
from hdh_migrate.events.refreshes import RefreshEnded, Refreshing

LISTING_EVENTS: Final[tuple[type[Event], ...]] = (InventorySealed, Refreshing, RefreshEnded)


class Listings:
    """When each batch's source was last listed, and which listings did not end."""

    def __init__(self, batch_of: Mapping[str, str]) -> None:
        self._batch_of = batch_of
        self._sealed: dict[str, str] = {}
        self._passed: dict[str, str] = {}
        self._open: dict[str, int] = {}

    @classmethod
    def of(cls, events: Iterable[tuple[str, Event]], batch_of: Mapping[str, str]) -> Listings:
        """Return what events tell; `batch_of` names the batch of each dataset."""
        made = cls(batch_of)
        for at, event in events:
            made.take(at, event)
        return made

    def take(self, at: str, event: Event) -> None:
        """Take one event."""
        match event:
            case InventorySealed():
                self._sealed[event.dataset] = at
            case Refreshing():
                self._open[event.batch] = event.number
            case RefreshEnded():
                self._passed[event.batch] = at
                if self._open.get(event.batch) == event.number:
                    del self._open[event.batch]
            case _:
                pass

    def last(self, batch: str) -> str | None:
        """Return when the source of a batch was last listed whole, None: it never was."""
        own = [name for name, of in self._batch_of.items() if of == batch]
        known = [self._sealed[name] for name in own if name in self._sealed]
        first = min(known, key=seconds_of) if own and len(known) == len(own) else None
        return self._passed.get(batch, first)

    def of_dataset(self, name: str) -> str | None:
        """Return when the source of one dataset was last listed whole, None: it never was."""
        return self._passed.get(self._batch_of[name], self._sealed.get(name))

    def going_on(self, batch: str) -> bool:
        """Return whether a listing anew was begun and not ended."""
        return batch in self._open
