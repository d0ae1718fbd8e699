"""Remove what objects were before they were written anew, and say what is still there.

What took a version's place is asked for right before, for it may have gone since it was read. A
host's word that a version is gone is checked by asking for it. At the end a listing finds what
killed commands and earlier attempts left.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from functools import partial
from typing import Final, NamedTuple

from hdh_migrate.errors import (
    AccessDenied,
    AuthFailed,
    HostRefused,
    Permanent,
    Refused,
    Unsupported,
)
from hdh_migrate.model import DatasetRow, Entry, Place, State, Stored, key_bytes
from hdh_migrate.pipeline.context import Context
from hdh_migrate.pipeline.retrying import Retrying
from hdh_migrate.pipeline.tags import Tag, mark_of
from hdh_migrate.pipeline.workers.work import Route
from hdh_migrate.ports.stores import TargetWriter

ASKED_AT_ONCE: Final = 500
"""Objects that are read from the ledger at once."""

GIVE_UP: Final = '"hdh-migrate reseal PLAN --give-up"'
"""What ends a renewal that cannot come to its end."""

NOBODYS: Final = ".hdh-migrate-trial"
"""Below a dataset's place: the name of nothing, of which a version is asked to be removed."""

LOCKED: Final = "locked"
KEPT: Final = "kept"
UNLISTED: Final = "unlisted"
UNVERIFIED: Final = "unverified"
NEEDED: Final = "needed"
UNADOPTED: Final = "unadopted"
REMAINING: Final[Mapping[str, str]] = {
    LOCKED: "earlier versions that a lock, or a missing right, keeps from being removed",
    KEPT: "earlier versions that the host still shows though it said that they are gone",
    UNLISTED: "datasets whose earlier versions could not be listed",
    UNVERIFIED: "objects that are not verified, of which the target may hold something",
    NEEDED: "earlier versions that were left, for what took their place is not there any more"
    ' ("hdh-migrate verify PLAN --again" finds it, "run" sends it again)',
    UNADOPTED: "earlier versions that another ledger of this migration stored, of which nothing"
    " proved good here: whoever may delete them at the host does so by their version ids",
}
"""What may still open as before, by why it is still there."""

_REMEDIES: Final[Mapping[str, tuple[str, str]]] = {
    LOCKED: (
        "the host does not let an earlier version be removed",
        (
            "the credential needs s3:DeleteObjectVersion, and s3:GetObjectRetention and"
            " s3:GetObjectLegalHold so that locks are seen; then give the same command again"
        ),
    ),
    KEPT: (
        "the host still shows an earlier version though it said that it is gone",
        "have the host end what keeps removed versions, then give the same command again",
    ),
    UNLISTED: (
        "the earlier versions of a dataset cannot be listed",
        "the credential needs s3:ListBucketVersions; then give the same command again",
    ),
}
"""What ends a renewal that is for nothing where earlier versions stay, and what to do."""


class VersionPlace(NamedTuple):
    """Where one version is."""

    bucket: str
    key: str
    version_id: str


