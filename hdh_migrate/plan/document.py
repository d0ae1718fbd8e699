"""Reads YAML the strict way: one document of plain JSON values, with the place of every value.

Works on parser events, so that nothing is ever expanded, constructed or recursed into. Refused:
anchors, aliases, merge keys, tags, duplicate or complex keys, several documents, more than
MAX_DEPTH levels or MAX_NODES nodes, characters that do not show. Plain scalars are those of the
YAML 1.2 core schema: `no`, dates and `1:30` are text. A number with a leading zero is refused,
because readers disagree on what it means.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final, NoReturn

import yaml

from hdh_migrate.frozen import frozen_row, mutable_row
from hdh_migrate.plan.rules import Loc

MAX_DEPTH: Final = 16
MAX_NODES: Final = 20_000
MAX_TEXT: Final = 4_096
"""Characters in one scalar; no field of a plan comes near."""
MAX_FAULTS: Final = 500
"""A text with more is not read to its end."""

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times faster where it exists
_UNSEEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069"
    "\ud800-\udfff\ufeff\ufffe\uffff]"
)
_LINE_END = re.compile("\r\n|\r|\n")
_INT = re.compile(r"[-+]?[0-9]{1,18}")
_LEADING_ZERO = re.compile(r"[-+]?0[0-9]+")
_HUGE_INT = re.compile(r"[-+]?[0-9]{19,}")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_WORDS: Final[dict[str, bool | None]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_NO_TAGS = "tags (`!`) are not allowed; a text that begins with `!` needs quotes"
_NO_ANCHORS = "anchors (`&`) are not allowed; a text that begins with `&` needs quotes"
_NO_SPACE: Final = re.compile("[:,-][\u00a0\u2007\u202f\u3000]")
"""What word processors and web pages make of the space that ends a key or begins an item."""

_NO_ALIASES = "aliases (`*`) are not allowed; a text that begins with `*` needs quotes"
_INDENTED = "the indentation does not fit the lines above, or a quote above is not closed"
_OUT_OF_LINE = (
    "no `key: value` is expected here: indent it as its neighbours, with a space after each `:`"
)
# The parser's words, and ours. The parser's are not passed on: some quote the plan.
_TRANSLATIONS = (
    ("document indicator", "a quote is not closed"),
    ("alphabetic or numeric", "a text that begins with `*` or `&` needs quotes"),
    ("mapping values", "a second `: ` on one line: put the text in quotes, or break the line"),
    ("cannot start any token", "a text that begins with this character needs quotes"),
    ("expected ':'", "a key without `: ` and value"),
    ("expected ','", "a bracket is not closed, or a comma is missing"),
    ("end of stream", "a quote or bracket is not closed"),
    ("escape", "an unknown escape in double quotes: use single quotes"),
    ("indicat", _INDENTED),
    ("expected key", _INDENTED),
    ("block", _INDENTED),
    ("tag", _NO_TAGS),
    ("document start", "nothing is expected here: the plan ended above"),
)


@dataclass(frozen=True, slots=True, order=True)
class Spot:
    """A place in the text; lines and columns count from 1, columns in characters."""

    line: int
    column: int


@frozen_row
class Fault:
    """Something that a plan's YAML may not do."""

    spot: Spot
    message: str


@mutable_row
class Document:
    """What was read, and where each part stands.

    With `whole` False the text could not be read to its end and `value` is not to be used.
    `unknown` holds the places whose value was refused here and stands for nothing.
    """

    value: object = None
    whole: bool = False
    spots: dict[Loc, Spot] = field(default_factory=dict)
    keys: dict[Loc, Spot] = field(default_factory=dict)
    texts: dict[Loc, str] = field(default_factory=dict, repr=False)
    unknown: set[Loc] = field(default_factory=set)
    faults: list[Fault] = field(default_factory=list)


