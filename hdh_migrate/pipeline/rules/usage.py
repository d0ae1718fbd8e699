"""What a dataset's rules and prefix really did, watched while its rows pass by for the seal.

A rule that matched nothing is reported: it is a slip of the pen more often than not, and what it
was to keep back is then moved, or what it was to take is not. Costs a look at each row, and a match
for as long as a rule has matched nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from hdh_migrate.codes import Code
from hdh_migrate.model import Claimed, ObjectInfo, State, key_text
from hdh_migrate.model.naming import name_in
from hdh_migrate.pipeline.rules.ruling import DIRECTORY, LABELS, Rules
from hdh_migrate.telemetry import counted

NAMES = frozenset({"glob", "prefix"})
"""What is asked of the name alone."""

NOTHING_ELSE = ObjectInfo(key="", size=0, version="")

PLACES_SHOWN = 10
"""Keys of a list that are named by their place in it."""


class Usage:
    """Counts what a dataset's rules left, and which of them matched no object at all."""

    def __init__(self, rules: Rules, prefix: str) -> None:
        self.objects = self.kept = self.beside = 0
        self.labelled = bool(rules.asks & LABELS)
        """Whether the rows must come with their labels."""
        self._named = rules.asks <= NAMES
        self._prefix = prefix
        self._is_open = bool(prefix) and not prefix.endswith("/")
        expected = {at: rule for at, rule in rules.placed.items() if at not in rules.allowed_unused}
        self._waiting = dict(expected)
        self._lists = [
            (at, rule, rule.keys) for at, rule in expected.items() if rule.keys is not None
        ]
        self._seen: dict[str, set[int]] = {at: set() for at, _, _ in self._lists}

    def watched(self, rows: Iterable[Claimed]) -> Iterator[Claimed]:
        """Yield the rows as they are, counting which rules match them."""
        excluded = State.EXCLUDED  # looked up once: there may be millions of rows
        for row in rows:
            if row.reason != DIRECTORY:
                self.objects += 1
                self.kept += row.state != excluded
                if self._waiting:
                    self._match(row)
                for at, _, keys in self._lists:
                    number = keys.find(row.key.partition(b"\0")[0])
                    if number is not None:
                        self._seen[at].add(number)
                if self._is_open and row.state != excluded:
                    self._place(row.key)
            yield row

    def _match(self, row: Claimed) -> None:
        name = name_in(key_text(row.key)).removeprefix(self._prefix)
        # Rules that never match ask every row: of globs, with the name alone.
        obj = NOTHING_ELSE if self._named else listed_as(row)
        matched = [at for at, rule in self._waiting.items() if rule.match(name, obj)]
        for at in matched:
            del self._waiting[at]

    def _place(self, key: bytes) -> None:
        name = name_in(key_text(key)).removeprefix(self._prefix)
        self.beside += bool(name) and not name.startswith("/")

    def unused(self) -> list[str]:
        """Return what is to be said of each rule that matched none of the objects there are."""
        if not self.objects:
            return []
        return [f"{rule} matches none of the dataset's objects" for rule in self._waiting]

    def lacking(self) -> list[str]:
        """Return what is to be said of each list that has keys which the source does not have.

        Their places in the list are given, never the keys.
        """
        lines = []
        for at, rule, keys in self._lists:
            places = keys.lacking(self._seen[at], rule.expects)
            if places:
                shown = ", ".join(map(str, places[:PLACES_SHOWN]))
                more = len(places) - PLACES_SHOWN
                lines.append(
                    f"{at}: {counted(len(places), 'key of its list is', 'keys of its list are')}"
                    f" not at the source ({'entry' if len(places) == 1 else 'entries'} {shown}"
                    + (f" and {more} more)" if more > 0 else " of the list)")
                )
        return lines

    def findings(self) -> list[tuple[Code, str]]:
        """Return the finding of each rule that did not do what it says, with its detail."""
        return [
            *((Code.RULE_UNUSED, detail) for detail in self.unused()),
            *((Code.KEYS_LACKING, detail) for detail in self.lacking()),
        ]

    def open_prefix(self) -> str | None:
        """Return what is to be said of a prefix that took more than one folder's objects."""
        if not self.beside:
            return None
        return (
            f"{counted(self.beside, 'object is', 'objects are')} beside the folder that the prefix"
            " names: it ends without a slash, so it takes every key that begins with it"
        )


def listed_as(row: Claimed) -> ObjectInfo:
    """Return an object as its row says that it was listed."""
    extra = json.loads(row.extra) if row.extra else {}
    return ObjectInfo(
        key=key_text(row.key),
        size=row.size,
        version=row.version,
        modified=row.modified,
        kind=row.kind,
        tier=extra.get("tier"),
        tags=extra.get("tags", {}),
    )
