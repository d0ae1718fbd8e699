"""A directory of any size is listed in order, with few names in memory."""

from __future__ import annotations

import random
import stat
import tracemalloc
from collections.abc import Iterator
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hdh_migrate.errors import ListingBroken, Missing
from hdh_migrate.sources.sftp_listing import DEPTH_MAX, HELD_MIN, FolderWalk
from hdh_migrate.sources.sftp_packets import Attrs
from hdh_migrate.sources.sftp_session import Session
from tests.support.examples import many

FILE, FOLDER = Attrs(1, stat.S_IFREG, 1), Attrs(1, stat.S_IFDIR, 1)


class Tree:
    """A server's directories, each told in an order of its own."""

    def __init__(self, keys: list[bytes]) -> None:
        self.folders: dict[bytes, dict[bytes, Attrs]] = {b"/r": {}}
        self.listed = 0
        for key in keys:
            *above, name = key.split(b"/")
            at = b"/r"
            for folder in above:
                self.folders.setdefault(at, {})[folder] = FOLDER
                at += b"/" + folder
                self.folders.setdefault(at, {})
            self.folders[at].setdefault(name, FILE)

    def names(self, folder: bytes) -> Iterator[list[tuple[bytes, Attrs]]]:
        if folder not in self.folders:
            raise Missing("gone")
        self.listed += 1
        found = [*self.folders[folder].items(), (b".", FOLDER), (b"..", FOLDER)]
        random.Random(7).shuffle(found)
        for at in range(0, len(found), 50):
            yield found[at : at + 50]

    def walk(self, held: int = 10) -> FolderWalk:
        return FolderWalk(cast("Session", self), b"/r", lambda _: True, held=held)


NAMES = st.binary(min_size=1, max_size=3).filter(
    lambda name: b"/" not in name and b"\0" not in name and name not in {b".", b".."}
)
KEYS = st.lists(st.lists(NAMES, min_size=1, max_size=4).map(b"/".join), max_size=30, unique=True)


@settings(max_examples=many(100))
@given(KEYS, st.data())
def test_keys_come_in_byte_order_and_go_on_at_each(keys: list[bytes], data: st.DataObject) -> None:
    tree = Tree(keys)
    whole = [seen.key for seen in tree.walk().files()]
    assert whole == sorted(set(whole))
    files = {
        folder[3:] + (b"/" if folder != b"/r" else b"") + name
        for folder, names in tree.folders.items()
        for name, attrs in names.items()
        if attrs is FILE
    }
    assert set(whole) == files
    if whole:
        after = data.draw(st.sampled_from(whole))
        rest = [seen.key for seen in tree.walk().files(after)]
        assert rest == [key for key in whole if key > after]


def test_a_large_directory_is_listed_as_often_as_memory_asks_for() -> None:
    tree = Tree([b"%06d" % n for n in range(10 * HELD_MIN)])
    assert [seen.key for seen in tree.walk().files()] == [b"%06d" % n for n in range(10 * HELD_MIN)]
    assert tree.listed == 10
    tree.listed = 0
    assert len(list(tree.walk(10 * HELD_MIN).files())) == 10 * HELD_MIN
    assert tree.listed == 1


def test_of_a_directory_without_end_few_names_are_held_at_once() -> None:
    class Endless(Tree):
        def names(self, folder: bytes) -> Iterator[list[tuple[bytes, Attrs]]]:
            for at in range(100):
                yield [(b"%04d" % (at * 50 + n) + b"x" * 2_000, FILE) for n in range(50)]

    tracemalloc.start()
    try:
        next(Endless([]).walk().files())
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 4 * HELD_MIN * 2_000, "all of them are ten million bytes"


def test_what_is_too_deep_is_listed_as_what_it_is() -> None:
    tree = Tree([b"/".join([b"d"] * (DEPTH_MAX + 5))])
    (seen,) = tree.walk().files()
    assert seen.key.count(b"/") == DEPTH_MAX
    assert seen.attrs.kind == "special-file"


def test_a_directory_that_is_gone_meanwhile_is_passed_over_and_a_root_is_not() -> None:
    tree = Tree([b"a", b"d/x", b"e"])
    del tree.folders[b"/r/d"]
    assert [seen.key for seen in tree.walk().files()] == [b"a", b"e"]
    del tree.folders[b"/r"]
    with pytest.raises(Missing):
        list(tree.walk().files())


def test_a_thing_of_no_kind_ends_the_listing() -> None:
    tree = Tree([b"a"])
    tree.folders[b"/r"][b"b"] = Attrs(1, None, 1)
    with pytest.raises(ListingBroken, match="what kind"):
        list(tree.walk().files())
