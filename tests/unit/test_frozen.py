"""A class that `frozen` makes is what `dataclass(frozen=True, slots=True, kw_only=True)` makes."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from dataclasses import FrozenInstanceError, dataclass, field, fields, replace
from typing import Any, ClassVar

import pytest

from hdh_migrate.frozen import frozen, frozen_row, mutable, mutable_row

usual = dataclass(frozen=True, slots=True, kw_only=True)


def noun(make: Callable[[type], type]) -> Any:
    class Noun:
        """A noun."""

        name: str
        size: int = 0
        secret: str = field(default="", repr=False)
        seen: list[int] = field(default_factory=list, compare=False)
        twice: int = field(init=False)
        found: str = field(default="", init=False, repr=False, compare=False)

        def __post_init__(self) -> None:
            object.__setattr__(self, "twice", 2 * self.size)

        @property
        def shown(self) -> str:
            return f"{self.name}: {self.size}"

    Noun.__qualname__ = "Noun"
    return make(Noun)


@frozen
class Base:
    """What another one inherits from."""

    name: str

    def __str__(self) -> str:
        return self.name


@frozen
class Derived(Base):
    """What inherits."""

    size: int = 1


def test_it_equals_shows_and_hashes_as_a_dataclass_does() -> None:
    ours, theirs = noun(frozen), noun(usual)
    assert repr(ours(name="a", secret="s")) == repr(theirs(name="a", secret="s"))
    assert ours(name="a", size=2).twice == 4
    assert ours(name="a", size=2).shown == "a: 2"
    assert ours(name="a", seen=[1]) == ours(name="a", seen=[2])
    assert ours(name="a") != ours(name="b")
    assert ours(name="a") != theirs(name="a")
    for cls in (ours, theirs):
        with pytest.raises(TypeError, match="unhashable"):
            hash(cls(name=[]))
    assert hash(ours(name="a", seen=[1])) == hash(ours(name="a", seen=[2]))
    assert [one.name for one in fields(ours)] == [one.name for one in fields(theirs)]
    assert ours(name="a").seen is not ours(name="a").seen


def test_it_cannot_be_changed() -> None:
    one = noun(frozen)(name="a")
    with pytest.raises(FrozenInstanceError, match="cannot assign to field 'name'"):
        one.name = "b"
    with pytest.raises(FrozenInstanceError):
        del one.name
    with pytest.raises(FrozenInstanceError):
        one.other = 1
    assert not hasattr(one, "__dict__")


@pytest.mark.parametrize("given", [{}, {"name": "a", "more": 1}, {"name": "a", "twice": 1}])
def test_it_takes_its_fields_and_no_others_by_name(given: dict[str, Any]) -> None:
    ours = noun(frozen)
    for _ in range(2):  # the first one, and those after it
        with pytest.raises(TypeError):
            ours(**given)
    with pytest.raises(TypeError):
        ours("a")
    assert ours(name="a").name == "a"


def test_one_of_them_inherits_from_another_one() -> None:
    one = Derived(name="a")
    assert (str(one), one.size) == ("a", 1)
    assert one != Base(name="a")
    assert replace(one, size=3) == Derived(name="a", size=3)


def test_it_is_copied_and_pickled_as_it_is() -> None:
    one = Derived(name="a", size=4)
    for other in (copy.copy(one), copy.deepcopy(one), pickle.loads(pickle.dumps(one))):
        assert other == one
        assert type(other) is Derived


SIBLINGS = {
    frozen_row: dataclass(frozen=True, slots=True),
    mutable: dataclass(slots=True, kw_only=True),
    mutable_row: dataclass(slots=True),
}


@pytest.mark.parametrize("make", SIBLINGS)
def test_each_sibling_is_what_its_dataclass_is(make: Callable[[type], type]) -> None:
    ours, theirs = noun(make), noun(SIBLINGS[make])
    told = [
        (one.name, one.type, one.default, one.init, one.repr, one.compare, one.kw_only)
        for one in fields(ours)
    ]
    assert told == [
        (one.name, one.type, one.default, one.init, one.repr, one.compare, one.kw_only)
        for one in fields(theirs)
    ]
    for cls in (ours, theirs):
        try:
            one = cls("a", 2, seen=[1])
        except TypeError:
            assert make is mutable
            one = cls(name="a", size=2, seen=[1])
        assert one == replace(one, seen=[2])
        assert (one.twice, one.shown, one.found, hasattr(one, "__dict__")) == (4, "a: 2", "", False)
        assert repr(one) == "Noun(name='a', size=2, seen=[1], twice=4)"
        try:
            one.name = "b"
        except FrozenInstanceError:
            assert make is frozen_row
            assert hash(one) == hash(replace(one, seen=[2]))
        else:
            assert one.name == "b"
            with pytest.raises(TypeError, match="unhashable"):
                hash(one)
        assert copy.deepcopy(one) == one
        with pytest.raises(TypeError):
            cls()


@frozen
class Tagged(Derived):
    """What inherits, with what belongs to the class and another default."""

    kind: ClassVar[str] = "tagged"
    size: int = 2
    notes: tuple[str, ...] = ()


def test_what_belongs_to_the_class_is_no_field_and_a_default_is_replaced() -> None:
    assert [one.name for one in fields(Tagged)] == ["name", "size", "notes"]
    assert repr(Tagged(name="a")) == "Tagged(name='a', size=2, notes=())"
    assert Tagged.kind == "tagged"
    assert Derived(name="a").size == 1


def plain(make: Callable[[type], type]) -> Any:
    class Plain:
        """A noun whose fields are all given."""

        name: str
        seen: list[int] = field(default_factory=list)
        size: int = 3

        def __post_init__(self) -> None:
            if self.size < 0:
                raise ValueError(self.size)

    Plain.__qualname__ = "Plain"
    return make(Plain)


@pytest.mark.parametrize("make", [frozen, frozen_row])
def test_one_whose_fields_are_all_given_is_the_same_and_cannot_be_changed_either(
    make: Callable[[type], type],
) -> None:
    ours = plain(make)
    one, other = ours(name="a"), ours(name="a")
    assert (one.name, one.seen, one.size) == ("a", [], 3)
    assert one.seen is not other.seen
    assert type(one) is ours
    assert one == other == copy.deepcopy(one)
    with pytest.raises(FrozenInstanceError):
        one.name = "b"
    with pytest.raises(ValueError, match="-1"):
        ours(name="a", size=-1)
    for given in ({}, {"name": "a", "more": 1}):
        with pytest.raises(TypeError, match="argument"):
            ours(**given)


def test_a_class_that_inherits_without_being_made_here_is_filled_as_well() -> None:
    class Heir(plain(frozen)):  # type: ignore[misc]  # of a class that is made in a function
        """It has what plain classes have."""

    one = Heir(name="a", seen=[1])
    assert (one.name, one.seen, type(one)) == ("a", [1], Heir)
    with pytest.raises(FrozenInstanceError):
        one.name = "b"
