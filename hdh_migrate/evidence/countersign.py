"""Add a witness's signature to a bundle, on another machine and without the plan."""

from __future__ import annotations

import json
import os
from pathlib import Path

from hdh_migrate.errors import EvidenceDamaged, UsageError
from hdh_migrate.evidence.check import check_bundle, sums_text
from hdh_migrate.evidence.signing import Signer, Verifier, add_signature
from hdh_migrate.fixity import canonical_json, sha256_hex

STATEMENT = "statement.json"
SUMS = "SHA256SUMS"
PARTIAL_STATEMENT = f".{STATEMENT}.partial"
PARTIAL_SUMS = f".{SUMS}.partial"


def countersign(folder: Path, signer: Signer, trusted: list[Verifier]) -> int:
    """Check a bundle whole, then sign its statement too; return how many have signed it.

    The operator's key must be among `trusted`. After a crash in the middle, the same call
    finishes or undoes what it had begun.

    Raises:
        UsageError: there is no bundle.
        EvidenceDamaged: the bundle does not check, or this key has signed it already.
    """
    if not (folder / STATEMENT).is_file():
        raise UsageError(f"{folder}: there is no bundle here")
    _finish(folder)
    problems = check_bundle(folder, trusted)
    if problems:
        raise EvidenceDamaged(
            f"the bundle does not check, so it is not signed: {problems[0]}"
            + (f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""),
            hint='see everything with "hdh-migrate audit verify"',
        )
    envelope = add_signature(json.loads((folder / STATEMENT).read_bytes()), signer)
    statement = canonical_json(envelope) + b"\n"
    digests = {
        name: digest
        for digest, _, name in (
            line.partition("  ") for line in (folder / SUMS).read_text().splitlines()
        )
    }
    digests[STATEMENT] = sha256_hex(statement)
    _write(folder / PARTIAL_SUMS, sums_text(digests))
    _write(folder / PARTIAL_STATEMENT, statement)
    (folder / PARTIAL_STATEMENT).rename(folder / STATEMENT)
    _finish(folder)
    return len(envelope["signatures"])


def _finish(folder: Path) -> None:
    """Put the new sums in place if they are those of the statement that is there now."""
    (folder / PARTIAL_STATEMENT).unlink(missing_ok=True)
    sums = folder / PARTIAL_SUMS
    if not sums.exists():
        return
    digest = sha256_hex((folder / STATEMENT).read_bytes())
    if f"{digest}  {STATEMENT}" in sums.read_text().splitlines():
        sums.rename(folder / SUMS)
    else:
        sums.unlink()


def _write(partial: Path, data: bytes) -> None:
    handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
