"""The generated parts of docs/reliability.md: figures, planted faults, matrix."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime

from hdh_migrate import __version__
from tests.campaign import matrix, planted, troubles
from tests.campaign.parts import ROOT, Tally

PAGE = ROOT / "docs" / "reliability.md"
BEGIN, END = "<!-- campaign: begin -->", "<!-- campaign: end -->"
_PLANTED = "| planted fault |"


def lines(
    tallies: Sequence[Tally], hunted: Sequence[planted.Hunted], seed: int, kept: Sequence[str] = ()
) -> Iterator[str]:
    """Yield what was counted; `kept` are rows of an earlier campaign, of parts that did not run."""
    machine = f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}"
    when = datetime.now(UTC).strftime("%Y-%m-%d")
    python = platform.python_version()
    yield f"Version {__version__}, {when}, {machine}, Python {python}, seed {seed}."
    yield ""
    yield "| what | how many | survived | seeds | took |"
    yield "|---|---|---|---|---|"
    yield from (one.row for one in tallies if one.seeds)
    yield from (row for row in kept if not row.startswith((_PLANTED, "|---")) and " `" not in row)
    shown = sum(bool(fault.tests) for fault in matrix.FAULTS)
    yield f"| faults with a test | {len(matrix.FAULTS)} | {shown} | none | `pytest -m fault` |"
    rows = list(planted.table(list(hunted)))[2:]
    names = {row.split(" | ")[0] for row in rows}
    rows += [row for row in kept if " `" in row and row.split(" | ")[0] not in names]
    if rows:
        yield ""
        yield from list(planted.table([]))
        yield from rows


def kept(names: Iterable[str]) -> list[str]:
    """Return the rows that the page has of parts that are not these, and of planted faults."""
    text = PAGE.read_text("utf-8").partition(BEGIN)[2].partition(END)[0]
    replaced = {*names, "what", "faults with a test"}
    rows = [row for row in text.splitlines() if row.startswith("| ")]
    return [row for row in rows if row[2:].split(" | ")[0] not in replaced]


def write(made: Sequence[str]) -> None:
    """Put what was measured into the page, in place of what stood there."""
    text = PAGE.read_text("utf-8")
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(f"{before}{BEGIN}\n" + "\n".join(made) + f"\n{END}{after}", "utf-8")


def write_matrix() -> None:
    """Put the matrix into the page, with what the simulator draws of each row."""
    head = PAGE.read_text("utf-8").partition("<!-- matrix: begin -->")[0]
    table = "\n".join(matrix.table(troubles.ROWS))
    PAGE.write_text(f"{head}<!-- matrix: begin -->\n{table}\n<!-- matrix: end -->\n", "utf-8")