def around(spots: Mapping[Loc, Spot], loc: Loc, *, least: int = 0) -> Spot | None:
    """Return where the innermost value around a place stands; `least` steps of it must be there."""
    found = (spots.get(loc[:length]) for length in range(len(loc), least - 1, -1))
    return next((spot for spot in found if spot is not None), None)


def read(text: str) -> Document:
    """Read YAML; whatever is wrong with it stands in `faults`, nothing is raised."""
    unseen = list(islice(_UNSEEN.finditer(text), MAX_FAULTS))
    if unseen:
        spots = spots_at(text, (match.start() for match in unseen))
        return Document(
            faults=[
                Fault(spot, f"character U+{ord(match[0]):04X} is not allowed")
                for spot, match in zip(spots, unseen, strict=True)
            ]
        )
    builder = _Builder()
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            builder.take(event)
        builder.document.whole = True
    except _Enough:
        pass
    except yaml.MarkedYAMLError as error:
        builder.document.faults.append(_syntax_fault(text, error))
    except yaml.YAMLError:
        builder.document.faults.append(Fault(Spot(1, 1), "not valid YAML"))
    return builder.document


def spots_at(text: str, indexes: Iterable[int]) -> Iterator[Spot]:
    """Yield the places of the characters at ascending indexes, in one pass."""
    line, start, seen = 1, 0, 0
    for index in indexes:
        for match in _LINE_END.finditer(text, seen, index):
            line, start = line + 1, match.end()
        seen = index
        yield Spot(line, index - start + 1)


class _Enough(Exception):
    """Reading cannot or need not go on; the fault is recorded."""


@mutable_row
class _Frame:
    """An open collection; `loc` is where it stands, `key` the key that waits for its value."""

    value: dict[str, object] | list[object]
    loc: Loc
    keep: bool
    key: str | None = None
    key_keep: bool = True


