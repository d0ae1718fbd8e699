"""Where objects come from and go to.

A `Source` has no verb that writes. A target is two ports, so that a dry run and the verifying
reader are built without the one that writes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple, Protocol

from hdh_migrate.codes import Code
from hdh_migrate.model import (
    Brief,
    Lock,
    ObjectInfo,
    Page,
    PartInfo,
    Place,
    Problem,
    Span,
    Stamp,
    Stored,
    StoredVersion,
    TargetLimits,
    Untagged,
    Upload,
)

Write = Callable[[bytes | memoryview], object]
"""Takes the next bytes of a reply, in order; they are valid during the call only."""


NO_RANGE_DIGEST: Final = "the source has no digest of a range of its own"
"""What `Source.check` and `Source.read` say to who asks for one where there is none."""


class Note(NamedTuple):
    """Something about a source that readers of the evidence must know: a note's code and detail."""

    code: Code
    detail: str


class GoesOn(Iterator[Brief]):
    """A listing that survives a `Transient`: asking for the next entry again continues it."""


class Source(Protocol):
    """A store to read from. No method can change it."""

    page_size: int
    lists_at_once: bool
    """Whether `pages` and `recount` may go on at the same time, in two threads."""
    reads_together: bool
    """Whether other fibers go on while `read` waits; see `fibers`."""

    def check(self, place: Place, *, checked: bool = False) -> Sequence[Problem]:
        """Return what is missing to list and read as a run does; empty means nothing.

        A place that is not there is a problem, not an error: "there is no such ..." of whatever it
        is called. With `checked` reads are to be compared with the source's own digest of each
        range; a source without such a thing says `NO_RANGE_DIGEST`.
        """

    def pages(self, place: Place, *, marker: str | None = None) -> Iterator[Page]:
        """List everything under the prefix, page by page, starting at `marker`.

        Keys grow strictly, in one of the orders that stores list in
        (`inventory.key_order.KeyOrder`). A place in which there is nothing is one empty page.

        Raises:
            Missing: there is no such place.
            ListingBroken: a page contradicts itself or the ones before it.
            Transient: no whole page arrived; start again at the last page's marker.
        """

    def recount(self, place: Place) -> Iterator[Brief]:
        """List a second time with other page boundaries, to check `pages` independently.

        Raises:
            Missing, ListingBroken: as `pages`.
            Transient: no whole page arrived; unless this `GoesOn`, begin anew.
        """

    def untagged(self, place: Place) -> Untagged | None:
        """Return why the listings so far came without index tags; None if they had them."""

    def notes(self, place: Place) -> Sequence[Note]:
        """Return what the evidence must say about how this source is read; usually nothing.

        Called once a place was listed. Each note is recorded once for a dataset.
        """

    def head(self, place: Place, key: str) -> ObjectInfo:
        """Describe one object as it is now.

        Raises:
            Missing: it is gone.
        """

    def listed(self, place: Place, key: str) -> ObjectInfo:
        """Describe one object as a listing does: with tier, metadata and tags, where there are any.

        Raises:
            Missing: it is not there.
        """

    def read(
        self, place: Place, obj: ObjectInfo, span: Span, write: Write, *, checked: bool = False
    ) -> None:
        """Pass exactly this span of exactly this version to `write`; every reply is checked.

        Bytes may have been passed to `write` before an error is raised: discard them.

        With `checked` the source's own digest of each range is demanded and compared, where the
        source has such a thing (see `check`).

        Raises:
            SourceChanged: it is no longer `obj.version`, or not of `obj.size` or `obj.kind`.
            Missing: it is gone.
            Transient: the reply was cut, short or not what was asked for.
        """


ListingDigest = tuple[int, int]
"""How many objects a listing has, and a sum of theirs in which their order does not count."""

Apart = Callable[[Place, Callable[[], bool]], ListingDigest | None]
"""Lists a place again in a process of its own, until that is unwanted; None: it gave no answer."""


class ListsApart(Protocol):
    """What a source needs besides, for a process of its own to list a place again for it."""

    def recount(self, place: Place) -> Iterator[Brief]:
        """See `Source.recount`; in that process."""

    def found_again(self, place: Place) -> Mapping[str, object]:
        """Return what a recount that went to its end found besides, as JSON can hold it."""

    def take_again(self, place: Place, found: Mapping[str, object]) -> None:
        """Take what `found_again` gave in another process as if this one had recounted.

        Raises:
            ValueError: it gave something else; nothing of it is taken.
        """


class SourceReport(Protocol):
    """A source's own report of its objects, some hours old; it never replaces a listing."""

    sha256: str
    """Of what the report says of itself, in hexadecimal."""
    taken_at: str
    """When the source began to write it: what changed since may be in it or not. RFC 3339, UTC."""

    @property
    def has_versions(self) -> bool:
        """Whether its objects have versions; otherwise each is empty."""

    def demand(self, place: Place, asks: frozenset[str]) -> None:
        """Check that the report covers a whole place and has all fields that rules ask about.

        Raises:
            Refused: it is of another place, or lacks something.
        """

    def objects(self, place: Place) -> Iterator[Sequence[ObjectInfo]]:
        """Give the current objects of a place, portion by portion, in no order.

        Raises:
            Refused: at the latest in the end, when it is not whole.
            UsageError: a package that is needed to read it is not installed.
        """


