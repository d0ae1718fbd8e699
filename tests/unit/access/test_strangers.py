"""What strangers do with a grant: readers in notebooks, couriers and stewards of ill will."""

from __future__ import annotations

import inspect
import os
import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import hdh_migrate.access
from hdh_migrate import errors
from hdh_migrate.access import GrantFileSystem, ReaderSettings, open_grant, save
from hdh_migrate.clocks import Moment
from hdh_migrate.errors import MigrateError, NotAsGranted, PackDamaged, Refused, StorageError
from hdh_migrate.grants import pack, statement
from hdh_migrate.sealing.crypt4gh import sealed_size
from tests.support.granted import GrantedSite

# --- in a notebook -------------------------------------------------------------------------------


def test_the_package_names_what_a_reader_needs(site: GrantedSite) -> None:
    site.put("a.csv", b"1,2\n")
    assert set(hdh_migrate.access.__all__) <= set(dir(hdh_migrate.access))
    for name in hdh_migrate.access.__all__:
        assert inspect.getdoc(getattr(hdh_migrate.access, name))
    with pytest.raises(AttributeError, match="no attribute"):
        hdh_migrate.access.nothing  # noqa: B018
    settings = site.settings(site.write())
    assert isinstance(settings, ReaderSettings)
    save(open_grant(settings), ["**"], site.folder / "out", sealed=False)
    assert (site.folder / "out" / "a.csv").read_bytes() == b"1,2\n"


def test_a_renewed_pack_in_the_place_of_a_stale_one_is_read_without_a_new_session(
    site: GrantedSite,
) -> None:
    """A notebook's file system is kept by fsspec; the reader lays the new folder over the old."""
    site.put("a.csv", b"before\n")
    folder = site.write("lab")
    fs = GrantFileSystem(**site.options(folder))
    assert fs.cat_file("a.csv") == b"before\n"
    site.put("a.csv", b"after all\n")  # stored anew: another ETag
    with pytest.raises(NotAsGranted):
        GrantFileSystem(**site.options(folder, cache_bytes=0)).cat_file("a.csv")

    renewed = site.write("lab2")
    for name in (pack.NAME, statement.GIVEN):
        (renewed / name).replace(folder / name)

    assert fs.info("a.csv")["size"] == 10
    assert fs.cat_file("a.csv") == b"after all\n"
    with fs.open("a.csv") as file:
        assert file.read() == b"after all\n"
    assert GrantFileSystem(**site.options(folder)).opened is fs.opened


def test_who_reads_a_stale_pack_is_told_what_happened_and_whom_to_ask(site: GrantedSite) -> None:
    site.put("a.csv", b"before\n")
    fs = GrantFileSystem(**site.options(site.write()))
    for change in (lambda: site.put("a.csv", b"after\n"), site.bucket.objects.clear):
        change()
        with pytest.raises(NotAsGranted) as found:
            fs.cat_file("a.csv")
        (hint,) = found.value.__notes__
        given = fs.opened.given
        assert f"ask whoever gave grant {given.grant} (permit {given.permit})" in hint
        assert "a renewed pack reads it" in hint


def test_a_folder_is_no_file_and_says_so(site: GrantedSite) -> None:
    site.put("2024/a.csv", b"1\n")
    fs = GrantFileSystem(**site.options(site.write()))
    for opens in (fs.open, fs.cat_file, fs.ukey):
        with pytest.raises(IsADirectoryError):
            opens("2024")
        with pytest.raises(FileNotFoundError):
            opens("2025")
    assert fs.ukey("2024/a.csv") == site.objects["2024/a.csv"].sha256


def test_a_closed_file_gives_nothing_and_the_system_goes_on(site: GrantedSite) -> None:
    site.put("a.csv", bytes(200_000))
    fs = GrantFileSystem(**site.options(site.write()))
    with fs.open("a.csv") as file:
        assert file.read(5) == bytes(5)
    for again in (file.read, lambda: file.seek(0), lambda: file.readinto(bytearray(3))):
        with pytest.raises(ValueError, match="closed"):
            again()
    assert len(fs.cat_file("a.csv")) == 200_000


