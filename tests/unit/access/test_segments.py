"""Any part of an object is read by whole segments, and one that is out of place is an error."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor

import pytest

from hdh_migrate.access.cache import SegmentCache
from hdh_migrate.access.segments import AHEAD_MAX, WINDOW, RunningDigest
from hdh_migrate.errors import NotAsGranted
from hdh_migrate.model import SEGMENT
from hdh_migrate.sealing.crypt4gh import SEALED_SEGMENT
from tests.support.granted import GrantedSite
from tests.support.strict_s3 import Manner
from tests.support.strict_s3.manner import Quoting

DATA = random.Random(1).randbytes(5 * SEGMENT + 17)


@pytest.mark.parametrize(
    ("versioned", "quoting"), [(False, "either"), (True, "either"), (True, "bare")]
)
def test_any_part_is_what_was_sealed(site: GrantedSite, versioned: bool, quoting: Quoting) -> None:
    site.server.behave(Manner(quoting=quoting))
    site.bucket.versioning = "Enabled" if versioned else ""
    site.put("a.bin", DATA)
    reader = site.reading("a.bin")
    drawn = random.Random(2)
    edges = [0, 1, SEGMENT - 1, SEGMENT, SEGMENT + 1, 5 * SEGMENT, len(DATA) - 1, len(DATA)]
    spans = [(start, stop - start) for start in edges for stop in edges if stop >= start]
    spans += [(drawn.randrange(len(DATA)), drawn.randrange(2 * SEGMENT)) for _ in range(50)]
    for start, length in spans:
        assert reader.read(start, length) == DATA[start : start + length]
    assert reader.read(len(DATA) + 5, 10) == b""


def test_only_the_segments_of_a_part_are_fetched_and_only_once(site: GrantedSite) -> None:
    of = site.put("a.bin", DATA)
    reader = site.reading("a.bin")
    site.asked()
    reader.read(SEGMENT + 5, 10)
    first = of.body + SEALED_SEGMENT
    assert site.asked() == [f"bytes={first}-{first + SEALED_SEGMENT - 1}"]
    reader.read(SEGMENT + 500, SEGMENT)  # one of the two is there
    assert site.asked() == [f"bytes={first + SEALED_SEGMENT}-{first + 2 * SEALED_SEGMENT - 1}"]
    reader.read(SEGMENT, 2 * SEGMENT)
    assert site.asked() == []


def test_an_object_without_bytes_is_read_without_the_host(site: GrantedSite) -> None:
    of = site.put("empty", b"")
    assert site.reading("empty").read(0, 100) == b""
    RunningDigest(of).demand()
    assert site.asked() == []


def test_a_large_read_is_several_requests(site: GrantedSite) -> None:
    data = bytes((WINDOW + 3) * SEGMENT)
    site.put("a.bin", data)
    assert site.reading("a.bin").read(0, len(data)) == data
    assert len(site.asked()) == 2


def test_what_is_kept_is_bounded(site: GrantedSite) -> None:
    site.put("a.bin", DATA)
    opened = site.opened(cache_bytes=2 * SEGMENT)
    reader = site.reading("a.bin", opened)
    for start in range(0, len(DATA), 1000):
        assert reader.read(start, 1000) == DATA[start : start + 1000]
    assert opened._cache.size <= 2 * SEGMENT


def test_threads_share_what_is_fetched(site: GrantedSite) -> None:
    site.put("a.bin", DATA)
    reader = site.reading("a.bin")
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: reader.read(0, len(DATA)), range(32)))
    assert all(one == DATA for one in found)
    asked = [one.split("=")[1] for one in site.asked()]
    starts = [int(one.split("-")[0]) for one in asked]
    assert len(starts) == len(set(starts)), "a segment was fetched twice at the same time"


def test_who_waits_for_a_segment_that_does_not_come_tries_for_himself() -> None:
    cache = SegmentCache(SEGMENT)
    _, mine = cache.claim([(0, 0)])
    found, others = cache.claim([(0, 0)])
    assert (mine, others) == ([(0, 0)], [])
    cache.drop(mine)
    assert found[0, 0].cancelled()  # type: ignore[union-attr]
    assert cache.claim([(0, 0)])[1] == [(0, 0)]


def test_ahead_is_fetched_with_what_is_missing_and_never_alone(site: GrantedSite) -> None:
    site.put("a.bin", DATA)
    reader = site.reading("a.bin")
    reader.read(0, 10, ahead=2)
    assert len(site.asked()) == 1
    reader.read(SEGMENT, 10, ahead=2)
    reader.read(2 * SEGMENT, 10, ahead=2)
    assert site.asked() == []
    assert AHEAD_MAX < WINDOW


# --- a host that lies ----------------------------------------------------------------------------


def _segment(site: GrantedSite, name: str, index: int) -> slice:
    start = site.objects[name].body + index * SEALED_SEGMENT
    return slice(start, start + SEALED_SEGMENT)


def _swapped(site: GrantedSite) -> bytes:
    body = bytearray(site.version("a.bin").body)
    one, other = _segment(site, "a.bin", 1), _segment(site, "a.bin", 2)
    body[one], body[other] = body[other], body[one]
    return bytes(body)


def _repeated(site: GrantedSite) -> bytes:
    body = bytearray(site.version("a.bin").body)
    body[_segment(site, "a.bin", 1)] = body[_segment(site, "a.bin", 0)]
    return bytes(body)


def _of_another_object(site: GrantedSite) -> bytes:
    body = bytearray(site.version("a.bin").body)
    body[_segment(site, "a.bin", 1)] = site.version("b.bin").body[_segment(site, "b.bin", 1)]
    return bytes(body)


def _the_last_one_moved(site: GrantedSite) -> bytes:
    """A segment that was sealed as its object's last one, where another stands."""
    body = bytearray(site.version("a.bin").body)
    body[_segment(site, "a.bin", 1)] = site.version("c.bin").body[_segment(site, "c.bin", 0)]
    return bytes(body)


