"""Key files that a command line names, and their passphrases."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import typer

from hdh_migrate.errors import KeyUnavailable, UsageError
from hdh_migrate.telemetry import counted

if TYPE_CHECKING:
    from hdh_migrate.evidence.signatures.signing import TrustedKey

T = TypeVar("T")

_HEAD_BYTES = 64


def load_each(load: Callable[[Path], T], paths: Sequence[Path]) -> list[T]:
    """Load what is trusted.

    Raises:
        UsageError: a file cannot be read or is none; wrong usage, as in verify.py.
    """
    try:
        return [load(path) for path in paths]
    except KeyUnavailable as error:
        raise UsageError(str(error), hint=error.hint) from None


def trusted_keys(paths: Sequence[Path], threshold: int) -> list[TrustedKey]:
    """Load the public keys that are trusted, of which so many must have signed.

    Raises:
        UsageError: a file is no key, or there are fewer different keys than must have signed.
    """
    from hdh_migrate.evidence.signatures.signing import load_trusted_key

    keys = load_each(load_trusted_key, paths)
    different = len({key.fingerprint for key in keys})
    if threshold > max(different, 1):
        trusted = counted(different, "is trusted", "are trusted")
        raise UsageError(f"{counted(threshold, 'key')} must have signed, but {trusted}")
    return keys


def passphrase_of(*, asked: bool, reference: str | None) -> str | None:
    """Return a passphrase from a reference, or ask for it, or None.

    Raises:
        UsageError: nobody typed one.
    """
    if reference is not None:
        import os

        from hdh_migrate.plan.secrets import resolve

        return resolve(reference, Path.cwd(), os.environ).reveal()
    if not asked:
        return None
    try:
        return str(typer.prompt("passphrase", hide_input=True, confirmation_prompt=True, err=True))
    except typer.Abort:
        raise UsageError(
            "nobody typed a passphrase, so nothing was written",
            hint="type it twice, or say where it stands: env:NAME or file:PATH (see --help)",
        ) from None


def head_of(path: Path) -> bytes:
    """Return the first bytes of a key file, which tell its kind.

    Raises:
        KeyUnavailable: it cannot be read.
    """
    from hdh_migrate.plan.files import KeyFileUnreadable, read_bounded

    try:
        return read_bounded(path, _HEAD_BYTES)
    except OSError as error:
        raise KeyFileUnreadable(path, error) from error
