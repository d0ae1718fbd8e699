"""The campaign: `make campaign [SEED=] [MINUTES=]`, or `python -m tests.campaign --help`.

Its parts share the minutes. Each is repeated with other seeds until its time is over; what came of
it is printed as one table and written into docs/reliability.md, with date, version and machine.
Exit code 1: something was lost, altered or forgotten, or a planted fault was not found.
"""

from __future__ import annotations

import argparse
import os
import platform
import random
import re
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET  # our own test runner's file
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from hdh_migrate import __version__
from tests.campaign import matrix, planted

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reliability.md"
BEGIN, END = "<!-- campaign: begin -->", "<!-- campaign: end -->"

POWER = "tests/unit/ledger/test_ledger.py::test_power_cuts_lose_nothing_that_was_acknowledged"
KILLS = "tests/live/test_kills.py"
MODELS = (
    "tests/property/test_ledger_story.py", "tests/property/test_bundle_story.py",
    "tests/property/test_cutting.py", "tests/property/test_pinned_at_once.py",
    "tests/property/test_globs.py", "tests/property/test_hours.py",
)  # fmt: skip
CUTS = 250
_EXAMPLES = re.compile(r"(\d+) passing examples?, (\d+) failing")


@dataclass(slots=True)
class Part:
    """One part of the campaign, and what came of it."""

    name: str
    unit: str
    count: int = 0
    survived: int = 0
    seeds: list[int] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def row(self) -> str:
        """The part as a row of a Markdown table."""
        drawn = f"{self.seeds[0]} to {self.seeds[-1]}" if self.seeds else "none"
        return (
            f"| {self.name} | {self.count:,} {self.unit} | {self.survived:,} | {drawn} |"
            f" {self.seconds:.0f} s |"
        )


def tested(place: str, seed: int, *more: str) -> tuple[bool, str, dict[str, int]]:
    """Run a test with a seed; return whether it passed, what was printed, what it recorded."""
    with tempfile.TemporaryDirectory(prefix="campaign-") as name:
        found = Path(name) / "found.xml"
        done = subprocess.run(
            [sys.executable, "-m", "pytest", place, "-q", "-n0", "-p", "no:cacheprovider",
             f"--seed={seed}", f"--junitxml={found}", *more],
            cwd=ROOT, capture_output=True, text=True, check=False,
        )  # fmt: skip
        properties = ET.parse(found).iter("property") if found.exists() else ()
        recorded = {one.get("name", ""): int(one.get("value", "0")) for one in properties}
    return done.returncode == 0, done.stdout + done.stderr, recorded


def until(part: Part, seconds: float, seed: int, once: Callable[[Part, int], None]) -> Part:
    """Repeat a part with one seed after the other until its time is over, at least once."""
    began = time.monotonic()
    while True:
        part.seeds.append(seed)
        once(part, seed)
        seed += 1
        part.seconds = time.monotonic() - began
        if part.seconds >= seconds:
            break
    if not part.count:
        part.failed.append(f"{part.name}: nothing was tried")
    return part


def lives(part: Part, seed: int) -> None:
    """Live fifty lives from a seed on."""
    first = seed * 50
    done = subprocess.run(
        [sys.executable, "-m", "tests.campaign.lives", "--seed", str(first), "--lives", "50"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    said = re.search(r"(\d+) lives, (\d+) processes, .* (\d+) broken", done.stdout)
    if said is None:
        part.failed.append(f"lives from {first}: {done.stderr[-500:]}")
        return
    part.count += int(said[2])
    part.survived += int(said[2]) - int(said[3])
    part.failed += re.findall(r"^seed \d+: .*$", done.stdout, re.MULTILINE)


def power(part: Part, seed: int) -> None:
    """Cut the power of one ledger at many moments."""
    passed, said, _ = tested(POWER, seed, f"--cuts={CUTS}")
    part.count += CUTS
    part.survived += CUTS * passed
    if not passed:
        part.failed.append(f"power cuts, seed {seed}: {said[-500:]}")


def kills(part: Part, seed: int) -> None:
    """Kill a real process tree again and again, with each of the servers."""
    passed, said, recorded = tested(KILLS, seed, "--kills=25")
    part.count += recorded.get("kills", 0)
    part.survived += recorded.get("kills", 0) * passed
    if not passed:
        part.failed.append(f"kills, seed {seed}: {said[-500:]}")


def models(part: Part, seed: int) -> None:
    """Draw examples for the models of ledger, bundle, parts, globs and hours."""
    for place in MODELS:
        passed, said, _ = tested(
            place, seed, "--hypothesis-profile=campaign", "--hypothesis-show-statistics",
            f"--hypothesis-seed={seed}",
        )  # fmt: skip
        examples = sum(int(good) + int(bad) for good, bad in _EXAMPLES.findall(said))
        part.count += examples
        part.survived += examples * passed
        if not passed:
            part.failed.append(f"{place}, seed {seed}: {said[-500:]}")


def campaign(minutes: float, seed: int) -> list[Part]:
    """Live all parts, each for its share of the minutes."""
    share = minutes * 60 / 10
    return [
        until(Part("simulated migrations", "processes"), 4 * share, seed, lives),
        until(Part("process trees killed", "kills"), 3 * share, seed, kills),
        until(Part("power cuts of a ledger", "cuts"), share, seed, power),
        until(Part("models", "examples"), 2 * share, seed, models),
    ]


def page(parts: list[Part], hunted: list[planted.Hunted], seed: int) -> Iterator[str]:
    """Yield the generated part of docs/reliability.md."""
    machine = f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}"
    when = datetime.now(UTC).strftime("%Y-%m-%d")
    python = platform.python_version()
    yield f"Version {__version__}, {when}, {machine}, Python {python}, seed {seed}."
    yield ""
    yield "| what | how many | survived | seeds | took |"
    yield "|---|---|---|---|---|"
    yield from (part.row for part in parts)
    shown = sum(bool(fault.tests) for fault in matrix.FAULTS)
    yield f"| faults with a test | {len(matrix.FAULTS)} | {shown} | none | `pytest -m fault` |"
    if hunted:
        yield ""
        yield from planted.table(hunted)


def write(lines: list[str]) -> None:
    """Put what was measured and the matrix into the page, in place of what stood there."""
    text = PAGE.read_text("utf-8")
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(f"{before}{BEGIN}\n" + "\n".join(lines) + f"\n{END}{after}", "utf-8")


def write_matrix() -> None:
    """Put the matrix into the page."""
    text = PAGE.read_text("utf-8")
    head = text.partition("<!-- matrix: begin -->")[0]
    table = "\n".join(matrix.table())
    PAGE.write_text(f"{head}<!-- matrix: begin -->\n{table}\n<!-- matrix: end -->\n", "utf-8")


def main() -> int:
    """Run the campaign as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 16))
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--planted", action="store_true", help="hunt the planted faults, too")
    parser.add_argument("--matrix", action="store_true", help="renew the matrix, and nothing else")
    given = parser.parse_args()
    write_matrix()
    if given.matrix:
        return 0
    parts = campaign(given.minutes, given.seed)
    hunted = [planted.hunt(one) for one in planted.PLANTED] if given.planted else []
    lines = list(page(parts, hunted, given.seed))
    sys.stdout.write("\n".join(lines) + "\n")
    failed = [said for part in parts for said in part.failed]
    failed += [f"not found: {one.fault.name}" for one in hunted if one.seed is None]
    sys.stdout.write("".join(f"\n{said}\n" for said in failed))
    write(lines)
    return int(bool(failed))


if __name__ == "__main__":
    raise SystemExit(main())
