"""A bundle that ours takes is held before the second verifier, too."""

from __future__ import annotations

from pathlib import Path

from hdh_migrate.evidence.check import examine
from hdh_migrate.evidence.signatures.signing import load_trusted_key
from hdh_migrate.evidence.verifier.outcome import APPROVED, WAIVED
from tests.support import second_verifier


def agreed(
    folder: Path | str, *keys: Path | str, signed: int | None = None, waived: int | None = None
) -> None:
    """Hold that the second verifier takes a bundle, which these public keys have signed.

    `signed`, `waived`: so many approvals, or waivers, stand in it as they were signed, and none by
    the journal's word.
    """
    known = [load_trusted_key(Path(key)) for key in keys]
    trusted = {key.fingerprint: (key.public, key.until) for key in known}
    assert second_verifier.verify(Path(folder), trusted, 1) == []
    if signed is not None:
        outcome = examine(Path(folder), known)
        assert APPROVED.format(signed) in outcome.checked
        assert not any("the journal names their keys" in line for line in outcome.open)
    if waived is not None:
        outcome = examine(Path(folder), known)
        assert WAIVED.format(waived) in outcome.checked
        assert not any("what is waived" in line for line in outcome.open)
