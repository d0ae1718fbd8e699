"""Azure Blob as a source: own paging loop, pinned ranged reads, every reply checked.

The SDK is not on the data path: it returns short and wrong ranges without an error and costs
several times the CPU (docs/decisions/0002-transport.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Final, TypeVar

from hdh_migrate.codes import Code
from hdh_migrate.errors import (
    AccessDenied,
    AuthFailed,
    ListingBroken,
    Missing,
    Permanent,
    Refused,
    SourceChanged,
    StorageError,
    Transient,
)
from hdh_migrate.model import (
    MOVABLE,
    Brief,
    ObjectInfo,
    Page,
    Place,
    Problem,
    Span,
    Trace,
    Untagged,
)
from hdh_migrate.ports.stores import Note, Write
from hdh_migrate.sources.azure_account import AzureAccount, from_reply
from hdh_migrate.sources.azure_all_versions import AllVersionsContainer, address_in
from hdh_migrate.sources.azure_as_of import AsOfContainer
from hdh_migrate.sources.azure_beside import (
    Beside,
    MovedForms,
    asked,
    container_left,
    history,
    with_deleted_paths,
)
from hdh_migrate.sources.azure_forms import counted
from hdh_migrate.sources.azure_listing import (
    UNLISTED,
    EntryReader,
    PageReader,
    pages_of,
)
from hdh_migrate.sources.azure_pages import described
from hdh_migrate.sources.azure_reading import PAGES, head, read
from hdh_migrate.sources.azure_recount import Ask, BriefReader, Forms, PagesAgain
from hdh_migrate.sources.azure_replies import NoRangeDigest
from hdh_migrate.sources.azure_versions import Mark, MarkedReader
from hdh_migrate.transport import Reply

PAGE_SIZE = 5_000
RECOUNT_FIRST = 1_700
"""Blobs of a recount's first page: all that follow are cut elsewhere than the first listing's."""

_WHERE_IT_IS: Final = (
    "mend the dataset's `source.container`, or the account, in the plan; one that was deleted there"
    " may be brought back while the account's soft-delete keeps it"
)
_REFUSALS: Final = {
    "AuthorizationFailure": (
        "most often the account's network rules, which no right changes: let this machine's address"
        " in, or run where the account is reached; if it is let in, the credential needs {right}"
    ),
    "AuthorizationSourceIPMismatch": "the signature is for other addresses than this one's (sip)",
    "AuthorizationProtocolMismatch": "the signature is for https only (spr)",
    "AuthorizationResourceTypeMismatch": "the signature is not for containers and objects (srt=co)",
    "AuthorizationPermissionMismatch": (
        "the credential needs {right}; an identity needs a role of data, such as Storage Blob Data"
        " Reader (Owner is none), and a new one may take ten minutes; a container that is not"
        " there is refused so, too"
    ),
}
"""What to do about what the service calls it ("Common REST API error codes")."""

LOOKED_AT: Final = 20
"""Pages that preflight asks for, where the first ones are empty."""
CHECKED_AMONG = 100
"""Objects among which preflight looks for one that has a range, when ranges need digests."""

T = TypeVar("T")
ReadsPage = Callable[[int], EntryReader[T]]
"""Makes what reads one page of at most so many entries."""


class AzureBlobSource:
    """One storage account, read-only."""

    lists_at_once = reads_together = True

    def __init__(
        self,
        account: AzureAccount,
        *,
        page_size: int = PAGE_SIZE,
        recount_size: int = RECOUNT_FIRST,
    ) -> None:
        """`page_size` is blobs in a page, `recount_size` in the first page of a recount."""
        self.page_size = page_size
        self._recount_size = recount_size
        self._account = account
        self._untagged: dict[str, Untagged] = {}
        self._more: dict[str, Beside] = {}
        self._thens: dict[Place, AsOfContainer | AllVersionsContainer] = {}
        self._counted: dict[Place, int] = {}
        """Current blobs of each place that was listed again."""
        self._forms: dict[Place, Mapping[Trace, tuple[int, int]] | None] = {}
        """The same in every form; None: it was listed again, and not in every form to the end."""

    # --- listing -------------------------------------------------------------------------

    def pages(self, place: Place, *, marker: str | None = None) -> Iterator[Page]:
        """List everything under the prefix; see `ports.Source.pages`."""
        for page in self._listing(place, marker):
            whole = [self._with_pages(place, obj) for obj in page.objects]
            yield Page(objects=tuple(whole), marker=page.marker)

    def _listing(self, place: Place, marker: str | None) -> Iterator[Page]:
        then = self._then(place)
        if then is not None:
            yield from then.pages(self._marked, self.page_size, marker)
            return
        more = self._beside(place).words
        for objects, following in pages_of(
            lambda at: self._list(place, at, self.page_size, more, PageReader), marker
        ):
            yield Page(objects=tuple(objects), marker=following)

    def _then(self, place: Place) -> AsOfContainer | AllVersionsContainer | None:
        """Return the place with its versions, or some of them; None: it is meant as it is now."""
        if place.as_of is None and not place.every_version:
            return None
        if place not in self._thens:
            self._thens[place] = (
                AllVersionsContainer(self._account, place)
                if place.as_of is None
                else AsOfContainer(self._account, place, place.as_of)
            )
        return self._thens[place]

    def _marked(
        self, place: Place, marker: str | None, size: int, words: str
    ) -> tuple[list[tuple[Mark, ObjectInfo]], str | None]:
        more = words + self._beside(place).words
        return self._list(place, marker, size, more, MarkedReader)

    def _beside(self, place: Place) -> Beside:
        """Return what listings of a container can be asked for besides metadata and tags."""
        if place.bucket not in self._more:
            self._more[place.bucket] = Beside.of(self._account, place)
        return self._more[place.bucket]

    def _with_pages(self, place: Place, obj: ObjectInfo) -> ObjectInfo:
        if UNLISTED in obj.facts:
            self._beside(place).unread.add("metadata under names that no listing tells")
        if obj.kind != PAGES:
            return obj
        try:
            return replace(obj, facts={**obj.facts, **described(self._account, place, obj)})
        except (Transient, AuthFailed):
            raise
        except Permanent:  # what became of it shows when it is read
            self._beside(place).unread.add("page ranges")
            return obj

    def recount(self, place: Place) -> Iterator[Brief]:
        """List again in pages that are cut elsewhere, read by another reader.

        The first time, other forms of the same blobs are listed with them and counted. If that
        was not the last time (two listings differed, or one broke off), the next is of the current
        blobs alone, as the first listing is.
        """
        then = self._then(place)
        if then is not None:
            return self._recount_of(place, then)
        return PagesAgain(lambda: self._asking_again(place))

    def _recount_of(
        self, place: Place, then: AsOfContainer | AllVersionsContainer
    ) -> Iterator[Brief]:
        yield from then.recount(self._recount_size)
        self._counted[place] = then.current

    def _asking_again(self, place: Place) -> Ask:
        unread, is_first = set[str](), place not in self._forms
        words = asked(self._account, place, unread) if is_first else ()
        forms = Forms(words)
        self._forms[place] = None

        def ask(marker: str | None) -> tuple[list[Brief], str | None]:
            size = self._recount_size if marker is None else self.page_size
            of_page = Forms(words)
            reader = BriefReader(size, of_page)
            # Metadata, because it is what makes some empty blobs folders.
            _listed(
                self._account.listing(
                    place, marker, size=size, include=",".join(("metadata", *words)),
                    sink=reader.write,
                )
            )  # fmt: skip
            briefs, following = reader.page()
            forms.take(of_page)
            if following is None:
                self._beside(place).unread.update(unread)
                self._counted[place] = forms.found[Trace.CURRENT][0]
                if is_first:
                    self._forms[place] = forms.found
            return briefs, following

        return ask

    def found_again(self, place: Place) -> Mapping[str, object]:
        """Return what a recount found besides; see `ports.ListsApart`. For a place as it is now."""
        forms = self._forms[place]
        return {
            "current": self._counted[place],
            "forms": None if forms is None else {str(one): [*sums] for one, sums in forms.items()},
            "unread": sorted(self._beside(place).unread),
        }

    def take_again(self, place: Place, found: Mapping[str, object]) -> None:
        """Take what a recount of another process found besides; see `ports.ListsApart`."""
        match found:
            case {"current": int(current), "forms": dict(forms), "unread": list(unread)}:
                sums = {
                    Trace(one): (int(objects), int(size)) for one, (objects, size) in forms.items()
                }
                self._beside(place).unread.update(map(str, unread))
                self._counted[place], self._forms[place] = current, sums
            case _:
                raise ValueError("a recount of another process found something else")

    def _list(
        self, place: Place, marker: str | None, size: int, more: str, reader: ReadsPage[T]
    ) -> tuple[list[T], str | None]:
        """Return one page with metadata, and with tags if the source lets us have them.

        Reading tags is a right of its own, and accounts with a hierarchical namespace have none;
        a list without them is better than no list, and inventory says that they are not there.
        That it is for the tags that a list is refused is found by asking without and with again,
        since the refusal has many codes.
        """
        if place.bucket in self._untagged:
            return self._page(place, marker, size, f"metadata{more}", reader)
        try:
            return self._page(place, marker, size, f"metadata,tags{more}", reader)
        except (AuthFailed, Missing, ListingBroken):
            raise  # a page that contradicts itself is no refusal of tags
        except Permanent as refused:
            page = self._page(place, marker, size, f"metadata{more}", reader)
            try:
                return self._page(place, marker, size, f"metadata,tags{more}", reader)
            except Permanent as again:
                if (type(again), again.code) != (type(refused), refused.code):
                    raise
                denied = isinstance(again, AccessDenied)
                self._untagged[place.bucket] = Untagged.DENIED if denied else Untagged.UNSUPPORTED
                return page

    def untagged(self, place: Place) -> Untagged | None:
        """Say why listings come without index tags, as far as one has shown."""
        return self._untagged.get(place.bucket)

    def notes(self, place: Place) -> Sequence[Note]:
        """Count what is there besides current blobs, and say what could not be read."""
        beside = self._beside(place)
        then = self._then(place)
        moved = MovedForms() if then is None else then.moved
        found = self._forms.get(place) or self._history(place, beside.unread)
        if place in self._counted:
            found = with_deleted_paths(self._account, place, found, beside.unread)
        notes = [*history(found, moved), *container_left(self._account, place)]
        if then is not None and place in self._counted:
            notes.extend(then.notes())
        if beside.unread:
            unread = ", ".join(sorted(beside.unread))
            notes.append(Note(Code.FEATURES_UNREAD, f"the source does not let read: {unread}"))
        return notes

    def _history(self, place: Place, unread: set[str]) -> Mapping[Trace, tuple[int, int]]:
        """List once more, for what no listing has counted.

        Beside what is current alone: where nobody has counted that, nothing is counted.
        """
        words = asked(self._account, place, unread)
        if not words or place not in self._counted:
            return {}
        return counted(self._account, place, words)

    def _page(
        self, place: Place, marker: str | None, size: int, include: str, reader: ReadsPage[T]
    ) -> tuple[list[T], str | None]:
        taken = reader(size)
        _listed(self._account.listing(place, marker, size=size, include=include, sink=taken.write))
        return taken.page()

    # --- objects -------------------------------------------------------------------------

    def head(self, place: Place, key: str) -> ObjectInfo:
        """Describe one blob as it is, or was, when its place is meant."""
        if place.as_of is not None:
            return self.listed(place, key)
        return head(self._account, place, key, address_in(key))

    def listed(self, place: Place, key: str) -> ObjectInfo:
        """Describe one blob as a listing does; the first under its own name as a prefix is it."""
        then = self._then(place)
        if then is not None:
            return self._with_pages(place, then.listed(self._marked, key))
        more, found = self._beside(place).words, Place(bucket=place.bucket, prefix=key)
        objects, _ = self._list(found, None, 1, more, PageReader)
        if not objects or objects[0].key != key:
            raise Missing("a source object is gone")
        return self._with_pages(place, objects[0])

    def read(
        self, place: Place, obj: ObjectInfo, span: Span, write: Write, *, checked: bool = False
    ) -> None:
        """Hand over exactly the span of exactly this version; see `ports.Source.read`."""
        read(self._account, place, obj, span, write, checked=checked)

    # --- rights --------------------------------------------------------------------------

    def check(self, place: Place, *, checked: bool = False) -> Sequence[Problem]:
        """List one object as inventory does, and read its first byte as transfer does."""
        where = f"source container {place.bucket}"
        try:
            if (then := self._then(place)) is not None:
                then.words()
            objects = self._first(place, CHECKED_AMONG if checked else 1)
        except Refused as error:
            return [Problem(where=where, what=str(error), hint=error.hint)]
        except Missing:
            return [Problem(where=where, what="there is no such container", hint=_WHERE_IT_IS)]
        except AuthFailed as error:
            return [Problem(where=where, what=str(error), hint=error.hint, auth=True)]
        except AccessDenied as error:
            return [_denied(where, error, "list", "List (sp=l) on the container")]
        plain = [obj for obj in objects if obj.kind in MOVABLE]
        # An empty object has no range, and so no digest of one.
        plain.sort(key=lambda obj: checked and obj.size == 0)
        return self._check_read(place, where, plain[:1], checked=checked)

    def _first(self, place: Place, size: int) -> Sequence[ObjectInfo]:
        """Return what the first page has that has anything, of a few: the service gives empty ones.

        After much was deleted, for one; each says where the next one begins.
        """
        pages = pages_of(lambda at: self._list(place, at, size, "", PageReader))
        return next((found for found, _ in islice(pages, LOOKED_AT) if found), [])

    def _check_read(
        self, place: Place, where: str, objects: Sequence[ObjectInfo], *, checked: bool
    ) -> Sequence[Problem]:
        for obj in objects:
            span = Span(0, min(1, obj.size))
            try:
                self.read(place, obj, span, lambda _: None, checked=checked)
            except NoRangeDigest as error:
                return [Problem(where=where, what=str(error), hint=error.hint)]
            except (SourceChanged, Missing):
                continue  # written or removed meanwhile: inventory will see what is there then
            except (AccessDenied, AuthFailed) as error:
                return [_denied(where, error, "read", "Read (sp=r) on blobs")]
        return []


def _denied(where: str, error: StorageError, verb: str, right: str) -> Problem:
    """Say what is missing, in the service's own word for it: most refusals are of no right."""
    told = f" ({error.code})" if error.code else ""
    hint = _REFUSALS.get(error.code, "the credential needs {right}").format(right=right)
    return Problem(where=where, what=f"no right to {verb}{told}", hint=hint, auth=True)


def _listed(reply: Reply) -> Reply:
    if reply.status != 200:
        raise from_reply(reply, "the source's container")
    return reply
