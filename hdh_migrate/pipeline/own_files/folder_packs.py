"""Header packs where they are kept: read back at the target, and copied to a folder.

The second copy is the pack as it is stored, sealed. It is written once the pack is verified, from
bytes whose SHA-256 is the verified one, and read whole each time somebody asks whether it is good:
nothing but the file itself says so.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import field
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hdh_migrate.bounded import in_lists
from hdh_migrate.errors import (
    Conflict,
    Missing,
    NoSpace,
    PackDamaged,
    Refused,
    TargetDiffers,
    UnsealFailed,
)
from hdh_migrate.events.run import HeadersCopied
from hdh_migrate.fixity import MerkleTree, canonical_json, leaf_digest
from hdh_migrate.folders import FULL, PARTIAL, make_private, write_whole
from hdh_migrate.frozen import mutable_row
from hdh_migrate.model import MIB, DatasetRow, PackRow, Place, State, Stored
from hdh_migrate.pipeline.pack_keeping import PackWork
from hdh_migrate.pipeline.packed import PackedKey, lines_of
from hdh_migrate.pipeline.workers.rechecking import demand_lasting
from hdh_migrate.pipeline.working_set import working_set
from hdh_migrate.plan.files import NotRegularError, read_bounded

if TYPE_CHECKING:
    from hdh_migrate.pipeline.workers.work import Route
    from hdh_migrate.ports.ledger import Ledger


PACK_MAX: Final = 16 * MIB
"""Bytes of the largest pack that is read: ours have a quarter of it."""


PLACES: Final = "second-copies:"
"""How the names of the ledger begin that keep where second copies were made."""


PORTION: Final = 500
"""Headers that are written down at once."""


@mutable_row
class PackSums:
    """How many packs there are, and a root over what they are at the target, in key order."""

    packs: int = 0
    bytes: int = 0
    tree: MerkleTree = field(default_factory=MerkleTree)

    def add(self, stored_size: int, stored_sha256: str | None) -> None:
        """Count one pack as the target holds it."""
        line = canonical_json({"stored_sha256": stored_sha256, "stored_size": stored_size})
        self.tree.append(leaf_digest(line))
        self.packs += 1
        self.bytes += stored_size


class FolderPacks:
    """Keeps the second copies in a folder, under DATASET/NAME."""

    def __init__(self, folder: Path, *, named: str | None = None) -> None:
        """`named` is what the plan calls the folder, None where no plan does."""
        self.folder, self._named = folder, named

    def copy(self, ctx: PackWork, batch: str, only: Collection[int] | None = None) -> int:
        """Make the second copy of each verified pack of a batch that has none; return how many.

        With `only`, of the packs with these numbers, and nothing is recorded of it.

        Raises:
            Refused, NoSpace: the folder cannot be written.
            TargetDiffers: the target's pack is not the one that was verified.
        """
        made, sums, cleared = 0, PackSums(), set[Path]()
        self._remember(ctx.ledger)
        for dataset, row in _verified(ctx, batch):
            if only is not None and row.id not in only:
                continue
            sums.add(row.stored_size or 0, row.stored_sha256)
            path = self.path(dataset.name, row.key)
            if self._holds(path, row):
                continue
            body = _read(ctx, ctx.route(dataset), row)
            try:
                make_private(path.parent)
                if path.parent not in cleared:  # once: it looks at every file that is there
                    _clear(path.parent)
                    cleared.add(path.parent)
                write_whole(path, body, replace=True)
            except OSError as error:
                raise _unwritable(path, error) from None
            if not self._holds(path, row):
                raise _lacking(
                    "the second copy of a header pack does not read back as it was written"
                )
            made += 1
        if only is None:
            self._tell(ctx, batch, sums)
        return made

    def _remember(self, ledger: Ledger) -> None:
        """Keep where copies are made: a plan may name another folder later, and they stay here."""
        if self._named is not None and self._named not in named_before(ledger):
            ledger.set_meta(f"{PLACES}{self._named}", "")
            ledger.commit()

    def path(self, dataset: str, key: str) -> Path:
        """Return where the copy of a pack is, or would be."""
        return self.folder / dataset / key.rpartition("/")[2]

    def opened(self, ctx: PackWork, dataset: DatasetRow, pack: PackRow) -> Iterator[PackedKey]:
        """Yield what a verified pack holds that is at both places, looked at just now.

        Raises:
            TargetDiffers: it is not as it was verified.
            UnsealFailed, PackDamaged: it is, and does not open.
        """
        stored = self._demand(ctx, dataset, pack)
        body = ctx.envelopes.own.whole(stored)
        yield from lines_of(body, dataset.name, ctx.route(dataset).target.bucket)

    def demand_dataset(self, ctx: PackWork, dataset: DatasetRow) -> None:
        """Demand that each verified pack of a dataset is at both places, looked at just now.

        Raises:
            TargetDiffers: one is not as it was verified.
        """
        for row in _rows(ctx, dataset):
            if row.state is State.VERIFIED:
                self._demand(ctx, dataset, row)

    def _demand(self, ctx: PackWork, dataset: DatasetRow, row: PackRow) -> bytes:
        body = _read(ctx, ctx.route(dataset), row)
        if not self._holds(self.path(dataset.name, row.key), row):
            raise _lacking("the second copy of a header pack is not there, or not as it was")
        return body

    def demand(self, ctx: PackWork, batch: str) -> None:
        """Demand that every verified object of a batch can be opened again, looked at just now.

        Nothing is asked of datasets whose headers were erased.

        Raises:
            TargetDiffers: a pack or its copy is not as it was verified, or lacks an object.
        """
        ledger = ctx.ledger
        datasets = working_set(ledger, batch)
        waiting = sum(
            row.state is not State.VERIFIED for dataset in datasets for row in _rows(ctx, dataset)
        )
        lacking = ledger.without_header(batch)
        if waiting or lacking or any(ledger.has_unpacked(row.id) for row in datasets):
            raise _lacking("a verified object is in no verified header pack")
        for dataset, row in _verified(ctx, batch):
            self._demand(ctx, dataset, row)

    def glance(self, ctx: PackWork, batch: str) -> int:
        """Demand that packs and copies are there still, without reading; return how many are.

        Raises:
            TargetDiffers: one is not, or is another one by its size, ETag or version.
            Refused: the target announces that it will delete one by itself.
        """
        seen = 0
        for dataset, row in _verified(ctx, batch):
            route, held = ctx.route(dataset), (row.stored_size, row.etag, row.version_id)
            where = (route.target.bucket, route.target_key(row.key))
            now = ctx.retry(lambda where=where: ctx.reader.head(*where))  # type: ignore[misc]
            if now is None or (now.size, now.etag, now.version_id) != held:
                raise _gone_since("the target does not hold a header pack as it was verified")
            demand_lasting(now)
            if _size(self.path(dataset.name, row.key)) != row.stored_size:
                raise _gone_since("the second copy of a header pack is not there any more")
            seen += 1
        return seen

    def learn(self, ctx: PackWork, dataset: DatasetRow) -> int:
        """Take the headers of waiting objects from packs; return how many packs do not open.

        Those at the target count more than the copies. What they say of an object is proved when
        it is read: with a wrong header it does not open.
        """
        route, unopened = ctx.route(dataset), 0
        for stored in chain(self._copied(dataset.name), self._at_target(ctx, dataset)):
            try:
                pack = ctx.envelopes.own.whole(stored)
                for some in in_lists(lines_of(pack, dataset.name, route.target.bucket), PORTION):
                    self._take(ctx, dataset, some)
            except (UnsealFailed, PackDamaged):
                unopened += 1
        return unopened

    def opens(self, ctx: PackWork, entry: int) -> bool:
        """Say whether a header of the object is kept."""
        return ctx.ledger.header(entry) is not None

    def _copied(self, dataset: str) -> Iterator[bytes]:
        folder = self.folder / dataset
        try:
            for path in sorted(folder.iterdir()) if folder.is_dir() else ():
                if path.name.startswith(PARTIAL):
                    continue  # a copy that a kill cut short
                with suppress(NotRegularError):  # whatever somebody put there, it is no copy
                    if len(stored := read_bounded(path, PACK_MAX)) <= PACK_MAX:
                        yield stored
        except OSError as error:
            reason = (error.strerror or "unknown reason").lower()
            raise Refused(
                f"{folder}: the second copies of header packs cannot be read: {reason}",
                hint="nothing was changed; what only they open would be sent anew. Give rights, and"
                " give the same command again",
            ) from None

    def _at_target(self, ctx: PackWork, dataset: DatasetRow) -> Iterator[bytes]:
        route = ctx.route(dataset)
        begins = route.target_key(route.header_packs(dataset.name)).removesuffix(route.suffix)
        place = Place(bucket=route.target.bucket, prefix=begins)
        for stored in ctx.retry(lambda: list(ctx.reader.keys(place))):
            if stored.size <= PACK_MAX:
                yield _body(ctx, route.target.bucket, stored)

    def _take(self, ctx: PackWork, dataset: DatasetRow, some: Sequence[PackedKey]) -> None:
        ledger = ctx.ledger
        with ledger.whole():
            for one in some:
                found = ledger.find(dataset.id, one.key)
                if found is not None and found[1] is State.LISTED:
                    ledger.keep_header(found[0].id, ctx.envelopes.wrap(one.data_key))
            ledger.commit()

    def _holds(self, path: Path, row: PackRow) -> bool:
        try:
            with path.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest() == row.stored_sha256
        except OSError:
            return False

    def _tell(self, ctx: PackWork, batch: str, sums: PackSums) -> None:
        """Write down that all of them have their copy, unless that was written down last."""
        event = HeadersCopied(
            batch=batch, packs=sums.packs, bytes=sums.bytes, root=sums.tree.root()
        )
        last = [one for _, one in ctx.ledger.events(HeadersCopied) if one.batch == batch][-1:]
        if sums.packs and last != [event]:
            ctx.ledger.event(event)
            ctx.ledger.commit()


def named_before(ledger: Ledger) -> list[str]:
    """Return each folder that the plan has named for second copies, as it named it."""
    return sorted(ledger.metas(PLACES))


def _clear(folder: Path) -> None:
    """Remove what killed commands left of copies: nobody else writes here."""
    for path in folder.glob(f"{PARTIAL}*"):
        path.unlink(missing_ok=True)


def _rows(ctx: PackWork, dataset: DatasetRow) -> Iterator[PackRow]:
    return ctx.ledger.packs(dataset.id, ctx.route(dataset).header_packs(dataset.name))


def _verified(ctx: PackWork, batch: str) -> Iterator[tuple[DatasetRow, PackRow]]:
    for dataset in sorted(working_set(ctx.ledger, batch), key=lambda row: row.name):
        for row in _rows(ctx, dataset):
            if row.state is State.VERIFIED:
                yield dataset, row


def _read(ctx: PackWork, route: Route, row: PackRow) -> bytes:
    """Return a pack as the target holds it, if it is the one that was verified.

    Raises:
        TargetDiffers: it is not.
    """
    stored = Stored(
        key=route.target_key(row.key), size=row.stored_size or 0, etag=row.etag or "",
        version_id=row.version_id,
    )  # fmt: skip

    try:
        body = _body(ctx, route.target.bucket, stored)
    except (Missing, Conflict):
        raise _lacking("the target does not hold a header pack as it was verified") from None
    if hashlib.sha256(body).hexdigest() != row.stored_sha256:
        raise _lacking("the target does not hold a header pack as it was verified")
    return body


def _body(ctx: PackWork, bucket: str, stored: Stored) -> bytes:
    def read() -> bytes:
        body = bytearray()
        ctx.reader.read(bucket, stored, None, body.extend)
        return bytes(body)

    return ctx.retry(read)


def _lacking(what: str) -> TargetDiffers:
    return TargetDiffers(
        what,
        hint='nothing was deleted; "hdh-migrate verify PLAN --again" tells which pack it is and'
        " lets the next run mend it, and makes copies that are missing",
    )


def _gone_since(what: str) -> TargetDiffers:
    return TargetDiffers(
        what,
        hint='nothing more is deleted; "hdh-migrate verify PLAN --again" tells which pack it is and'
        " lets the next run mend it, and makes copies that are missing; then give the same command"
        " again",
    )


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None


def _unwritable(path: Path, error: OSError) -> Refused | NoSpace:
    reason = (error.strerror or "unknown reason").lower()
    what = f"{path.parent}: the second copy of a header pack cannot be written: {reason}"
    hint = (
        "everything at the target is as it was verified; make room or give rights, or change"
        " `seal.second_copy` in the plan, and give the same command again"
    )
    return (NoSpace if error.errno in FULL else Refused)(what, hint=hint)
