"""What a reader says to open a grant: where things are, never a secret itself."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from hdh_migrate.errors import KeyUnavailable
from hdh_migrate.frozen import frozen
from hdh_migrate.plan.secrets import resolve
from hdh_migrate.sealing.keys import PrivateKey

CREDENTIAL_ID: Final = "env:HDH_READER_ID"
CREDENTIAL_SECRET: Final = "env:HDH_READER_SECRET"  # noqa: S105 - where the secret stands
"""Where the reader's credential of the host stands, unless it says otherwise."""

CACHE_BYTES: Final = 64 << 20
"""Opened segments that a grant's files keep together, in bytes."""

PATIENCE_SECONDS: Final = 60.0
"""How long a request is tried again while the host does not answer, or not rightly."""


@frozen
class ReaderSettings:
    """How a grant is opened; references are `env:NAME` or `file:PATH`, paths relative to here."""

    grant: Path
    """The grant's folder."""
    identity: Path
    """The reader's private key."""
    passphrase_from: str | None = None
    credential_id: str = CREDENTIAL_ID
    credential_secret: str = CREDENTIAL_SECRET
    session_token: str | None = None
    trust: tuple[Path, ...] = ()
    """Public keys, one of which must have signed the grant; none: nobody's signature is asked."""
    ca_file: Path | None = None
    """Certification authorities for the host, instead of the system's."""
    cache_bytes: int = CACHE_BYTES
    patience: float = PATIENCE_SECONDS

    def key(self) -> PrivateKey:
        """Read the reader's private key.

        Raises:
            KeyUnavailable: it cannot be read or unlocked.
        """
        reference = self.passphrase_from
        phrase = None if reference is None else resolve(reference, Path.cwd(), os.environ).reveal()
        try:
            return PrivateKey.load(self.identity, phrase)
        except KeyUnavailable as error:
            if error.hint is not None and "plan" in error.hint:
                error.hint = (
                    "check the path, and where the passphrase stands: env:NAME or file:PATH"
                )
            raise
