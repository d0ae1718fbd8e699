"""What the target holds now, against what was verified there."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import field
from itertools import groupby

from hdh_migrate.frozen import mutable_row
from hdh_migrate.model import DatasetRow, State, Stored, is_reserved, key_text
from hdh_migrate.pipeline.cutover.scene import Scene
from hdh_migrate.pipeline.looks.look_findings import accepted
from hdh_migrate.pipeline.projections.seen import SeenIds

Note = Callable[[str, str, str], None]
"""Takes what a difference is (new, changed, gone), the dataset and the target key."""

HELD = (State.VERIFIED, State.SENT)


@mutable_row
class Holdings:
    """One listing of a batch's places at the target."""

    objects: int = 0
    new: int = 0
    changed: int = 0
    gone: int = 0
    _digest: int = field(default=0, repr=False)

    def take(self, stored: Stored) -> None:
        """Count one listed object."""
        self.objects += 1
        text = f"{stored.key}\0{stored.size}\0{stored.etag}".encode("utf-8", "surrogateescape")
        self._digest += int.from_bytes(hashlib.blake2b(text, digest_size=16).digest(), "big")

    @property
    def digest(self) -> str:
        """An order-independent digest of keys, sizes and ETags."""
        return f"{self._digest:x}"


def look(scene: Scene, note: Note | None = None) -> Holdings:
    """List the batch's places and compare every key with the ledger; safe to call again.

    Raises:
        ListingBroken, Transient: the target gave no whole listing.
    """
    found = Holdings()
    for dataset in scene.datasets():
        _look(scene, dataset, found, note or _silent)
    return found


def _look(scene: Scene, dataset: DatasetRow, found: Holdings, note: Note) -> None:
    ctx, route = scene.ctx, scene.ctx.route(dataset)
    seen, taken = SeenIds(ctx.ledger.last_object()), accepted(ctx.ledger, scene.batch)
    if route.every_version:
        _look_at_versions(scene, dataset, found, note, seen)
        _gone(scene, dataset, found, note, seen)
        return
    for stored in ctx.reader.keys(route.target):
        if is_reserved(stored.key):
            continue
        found.take(stored)
        key = route.source_key(stored.key)
        known = ctx.ledger.find(dataset.id, key) if key is not None else None
        if known is None or known[1] not in HELD:
            if not _of_another(scene, dataset, stored.key):
                found.new += 1
                note("new", dataset.name, stored.key)
            continue
        entry, _ = known
        seen.mark(entry.id)
        if entry.id in taken and stored.etag == taken[entry.id][0]:
            continue  # somebody said why
        if not _same(scene, route.target.bucket, stored, entry.etag, entry.stored_size):
            found.changed += 1
            note("changed", dataset.name, stored.key)
    _gone(scene, dataset, found, note, seen)


def _look_at_versions(
    scene: Scene, dataset: DatasetRow, found: Holdings, note: Note, seen: SeenIds
) -> None:
    """Compare every version with the ledger: one that is not of it is new, a delete is a change."""
    ctx, route = scene.ctx, scene.ctx.route(dataset)
    versions = ctx.reader.versions(route.target)
    for target_key, some in groupby(versions, key=lambda one: one.key):
        if is_reserved(target_key):
            continue
        name = route.source_key(target_key)
        own = name is not None and route.is_sidecar(name)
        known = {
            entry.version_id: entry.id
            for entry, state in (ctx.ledger.named(dataset.id, name) if name is not None else ())
            if state in HELD
        }
        for one in some:
            found.take(Stored(key=target_key, size=0, etag=one.version_id))
            if (number := known.get(one.version_id)) is not None:
                seen.mark(number)
            elif known and (one.marker or own):  # of our own files earlier versions are no news
                found.changed += one.latest
                if one.latest:
                    note("changed", dataset.name, target_key)
            elif not one.marker and not _of_another(scene, dataset, target_key):
                found.new += 1
                note("new", dataset.name, target_key)


def _gone(scene: Scene, dataset: DatasetRow, found: Holdings, note: Note, seen: SeenIds) -> None:
    ctx, route = scene.ctx, scene.ctx.route(dataset)
    for number, key, _, _, state, _ in ctx.ledger.listing(dataset.id):
        if state in HELD and not seen.has(number):
            found.gone += 1
            note("gone", dataset.name, route.target_key(key_text(key)))


def _same(scene: Scene, bucket: str, stored: Stored, etag: str | None, size: int | None) -> bool:
    if (stored.etag, stored.size) == (etag, size):
        return True
    # Some stores spell ETags otherwise in listings; HEAD says what was recorded when it was sent.
    now = scene.ctx.retry(lambda: scene.ctx.reader.head(bucket, stored.key))
    return now is not None and (now.etag, now.size) == (etag, size)


def _of_another(scene: Scene, dataset: DatasetRow, target_key: str) -> bool:
    """Return whether a key under this dataset's prefix belongs to another dataset of the plan."""
    bucket = scene.ctx.route(dataset).target.bucket
    for other in scene.ctx.ledger.datasets():
        route = scene.ctx.route(other)
        if other.id == dataset.id or route.target.bucket != bucket:
            continue
        key = route.source_key(target_key)
        if key is not None and scene.ctx.ledger.pinned(other.id, key) is not None:
            return True
    return False


def _silent(what: str, dataset: str, key: str) -> None:
    del what, dataset, key