class TargetReader(Protocol):
    """The reading half of a target."""

    limits: TargetLimits
    reads_together: bool
    """As of `Source`; who writes too stores small objects in the same way."""

    def check(self, place: Place) -> Sequence[Problem]:
        """Return what is missing (rights, a bucket) to list and read; empty means nothing."""

    def locks(self, place: Place) -> bool:
        """Return whether the place can keep objects from being deleted (object lock)."""

    def default_retention(self, place: Place) -> str | None:
        """Return in words the default retention of new objects; None if none is visible."""

    def lock(self, bucket: str, stored: Stored) -> Lock:
        """Return the lock that keeps one stored version from being deleted.

        Raises:
            AccessDenied: the credential may not see it.
        """

    def tags(self, bucket: str, stored: Stored) -> Mapping[str, str]:
        """Ask for the tags of one stored version.

        Raises:
            AccessDenied: the credential may not see them.
            Unsupported: the host does not show them.
        """

    def keys(self, place: Place) -> Iterator[Stored]:
        """List everything under the prefix in one pass.

        Raises:
            ListingBroken: truncated without a token, a repeated token, or no listing at all.
        """

    def keeps_versions(self, place: Place) -> bool:
        """Return whether the bucket keeps every version that is written (versioning is on).

        Raises:
            AccessDenied: the credential may not see it.
        """

    def has_kept_versions(self, place: Place) -> bool:
        """Return whether the bucket may hold earlier versions: it keeps them, or did once.

        Raises:
            AccessDenied: the credential may not see it.
        """

    def versions(self, place: Place) -> Iterator[StoredVersion]:
        """List every version under the prefix, key by key; those of a key the newest first.

        Raises:
            ListingBroken: as `keys`.
            AccessDenied: the credential may not list them.
        """

    def head(self, bucket: str, key: str, *, version_id: str | None = None) -> Stored | None:
        """Describe one object, or one version of it; None when there is none."""

    def read(self, bucket: str, stored: Stored, span: Span | None, write: Write) -> Stored:
        """Pass the whole object (or a span of it) to `write`, if its ETag is `stored.etag`.

        What is current under the key is read; of an `exact` one that version.

        Returns what the target said of it, its metadata included.

        Raises:
            Missing: it is gone.
            Conflict: it no longer carries that ETag.
            Transient: the reply was cut, short or not what was asked for.
        """


class TargetWriter(TargetReader, Protocol):
    """The writing half of a target, which can read as well."""

    def put(
        self,
        bucket: str,
        key: str,
        body: memoryview,
        *,
        sha256: str,
        stamp: Stamp,
        replaces: str | None,
    ) -> Stored:
        """Store one object. Without `replaces` it is created only if there is none.

        Raises:
            Conflict: there is another object (or another ETag than `replaces`).
            Transient: the target did not answer; the object may or may not be there.
        """

    def claim(
        self,
        bucket: str,
        key: str,
        body: memoryview,
        *,
        sha256: str,
        stamp: Stamp,
        replaces: str | None,
    ) -> Stored:
        """Store one object under the condition of `put`; never fall back to an unconditional PUT.

        Raises:
            Conflict: there is another object (or another ETag than `replaces`, or none).
            Unsupported: the host takes no conditions; nothing was stored.
            Transient: the target did not answer; the object may or may not be there.
        """

    def retain(self, bucket: str, stored: Stored, lock: Lock) -> None:
        """Lock an object that is already stored; repeatable; a shorter lock is refused."""

    def tag(self, bucket: str, stored: Stored, tags: Mapping[str, str]) -> None:
        """Set the tags of a stored version, replacing any it has; repeatable."""

    def begin(self, bucket: str, key: str, *, stamp: Stamp) -> Upload:
        """Open a multipart upload."""

    def put_part(self, upload: Upload, number: int, body: memoryview, *, sha256: str) -> str:
        """Store one part and return its ETag; the same number again replaces it.

        Raises:
            Missing: the upload expired or was aborted.
        """

    def stream_part(
        self, upload: Upload, number: int, size: int, pull: Callable[[int], bytes]
    ) -> str:
        """Store one part that is too large for memory; `pull(n)` gives up to n bytes."""

    def copy_part(self, upload: Upload, number: int, stored: Stored, span: Span) -> str:
        """Copy a span of an object in the same bucket into a part and return the part's ETag.

        The host copies, and only from the version and ETag of `stored`; no bytes pass through this
        machine. What it copied is known only once it is read back.

        Raises:
            Conflict: the object no longer carries that ETag.
            Missing: the upload, or the object or version, is gone.
            Unsupported: the host copies no parts; nothing was stored.
            Transient: the target did not answer; the part may or may not be there.
        """

    def remove_version(self, bucket: str, key: str, version_id: str) -> None:
        """Remove one version of an object for good; a version that is already gone is no error.

        Only the named version is removed, never just the current one. "null" names an object that
        was stored without versioning.

        Raises:
            AccessDenied: a lock keeps it, or the credential may not.
        """

    def parts(self, upload: Upload) -> Mapping[int, PartInfo]:
        """List the parts that the target holds.

        Raises:
            Missing: the upload expired, was aborted, or was completed.
        """

    def complete(
        self,
        upload: Upload,
        parts: Sequence[tuple[int, str]],
        *,
        size: int,
        attempt: str,
        replaces: str | None,
    ) -> Stored:
        """Make the parts visible as one object of `size` bytes; create-only without `replaces`.

        Success is an object that HEAD shows with our attempt tag and size, never the reply
        alone. Calling this again after a lost reply is safe.

        Raises:
            Conflict: there is another object under this key.
            Missing: the upload is gone and the object is not ours.
        """

    def abort(self, upload: Upload) -> None:
        """Abort an upload and drop its parts; aborting an unknown upload succeeds."""

    def open_uploads(self, place: Place) -> Iterator[tuple[Upload, str]]:
        """List begun uploads under the prefix with the time (RFC 3339) each was begun."""
