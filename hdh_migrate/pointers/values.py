"""What every kind of pointer asks of a value, and the comparison that decides a swap."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from hdh_migrate.errors import MigrateError, Permanent, PointerMoved, of_access
from hdh_migrate.model import Problem
from hdh_migrate.plan import leaks
from hdh_migrate.plan.pointers import MAX_VALUE

MAX_BYTES: Final = 1 << 20
"""Of the file, object or output that holds a value."""


def one_line(data: bytes, where: str) -> tuple[str, str]:
    """Return the one line that bytes are, and the line end that they close with.

    Raises:
        Permanent: they are something else.
    """
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = "\0"  # what it is instead is not shown
    value = text.removesuffix("\n").removesuffix("\r")
    if not value or len(value) > MAX_VALUE or value != value.strip() or not value.isprintable():
        raise Permanent(
            f"{where}: holds no pointer: one line of 1 to 4,096 printable characters",
            hint="nothing was changed; name the right place, or the key of one value in it",
        )
    return value, text[len(value) :]


def to_do(now: str, *, expected: str, new: str) -> bool:
    """Return whether a pointer that is `now` is still to be set to `new`.

    Raises:
        PointerMoved: it is neither `expected` nor `new`.
    """
    if now in {new, expected}:
        return now != new
    raise PointerMoved(
        f"the pointer is {leaks.redacted(now)}, neither {leaks.redacted(expected)}"
        f" nor {leaks.redacted(new)}; it is left as it is"
    )


def problems_of(read: Callable[[], str], where: str) -> list[Problem]:
    """Return why a value cannot be read, or not be recorded; `read` reads it and changes nothing.

    What `read` raises besides our own errors goes on.
    """
    try:
        value = read()
    except MigrateError as error:
        denied = of_access(error)
        what = str(error).removeprefix(f"{where}: ")  # a problem says itself where it is
        kept = error.journalled and f"{where}: {error.journalled}"
        return [Problem(where=where, what=what, hint=error.hint, auth=denied, journalled=kept)]
    return credential_in(value, where)


def credential_in(value: str, where: str) -> list[Problem]:
    """Return a problem if a value looks like it carries a secret: it could not be recorded."""
    if not leaks.found_in(value):
        return []
    hint = "what was there before a switch is recorded; keep the credential somewhere else"
    return [Problem(where=where, what="the value carries what looks like a secret", hint=hint)]
