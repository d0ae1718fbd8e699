"""Frozen nouns, made quickly: what `dataclass` would generate for each is made when one is used.

A command imports some three hundred types and makes instances of a few of them. Generating six
methods for each, from text, took a fifth of the time in which a command starts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import MISSING, FrozenInstanceError, dataclass, field, fields, make_dataclass
from operator import attrgetter
from typing import Any, Final, TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(field,))
def frozen(cls: type[T]) -> type[T]:
    """Make a class what `dataclass(frozen=True, slots=True, kw_only=True)` would make of it.

    Its `__init__` is generated when its first instance is made; the other methods are shared by
    all such classes. A class may inherit from another one of them, and from no other dataclass.
    """
    own = set(vars(cls))
    made: type[T] = dataclass(init=False, repr=False, eq=False, slots=True, kw_only=True)(cls)
    for name, method in _METHODS.items():
        if name not in own:
            setattr(made, name, method)
    setattr(made, "__init__", _first(made))  # noqa: B010 - type checkers do not let it be assigned
    return made


def _first(cls: Any) -> Callable[..., None]:  # noqa: ANN401 - any dataclass
    """Return an `__init__` that puts the generated one in its place when it is called."""

    def __init__(self: object, **values: object) -> None:  # noqa: N807 - it stands for one
        cls.__init__ = _generated(cls)
        cls.__init__(self, **values)

    return __init__


def _generated(cls: Any) -> Callable[..., None]:  # noqa: ANN401 - any dataclass
    """Return the `__init__` that `dataclass` generates for a class."""
    after = {"__post_init__": cls.__post_init__} if hasattr(cls, "__post_init__") else {}
    like = [
        (
            one.name,
            one.type,
            field(default=one.default, init=one.init)
            if one.default_factory is MISSING
            else field(default_factory=one.default_factory, init=one.init),
        )
        for one in fields(cls)
    ]
    stand_in = make_dataclass(
        cls.__name__, like, namespace=after, repr=False, eq=False, frozen=True, kw_only=True
    )
    generated: Callable[..., None] = vars(stand_in)["__init__"]
    return generated


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
    told = ", ".join(f"{name}={getattr(self, name)!r}" for name in shown)
    return f"{type(self).__qualname__}({told})"


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


_METHODS: Final[dict[str, Callable[..., object]]] = {
    "__eq__": _eq, "__hash__": _hash, "__repr__": _repr, "__setattr__": _set,
    "__delattr__": _delete, "__getstate__": _state, "__setstate__": _restore,
}  # fmt: skip