def _errors() -> list[MigrateError]:
    """Return one of every error that the tool can raise, as its own constructor makes it."""
    made = []
    known = {
        "message": "m", "hint": "h", "what": "w", "blockers": ["b"], "problems": ["p"],
        "changes": ["c"], "retry_after": 2.0,
        "status": 503, "now": Moment.at("2027-01-01T00:00:00Z"),
    }  # fmt: skip
    for kind in vars(errors).values():
        if not isinstance(kind, type) or not issubclass(kind, MigrateError):
            continue
        needed = [
            name
            for name, one in inspect.signature(kind).parameters.items()
            if one.default is inspect.Parameter.empty
            and one.kind not in {one.VAR_POSITIONAL, one.VAR_KEYWORD}
        ]
        keywords = {
            name
            for name, one in inspect.signature(kind).parameters.items()
            if one.kind is one.KEYWORD_ONLY
        }
        values: dict[str, Any] = {name: known.get(name, 1.5) for name in needed}
        given = [value for name, value in values.items() if name not in keywords]
        made.append(kind(*given, **{n: v for n, v in values.items() if n in keywords}))
    return made


def test_errors_travel_from_workers_as_they_are() -> None:
    found = _errors()
    assert len(found) > 30
    for one in found:
        one.add_note("hint: as it was said")
        again = pickle.loads(pickle.dumps(one))
        assert type(again) is type(one)
        assert (str(again), again.args, again.__dict__) == (str(one), one.args, one.__dict__)
        assert again.exit_code is one.exit_code


# --- what a folder may hold ----------------------------------------------------------------------


@pytest.mark.parametrize("name", [pack.NAME, statement.GIVEN, statement.REVOKED])
@pytest.mark.parametrize(
    "lays",
    [os.mkfifo, lambda path: os.symlink("/dev/zero", path), lambda path: path.mkdir()],
    ids=["pipe", "device", "folder"],
)
def test_what_is_no_file_is_refused_and_waited_for_by_nobody(
    site: GrantedSite, name: str, lays: Callable[[Path], None]
) -> None:
    site.put("a.csv", b"1\n")
    folder = site.write()
    (folder / name).unlink(missing_ok=True)
    lays(folder / name)
    with pytest.raises(PackDamaged):
        open_grant(site.settings(folder))


# --- what a steward may write into a pack --------------------------------------------------------


TOO_LONG = "n" * 200 + "/m" * 100 + "/" + "k" * 250 + "/x" * 2000


@pytest.mark.parametrize(
    "name", ["a/" * 513 + "x", "a/" * 16_000 + "x", TOO_LONG], ids=["deep", "deeper", "long"]
)
def test_a_name_that_no_tool_could_clear_up_is_not_written(site: GrantedSite, name: str) -> None:
    site.put("a.csv", b"1\n")
    site.put(name, b"2\n")
    opened = open_grant(site.settings(site.write()))
    with pytest.raises(Refused, match="more than 512 folders, or 4096 bytes"):
        save(opened, ["**"], site.folder / "out", sealed=False)
    assert not (site.folder / "out").exists()
    found = opened.catalogue.find(name)
    assert found is not None
    assert opened.reader(found).read(0, 9) == b"2\n"  # it can be read all the same


def test_the_deepest_name_that_is_written_can_be_cleared_up(site: GrantedSite) -> None:
    import shutil

    site.put("a/" * 512 + "x", b"2\n")
    save(open_grant(site.settings(site.write())), ["**"], site.folder / "out", sealed=False)
    shutil.rmtree(site.folder / "out")
    assert not (site.folder / "out").exists()


@pytest.mark.parametrize("length", [1 << 40, (1 << 62) + 1])
def test_sizes_that_nobody_has_take_no_memory(site: GrantedSite, length: int) -> None:
    import tracemalloc

    one = site.put("a.csv", b"1\n")
    sealed = one.body + sealed_size(length, 0)
    site.objects["a.csv"] = replace(one, length=length, sealed=sealed)
    options = site.options(site.write())
    tracemalloc.start()
    try:
        with pytest.raises((StorageError, NotAsGranted, PackDamaged)):
            GrantFileSystem(**options).cat_file("a.csv")
        with pytest.raises((StorageError, NotAsGranted, PackDamaged)):
            GrantFileSystem(**options).cat_file("a.csv", -10)
        opened = open_grant(site.settings(Path(options["grant"])))
        with pytest.raises((StorageError, NotAsGranted, PackDamaged)):
            save(opened, ["**"], site.folder / "out", sealed=False)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert most < 64 << 20
    assert not list((site.folder / "out").glob("a.csv"))
