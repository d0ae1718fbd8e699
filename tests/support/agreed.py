"""A bundle that ours takes is held before the second verifier, too."""

from __future__ import annotations

from pathlib import Path

from hdh_migrate.evidence.signatures.signing import load_trusted_key
from tests.support import second_verifier


def agreed(folder: Path | str, *keys: Path | str) -> None:
    """Hold that the second verifier takes a bundle, which these public keys have signed."""
    known = [load_trusted_key(Path(key)) for key in keys]
    trusted = {key.fingerprint: (key.public, key.until) for key in known}
    assert second_verifier.verify(Path(folder), trusted, 1) == []
