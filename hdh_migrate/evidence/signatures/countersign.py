"""Add a witness's signature to a bundle, on another machine and without the plan."""

from __future__ import annotations

import json
from pathlib import Path

from hdh_migrate.errors import EvidenceDamaged
from hdh_migrate.evidence.amend import STATEMENT, amend, held, read_small
from hdh_migrate.evidence.check import examine
from hdh_migrate.evidence.signatures.dsse import STATEMENT_TYPE, claims_of
from hdh_migrate.evidence.signatures.envelopes import add_signature
from hdh_migrate.evidence.signatures.signing import Signer, TrustedKey
from hdh_migrate.fixity import canonical_json


def countersign(folder: Path, signer: Signer, trusted: list[TrustedKey]) -> int:
    """Check a bundle whole, then sign its statement too; return how many have signed it.

    The operator's key must be among `trusted`. After a crash in the middle, the same call
    finishes or undoes what it had begun.

    Raises:
        UsageError: there is no bundle, or it may not be changed.
        EvidenceDamaged: the bundle does not check, or this key has signed it already.
    """
    with held(folder):
        outcome = examine(folder, trusted)
        problems = outcome.problems
        if problems:
            raise EvidenceDamaged(
                f"the bundle does not check, so it is not signed: {problems[0]}"
                + (f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""),
                hint='see everything with "hdh-migrate audit verify BUNDLE --trust KEY"',
            )
        envelope = json.loads(read_small(folder / STATEMENT))
        if claims_of(envelope, STATEMENT_TYPE)[0] != canonical_json(outcome.statement):
            raise EvidenceDamaged(
                "the statement was changed while the bundle was checked, so it is not signed",
                hint="take a copy that nobody else can write to, and sign that",
            )
        envelope = add_signature(envelope, signer)
        amend(folder, STATEMENT, canonical_json(envelope) + b"\n")
    return len(envelope["signatures"])
