"""A directory as a source: what was listed is what is read, whoever changes names meanwhile."""

from __future__ import annotations

import gc
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from hdh_migrate.errors import AccessDenied, Missing, SourceChanged, StorageError
from hdh_migrate.model import ObjectInfo, Place, Span
from hdh_migrate.sources import folder
from hdh_migrate.sources.folder import FolderSource

PLACE = Place(bucket="data")


@pytest.fixture
def base(tmp_path: Path) -> Path:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "a").write_bytes(b"patient-martin")
    (tmp_path / "data" / "d" / "e").mkdir(parents=True)
    (tmp_path / "data" / "d" / "e" / "a").write_bytes(b"0123456789")
    (tmp_path / "data" / "d" / "b").write_bytes(b"b")
    (tmp_path / "data" / "d-").write_bytes(b"c")
    return tmp_path


@pytest.fixture
def source(base: Path) -> FolderSource:
    return FolderSource(base)


def listed(source: FolderSource) -> list[ObjectInfo]:
    return [obj for page in source.pages(PLACE) for obj in page.objects]


def read(source: FolderSource, obj: ObjectInfo) -> bytes:
    got = bytearray()
    source.read(PLACE, obj, Span(0, obj.size), got.extend)
    return bytes(got)


def test_keys_are_in_byte_order_and_are_read_as_listed(source: FolderSource) -> None:
    found = listed(source)
    assert [obj.key for obj in found] == ["d-", "d/b", "d/e/a"]
    assert [read(source, obj) for obj in found] == [b"c", b"b", b"0123456789"]
    assert [one.key for one in source.recount(PLACE)] == ["d-", "d/b", "d/e/a"]
    assert [source.head(PLACE, obj.key) for obj in found] == found


def swap_file(base: Path) -> None:
    (base / "data/d/e/a").unlink()
    (base / "data/d/e/a").symlink_to(base / "secret" / "a")


def swap_folder(base: Path) -> None:
    (base / "data/d/e").rename(base / "data/d/f")
    (base / "data/d/e").symlink_to(base / "secret")


def swap_upper_folder(base: Path) -> None:
    (base / "secret" / "e").symlink_to(base / "data/d/e")
    (base / "data/d").rename(base / "moved")
    (base / "data/d").symlink_to(base / "secret")


def swap_hard_link(base: Path) -> None:
    (base / "data/d/e/a").unlink()
    (base / "data/d/e/a").hardlink_to(base / "secret" / "a")


def swap_fifo(base: Path) -> None:
    (base / "data/d/e/a").unlink()
    os.mkfifo(base / "data/d/e/a")


SWAPS = [swap_file, swap_folder, swap_upper_folder, swap_hard_link, swap_fifo]


@pytest.mark.parametrize("swap", SWAPS)
def test_what_is_put_in_a_files_place_after_the_listing_is_not_read(
    source: FolderSource, base: Path, swap: Callable[[Path], None]
) -> None:
    obj = listed(source)[-1]
    swap(base)
    with pytest.raises(SourceChanged):
        read(source, obj)


@pytest.mark.parametrize("swap", SWAPS)
def test_what_is_put_in_a_files_place_while_it_is_read_changes_nothing_of_what_is_read(
    source: FolderSource, base: Path, swap: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder, "READ_SIZE", 4)
    obj, got = listed(source)[-1], bytearray()

    def take(data: bytes) -> None:
        if not got:
            swap(base)
        got.extend(data)

    with suppress(SourceChanged):
        source.read(PLACE, obj, Span(0, obj.size), take)
    assert bytes(got) == b"0123456789"[: len(got)]


@pytest.mark.parametrize("swap", [swap_folder, swap_upper_folder])
def test_a_link_in_a_folders_place_leads_a_listing_nowhere(
    source: FolderSource, base: Path, swap: Callable[[Path], None]
) -> None:
    walk = source._walk(PLACE, b"")
    next(walk)
    swap(base)
    try:
        names = [key for key, _ in walk]
    except StorageError:
        return
    assert b"d/e/a" not in names