class EarlierVersions:
    """Removes versions, and remembers which are still there and why."""

    def __init__(self, ctx: Context) -> None:
        assert ctx.writer is not None, "who removes versions can write"
        self._ctx, self._writer = ctx, ctx.writer
        self._still: dict[VersionPlace, str] = {}
        self._unlisted = 0
        self.removed = 0
        """Versions that the sweep found and removed."""

    @property
    def remaining(self) -> Mapping[str, int]:
        """How many are still there, by why."""
        found = Counter(self._still.values())
        found[UNLISTED] += self._unlisted
        return +found

    def remove(self, place: VersionPlace, by: Stored) -> str | None:
        """Remove one version that another one has replaced; return why it is still there.

        Many threads may call it, each for another version; `stays` keeps what it returned.

        Raises:
            Fenced: somebody else writes at the target by now.
            StorageError: the target does not answer, or refuses for more than this version.
        """
        retry, writer = self._ctx.retry, self._writer
        self._ctx.demand_writer()
        now = retry(lambda: writer.head(place.bucket, place.key, version_id=by.version_id))
        if now is None or (now.size, now.etag) != (by.size, by.etag):
            return NEEDED
        why = KEPT
        try:
            retry(lambda: writer.remove_version(*place))
        except (AuthFailed, HostRefused):
            raise
        except Permanent:
            why = LOCKED
        there = retry(lambda: writer.head(place.bucket, place.key, version_id=place.version_id))
        return None if there is None else why

    def stays(self, place: VersionPlace, why: str) -> None:
        """Keep in mind that a version is still there."""
        self._still[place] = why

    def sweep(
        self,
        datasets: Iterable[DatasetRow],
        demand_going: Callable[[], None],
        *,
        place: Callable[[Route], Place] = lambda route: route.target,
    ) -> None:
        """Remove earlier versions of ours that are still there, of whichever attempt.

        `place` says where of a route's target they are looked for.

        Raises:
            StorageError: the target does not answer, or refuses for another reason than a right.
            Whatever `demand_going` raises: somebody stops it.
        """
        for dataset in datasets:
            try:
                self._swept(dataset, place(self._ctx.route(dataset)), demand_going)
            except AccessDenied:
                self._unlisted += 1
            except Unsupported:
                pass  # a host that knows no versions keeps none

    def begun(self, dataset: DatasetRow, demand_going: Callable[[], None]) -> int:
        """Count objects that are neither verified nor failed, and that the target has some of.

        What an attempt left opens for whoever it was sealed for, also beneath what comes next. What
        the target refuses to tell of one of them counts as something.

        Raises:
            StorageError: the target does not answer, or refuses for more than one object.
            Whatever `demand_going` raises: somebody stops it.
        """
        route, ledger = self._ctx.route(dataset), self._ctx.ledger
        found = after = 0
        while some := ledger.unproven(dataset.id, after, ASKED_AT_ONCE):
            demand_going()
            names = (route.target_key(key) for _, key in some)
            found += sum(
                self._has_some(route.target.bucket, name)
                for name in names
                if len(key_bytes(name)) <= self._ctx.limits.max_key  # no longer one was ever sent
            )
            after, _ = some[-1]
        return found

    def _has_some(self, bucket: str, key: str) -> bool:
        """Say whether the target has anything under a key; who is not told that says yes."""
        where, retry = Place(bucket=bucket, prefix=key), self._ctx.retry
        try:
            if retry(lambda: self._writer.head(bucket, key)) is not None:
                return True
            if not retry(lambda: self._writer.has_kept_versions(where)):
                return False
            some = retry(lambda: list(self._writer.versions(where)))
        except Unsupported:
            return False  # a host that knows no versions keeps none
        except (AuthFailed, HostRefused):
            raise
        except Permanent:
            return True
        return any(one.key == key and not one.marker for one in some)

    def _swept(self, dataset: DatasetRow, where: Place, demand_going: Callable[[], None]) -> None:
        route, ledger = self._ctx.route(dataset), self._ctx.ledger
        if not (self._writer.has_kept_versions(route.target) or ledger.has_versions(dataset.id)):
            return
        for one in self._writer.versions(where):
            name = None if one.marker or one.latest else route.source_key(one.key)
            found = None if name is None else ledger.find(dataset.id, name)
            if found is None:
                continue
            entry, state = found
            if state is not State.VERIFIED or one.version_id == (entry.version_id or "null"):
                continue
            demand_going()
            place = VersionPlace(route.target.bucket, one.key, one.version_id)
            why = None if place in self._still else self._cleared(place, _held(one.key, entry))
            if why is not None:
                self._still[place] = why

    def _cleared(self, place: VersionPlace, by: Stored) -> str | None:
        """Remove a version if it is ours; return why it is still there."""
        there = self._ctx.retry(
            lambda: self._writer.head(place.bucket, place.key, version_id=place.version_id)
        )
        if there is None:
            return None  # gone meanwhile
        if not self._ctx.wrote(there):
            tag = Tag.of(there)  # what nobody of this migration sealed, no key of ours opens
            alike = tag is not None and mark_of(tag.ledger) in self._ctx.marks
            return UNADOPTED if alike else None
        why = self.remove(place, by)
        self.removed += why is None
        return why


def demand_removable(writer: TargetWriter, retry: Retrying, places: Iterable[Place]) -> None:
    """Demand, before a renewal is begun which all else then waits for, the rights of its end.

    Whether a version may be removed is tried with one that nobody has: nothing goes.

    Raises:
        Refused: earlier versions of one of these places cannot be listed, or not removed.
        StorageError: the target does not answer.
    """
    for place in places:
        lacking = UNLISTED
        try:
            if not retry(partial(writer.has_kept_versions, place)):
                continue
            one = retry(lambda place=place: next(iter(writer.versions(place)), None))  # type: ignore[misc]
            lacking = LOCKED
            if one is not None:
                name = place.prefix + NOBODYS
                retry(partial(writer.remove_version, place.bucket, name, one.version_id))
        except Unsupported:
            continue  # a host that knows no versions keeps none
        except AccessDenied:
            problem, remedy = _REMEDIES[lacking]
            raise Refused(
                f"{problem}, so nobody could say that what was there before is gone",
                hint=f"{remedy}; nothing was changed",
            ) from None


def demand_gone(whys: AbstractSet[str]) -> None:
    """Demand that no earlier version stays, for a renewal that is for nothing where one does.

    Raises:
        Refused: some do, for these reasons.
    """
    if which := sorted(whys & _REMEDIES.keys()):
        problem, remedy = _REMEDIES[which[0]]
        raise Refused(
            f"{problem}, so nobody could say that what was there before is gone",
            hint=f"{remedy}; what is sealed anew is in the ledger, and nothing is lost. Where"
            f" nobody can mend that, {GIVE_UP} ends it",
        )


def _held(key: str, entry: Entry) -> Stored:
    """Return a verified object as the target held it then."""
    assert entry.stored_size is not None
    assert entry.etag is not None
    return Stored(key=key, size=entry.stored_size, etag=entry.etag, version_id=entry.version_id)
