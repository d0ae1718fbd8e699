"""The campaign: `make campaign [SEED=] [MINUTES=] [ONLY=]`, or `python -m tests.campaign --help`.

Its parts share the minutes, and run on two cores at once. Each is repeated with other seeds until
its time is over or it has reached its number; what came of it is printed as one table and written
into docs/reliability.md, with date, version and machine, again and again while it goes on: whoever
interrupts it loses no figure. Exit code 1: something was lost, altered or forgotten, or a planted
fault was not found; 130: it was interrupted.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
from collections.abc import Sequence

from tests.campaign import page, planted
from tests.campaign.parts import PARTS, Tally, repeat

MINUTES = 30.0


def main() -> int:
    """Run the campaign as the command line says."""
    given = _given()
    page.write_matrix()
    if given.matrix:
        return 0
    chosen = [one for one in PARTS if not given.only or one.word in given.only]
    tallies = [Tally(one) for one in chosen]
    hunted: list[planted.Hunted] = []

    def written() -> list[str]:
        kept = page.kept(one.part.name for one in tallies if one.seeds)
        lines = list(page.lines(tallies, hunted, given.seed, kept))
        page.write(lines)
        return lines

    for number in (signal.SIGINT, signal.SIGTERM):  # a shell's background jobs ignore the first
        signal.signal(number, signal.default_int_handler)
    interrupted = False
    try:
        weights = sum(one.share for one in chosen)
        for tally in tallies:
            seconds = given.minutes * 60 * tally.part.share / weights
            repeat(tally, seconds, given.seed, given.jobs, written)
        for fault in planted.PLANTED if given.planted else ():
            hunted.append(planted.hunt(fault))
            written()
    except KeyboardInterrupt:
        interrupted = True
    sys.stdout.write("\n".join(written()) + "\n")
    failed = [said for one in tallies for said in one.failed]
    failed += [f"not found: {one.fault.name} {one.trouble}" for one in hunted if one.seed is None]
    sys.stdout.write("".join(f"\n{said}\n" for said in failed))
    if interrupted:  # what is under way is not waited for
        sys.stdout.flush()
        os._exit(130)
    return int(bool(failed))


def _given(words: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 16))
    parser.add_argument("--minutes", type=float, default=MINUTES, help="for all parts together")
    parser.add_argument("--jobs", type=int, default=2, help="processes at once")
    parser.add_argument(
        "--only", action="append", choices=[one.word for one in PARTS],
        help="this part alone; may be given again; the other rows of the page stay",
    )  # fmt: skip
    parser.add_argument("--planted", action="store_true", help="hunt the planted faults, too")
    parser.add_argument("--matrix", action="store_true", help="renew the matrix, and nothing else")
    return parser.parse_args(words)


if __name__ == "__main__":
    raise SystemExit(main())
