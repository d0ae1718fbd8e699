"""Check a bundle, with the very files that an auditor runs alone (verify.py and its companions)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from hdh_migrate.errors import EvidenceDamaged
from hdh_migrate.evidence.archives import unpacked
from hdh_migrate.evidence.signatures.signing import TrustedKey
from hdh_migrate.evidence.verifier import verify
from hdh_migrate.evidence.verifier.notes import SignedNote
from hdh_migrate.evidence.verifier.outcome import Outcome
from hdh_migrate.evidence.verifier.sample import SampleCheck
from hdh_migrate.evidence.verifier.signatures import Key
from hdh_migrate.evidence.verifier.verify import Stamped, sums_text

__all__ = ["check_bundle", "examine", "sums_text"]


def examine(
    bundle: Path,
    verifiers: Sequence[TrustedKey],
    threshold: int = 1,
    *,
    stamped: Stamped | None = None,
    sample: SampleCheck | None = None,
    notes: Sequence[SignedNote] = (),
    also: Callable[[Path, Outcome], None] | None = None,
) -> Outcome:
    """Check a bundle, a folder or an archive, and say what holds, what does not, and what is open.

    `threshold` is how many different keys of `verifiers` must have signed. A draft is reported
    as such: it is not evidence. Reads every file twice, in bounded memory. Whether the statement
    says "complete" is not judged here, only whether it may say so. `notes` are checkpoints that
    the journal must go on from. `also` asks more of the folder of a bundle that checks, and tells
    the outcome.

    Raises:
        UsageError: there is no such bundle.
    """
    keys = [Key(key.fingerprint, key.public, key.until) for key in verifiers]
    try:
        with unpacked(bundle) as folder:
            outcome = verify.check(folder, keys, threshold, stamped, notes)
            if also is not None and not outcome.problems:
                also(folder, outcome)
            if sample is not None and not outcome.problems:
                sample.draw(folder, outcome)
            return outcome
    except EvidenceDamaged as error:
        outcome = Outcome()
        outcome.problems.append(str(error))
        return outcome


def check_bundle(folder: Path, verifiers: Sequence[TrustedKey], threshold: int = 1) -> list[str]:
    """Return everything that is wrong with a bundle; nothing means that all of it checks."""
    return examine(folder, verifiers, threshold).problems
