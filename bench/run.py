"""Ours beside rclone on the same work, in turns: `make bench`, or `python -m bench.run --help`.

Source: Azurite on this machine, filled here. Target: `rclone serve s3` on this machine, or any S3
endpoint. Each round does every work with both tools, one right after the other; medians over the
rounds are told, whole and beyond what the same command costs on five tiny objects. After each timed
run every byte that it wrote is read and compared. Writes docs/performance.md, its picture, and the
figures that both are made from.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path

from bench import page, quick_azure
from bench.corpora import MIB, SMALL, Corpus
from bench.figures import QUICK, TINY, Figures, Run
from bench.measure import CommandFailed, compiled, load, measured
from bench.tools import LISTINGS, Target, Tools
from hdh_migrate.demo.servers import azurite
from tests.support.servers import rclone_s3

BUCKET = "bench"
LISTED = ("listing", QUICK)
"""Works that end with the inventory."""

WORKS = ("listing", QUICK, "small", "large", "claimed")


def main() -> None:
    """Measure, print the table, write the page."""
    wanted, started = _wanted(), time.monotonic()
    compiled()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hdh-bench-")))
        source = stack.enter_context(azurite(folder / "azurite", log=folder / "azurite.log"))
        target = stack.enter_context(_target(wanted, folder))
        tools = Tools(folder, source, target)
        corpora = _corpora(wanted)
        for corpus in corpora:
            _tell(f"filling {corpus.name}: {corpus.count} x {corpus.size} bytes")
            if corpus.name == QUICK:
                tools.serve(QUICK, stack.enter_context(quick_azure.serving(corpus.count)))
            else:
                corpus.fill(source.connection_string)
        before, began = load(), time.monotonic()
        runs, rounds, thrown = list[Run](), 0, Counter[str]()
        while rounds < wanted.rounds and _another(rounds, began, started, wanted.seconds):
            runs += _round(tools, corpora, rounds, thrown)
            rounds += 1
        figures = Figures.of(
            runs, corpora, rounds=rounds, thrown=thrown, target=wanted.endpoint,
            load=(before, load()), seconds=time.monotonic() - began,
        )  # fmt: skip
    sys.stdout.write(page.table(figures))
    if wanted.page:
        page.write(figures, wanted.page)
        _tell(f"written: {wanted.page}")
    if wanted.json:
        wanted.json.write_text(json.dumps([asdict(run) for run in runs], indent=1) + "\n")


def _wanted() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default=",".join(WORKS), help="of these works, with commas")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is done")
    parser.add_argument(
        "--seconds", type=float, default=330, help="no round is begun that would end later"
    )
    parser.add_argument("--listed", type=int, default=10_000, help="blobs of the listing")
    parser.add_argument(
        "--quick", type=int, default=50_000, help="blobs of a server that lists at once"
    )
    parser.add_argument("--small", type=int, default=2_000, help="objects of 16 KiB")
    parser.add_argument("--large", type=int, default=512, help="MiB of the large object")
    parser.add_argument("--claimed", type=int, default=8, help="objects of 64 MiB with an MD5")
    parser.add_argument(
        "--endpoint", help="an S3 endpoint instead of a server of this machine; its keys are in"
        " BENCH_ID and BENCH_SECRET, and nothing may be in the bucket under ours- and theirs-",
    )  # fmt: skip
    parser.add_argument("--bucket", default=BUCKET, help="that is there, at --endpoint")
    parser.add_argument("--region", help="of --endpoint, where it needs one")
    parser.add_argument("--attestation", type=Path, help="of the host, if it is another machine")
    parser.add_argument("--page", type=Path, help="the page to write", default=None)
    parser.add_argument("--json", type=Path, help="where to put every single run")
    wanted = parser.parse_args()
    unknown = set(wanted.only.split(",")) - set(WORKS)
    if unknown or wanted.rounds < 1:
        parser.error(f"--only takes some of {','.join(WORKS)}, --rounds a number from 1 on")
    return wanted


@contextmanager
def _target(wanted: argparse.Namespace, folder: Path) -> Iterator[Target]:
    if wanted.endpoint:
        yield Target(
            endpoint=wanted.endpoint, bucket=wanted.bucket, region=wanted.region,
            access_key=os.environ["BENCH_ID"], secret_key=os.environ["BENCH_SECRET"],
            attestation=wanted.attestation,
        )  # fmt: skip
        return
    (folder / "s3" / BUCKET).mkdir(parents=True)
    with rclone_s3(folder / "s3", folder / "s3.log") as server:
        yield Target(
            endpoint=server.endpoint, bucket=BUCKET,
            access_key=server.access_key, secret_key=server.secret_key,
        )  # fmt: skip


def _corpora(wanted: argparse.Namespace) -> list[Corpus]:
    all_of_them = {
        "listing": Corpus(name="listing", count=wanted.listed, size=1),
        QUICK: Corpus(name=QUICK, count=wanted.quick, size=1),
        "small": Corpus(name="small", count=wanted.small, size=SMALL),
        "large": Corpus(name="large", count=1, size=wanted.large * MIB),
        "claimed": Corpus(name="claimed", count=wanted.claimed, size=64 * MIB, claims=True),
    }
    chosen = [corpus for name, corpus in all_of_them.items() if name in wanted.only.split(",")]
    return [Corpus(name=TINY, count=5, size=1_000), *chosen]


def _another(rounds: int, began: float, started: float, seconds: float) -> bool:
    """Say whether there is time for one more round; there always is for the first."""
    now = time.monotonic()
    return not rounds or now - started + (now - began) / rounds <= seconds


def _round(
    tools: Tools, corpora: Sequence[Corpus], number: int, thrown: Counter[str]
) -> Iterator[Run]:
    """Do every work once with each tool, in an order that changes from round to round.

    Where a tool failed because the target answers 5xx for what it holds, what both did is thrown
    away, and counted in `thrown`.

    Raises:
        SystemExit: a tool failed for another reason, or what it wrote is not what it was to write.
    """
    for corpus in corpora:
        _tell(f"round {number + 1}: {corpus.name}")
        turns = [_ours(tools, corpus, number), _theirs(tools, corpus)]
        try:
            runs = [run for turn in turns[:: 1 if number % 2 == 0 else -1] for run in turn]
        except CommandFailed as failed:
            if not (unreadable := tools.unreadable(corpus, number)):
                sys.exit(str(failed))
            thrown[corpus.name] += 1
            _tell(
                f"round {number + 1} of {corpus.name} is thrown away: the target answers 5xx to a"
                f" plain GET of {unreadable} of the objects that it lists\n{failed}"
            )
            tools.clear(corpus, number)
        else:
            yield from runs


def _ours(tools: Tools, corpus: Corpus, number: int) -> Iterator[Run]:
    plan = tools.plan(corpus, number)
    verbs = ["inventory"] if corpus.name in LISTED else ["inventory", "transfer", "verify"]
    for verb in (["validate"] if corpus.name == TINY else []) + verbs:
        cost, _ = measured(tools.ours(verb, plan), tools.environ)
        yield Run(tool="hdh-migrate", corpus=corpus.name, verb=verb, cost=cost)
    if "transfer" in verbs:
        tools.demand_ours(corpus, number)


def _theirs(tools: Tools, corpus: Corpus) -> Iterator[Run]:
    tried = [
        measured(tools.theirs("inventory", corpus, *how), tools.environ)[0] for how in LISTINGS
    ]
    best = min(tried, key=lambda cost: cost.wall)
    how = LISTINGS[tried.index(best)]
    yield Run(tool="rclone", corpus=corpus.name, verb="inventory", cost=best)
    if corpus.name in LISTED:
        return
    for verb in ("transfer", "verify"):
        cost, _ = measured(tools.theirs(verb, corpus, *how), tools.environ)
        yield Run(tool="rclone", corpus=corpus.name, verb=verb, cost=cost)
    tools.demand_theirs(corpus)


def _tell(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    main()