@pytest.mark.parametrize("key", ["../secret/a", "d/../../secret/a", "/etc/passwd", "d//b", "", "d/",
                                 "d/./b", "d\0b"])  # fmt: skip
def test_a_key_that_leads_out_of_the_folder_is_of_no_file(source: FolderSource, key: str) -> None:
    with pytest.raises(Missing):
        source.head(PLACE, key)
    with pytest.raises(Missing):
        read(source, ObjectInfo(key=key, size=1, version="x"))


@pytest.mark.slow
def test_a_listing_holds_no_handle_between_two_entries(base: Path, source: FolderSource) -> None:
    deep = base / "data"
    for _ in range(60):
        deep = deep / "x"
        deep.mkdir()
        (deep / "f").write_bytes(b"")
    gc.collect()  # or what earlier tests left open is closed in between
    before = len(os.listdir("/proc/self/fd"))
    walk = source._walk(PLACE, b"")
    held = [len(os.listdir("/proc/self/fd")) - before for _ in walk]
    assert set(held) == {0}


def test_a_directory_of_many_files_is_looked_at_in_portions(
    base: Path, source: FolderSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder, "LOOKED_AT_ONCE", 2)
    for number in range(9):
        (base / "data" / f"n{number}").write_bytes(b"")
    assert [obj.key for obj in listed(source)] == [
        *("d-", "d/b", "d/e/a"),
        *(f"n{number}" for number in range(9)),
    ]


@pytest.mark.parametrize("seconds", [1 << 60, -(1 << 60), 1 << 40])
def test_a_time_that_no_calendar_has_is_none(seconds: int) -> None:
    assert folder._modified(seconds) is None


def test_nothing_that_the_system_says_of_a_file_is_an_error_of_another_kind(
    base: Path, source: FolderSource
) -> None:
    obj = listed(source)[-1]
    with pytest.raises(StorageError):
        source.head(PLACE, "d/" + "x" * 300)
    with pytest.raises(SourceChanged):
        source.head(PLACE, "d/b/c")
    if os.geteuid() != 0:
        (base / "data/d").chmod(0)
        with pytest.raises(AccessDenied):
            read(source, obj)
        (base / "data/d").chmod(0o700)


def test_folders_in_each_other_without_end_are_listed_as_what_they_are(
    base: Path, source: FolderSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder, "DEPTH_MAX", 20)
    depth = folder.DEPTH_MAX + 3
    handle = os.open(base / "data", os.O_RDONLY)
    handles = [handle]
    for _ in range(depth):  # a path of all of them would be too long for the system
        os.mkdir("n", dir_fd=handles[-1])
        handles.append(os.open("n", os.O_RDONLY, dir_fd=handles[-1]))
    os.close(os.open("file", os.O_CREAT, dir_fd=handles[-1]))
    found = [obj for obj in listed(source) if obj.key.startswith("n")]
    again = [one for one in source.recount(PLACE) if one.key.startswith("n")]
    for one in reversed(handles):
        os.close(one)
    [deep] = found
    assert (deep.key.count("/"), deep.kind) == (folder.DEPTH_MAX, "special-file")
    assert [(one.key, one.kind) for one in again] == [(deep.key, deep.kind)]


@pytest.mark.parametrize("instead", ["nothing", "a file", "a link"])
def test_a_directory_that_goes_away_while_it_is_listed_ends_no_listing(
    tmp_path: Path, instead: str
) -> None:
    """A file that went away meanwhile was left to the second listing; a directory ended the run."""
    for name in ("a", "b/c/f", "d"):
        path = tmp_path / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    source, place = FolderSource(tmp_path, page_size=1), Place(bucket="data")
    pages = source.pages(place)
    found = [one.key for one in next(pages).objects]
    shutil.rmtree(tmp_path / "data" / "b")
    if instead == "a file":
        (tmp_path / "data" / "b").write_text("b")
    elif instead == "a link":
        (tmp_path / "data" / "b").symlink_to(tmp_path)
    assert [*found, *(one.key for page in pages for one in page.objects)] == ["a", "d"]
    shutil.rmtree(tmp_path / "data")
    with pytest.raises(Missing):
        next(source.pages(place))
