"""Which objects the rules of a plan take: `include` and `exclude`, globs and other conditions.

Used by verify.py (which see). It needs Python 3.9 and nothing else. docs/evidence-format.md,
section 7.6, gives the rules in words.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple, Optional

from hdh_migrate.evidence.verifier import forms
from hdh_migrate.evidence.verifier.members import Line

ESCAPABLE = "*?[]{}!\\"
ANY, STAR, FOLDERS, ALL = "?", "*", "**/", "**"
LONG_GLOB = 8192
LONG_NAME = 1024
"""What is longer no store has; a pattern could take the square of its length over it."""


def tokens(glob: str, version: int) -> list[str]:
    """Return a glob in pieces: wildcards as they are written, other characters behind a `=`.

    In the first format every other character stood for itself. Raises ValueError for a glob that
    no plan of this format can have.
    """
    found: list[str] = []
    at = 0
    forms.must(0 < len(glob) <= LONG_GLOB and not (version > 1 and glob[0] == "!"))
    while at < len(glob):
        wild = next((w for w in (FOLDERS, ALL, STAR, ANY) if glob.startswith(w, at)), None)
        if wild is not None:
            found.append(wild)
            at += len(wild)
            continue
        if version > 1:
            if glob[at] == "\\":
                at += 1
                forms.must(at < len(glob) and glob[at] in ESCAPABLE)
            else:
                forms.must(glob[at] not in "[]{}")
        found.append("=" + glob[at])
        at += 1
    return found


def matcher(glob: str, version: int) -> Callable[[str], bool]:
    """Return what says whether a whole name matches a glob, in time that no name can stretch."""
    pieces = tokens(glob, version)
    if any("\ud800" <= char <= "\udfff" for char in glob):
        return lambda _: False  # a byte that is no text is one character, and no other
    if sum(piece in (STAR, FOLDERS, ALL) for piece in pieces) > 2:
        return Ways(pieces).match
    spelled = {ANY: "[^/]", STAR: "[^/]*", FOLDERS: "(?:[^/]*/)*", ALL: ".*"}
    text = "".join(spelled.get(piece) or re.escape(piece[1:]) for piece in pieces)
    pattern, ways = re.compile(text, re.DOTALL), Ways(pieces)
    return lambda name: (
        pattern.fullmatch(name) is not None if len(name) <= LONG_NAME else ways.match(name)
    )


class Ways:
    """Follows all ways through a glob at once, a bit for each: in time that grows with the name.

    A bit stands in front of a piece; `**/` has another one, inside a folder. Behind the last piece
    is the end. Of wildcards side by side (`**/*`) all but `**/**/` take anything.
    """

    def __init__(self, pieces: Sequence[str]) -> None:
        self._own: dict[str, int] = {}
        self._any = self._star = self._all = self._folders = 0
        bit = 1
        for piece in _apart(pieces):
            if piece == FOLDERS:
                self._folders |= bit
                bit <<= 1
            elif piece == ALL:
                self._all |= bit
            elif piece == STAR:
                self._star |= bit
            elif piece == ANY:
                self._any |= bit
            else:
                self._own[piece[1:]] = self._own.get(piece[1:], 0) | bit
            bit <<= 1
        self._end = bit
        self._least = sum(piece not in (FOLDERS, ALL, STAR) for piece in pieces)

    def match(self, name: str) -> bool:
        """Say whether a whole name matches."""
        if len(name) < self._least:
            return False
        inside = self._folders << 1
        ways = self._reached(1)
        for char in name:
            own = self._own.get(char, 0)
            if char == "/":
                stay = ways & (self._all | self._folders)
                ways = stay | (ways & inside) >> 1 | (ways & own) << 1
            else:
                stay = ways & (self._all | self._star | inside)
                ways = stay | (ways & (own | self._any | self._folders)) << 1
            ways = self._reached(ways)
            if not ways:
                return False
        return ways & self._end != 0

    def _reached(self, ways: int) -> int:
        """Add the ways that take nothing of the name: a wildcard may stand for nothing."""
        return ways | (ways & (self._all | self._star)) << 1 | (ways & self._folders) << 2


def _apart(pieces: Sequence[str]) -> list[str]:
    """Return the same glob without wildcards side by side."""
    found: list[str] = []
    for piece in pieces:
        if found and {piece, found[-1]} <= {FOLDERS, ALL, STAR}:
            found[-1] = FOLDERS if piece == found[-1] == FOLDERS else ALL
        else:
            found.append(piece)
    return found


Shown = Optional[bool]  # noqa: UP045 - Python 3.9
"""Whether something holds of a line's object; None: the line does not show it."""
Asked = Callable[[str, Line], Shown]
"""Asked with the key without the source prefix, and the line."""

NO_CONDITIONS = ("reason", "allow_unused")
PERIOD = re.compile("[0-9]+[smhd]")


def _named(value: object) -> bool:
    """Return whether it is a text with something in it."""
    return type(value) is str and value != ""


def _period(value: object) -> bool:
    return type(value) is str and PERIOD.fullmatch(value) is not None


def _names(value: object) -> bool:
    return type(value) is list and all(map(_named, value))


def _tags(value: object) -> bool:
    return type(value) is dict and all(type(one) is str for one in value.values())


