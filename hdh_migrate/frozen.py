"""Dataclasses with slots that start quickly: methods are generated when they are first needed.

A command imports some four hundred types and makes instances of a few of them. Collecting their
fields and generating up to six methods for each, from text, took a fifth of the time in which a
command starts.

    frozen, frozen_row      cannot be changed; fields are given by name, or also by position
    mutable, mutable_row    can be changed, and so have no hash; likewise
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, Field, FrozenInstanceError, field, fields, make_dataclass
from operator import attrgetter
from typing import Any, ClassVar, Final, TypeVar, dataclass_transform, get_origin

T = TypeVar("T")


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(field,))
def frozen(cls: type[T]) -> type[T]:
    """Make a class what `dataclass(frozen=True, slots=True, kw_only=True)` would make of it.

    Its fields are collected when somebody asks for them, and its `__init__` is generated when its
    first instance is made; the other methods are shared by all such classes. A class may inherit
    from another one of them, and from no other dataclass.
    """
    return _with_init(slotted(cls, _FROZEN), frozen=True)


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def frozen_row(cls: type[T]) -> type[T]:
    """Make a class what `dataclass(frozen=True, slots=True)` would; see `frozen`."""
    return _with_init(slotted(cls, _FROZEN, by_name=False), frozen=True)


@dataclass_transform(kw_only_default=True, field_specifiers=(field,))
def mutable(cls: type[T]) -> type[T]:
    """Make a class what `dataclass(slots=True, kw_only=True)` would; see `frozen`."""
    return _with_init(slotted(cls, _MUTABLE), frozen=False)


@dataclass_transform(field_specifiers=(field,))
def mutable_row(cls: type[T]) -> type[T]:
    """Make a class what `dataclass(slots=True)` would; see `frozen`."""
    return _with_init(slotted(cls, _MUTABLE, by_name=False), frozen=False)


def slotted(cls: type[T], methods: Mapping[str, object], *, by_name: bool = True) -> type[T]:
    """Return a class again with a slot for each of its fields, and methods that it does not define.

    For everybody else it is a dataclass: `fields` and `replace` take it for one. It has no
    `__init__` of its own but its base's.
    """
    own = vars(cls)
    described = {
        name: hint for name, hint in own.get("__annotations__", {}).items() if not _of_class(hint)
    }
    slots = {slot for base in cls.__mro__[1:] for slot in getattr(base, "__slots__", ())}
    kept = {
        name: value for name, value in own.items() if name not in described and name not in _MADE
    }
    kind: Any = type(cls)
    made: type[T] = kind(
        cls.__name__,
        cls.__bases__,
        {
            **methods,
            **kept,
            "__slots__": tuple(name for name in described if name not in slots),
            "__dataclass_fields__": _Fields(described, own, by_name=by_name),
        },
    )
    return made


_MADE: Final = frozenset(("__dict__", "__weakref__"))
"""What a class without slots has for its instances' sake."""


def _of_class(hint: object) -> bool:
    """Say whether an annotation is of an attribute of the class, and so of no field."""
    if isinstance(hint, str):
        return hint.startswith(("ClassVar", "typing.ClassVar"))
    return hint is ClassVar or get_origin(hint) is ClassVar


class _Fields:
    """Stands where a dataclass has its fields, until somebody asks for them."""

    def __init__(self, value: Mapping[str, Any], own: Mapping[str, Any], *, by_name: bool) -> None:
        self._value, self._own, self._by_name = value, own, by_name
        self._owner: type | None = None

    def __set_name__(self, owner: type, name: str) -> None:
        del name
        self._owner = owner

    def __get__(self, instance: object, asking: type) -> Mapping[str, Field[Any]]:
        """Collect the fields, and stand there no more."""
        del instance, asking
        owner = self._owner
        assert owner is not None
        found = {
            name: one
            for base in reversed(owner.__mro__[1:])
            for name, one in getattr(base, "__dataclass_fields__", {}).items()
        }
        spec = [(one.name, one.type, _again(one)) for name, one in found.items()]
        spec = [one for one in spec if one[0] not in self._value]
        for name, kind in self._value.items():
            given = self._own.get(name, MISSING)
            spec.append((name, kind, given if isinstance(given, Field) else field(default=given)))
        stand_in = make_dataclass(
            owner.__name__, spec, namespace=_TOLD, init=False, repr=False, eq=False,
            kw_only=self._by_name,
        )  # fmt: skip
        collected: Mapping[str, Field[Any]] = vars(stand_in)["__dataclass_fields__"]
        setattr(owner, "__dataclass_fields__", collected)  # noqa: B010 - no type checker knows it
        return collected


_TOLD: Final = {"__doc__": "Stands in."}
"""Of a class without a docstring, `dataclass` would work out its signature to make one of it."""


def _again(one: Field[Any]) -> Any:  # noqa: ANN401 - what stands for a field where it is declared
    """Return a field's declaration: a class that inherits it has one of its own."""
    said: dict[str, Any] = {
        "init": one.init, "repr": one.repr, "compare": one.compare, "metadata": one.metadata,
        "kw_only": one.kw_only,
    }  # fmt: skip
    if one.default_factory is not MISSING:
        return field(default_factory=one.default_factory, **said)
    return field(default=one.default, **said)


