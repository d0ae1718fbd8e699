"""A container as it was at a moment: two listings of its versions, and what is noted of them.

The moment must be over by the source's own clock, and the account must keep versions or snapshots;
what it does not know of these three forms (`versions`, `snapshots`, `deleted`) it does not have.
What the credential may not see is refused, for a choice among some of the versions is a guess.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Final

from hdh_migrate.codes import Code
from hdh_migrate.errors import ListingBroken, Missing, Refused
from hdh_migrate.model import Brief, ObjectInfo, Page, Place, Trace
from hdh_migrate.ports.stores import Note
from hdh_migrate.sources.azure_account import AzureAccount, from_reply
from hdh_migrate.sources.azure_beside import MovedForms
from hdh_migrate.sources.azure_forms import LOOKS, WHAT, accepted
from hdh_migrate.sources.azure_listing import ENTRY_BYTES_MAX, pages_of
from hdh_migrate.sources.azure_versions import (
    MOVED,
    Chooser,
    Fate,
    Mark,
    Pin,
    Position,
    Then,
    by_name,
    marked_briefs,
)
from hdh_migrate.sources.http_fields import rfc3339
from hdh_migrate.telemetry import counted

Marked = tuple[Mark, ObjectInfo]
ListsEntries = Callable[[Place, str | None, int, str], tuple[list[Marked], str | None]]
"""Gives a page of entries: of a place, at a marker, of at most so many, with more to include."""

RECOUNT_BYTES_MAX: Final = 48 << 20
ASKED_OF_ONE: Final = 500
"""Entries of one name that are asked for at once."""


def known_forms(account: AzureAccount, place: Place) -> list[str]:
    """Return the words for other forms than the current one that an account knows.

    Raises:
        AccessDenied, AuthFailed: the credential may not list all of them.
    """
    return [word for word, _ in LOOKS if accepted(account, place, word)]


class AsOfContainer:
    """One place of one account, at one moment."""

    def __init__(self, account: AzureAccount, place: Place, moment: str) -> None:
        """`moment` is RFC 3339 in UTC, in seconds."""
        self._account, self._place, self._moment = account, place, moment
        self._words: str | None = None
        self._fates = Counter[Fate]()
        self._moved = MovedForms()
        self._kept = 0
        """Versions and snapshots, as the second listing counted them."""
        self.current = 0
        """Current blobs, as the second listing counted them."""

    def words(self) -> str:
        """Return what listings are asked for, as it follows other words in `include`.

        Raises:
            Refused: the moment is not over, or the account keeps no versions and no snapshots.
            AccessDenied, AuthFailed: the credential may not list all forms.
        """
        if self._words is None:
            self._demand_over()
            known = known_forms(self._account, self._place)
            if not {"versions", "snapshots"} & set(known):
                raise Refused(
                    "the source's account keeps no versions and no snapshots, so nobody knows what"
                    f" it held at {self._moment}",
                    hint="nothing was listed; leave `as_of` out to move what is current",
                )
            self._words = "".join(f",{word}" for word in known)
        return self._words

    def _chooser(self) -> Chooser[ObjectInfo]:
        return Chooser(self._moment)

    def _brief_chooser(self) -> Chooser[Brief]:
        return Chooser(self._moment)

    def _demand_over(self) -> None:
        reply = self._account.listing(self._place, None, size=1, limit=ENTRY_BYTES_MAX)
        if reply.status != 200:
            raise from_reply(reply, WHAT)
        now = rfc3339(reply.headers.get("date"))
        if now is None:
            raise ListingBroken("the source does not say what time it is")
        if now <= self._moment:
            raise Refused(
                f"`as_of` is {self._moment}, and by the source's clock it is {now}",
                hint="nothing was listed; give a moment that is over, or leave `as_of` out",
            )

    # --- what was there ----------------------------------------------------------------------

    def pages(self, ask: ListsEntries, size: int, marker: str | None) -> Iterator[Page]:
        """List what was there, as `ports.Source.pages` does."""
        words, begin = self.words(), Position.read(marker)

        def page(at: str | None) -> tuple[list[tuple[str, Mark, ObjectInfo]], str | None]:
            found, following = ask(self._place, at, size, words)
            return [(obj.key, mark, obj) for mark, obj in found], following

        for found, place in by_name(pages_of(page, begin.marker), begin, self._chooser):
            objects = tuple(_object(one) for one in found)
            yield Page(objects=objects, marker=None if place is None else str(place))

    def listed(self, ask: ListsEntries, key: str) -> ObjectInfo:
        """Describe one blob as it was.

        Raises:
            Missing: there was none.
        """
        place, words = replace(self._place, prefix=key), self.words()
        chooser = Chooser[ObjectInfo](self._moment)
        for entries, _ in pages_of(lambda at: ask(place, at, ASKED_OF_ONE, words)):
            for mark, obj in entries:
                if obj.key == key:
                    chooser.take(mark, obj)
            if entries and entries[-1][1].key != key:
                break  # the name that is the whole prefix comes first
        found = chooser.chosen()
        if found is None:
            raise Missing("there was no such source object then")
        return _object(found)

    def recount(self, size: int) -> Iterator[Brief]:
        """List again, as `ports.Source.recount` does; count what stands how today."""
        words, fates, moved, current, kept = self.words(), Counter[Fate](), MovedForms(), 0, 0

        def page(at: str | None) -> tuple[list[tuple[str, Mark, Brief]], str | None]:
            nonlocal current, kept
            reply = self._account.listing(
                self._place, at, size=size, include=f"metadata{words}", limit=RECOUNT_BYTES_MAX
            )
            if reply.status != 200:
                raise from_reply(reply, "the source's container")
            found, following = marked_briefs(reply.body)
            entries = [(brief.key, mark, brief) for mark, brief in found]
            current += sum(mark.trace is Trace.CURRENT for _, mark, _ in entries)
            kept += sum(bool(mark.address) for _, mark, _ in entries)
            return entries, following

        for found, _ in by_name(pages_of(page), Position(), self._brief_chooser):
            for one in found:
                fates[one.fate] += 1
                if one.fate in MOVED and one.mark.trace is not Trace.CURRENT:
                    moved.add(one.mark.trace, one.entry.size)
                yield one.entry._replace(
                    version=_pinned(one, one.entry.version), kind=_kind(one, one.entry.kind)
                )
        self._fates, self._moved, self.current, self._kept = fates, moved, current, kept

    # --- what is noted of it -----------------------------------------------------------------

    @property
    def moved(self) -> MovedForms:
        """What is moved of other forms than current blobs."""
        return self._moved

    def notes(self) -> Sequence[Note]:
        """Say how what is moved stands today."""
        fates = self._fates
        said = (
            f"as of {self._moment}:"
            f" {counted(fates[Fate.CURRENT], 'object as it is now', 'objects as they are now')},"
            f" {fates[Fate.EARLIER]} of an earlier version"
        )
        if not self._kept:  # an account that keeps none is asked for them without a refusal
            said += f"; {_NONE_KEPT}"
        notes = [Note(Code.AS_OF, said)]
        if undeleted := fates[Fate.UNDELETED]:
            detail = (
                f"{counted(undeleted, _UNDELETED, _ALL_UNDELETED)}"
                f" before {self._moment} or after it"
            )
            notes.append(Note(Code.AS_OF_UNDELETED, detail))
        return notes


_NONE_KEPT = "no version and no snapshot is there: what was deleted since then cannot be seen"
_UNDELETED = (
    "object is moved that has no current version: the source does not say whether it was deleted"
)
_ALL_UNDELETED = (
    "objects are moved that have no current version: the source does not say whether they were"
    " deleted"
)


def _object(then: Then[ObjectInfo]) -> ObjectInfo:
    obj = then.entry
    return replace(obj, version=_pinned(then, obj.version), kind=_kind(then, obj.kind))


def _pinned(then: Then[ObjectInfo] | Then[Brief], etag: str) -> str:
    return str(Pin(etag, then.mark.address))


def _kind(then: Then[ObjectInfo] | Then[Brief], kind: str) -> str:
    """Return its kind, or why it cannot be read."""
    return kind if then.fate in MOVED else str(then.fate)
