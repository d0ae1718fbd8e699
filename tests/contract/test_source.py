"""One suite for every source: what the docstrings of `ports.Source` promise, and nothing else.

Adding a kind is one entry of `tests.support.contract.SOURCES`.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from hdh_migrate.errors import Missing, SourceChanged, StorageError, Transient
from hdh_migrate.model import ObjectInfo, Place, Span
from hdh_migrate.pipeline.inventory.key_order import KeyOrder
from hdh_migrate.plan.sides import SOURCES as SECTIONS
from hdh_migrate.plan.sides import kind_of
from hdh_migrate.ports.stores import NO_RANGE_DIGEST
from tests.support.contract import PAGE, SOURCES, SourceRig, of

pytestmark = pytest.mark.live

BODY = random.Random(7).randbytes(600_000)

every = of(SOURCES)
Make = Callable[[str], SourceRig]


@pytest.fixture
def rig(name: str, request: pytest.FixtureRequest, tmp_path: Path) -> SourceRig:
    return SOURCES[name].make(request.getfixturevalue, tmp_path)


def listed(rig: SourceRig, place: Place | None = None) -> list[ObjectInfo]:
    return [obj for page in rig.source.pages(place or rig.place) for obj in page.objects]


def one(rig: SourceRig, key: str = "in/a", data: bytes = BODY) -> ObjectInfo:
    """Store an object and return it as it is listed."""
    rig.put(key, data)
    return next(obj for obj in listed(rig) if obj.key == key)


def read(
    rig: SourceRig, obj: ObjectInfo, span: Span | None = None, *, checked: bool = False
) -> bytes:
    got = bytearray()
    whole = Span(0, obj.size) if span is None else span
    rig.source.read(rig.place, obj, whole, got.extend, checked=checked)
    return bytes(got)


def test_every_kind_that_a_plan_may_name_is_held_to_these_promises() -> None:
    assert {kind_of(section) for section in SECTIONS} <= set(SOURCES), (
        "give each kind an entry in SOURCES of tests/support/contract.py"
    )


# --- check ---------------------------------------------------------------------------------------


@every
def test_nothing_is_missing_where_everything_is_there(rig: SourceRig) -> None:
    rig.put("a", BODY)
    before = listed(rig)

    assert list(rig.source.check(rig.place)) == []
    assert listed(rig) == before


@every
def test_a_place_that_is_empty_can_be_read_as_well(rig: SourceRig) -> None:
    assert list(rig.source.check(rig.empty)) == []


@every
def test_a_place_that_is_not_there_is_said_and_not_raised(rig: SourceRig) -> None:
    (problem,) = rig.source.check(Place(bucket="nowhere-at-all"))
    assert "there is no such" in problem.what or "404" in problem.what, "see Source.check"
    assert problem.where


@of(SOURCES, "range digests")
def test_digests_of_ranges_are_there_where_they_are_promised(rig: SourceRig) -> None:
    obj = one(rig)
    assert list(rig.source.check(rig.place, checked=True)) == []
    assert read(rig, obj, checked=True) == BODY
    assert read(rig, obj, Span(5, 70_000), checked=True) == BODY[5:70_005]


@of(SOURCES, "range digests", but=True)
def test_digests_of_ranges_that_are_not_there_are_missed_and_not_passed_over(
    rig: SourceRig,
) -> None:
    obj = one(rig)
    (problem,) = rig.source.check(rig.place, checked=True)
    assert problem.what == NO_RANGE_DIGEST
    with pytest.raises(StorageError):
        read(rig, obj, checked=True)


# --- listing -------------------------------------------------------------------------------------


@every
def test_a_listing_tells_each_object_once_with_its_size(rig: SourceRig) -> None:
    sizes = {f"d{n % 3}/{n:02}": n * 10 for n in range(2 * PAGE + 2)}
    for key, size in sizes.items():
        rig.put(key, b"x" * size)

    found = listed(rig)

    assert len(found) == len(sizes)
    assert {obj.key: obj.size for obj in found} == sizes
    assert all(obj.version and obj.kind == "object" for obj in found)


@every
def test_a_listing_comes_in_pages_and_the_last_one_says_so(rig: SourceRig) -> None:
    for n in range(2 * PAGE + 2):
        rig.put(f"{n:02}", b"x")

    *first, last = rig.source.pages(rig.place)

    assert rig.source.page_size == PAGE
    assert [len(page.objects) for page in first] == [PAGE, PAGE]
    assert all(page.marker is not None for page in first)
    assert last.marker is None


@every
def test_a_listing_goes_on_at_each_of_its_markers(rig: SourceRig) -> None:
    for n in range(3 * PAGE):
        rig.put(f"{n:02}", b"x")
    pages = list(rig.source.pages(rig.place))

    for at, page in enumerate(pages[:-1], 1):
        rest = [
            obj for more in rig.source.pages(rig.place, marker=page.marker) for obj in more.objects
        ]
        assert rest == [obj for more in pages[at:] for obj in more.objects]


@every
def test_both_listings_tell_the_same_in_one_order(rig: SourceRig) -> None:
    for key in ("b", "a/b", "a-b", "a/a", "é", "z", "a0", "A", "a.b", "\uff21", "\U0001fa7a"):
        rig.put(key, key.encode())

    order = KeyOrder(None)
    told = [
        (o.key, o.size, o.version, o.kind, o.md5)
        for page in rig.source.pages(rig.place)
        for o in order.checked(page)
    ]

    assert len(told) == 11
    assert told == [tuple(brief) for brief in rig.source.recount(rig.place)]


@every
def test_a_listing_of_nothing_is_one_empty_page(rig: SourceRig) -> None:
    (page,) = rig.source.pages(rig.empty)
    assert (page.objects, page.marker) == ((), None)
    assert list(rig.source.recount(rig.empty)) == []


@every
def test_a_place_that_is_not_there_is_no_empty_listing(rig: SourceRig) -> None:
    nowhere = Place(bucket="nowhere-at-all")
    with pytest.raises(Missing):
        list(rig.source.pages(nowhere))
    with pytest.raises(Missing):
        list(rig.source.recount(nowhere))


@of(SOURCES, "prefixes")
def test_a_prefix_selects_keys_and_leaves_them_whole(rig: SourceRig) -> None:
    for key in ("in/a", "in/b/c", "in", "int", "out/in/a"):
        rig.put(key, b"x")
    place = replace(rig.place, prefix="in/")

    assert [obj.key for obj in listed(rig, place)] == ["in/a", "in/b/c"]
    assert [brief.key for brief in rig.source.recount(place)] == ["in/a", "in/b/c"]
    assert [obj.key for obj in listed(rig, replace(rig.place, prefix="in"))] == [
        "in", "in/a", "in/b/c", "int",
    ]  # fmt: skip


@every
def test_index_tags_are_not_said_to_be_kept_from_us(rig: SourceRig) -> None:
    rig.put("a", b"x")
    listed(rig)
    assert rig.source.untagged(rig.place) is None


# --- one object ----------------------------------------------------------------------------------


@every
def test_head_tells_what_the_listing_told(rig: SourceRig) -> None:
    for key, data in (("in/a", BODY), ("empty", b"")):
        obj = one(rig, key, data)
        now = rig.source.head(rig.place, key)
        assert (now.key, now.size, now.version, now.kind, now.md5) == (
            obj.key, obj.size, obj.version, obj.kind, obj.md5,
        )  # fmt: skip


@every
def test_one_object_is_described_as_the_listing_describes_it(rig: SourceRig) -> None:
    for key in ("in/a", "in/ab", "in/b"):
        rig.put(key, BODY)
    told = {obj.key: obj for obj in listed(rig)}
    assert {key: rig.source.listed(rig.place, key) for key in told} == told
    with pytest.raises(Missing):
        rig.source.listed(rig.place, "in/zz")


@every
def test_what_is_not_there_or_gone_is_missing(rig: SourceRig, name: str) -> None:
    obj = one(rig)
    with pytest.raises(Missing):
        rig.source.head(rig.place, "in/b")
    rig.drop(obj.key)
    with pytest.raises(Missing):
        rig.source.head(rig.place, obj.key)
    with pytest.raises(SOURCES[name].gone):
        read(rig, obj)


@every
def test_a_read_hands_over_the_span_and_no_byte_more(rig: SourceRig) -> None:
    obj, size = one(rig), len(BODY)
    spans = [(0, size), (0, 1), (size - 1, 1), (0, 65_536), (262_000, 300_000), (size - 7, 7)]
    for start, length in spans:
        assert read(rig, obj, Span(start, length)) == BODY[start : start + length]


@every
def test_an_empty_object_is_read_as_nothing(rig: SourceRig) -> None:
    obj = one(rig, "empty", b"")
    assert obj.size == 0
    assert read(rig, obj) == b""


@every
def test_odd_names_make_the_whole_journey(rig: SourceRig, name: str) -> None:
    odd = SOURCES[name].odd
    for number, key in enumerate(odd, 1):
        rig.put(key, BODY[:number])

    found = {obj.key: obj for obj in listed(rig)}

    assert sorted(found) == sorted(odd)
    assert {brief.key for brief in rig.source.recount(rig.place)} == set(odd)
    for number, key in enumerate(odd, 1):
        assert rig.source.head(rig.place, key).version == found[key].version
        assert read(rig, found[key]) == BODY[:number]
        assert key not in repr(found[key])


# --- one version ---------------------------------------------------------------------------------

NEW = {
    "other bytes": BODY[::-1],
    "the same bytes again": BODY,
    "shorter": BODY[:-1],
    "longer": BODY + b"x",
    "empty": b"",
}


@every
@pytest.mark.parametrize("what", NEW)
def test_an_object_that_was_written_again_is_another_one(rig: SourceRig, what: str) -> None:
    obj = one(rig)
    rig.put(obj.key, NEW[what])

    with pytest.raises(SourceChanged):
        read(rig, obj)
    with pytest.raises(SourceChanged):
        read(rig, obj, Span(10, 5))
    now = rig.source.head(rig.place, obj.key)
    assert now.version != obj.version
    assert read(rig, now) == NEW[what]


@every
def test_an_empty_object_that_was_filled_is_another_one(rig: SourceRig) -> None:
    obj = one(rig, "empty", b"")
    rig.put("empty", b"x")
    with pytest.raises(SourceChanged):
        read(rig, obj)


@every
@pytest.mark.parametrize("by", [1, -1])
def test_a_size_that_was_told_wrong_is_not_served(rig: SourceRig, by: int) -> None:
    obj = one(rig)
    told = replace(obj, size=obj.size + by)
    with pytest.raises((SourceChanged, Transient)):
        read(rig, told)


@every
def test_a_version_that_never_was_is_not_served(rig: SourceRig) -> None:
    obj = replace(one(rig), version="0x1")
    with pytest.raises(SourceChanged):
        read(rig, obj)


@every
def test_nothing_that_a_source_is_asked_changes_it(rig: SourceRig) -> None:
    obj = one(rig)
    before = listed(rig)
    for span in (Span(0, 10), Span(5, 0), Span(0, obj.size)):
        read(rig, obj, span)
    rig.source.head(rig.place, obj.key)
    list(rig.source.recount(rig.place))
    rig.source.check(rig.place)
    assert listed(rig) == before
