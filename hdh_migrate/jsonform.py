"""Frozen types with one JSON form: a type's fields are its members, and no reader picks by hand.

A field whose type has `Absent` may be left out of the JSON; a null is written as a null. What a
newer version says besides is kept, so that a form that was read is written as it was, byte by byte,
and what is digested stays what it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, FrozenInstanceError, field, fields
from enum import Enum, StrEnum
from functools import partial
from types import NoneType, UnionType
from typing import (
    Any,
    Final,
    Literal,
    NotRequired,
    Self,
    TypeVar,
    Union,
    dataclass_transform,
    get_args,
    get_origin,
    get_type_hints,
)

from hdh_migrate.frozen import slotted

T = TypeVar("T", bound="JsonForm")
R = TypeVar("R")

CanonicalPlan = Mapping[str, Any]
"""A plan as its digest covers it: JSON values with all defaults filled in, of any version.

It is compared and kept, and never acted on: who acts on a plan has `plan.model.Plan`.
"""


class Absent(Enum):
    """The type of `ABSENT`."""

    ABSENT = "absent"

    def __bool__(self) -> Literal[False]:
        return False


ABSENT: Final = Absent.ABSENT
"""The value of a member that is not there; it counts as false, so `value or ()` reads it."""


class OtherForm(ValueError):
    """A JSON value is not of the form that its type has; the message names the members."""


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(field,))
def json_form(cls: type[T]) -> type[T]:
    """Make a subclass of `JsonForm` a frozen dataclass with slots and keyword arguments.

    What `dataclass` would generate for each, `JsonForm` has once: there are so many of them that
    generating it would take as long as a verb takes to start.
    """
    return slotted(cls, {})


@json_form
class JsonForm:  # noqa: PLW1641 - tables among its values have no hash
    """What has one JSON form: an object with a member for each field."""

    more: Mapping[str, object] | None = None
    """Members that this version does not know, as a newer one wrote them."""

    def __init__(self, **values: object) -> None:
        for name, default in _defaults(type(self)):
            value = values.pop(name, default)
            if value is MISSING:
                raise TypeError(f"{type(self).__name__}: {name} is missing")
            object.__setattr__(self, name, value)
        if values:
            raise TypeError(f"{type(self).__name__}: no field {next(iter(values))}")

    def __setattr__(self, name: str, value: object) -> None:
        raise FrozenInstanceError(name)

    def __delattr__(self, name: str) -> None:
        raise FrozenInstanceError(name)

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and all(
            getattr(self, one.name) == getattr(other, one.name) for one in fields(self)
        )

    def __repr__(self) -> str:
        values = (f"{one.name}={getattr(self, one.name)!r}" for one in fields(self))
        return f"{type(self).__name__}({', '.join(values)})"

    def as_json(self) -> dict[str, object]:
        """Return the JSON form, of plain values."""
        found: dict[str, object] = {
            name: _plain(value)
            for name, _, _ in _members(type(self))
            if (value := getattr(self, name)) is not ABSENT
        }
        return found if self.more is None else {**found, **self.more}

    @classmethod
    def of_json(cls, value: object) -> Self:
        """Read the JSON form.

        Raises:
            OtherForm: a member is missing, or a value is of another type.
        """
        if not isinstance(value, dict):
            raise OtherForm("no object")
        made, known = cls.__new__(cls), 0
        for name, read, optional in _members(cls):
            if name in value:
                try:
                    object.__setattr__(made, name, read(value[name]))
                except OtherForm as error:
                    raise OtherForm(f"{name}: {error}") from None
                known += 1
            elif optional:
                object.__setattr__(made, name, ABSENT)
            else:
                raise OtherForm(f"{name}: missing")
        object.__setattr__(made, "more", _unknown(cls, value) if known < len(value) else None)
        return made


def typed_dict(kind: type[R], value: object) -> R:
    """Return a JSON object as a `TypedDict`, every member of its type and none besides.

    Raises:
        OtherForm: it is of another form.
    """
    found: R = _reader(kind)(value)
    return found


# --- reading: one reader for each type -----------------------------------------------------------

_Read = Callable[[Any], Any]
_SCALARS: Final = frozenset((str, int, float, bool, NoneType))


_Member = tuple[str, _Read, bool]
_Default = tuple[str, object]
_known: Final[dict[type[JsonForm], tuple[_Member, ...]]] = {}
_known_defaults: Final[dict[type[JsonForm], tuple[_Default, ...]]] = {}


def _defaults(cls: type[JsonForm]) -> tuple[_Default, ...]:
    """Return the name of each field and its default."""
    if cls not in _known_defaults:
        _known_defaults[cls] = tuple((one.name, one.default) for one in fields(cls))
    return _known_defaults[cls]


def _members(cls: type[JsonForm]) -> tuple[_Member, ...]:
    """Return the name of each member, what reads it, and whether it may be left out."""
    if cls not in _known:
        hints = get_type_hints(cls)
        _known[cls] = tuple(
            (one.name, _reader(hints[one.name]), Absent in get_args(hints[one.name]))
            for one in fields(cls)
            if one.name != "more"
        )
    return _known[cls]


def _unknown(cls: type[JsonForm], value: Mapping[str, object]) -> Mapping[str, object]:
    names = {name for name, _, _ in _members(cls)}
    return {name: one for name, one in value.items() if name not in names}


def _reader(hint: Any) -> _Read:  # noqa: ANN401 - a type
    """Return what reads JSON as a type.

    Raises:
        TypeError: the type has no JSON form.
    """
    if hint is Any:
        return _anything
    if (origin := get_origin(hint)) is not None:
        return _reader_of(origin, get_args(hint))
    if hasattr(hint, "__required_keys__"):  # a TypedDict, of whichever module
        return partial(_record, *_members_of(hint))
    if hint in _SCALARS:
        return partial(_scalar, {int, float} if hint is float else {hint})
    if isinstance(hint, type) and issubclass(hint, JsonForm):
        return hint.of_json
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return partial(_member_of, hint)
    raise TypeError(f"{hint} has no JSON form")


def _reader_of(origin: object, args: tuple[Any, ...]) -> _Read:
    """Return what reads JSON as a type that is made of others."""
    if origin in {Union, UnionType}:
        one_of = [_reader(one) for one in args if one is not Absent]
        return one_of[0] if len(one_of) == 1 else partial(_one_of, one_of)
    if origin is Literal:
        return partial(_literal, args)
    if origin is tuple and args[-1] is Ellipsis:
        return partial(_list, args[0], _reader(args[0]))
    if origin is tuple:
        return partial(_row, [_reader(one) for one in args])
    if origin is list:
        inner = partial(_list, args[0], _reader(args[0]))
        return lambda value: list(inner(value))
    if origin is Mapping:
        return partial(_table, args[1], _reader(args[1]))
    raise TypeError(f"{origin} has no JSON form")


def _anything(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    return value


def _scalar(types: set[type], value: Any) -> Any:  # noqa: ANN401 - any JSON value
    if type(value) not in types:
        raise OtherForm(f"no {min(one.__name__ for one in types)}")
    return value


def _literal(values: tuple[object, ...], value: object) -> object:
    if not any(type(value) is type(one) and value == one for one in values):  # 1 is not true
        raise OtherForm("none of the words that may stand here")
    return value


def _member_of(words: type[StrEnum], value: Any) -> object:  # noqa: ANN401 - any JSON value
    try:
        return words(_scalar({str}, value))
    except ValueError:
        raise OtherForm("none of the words that may stand here") from None


def _one_of(readers: list[_Read], value: object) -> object:
    for read in readers:
        try:
            return read(value)
        except OtherForm:
            pass
    raise OtherForm("of none of the types that may stand here")


def _list(inner: Any, read: _Read, value: object) -> tuple[Any, ...]:  # noqa: ANN401 - a type
    if not isinstance(value, list):
        raise OtherForm("no list")
    if set(map(type, value)) <= {inner}:  # of whole numbers or texts, quickly
        return tuple(value)
    return tuple(map(read, value))


def _members_of(hint: Any) -> tuple[Mapping[str, _Read], frozenset[str]]:  # noqa: ANN401
    """Return what reads each member of a `TypedDict`, and those that must be there."""
    readers = {name: _reader(one) for name, one in get_type_hints(hint).items()}
    # Not `__required_keys__`: it takes annotations that are texts for required ones.
    hints = get_type_hints(hint, include_extras=True)
    optional = {name for name, one in hints.items() if get_origin(one) is NotRequired}
    return readers, frozenset(hints.keys() - optional)


def _record(readers: Mapping[str, _Read], required: frozenset[str], value: object) -> object:
    if not isinstance(value, dict):
        raise OtherForm("no object")
    if missing := sorted(required - value.keys()):
        raise OtherForm(f"{missing[0]}: missing")
    if unknown := sorted(value.keys() - readers.keys()):
        raise OtherForm(f"{unknown[0]}: not known")
    return {name: readers[name](one) for name, one in value.items()}


def _row(readers: list[_Read], value: object) -> object:
    if not isinstance(value, list) or len(value) != len(readers):
        raise OtherForm(f"no list of {len(readers)}")
    return tuple(read(one) for read, one in zip(readers, value, strict=True))


def _table(inner: Any, read: _Read, value: object) -> object:  # noqa: ANN401 - a type
    if not isinstance(value, dict):
        raise OtherForm("no object")
    if set(map(type, value.values())) <= {inner}:
        return value
    return {name: read(one) for name, one in value.items()}


# --- writing -------------------------------------------------------------------------------------


def _plain(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Return a field's value as JSON; a list holds either plain values or none."""
    if type(value) in _SCALARS:
        return value
    if isinstance(value, JsonForm):
        return value.as_json()
    if isinstance(value, tuple | list):
        return list(value) if value and type(value[0]) in _SCALARS else list(map(_plain, value))
    if isinstance(value, dict | Mapping):
        return {name: _plain(one) for name, one in value.items()}
    return str(value) if isinstance(value, StrEnum) else value
