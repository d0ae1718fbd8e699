"""A container with every version and snapshot of each blob, the oldest of a name first.

Each entry of a listing of versions and snapshots is an object of its own: its key is the blob's
name with the moment of the version (`model.naming`), and it is read by its address, so that
nothing that is written to the name later changes it. What the credential may not see is refused:
some of the versions are not all of them. What was soft-deleted cannot be read and is counted.

Source: the service's "List Blobs", "Blob versioning" and "Blob snapshots" REST references. In which
order entries of one name come no document says for versions and snapshots together; so those of
a name are held until the next name begins.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from operator import itemgetter
from typing import Final, Generic, TypeVar

from hdh_migrate.codes import Code
from hdh_migrate.errors import ListingBroken, Missing, Refused
from hdh_migrate.model import Brief, ObjectInfo, Page, Place, Trace
from hdh_migrate.model.naming import UNVERSIONED, name_in, token_in, version_key
from hdh_migrate.ports.stores import Note
from hdh_migrate.sources.azure_account import AzureAccount, from_reply
from hdh_migrate.sources.azure_as_of import (
    ASKED_OF_ONE,
    RECOUNT_BYTES_MAX,
    ListsEntries,
    known_forms,
)
from hdh_migrate.sources.azure_beside import MovedForms
from hdh_migrate.sources.azure_listing import pages_of
from hdh_migrate.sources.azure_versions import Mark, Pin, Position, by_name, marked_briefs
from hdh_migrate.telemetry import counted

P = TypeVar("P")

MOST: Final = 50_000
"""Versions of one name that are held in memory at once; the service advises against 1,000."""

_FORMS: Final = ("versionid", "snapshot")


class EveryVersion(Generic[P]):
    """Takes all entries of one name, in any order; gives them with the oldest first."""

    def __init__(self) -> None:
        self._held: list[tuple[str, Mark, P]] = []

    def take(self, mark: Mark, entry: P) -> None:
        """Take one entry.

        Raises:
            ListingBroken: there are more than can be held.
        """
        if len(self._held) >= MOST:
            raise ListingBroken(f"the source lists more than {MOST} versions of one blob")
        self._held.append((token_of(mark), mark, entry))

    def given(self) -> Sequence[tuple[str, Mark, P]]:
        """Return what was taken, each with its token."""
        return sorted(self._held, key=itemgetter(0))


def token_of(mark: Mark) -> str:
    """Return the token of the version that an entry is of."""
    form, _, moment = mark.address.partition("=")
    return f"{moment};{form}" if moment else UNVERSIONED


def address_in(key: str) -> str:
    """Return the address (`Pin.address`) that the token of a key stands for.

    Raises:
        Missing: it stands for none.
    """
    token = token_in(key)
    if token in {"", UNVERSIONED}:
        return ""
    moment, _, form = token.rpartition(";")
    if form not in _FORMS or not moment:
        raise Missing("there is no such version of a source object")
    return f"{form}={moment}"


class AllVersionsContainer:
    """One place of one account, with all versions of what is there."""

    def __init__(self, account: AzureAccount, place: Place) -> None:
        self._account, self._place = account, place
        self._words: str | None = None
        self._traces = Counter[Trace]()
        self._names = self._uncurrent = 0
        self._moved = MovedForms()

    def words(self) -> str:
        """Return what listings are asked for, as it follows other words in `include`.

        Raises:
            Refused: the account keeps no versions and no snapshots.
            AccessDenied, AuthFailed: the credential may not list all forms.
        """
        if self._words is None:
            known = [word for word in known_forms(self._account, self._place) if word != "deleted"]
            if not known:
                raise Refused(
                    "the source's account keeps no versions and no snapshots",
                    hint="nothing was listed; leave `versions` out to move what is current",
                )
            self._words = "".join(f",{word}" for word in known)
        return self._words

    # --- what is there -----------------------------------------------------------------------

    def pages(self, ask: ListsEntries, size: int, marker: str | None) -> Iterator[Page]:
        """List every version, as `ports.Source.pages` does; a page ends with a whole name."""
        words, begin = self.words(), Position.read(marker)

        def page(at: str | None) -> tuple[list[tuple[str, Mark, ObjectInfo]], str | None]:
            found, following = ask(self._place, at, size, words)
            return [(_plain(obj.key), mark, obj) for mark, obj in found], following

        for found, place in by_name(pages_of(page, begin.marker), begin, EveryVersion[ObjectInfo]):
            objects = tuple(_object(*one) for one in found)
            yield Page(objects=objects, marker=None if place is None else str(place))

    def listed(self, ask: ListsEntries, key: str) -> ObjectInfo:
        """Describe one version as a listing does; of a key without a token the last one.

        Raises:
            Missing: there is none.
        """
        name, token = name_in(key), token_in(key)
        place, words = replace(self._place, prefix=name), self.words()
        every = EveryVersion[ObjectInfo]()
        for entries, _ in pages_of(lambda at: ask(place, at, ASKED_OF_ONE, words)):
            for mark, obj in entries:
                if obj.key == name:
                    every.take(mark, obj)
            if entries and entries[-1][1].key != name:
                break  # the name that is the whole prefix comes first
        found = [one for one in every.given() if token in {"", one[0]}]
        if not found:
            raise Missing("a source object is gone")
        return _object(*found[-1])

    def recount(self, size: int) -> Iterator[Brief]:
        """List again, as `ports.Source.recount` does, and count what stands how."""
        words, traces, moved, names, uncurrent = self.words(), Counter[Trace](), MovedForms(), 0, 0

        def page(at: str | None) -> tuple[list[tuple[str, Mark, Brief]], str | None]:
            reply = self._account.listing(
                self._place, at, size=size, include=f"metadata{words}", limit=RECOUNT_BYTES_MAX
            )
            if reply.status != 200:
                raise from_reply(reply, "the source's container")
            found, following = marked_briefs(reply.body)
            return [(_plain(brief.key), mark, brief) for mark, brief in found], following

        last, had_current = None, True
        for found, _ in by_name(pages_of(page), Position(), EveryVersion[Brief]):
            for token, mark, brief in found:
                if brief.key != last:
                    uncurrent, names = uncurrent + (not had_current), names + 1
                    last, had_current = brief.key, False
                had_current |= mark.trace is Trace.CURRENT
                traces[mark.trace] += 1
                if mark.trace is not Trace.CURRENT:
                    moved.add(mark.trace, brief.size)
                yield brief._replace(
                    key=version_key(brief.key, token), version=str(Pin(brief.version, mark.address))
                )
        self._traces, self._moved = traces, moved
        self._names, self._uncurrent = names, uncurrent + (not had_current)

    # --- what is noted of it -----------------------------------------------------------------

    @property
    def current(self) -> int:
        """Current blobs, as the second listing counted them."""
        return self._traces[Trace.CURRENT]

    @property
    def moved(self) -> MovedForms:
        """What is moved of other forms than current blobs."""
        return self._moved

    def notes(self) -> Sequence[Note]:
        """Say how much there is of each form, and of what the target's current one is not so."""
        counts = self._traces
        said = (
            f"all versions: {counted(self._names, 'name')} with"
            f" {counted(counts[Trace.CURRENT], 'current version')},"
            f" {counted(counts[Trace.VERSION], 'earlier one')} and"
            f" {counted(counts[Trace.SNAPSHOT], 'snapshot')}"
        )
        notes = [Note(Code.ALL_VERSIONS, said)]
        if self._uncurrent:
            detail = counted(self._uncurrent, _UNCURRENT, _ALL_UNCURRENT)
            notes.append(Note(Code.VERSIONS_UNDELETED, detail))
        return notes


_UNCURRENT = (
    "name has versions and no current one: somebody deleted it; at the target its last version is"
    " current"
)
_ALL_UNCURRENT = (
    "names have versions and no current one: somebody deleted them; at the target the last version"
    " of each is current"
)


def _plain(name: str) -> str:
    if token_in(name):
        raise ListingBroken("the source lists a blob with a zero byte in its name")
    return name


def _object(token: str, mark: Mark, obj: ObjectInfo) -> ObjectInfo:
    version = str(Pin(obj.version, mark.address))
    return replace(obj, key=version_key(obj.key, token), version=version)
