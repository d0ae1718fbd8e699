"""A grant as a file system: what real readers get of it, and how little is fetched for that."""

from __future__ import annotations

import importlib
import io
import pickle
import random
import subprocess
import sys
import tomllib
from array import array
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import fsspec
import pytest
from fsspec.spec import AbstractFileSystem

from hdh_migrate.access.filesystem import PROTOCOL, GrantFileSystem
from hdh_migrate.errors import NotAsGranted, Refused, UsageError
from hdh_migrate.model import SEGMENT
from hdh_migrate.sealing.crypt4gh import SEALED_SEGMENT
from tests.support.granted import GrantedSite

ROWS = 60_000
NAMES = ["2024/mco.parquet", "2024/ssr/a.csv", "2024/ssr/b.csv", "2025/mco.parquet", "notes.csv"]


@pytest.fixture(autouse=True)
def _registered() -> Iterator[None]:
    """The entry point's work, which an installation does."""
    fsspec.register_implementation(PROTOCOL, GrantFileSystem, clobber=True)
    yield
    GrantFileSystem.clear_instance_cache()


@pytest.fixture(scope="module")
def parquet() -> bytes:
    """Eight columns in three groups of rows; a column of a group is some two segments."""
    import pyarrow as pa
    from pyarrow.parquet import write_table

    columns = {f"c{index}": _column(index) for index in range(8)}
    table = pa.table(
        {
            name: pa.Array.from_buffers(pa.int64(), ROWS, [None, pa.py_buffer(data)])
            for name, data in columns.items()
        }
    )
    out = io.BytesIO()
    write_table(table, out, row_group_size=20_000, use_dictionary=False, compression="none")
    return out.getvalue()


def _column(index: int) -> bytes:
    """Return 64-bit numbers of some 40 bits."""
    data = bytearray(random.Random(index).randbytes(8 * ROWS))
    for high in (5, 6, 7):
        data[high::8] = bytes(ROWS)
    return bytes(data)


@pytest.fixture
def filled(site: GrantedSite) -> GrantedSite:
    for name in NAMES:
        site.put(name, b"a,b\n" + b"1,2\n" * 100)
    return site


def _system(site: GrantedSite, **more: object) -> GrantFileSystem:
    return GrantFileSystem(**site.options(site.write(), **more))


def _bytes_asked(site: GrantedSite) -> int:
    spans = [one.removeprefix("bytes=").split("-") for one in site.asked()]
    return sum(int(end) - int(start) + 1 for start, end in spans)


def test_an_installation_knows_the_protocol() -> None:
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())
    named = project["project"]["entry-points"]["fsspec.specs"][PROTOCOL]
    module, name = named.split(":")
    assert getattr(importlib.import_module(module), name) is GrantFileSystem


def test_folders_are_listed_as_names_have_them(filled: GrantedSite) -> None:
    fs = _system(filled)
    assert fs.ls("", detail=False) == ["2024", "2025", "notes.csv"]
    assert fs.ls("2024/", detail=False) == ["2024/mco.parquet", "2024/ssr"]
    assert fs.ls("notes.csv", detail=False) == ["notes.csv"]
    assert fs.find("") == NAMES
    assert fs.glob("**/*.csv") == ["2024/ssr/a.csv", "2024/ssr/b.csv", "notes.csv"]
    assert fs.glob("hdh-grant://2024/*") == ["2024/mco.parquet", "2024/ssr"]
    assert fs.isdir("2024")
    assert fs.isfile("notes.csv")
    assert not fs.exists("202")
    assert fs.info("notes.csv")["size"] == 404
    assert fs.sizes(NAMES) == [404] * 5
    assert [one[0] for one in fs.walk("")] == ["", "2024", "2024/ssr", "2025"]
    for call in (fs.info, fs.ls, fs.open, fs.cat_file, fs.modified):
        with pytest.raises(FileNotFoundError, match="no such object") as caught:
            call("DUPONT")
        assert "DUPONT" not in str(caught.value)


@pytest.mark.parametrize("maxdepth", [None, 1, 2, 3])
@pytest.mark.parametrize("withdirs", [False, True])
@pytest.mark.parametrize("path", ["", "2024", "notes.csv", "none"])
def test_finding_in_one_pass_is_what_walking_finds(
    filled: GrantedSite, path: str, maxdepth: int | None, withdirs: bool
) -> None:
    fs = _system(filled)
    walked = AbstractFileSystem.find(fs, path, maxdepth, withdirs=withdirs, detail=True)
    assert fs.find(path, maxdepth, withdirs=withdirs, detail=True) == walked


