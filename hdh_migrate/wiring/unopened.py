"""A source that could not be opened, for those who read nothing there."""

from __future__ import annotations

from typing import NoReturn

from hdh_migrate.errors import KeyUnavailable


class UnopenedSource:
    """Says why it could not be opened to whoever asks it for anything after all."""

    def __init__(self, why: KeyUnavailable) -> None:
        self._why = why

    def __getattr__(self, name: str) -> NoReturn:
        """Raise what kept it from being opened.

        Raises:
            KeyUnavailable: always.
        """
        raise self._why
