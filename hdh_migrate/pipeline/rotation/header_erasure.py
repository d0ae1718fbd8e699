"""Erase what opens a dataset: its header packs at the target and at the second copy, its headers.

Whoever does this has journalled it before. The target goes first, for it alone may refuse;
then the second copy, and the ledger's headers last. Each place is listed again at the end: what a
host's API still shows is counted, not believed away. Again is safe at any moment. What a host
keeps of what it calls deleted, and copies that others made, nobody here can see
(docs/decisions/0077-erased-by-their-packs.md).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from hdh_migrate.clocks import Moment
from hdh_migrate.errors import AccessDenied, Refused, TargetDiffers, Unsupported
from hdh_migrate.folders import PARTIAL, sync
from hdh_migrate.frozen import frozen
from hdh_migrate.model import DatasetRow, Place, Stored, StoredVersion
from hdh_migrate.pipeline.context import Context
from hdh_migrate.pipeline.going_on import demand_going

KEPT: Final = "kept"
STRANGE: Final = "not-ours"
COPIES: Final = "copies"
AWAY: Final = "earlier-places"
STILL_THERE: Final[Mapping[str, str]] = {
    KEPT: "versions of packs that the host still shows though it said that they are gone",
    STRANGE: "objects among the packs that this migration did not write",
    COPIES: "files beside the second copies that this migration did not write",
    AWAY: "folders that the plan named for second copies before, and that are not there now: what"
    " they hold still opens (make an empty one where one is gone for good)",
}
"""What may still open something, by why it is there."""


NO_FOLDER: Final = "the folder of the second copies is not there; is its disk mounted?"


@frozen
class PlacesOfPacks:
    """What there is to erase."""

    versions: int
    copies: int


class HeaderErasure:
    """One dataset's end; `folder` is where its second copies are.

    `demand_free` raises where somebody holds it, or another ledger writes at the target by now;
    `earlier` are where its second copies were while the plan named other folders.
    """

    def __init__(
        self,
        ctx: Context,
        dataset: DatasetRow,
        folder: Path,
        *,
        demand_free: Callable[[], None],
        earlier: Sequence[Path] = (),
    ) -> None:
        assert ctx.writer is not None, "who erases can write"
        self._demand_free, self._earlier = demand_free, tuple(earlier)
        self._ctx, self.writer, self._dataset, self._folder = ctx, ctx.writer, dataset, folder
        route = ctx.route(dataset)
        key = route.target_key(route.header_packs(dataset.name)).removesuffix(route.suffix)
        self._place = Place(bucket=route.target.bucket, prefix=key)
        self.bucket = route.target.bucket

    def demand_going(self) -> None:
        """Demand that nobody stops it, or holds it.

        Raises:
            Fenced, Interrupted, HeldUp, SwitchHeld: somebody does.
            StorageError: it cannot be learned.
        """
        demand_going(self._ctx)
        self._demand_free()

    def look(self, now: Moment, packs: int) -> PlacesOfPacks:
        """Count what is there, and demand that all of it can go now, and that nobody stops it.

        Before this the whole source was listed, which may take hours; and each of the dataset's
        `packs` was read at both places: one that went since is in no count, and what is agreed to
        is the erasure of all of them.

        Raises:
            Refused: a version is under a lock, or nobody lets us see which there are.
            TargetDiffers: there is less at one of the places than packs.
            StorageError: the target does not answer.
            Fenced, Interrupted, HeldUp, SwitchHeld: as `demand_going`.
        """
        try:
            seen = list(self._versions())
        except AccessDenied:
            raise Refused(
                "the credential may not list versions at the target, so nobody could say that the"
                " packs are gone",
                hint="nothing was erased; give it s3:ListBucketVersions",
            ) from None
        locked = sum(self._is_locked(one, now) for one in seen if not one.marker)
        if locked:
            raise Refused(
                f"versions of header packs that are under a lock at the target: {locked}",
                hint="nothing was erased; wait until the lock is over, or lift the hold",
            )
        self.demand_going()
        found = PlacesOfPacks(versions=len(seen), copies=len(list(self._copies())))
        if packs > min(found.versions, found.copies):
            raise TargetDiffers(
                "a header pack, or its second copy, went away while it was looked at",
                hint='nothing was erased; "hdh-migrate verify PLAN --again" tells which it is',
            )
        return found

    def run(self) -> Mapping[str, int]:
        """Erase all of it and return what is still there, by why.

        Raises:
            StorageError: the target refuses or does not answer; the same command goes on.
            Refused: a copy cannot be removed; the same command goes on.
            Fenced, Interrupted, HeldUp, SwitchHeld: somebody stops it.
        """
        ctx = self._ctx
        self._demand_folder()
        for one in list(self._versions()):
            self.demand_going()
            there = None if one.marker else self._head(one)
            # What is listed and not there when it is asked for was not seen to be ours.
            if one.marker or (there is not None and ctx.wrote(there)):
                ctx.retry(lambda one=one: self._remove(one))  # type: ignore[misc]
        self._demand_folder()
        for path in list(self._copies()):
            self.demand_going()
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                raise Refused(
                    f"{path.parent}: a second copy cannot be removed: {error.strerror}",
                    hint="the target's packs are gone; give rights, and the same command again",
                ) from None
        for folder in (self._folder, *self._earlier):
            if folder.is_dir():
                sync(folder)
        self.demand_going()
        ctx.ledger.erase_headers(self._dataset.id)
        return self._remaining()

    def _demand_folder(self) -> None:
        """Demand that the second copies can be seen: what is on a disk that is away stays there.

        Raises:
            Refused: their folder is not there; nothing removes it but people.
        """
        if not self._folder.is_dir():
            raise Refused(
                f"{self._folder}: {NO_FOLDER}",
                hint="no copy was removed, and nothing is said to be gone. Mount it, or, if its"
                " disk is lost for good, make an empty folder of that name; then the same command"
                " goes on",
            )

    def _remaining(self) -> Mapping[str, int]:
        found = Counter[str]()
        for one in self._versions():
            found[KEPT if one.marker or self._is_ours(one) else STRANGE] += 1
        self._demand_folder()
        found[KEPT] += len(list(self._copies()))
        found[COPIES] += sum(not _is_copy(path) for path in self._files())
        found[AWAY] += sum(not one.is_dir() for one in self._earlier)
        return +found

    def _versions(self) -> Iterator[StoredVersion]:
        """Give what the host shows under the packs' prefix, in any version.

        Its list of versions may lack what is current, in a bucket that keeps none for example; and
        any list what was written just now, so each pack that the ledger knows is asked for.
        """
        seen = set[tuple[str, str]]()
        with suppress(Unsupported):  # it knows no versions
            for one in self._ctx.retry(lambda: list(self.writer.versions(self._place))):
                seen.add((one.key, one.version_id))
                yield one
        keys = {key for key, _ in seen}
        for stored in self._ctx.retry(lambda: list(self.writer.keys(self._place))):
            if stored.key not in keys:
                seen.add((stored.key, "null"))
                yield StoredVersion(key=stored.key, version_id="null", latest=True)
        for known in self._known():
            if (known.key, known.version_id) not in seen and self._head(known) is not None:
                yield known

    def _known(self) -> list[StoredVersion]:
        """Return the packs that the ledger wrote last, as their versions at the target."""
        route = self._ctx.route(self._dataset)
        prefix = route.header_packs(self._dataset.name)
        return [
            StoredVersion(
                key=route.target_key(row.key), version_id=row.version_id or "null", latest=True
            )
            for row in self._ctx.ledger.packs(self._dataset.id, prefix)
        ]

    def _files(self) -> Iterator[Path]:
        for folder in (self._folder, *self._earlier):
            if folder.is_dir():
                yield from sorted(folder.iterdir())

    def _copies(self) -> Iterator[Path]:
        return filter(_is_copy, self._files())

    def _remove(self, one: StoredVersion) -> None:
        self.writer.remove_version(self._place.bucket, one.key, one.version_id)

    def _head(self, one: StoredVersion) -> Stored | None:
        bucket = self._place.bucket
        version = None if one.version_id == "null" and one.latest else one.version_id
        return self._ctx.retry(lambda: self.writer.head(bucket, one.key, version_id=version))

    def _is_ours(self, one: StoredVersion) -> bool:
        """Say whether we wrote a version; what is gone meanwhile is nobody's."""
        there = self._head(one)
        return there is None or self._ctx.wrote(there)

    def _is_locked(self, one: StoredVersion, now: Moment) -> bool:
        there = self._head(one)
        if there is None or not self._ctx.wrote(there):
            return False
        lock = there.lock
        return lock.hold or (lock.until is not None and not now.passed(lock.until))


def _is_copy(path: Path) -> bool:
    """Say whether a file is a second copy, or what a kill left of one."""
    return path.suffix == ".jsonl" or path.name.startswith(PARTIAL)
