"""`init`: a folder to begin in."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from hdh_migrate.cli.command import Task, verb
from hdh_migrate.errors import Exit, MigrateError, UsageError
from hdh_migrate.results.plans import Made

IGNORED = """\
# Private keys, ledgers, evidence (it names objects) and fetched files (they are the data) never
# belong in version control. So nothing does but what is named here; name what else is yours.
/*
!/.gitignore
!/plan*.yaml
!/*.md
!/attestations/
!/profiles/
!/waivers/
!/bin/
!/keys/
/keys/*
!/keys/*.pub
"""
"""For a folder of its own: whatever a report or a fetched file is called, it is ignored."""

ALSO_IGNORED = """\
# hdh-migrate: private keys, credentials, ledgers, evidence and fetched files never belong in
# version control; fetch into fetched/, report into evidence.../, or name where else they go
keys/*.sec
keys/*.key
secrets/
.env
.hdh-migrate/
fetched/
evidence*/
evidence*.zip
evidence*.tar*
*.checkpoint
*.c4gh
"""
"""For a folder where version control has rules already."""


@verb(
    examples=(
        "init emc2",
        "init emc2 --json",
    ),
    exits=(Exit.UNEXPECTED, Exit.REFUSED, Exit.STOPPED),
    result=Made,
)
def init(
    task: Task,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where to begin.")] = Path(),
) -> None:
    """Make a commented plan, keys and a .gitignore to start from."""
    from hdh_migrate.evidence.signatures.signing import new_report_key
    from hdh_migrate.folders import (
        FULL,
        demand_no_evidence,
        demand_unshared,
        no_room,
        write_whole,
    )
    from hdh_migrate.plan.template import render
    from hdh_migrate.sealing.keys import new_pair

    plan = folder / "plan.yaml"
    demand_no_evidence(folder)
    for place in (folder / "keys", folder / ".gitignore"):
        demand_unshared(place)
    if os.path.lexists(plan):
        raise UsageError(f"{plan} exists", hint="nothing was changed; give another folder")
    keys = list[Path]()
    try:
        (folder / "keys").mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in ("steward", "escrow"):
            keys += new_pair(folder / "keys", name, passphrase=None)
        keys += new_report_key(folder / "keys", "report", None)
        ignore = folder / ".gitignore"
        before = ignore.read_bytes() if ignore.is_file() else b""
        if before and not before.endswith(b"\n"):
            before += b"\n"
        rules = ALSO_IGNORED if before else IGNORED
        write_whole(ignore, before + rules.encode(), mode=0o644, replace=True)
        write_whole(plan, render().encode(), mode=0o644)
    except BaseException as error:
        if not os.path.lexists(plan):  # the next try makes its own, and nothing is sealed for these
            for one in keys:
                one.unlink(missing_ok=True)
        if not isinstance(error, OSError):
            raise
        if error.errno in FULL:
            raise no_room(folder) from error
        raise MigrateError(
            f"{folder}: {error.strerror}", hint="choose a folder of yours"
        ) from error
    made = [plan, folder / ".gitignore", *keys]
    result: Made = {"made": [str(path) for path in made]}
    task.out.result(
        result,
        "\n".join(f"made {path}" for path in made)
        + f"\n\nnext: edit {plan}, then hdh-migrate validate {plan}"
        "\nthe private keys have no passphrase: move keys/escrow.sec offline, and protect"
        f"\nthe steward's with hdh-migrate keys relock {folder / 'keys' / 'steward.sec'}",
    )
