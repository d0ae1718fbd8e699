"""How runs ended, a line for each in a file beside the ledger; the journal tells no exit code.

Nothing depends on it: what cannot be written or read is left out.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final, NotRequired

from typing_extensions import TypedDict

from hdh_migrate.folders import write_whole
from hdh_migrate.jsonform import typed_dict

FILE: Final = "runs.jsonl"
BYTES_MAX: Final = 1 << 20
"""From then on the older half is dropped: that is of thousands of runs."""


class RunKept(TypedDict):
    """One run: `began` None where it was refused before it had the ledger."""

    pid: int
    steps: list[str]
    batches: list[str]
    began: str | None
    ended: str | None
    exit: int | None
    why: str | None
    until: NotRequired[str | None]
    troubled: NotRequired[bool]
    unbound: NotRequired[bool]


def remember(folder: Path, run: Mapping[str, object]) -> None:
    """Add a run that has ended; given again with more, the last word counts."""
    line = b"\n" + json.dumps(run).encode()  # what a full disk cut off before ends here
    path = folder / FILE
    with suppress(OSError):
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(path, flags, 0o600), "wb", buffering=0) as file:
            file.write(line)
            size = file.tell()
        if size > BYTES_MAX:
            lines = path.read_bytes().splitlines(keepends=True)
            write_whole(path, b"".join(lines[len(lines) // 2 :]), replace=True)


def remembered(folder: Path) -> list[RunKept]:
    """Return the runs that are kept, oldest first, each as it was told last."""
    found: dict[tuple[int, str | None], RunKept] = {}
    for one in _lines(folder / FILE):
        found[one["pid"], one["began"] or one["ended"]] = one
    return [*found.values()]


def _lines(path: Path) -> Iterator[RunKept]:
    try:
        with path.open("rb") as file:
            text = file.read(2 * BYTES_MAX)
    except OSError:
        return
    for line in text.splitlines():
        with suppress(ValueError, RecursionError):  # a disk that was full took half of one
            yield typed_dict(RunKept, json.loads(line))
