"""`keys import`: an SSH key whose private half stays in its agent."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hdh_migrate.cli.command import Task, verb
from hdh_migrate.cli.parameters import Folder, ValidUntil
from hdh_migrate.errors import Exit
from hdh_migrate.results.keys import Imported


@verb(
    examples=(
        "keys import ~/.ssh/id_ed25519.pub --name dpo",
        "keys import dpo.pub --name dpo --valid-until 2027-12-31",
    ),
    exits=(Exit.REFUSED, Exit.STOPPED),
    result=Imported,
)
def import_(
    task: Task,
    path: Annotated[Path, typer.Argument(metavar="FILE", help="An OpenSSH public key.")],
    *,
    name: Annotated[str, typer.Option(metavar="NAME", help="It is written as NAME.pub.")],
    folder: Folder = Path("keys"),
    valid_until: ValidUntil = None,
) -> None:
    """Take over an SSH key (ssh-ed25519) whose private half stays in its owner's agent."""
    from hdh_migrate.evidence.signatures.signing import import_public, load_trusted_key

    made = import_public(path, folder, name, valid_until)
    result: Imported = {"made": str(made), "key_id": load_trusted_key(made).key_id}
    task.out.result(result, f"made {made}, {result['key_id']}; name it with --key to sign")
