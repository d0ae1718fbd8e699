"""Sort lines that do not fit into memory: sorted runs in nameless files, merged at the end."""

from __future__ import annotations

import heapq
import json
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import IO, TypeVar

from hdh_migrate.fixity import canonical_json

LineT = TypeVar("LineT", bound=Mapping[str, object])
Order = Callable[[LineT], tuple[bytes, bytes]]

RUN = 20_000
"""Lines that are sorted in memory at once, about 20 MiB."""

FAN_IN = 64
"""Files that are merged at once; as many again may be open on each level above."""


def in_order(lines: Iterable[LineT], order: Order[LineT], folder: Path) -> Iterator[LineT]:
    """Yield JSON objects in order, in bounded memory whatever their number.

    What does not fit goes to files in `folder` that have no name (mode 0600): nothing of them is
    left, even after a kill. Lines must hold no lone surrogates.
    """
    with ExitStack() as files:
        levels: list[list[IO[bytes]]] = []

        def keep(run: Iterable[bytes], level: int = 0) -> None:
            if level == len(levels):
                levels.append([])
            levels[level].append(files.enter_context(_written(run, folder)))
            if len(levels[level]) == FAN_IN:
                full, levels[level] = levels[level], []
                keep(heapq.merge(*full), level + 1)
                for file in full:
                    file.close()

        held: list[bytes] = []
        for line in lines:
            held.append(_sortable(line, order))
            if len(held) == RUN:
                keep(sorted(held))
                held = []
        runs = [file for level in levels for file in level]
        for row in heapq.merge(*runs, sorted(held)):
            yield json.loads(row[row.index(b"{") :])


def _sortable(line: LineT, order: Order[LineT]) -> bytes:
    """Return a row that sorts as its line does: a space comes before every hexadecimal digit."""
    first, second = order(line)
    return b"%b %b %b\n" % (first.hex().encode(), second.hex().encode(), canonical_json(line))


def _written(run: Iterable[bytes], folder: Path) -> IO[bytes]:
    file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - who merges it closes it
    try:
        file.writelines(run)
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return file
