"""Who is notified of what happens."""

from __future__ import annotations

from typing import Protocol


class Channel(Protocol):
    """One channel. May be asked from another thread than the run's."""

    def deliver(self, notice: str, document: bytes) -> None:
        """Hand over a document of at most 32 KiB; `notice` is its id, by which it is known again.

        It may have been handed over before: who takes it tells by the id. When this returns, it
        was taken.

        Raises:
            MigrateError: it was not, or nobody can tell; the message is free of secrets.
        """

    def close(self) -> None:
        """End what goes on in another thread, if it does not end with this process by itself."""
