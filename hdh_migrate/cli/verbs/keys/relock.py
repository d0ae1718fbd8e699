"""`keys relock`: another passphrase for a private key."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hdh_migrate.cli.command import Task, verb
from hdh_migrate.cli.keyfiles import head_of, passphrase_of
from hdh_migrate.errors import Exit
from hdh_migrate.results.keys import Relocked


@verb(
    examples=(
        "keys relock keys/report.key --passphrase-from file:old",
        "keys relock keys/steward.sec --new-passphrase-from env:STEWARD",
    ),
    exits=(Exit.REFUSED, Exit.STOPPED),
    result=Relocked,
)
def relock(
    task: Task,
    path: Annotated[Path, typer.Argument(metavar="FILE", help="A private key file.")],
    *,
    passphrase_from: Annotated[
        str | None, typer.Option(metavar="REF", help="The passphrase that it has, if any.")
    ] = None,
    new_passphrase_from: Annotated[
        str | None, typer.Option(metavar="REF", help="The new one; default: it is asked for.")
    ] = None,
) -> None:
    """Give a private key another passphrase, locked as strongly as new keys are."""
    from hdh_migrate.passphrases import demand_strong

    head = head_of(path)  # before anybody is asked to type
    old = passphrase_of(asked=False, reference=passphrase_from)
    new = passphrase_of(asked=True, reference=new_passphrase_from)
    assert new is not None
    demand_strong(new)
    _lock(path, head, old, new)
    result: Relocked = {"relocked": str(path)}
    task.out.result(result, f"locked anew: {path}")


def _lock(path: Path, head: bytes, old: str | None, new: str) -> None:
    """Lock a private key's file anew, whichever kind of key it holds.

    Raises:
        KeyUnavailable: it is none, cannot be opened, or not be replaced; it is as it was.
    """
    from hdh_migrate.evidence.signatures import signing
    from hdh_migrate.sealing import keys

    if b"CRYPT4GH" in head:
        keys.relock(path, old, new)
    elif b"HDH HYBRID" in head:
        from hdh_migrate.sealing.hybrid import relock_hybrid

        relock_hybrid(path, old, new)
    else:
        signing.relock(path, old.encode() if old else None, new.encode())
