"""Check a bundle, with the very file that an auditor runs alone (`verify.py`)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hdh_migrate.evidence import verify
from hdh_migrate.evidence.signing import Verifier
from hdh_migrate.evidence.verify import sums_text

__all__ = ["check_bundle", "sums_text"]


def check_bundle(folder: Path, verifiers: Sequence[Verifier], threshold: int = 1) -> list[str]:
    """Return everything that is wrong with a bundle; nothing means that all of it checks.

    `threshold` is how many different keys of `verifiers` must have signed. A draft is reported
    as such: it is not evidence. Reads every file twice, in bounded memory. Whether the statement
    says "complete" is not judged here, only whether it may say so.
    """
    return verify.check(folder, {key.fingerprint: key.public for key in verifiers}, threshold)
