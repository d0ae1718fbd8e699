"""Resolves a plan's references to secrets, for the one call that needs each."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from hdh_migrate.errors import KeyUnavailable
from hdh_migrate.frozen import mutable_row
from hdh_migrate.plan.secrets import Secret, ref_path, resolve


@mutable_row
class Vault:
    """Resolves a plan's references and remembers what it gave out, to notice a renewal.

    One that was `handed` secrets gives these and looks nowhere else.
    """

    base: Path
    environ: Mapping[str, str]
    given: dict[str, Secret]
    handed: Mapping[str, Secret] | None = None

    @classmethod
    def open(cls, base: Path, environ: Mapping[str, str] | None = None) -> Vault:
        """Return a vault over this process's environment."""
        return cls(base, os.environ if environ is None else environ, {})

    @classmethod
    def of(cls, base: Path, secrets: Mapping[str, str]) -> Vault:
        """Return a vault that holds just these secrets, by reference."""
        return cls(base, {}, {}, {ref: Secret(value) for ref, value in secrets.items()})

    def reveal(self, ref: str) -> str:
        """Return the secret behind a reference, for the one call that needs it.

        Raises:
            KeyUnavailable: it cannot be read.
        """
        secret = self._found(ref)
        self.given[ref] = secret
        return secret.reveal()

    def renewed(self) -> bool:
        """Return whether any reference gives another secret than it gave."""
        return any(self._found(ref) != secret for ref, secret in self.given.items())

    def _found(self, ref: str) -> Secret:
        if self.handed is None:
            return resolve(ref, self.base, self.environ)
        if ref not in self.handed:
            raise KeyUnavailable("this process was not given the secret that it asks for")
        return self.handed[ref]


def identity_path(ref: str, vault: Vault) -> Path:
    """Return the path of a key file that a plan refers to with `file:`."""
    return ref_path(ref, vault.base)