def _a_flipped_bit(site: GrantedSite) -> bytes:
    body = bytearray(site.version("a.bin").body)
    body[_segment(site, "a.bin", 1).start + 40] ^= 1
    return bytes(body)


def _all_of_another_object(site: GrantedSite) -> bytes:
    return site.version("b.bin").body


@pytest.mark.parametrize(
    "lie",
    [_swapped, _repeated, _of_another_object, _the_last_one_moved, _a_flipped_bit,
     _all_of_another_object],
    ids=lambda lie: lie.__name__,
)  # fmt: skip
def test_a_segment_out_of_place_is_an_error_at_the_first_read(site: GrantedSite, lie) -> None:
    site.put("a.bin", DATA)
    site.put("b.bin", DATA[::-1])
    site.put("c.bin", DATA[:SEGMENT])
    opened = site.opened()
    reader = site.reading("a.bin", opened)
    site.version("a.bin").body = lie(site)  # under the same ETag: the host lies
    with pytest.raises(NotAsGranted, match="not the one that was granted for its place"):
        reader.read(SEGMENT, 10)
    assert opened._cache.size == 0, "nothing of it is kept"


def test_an_object_that_was_replaced_is_no_mixture(site: GrantedSite) -> None:
    site.put("a.bin", DATA)
    reader = site.reading("a.bin")
    reader.read(0, 10)
    site.put("a.bin", DATA[::-1])
    with pytest.raises(NotAsGranted, match="another object"):
        reader.read(3 * SEGMENT, 10)


def test_an_object_that_was_replaced_is_still_read_where_the_host_keeps_versions(
    site: GrantedSite,
) -> None:
    site.bucket.versioning = "Enabled"
    site.put("a.bin", DATA)
    reader = site.reading("a.bin")
    site.put("a.bin", DATA[::-1])
    assert reader.read(3 * SEGMENT, 10) == DATA[3 * SEGMENT : 3 * SEGMENT + 10]


def test_an_object_that_is_gone_is_said_to_be_gone(site: GrantedSite) -> None:
    site.put("a.bin", DATA)
    reader = site.reading("a.bin")
    site.bucket.objects.clear()
    with pytest.raises(NotAsGranted, match="does not hold"):
        reader.read(0, 10)


def test_the_digest_is_compared_when_the_end_is_read(site: GrantedSite) -> None:
    of = site.put("a.bin", DATA)
    running = RunningDigest(of)
    running.add(0, DATA[: 2 * SEGMENT])
    running.add(SEGMENT, DATA[SEGMENT : 3 * SEGMENT])  # what was read again counts once
    with pytest.raises(NotAsGranted, match="digest"):
        running.add(3 * SEGMENT, bytes(len(DATA) - 3 * SEGMENT))
