"""`waive`: one condition let go, signed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hdh_migrate.cli.command import Task, verb
from hdh_migrate.cli.keyfiles import passphrase_of
from hdh_migrate.cli.parameters import AT_PLAN, PassphraseFrom, Plan, key_option
from hdh_migrate.errors import Exit
from hdh_migrate.results.proofs import Waived


@verb(
    examples=(
        (
            "waive plan.yaml --what attestation --until 2026-12-15 --key keys/dpo.key"
            ' --reason "visa renewal, ref. 12"'
        ),
        (
            "waive plan.yaml --what finding.conflict --until 2026-12-15 --key keys/dpo.key"
            ' --reason "left in place, ref. 14"'
        ),
    ),
    exits=(Exit.REFUSED, Exit.STOPPED, Exit.DAMAGED),
    result=Waived,
    options=AT_PLAN,
)
def waive(
    task: Task,
    plan: Plan,
    *,
    what: Annotated[
        str,
        typer.Option("--what", metavar="WHAT", help="attestation, health.RULE or finding.CODE."),
    ],
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="Why; the report prints it.")
    ],
    until: Annotated[str, typer.Option("--until", metavar="DAY", help="The last day.")],
    key: Annotated[
        Path,
        key_option("The private key (Ed25519) that signs."),
    ],
    passphrase_from: PassphraseFrom = None,
) -> None:
    """Sign a waiver: set one condition aside, for this plan as it is, until a given day.

    It counts when the plan lists the key in `waivers.keys`, and the report shows it. Of findings
    it covers those that are open when it is made.
    """
    from hdh_migrate.session.verbs import waive as session

    wish = session.WaiverWish(
        what=what, until=until, reason=reason, key=key,
        passphrase=lambda: passphrase_of(asked=False, reference=passphrase_from),
    )  # fmt: skip
    made = session.waive(plan, task.state_dir, wish, task.out.warn)
    covered = made["covers"]
    task.out.result(
        made,
        f"made {made['made']}\n{what} is waived until {until} for plan"
        f" {made['plan_digest'][:16]}"
        + ("" if covered is None else f", of which {covered} are open")
        + f"\n{made['time']}",
    )
