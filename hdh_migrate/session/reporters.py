"""The key that signs a plan's reports: the operator's own, which neither approves nor waives."""

from __future__ import annotations

from pathlib import Path

from hdh_migrate.evidence.signing import Verifier, public_half
from hdh_migrate.plan.model import Plan
from hdh_migrate.wiring import Vault, identity_path


def report_key(plan: Plan, base: Path) -> Verifier | None:
    """Return the public half of `report.signer`, None when the plan names none.

    Raises:
        KeyUnavailable: the key or its passphrase cannot be read.
    """
    if plan.report.signer is None:
        return None
    vault, phrase = Vault.open(base), plan.report.signer_passphrase
    return public_half(
        identity_path(plan.report.signer, vault),
        lambda: vault.reveal(phrase).encode() if phrase is not None else None,
    )