NOT_SHOWN = {
    "older_than": _period, "newer_than": _period, "tier": _names, "type": _names, "tags": _tags,
    "keys_from": _named, "keys_sha256": forms.DIGEST.holds,
}  # fmt: skip
"""What no line shows, and the form that it has in a plan."""
UNITS = {
    "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12,
    "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40, "B": 1,
}  # fmt: skip
SIZE = re.compile(rf"([0-9]+)(?:\.([0-9]+))?({'|'.join(UNITS)})")


def _bytes(text: str) -> int:
    found = SIZE.fullmatch(text)
    forms.must(found is not None)
    assert found is not None
    whole, part, unit = found[1], found[2] or "", UNITS[found[3]]
    scale: int = 10 ** len(part)
    return int(whole + part) * unit // scale


def _asked(name: str, value: object, version: int) -> Asked:
    """Return what one member of a rule asks."""
    if name in NOT_SHOWN:
        forms.must(NOT_SHOWN[name](value))
        return lambda _name, _line: None
    text = forms.string(value)
    if name == "glob":
        matches = matcher(text, version)
        return lambda key, _line: matches(key)
    if name == "prefix":
        forms.must(_bears_utf8(text))
        return lambda key, _line: key.startswith(text)
    if name in ("larger_than", "smaller_than"):
        size, larger = _bytes(text), name == "larger_than"
        return lambda _name, line: line["size"] > size if larger else line["size"] < size
    forms.must(name in ("modified_before", "modified_since") and _is_day(text))
    day, before = forms.instant(text + "T00:00:00Z"), name == "modified_before"

    def dated(_name: str, line: Line) -> Shown:
        at = line.get("source_modified")
        return (forms.instant(at) < day) is before if isinstance(at, str) else None

    return dated


class StatedRule(NamedTuple):
    """One rule of `include` or `exclude`."""

    asks: Sequence[Asked]

    def takes(self, name: str, line: Line) -> Shown:
        """Say whether it takes the object of a line."""
        shown = [asked(name, line) for asked in self.asks]
        return False if False in shown else None if None in shown else True


def _is_day(text: str) -> bool:
    """Return whether a calendar has it."""
    try:
        return forms.DAY.holds(text) and date.fromisoformat(text) is not None
    except ValueError:
        return False


def _bears_utf8(text: str) -> bool:
    """Return whether a prefix is one that a key can begin with."""
    return text != "" and not any("\ud800" <= one <= "\udfff" for one in text)


def stated_rule(rule: Any, version: int, *, reasoned: bool = False) -> StatedRule:  # noqa: ANN401 - any JSON value
    """Read a rule; one of `exclude` is `reasoned`, and no other."""
    if type(rule) is str:
        rule = {"glob": rule}
    forms.must(type(rule) is dict and type(rule.get("allow_unused")) in (bool, type(None)))
    forms.must(type(rule.get("reason")) is str if reasoned else "reason" not in rule)
    forms.must((rule.get("keys_from") is None) is (rule.get("keys_sha256") is None))
    asks = [
        _asked(name, value, version)
        for name, value in rule.items()
        if name not in NO_CONDITIONS and value is not None
    ]
    forms.must(bool(asks))
    return StatedRule(asks)


def said_of(rule: Mapping[str, Any]) -> str:
    """Return what the exclusions by a rule of `exclude` call it."""
    asks = {
        name: value
        for name, value in rule.items()
        if name not in NO_CONDITIONS and value is not None
    }
    alone = asks["glob"] if set(asks) == {"glob"} else None
    return "exclude " + (forms.canonical(asks).decode() if alone is None else alone)


DIRECTORY = ("directory", "a directory of a hierarchical namespace: it has no content")
VANISHED = ("vanished", "gone from the source before this version of it was moved")
LOST = (
    "vanished",
    "lost at the target after it was moved, and gone from the source before it could be sent again",
)
NOT_INCLUDED = ("not included", "it matches none of the dataset's `include` globs")
NOT_INCLUDED_BY_RULES = ("not included", "it matches none of the dataset's `include` rules")


class StatedDataset(NamedTuple):
    """What the plan says of one dataset."""

    source: Mapping[str, str]
    target: Mapping[str, str]
    include: Sequence[StatedRule]
    exclude: Sequence[tuple[StatedRule, str, str]]
    not_included: tuple[str, str]
    claims: bool
    """Whether the source's MD5 values are compared."""
    as_of: Optional[str]  # noqa: UP045 - Python 3.9 reads this
    """The moment as of which it is moved; None: as it is."""
    every_version: bool
    """Whether each version of a name has a line of its own."""

    def stays(self, name: str, line: Line) -> bool:
        """Say whether the rules surely leave the object of a line behind."""
        if self.include and all(rule.takes(name, line) is False for rule in self.include):
            return True
        return any(rule.takes(name, line) for rule, _, _ in self.exclude)

    def leaves(self, stated: tuple[str, str], name: str, line: Line) -> bool:
        """Say whether the object of a line may be left behind by the rule that the line tells."""
        taken = [rule.takes(name, line) for rule in self.include]
        if self.include and stated == self.not_included and not any(taken):
            return True
        if self.include and all(one is False for one in taken):
            return False
        for rule, said, reason in self.exclude:
            takes = rule.takes(name, line)
            if takes is not False and stated == (said, reason):
                return True
            if takes:
                return False
        return False

    def reasons(self) -> set[tuple[str, str]]:
        """Return every rule and reason for which something may be left behind."""
        stated = {(rule, reason) for _, rule, reason in self.exclude}
        return (
            stated | {DIRECTORY, VANISHED, LOST} | ({self.not_included} if self.include else set())
        )
