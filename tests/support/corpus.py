"""A few objects that between them are everything a migration meets, and how one must end."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from hdh_migrate.model import State
from tests.support.world import BIG, ONE, SEGMENT, Dataset, World

ODD = "dir/é 1 %2F+&'\"🩺.txt"
EXCLUDED = "tmp/scratch"


def filled(folder: Path, dataset: Dataset = ONE[0], **options: Any) -> World:
    """Return a world with the corpus, not yet run."""
    world = World(folder, (dataset,), **options)
    world.target.loses_upload_tags = True  # as hosts do: they are set when it is complete
    put = world.source.put
    bucket = dataset.source.bucket
    put(bucket, "a", noise("a", 10), md5=hashlib.md5(noise("a", 10)).hexdigest())
    put(bucket, "big", noise("big", BIG), tags={"t": "2", "u": "3"})
    put(bucket, ODD, noise(ODD, 3000), metadata={"origin": "ward 3"}, tags={"t": "1"})
    put(bucket, "empty", b"")
    put(bucket, "link", b"", kind="symlink")
    put(bucket, "segment", noise("segment", SEGMENT))
    put(bucket, EXCLUDED, noise(EXCLUDED, 7))
    put(bucket, "z", noise("z", 20_000))
    return world


@cache
def noise(name: str, size: int) -> bytes:
    """Return bytes that differ from name to name and do not repeat within one."""
    return hashlib.shake_128(name.encode()).digest(size)


def ending(world: World) -> dict[str, Any]:
    """Return all that must be the same however often a run was killed; check what must hold."""
    records = world.records()
    (dataset,) = world.datasets
    plain = {}
    for name, record in records.items():
        if record["state"] is State.VERIFIED:
            data = world.opened(dataset, record["key"])
            assert hashlib.sha256(data).hexdigest() == record["sha256"]
            stored = world.target.data(
                dataset.target.bucket, dataset.route.target_key(record["key"])
            )
            assert hashlib.sha256(stored).hexdigest() == record["stored_sha256"]
            assert len(stored) == record["stored_size"]
            plain[name] = data
    keys = sorted(stored.key for stored in world.target.keys(dataset.target))
    fields = ("state", "size", "version", "md5", "sha256", "stored_size", "level", "verdict")
    return {
        "records": {name: [{**r}[field] for field in fields] for name, r in records.items()},
        "plain": plain,
        "keys": keys,
        "tags": {key: dict(world.target.tags_at(dataset.target.bucket, key)) for key in keys},
        "uploads": world.target.uploads(),
        "findings": sorted((code, key or "") for code, key in world.findings()),
        "counts": recounted(world),
    }


def recounted(world: World) -> dict[str, list[int]]:
    """Return objects and bytes by state, after checking that the tallies say the same."""
    ledger = world.open()
    try:
        ledger.check()
        ledger.reconcile()
        counts: dict[str, list[int]] = {}
        for dataset in ledger.datasets():
            for record in ledger.records(dataset.id):
                count = counts.setdefault(f"{dataset.name} {record['state'].name}", [0, 0])
                count[0] += 1
                count[1] += record["size"]
            for state in State:
                tally = ledger.tally(dataset.id, state)
                told = counts.get(f"{dataset.name} {state.name}", [0, 0])
                assert [tally.objects, tally.size] == told, (dataset.name, state)
        return counts
    finally:
        ledger.close()
