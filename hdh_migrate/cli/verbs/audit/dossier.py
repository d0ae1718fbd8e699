"""`audit dossier`: does a claim's dossier hold?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hdh_migrate.cli.command import Task, verb
from hdh_migrate.cli.parameters import Threshold, Trust
from hdh_migrate.errors import Exit
from hdh_migrate.results.forecasts import DossierChecked
from hdh_migrate.telemetry import counted


@verb(
    examples=(
        "audit dossier claim-2027-01 --trust operator.pub",
        "audit dossier claim-2027-01 --trust operator.pub --json",
    ),
    exits=(Exit.DAMAGED,),
    result=DossierChecked,
)
def dossier(
    task: Task,
    folder: Annotated[Path, typer.Argument(metavar="DOSSIER", help="The folder of a dossier.")],
    *,
    trust: Trust,
    threshold: Threshold = 1,
) -> None:
    """Check the signature, the pages and the sums of a dossier (`forecast --dossier`)."""
    from hdh_migrate.cli.keyfiles import trusted_keys
    from hdh_migrate.evidence.dossier.check import check_dossier
    from hdh_migrate.software import code_digest

    found = check_dossier(folder, trusted_keys(trust, threshold), threshold, code_digest())
    result: DossierChecked = {
        "ok": True,
        "migration": found.facts.migration,
        "signed_by": found.signed_by,
        "journal_events": found.facts.journal.events,
        "journal_head": found.facts.journal.head,
        "journal_root": found.facts.journal.root,
        "not_compared": list(found.not_compared),
    }
    text = [
        f"ok      signed by {found.signed_by}",
        "ok      each page is the one that was signed",
        "ok      the costs are those of its rows and prices",
        *(f"open    {one}" for one in found.not_compared),
        f"journal {counted(result['journal_events'], 'event')}, root {result['journal_root']}",
    ]
    task.out.result(result, "\n".join(text))
