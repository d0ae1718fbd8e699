"""`keys drill`: does a private key open what the plan seals, and what is stored?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from hdh_migrate.cli.command import Task, verb
from hdh_migrate.cli.parameters import ASKING, Batches, PassphraseFrom, Plan, key_option
from hdh_migrate.errors import Exit, UsageError
from hdh_migrate.results.keys import Drilled, StoredTrial
from hdh_migrate.telemetry import counted, size_text

STORED_MOST = 1_000
_SHOWN = 20
"""Objects that are listed one by one for people."""

_WHY = {
    "unopened": "the key does not open it, or not to what was sent",
    "gone": "the target does not hold it any more",
    "replaced": "the target holds another one",
}


@verb(
    examples=(
        "keys drill plan.yaml --key /media/escrow/escrow.sec --stored 20",
        "keys drill plan.yaml --key escrow.sec --passphrase-from env:ESCROW --json",
    ),
    exits=(
        Exit.REFUSED, Exit.VERIFICATION_FAILED, Exit.STOPPED, Exit.AUTH, Exit.LOCKED,
        Exit.INTERRUPTED,
    ),
    result=Drilled,
    options=ASKING,
)  # fmt: skip
def drill(
    task: Task,
    plan: Plan,
    *,
    key: Annotated[Path, key_option("A recipient's private key: the escrow's.")],
    passphrase_from: PassphraseFrom = None,
    stored: Annotated[
        int | None,
        typer.Option(
            "--stored", metavar="N", min=1, max=STORED_MOST,
            help="Open N objects that the target holds, too, drawn by chance; writes no plaintext.",
        ),
    ] = None,
    batch: Batches = None,
) -> Exit:  # fmt: skip
    """Prove that a private key opens what the plan seals, and write in the journal when.

    A test envelope shows that the key fits today's recipients; --stored, that it opens what is
    at the target.
    """
    from hdh_migrate.session.verbs.drill import drill as prove

    if batch and stored is None:
        raise UsageError("--batch says whose objects are opened: give --stored N with it")
    desk = task.desk(plan)
    result = prove(desk, key, passphrase_from, stored=stored, selected=batch or ())
    trial, before = result["stored"], result["stored_before"]
    proved = result["proved_before"] or "never"
    lines = [f"{result['fingerprint']} opens what is sealed (last proved before: {proved})"]
    if trial is not None:
        last = "never" if before is None else f"{before['opened']} of {before['objects']}"
        when = "" if before is None else f" on {before['at']}"
        lines += [*_lines(trial), f"stored objects opened before: {last}{when}"]
    task.out.result(result, "\n".join(lines))
    return Exit(result["exit"])


def _lines(trial: StoredTrial) -> Iterator[str]:
    """Say what was opened of what is stored, and which did not open."""
    drawn = counted(trial["objects"], "stored object", "stored objects")
    some = f"{trial['whole']} read whole, the others' first segment"
    read = "read whole" if trial["whole"] == trial["objects"] else some
    yield f"{trial['opened']} of {drawn} opened ({size_text(trial['bytes'])}; {read})"
    if trial["packs"]:
        yield f"{counted(trial['packs'], 'header pack')} opened besides"
    bad = trial["not_opened"]
    for one in bad[:_SHOWN]:
        yield f"  {one['dataset']}, object {one['id']}: {_WHY[one['why']]}"
    if len(bad) > _SHOWN:
        yield "  ... all of them with --json"
    if bad:
        yield (
            'next: "hdh-migrate verify PLAN --again" tells whether the target holds what was'
            ' verified; if it does, the key is not that of these objects: "hdh-migrate keys rotate'
            ' PLAN --from OLD.pub --to NEW.pub" gives them headers for the recipients of now'
        )
