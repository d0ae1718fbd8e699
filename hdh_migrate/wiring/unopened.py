"""A placeholder for a source that could not be opened, for verbs that do not read it."""

from __future__ import annotations

from typing import NoReturn

from hdh_migrate.errors import KeyUnavailable


class UnopenedSource:
    """Raises the reason why it could not be opened on every call."""

    def __init__(self, why: KeyUnavailable) -> None:
        self._why = why

    def __getattr__(self, name: str) -> NoReturn:
        """Raise what kept it from being opened.

        Raises:
            KeyUnavailable: always.
        """
        raise self._why
