"""Headers are read once, in order, of exactly the verified objects; what was read is kept."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from hdh_migrate.errors import Exit, Interrupted, TargetDiffers, Transient
from hdh_migrate.grants.collecting import HeaderFile, StoredHead, collect, read_header
from hdh_migrate.grants.rewrapping import Rewrapping
from hdh_migrate.model import Stored
from hdh_migrate.sealing.crypt4gh import Crypt4ghEnvelopes
from tests.support.fakes import FakeTarget
from tests.unit.grants.helpers import READER
from tests.unit.sealing.helpers import ESCROW, STEWARD, STRANGER, body, reference_opens

MANY = 50
PLAIN = b"1,2,3\n" * 20


def made(header_for: Crypt4ghEnvelopes | None = None) -> bytes:
    sealer = header_for or Crypt4ghEnvelopes([STEWARD.public, ESCROW.public], STEWARD)
    envelope = sealer.new()
    return envelope.header + body(envelope, PLAIN)


class Shelf:
    """Some objects at a target, and a file for their headers."""

    def __init__(self, folder: Path, many: int = MANY) -> None:
        self.target = FakeTarget("hds")
        self.path = folder / "headers"
        self.done = 0
        for number in range(many):
            self.target.keep("hds", f"in/{number:03}", made())
        self.heads = [self.head(f"in/{number:03}") for number in range(many)]

    def head(self, key: str) -> StoredHead:
        stored = self.target.head("hds", key)
        assert stored is not None
        return StoredHead(
            bucket="hds", stored=Stored(key=key, size=stored.size, etag=stored.etag),
            length=len(PLAIN),
        )  # fmt: skip

    def collect(self, stopped: Callable[[], bool] = lambda: False) -> int:
        """Go on where the file ends, as a command does; return how many it had."""
        headers = HeaderFile(self.path)
        try:
            kept = headers.kept(self.heads)
            collect(
                self.heads[kept:], into=headers, wraps=Rewrapping.of(STEWARD, READER.public),
                reader=self.target, retry=lambda read: read(), connections=4, done=self._count,
                stopped=stopped,
            )  # fmt: skip
        finally:
            headers.close()
        return kept

    def headers(self) -> list[bytes]:
        file = HeaderFile(self.path)
        try:
            file.rewind()
            return [file.next_of(head) for head in self.heads]
        finally:
            file.close()

    def _count(self) -> None:
        self.done += 1


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path)


def test_each_header_opens_its_own_object_for_the_reader(shelf: Shelf) -> None:
    assert shelf.collect() == 0

    assert shelf.done == MANY
    for head, header in zip(shelf.heads, shelf.headers(), strict=True):
        segments = shelf.target.data("hds", head.stored.key)[head.body :]
        assert reference_opens(header + segments, READER) == PLAIN


def test_what_was_stopped_goes_on_and_asks_for_nothing_twice(shelf: Shelf) -> None:
    with pytest.raises(Interrupted) as failure:
        shelf.collect(stopped=lambda: shelf.done >= 20)
    assert failure.value.exit_code is Exit.INTERRUPTED
    before = shelf.path.read_bytes()

    assert shelf.collect() == 20

    assert shelf.path.read_bytes().startswith(before)
    assert shelf.done == MANY
    assert len(shelf.headers()) == MANY


@pytest.mark.parametrize("torn", [1, 8, 131, 132, 140])
def test_a_record_that_was_not_written_whole_is_read_again(shelf: Shelf, torn: int) -> None:
    shelf.collect()
    whole = shelf.headers()
    data = shelf.path.read_bytes()
    shelf.path.write_bytes(data[:-torn] + bytes(torn if torn < 132 else 0))

    assert shelf.collect() == MANY - 1 - torn // 133

    again = shelf.headers()
    assert again[:-2] == whole[:-2]
    assert len(again) == MANY


def test_headers_of_other_objects_are_not_taken_for_these(shelf: Shelf) -> None:
    shelf.collect()
    shelf.target.keep("hds", "in/010", made())
    shelf.heads[10] = shelf.head("in/010")

    assert shelf.collect() == 10


def test_an_object_that_was_replaced_ends_it(shelf: Shelf) -> None:
    shelf.target.keep("hds", "in/030", made())

    with pytest.raises(TargetDiffers, match="was replaced since it was verified"):
        shelf.collect()
    assert shelf.done <= 30


def test_an_object_that_is_gone_ends_it(shelf: Shelf) -> None:
    shelf.target.drop("hds", "in/030")

    with pytest.raises(TargetDiffers, match="does not hold an object any more"):
        shelf.collect()


def test_another_version_with_the_same_etag_is_another_object(shelf: Shelf) -> None:
    head = shelf.heads[0]
    stored = Stored(
        key=head.stored.key, size=head.stored.size, etag=head.stored.etag, version_id="v1"
    )

    with pytest.raises(TargetDiffers, match="was replaced"):
        read_header(shelf.target, StoredHead(bucket="hds", stored=stored, length=head.length))


def test_a_header_for_others_ends_it(shelf: Shelf) -> None:
    foreign = Crypt4ghEnvelopes([STRANGER.public, ESCROW.public], None)
    shelf.target.keep("hds", "in/005", made(foreign))
    shelf.heads[5] = shelf.head("in/005")

    with pytest.raises(TargetDiffers, match="does not open with the steward's key"):
        shelf.collect()


@pytest.mark.parametrize("length", [len(PLAIN) + 300, 0])
def test_an_object_without_room_for_a_header_of_ours_is_refused(shelf: Shelf, length: int) -> None:
    big = Stored(key="in/000", size=10_000_000, etag=shelf.heads[0].stored.etag)
    head = StoredHead(bucket="hds", stored=shelf.heads[0].stored if length else big, length=length)

    with pytest.raises(TargetDiffers, match="no header of ours"):
        read_header(shelf.target, head)


def test_a_target_that_stays_away_keeps_what_was_read(shelf: Shelf) -> None:
    asked = threading.Semaphore(30)

    def away() -> bool:
        if not asked.acquire(blocking=False):
            raise Transient("the target did not answer")
        return False

    with pytest.raises(Transient):
        shelf.collect(stopped=away)
    assert shelf.collect() == 30
