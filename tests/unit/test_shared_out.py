"""In which order processes begin with tests."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import shared_out


@dataclass(eq=False)
class Named:
    path: Path
    marks: frozenset[str] = field(default_factory=frozenset)

    def get_closest_marker(self, name: str) -> str | None:
        return name if name in self.marks else None


MARKS = st.sampled_from([frozenset[str](), frozenset({"slow"}), frozenset({"slow", "waits"})])
TESTS = st.lists(st.builds(Named, st.sampled_from([Path(n) for n in "abcdefgh"]), MARKS))


def made(items: list[Named], processes: int) -> list[Any]:
    return cast("list[Any]", shared_out(cast("list[pytest.Item]", items), processes))


@given(TESTS, st.integers(1, 6))
def test_every_test_is_there_once(items: list[Named], processes: int) -> None:
    found = made(items, processes)
    assert sorted(map(id, found)) == sorted(map(id, items))


def test_what_waits_is_in_one_share_and_each_share_begins_with_what_takes_long() -> None:
    long = [Named(Path(name), frozenset({"slow"})) for name in "abc" for _ in range(2)]
    waits = [Named(Path("z"), frozenset({"slow", "waits"})) for _ in range(3)]
    quick = [Named(Path("q")) for _ in range(31)]
    items = [*quick[:9], *waits, *quick[9:20], *long, *quick[20:]]

    found = made(items, 4)

    assert found[:3] == waits
    for share, name in zip((10, 20, 30), "abc", strict=True):
        assert [one.path for one in found[share : share + 2]] == [Path(name)] * 2
    assert [one for one in found if one in quick] == quick
    assert made(items, 1) == items
