"""Passes on how much workers work on at once, and why that changed."""

from __future__ import annotations

from typing import Protocol

from hdh_migrate.model import Role
from hdh_migrate.receipts import Paced


class PaceKeeper(Protocol):
    """Keeps it for whoever looks."""

    def begin(self, role: Role) -> None:
        """Workers of a role begin, or go on; those of another one are gone."""

    def take(self, paced: Paced) -> None:
        """A worker works on more or less at once from here on."""


class NoPaceKept:
    """Keeps no pace, for commands at which nobody looks from another terminal."""

    def begin(self, role: Role) -> None:
        """Keep nothing."""

    def take(self, paced: Paced) -> None:
        """Keep nothing."""
