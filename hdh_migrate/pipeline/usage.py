"""What a dataset's rules and prefix really did, watched while its rows pass by for the seal.

A rule that matched nothing is told: it is a slip of the pen more often than not, and what it was
to keep back is then moved, or what it was to take is not. Costs a look at each row, and a match
for as long as a rule has matched nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from hdh_migrate.model import Claimed, State, key_text
from hdh_migrate.pipeline.selecting import Rules

DIRECTORY = "directory"


class Usage:
    """Counts what a dataset's rules left, and which of them matched no object at all."""

    def __init__(self, rules: Rules, prefix: str) -> None:
        self.objects = self.kept = self.beside = 0
        self._prefix = prefix
        self._is_open = bool(prefix) and not prefix.endswith("/")
        self._waiting: dict[str, re.Pattern[str]] = {
            **{f"include[{n}]": rule for n, rule in enumerate(rules.include)},
            **{
                f"exclude[{n}]": rule
                for n, rule in enumerate(rules.exclude)
                if n not in rules.allowed_unused
            },
        }

    def watched(self, rows: Iterable[Claimed]) -> Iterator[Claimed]:
        """Yield the rows as they are, counting which rules match them."""
        for row in rows:
            _, key, _, _, state, reason, _, _ = row
            if reason != DIRECTORY:
                self.objects += 1
                self.kept += state != State.EXCLUDED
                if self._waiting:
                    self._match(key)
                if self._is_open and state != State.EXCLUDED:
                    self._place(key)
            yield row

    def _match(self, key: bytes) -> None:
        name = key_text(key).removeprefix(self._prefix)
        matched = [rule for rule, glob in self._waiting.items() if glob.match(name)]
        for rule in matched:
            del self._waiting[rule]

    def _place(self, key: bytes) -> None:
        name = key_text(key).removeprefix(self._prefix)
        self.beside += bool(name) and not name.startswith("/")

    def unused(self) -> list[str]:
        """Return what is to be said of each rule that matched none of the objects there are."""
        if not self.objects:
            return []
        return [f"{rule} matches none of the dataset's objects" for rule in self._waiting]

    def open_prefix(self) -> str | None:
        """Return what is to be said of a prefix that took more than one folder's objects."""
        if not self.beside:
            return None
        return (
            f"{self.beside} objects are beside the folder that the prefix names: it ends without a"
            " slash, so it takes every key that begins with it"
        )