def test_names_that_no_folder_could_have_are_listed_once(site: GrantedSite) -> None:
    for name in ("/abs", "a", "a/b", "a//c", "dir/"):
        site.put(name, b"x")
    fs = _system(site)
    assert fs.ls("", detail=False) == ["/abs", "a", "a", "dir"]
    assert fs.find("") == sorted(["/abs", "a", "a/b", "a//c", "dir/"])
    assert fs.cat_file("/abs") == b"x"


def test_nothing_is_written(filled: GrantedSite, tmp_path: Path) -> None:
    fs = _system(filled)
    local = tmp_path / "local"
    local.write_bytes(b"x")
    writes = [
        lambda: fs.open("x", "wb"), lambda: fs.open("notes.csv", "ab"), lambda: fs.open("x", "w"),
        lambda: fs.pipe("x", b"1"), lambda: fs.pipe_file("x", b"1"), lambda: fs.touch("x"),
        lambda: fs.put(str(local), "x"), lambda: fs.put_file(str(local), "x"),
        lambda: fs.rm("notes.csv"), lambda: fs.rm_file("notes.csv"), lambda: fs.mkdir("x"),
        lambda: fs.makedirs("x"), lambda: fs.rmdir("2024"), lambda: fs.mv("notes.csv", "x"),
        lambda: fs.copy("notes.csv", "x"), lambda: fs.cp_file("notes.csv", "x"),
        lambda: fs.write_text("x", "1"), lambda: fs.delete("notes.csv"),
        lambda: fs.rename("notes.csv", "x"), lambda: fs.upload(str(local), "x"),
        lambda: fs.mkdirs("x"), lambda: fs.makedir("x"), lambda: fs.write_bytes("x", b""),
        lambda: fs.sign("notes.csv"), lambda: fs.cp("notes.csv", "x"),
        lambda: fs.move("notes.csv", "x"),
    ]  # fmt: skip
    filled.asked()
    for write in writes:
        with pytest.raises(OSError, match="read-only"):
            write()
    assert filled.asked() == []


@pytest.mark.slow
def test_a_file_reads_like_a_file(site: GrantedSite) -> None:
    lines = [b"%d;%s\n" % (number, b"x" * (number % 90)) for number in range(4_000)]
    data = b"".join(lines)
    site.put("a.csv", data)
    fs = _system(site)
    with fs.open("a.csv") as file:
        assert file.read(10) == data[:10]
        assert file.seek(-7, 2) == len(data) - 7
        assert file.read() == data[-7:]
        file.seek(0)
        assert list(file) == lines
        assert file.readinto(bytearray(5)) == 0
    with fs.open("a.csv", "r", encoding="ascii") as text:
        assert text.readline() == "0;\n"
    assert fs.head("a.csv", 5) == data[:5]
    assert fs.tail("a.csv", 5) == data[-5:]
    assert fs.cat_file("a.csv", -5) == data[-5:]
    assert fs.read_block("a.csv", 100, 100, b"\n").endswith(b"\n")
    site.asked()
    with fs.open("a.csv") as file:
        while file.read(1000):
            pass
    assert site.asked() == [], "it is all kept"


def test_who_reads_on_gets_ahead(site: GrantedSite) -> None:
    site.put("a.bin", bytes(40 * SEGMENT))
    with _system(site).open("a.bin") as file:
        while file.read(8192):
            pass
    assert len(site.asked()) <= 8