class _Builder:
    """Turns parser events into a document."""

    def __init__(self) -> None:
        self.document = Document()
        self._frames: list[_Frame] = []
        self._documents = 0
        self._nodes = 0

    def take(self, event: yaml.Event) -> None:
        """Take the next event."""
        if isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                self._stop(event, "only one document is allowed")
        elif isinstance(event, yaml.NodeEvent):
            self._nodes += 1
            if self._nodes > MAX_NODES:
                self._stop(event, f"more than {MAX_NODES:,} values and keys")
            self._take_node(event)
        elif isinstance(event, yaml.CollectionEndEvent):
            self._frames.pop()

    def _take_node(self, event: yaml.NodeEvent) -> None:
        self._check_properties(event)
        frame = self._frames[-1] if self._frames else None
        if frame is not None and isinstance(frame.value, dict) and frame.key is None:
            self._take_key(frame, event)
            return
        loc, keep = self._next_loc(frame)
        if keep:
            self.document.spots[loc] = _spot(event)
        value = self._value(event, loc, keep=keep)
        self._put(frame, value)
        if isinstance(value, (dict, list)):  # nothing else goes on
            self._frames.append(_Frame(value, loc, keep))
            if len(self._frames) > MAX_DEPTH:
                self._stop(event, f"nested deeper than {MAX_DEPTH} levels")

    def _check_properties(self, event: yaml.NodeEvent) -> None:
        if isinstance(event, yaml.AliasEvent):
            self._fault(event, _NO_ALIASES)
        elif event.anchor is not None:
            self._fault(event, _NO_ANCHORS)
        if getattr(event, "tag", None) is not None:
            self._fault(event, _NO_TAGS)

    def _put(self, frame: _Frame | None, value: object) -> None:
        if frame is None:
            self.document.value = value
        elif isinstance(frame.value, list):
            frame.value.append(value)
        else:
            assert frame.key is not None
            if frame.key_keep:
                frame.value[frame.key] = value
            frame.key = None

    def _take_key(self, frame: _Frame, event: yaml.NodeEvent) -> None:
        if not isinstance(event, yaml.ScalarEvent):
            self._stop(event, "a key must be plain text")
        key: str = event.value
        self._check_text(event, key)
        loc = (*frame.loc, key)
        frame.key, frame.key_keep = key, key not in frame.value and key != "<<"
        if key == "<<":
            self._fault(event, "merge keys (`<<`) are not allowed")
        elif not frame.key_keep:
            first = self.document.keys.get(loc)
            self._fault(
                event, "the same key again" + (f"; first on line {first.line}" if first else "")
            )
        elif frame.keep:
            self.document.keys[loc] = _spot(event)

    def _next_loc(self, frame: _Frame | None) -> tuple[Loc, bool]:
        if frame is None:
            return (), True
        if isinstance(frame.value, list):
            return (*frame.loc, len(frame.value)), frame.keep
        assert frame.key is not None
        return (*frame.loc, frame.key), frame.keep and frame.key_keep

    def _value(self, event: yaml.NodeEvent, loc: Loc, *, keep: bool) -> object:
        if isinstance(event, yaml.MappingStartEvent):
            return {}
        if isinstance(event, yaml.SequenceStartEvent):
            return []
        if not isinstance(event, yaml.ScalarEvent) or event.tag is not None:
            self.document.unknown.add(loc)  # an alias, or a type that we do not know
            return None
        text: str = event.value
        if not self._check_text(event, text):
            self.document.unknown.add(loc)
        if keep:
            self.document.texts[loc] = text
        if not event.implicit[0]:
            return text
        for pattern, message in (
            (_LEADING_ZERO, "a number with a leading zero is ambiguous: drop the zero, or quote"),
            (_HUGE_INT, "this number is too large"),
        ):
            if pattern.fullmatch(text):
                self._fault(event, message)
                self.document.unknown.add(loc)
                return None
        return _scalar(text)

    def _check_text(self, event: yaml.NodeEvent, text: str) -> bool:
        unseen = _UNSEEN.search(text)  # an escape may bring in what the text itself may not hold
        if unseen:
            self._fault(event, f"character U+{ord(unseen[0]):04X} is not allowed")
        elif len(text) > MAX_TEXT:
            self._fault(event, f"a text of more than {MAX_TEXT:,} characters")
        else:
            return True
        return False

    def _fault(self, event: yaml.Event, message: str) -> None:
        self.document.faults.append(Fault(_spot(event), message))
        if len(self.document.faults) >= MAX_FAULTS:
            raise _Enough

    def _stop(self, event: yaml.Event, message: str) -> NoReturn:
        self._fault(event, message)
        raise _Enough


def _scalar(text: str) -> object:
    """Return what a plain scalar means in the YAML 1.2 core schema."""
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text


def _spot(event: yaml.Event) -> Spot:
    mark: Any = event.start_mark
    return Spot(mark.line + 1, mark.column + 1)


def _syntax_fault(text: str, error: yaml.MarkedYAMLError) -> Fault:
    mark = error.problem_mark or error.context_mark
    spot = Spot(1, 1) if mark is None else Spot(mark.line + 1, mark.column + 1)
    lines = _LINE_END.split(text)
    line = lines[spot.line - 1] if spot.line <= len(lines) else ""
    before = line[: spot.column]
    if before.endswith("\t") or "\t" in before[: len(before) - len(before.lstrip())]:
        return Fault(Spot(spot.line, line.index("\t") + 1), "a tab: indent with spaces")
    begun = error.context_mark or mark
    first = spot.line if begun is None else begun.line + 1
    for number, each in enumerate(lines[first - 1 : spot.line], first):
        if found := _NO_SPACE.search(each):
            return Fault(
                Spot(number, found.end()), "a space of another kind (no-break): type it anew"
            )
    problem = error.problem or ""
    if "mapping values" in problem and ": " not in before[:-1]:
        return Fault(spot, _OUT_OF_LINE)  # the line is well, but not where it stands
    return Fault(spot, next(_translated(problem), "not valid YAML"))


def _translated(problem: str) -> Iterator[str]:
    return (ours for theirs, ours in _TRANSLATIONS if theirs in problem)
