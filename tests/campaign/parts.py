"""The parts of a campaign: what each tries once with a seed, and how it is repeated."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET  # our own test runner's file
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path

from tests.campaign.kinds import KIND_BITS, LifeKind

ROOT = Path(__file__).parents[2]

POWER = "tests/unit/ledger/test_ledger.py::test_power_cuts_lose_nothing_that_was_acknowledged"
KILLS = "tests/live/test_kills.py"
MODELS = (
    "tests/property/test_ledger_story.py", "tests/property/test_bundle_story.py",
    "tests/property/test_cutting.py", "tests/property/test_pinned_at_once.py",
    "tests/property/test_globs.py", "tests/property/test_hours.py",
    "tests/property/test_listing_story.py", "tests/property/test_cutover_story.py",
    "tests/property/test_waiver_story.py",
)  # fmt: skip
CUTS = 250
LIVES = 50
_EXAMPLES = re.compile(r"(\d+) passing(?: examples?)?, (\d+) failing")


@dataclass(frozen=True, slots=True)
class Once:
    """What came of trying once."""

    count: int
    survived: int
    failed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the campaign."""

    word: str
    """Its name on the command line."""
    name: str
    unit: str
    share: float
    """Of the minutes, beside the other parts' shares."""
    most: int
    """After so many it has done what is wanted of a long campaign."""
    once: Callable[[int], Once]
    """Try with a seed, in a process of its own."""


@dataclass(slots=True)
class Tally:
    """What came of one part so far."""

    part: Part
    count: int = 0
    survived: int = 0
    seeds: list[int] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def take(self, seed: int, found: Once) -> None:
        """Count one try."""
        self.seeds.append(seed)
        self.count += found.count
        self.survived += found.survived
        self.failed += found.failed
        sys.stderr.writelines(f"{said}\n" for said in found.failed)  # before all is over
        sys.stderr.flush()

    @property
    def row(self) -> str:
        """The part as a row of a Markdown table."""
        drawn = f"{min(self.seeds)} to {max(self.seeds)}" if self.seeds else "none"
        return (
            f"| {self.part.name} | {self.count:,} {self.part.unit} | {self.survived:,} | {drawn} |"
            f" {self.seconds:.0f} s |"
        )


def repeat(
    tally: Tally, seconds: float, seed: int, jobs: int, written: Callable[[], object]
) -> None:
    """Try a part with one seed after the other, so many at once, until its time or number is over.

    At least once, and `written` after each. Whoever interrupts it waits for no try: what is under
    way is ended by the same signal.
    """
    began = time.monotonic()
    pool = ThreadPoolExecutor(jobs)
    running: dict[Future[Once], int] = {}
    try:
        while True:
            tally.seconds = time.monotonic() - began
            over = tally.seconds >= seconds or tally.count >= tally.part.most
            while len(running) < jobs and not (over and (tally.seeds or running)):
                running[pool.submit(tally.part.once, seed)] = seed
                seed += 1
            if not running:
                break
            for one in wait(running, return_when=FIRST_COMPLETED).done:
                tally.take(running.pop(one), one.result())
                tally.seconds = time.monotonic() - began
                written()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    if not tally.count:
        tally.failed.append(f"{tally.part.name}: nothing was tried")


def tested(place: str, seed: int, *more: str) -> tuple[bool, str, dict[str, int]]:
    """Run a test with a seed; return whether it passed, what was printed, what it recorded."""
    with tempfile.TemporaryDirectory(prefix="campaign-") as name:
        found = Path(name) / "found.xml"
        done = subprocess.run(
            [sys.executable, "-m", "pytest", place, "-q", "-n0", "-p", "no:cacheprovider",
             f"--basetemp={name}/tests", f"--seed={seed}", f"--junitxml={found}",
             "--override-ini=junit_family=xunit1", *more],  # the only one that has properties
            cwd=ROOT, capture_output=True, text=True, check=False,
        )  # fmt: skip
        properties = ET.parse(found).iter("property") if found.exists() else ()
        said = {one.get("name", ""): one.get("value", "") for one in properties}
        recorded = {name: int(value) for name, value in said.items() if value.isdecimal()}
    return done.returncode == 0, done.stdout + done.stderr, recorded


def lives(seed: int) -> Once:
    """Live fifty lives from a seed on, of one kind after the other."""
    kinds = list(LifeKind)
    first = kinds[seed % len(kinds)].seed(seed * LIVES % (1 << KIND_BITS))
    done = subprocess.run(
        [sys.executable, "-m", "tests.campaign.lives", "--seed", str(first),
         "--lives", str(LIVES)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    said = re.search(
        r"(\d+) lives, (\d+) processes, .* (\d+) broken, (\d+) without a result", done.stdout
    )
    if said is None:
        return Once(0, 0, (f"lives from {first}: {done.stderr[-500:]}",))
    broken = re.findall(r"^seed \d+: .*$", done.stdout, re.MULTILINE)
    return Once(int(said[2]), int(said[2]) - int(said[3]) - int(said[4]), tuple(broken))


def power(seed: int) -> Once:
    """Cut the power of one ledger at many moments."""
    passed, said, _ = tested(POWER, seed, f"--cuts={CUTS}")
    return Once(CUTS, CUTS * passed, () if passed else (f"power, seed {seed}: {said[-500:]}",))


def kills(seed: int) -> Once:
    """Kill a real process tree again and again, with each of the servers."""
    passed, said, recorded = tested(KILLS, seed, "--kills=25")
    count = recorded.get("kills", 0)
    return Once(count, count * passed, () if passed else (f"kills, seed {seed}: {said[-500:]}",))


def models(seed: int) -> Once:
    """Draw examples for the state machines and properties of ledger, listing, cutover and more."""
    place = MODELS[seed % len(MODELS)]
    passed, said, _ = tested(
        place, seed, "--hypothesis-profile=campaign", "--hypothesis-show-statistics",
        f"--hypothesis-seed={seed}",
    )  # fmt: skip
    count = sum(int(good) + int(bad) for good, bad in _EXAMPLES.findall(said))
    where = f"{place}, seed {seed}: {said[-500:]}"
    return Once(count, count * passed, () if passed else (where,))


def flips(seed: int) -> Once:
    """Turn single bits of a ledger's pages, of its write-ahead log and of a bundle."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.campaign.flips", "--seed", str(seed)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    said = re.search(r"(\d+) bits, (\d+) found or harmless", done.stdout)
    if said is None:
        return Once(0, 0, (f"bits, seed {seed}: {done.stderr[-500:]}",))
    lines = tuple(done.stdout.splitlines()[:-1])
    return Once(int(said[1]), int(said[2]), lines)


def forging(seed: int) -> Once:
    """Change members of bundles as who holds the report key can, and ask both verifiers."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.campaign.forging", "--seed", str(seed)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    said = re.search(r"(\d+) changes, (\d+) as the table says", done.stdout)
    if said is None:
        return Once(0, 0, (f"forging, seed {seed}: {done.stderr[-500:]}",))
    return Once(int(said[1]), int(said[2]), tuple(done.stdout.splitlines()[:-1]))


PARTS = (
    Part("lives", "simulated migrations", "processes", 5, 100_000, lives),
    Part("kills", "process trees killed", "kills", 3, 500, kills),
    Part("power", "power cuts of a ledger", "cuts", 0.5, 2_000, power),
    Part("bits", "turned bits of ledgers and bundles", "bits", 0.5, 5_000, flips),
    Part("models", "models", "examples", 1.5, 20_000, models),
    Part("forging", "members of bundles that an insider changed", "changes", 1, 5_000, forging),
)