def test_ranges_are_read_side_by_side(site: GrantedSite) -> None:
    data = bytes(range(256)) * (8 * SEGMENT // 256)
    site.put("a.bin", data)
    fs = _system(site)
    starts = list(range(0, len(data), 10_000))
    found = fs.cat_ranges(["a.bin"] * len(starts), starts, [start + 100 for start in starts])
    assert found == [data[start : start + 100] for start in starts]
    assert fs.cat_ranges(["a.bin", "none"], 0, 5)[0] == data[:5]
    assert isinstance(fs.cat_ranges(["a.bin", "none"], 0, 5)[1], FileNotFoundError)
    with pytest.raises(FileNotFoundError):
        fs.cat_ranges(["none"], 0, 5, on_error="raise")
    assert fs.cat("a.bin") == data


def test_threads_read_at_the_same_time(site: GrantedSite) -> None:
    data = bytes(range(256)) * (8 * SEGMENT // 256)
    site.put("a.bin", data)
    fs = _system(site, cache_bytes=SEGMENT)  # so that they are in each other's way

    def read(number: int) -> bool:
        with fs.open("a.bin") as file:
            file.seek(number * 5_000)
            return file.read(30_000) == data[number * 5_000 : number * 5_000 + 30_000]

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(read, range(80)))


def test_it_travels_by_reference_and_holds_no_secret(filled: GrantedSite) -> None:
    fs = _system(filled)
    sent = pickle.dumps(fs)
    for secret in (filled.server.secret_key.encode(), filled.reader.raw):
        assert secret not in sent
        assert secret not in fs.to_json().encode()
        assert secret not in repr(fs.__dict__).encode()
    assert pickle.loads(sent).cat_file("notes.csv") == filled.clear["notes.csv"]


def test_an_open_file_travels_and_goes_on_where_it_was(filled: GrantedSite) -> None:
    with _system(filled).open("notes.csv") as file:
        file.seek(4)
        with pickle.loads(pickle.dumps(file)) as other:
            assert other.read(4) == b"1,2\n"


@pytest.mark.slow
def test_without_fsspec_it_is_said_what_is_missing() -> None:
    code = "import sys; sys.modules['fsspec'] = None; import hdh_migrate.access.filesystem"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "fsspec is missing: pip install 'fsspec>=2026.2'" in done.stderr


def test_the_folder_and_the_key_must_be_named() -> None:
    with pytest.raises(UsageError, match="a grant's folder and the reader's private key"):
        GrantFileSystem()


def test_a_grant_that_is_over_does_not_become_a_file_system(site: GrantedSite) -> None:
    grant = site.write(until="2020-01-01T00:00:00Z")
    with pytest.raises(Refused, match="ended at"):
        GrantFileSystem(**site.options(grant))


def test_a_host_that_lies_is_found_through_a_file(site: GrantedSite) -> None:
    site.put("a.bin", bytes(3 * SEGMENT))
    fs = _system(site)
    body = bytearray(site.version("a.bin").body)
    body[124 + SEALED_SEGMENT + 50] ^= 1
    site.version("a.bin").body = bytes(body)
    with fs.open("a.bin") as file:
        assert file.read(10) == bytes(10)
        with pytest.raises(NotAsGranted) as caught:
            file.read()
    assert caught.value.__notes__ == ["hint: use nothing of it, and tell whoever gave the grant"]


# --- what people read with -----------------------------------------------------------------------


@pytest.fixture
def tables(site: GrantedSite, parquet: bytes) -> GrantedSite:
    site.put("2024/mco.parquet", parquet)
    site.put("2025/mco.parquet", parquet)
    site.put("notes.csv", b"a,b\n" + b"1,2\n" * 1000)
    return site


SUM = sum(array("q", _column(3)))


@pytest.mark.slow
def test_pyarrow_reads_a_column_and_nothing_else(tables: GrantedSite, parquet: bytes) -> None:
    from pyarrow.compute import sum as added
    from pyarrow.dataset import dataset

    fs = _system(tables)
    tables.asked()
    data = dataset("2024/mco.parquet", filesystem=fs, format="parquet")
    assert added(data.to_table(columns=["c3"])["c3"]).as_py() == SUM
    asked = _bytes_asked(tables)
    # A column is an eighth of the file; each of its three pieces may touch two segments more.
    assert asked <= len(parquet) / 8 + (3 * 2 + 2) * SEALED_SEGMENT
    assert asked < len(parquet) / 2


@pytest.mark.slow
def test_pandas_reads_a_column_and_nothing_else(tables: GrantedSite, parquet: bytes) -> None:
    import pandas as pd

    options = tables.options(tables.write())
    found = pd.read_parquet("hdh-grant://2025/mco.parquet", columns=["c3"], storage_options=options)
    assert int(found["c3"].sum()) == SUM
    assert _bytes_asked(tables) < len(parquet) / 2
    rows = pd.read_csv("hdh-grant://notes.csv", storage_options=options)
    assert rows["b"].sum() == 2000


@pytest.mark.slow
def test_duckdb_reads_a_column_and_nothing_else(tables: GrantedSite, parquet: bytes) -> None:
    import duckdb

    fs = _system(tables)
    tables.asked()
    with duckdb.connect() as connection:
        connection.register_filesystem(fs)
        query = "select sum(c3)::bigint, count(*) from read_parquet('hdh-grant://{}')"
        one = connection.execute(query.format("2024/mco.parquet")).fetchall()
        assert one == [(SUM, ROWS)]
        assert _bytes_asked(tables) < len(parquet) / 2
        assert connection.execute(query.format("*/mco.parquet")).fetchall() == [(2 * SUM, 2 * ROWS)]
        csv = connection.execute("select sum(b) from read_csv('hdh-grant://notes.csv')").fetchall()
        assert csv == [(2000,)]


@pytest.mark.slow
def test_dask_reads_blocks_of_a_file(tables: GrantedSite) -> None:
    import dask
    from dask.bytes import read_bytes

    options = tables.options(tables.write())
    _, blocks = read_bytes(
        "hdh-grant://notes.csv", blocksize=1000, delimiter=b"\n", sample=False, **options
    )
    found = dask.compute(*blocks[0], scheduler="threads", num_workers=4)
    assert b"".join(found) == tables.clear["notes.csv"]
