"""Where a plan's references become secrets, for the one call that needs each."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hdh_migrate.plan.secrets import Secret, ref_path, resolve


@dataclass(slots=True)
class Vault:
    """Resolves a plan's references and remembers what it gave out, to notice a renewal."""

    base: Path
    environ: Mapping[str, str]
    given: dict[str, Secret]

    @classmethod
    def open(cls, base: Path, environ: Mapping[str, str] | None = None) -> Vault:
        """Return a vault over this process's environment."""
        return cls(base, os.environ if environ is None else environ, {})

    def reveal(self, ref: str) -> str:
        """Return the secret behind a reference, for the one call that needs it.

        Raises:
            KeyUnavailable: it cannot be read.
        """
        secret = resolve(ref, self.base, self.environ)
        self.given[ref] = secret
        return secret.reveal()

    def renewed(self) -> bool:
        """Say whether any reference gives another secret than it gave."""
        return any(
            resolve(ref, self.base, self.environ) != secret for ref, secret in self.given.items()
        )


def identity_path(ref: str, vault: Vault) -> Path:
    """Return the path of a key file that a plan refers to with `file:`."""
    return ref_path(ref, vault.base)
