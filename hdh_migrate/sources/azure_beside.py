"""What a container has besides the current blobs that are moved, and what of it may be seen.

What an account does not know it does not have. What the credential may not see is said, never
taken for nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field

from hdh_migrate.codes import Code
from hdh_migrate.errors import AccessDenied, Transient
from hdh_migrate.frozen import frozen_row
from hdh_migrate.model import Place, Trace
from hdh_migrate.ports.stores import Note
from hdh_migrate.sources.azure_account import AzureAccount, from_reply
from hdh_migrate.sources.azure_forms import LOOKS, accepted, deleted_paths
from hdh_migrate.sources.azure_recount import UNCOMMITTED
from hdh_migrate.telemetry import counted

_WORDS = {
    "copy": "where blobs were copied from",
    "immutabilitypolicy": "immutability policies",
    "legalhold": "legal holds",
    "permissions": "owners, permissions and access control lists",
}
"""What listings may be asked for besides metadata and tags ("List Blobs" REST reference)."""

_FORMS = {
    Trace.SNAPSHOT: "snapshot",
    Trace.VERSION: "earlier version",
    Trace.SOFT_DELETED: "soft-deleted blob",
    Trace.UNCOMMITTED: "uncommitted blob",
}

_CONTAINER = {
    "x-ms-blob-public-access": "public access",
    "x-ms-has-immutability-policy": "immutability policies",
    "x-ms-immutable-storage-with-versioning-enabled": "immutability of versions",
    "x-ms-has-legal-hold": "legal holds",
    "x-ms-default-encryption-scope": "a default encryption scope",
    "x-ms-deny-encryption-scope-override": "a fixed encryption scope",
}
"""What a container itself may have ("Get Container Properties" REST reference)."""

_NONE = frozenset(("", "false", "$account-encryption-key"))
"""What is said where there is nothing."""

_UNASKED = (
    "the credential does not let read what the container itself has (metadata, access, policies,"
    " holds); nothing of that is moved"
)


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
    """Return the words for the other forms that an account knows; what is not seen joins.

    What is known word by word and not together is not asked for: better current blobs alone than
    no listing.
    """
    found = list[str]()
    for word, trace in (*LOOKS, (UNCOMMITTED, Trace.UNCOMMITTED)):
        may = _may(account, place, word)
        if may:
            found.append(word)
        elif may is None and _may(account, place, ""):
            unread.add(f"{_FORMS[trace]}s")
    if found[1:] and not _may(account, place, ",".join(("metadata", *found))):
        unread.update(f"{form}s" for form in _FORMS.values())
        return ()
    return tuple(found)


def with_deleted_paths(
    account: AzureAccount,
    place: Place,
    found: Mapping[Trace, tuple[int, int]],
    unread: set[str],
) -> Mapping[Trace, tuple[int, int]]:
    """Add what is deleted where the namespace is hierarchical, if no other listing has it."""
    try:
        paths = deleted_paths(account, place)
    except AccessDenied:
        unread.add(f"{_FORMS[Trace.SOFT_DELETED]}s")
        return found
    objects = size = 0
    for one in paths or ():
        objects, size = objects + 1, size + one.size
    were = found.get(Trace.SOFT_DELETED, (0, 0))
    return {**found, Trace.SOFT_DELETED: max(were, (objects, size))}


def history(found: Mapping[Trace, tuple[int, int]], moved: MovedForms) -> Iterator[Note]:
    """Tell how much there is in other forms than the current one, without what is `moved`."""
    left = {
        trace: (objects - moved.of(trace)[0], size - moved.of(trace)[1])
        for trace, (objects, size) in found.items()
    }
    notes = [
        counted(objects, _FORMS[trace]) + (f" ({size} bytes)" if size > 0 else "")
        for trace, (objects, size) in left.items()
        if objects > 0 and trace in _FORMS
    ]
    if notes:
        yield Note(Code.HISTORY_LEFT, f"not moved: {', '.join(notes)}")


def container_left(account: AzureAccount, place: Place) -> Iterator[Note]:
    """Say what the container itself has, which no dataset's objects carry.

    A signature for one container alone may not ask, which the service refuses in several ways.

    Raises:
        Transient: it did not answer.
    """
    reply = account.container(place)
    if reply.status != 200:
        error = from_reply(reply, "the source's container")
        if isinstance(error, Transient):
            raise error
        yield Note(Code.CONTAINER_LEFT, _UNASKED)
        return
    told = [word for name, word in _CONTAINER.items() if reply.headers.get(name, "") not in _NONE]
    if names := sum(name.startswith("x-ms-meta-") for name in reply.headers):
        told.insert(0, counted(names, "name of metadata", "names of metadata"))
    if told:
        yield Note(Code.CONTAINER_LEFT, f"of the container itself, not moved: {', '.join(told)}")
