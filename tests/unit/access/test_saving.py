"""Downloads: each object whole and checked under its name, or not at all; no other file changes."""

from __future__ import annotations

import errno
import io
import os
import stat
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from crypt4gh import lib as reference
from crypt4gh.keys import get_private_key

from hdh_migrate.access.names import PARTIAL, FileNames
from hdh_migrate.access.saving import save
from hdh_migrate.access.segments import WINDOW
from hdh_migrate.errors import NotAsGranted, Refused, UsageError
from hdh_migrate.model import SEGMENT
from hdh_migrate.sealing.crypt4gh import SEALED_SEGMENT
from tests.support.granted import GrantedSite

LARGE = bytes(range(256)) * ((2 * WINDOW + 3) * SEGMENT // 256) + b"the end"
BOTH = pytest.mark.parametrize("sealed", [False, True], ids=["clear", "sealed"])


def _files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def _opened_by_reference(site: GrantedSite, sealed: bytes) -> bytes:
    out = io.BytesIO()
    key = get_private_key(str(site.identity), lambda: "")
    reference.decrypt([(0, key, None)], io.BytesIO(sealed), out)
    return out.getvalue()


@pytest.fixture
def filled(site: GrantedSite) -> GrantedSite:
    for name, data in {
        "a/b.bin": LARGE[: 3 * SEGMENT + 5], "a/empty": b"", "full": LARGE[:SEGMENT], "é.txt": b"x",
    }.items():  # fmt: skip
        site.put(name, data)
    return site


def test_files_in_clear_are_what_was_sealed_and_private(filled: GrantedSite) -> None:
    out = filled.folder / "new" / "out"
    saved = save(filled.opened(), ["**"], out, sealed=False)
    assert _files(out) == filled.clear
    assert (saved.objects, saved.already) == (4, 0)
    assert saved.bytes == sum(map(len, filled.clear.values()))
    modes = {stat.S_IMODE(path.stat().st_mode) for path in out.rglob("*") if path.is_file()}
    assert modes == {0o600}


def test_the_reference_tool_opens_sealed_files_with_the_readers_key(filled: GrantedSite) -> None:
    out = filled.folder / "out"
    save(filled.opened(), ["**"], out, sealed=True)
    found = _files(out)
    assert set(found) == {f"{name}.c4gh" for name in filled.clear}
    for name, data in filled.clear.items():
        assert _opened_by_reference(filled, found[f"{name}.c4gh"]) == data
        assert found[f"{name}.c4gh"][124:] == filled.version(name).body[124:]


def test_another_implementation_opens_sealed_files_too(filled: GrantedSite) -> None:
    from oarepo_c4gh.crypt4gh.stream.stream4gh import Stream4GH
    from oarepo_c4gh.key.c4gh import C4GHKey

    out = filled.folder / "out"
    save(filled.opened(), ["**"], out, sealed=True)
    key = C4GHKey.from_file(str(filled.identity))
    for name, data in filled.clear.items():
        stream = Stream4GH(io.BytesIO((out / f"{name}.c4gh").read_bytes()), key)
        assert b"".join(block.cleartext for block in stream.data_blocks) == data


def test_only_what_fits_is_written(filled: GrantedSite) -> None:
    out = filled.folder / "out"
    assert save(filled.opened(), ["a/*"], out, sealed=False).objects == 2
    assert set(_files(out)) == {"a/b.bin", "a/empty"}
    with pytest.raises(UsageError, match="fits"):
        save(filled.opened(filled.folder / "grant"), ["b/*"], out, sealed=False)
    with pytest.raises(UsageError, match="--get"):
        save(filled.opened(filled.folder / "grant"), ["{a,b}"], out, sealed=False)


def test_a_glob_that_fits_nothing_is_said_before_anything_is_written(filled: GrantedSite) -> None:
    out = filled.folder / "out"
    with pytest.raises(UsageError, match="--get number 2 fits no object"):
        save(filled.opened(), ["**", "nothing/**"], out, sealed=False)
    assert not out.exists()


# --- stopped, killed, again ----------------------------------------------------------------------


class _Killed(BaseException):
    """The end of a process: nothing catches it."""


@pytest.mark.slow
@BOTH
@pytest.mark.parametrize("at", [1, 2, 3])
def test_a_download_goes_on_behind_the_last_whole_segment(
    site: GrantedSite, sealed: bool, at: int
) -> None:
    site.put("a.bin", LARGE)
    grant, out = site.write(), site.folder / "out"
    looks = iter(range(at))

    def halted() -> None:
        if next(looks, None) is None:
            raise _Killed

    with pytest.raises(_Killed):
        save(site.opened(grant), ["**"], out, sealed=sealed, halted=halted)
    left = [path for path in out.iterdir() if path.name.startswith(PARTIAL)]
    assert [path.name for path in out.iterdir() if path not in left] == []
    for path in left:  # as a power cut may leave it: a segment is not whole
        os.truncate(path, max(0, path.stat().st_size - 10))
    site.asked()
    save(site.opened(grant), ["**"], out, sealed=sealed)
    asked = site.asked()
    assert len(asked) <= 3
    if at > 1:
        first = site.objects["a.bin"].body + ((at - 1) * WINDOW - 1) * SEALED_SEGMENT
        assert asked[0].startswith(f"bytes={first}-")
    found = _files(out)
    name = "a.bin.c4gh" if sealed else "a.bin"
    assert set(found) == {name}
    assert (_opened_by_reference(site, found[name]) if sealed else found[name]) == LARGE


@BOTH
def test_the_same_command_again_fetches_nothing(filled: GrantedSite, sealed: bool) -> None:
    grant, out = filled.write(), filled.folder / "out"
    save(filled.opened(grant), ["**"], out, sealed=sealed)
    before = _files(out)
    filled.asked()
    saved = save(filled.opened(grant), ["**"], out, sealed=sealed)
    assert (saved.objects, saved.already) == (4, 4)
    assert filled.asked() == []
    assert _files(out) == before


@BOTH
@pytest.mark.slow
def test_what_an_earlier_time_left_is_not_believed(site: GrantedSite, sealed: bool) -> None:
    site.put("a.bin", LARGE)
    grant, out = site.write(), site.folder / "out"
    looks = iter(range(3))

    def halted() -> None:
        if next(looks, None) is None:
            raise _Killed

    with suppress(_Killed):
        save(site.opened(grant), ["**"], out, sealed=sealed, halted=halted)
    (left,) = out.iterdir()
    data = bytearray(left.read_bytes())
    data[SEGMENT] ^= 1
    left.write_bytes(data)
    save(site.opened(grant), ["**"], out, sealed=sealed)  # it begins anew, and ends well
    (whole,) = out.iterdir()
    found = whole.read_bytes()
    assert (_opened_by_reference(site, found) if sealed else found) == LARGE


@BOTH
def test_what_is_damaged_on_the_way_gets_no_name(filled: GrantedSite, sealed: bool) -> None:
    body = bytearray(filled.version("a/b.bin").body)
    body[-3] ^= 1
    filled.version("a/b.bin").body = bytes(body)
    out = filled.folder / "out"
    with pytest.raises(NotAsGranted):
        save(filled.opened(), ["**"], out, sealed=sealed)
    whole = [name for name in _files(out) if PARTIAL not in name]
    assert not [name for name in whole if name.startswith("a/b.bin")]


@BOTH
def test_a_digest_that_differs_gets_no_name(filled: GrantedSite, sealed: bool) -> None:
    grant = filled.write(edit=lambda one: replace(one, sha256="0" * 64))
    out = filled.folder / "out"
    with pytest.raises(NotAsGranted, match="digest"):
        save(filled.opened(grant), ["full"], out, sealed=sealed)
    with pytest.raises(NotAsGranted, match="digest"):
        save(filled.opened(grant), ["a/empty"], out, sealed=sealed)
    assert not [name for name in _files(out) if PARTIAL not in name]


def test_killed_right_after_a_file_had_its_name_nothing_hidden_stays(site: GrantedSite) -> None:
    site.put("a.bin", b"x")
    grant, out = site.write(), site.folder / "out"
    seen: list[Path] = []

    def halted() -> None:
        seen.extend(out.iterdir() if out.exists() else ())

    save(site.opened(grant), ["**"], out, sealed=False, halted=halted)
    seen[-1].hardlink_to(out / "a.bin")
    save(site.opened(grant), ["**"], out, sealed=False)
    assert [path.name for path in out.iterdir()] == ["a.bin"]


def test_a_disk_that_knows_no_links_is_written_to_all_the_same(
    filled: GrantedSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refused)
    grant, out = filled.opened(), filled.folder / "stick"
    assert save(grant, ["**"], out, sealed=False).objects == 4
    assert _files(out) == filled.clear
    (out / "full").write_bytes(b"another file")
    with pytest.raises(Refused, match="is not that object"):
        save(grant, ["**"], out, sealed=False)
    assert (out / "full").read_bytes() == b"another file"


@pytest.mark.slow
def test_many_objects_are_written_side_by_side_and_end_together(site: GrantedSite) -> None:
    for number in range(60):
        site.put(f"{number:02d}", bytes([number]) * 1000)
    grant, out = site.write(), site.folder / "out"
    told = []
    saved = save(site.opened(grant), ["**"], out, sealed=False, done=lambda *one: told.append(one))
    assert (saved.objects, saved.bytes) == (60, 60_000)
    assert told == [(1, 1000)] * 60
    assert _files(out) == site.clear

    body = bytearray(site.version("07").body)
    body[-1] ^= 1
    site.version("07").body = bytes(body)
    site.asked()
    other = site.folder / "other"
    with pytest.raises(NotAsGranted):
        save(site.opened(grant), ["**"], other, sealed=False)
    assert len(site.asked()) < 60, "the others go on after one has failed"
    assert "07" not in _files(other)


# --- what lies there already ---------------------------------------------------------------------


def _file(place: Path) -> None:
    place.write_bytes(b"mine")


def _same_size(place: Path) -> None:
    place.write_bytes(bytes(SEGMENT))


def _link(place: Path) -> None:
    place.symlink_to("/etc/hostname")


def _dangling(place: Path) -> None:
    place.symlink_to("nowhere")


def _pipe(place: Path) -> None:
    os.mkfifo(place)


def _directory(place: Path) -> None:
    place.mkdir()


@pytest.mark.parametrize(
    "put", [_file, _same_size, _link, _dangling, _pipe, _directory], ids=lambda put: put.__name__
)
@pytest.mark.parametrize("name", ["full", "a/empty"])
def test_nothing_is_overwritten(
    filled: GrantedSite, name: str, put: Callable[[Path], None]
) -> None:
    out = filled.folder / "out"
    place = out / name
    place.parent.mkdir(parents=True)
    put(place)
    before = place.lstat()
    with pytest.raises(Refused, match="is not that object") as caught:
        save(filled.opened(), [name], out, sealed=False)
    assert name not in str(caught.value)
    assert place.lstat() == before


def test_a_link_in_the_way_of_a_folder_is_not_followed(filled: GrantedSite) -> None:
    out, elsewhere = filled.folder / "out", filled.folder / "elsewhere"
    out.mkdir()
    elsewhere.mkdir()
    (out / "a").symlink_to(elsewhere)
    with pytest.raises(Refused):
        save(filled.opened(), ["a/*"], out, sealed=False)
    assert list(elsewhere.iterdir()) == []


def test_two_downloads_of_one_object_are_not_mixed(site: GrantedSite) -> None:
    site.put("a.bin", LARGE)
    grant, out = site.write(), site.folder / "out"
    refused = []

    def meanwhile() -> None:
        try:
            save(site.opened(grant), ["**"], out, sealed=False)
        except Refused as error:
            refused.append(str(error))

    looks = iter([None, meanwhile])

    def halted() -> None:
        if (act := next(looks, None)) is not None:
            act()

    save(site.opened(grant), ["**"], out, sealed=False, halted=halted)
    assert refused == ["another download writes the same object into this folder"]
    assert _files(out) == {"a.bin": LARGE}


# --- names ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["../out", "a/../../b", "/etc/passwd", "a//b", "a/", "a/./b", "..", ".", "a\0b", "x" * 256,
     "a/" + "é" * 128, f"{PARTIAL}0"],
)  # fmt: skip
@BOTH
def test_a_name_that_leads_elsewhere_writes_nothing(
    site: GrantedSite, name: str, sealed: bool
) -> None:
    one = site.put("good", b"x")
    site.objects[name] = replace(one, name=name)
    out = site.folder / "out"
    with pytest.raises(Refused) as caught:
        save(site.opened(), ["**"], out, sealed=sealed)
    assert "\n" not in str(caught.value)
    assert name not in str(caught.value) or len(name) < 3
    assert not out.exists()


@pytest.mark.parametrize(
    ("one", "other"),
    [("a.csv", "A.csv"), ("d/é", "d/e\u0301"), ("x", "x/y"), ("X", "x/y"), ("ß", "ss")],
)
def test_names_that_are_one_file_elsewhere_write_nothing(
    site: GrantedSite, one: str, other: str
) -> None:
    made = site.put(one, b"1")
    site.objects[other] = replace(made, name=other)
    out = site.folder / "out"
    with pytest.raises(Refused, match="cannot be files beside each other"):
        save(site.opened(), ["**"], out, sealed=False)
    assert not out.exists()


def test_what_many_names_cost_is_bounded() -> None:
    names = FileNames()
    for number in range(5_000):
        names.add(f"2024/{number % 10}/{number}")
    names.demand_different()
    assert len(names._files) == 5_000
    assert names._files.itemsize == 8
    assert len(names._folders) == 11
