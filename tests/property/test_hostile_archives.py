"""Whatever somebody gives to an auditor ends with a verdict: no traceback, no end of memory."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import tempfile
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from hdh_migrate.cli.app import main
from hdh_migrate.errors import EvidenceDamaged, Exit, UsageError
from hdh_migrate.evidence.archives import unpacked
from tests.support.examples import many
from tests.unit.evidence.builders import record

CONTENT = {
    "summary.json": b"{}\n" * 40,
    "statement.json": b"statement " * 30,
    "manifest.jsonl": bytes(range(256)) * 9,
}


def zipped(packing: int) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", packing) as archive:
        for name, data in CONTENT.items():
            archive.writestr(name, data)
    return out.getvalue()


def tarred(mode: str, kind: int, folder: str = "") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=f"w:{mode}", format=kind) as archive:  # type: ignore[call-overload]
        for name, data in CONTENT.items():
            info = tarfile.TarInfo(f"{folder}{name}")
            info.size, info.mtime = len(data), 1.5  # type: ignore[assignment]  # a pax header
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


LONG = "evidence-" + "x" * 150 + "/"
WHOLE = {
    "zip-stored": zipped(zipfile.ZIP_STORED),
    "zip-deflated": zipped(zipfile.ZIP_DEFLATED),
    "zip-bzip2": zipped(zipfile.ZIP_BZIP2),
    "zip-lzma": zipped(zipfile.ZIP_LZMA),
    "tar-pax": tarred("", tarfile.PAX_FORMAT, LONG),
    "tar-gnu": tarred("", tarfile.GNU_FORMAT, LONG),
    "tar-ustar": tarred("", tarfile.USTAR_FORMAT, LONG[:90] + "/"),
    "tar.gz": tarred("gz", tarfile.PAX_FORMAT),
    "tar.bz2": tarred("bz2", tarfile.PAX_FORMAT),
    "tar.xz": tarred("xz", tarfile.GNU_FORMAT),
}


def found(data: bytes) -> dict[str, bytes] | None:
    """Unpack an archive; None when it is refused, and nothing else may happen."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "archive"
        path.write_bytes(data)
        try:
            with unpacked(path) as bundle:
                return {file.name: file.read_bytes() for file in bundle.iterdir()}
        except EvidenceDamaged:
            return None


@pytest.mark.parametrize("name", WHOLE)
def test_what_is_whole_is_unpacked(name: str) -> None:
    # What can only be undone whole is refused: a piece of it may stand for the whole memory.
    assert found(WHOLE[name]) == (None if name in {"zip-bzip2", "zip-lzma"} else CONTENT)


@pytest.mark.slow
@settings(max_examples=many(250), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(sorted(WHOLE)), st.data())
def test_a_damaged_archive_is_a_finding_and_nothing_else(name: str, data: st.DataObject) -> None:
    whole = bytearray(WHOLE[name])
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(whole) - 1))
        whole[at : at + data.draw(st.integers(0, 8))] = data.draw(st.binary(max_size=8))
        if not whole:
            break
    cut = data.draw(st.integers(0, len(whole)))
    found(bytes(whole[cut:] if data.draw(st.booleans()) else whole))


MAGIC = st.sampled_from(
    [b"", b"PK\x03\x04", b"PK\x05\x06", b"\x1f\x8b\x08", b"BZh9", b"\xfd7zXZ\0"]
)


@settings(max_examples=many(60), deadline=None)
@given(MAGIC, st.binary(max_size=1200))
def test_what_only_begins_as_an_archive_is_a_finding(magic: bytes, rest: bytes) -> None:
    assert found(magic + rest) is None


# --- what is small and would be large ------------------------------------------------------------


def headed(name: str, kind: bytes, size: int) -> bytes:
    info = tarfile.TarInfo(name)
    info.type, info.size = kind, size
    return info.tobuf(tarfile.GNU_FORMAT)


def with_holes() -> bytes:
    """1.5 KiB that the standard library unpacks to 1 GiB."""
    block = bytearray(headed("manifest.jsonl", b"S", 0))
    block[483:495] = b"%011o\0" % (1 << 30)
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block) + bytes(1024)


