"""`revoke`: take a grant back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hdh_migrate.cli.command import Task, verb
from hdh_migrate.cli.output import visible
from hdh_migrate.cli.parameters import ASKING, CredentialId, CredentialSecret, Plan
from hdh_migrate.errors import Exit
from hdh_migrate.results.grants import GrantTakenBack


@verb(
    examples=(
        'revoke plan.yaml g-3f9a0c5e7b21 --reason "the study ended"',
        (
            "revoke plan.yaml g-3f9a0c5e7b21 --reason withdrawn --credential-id env:ADMIN_ID"
            " --credential-secret env:ADMIN_SECRET"
        ),
    ),
    exits=(
        Exit.REFUSED, Exit.FINDINGS, Exit.VERIFICATION_FAILED, Exit.STOPPED, Exit.AUTH,
        Exit.DAMAGED, Exit.LOCKED,
    ),
    result=GrantTakenBack,
    options=ASKING,
)  # fmt: skip
def revoke(
    task: Task,
    plan: Plan,
    grant: Annotated[str, typer.Argument(metavar="GRANT", help="The grant's id.")],
    *,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why; the report prints it.")],
    folder: Annotated[
        Path | None,
        typer.Option("--folder", metavar="DIR", help="Where the pack is now, if it was moved."),
    ] = None,
    closed_at_host: Annotated[
        str | None,
        typer.Option(
            "--closed-at-host",
            metavar="TEXT",
            help="How it was closed there by hand, or that you saw it closed; your word.",
        ),
    ] = None,
    credential_id: CredentialId = None,
    credential_secret: CredentialSecret = None,
) -> Exit:
    """Take a grant back: in the journal, in the bucket's policy, and where its pack was written.

    The policy is taken back with a credential that may set it, and read back. Says what remains;
    exits with 4 while the host may still let the reader in.
    """
    from hdh_migrate.session.verbs.grant_policy import administrator_of
    from hdh_migrate.session.verbs.revoke import revoke as take_back

    administrator = administrator_of(credential_id, credential_secret)
    desk = task.desk(plan)
    code, result = take_back(desk, grant, reason, administrator, folder, closed_at_host)
    lines = [f"revoked {grant}", *(f"remains: {line}" for line in result["remains"])]
    task.out.result(result, "\n".join(map(visible, lines)))
    return code
