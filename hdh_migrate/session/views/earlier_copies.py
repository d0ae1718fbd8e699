"""Copies that this machine knows of and that hold what was erased, or opened as before, since."""

from __future__ import annotations

from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.ledger.copies import copies
from hdh_migrate.pipeline.own_files.folder_packs import named_before
from hdh_migrate.session.desk import Desk
from hdh_migrate.telemetry import counted


def earlier_copies(desk: Desk, ledger: SqliteLedger) -> list[str]:
    """Say which copies of the ledger, and of header packs, are known to lie somewhere, in lines.

    Who deletes what a copy was made of sees these by their places: nobody looks for them.
    """
    plan, base, lines = desk.loaded.plan, desk.loaded.base, list[str]()
    if plan.backup is not None:
        found = copies(base / plan.backup.folder, plan.migration)
        if found:
            many = counted(len(found), "copy of the ledger", "copies of the ledger")
            lines.append(f"made before, and still there: {many} in {base / plan.backup.folder}")
    here = None if plan.seal.second_copy is None else plan.seal.second_copy.path
    lines += [
        f"made before, and maybe still there: second copies of header packs in {base / path}, which"
        " the plan named then"
        for path in named_before(ledger)
        if path != here and (base / path / plan.migration).exists()
    ]
    return lines
