"""What a column costs through a grant, and by downloading and opening: `python -m bench.access`.

A Parquet file of twenty columns lies sealed on an S3 server of this process. Parts of it are read
by pyarrow through `hdh-grant://`, and from the file that `open --get` writes in clear. The server
is near: on a network the bytes count for more.
"""

from __future__ import annotations

import io
import itertools
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import pyarrow as pa
import pyarrow.parquet as pq

from hdh_migrate.access.files import GrantedFile
from hdh_migrate.access.filesystem import GrantFileSystem
from hdh_migrate.access.saving import save
from hdh_migrate.model import MIB
from tests.support.granted import GrantedSite
from tests.support.strict_s3 import StrictS3

ROWS, COLUMNS, GROUP = 1_000_000, 20, 100_000
TIMES = 3
NAME = "stays.parquet"

File = Path | GrantedFile
Reads = Callable[[File], object]
_number = itertools.count(1)


def _column(file: File) -> object:
    return pq.read_table(file, columns=["c7"])


def _group(file: File) -> object:
    return pq.ParquetFile(file).read_row_group(4, columns=["c3", "c7"])


def _everything(file: File) -> object:
    return pq.read_table(file)


WORKS: dict[str, Reads] = {
    "one column of twenty": _column,
    "two columns of a tenth of the rows": _group,
    "everything": _everything,
}


def main() -> int:
    """Print a row for each work: bytes and seconds, medians, both ways."""
    with tempfile.TemporaryDirectory() as folder, StrictS3() as server:
        site = GrantedSite(Path(folder), server)
        site.put(NAME, _table())
        grant = site.write()
        size = len(site.clear[NAME]) / MIB
        print(f"A file of {size:.0f} MiB, {ROWS:,} rows, {COLUMNS} columns.\n")
        print("| | through the grant | | downloaded and opened | | |")
        print("| --- | --- | --- | --- | --- | --- |")
        print("| | MiB fetched | s | MiB fetched | s | MiB in clear on disk |")
        for name, work in WORKS.items():
            direct = [_through(site, grant, work) for _ in range(TIMES)]
            copied = [_downloaded(site, grant, work, Path(folder)) for _ in range(TIMES)]
            cells = [*_medians(direct), *_medians(copied), f"{size:.1f}"]
            print(f"| {name} | {' | '.join(cells)} |")
    return 0


def _table() -> bytes:
    drawn = random.Random(19)
    columns = {
        f"c{index}": pa.Array.from_buffers(
            pa.int64(), ROWS, [None, pa.py_buffer(drawn.randbytes(8 * ROWS))]
        )
        for index in range(COLUMNS)
    }
    out = io.BytesIO()
    pq.write_table(
        pa.table(columns), out, row_group_size=GROUP, use_dictionary=False, compression="none"
    )
    return out.getvalue()


def _through(site: GrantedSite, grant: Path, work: Reads) -> tuple[int, float]:
    options = site.options(grant, patience=float(next(_number)))  # another one each time: cold
    began = time.monotonic()
    fs = GrantFileSystem(**options)
    with fs.open(NAME) as file:
        work(file)
    return fs.opened.received, time.monotonic() - began


def _downloaded(site: GrantedSite, grant: Path, work: Reads, folder: Path) -> tuple[int, float]:
    with tempfile.TemporaryDirectory(dir=folder) as out:
        began = time.monotonic()
        opened = site.opened(grant)
        save(opened, ["**"], Path(out), sealed=False)
        work(Path(out) / NAME)
        return opened.received, time.monotonic() - began


def _medians(runs: list[tuple[int, float]]) -> tuple[str, str]:
    received, seconds = zip(*runs, strict=True)
    return f"{median(received) / MIB:.1f}", f"{median(seconds):.2f}"


if __name__ == "__main__":
    sys.exit(main())
