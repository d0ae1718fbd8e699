"""Files of the tool's own are pinned near the keys that changed, as if all of them were."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from hdh_migrate.errors import Exit
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.model import HEADER_PACKS, DatasetRow, Step
from hdh_migrate.pipeline.context import Context
from hdh_migrate.pipeline.dispatch import Dispatcher
from hdh_migrate.pipeline.ends import Ends
from hdh_migrate.pipeline.own_files import own_files
from hdh_migrate.pipeline.own_files.own_files import OwnFiles
from hdh_migrate.pipeline.queue import Deaths
from hdh_migrate.pipeline.transfer.small import ORDER_FILES, OWN_FILES, Small
from hdh_migrate.receipts import Sent
from tests.support.world import World

KEYS = [f"{number:05}".encode() for number in range(9_000)]


class Lines(OwnFiles):
    """Files of lines that a test says, and the keys from which they were asked for."""

    def __init__(self, ctx: Context, said: dict[bytes, bytes]) -> None:
        super().__init__(ctx)
        self.ctx = ctx
        self.said, self.given = said, 0

    def prefix(self, dataset: DatasetRow) -> str:
        return f"{HEADER_PACKS}{dataset.name}/"

    def head(self, dataset: DatasetRow) -> bytes:
        return b"head\n"

    def lines(self, dataset: DatasetRow, start: bytes) -> Iterator[tuple[bytes, bytes]]:
        for key in sorted(self.said):
            if key >= start:
                self.given += 1
                yield key, self.said[key]


@contextmanager
def filed(
    folder: Path, keys: Sequence[bytes] = KEYS
) -> Iterator[tuple[Lines, DatasetRow, SqliteLedger]]:
    """Give files of many lines that were pinned as they are."""
    world = World(folder)
    world.source.put("src", "a", b"a")
    assert world.run() is Exit.OK
    ledger = world.open()
    (dataset,) = ledger.datasets()
    files = Lines(world.context(ledger), {key: key + b" is one\n" for key in keys})
    files.pin_all(dataset)
    try:
        yield files, dataset, ledger
    finally:
        ledger.close()


def pinned(ledger: SqliteLedger, dataset: DatasetRow) -> dict[str, str]:
    """Return the version of every file, by its key."""
    return {
        one.entry.obj.key: one.entry.obj.version
        for portion in ledger.ruled(dataset.id)
        for one in portion
        if one.entry.obj.key.startswith(HEADER_PACKS)
    }


def near_and_all(
    files: Lines, dataset: DatasetRow, ledger: SqliteLedger, changed: list[bytes]
) -> tuple[int, int]:
    """Pin near keys, demand what pinning all gives; return files, and lines that were read."""
    files.given = 0
    files.pin_near(dataset, changed)
    read, near = files.given, pinned(ledger, dataset)
    files.pin_all(dataset)
    assert pinned(ledger, dataset) == near
    return len(near), read


@pytest.mark.parametrize(
    "changed",
    [[0], [4_000], [8_999], [0, 1, 2, 8_999], [*range(500, 1_000)]],
    ids=["first", "middle", "last", "both ends", "a portion"],
)
def test_what_holds_a_key_that_changed_is_pinned_and_nothing_else_is_read(
    tmp_path: Path, changed: list[int]
) -> None:
    with filed(tmp_path) as (files, dataset, ledger):
        before, keys = pinned(ledger, dataset), [KEYS[number] for number in changed]
        assert len(before) > 3
        for key in keys:
            files.said[key] = key + b" is two\n"
        _, read = near_and_all(files, dataset, ledger, keys)
        after = pinned(ledger, dataset)
        assert 1 <= sum(before[key] != after[key] for key in before) <= 2
        assert read < len(KEYS)


def test_keys_that_end_files_belong_to_those(tmp_path: Path) -> None:
    with filed(tmp_path) as (files, dataset, ledger):
        ends = [key for key in KEYS if own_files._ends(key)]
        assert ends
        for key in ends:
            files.said[key] = key + b" is two\n"
            near_and_all(files, dataset, ledger, [key])


@pytest.mark.parametrize("how", ["longer", "shorter", "gone", "new", "all gone"])
def test_where_files_would_begin_elsewhere_all_of_them_are_pinned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """A file ends after so many bytes, wherever that is: lines of other lengths move all ends."""
    monkeypatch.setattr(own_files, "FILE_BYTES", 10_000)
    with filed(tmp_path) as (files, dataset, ledger):
        key = KEYS[100]
        match how:
            case "longer":
                files.said[key] = key + b" is much more than it was" * 200 + b"\n"
            case "shorter":
                files.said[key] = b"\n"
            case "gone":
                del files.said[key]
            case "new":
                key += b"x"
                files.said[key] = key + b" is one\n"
            case _:
                files.said.clear()
        near_and_all(files, dataset, ledger, [key])
        if files.said:  # and what holds nothing now is no place where a file begins
            files.said[KEYS[8_000]] = b"other\n"
            near_and_all(files, dataset, ledger, [KEYS[8_000]])


@pytest.mark.slow
def test_few_files_are_under_way_at_once_however_many_wait(tmp_path: Path) -> None:
    keys = [f"{number:06}".encode() for number in range(120_000)]
    with filed(tmp_path, keys) as (files, dataset, ledger):
        dispatch = Dispatcher(files.ctx, dataset.batch, Step.TRANSFER)
        ends = Ends(files.ctx, dispatch)
        small = Small(files.ctx, dispatch, {dataset.id: dataset}, ends, Deaths())
        orders, sent = [*iter(small.next, None)], 0
        assert {len(one.objects) for one in orders} == {ORDER_FILES}
        assert sum(len(one.objects) for one in orders) == OWN_FILES
        while orders:
            assert sum(len(one.objects) for one in orders) <= OWN_FILES
            for item in orders.pop(0).objects:
                receipt = Sent(
                    id=item.id, attempt=item.attempt, stored_size=1, etag="e", version_id=None,
                    sha256="aa" * 32, sealed_sha256="bb" * 32,
                )  # fmt: skip
                small.apply(receipt)
                sent += 1
            orders += [*iter(small.next, None)]
        assert sent > 2 * OWN_FILES
        assert ledger.todo("small", dataset.id, 1) == []
