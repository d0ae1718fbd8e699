"""Messages between coordinator and workers: JSON in length-prefixed frames, never pickles.

This is the only place where orders and receipts are JSON. What comes from another process is taken
only if it is of a kind that this end may hear and if each field is there and of its type.
"""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from enum import StrEnum
from functools import cache, cached_property, partial
from pathlib import Path
from types import NoneType, UnionType
from typing import (
    Any,
    Final,
    Generic,
    NamedTuple,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from hdh_migrate.engines.frames import Frames
from hdh_migrate.engines.messages import NAMES, FromWorker, ToWorker
from hdh_migrate.errors import MalformedMessage
from hdh_migrate.frozen import frozen_row

# --- how a type is written and read --------------------------------------------------------------

Json = Any
T = TypeVar("T")
Write = Callable[[Any], Json]
Read = Callable[[Any], Any]


class _Refused(Exception):
    """A value is not of its type; its path is put in front as the refusal goes up."""


@frozen_row
class _Form:
    """How values of one type are written and read.

    Their JSON is of one of the types `raw`. Without `write` and `read` it is the value itself.
    """

    raw: frozenset[type]
    write: Write | None = None
    read: Read | None = None


@cache
def _form(hint: Any) -> _Form:  # noqa: ANN401 - an annotation
    """Return the form of a type.

    Raises:
        TypeError: there is none.
    """
    origin, inner = get_origin(hint), get_args(hint)
    if origin in {Union, UnionType}:
        return _either(inner)
    if origin is tuple:
        return _many(_form(inner[0])) if inner[-1] is Ellipsis else _fixed(inner)
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return _Form(_TEXT, str, partial(_one_of, hint))
    if isinstance(hint, type) and is_dataclass(hint):
        row = _Row(hint)
        return _Form(_LIST, row.write, row.read)
    if hint in _SIMPLE:
        return _SIMPLE[hint]
    if origin is Mapping and inner[0] is str:
        return _table(_form(inner[1]))
    raise TypeError(f"no JSON for {hint}")


_TEXT: Final = frozenset[type]({str})
_LIST: Final = frozenset[type]({list})
_OBJECT: Final = frozenset[type]({dict})


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise _Refused(": no base64") from None


def _one_of(kind: type[StrEnum], text: str) -> StrEnum:
    try:
        return kind(text)
    except ValueError:
        raise _Refused(f": no {kind.__name__}") from None


def _texts(texts: dict[str, Json]) -> Mapping[str, str]:
    if texts and not all(type(value) is str for value in texts.values()):
        raise _Refused(": no mapping of texts")
    return texts


_SIMPLE: Final[Mapping[Any, _Form]] = {
    str: _Form(_TEXT),
    int: _Form(frozenset({int})),
    bool: _Form(frozenset({bool})),
    float: _Form(frozenset({float, int})),
    Path: _Form(_TEXT, str, Path),
    bytes: _Form(_TEXT, lambda value: base64.b64encode(value).decode(), _bytes),
    Mapping[str, str]: _Form(_OBJECT, dict, _texts),
    Mapping[str, object]: _Form(_OBJECT, dict),
}


def _either(hints: Sequence[Any]) -> _Form:
    """Return the form of what may be None, or of several kinds."""
    if NoneType not in hints:
        kinds = Vocabulary[Any](*hints)
        return _Form(_LIST, kinds.values_of, kinds.message_of)
    (form,) = (_form(hint) for hint in hints if hint is not NoneType)
    raw, write, read = form.raw | {NoneType}, form.write, form.read
    if write is None or read is None:
        return _Form(raw)
    return _Form(
        raw,
        lambda value: None if value is None else write(value),
        lambda value: None if value is None else read(value),
    )


def _many(form: _Form) -> _Form:
    """Return the form of a tuple of any length."""
    raw, write, read = form.raw, form.write, form.read

    def read_all(values: list[Json]) -> tuple[Any, ...]:
        for number, one in enumerate(values):
            if type(one) not in raw:
                raise _Refused(f"[{number}]: {type(one).__name__}")
        return tuple(values if read is None else map(read, values))

    return _Form(_LIST, list if write is None else lambda them: list(map(write, them)), read_all)


def _table(form: _Form) -> _Form:
    """Return the form of a mapping whose values are of one form."""
    raw, write, read = form.raw, form.write, form.read

    def read_all(value: dict[str, Json]) -> Mapping[str, object]:
        if not all(type(one) in raw for one in value.values()):  # keys may be names: none is shown
            raise _Refused(": a value of another type")
        return {name: _through(one, read) for name, one in value.items()}

    return _Form(
        _OBJECT,
        lambda them: {name: _through(one, write) for name, one in them.items()},
        read_all,
    )


def _fixed(hints: Sequence[Any]) -> _Form:
    """Return the form of a tuple of so many values."""
    forms = [_form(hint) for hint in hints]
    raws, writes, reads = zip(*((one.raw, one.write, one.read) for one in forms), strict=True)

    def read(values: list[Json]) -> tuple[Any, ...]:
        if len(values) != len(raws) or not all(map(_is_of, values, raws)):
            raise _Refused(": no such tuple")
        return tuple(map(_through, values, reads))

    return _Form(_LIST, lambda values: list(map(_through, values, writes)), read)


def _through(value: Json, change: Write | Read | None) -> Json:
    return value if change is None else change(value)


def _is_of(value: Json, raw: frozenset[type]) -> bool:
    return type(value) in raw


class _Row:
    """How a dataclass is written and read: as the list of its fields."""

    def __init__(self, made: type[Any]) -> None:
        assert "__slots__" in vars(made), "values are put into slots"
        assert not hasattr(made, "__post_init__"), "reading calls no method of it"
        self._made = made
        self._sound = set[tuple[type, ...]]()
        """Types of all fields that were found to be right."""

    # What follows is worked out when a value of the type comes by: most kinds never do.

    @cached_property
    def _names(self) -> Sequence[str]:
        return [one.name for one in fields(self._made)]

    @cached_property
    def _forms(self) -> Sequence[_Form]:
        hints = get_type_hints(self._made)
        return [_form(hints[name]) for name in self._names]

    @cached_property
    def _raw(self) -> Sequence[frozenset[type]]:
        return [form.raw for form in self._forms]

    @cached_property
    def _write(self) -> Sequence[tuple[int, Write]]:
        return [(n, one.write) for n, one in enumerate(self._forms) if one.write is not None]

    @cached_property
    def _read(self) -> Sequence[tuple[int, Read]]:
        return [(n, one.read) for n, one in enumerate(self._forms) if one.read is not None]

    @cached_property
    def _put(self) -> Sequence[Callable[[Any, Any], None]]:
        # What its own __init__ does, which takes four times as long since it is frozen.
        return [getattr(self._made, name).__set__ for name in self._names]

    def write(self, value: Any) -> list[Json]:  # noqa: ANN401 - of the type
        lines = [getattr(value, name) for name in self._names]
        for number, write in self._write:
            lines[number] = write(lines[number])
        return lines

    def read(self, values: list[Json]) -> Any:  # noqa: ANN401 - of the type
        types = tuple(map(type, values))
        if types not in self._sound:
            self._judge(types)
        for number, read in self._read:
            try:
                values[number] = read(values[number])
            except _Refused as error:
                raise _Refused(f".{self._names[number]}{error}") from None
        made = object.__new__(self._made)
        for put, value in zip(self._put, values, strict=True):
            put(made, value)
        return made

    def _judge(self, types: tuple[type, ...]) -> None:
        if len(types) != len(self._names):
            raise _Refused(f": {len(types)} fields instead of {len(self._names)}")
        for name, found, raw in zip(self._names, types, self._raw, strict=True):
            if found not in raw:
                raise _Refused(f".{name}: {found.__name__}")
        self._sound.add(types)


def as_object(value: object) -> dict[str, Json]:
    """Return a frozen value as the object of its fields, as JSON can hold it."""
    return {
        one.name: _through(getattr(value, one.name), one.form.write)
        for one in _named_fields(type(value))
    }


def from_object(made: type[T], value: Mapping[str, Json]) -> T:
    """Return the value that `as_object` was given; what else `values` has is somebody else's.

    A field that has a default may be absent.

    Raises:
        MalformedMessage: a field is missing or of another type.
    """
    values = {}
    for one in _named_fields(made):
        if one.name not in value and one.optional:
            continue
        if one.name not in value or type(value[one.name]) not in one.form.raw:
            raise MalformedMessage(f"{made.__name__}.{one.name}")
        try:
            values[one.name] = _through(value[one.name], one.form.read)
        except _Refused as error:
            raise MalformedMessage(f"{made.__name__}.{one.name}{error}") from None
    return made(**values)


class _NamedField(NamedTuple):
    name: str
    form: _Form
    optional: bool


def _named_fields(made: Any) -> Sequence[_NamedField]:  # noqa: ANN401 - a dataclass
    hints = get_type_hints(made)
    return [
        _NamedField(one.name, _form(hints[one.name]), one.default is not MISSING)
        for one in fields(made)
    ]


# --- messages ------------------------------------------------------------------------------------

M = TypeVar("M")
S = TypeVar("S")
R = TypeVar("R")

_ENCODER: Final = json.JSONEncoder(separators=(",", ":"), allow_nan=False, check_circular=False)


def _no_number(text: str) -> Json:
    raise ValueError(text)


_DECODER: Final = json.JSONDecoder(parse_constant=_no_number)


class Vocabulary(Generic[M]):
    """The kinds of message that one end may send; all others are refused.

    A message is the name of its kind and its fields, in the order in which its class has them.
    """

    def __init__(self, *kinds: type[M], names: Mapping[type[Any], str] = NAMES) -> None:
        self._rows = {kind: (names[kind], _Row(kind)) for kind in kinds}
        self._read = {name: row.read for name, row in self._rows.values()}

    def encode(self, *messages: M) -> bytes:
        """Return messages as JSON."""
        return _ENCODER.encode([self.values_of(one) for one in messages]).encode()

    def decode(self, data: bytes | bytearray) -> list[M]:
        """Return what `encode` was given.

        Raises:
            MalformedMessage: it is nothing that `encode` gives; values are not shown: they may
                be names.
        """
        try:
            value = _DECODER.decode(data.decode())
        except (ValueError, RecursionError):
            raise MalformedMessage("no JSON") from None
        if type(value) is not list:
            raise MalformedMessage("no list of messages")
        try:
            return [self.message_of(one) for one in value]
        except _Refused as error:
            raise MalformedMessage(str(error)) from None

    def values_of(self, message: M) -> list[Json]:
        """Return one message as values that JSON can hold."""
        name, row = self._rows[type(message)]
        return [name, *row.write(message)]

    def message_of(self, value: Json) -> M:
        """Return the message that `values_of` made these values of."""
        kind = value[0] if type(value) is list and value else None
        read = self._read.get(kind) if type(kind) is str else None
        if read is None:
            raise _Refused(": a kind that is not known here")
        try:
            return read(value[1:])  # type: ignore[no-any-return]
        except _Refused as error:
            raise _Refused(f" {kind}{error}") from None


TO_WORKER = Vocabulary[ToWorker](*get_args(ToWorker))
FROM_WORKER = Vocabulary[FromWorker](*get_args(FromWorker))


class Wire(Generic[S, R]):
    """One end of a connection, which sends and receives; sending is thread-safe."""

    def __init__(self, connection: Frames, *, says: Vocabulary[S], hears: Vocabulary[R]) -> None:
        self.connection = connection
        self._says, self._hears = says, hears
        self._lock = threading.Lock()

    def send(self, *messages: S) -> None:
        """Send messages in one frame."""
        data = self._says.encode(*messages)
        with self._lock:
            self.connection.send_bytes(data)

    def receive(self) -> list[R]:
        """Wait for one frame.

        Raises:
            EOFError: the other end is gone.
            MalformedMessage: it is not what the other end may say.
        """
        return self._hears.decode(self.connection.recv_bytes())
