"""One suite for every target: what `ports.TargetReader` and `ports.TargetWriter` promise.

Adding a host is one entry of `tests.support.contract.TARGETS`.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from hdh_migrate.errors import (
    AccessDenied,
    Conflict,
    Missing,
    StorageError,
    Transient,
    Unsupported,
)
from hdh_migrate.model import Lock, Place, Span, Stamp, Stored, Upload
from tests.support.contract import ODD, TARGETS, TargetRig, of

pytestmark = pytest.mark.live

MIB = 1 << 20
BODY = random.Random(11).randbytes(300_000)
PART = random.Random(13).randbytes(5 * MIB)
END = b"the end"
STAMP = Stamp(attempt="run-1-1", metadata={"Scan_Date": "2024-01-02"})
LATER = "2036-11-26T00:00:00Z"
LATEST = "2037-11-26T00:00:00Z"

every = of(TARGETS)


@pytest.fixture
def rig(name: str, request: pytest.FixtureRequest) -> TargetRig:
    return TARGETS[name].make(request.getfixturevalue, False)


@pytest.fixture
def locked(name: str, request: pytest.FixtureRequest) -> TargetRig:
    """A rig whose bucket has object lock."""
    return TARGETS[name].make(request.getfixturevalue, True)


def put(
    rig: TargetRig,
    key: str = "in/a",
    data: bytes = BODY,
    *,
    stamp: Stamp = STAMP,
    replaces: str | None = None,
) -> Stored:
    return rig.writer.put(
        rig.bucket, key, memoryview(data), sha256=digest(data), stamp=stamp, replaces=replaces
    )


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def read(rig: TargetRig, stored: Stored, span: Span | None = None) -> bytes:
    got = bytearray()
    rig.writer.read(rig.bucket, stored, span, got.extend)
    return bytes(got)


def there(rig: TargetRig, key: str = "in/a") -> Stored:
    found = rig.writer.head(rig.bucket, key)
    assert found is not None
    return found


def keys(rig: TargetRig, prefix: str = "") -> list[str]:
    return [one.key for one in rig.writer.keys(Place(bucket=rig.bucket, prefix=prefix))]


# --- reading -------------------------------------------------------------------------------------


@every
def test_nothing_is_missing_in_a_bucket_that_is_there(rig: TargetRig) -> None:
    assert list(rig.writer.check(Place(bucket=rig.bucket))) == []


@every
def test_a_bucket_that_is_not_there_is_said_and_not_raised(rig: TargetRig) -> None:
    (problem,) = rig.writer.check(Place(bucket="nowhere-at-all"))
    assert problem.what == "there is no such bucket"


@every
def test_a_bucket_without_object_lock_says_so(rig: TargetRig) -> None:
    assert rig.writer.locks(Place(bucket=rig.bucket)) is False


@every
def test_a_listing_tells_everything_under_a_prefix_once(rig: TargetRig) -> None:
    many = [f"in/{n:04}" for n in range(25)]  # three pages of the strict server
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda key: put(rig, key, b"x"), many))
    put(rig, "into", b"xy")

    found = list(rig.writer.keys(Place(bucket=rig.bucket, prefix="in/")))

    assert [one.key for one in found] == many
    assert {one.size for one in found} == {1}
    assert {one.etag for one in found} == {there(rig, many[0]).etag}
    assert keys(rig) == [*many, "into"]
    assert keys(rig, "nothing/") == []


@every
def test_head_tells_size_etag_and_what_was_written_beside(rig: TargetRig) -> None:
    assert rig.writer.head(rig.bucket, "in/a") is None
    stored = put(rig)

    found = there(rig)

    assert (found.key, found.size, found.etag) == ("in/a", len(BODY), stored.etag)
    assert found.metadata == {"hdh-attempt": STAMP.attempt, "scan_date": "2024-01-02"}
    assert rig.writer.head(rig.bucket, "in/") is None


@every
def test_a_read_hands_over_the_object_or_the_span_and_what_is_beside(rig: TargetRig) -> None:
    stored, size = put(rig), len(BODY)
    assert read(rig, stored) == BODY
    for start, length in ((0, size), (0, 1), (size - 1, 1), (65_000, 100_000)):
        assert read(rig, stored, Span(start, length)) == BODY[start : start + length]
    told = rig.writer.read(rig.bucket, stored, None, lambda _: None)
    assert told.metadata["hdh-attempt"] == STAMP.attempt


@every
def test_an_empty_object_is_an_object(rig: TargetRig) -> None:
    stored = put(rig, data=b"")
    assert there(rig).size == 0
    assert read(rig, stored) == b""
    assert keys(rig) == ["in/a"]


@every
def test_another_object_is_not_read_in_the_place_of_the_one_that_was_stored(rig: TargetRig) -> None:
    stored = put(rig)
    for other in (BODY[::-1], b"shorter", BODY + b"longer"):
        rig.intrude("in/a", other)
        with pytest.raises(Conflict):
            read(rig, stored)
        with pytest.raises(Conflict):
            read(rig, stored, Span(3, 5))


@every
def test_what_is_not_there_is_missing(rig: TargetRig) -> None:
    stored = put(rig)
    with pytest.raises(Missing):
        read(rig, replace(stored, key="in/b"))


@every
@pytest.mark.parametrize("by", [1, -1])
def test_a_size_that_was_told_wrong_is_not_served(rig: TargetRig, by: int) -> None:
    stored = put(rig)
    with pytest.raises(Transient):
        read(rig, replace(stored, size=stored.size + by))


@every
def test_odd_names_make_the_whole_journey(rig: TargetRig) -> None:
    stored = {odd: put(rig, odd) for odd in ODD}
    assert sorted(keys(rig)) == sorted(ODD)
    for odd, one in stored.items():
        assert there(rig, odd).etag == one.etag
        assert read(rig, one, Span(7, 9)) == BODY[7:16]
        assert odd not in repr(one)
    uploads = [rig.writer.begin(rig.bucket, f"{odd} too", stamp=STAMP) for odd in ODD]
    assert sorted(key for key, _ in opened(rig)) == sorted(f"{odd} too" for odd in ODD)
    for upload in uploads:
        rig.writer.abort(upload)
    assert opened(rig) == []


# --- one PUT -------------------------------------------------------------------------------------


@of(TARGETS, "conditional put")
def test_an_object_is_created_only_where_there_is_none(rig: TargetRig) -> None:
    rig.intrude("in/a", b"somebody else's")
    with pytest.raises(Conflict):
        put(rig)
    assert read(rig, there(rig)) == b"somebody else's"


@of(TARGETS, "conditional put")
def test_an_object_is_replaced_only_if_it_is_the_one_that_was_meant(rig: TargetRig) -> None:
    first = put(rig)
    second = put(rig, data=END, replaces=first.etag)
    assert read(rig, second) == END

    with pytest.raises(Conflict):
        put(rig, replaces=first.etag)
    assert read(rig, there(rig)) == END


def claim(rig: TargetRig, data: bytes, *, replaces: str | None) -> Stored:
    return rig.writer.claim(
        rig.bucket, "in/a", memoryview(data), sha256=digest(data), stamp=STAMP, replaces=replaces
    )


@of(TARGETS, "conditional put")
def test_a_claim_is_stored_under_its_condition_or_not_at_all(rig: TargetRig) -> None:
    first = claim(rig, b"one", replaces=None)
    with pytest.raises(Conflict):
        claim(rig, b"another", replaces=None)
    with pytest.raises(Conflict):
        claim(rig, b"another", replaces="0" * 32)
    second = claim(rig, b"two", replaces=first.etag)
    assert read(rig, there(rig)) == b"two"
    assert there(rig).etag == second.etag
    assert there(rig).metadata["hdh-attempt"] == STAMP.attempt
    rig.intrude("in/a", b"theirs")
    with pytest.raises(Conflict):
        claim(rig, b"three", replaces=second.etag)
    assert read(rig, there(rig)) == b"theirs"


@of(TARGETS, "conditional put")
def test_a_claim_on_what_is_gone_is_refused(rig: TargetRig) -> None:
    with pytest.raises(Conflict):
        claim(rig, b"one", replaces="0" * 32)
    assert keys(rig) == []


@every
def test_a_claim_needs_a_host_that_is_said_to_keep_conditions(rig: TargetRig, name: str) -> None:
    if "conditional put" in TARGETS[name].traits:
        return
    with pytest.raises(Unsupported):
        claim(rig, b"one", replaces=None)
    assert keys(rig) == []


@of(TARGETS, "conditional put", but=True)
def test_a_host_without_conditions_is_written_to_all_the_same(rig: TargetRig) -> None:
    first = put(rig)
    assert not rig.writer.limits.conditional_put
    assert read(rig, put(rig, data=END, replaces=first.etag)) == END


@of(TARGETS, "digests")
def test_a_body_of_another_digest_is_not_stored(rig: TargetRig) -> None:
    body = memoryview(BODY)
    with pytest.raises(Transient):
        rig.writer.put(rig.bucket, "in/a", body, sha256=digest(END), stamp=STAMP, replaces=None)
    assert rig.writer.head(rig.bucket, "in/a") is None
    upload = rig.writer.begin(rig.bucket, "in/a", stamp=STAMP)
    with pytest.raises(Transient):
        rig.writer.put_part(upload, 1, body, sha256=digest(END))
    assert dict(rig.writer.parts(upload)) == {}


# --- tags and locks ------------------------------------------------------------------------------

TAGS = {"ward": "3", "etude/1": "a b+c=d"}


@of(TARGETS, "tags")
def test_tags_are_written_with_the_object_and_told(rig: TargetRig) -> None:
    stored = put(rig, stamp=replace(STAMP, tags=TAGS))
    assert rig.writer.tags(rig.bucket, stored) == TAGS
    assert there(rig).tag_count == len(TAGS)
    assert rig.writer.tags(rig.bucket, put(rig, "in/none")) == {}


@of(TARGETS, "tags")
def test_tags_are_set_in_place_of_any_and_again(rig: TargetRig) -> None:
    stored = put(rig, stamp=replace(STAMP, tags=TAGS))
    for _ in range(2):
        rig.writer.tag(rig.bucket, stored, {"ward": "4"})
    assert rig.writer.tags(rig.bucket, stored) == {"ward": "4"}
    assert read(rig, there(rig)) == BODY


@of(TARGETS, "tags")
def test_tags_arrive_with_an_upload(rig: TargetRig) -> None:
    upload, parts = sent(rig, END, stamp=replace(STAMP, tags=TAGS))
    assert rig.writer.tags(rig.bucket, completed(rig, upload, parts)) == TAGS


@of(TARGETS, "lock")
def test_an_object_is_written_under_its_lock(locked: TargetRig) -> None:
    assert locked.writer.locks(Place(bucket=locked.bucket)) is True
    lock = Lock(mode="governance", until=LATER, hold=True)
    put(locked, stamp=replace(STAMP, lock=lock))
    found = there(locked)
    assert found.lock == lock
    assert locked.writer.lock(locked.bucket, found) == lock


@of(TARGETS, "lock")
def test_an_object_that_nothing_keeps_has_no_lock(locked: TargetRig) -> None:
    put(locked)
    assert locked.writer.lock(locked.bucket, there(locked)) == Lock()


@of(TARGETS, "lock")
def test_a_lock_is_put_on_later_and_again_and_made_longer(locked: TargetRig) -> None:
    put(locked)
    stored = there(locked)
    for until in (LATER, LATER, LATEST):
        lock = Lock(mode="compliance", until=until)
        locked.writer.retain(locked.bucket, stored, lock)
        assert locked.writer.lock(locked.bucket, stored) == lock


@of(TARGETS, "lock")
def test_a_lock_is_never_made_shorter(locked: TargetRig) -> None:
    lock = Lock(mode="compliance", until=LATEST)
    put(locked, stamp=replace(STAMP, lock=lock))
    stored = there(locked)
    with pytest.raises(AccessDenied):
        locked.writer.retain(locked.bucket, stored, replace(lock, until=LATER))
    assert locked.writer.lock(locked.bucket, stored) == lock


@of(TARGETS, "lock")
def test_an_upload_is_completed_under_its_lock(locked: TargetRig) -> None:
    lock = Lock(mode="governance", until=LATER)
    upload = locked.writer.begin(locked.bucket, "in/a", stamp=replace(STAMP, lock=lock))
    upload = replace(upload, locked=True)
    parts = [(1, locked.writer.put_part(upload, 1, memoryview(END), sha256=digest(END)))]
    stored = completed(locked, upload, parts)
    assert locked.writer.lock(locked.bucket, stored) == lock


# --- an upload -----------------------------------------------------------------------------------


def sent(
    rig: TargetRig, *bodies: bytes, key: str = "in/a", stamp: Stamp = STAMP
) -> tuple[Upload, list[tuple[int, str]]]:
    upload = rig.writer.begin(rig.bucket, key, stamp=stamp)
    return upload, [
        (number, rig.writer.put_part(upload, number, memoryview(body), sha256=digest(body)))
        for number, body in enumerate(bodies, 1)
    ]


def completed(
    rig: TargetRig,
    upload: Upload,
    parts: Sequence[tuple[int, str]],
    size: int = len(END),
    *,
    attempt: str = STAMP.attempt,
    replaces: str | None = None,
) -> Stored:
    return rig.writer.complete(upload, parts, size=size, attempt=attempt, replaces=replaces)


def opened(rig: TargetRig, prefix: str = "") -> list[tuple[str, str]]:
    place = Place(bucket=rig.bucket, prefix=prefix)
    return [(one.key, one.upload_id) for one, _ in rig.writer.open_uploads(place)]


@every
def test_parts_become_one_object_when_they_are_completed_and_not_before(rig: TargetRig) -> None:
    upload, parts = sent(rig, PART, PART[::-1], END)
    assert rig.writer.head(rig.bucket, "in/a") is None
    assert keys(rig) == []

    stored = completed(rig, upload, parts, 2 * len(PART) + len(END))

    assert read(rig, stored) == PART + PART[::-1] + END
    assert there(rig).metadata == {"hdh-attempt": STAMP.attempt, "scan_date": "2024-01-02"}
    assert opened(rig) == []


@every
def test_parts_are_told_as_they_were_sent_in_any_order(rig: TargetRig) -> None:
    upload = rig.writer.begin(rig.bucket, "in/a", stamp=STAMP)
    assert dict(rig.writer.parts(upload)) == {}
    sizes = {5: 70_000, 1: 10, 3: 65_536}
    etags = {
        number: rig.writer.put_part(
            upload, number, memoryview(BODY[:size]), sha256=digest(BODY[:size])
        )
        for number, size in sizes.items()
    }

    found = rig.writer.parts(upload)

    assert {number: part.size for number, part in found.items()} == sizes
    assert {number: part.etag for number, part in found.items()} == etags
    assert all(part.number == number for number, part in found.items())


@of(TARGETS, "parts again")
def test_a_part_that_is_sent_again_takes_the_place_of_the_first(rig: TargetRig) -> None:
    upload, first = sent(rig, BODY)
    again = rig.writer.put_part(upload, 1, memoryview(END), sha256=digest(END))
    assert again != first[0][1]
    (part,) = rig.writer.parts(upload).values()
    assert (part.size, part.etag) == (len(END), again)
    assert read(rig, completed(rig, upload, [(1, again)])) == END


@every
def test_a_part_is_streamed_as_it_is_made(rig: TargetRig) -> None:
    upload = rig.writer.begin(rig.bucket, "in/a", stamp=STAMP)
    left = bytearray(BODY)

    def pull(most: int) -> bytes:
        piece = bytes(left[: min(most, 7_000)])
        del left[: len(piece)]
        return piece

    etag = rig.writer.stream_part(upload, 1, len(BODY), pull)

    assert [part.size for part in rig.writer.parts(upload).values()] == [len(BODY)]
    assert read(rig, completed(rig, upload, [(1, etag)], len(BODY))) == BODY


@every
def test_a_part_whose_source_ends_early_is_no_part(rig: TargetRig) -> None:
    upload = rig.writer.begin(rig.bucket, "in/a", stamp=STAMP)
    left = [BODY[:1000]]
    with pytest.raises(StorageError):
        rig.writer.stream_part(upload, 1, len(BODY), lambda _: left.pop() if left else b"")
    assert dict(rig.writer.parts(upload)) == {}


@of(TARGETS, "conditional complete")
def test_an_upload_makes_no_object_where_there_is_another_by_now(rig: TargetRig) -> None:
    upload, parts = sent(rig, END)
    rig.intrude("in/a", b"somebody else's")
    with pytest.raises(Conflict):
        completed(rig, upload, parts)
    assert read(rig, there(rig)) == b"somebody else's"


@of(TARGETS, "complete in place")
def test_an_upload_takes_the_place_of_no_other_object_than_it_replaces(rig: TargetRig) -> None:
    """A completion that replaces was sent without a condition: what came in between was lost."""
    first = put(rig)
    upload, parts = sent(rig, END, stamp=replace(STAMP, attempt="run-1-2"))
    rig.intrude("in/a", b"somebody else's")
    with pytest.raises(Conflict):
        completed(rig, upload, parts, attempt="run-1-2", replaces=first.etag)
    assert read(rig, there(rig)) == b"somebody else's"


@every
def test_an_upload_takes_the_place_of_the_object_that_it_replaces(rig: TargetRig) -> None:
    first = put(rig)
    upload, parts = sent(rig, END, stamp=replace(STAMP, attempt="run-1-2"))
    stored = completed(rig, upload, parts, attempt="run-1-2", replaces=first.etag)
    assert read(rig, stored) == END


@every
def test_completing_again_after_a_lost_reply_is_the_same_object(rig: TargetRig) -> None:
    upload, parts = sent(rig, END)
    first = completed(rig, upload, parts)
    again = completed(rig, upload, parts)
    assert (again.key, again.size, again.etag) == (first.key, first.size, first.etag)
    assert read(rig, again) == END


@every
def test_an_upload_that_is_gone_makes_no_object(rig: TargetRig) -> None:
    upload, parts = sent(rig, END)
    rig.writer.abort(upload)
    with pytest.raises(StorageError):
        completed(rig, upload, parts)
    assert rig.writer.head(rig.bucket, "in/a") is None
    assert keys(rig) == []


@of(TARGETS, "gone uploads")
def test_an_upload_that_is_gone_is_said_to_be_missing(rig: TargetRig) -> None:
    upload, parts = sent(rig, END)
    rig.writer.abort(upload)
    with pytest.raises(Missing):
        completed(rig, upload, parts)
    with pytest.raises(Missing):
        rig.writer.put_part(upload, 2, memoryview(END), sha256=digest(END))


@every
def test_an_upload_of_another_attempt_is_not_taken_for_ours(rig: TargetRig) -> None:
    upload, parts = sent(rig, END)
    completed(rig, upload, parts)
    with pytest.raises((Conflict, Missing)):
        completed(rig, upload, parts, attempt="run-2-1")
    with pytest.raises((Conflict, Missing)):
        completed(rig, upload, parts, size=len(END) + 1)


@every
def test_a_part_that_was_never_sent_completes_nothing(rig: TargetRig) -> None:
    upload, _ = sent(rig, END)
    with pytest.raises(StorageError):
        completed(rig, upload, [(1, digest(END)[:32])])
    assert rig.writer.head(rig.bucket, "in/a") is None
    assert keys(rig) == []


@every
def test_an_upload_is_dropped_however_often_and_shows_nothing_more(rig: TargetRig) -> None:
    upload, _ = sent(rig, END)
    for _ in range(2):
        rig.writer.abort(upload)
    rig.writer.abort(replace(upload, upload_id="0" * 32))

    assert opened(rig) == []
    with pytest.raises(Missing):
        rig.writer.parts(upload)


@every
def test_an_upload_that_was_completed_has_no_parts_any_more(rig: TargetRig) -> None:
    upload, parts = sent(rig, END)
    completed(rig, upload, parts)
    with pytest.raises(Missing):
        rig.writer.parts(upload)


@every
def test_open_uploads_are_told_under_their_prefix_until_they_end(rig: TargetRig) -> None:
    uploads = [sent(rig, END, key=key)[0] for key in ("in/a", "in/b", "out/a")]
    twice = rig.writer.begin(rig.bucket, "in/a", stamp=STAMP)

    assert sorted(opened(rig, "in/")) == sorted(
        (one.key, one.upload_id) for one in (*uploads[:2], twice)
    )
    assert len(opened(rig)) == 4
    began = [at for _, at in rig.writer.open_uploads(Place(bucket=rig.bucket))]
    assert all(at.endswith("Z") and at > "2000" for at in began)
    for one in (*uploads, twice):
        rig.writer.abort(one)
    assert opened(rig) == []


# --- parts of what is there, and versions --------------------------------------------------------


def large(rig: TargetRig, key: str = "in/a") -> Stored:
    """Store an object of a part that is large enough and an end."""
    upload = rig.writer.begin(rig.bucket, key, stamp=STAMP)
    parts = [
        (number, rig.writer.put_part(upload, number, memoryview(body), sha256=digest(body)))
        for number, body in enumerate((PART, END), 1)
    ]
    return rig.writer.complete(
        upload, parts, size=len(PART) + len(END), attempt=STAMP.attempt, replaces=None
    )


@of(TARGETS, "copied parts")
def test_a_part_is_made_of_a_span_of_an_object_in_whose_place_it_comes(rig: TargetRig) -> None:
    first, stamp = large(rig), replace(STAMP, attempt="run-1-2")
    upload = rig.writer.begin(rig.bucket, "in/a", stamp=stamp)
    head = rig.writer.put_part(upload, 1, memoryview(PART), sha256=digest(PART))
    span = Span(len(PART) - 100, 100 + len(END))
    rest = rig.writer.copy_part(upload, 2, first, span)
    stored = rig.writer.complete(
        upload, [(1, head), (2, rest)], size=len(PART) + span.length, attempt="run-1-2",
        replaces=first.etag,
    )  # fmt: skip
    assert read(rig, stored) == PART + (PART + END)[span.start : span.end]


@of(TARGETS, "pinned copies")
def test_a_part_is_made_of_no_other_object_than_the_one_that_is_named(rig: TargetRig) -> None:
    first = large(rig)
    upload = rig.writer.begin(rig.bucket, "in/b", stamp=STAMP)
    rig.intrude("in/a", PART + b"another end")
    with pytest.raises(Conflict):
        rig.writer.copy_part(upload, 1, first, Span(0, 100))
    assert rig.writer.parts(upload) == {}


@of(TARGETS, "copied parts")
def test_a_part_of_an_object_that_is_not_there_is_not_made(rig: TargetRig) -> None:
    upload = rig.writer.begin(rig.bucket, "in/b", stamp=STAMP)
    with pytest.raises(Missing):
        rig.writer.copy_part(upload, 1, Stored(key="in/none", size=9, etag="e" * 32), Span(0, 9))


@of(TARGETS, "versions")
def test_every_version_is_told_once_newest_first_on_however_many_pages(locked: TargetRig) -> None:
    for number in range(3):
        for key in [f"in/{n:02}" for n in range(8)]:  # three pages of the strict server
            locked.intrude(key, b"x" * number)
    locked.intrude("into", b"")
    found = list(locked.writer.versions(Place(bucket=locked.bucket, prefix="in/")))
    assert [one.key for one in found] == [f"in/{n:02}" for n in range(8) for _ in range(3)]
    assert [one.latest for one in found] == [True, False, False] * 8
    assert len({(one.key, one.version_id) for one in found}) == 24


@of(TARGETS, "versions")
def test_a_version_is_removed_and_the_current_one_stays(locked: TargetRig) -> None:
    first = put(locked)
    second = put(locked, data=END, stamp=replace(STAMP, attempt="run-1-2"), replaces=first.etag)
    assert first.version_id not in {None, second.version_id}
    for _ in range(2):  # one that is gone is removed
        locked.writer.remove_version(locked.bucket, "in/a", str(first.version_id))
    assert locked.writer.head(locked.bucket, "in/a", version_id=first.version_id) is None
    assert read(locked, there(locked)) == END
    place = Place(bucket=locked.bucket, prefix="in/")
    held = [one.version_id for one in locked.writer.versions(place)]
    assert held == [second.version_id]


@of(TARGETS, "versions", "lock")
def test_a_version_that_a_lock_keeps_is_not_removed(locked: TargetRig) -> None:
    kept = replace(STAMP, lock=Lock(mode="governance", until=LATER))
    first = put(locked, stamp=kept)
    put(locked, data=END, stamp=replace(STAMP, attempt="run-1-2"), replaces=first.etag)
    with pytest.raises(AccessDenied):
        locked.writer.remove_version(locked.bucket, "in/a", str(first.version_id))
    assert locked.writer.head(locked.bucket, "in/a", version_id=first.version_id) is not None
