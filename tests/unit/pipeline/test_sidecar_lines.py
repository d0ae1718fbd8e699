"""Lines of a sidecar are found by key, whatever order its files come in, in bounded memory."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from hdh_migrate.errors import UnsealFailed
from hdh_migrate.fixity import canonical_json
from hdh_migrate.model import key_bytes
from hdh_migrate.pipeline.own_files.sidecar import FORMAT, named
from hdh_migrate.pipeline.own_files.sidecar_lines import HELD, SidecarLines

HEAD = canonical_json({"dataset": "all", "format": FORMAT}) + b"\n"


def line(key: str, *, directory: bool = False, **features: dict[str, str]) -> bytes:
    more = {"directory": True} if directory else {}
    return canonical_json({**named(key), "features": features, "version": "v", **more}) + b"\n"


class Shelf:
    """Files by number, and how often each was opened."""

    def __init__(self, *files: bytes) -> None:
        self.files, self.opened = list(files), Counter[int]()

    def open(self, number: int) -> bytes:
        self.opened[number] += 1
        return self.files[number]

    def learned(self) -> tuple[SidecarLines[int], list[str]]:
        lines = SidecarLines[int]("all", self.open)
        found = [key for number in range(len(self.files)) for key, _ in lines.learn(number)]
        return lines, found


def test_every_line_is_found_and_each_file_is_read_twice() -> None:
    draw = random.Random(5)
    keys = sorted({f"{draw.randrange(10**6):06}.{draw.choice('ab')}" for _ in range(3000)})
    pieces = [keys[at : at + 50] for at in range(0, len(keys), 50)]
    draw.shuffle(pieces)
    shelf = Shelf(*(HEAD + b"".join(map(line, sorted(piece))) for piece in pieces))
    lines, markers = shelf.learned()
    assert (lines.left, markers) == (len(keys), [])
    for key in sorted(keys, key=lambda key: key_bytes(f"{key}.c4gh")):  # as a target lists them
        found = lines.line(key)
        assert found is not None
        assert found["key"] == key
        assert len(lines._held) <= HELD
    assert (lines.left, lines.unreadable) == (0, 0)
    assert set(shelf.opened.values()) == {2}


def test_what_has_no_line_has_none() -> None:
    shelf = Shelf(HEAD + line("b") + line("d"), HEAD, HEAD + line("x\udcff"))
    lines, _ = shelf.learned()
    assert [lines.line(key) for key in ("a", "c", "e", "z", "")] == [None] * 5
    assert lines.line("x\udcff") is not None
    assert lines.left == 2
    assert shelf.opened[1] == 1  # nothing in it can be asked for


def test_folder_markers_are_given_at_once_and_asked_by_nobody() -> None:
    shelf = Shelf(HEAD + line("a", directory=True) + line("a/b") + line("c", directory=True))
    lines, markers = shelf.learned()
    assert markers == ["a", "c"]
    assert lines.left == 1
    assert lines.line("a") is None


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{}\n", HEAD + b"x\n", HEAD + b"{}\n", HEAD.replace(b"all", b"one"),
        HEAD + line("a", unheard={"a": "b"}), HEAD + b'{"features":{}}\n', HEAD + b"[]\n",
    ],
)  # fmt: skip
def test_what_is_no_file_of_this_sidecar_is_refused(body: bytes) -> None:
    lines = SidecarLines[int]("all", Shelf(body).open)
    with pytest.raises((ValueError, KeyError, TypeError)):
        list(lines.learn(0))
    assert lines.left == 0


def test_a_file_that_cannot_be_read_again_is_counted_once() -> None:
    shelf = Shelf(HEAD + line("a") + line("b"))
    lines, _ = shelf.learned()

    def gone(_: int) -> bytes:
        raise UnsealFailed("it cannot be opened")

    lines._opened = gone
    assert [lines.line("a"), lines.line("b")] == [None, None]
    assert (lines.unreadable, lines.left) == (1, 2)