def with_pax_holes() -> bytes:
    words = b"".join(
        b"%d %s" % (len(word) + 3, word)
        for word in (b"GNU.sparse.size=1073741824\n", b"GNU.sparse.numblocks=0\n",
                     b"GNU.sparse.map=0,0\n")
    )  # fmt: skip
    head = headed("x", b"x", len(words)) + words.ljust(512, b"\0")
    return head + headed("manifest.jsonl", b"0", 0) + bytes(1024)


BOMBS: dict[str, Callable[[], bytes]] = {
    "holes": with_holes,
    "pax-holes": with_pax_holes,
    "huge-header": lambda: headed("x", b"x", 8 << 30) + bytes(1024),
    "huge-header-packed": lambda: gzip.compress(headed("x", b"x", 200 << 20) + bytes(200 << 20)),
    "zeros": lambda: gzip.compress(headed("manifest.jsonl", b"0", 200 << 20) + bytes(200 << 20)),
    "base-256": lambda: headed("manifest.jsonl", b"0", 1 << 60) + bytes(1024),
    "folders": lambda: gzip.compress(headed("d", b"5", 0) * 20_000),
    "pax-without-end": lambda: gzip.compress((headed("x", b"g", 0)) * 20_000),
}


@pytest.mark.parametrize("name", BOMBS)
@pytest.mark.slow
def test_what_is_small_does_not_become_large(name: str) -> None:
    data = BOMBS[name]()
    tracemalloc.start()
    try:
        assert not found(data)
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.slow
def test_the_room_of_an_archive_grows_with_it(tmp_path: Path) -> None:
    """Records compress some ten times; a bomb a thousand."""
    lines = b"".join(
        b'{"key":"%032x","dataset":"d","reason":"scratch","rule":"exclude","size":%d}\n' % (n, n)
        for n in range(100_000)
    )
    packed = gzip.compress(headed("exclusions.jsonl", b"0", len(lines)) + lines + bytes(2048))
    assert found(packed) == {"exclusions.jsonl": lines}


# --- at the command line -------------------------------------------------------------------------


def ended(*arguments: str) -> int:
    with pytest.raises(SystemExit) as end:
        main(["audit", *arguments])
    return int(end.value.code or 0)


def test_a_device_is_wrong_usage() -> None:
    with pytest.raises(UsageError), unpacked(Path("/dev/zero")):
        pass


JUNK = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8)
    | st.sampled_from(["00" * 32, "ab" * 32, "\ud800"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
)  # fmt: skip
LINE = json.dumps({**record("a")}, sort_keys=True, separators=(",", ":"))


@settings(
    max_examples=many(25),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@example({"index": float("inf"), "size": 2, "path": [], "line": LINE}, b"")
@example({"index": 0, "size": 1, "path": [], "line": "not a record"}, b"")
@example({"index": True, "size": 1, "path": [], "line": LINE}, b"")
@example({"index": 0, "size": 10**400, "path": [], "line": LINE}, b"")
@example({}, b'{"index":1e400,"size":1e400,"path":[],"line":""}')
@example({}, b"[" * 20_000)
@example({}, b'{"index":' + b"9" * 5000 + b"}")
@given(
    st.fixed_dictionaries(
        {},
        optional={
            "index": JUNK | st.integers(0, 3),
            "size": JUNK | st.integers(1, 3),
            "path": JUNK,
            "line": JUNK | st.just(LINE),
        },
    ),
    st.just(b""),
)
@pytest.mark.parametrize("verb", ["check-proof", "check-opening"])
@pytest.mark.slow
def test_a_proof_that_is_none_is_damaged_evidence(
    tmp_path: Path, verb: str, told: dict[str, object], raw: bytes
) -> None:
    path = tmp_path / "proof.json"
    path.write_bytes(raw or json.dumps(told).encode())
    assert ended(verb, str(path), "--root", "11" * 32) == Exit.DAMAGED
