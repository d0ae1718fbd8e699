"""What a container has besides the current blobs that are moved, and what of it may be seen.

What an account does not know it does not have. What the credential may not see is said, never
taken for nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field

from hdh_migrate.codes import Code
from hdh_migrate.errors import AccessDenied
from hdh_migrate.frozen import frozen_row
from hdh_migrate.model import Place, Trace
from hdh_migrate.ports.stores import Note
from hdh_migrate.sources.azure_account import AzureAccount
from hdh_migrate.sources.azure_forms import LOOKS, accepted
from hdh_migrate.sources.azure_recount import UNCOMMITTED

_WORDS = {
    "copy": "where blobs were copied from",
    "immutabilitypolicy": "immutability policies",
    "legalhold": "legal holds",
    "permissions": "owners, permissions and access control lists",
}
"""What listings may be asked for besides metadata and tags ("List Blobs" REST reference)."""

_FORMS = {
    Trace.SNAPSHOT: "snapshots",
    Trace.VERSION: "earlier versions",
    Trace.SOFT_DELETED: "soft-deleted blobs",
    Trace.UNCOMMITTED: "uncommitted blobs",
}


@frozen_row
class Beside:
    """What listings of one container are asked for, and what of it the credential may not see."""

    words: str = ""
    """As they follow other words in `include`."""
    unread: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, account: AzureAccount, place: Place) -> Beside:
        """Ask an account what it can be asked for: once, where it knows everything."""
        found, unread = list[str](), set[str]()
        if _may(account, place, ",".join(_WORDS)):
            found.extend(_WORDS)
        else:
            for word, flag in _WORDS.items():
                may = _may(account, place, word)
                if may:
                    found.append(word)
                elif may is None and _may(account, place, ""):
                    unread.add(flag)
        return cls("".join(f",{word}" for word in found), unread)


def _may(account: AzureAccount, place: Place, word: str) -> bool | None:
    """Say whether an account can be asked for this; None: the credential may not."""
    try:
        return accepted(account, place, word)
    except AccessDenied:
        return None


class MovedForms:
    """How many objects and bytes are moved of each form other than current blobs."""

    def __init__(self) -> None:
        self._sums: dict[Trace, tuple[int, int]] = {}

    def add(self, trace: Trace, size: int) -> None:
        """Take one object."""
        objects, bytes_ = self.of(trace)
        self._sums[trace] = objects + 1, bytes_ + size

    def of(self, trace: Trace) -> tuple[int, int]:
        """Return objects and bytes."""
        return self._sums.get(trace, (0, 0))


def asked(account: AzureAccount, place: Place, unread: set[str]) -> tuple[str, ...]:
    """Return the words for the other forms that an account knows; what is not seen joins."""
    found = list[str]()
    for word, trace in (*LOOKS, (UNCOMMITTED, Trace.UNCOMMITTED)):
        may = _may(account, place, word)
        if may:
            found.append(word)
        elif may is None and _may(account, place, ""):
            unread.add(_FORMS[trace])
    return tuple(found)


def history(found: Mapping[Trace, tuple[int, int]], moved: MovedForms) -> Iterator[Note]:
    """Tell how much there is in other forms than the current one, without what is `moved`."""
    left = {
        trace: (objects - moved.of(trace)[0], size - moved.of(trace)[1])
        for trace, (objects, size) in found.items()
    }
    notes = [
        f"{objects} {_FORMS[trace]}" + (f" ({size} bytes)" if size > 0 else "")
        for trace, (objects, size) in left.items()
        if objects > 0 and trace in _FORMS
    ]
    if notes:
        yield Note(Code.HISTORY_LEFT, f"not moved: {', '.join(notes)}")
