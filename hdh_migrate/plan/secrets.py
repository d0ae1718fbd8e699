"""Fetches what a plan only refers to, and holds it so that it cannot be shown by accident."""

from __future__ import annotations

import hashlib
import hmac
import os
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NoReturn

from hdh_migrate.errors import KeyUnavailable
from hdh_migrate.folders import open_to_others
from hdh_migrate.plan.files import NotRegularError, read_bounded

MAX_SECRET_BYTES: Final = 64 << 10

_REDACTED = "***"
_PROCESS_KEY = os.urandom(32)
_FORM_HINT = "write env:NAME or file:PATH in the plan"


class Secret:
    """A secret text. It prints as `***`, cannot be pickled, and `reveal` is the only way in."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the secret itself; hand it to the one call that needs it and keep no copy."""
        return self._value

    def fingerprint(self) -> str:
        """Return 12 hexadecimal digits that tell secrets apart within this process only."""
        return hmac.new(_PROCESS_KEY, _raw(self._value), hashlib.sha256).hexdigest()[:12]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(_raw(self._value), _raw(other._value))

    __hash__ = None  # type: ignore[assignment]  # a table lookup is no constant-time comparison

    def __repr__(self) -> str:
        return _REDACTED

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return _REDACTED

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a secret is not written anywhere")


def resolve(ref: str, base: Path, environ: Mapping[str, str]) -> Secret:
    """Fetch the secret that a reference names; one newline at its end is dropped.

    Raises:
        KeyUnavailable: it is missing, empty, too large, no text, or readable by others.
    """
    kind, _, name = ref.partition(":")
    if kind == "env" and name:
        value = environ.get(name)
        if value is None:
            raise KeyUnavailable(
                f"the environment variable {name} is not set", hint=f"set {name} and run again"
            )
        return _checked(value, f"the environment variable {name}")
    path = ref_path(ref, base)
    return _checked(_file_text(path, name), f"the secret file {name}")


def ref_path(ref: str, base: Path) -> Path:
    """Return the path that a `file:` reference names; relative ones start at `base`.

    Raises:
        KeyUnavailable: it is not a `file:` reference.
    """
    kind, _, name = ref.partition(":")
    if kind != "file" or not name:
        # The text is not repeated: it may be the secret itself.
        raise KeyUnavailable("this is no reference to a file", hint=_FORM_HINT)
    return base / name


def _checked(value: str, where: str) -> Secret:
    text = value.removesuffix("\n").removesuffix("\r")
    if not text.strip():
        raise KeyUnavailable(f"{where} is empty", hint="put the secret there and run again")
    return Secret(text)


def _file_text(path: Path, shown: str) -> str:
    def check(handle: int) -> None:
        if open_to_others(handle):
            raise KeyUnavailable(
                f"the secret file {shown} is open to other users",
                hint=f"chmod 600 {shlex.quote(str(path))}",
            )

    try:
        data = read_bounded(path, MAX_SECRET_BYTES, check)
    except FileNotFoundError as error:
        raise KeyUnavailable(
            f"there is no secret file {shown}",
            hint=f"it is looked for at {path}: put it there with mode 0600, and try again",
        ) from error
    except NotRegularError as error:
        raise KeyUnavailable(f"{shown} is not a regular file") from error
    except OSError as error:
        raise KeyUnavailable(
            f"the secret file {shown} cannot be read",
            hint=f"it must be yours to read: look at {path} and the folders above it",
        ) from error
    if len(data) > MAX_SECRET_BYTES:
        raise KeyUnavailable(f"the secret file {shown} is larger than 64 KiB")
    text = _text(data)
    if text is None:
        raise KeyUnavailable(f"the secret file {shown} is not UTF-8 text")
    return text


def _text(data: bytes) -> str | None:
    """Decode; None instead of an error, because that error would carry the bytes along."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None


def _raw(value: str) -> bytes:
    return value.encode("utf-8", "surrogatepass")  # the environment may hold any bytes
