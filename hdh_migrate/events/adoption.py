"""What a ledger took over that it had not moved itself, and how each object of it was proved."""

from __future__ import annotations

from typing import ClassVar

from hdh_migrate.events.event import Event
from hdh_migrate.jsonform import JsonForm, json_form


@json_form
class JournalSeen(JsonForm):
    """How far the journal of another ledger, or of another copy of this one, was seen to go."""

    ledger: str | None
    events: int
    head: str
    statement: str | None
    """The SHA-256 of the statement of the bundle that it stands in; None: a copy of a ledger."""


@json_form
class Adopting(Event):
    """A batch is about to be adopted, with bundles that check and that a trusted key signed."""

    kind: ClassVar[str] = "adopting"
    number: int
    """Counts the adoptions of a batch, from 1; one that was stopped goes on under its number."""
    batch: str
    journals: tuple[JournalSeen, ...]
    user: str


@json_form
class LedgerAdopted(Event):
    """From here on objects that another ledger of this migration left at the target are ours.

    A bundle names it, or one of its objects proved good.
    """

    kind: ClassVar[str] = "ledger-adopted"
    ledger: str
    statement: str | None
    object: int | None


@json_form
class ObjectsAdopted(Event):
    """Objects at the target were taken for sent; `sent` and `verified` of the same ids follow.

    Nothing is believed yet: each is read back and compared like any other.
    """

    kind: ClassVar[str] = "adopted"
    batch: str
    number: int
    """Of the adoption."""
    ledger: str
    """Whose attempt tag they carry."""
    statement: str | None
    """The bundle whose digests they are compared with; None: the source was read again."""
    ids: tuple[int, ...]


@json_form
class AdoptionEnded(Event):
    """A batch was gone through: what proved good, what did not, and what is somebody else's."""

    kind: ClassVar[str] = "adopted-batch"
    number: int
    batch: str
    adopted: int
    unproved: int
    foreign: int


AdoptionEvent = Adopting | LedgerAdopted | ObjectsAdopted | AdoptionEnded
