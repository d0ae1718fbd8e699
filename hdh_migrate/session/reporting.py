"""From the ledger to a bundle of evidence. The ledger is checked before a line is written."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from hdh_migrate.errors import LedgerDamaged
from hdh_migrate.evidence.bundle import write_bundle
from hdh_migrate.evidence.signing import Signer
from hdh_migrate.session import keyring
from hdh_migrate.session.changing import demand_borne
from hdh_migrate.session.facts import facts_of
from hdh_migrate.session.names import FORMS, Streams
from hdh_migrate.session.records import batch_root, exclusions, findings, records
from hdh_migrate.session.run import Desk
from hdh_migrate.wiring import Vault

__all__ = ["batch_root", "write_report"]

STATEMENTS = "statements.jsonl"


def write_report(desk: Desk, out: Path | None, *, names: str = "plain") -> dict[str, Any]:
    """Write a bundle of everything the ledger knows and return what it came to, as JSON.

    `names` is a form of `names.FORMS`: "plain", or "keyed" for a bundle that outsiders may read.

    Raises:
        KeyUnavailable: the secret of keyed names cannot be used.
        LedgerDamaged: the ledger does not check; no bundle is made from it.
        UsageError: `out` is in use.
    """
    ledger = desk.read_ledger()
    try:
        demand_borne(ledger, desk.loaded)
        ledger.check()
        ledger.check_receipts()
        folder = out or _default_folder(desk)
        form = FORMS[names]
        streams = form.streams(
            desk,
            Streams(
                records=records(desk, ledger),
                exclusions=exclusions(desk, ledger),
                findings=findings(ledger),
                journal=ledger.journal(),
            ),
        )
        with _chain(desk) as remember:
            bundle = write_bundle(
                folder,
                records=streams.records,
                facts=replace(facts_of(desk, ledger, _previous(desk)), names=names),
                findings=streams.findings,
                exclusions=streams.exclusions,
                journal=streams.journal,
                signer=signer_of(desk),
                languages=desk.loaded.plan.report.languages,
            )
            if form.chained:
                remember(bundle.statement_sha256)
    finally:
        ledger.close()
    return {
        "folder": str(bundle.folder),
        "objects": bundle.count,
        "root": bundle.root,
        "manifest_sha256": bundle.manifest_sha256,
        "statement_sha256": bundle.statement_sha256,
        "complete": bundle.complete,
        "proven": bundle.proven,
        "signed": bundle.signed,
    }


def _default_folder(desk: Desk) -> Path:
    stamp = desk.clock.now().replace("-", "").replace(":", "").replace(".", "")
    return desk.ledger_path.parent / "reports" / stamp


def signer_of(desk: Desk) -> Signer | None:
    """Return the plan's signer, None when it names none.

    Raises:
        KeyUnavailable: the key or its passphrase cannot be read.
    """
    return keyring.signer_of(desk.loaded.plan, Vault.open(desk.loaded.base))


def _previous(desk: Desk) -> str | None:
    path = desk.ledger_path.with_name(STATEMENTS)
    if not path.exists():
        return None
    lines = path.read_text().splitlines()
    try:
        return str(json.loads(lines[-1])["statement_sha256"]) if lines else None
    except (ValueError, KeyError, TypeError) as error:
        raise LedgerDamaged(f"{path}: its last line is not a statement's digest") from error


@contextmanager
def _chain(desk: Desk) -> Iterator[Callable[[str], None]]:
    """Give what appends a statement's digest, so that the next bundle names it.

    The file is opened before the bundle is written: where it cannot be, there is no bundle that
    the chain does not know.
    """
    handle = os.open(
        desk.ledger_path.with_name(STATEMENTS), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600
    )
    with os.fdopen(handle, "w") as file:

        def remember(statement: str) -> None:
            line = {"at": desk.clock.now(), "statement_sha256": statement}
            file.write(json.dumps(line) + "\n")
            file.flush()
            os.fsync(file.fileno())

        yield remember
