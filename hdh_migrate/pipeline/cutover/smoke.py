"""Smoke tests: what a consumer finds behind the new pointer is what was verified.

Which objects are read follows from the manifest root, so nobody chooses them and anybody can
compute them again. They are read with a consumer's credential, opened with a consumer's key, and
compared with the ledger's digests.
"""

from __future__ import annotations

import hashlib
import heapq
from collections import Counter
from collections.abc import Iterator
from functools import partial

from hdh_migrate.errors import MigrateError, SmokeFailed, Stopped
from hdh_migrate.events.cutover import CutoverSmoked, CutoverSmoking, SmokeCommandRan
from hdh_migrate.model import DatasetRow, State, Stored, key_text
from hdh_migrate.pipeline.cutover.scene import Consumer, Scene
from hdh_migrate.telemetry import counted


def test(scene: Scene, root: str) -> None:
    """Run every smoke test and write down how each ended; safe to run again.

    Raises:
        SmokeFailed: one of them failed; all of them were run.
    """
    chosen = sample(scene, root)
    scene.note(
        CutoverSmoking(**scene.about, objects=len(chosen), programs=len(scene.programs), root=root)
    )
    failures, size = Counter[str](), 0
    consumer, lacking = _opened(scene) if chosen else (None, None)
    for dataset, key in chosen:
        got, failure = (0, lacking) if consumer is None else _read(scene, consumer, dataset, key)
        size += got
        if failure is not None:
            failures[f"dataset {dataset.name}: {failure}"] += 1
    commands = [_ran(scene, number) for number in range(len(scene.programs))]
    problems = [f"{counted(count, 'object')} of {what}" for what, count in sorted(failures.items())]
    problems += [f"command {one.name}: {one.told}" for one in commands if not one.ok]
    scene.note(
        CutoverSmoked(
            **scene.about, ok=not problems, objects=len(chosen) - failures.total(), bytes=size,
            commands=tuple(commands), failures=tuple(problems),
        )
    )  # fmt: skip
    if problems:
        scene.waits("smoke-failed", problems)
        raise SmokeFailed(
            "the pointer is switched, but smoke tests failed:\n"
            + "\n".join(f"  {line}" for line in problems),
            hint=f'go back with "hdh-migrate cutover rollback PLAN --batch {scene.batch}", or mend'
            " it and start again: the tests are run again",
        )


def _opened(scene: Scene) -> tuple[Consumer | None, str | None]:
    """Return what a consumer has, or why that cannot be had any more: before the switch it could.

    The pointer is switched: whatever it is, whoever reads of it must read that, too.
    """
    try:
        return scene.consumer(), None
    except Stopped:
        raise
    except MigrateError as error:
        return None, error.journalled or str(error)


def sample(scene: Scene, root: str) -> list[tuple[DatasetRow, str]]:
    """Return the objects to read: those whose digests under the root are the smallest."""
    seed = hashlib.sha256(f"{root}\0{scene.batch}".encode()).digest()

    def ranked() -> Iterator[tuple[bytes, DatasetRow, str]]:
        for dataset in scene.datasets():
            for key in _current(scene, dataset):
                text = dataset.name.encode() + b"\0" + key
                yield hashlib.blake2b(text, key=seed).digest(), dataset, key_text(key)

    best = heapq.nsmallest(scene.terms.smoke_objects, ranked(), key=lambda one: one[0])
    return [(dataset, key) for _, dataset, key in best]


def _current(scene: Scene, dataset: DatasetRow) -> Iterator[bytes]:
    """Give the keys of verified objects: of versions of a name the last, which readers get."""
    last: bytes | None = None
    for _, key, _, _, state, _ in scene.ctx.ledger.listing(dataset.id):
        if state == State.VERIFIED:
            if last is not None and last.partition(b"\0")[0] != key.partition(b"\0")[0]:
                yield last
            last = key
    if last is not None:
        yield last


def _read(
    scene: Scene, consumer: Consumer, dataset: DatasetRow, key: str
) -> tuple[int, str | None]:
    """Return the plaintext bytes that a consumer got, and what is wrong with them."""
    try:
        return scene.ctx.retry(partial(_digest, scene, consumer, dataset, key))
    except Stopped:
        raise
    except MigrateError as error:
        return 0, str(error)


def _digest(
    scene: Scene, consumer: Consumer, dataset: DatasetRow, key: str
) -> tuple[int, str | None]:
    found = scene.ctx.ledger.find(dataset.id, key)
    assert found is not None
    entry, route = found[0], scene.ctx.route(dataset)
    digest = hashlib.sha256()
    unsealer = consumer.envelopes.unsealer(
        size=entry.obj.size, write=digest.update, header=scene.ctx.ledger.header(entry.id)
    )
    stored = Stored(key=route.target_key(key), size=entry.stored_size or 0, etag=entry.etag or "")
    consumer.reader.read(route.target.bucket, stored, None, unsealer.write)
    unsealer.close()
    if digest.hexdigest() != entry.sha256:
        return entry.obj.size, "the bytes are not those that were verified"
    return entry.obj.size, None


def _ran(scene: Scene, number: int) -> SmokeCommandRan:
    program = scene.programs[number]
    ran = program.run()
    return SmokeCommandRan(name=program.name, ok=ran.ok, told=ran.detail)
