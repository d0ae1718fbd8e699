"""Ports of cutover and decommission: pointers, freeze trials, deletion, rehydration."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, Protocol

from hdh_migrate.model import (
    Archived,
    Asked,
    Erased,
    Place,
    Problem,
    Refusal,
    Remnant,
    Trace,
)


class Pointer(Protocol):
    """The one value that consumers follow to find the data; changed by compare-and-set only.

    Values are one line of text. Show them through `plan.leaks.redacted` only.
    """

    kind: str
    guard: Literal["conditional", "checked"]
    """How the compare-and-set is kept: by a condition that the store itself checks, or by reading
    just before writing, which leaves a moment for somebody else. A store that ignores conditions
    is found out by `swap`, so ask again afterwards."""

    def check(self) -> Sequence[Problem]:
        """Return what is missing to read and to switch it, as far as looking can tell."""

    def read(self) -> str:
        """Return the value as it is now.

        Raises:
            Missing: there is no such pointer.
            AccessDenied: it may not be read.
            Transient: no answer.
        """

    def swap(self, *, expected: str, new: str) -> None:
        """Set `new` if the value is `expected`; if it is `new` already, nothing happens.

        Safe to call again after a lost reply or a kill: readers find one value or the other.

        Raises:
            PointerMoved: the value is neither; it was left as it is.
            Transient: no answer; the value may be either one.
            CommandFailed: a program that carries it ended badly; the value may be either one.
        """


class FreezeProbe(Protocol):
    """Checks, with a writer's own credential, that writers are shut out of the source.

    Besides decommission nothing else may write to a source. `name` is a key of the caller's: the
    place's prefix, `model.FREEZE_TRIAL` and something unique, recorded before the call.
    """

    def probe(self, place: Place, name: str) -> Refusal:
        """Try to create an empty object; if that succeeds it is removed at once.

        Raises:
            Transient: no answer; the object may be there: call `clear`, then try another name.
        """

    def clear(self, place: Place, name: str) -> bool:
        """Remove what a probe of this name left, after a kill or a lost reply.

        Returns False when the credential may not; then ask the source whether something is left.
        """


class Eraser(Protocol):
    """Deletes at a source, for decommission alone, with a credential of its own."""

    def erase(self, place: Place, key: str, version: str) -> Erased:
        """Delete one object if it is still this version; never anything else.

        Raises:
            AccessDenied, AuthFailed: the credential may not.
            Transient: no answer; it may be deleted.
        """

    def remnants(self, place: Place) -> Iterator[Remnant]:
        """List everything that is still there in any form, as far as the service shows it.

        Raises:
            ListingBroken, Transient: there was no whole listing.
        """

    def unseen(self) -> Sequence[Trace]:
        """Return which forms the service did not show when it was asked."""


class Rehydrator(Protocol):
    """Asks a source to make archived objects readable, with a credential of its own."""

    def check(self, place: Place) -> Sequence[Problem]:
        """Check the right to rehydrate on a name that does not exist; return why it is missing.

        Empty: the right is there. Nothing is changed.

        Raises:
            Transient: no answer.
        """

    def look(self, place: Place, key: str, version: str) -> Archived:
        """Return the archive state of an object, read with the reading credential.

        Raises:
            AccessDenied, AuthFailed: the credential may not.
            Transient: no answer.
        """

    def ask(self, place: Place, key: str) -> Asked:
        """Request an archived object; a repeated request changes nothing.

        Raises:
            AccessDenied, AuthFailed: the credential may not.
            Transient: no answer; it may have been asked for.
        """