def _with_init(cls: type[T], *, frozen: bool) -> type[T]:
    """Give a class an `__init__` that puts the generated one in its place when it is called."""

    def __init__(self: object, *row: object, **values: object) -> None:  # noqa: N807 - stands for it
        setattr(cls, "__init__", _generated(cls, frozen=frozen))  # noqa: B010 - mypy forbids it
        cls.__init__(self, *row, **values)

    setattr(cls, "__init__", __init__)  # noqa: B010
    return cls


def _generated(cls: Any, *, frozen: bool) -> Callable[..., None]:  # noqa: ANN401 - any dataclass
    """Return the `__init__` that `dataclass` generates for a class, or one that does the same."""
    own = fields(cls)
    if frozen and own and cls.__bases__ == (object,) and all(one.init for one in own):
        return _filling(cls)
    after = {"__post_init__": cls.__post_init__} if hasattr(cls, "__post_init__") else {}
    like = [(one.name, one.type, _again(one)) for one in fields(cls)]
    stand_in = make_dataclass(
        cls.__name__, like, namespace=after, repr=False, eq=False, frozen=frozen, slots=True
    )
    generated: Callable[..., None] = vars(stand_in)["__init__"]
    return generated


def _filling(cls: Any) -> Callable[..., None]:  # noqa: ANN401 - any dataclass
    """Return an `__init__` that fills an instance while it is of a class that can be changed.

    What `dataclass` generates calls `object.__setattr__` for each field, which takes twice as long
    in all: there are dozens of such objects for each object that is moved. Nobody else has the
    instance meanwhile.
    """
    names = [one.name for one in fields(cls)]
    changeable = type(cls.__name__, (), {"__slots__": cls.__slots__})
    known: dict[str, Any] = {
        "_cls": cls, "_changeable": changeable, "_missing": object(), "_set": object.__setattr__,
    }  # fmt: skip
    by_place, by_name, made = list[str](), list[str](), list[str]()
    for one in fields(cls):
        given = one.name
        if one.default_factory is not MISSING:
            known[f"_make_{one.name}"] = one.default_factory
            given += "=_missing"
            made.append(f"    if {one.name} is _missing: {one.name} = _make_{one.name}()")
        elif one.default is not MISSING:
            known[f"_default_{one.name}"] = one.default
            given += f"=_default_{one.name}"
        (by_name if one.kw_only else by_place).append(given)
    text = "\n".join((
        f"def __init__({', '.join(['self', *by_place, *(['*', *by_name] if by_name else [])])}):",
        *made,
        "    if self.__class__ is not _cls:  # a class that inherits and was not made here",
        *(f"        _set(self, {name!r}, {name})" for name in names),
        "    else:",
        "        _set(self, '__class__', _changeable)",
        *(f"        self.{name} = {name}" for name in names),
        "        self.__class__ = _cls",
        *(["    self.__post_init__()"] if hasattr(cls, "__post_init__") else []),
    ))  # fmt: skip
    exec(text, known)  # noqa: S102 - names of fields, which stand in our own code
    filling: Callable[..., None] = known["__init__"]
    filling.__qualname__ = f"{cls.__qualname__}.__init__"
    return filling


# --- the methods that all share ------------------------------------------------------------------


_known: Final[dict[type[object], Callable[[object], object]]] = {}


def _compared(one: Any) -> object:  # noqa: ANN401 - any dataclass
    """Return the values of an instance that say whether it equals another one."""
    cls = type(one)
    if cls not in _known:
        names = [one.name for one in fields(cls) if one.compare]
        _known[cls] = attrgetter(*names) if names else lambda _: ()
    return _known[cls](one)


def _eq(self: object, other: object) -> object:
    if type(other) is not type(self):
        return NotImplemented
    return _compared(self) == _compared(other)


def _hash(self: object) -> int:
    return hash(_compared(self))


def _repr(self: Any) -> str:  # noqa: ANN401 - any dataclass
    shown = (one.name for one in fields(self) if one.repr)
    values = ", ".join(f"{name}={getattr(self, name)!r}" for name in shown)
    return f"{type(self).__qualname__}({values})"


def _set(self: object, name: str, value: object) -> None:
    del self, value
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _delete(self: object, name: str) -> None:
    del self
    raise FrozenInstanceError(f"cannot delete field {name!r}")


def _state(self: Any) -> list[object]:  # noqa: ANN401 - any dataclass
    return [getattr(self, one.name) for one in fields(self)]


def _restore(self: Any, state: Sequence[object]) -> None:  # noqa: ANN401 - any dataclass
    for one, value in zip(fields(self), state, strict=True):
        object.__setattr__(self, one.name, value)


_MUTABLE: Final[Mapping[str, object]] = {"__eq__": _eq, "__hash__": None, "__repr__": _repr}
_FROZEN: Final[Mapping[str, object]] = {
    "__eq__": _eq, "__hash__": _hash, "__repr__": _repr, "__setattr__": _set,
    "__delattr__": _delete, "__getstate__": _state, "__setstate__": _restore,
}  # fmt: skip
