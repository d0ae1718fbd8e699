"""`audit journal`: the journal of a ledger or of a bundle, its chain checked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from hdh_migrate.cli.command import Task, verb
from hdh_migrate.cli.keyfiles import trusted_keys
from hdh_migrate.cli.parameters import AT_PLAN, Threshold
from hdh_migrate.errors import Exit, UsageError
from hdh_migrate.results.proofs import JournalEventFact

_ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz")


@verb(
    examples=(
        "audit journal plan.yaml",
        "audit journal evidence-2026-11 --trust operator.pub",
    ),
    exits=(Exit.REFUSED, Exit.DAMAGED),
    result=JournalEventFact,
    options=AT_PLAN,
    by_line=True,
)
def journal(
    task: Task,
    of: Annotated[
        Path,
        typer.Argument(metavar="PLAN|BUNDLE", help="A plan, or a report's folder, .zip or .tar."),
    ],
    *,
    trust: Annotated[
        list[Path] | None,
        typer.Option("--trust", metavar="KEY", help="Check a bundle's signatures too; repeatable."),
    ] = None,
    threshold: Threshold = 1,
) -> None:
    """Print a journal as JSON Lines and check its chain; exit 10 when it is broken.

    A plan's is that of its ledger. A bundle is checked whole first, and its journal printed as it
    stands there.
    """
    if of.is_dir() or of.suffix in _ARCHIVES:
        if task.state_dir is not None:
            raise UsageError("--state-dir is a plan's", hint="leave it out for a bundle")
        for event in _of_bundle(of, trust or [], threshold):
            task.out.data(event)
        return
    if trust:
        raise UsageError("--trust is for a bundle", hint="leave it out for a plan")
    task.asks_nobody = True
    desk = task.desk(of)
    ledger = desk.read_ledger()
    try:
        for seq, at, kind, text, digest in ledger.journal():
            task.out.data(
                JournalEventFact(seq=seq, at=at, kind=kind, body=text, digest=digest.hex())
            )
        ledger.check()
    finally:
        ledger.close()


def _of_bundle(bundle: Path, trust: list[Path], threshold: int) -> Iterator[JournalEventFact]:
    """Yield the events of a bundle that checks."""
    from hdh_migrate.evidence.archives import unpacked
    from hdh_migrate.evidence.reading import open_bundle

    with unpacked(bundle) as folder:
        yield from open_bundle(folder, trusted_keys(trust, threshold), threshold).events()
