"""Which version of a blob was current at a moment, by all that a listing tells of its name."""

from __future__ import annotations

import random
from itertools import permutations
from typing import NamedTuple

import pytest

from hdh_migrate.errors import ListingBroken
from hdh_migrate.model import ObjectInfo, Trace
from hdh_migrate.sources.azure_versions import (
    Chooser,
    Fate,
    Mark,
    MarkedReader,
    Pin,
    Position,
    Then,
    by_name,
    marked_briefs,
)

MOMENT = "2026-02-01T12:00:00Z"
LATER = "2026-03-01T00:00:00"


def at(second: int, fraction: str = "5000000") -> str:
    """A moment of that second of the minute before MOMENT; of 60 and more after it."""
    return (
        f"2026-02-01T{11 + second // 60}:{59 if second < 60 else 0:02}:{second % 60:02}.{fraction}Z"
    )


def version(second: int, trace: Trace = Trace.VERSION, created: int = 1) -> Mark:
    moment = at(second)
    return Mark(trace, moment, None, f"versionid={moment}", moment, at(created)[:19])


def current(second: int, created: int = 1) -> Mark:
    return version(second, Trace.CURRENT, created)


def unversioned(second: int, created: int = 1) -> Mark:
    return Mark(Trace.CURRENT, at(second, "9999999"), None, "", "", at(created)[:19])


def snapshot(written: int, taken: int) -> Mark:
    moment = at(taken)
    return Mark(
        Trace.SNAPSHOT, at(written, "9999999"), moment, f"snapshot={moment}", "", at(1)[:19]
    )


def deleted(second: int) -> Mark:
    return version(second, Trace.SOFT_DELETED)


def soft_deleted(written: int, gone: int) -> Mark:
    """A blob that was deleted before there were versions."""
    return Mark(Trace.SOFT_DELETED, at(written, "9999999"), at(gone, "0000000"), "", "", at(1)[:19])


def grown(made: int, written: int) -> Mark:
    """An append blob: its version is older than its bytes."""
    return version(made)._replace(trace=Trace.CURRENT, begins=at(written, "9999999"))


class Case(NamedTuple):
    marks: list[Mark]
    fate: Fate | None
    which: int = 0


CASES = {
    "one version, before": Case([current(10)], Fate.CURRENT),
    "one version, after": Case([current(70, created=70)], None),
    "an earlier one": Case([version(10), version(20), current(70)], Fate.EARLIER, 1),
    "of the same instant": Case(
        [version(10), current(60)._replace(begins=f"{MOMENT[:-1]}.0000000Z")], Fate.CURRENT, 1
    ),
    "deleted, when nobody knows": Case([version(10), version(20)], Fate.UNDELETED, 1),
    "deleted and written anew": Case([version(10), current(70)], Fate.EARLIER),
    "the one of then was deleted": Case([version(10), deleted(20), current(70)], Fate.DELETED, 1),
    "one of after was deleted": Case([version(10), deleted(70), current(80)], Fate.EARLIER),
    "one of long before was deleted": Case([deleted(5), version(10), current(70)], Fate.EARLIER, 1),
    "never versioned": Case([unversioned(10)], Fate.CURRENT),
    "never versioned, and rewritten": Case([unversioned(70)], Fate.LOST),
    "never versioned, and new": Case([unversioned(70, created=70)], None),
    "written in that second": Case([unversioned(60)], Fate.LOST),
    "versions were switched off": Case([version(10), unversioned(70)], Fate.LOST),
    "versions began after": Case([unversioned(10), current(70)], Fate.CURRENT),
    "a snapshot that tells": Case([snapshot(10, 80), unversioned(90)], Fate.EARLIER),
    "a snapshot of before": Case([snapshot(10, 20), unversioned(90)], Fate.LOST),
    "a snapshot of after": Case([snapshot(70, 80), unversioned(90)], Fate.LOST),
    "a snapshot of what is there": Case([snapshot(10, 20), unversioned(10)], Fate.CURRENT, 1),
    "a snapshot and a version of one write": Case([snapshot(10, 80), version(10), current(70)],
                                                  Fate.EARLIER, 1),
    "the version before is gone": Case([version(70), current(80)], Fate.LOST),
    "nothing says when it was created": Case([current(70)._replace(created="")], Fate.LOST),
    "soft-deleted before": Case([soft_deleted(10, 20), current(70, created=70)], None),
    "soft-deleted before, nothing else": Case([soft_deleted(10, 20)], None),
    "soft-deleted after": Case([soft_deleted(10, 70)], Fate.DELETED),
    "appended to since": Case([grown(10, 70)], Fate.LOST),
    "appended to before": Case([grown(10, 20)], Fate.CURRENT),
    "appended to since, and replaced": Case(
        [grown(10, 70)._replace(trace=Trace.VERSION), current(80)], Fate.LOST
    ),
    "nothing": Case([], None),
}  # fmt: skip


@pytest.mark.parametrize("what", CASES)
def test_what_was_current_then(what: str) -> None:
    case = CASES[what]
    for order in permutations(enumerate(case.marks)):
        chooser = Chooser[int](MOMENT)
        for number, mark in order:
            chooser.take(mark, number)
        found = chooser.chosen()
        assert (None if found is None else found.fate) == case.fate
        if found is not None and found.fate is not Fate.LOST:
            assert found.entry == case.which


def test_a_pin_is_read_as_it_is_written() -> None:
    for pin in (
        Pin("0x8D"),
        Pin("0x8D", f"versionid={at(10)}"),
        Pin("a;b;versionid=x", f"snapshot={at(10)}"),
    ):
        assert Pin.read(str(pin)) == pin
    assert Pin.read(f"0x8D;versionid={at(10)}").query == {"versionid": at(10)}
    assert Pin.read("0x8D").query == {}


def pages_of(entries: list[tuple[str, Mark, int]], size: int) -> list[list[tuple[str, Mark, int]]]:
    return [entries[at : at + size] for at in range(0, len(entries), size)] or [[]]


def listing(
    entries: list[tuple[str, Mark, int]], size: int, begin: Position
) -> list[tuple[list[Then[int]], Position | None]]:
    pages = pages_of(entries, size)
    first = int(begin.marker or 0)
    asked = (
        (pages[number], str(number + 1) if number + 1 < len(pages) else None)
        for number in range(first, len(pages))
    )
    return list(by_name(asked, begin, lambda: Chooser[int](MOMENT)))


def test_a_listing_goes_on_anywhere_with_the_same_names() -> None:
    draw = random.Random(3)
    for _ in range(200):
        entries = [
            (f"k{key}", version(draw.randrange(120)), draw.randrange(10**6))
            for key in range(draw.randrange(6))
            for _ in range(draw.randrange(1, 6))
        ]
        size = draw.randrange(1, 7)
        whole = listing(entries, size, Position())
        named = [one for found, _ in whole for one in found]
        given = 0
        for found, place in whole:
            given += len(found)
            if place is not None:
                again = listing(entries, size, Position.read(str(place)))
                assert [one for found, _ in again for one in found] == named[given:]
        assert whole[-1][1] is None
        alone = listing(entries, 1000, Position())
        assert [one for found, _ in alone for one in found] == named


PROPERTIES = (
    "<Last-Modified>Sun, 01 Feb 2026 11:59:10 GMT</Last-Modified>"
    "<Creation-Time>Sun, 01 Feb 2026 11:59:01 GMT</Creation-Time>"
    "<Etag>0x8D</Etag><Content-Length>3</Content-Length><BlobType>{}</BlobType>{}"
)


def page(beside: str, kind: str = "BlockBlob", more: str = "") -> bytes:
    return (
        "<EnumerationResults><Blobs><Blob><Name>a</Name>"
        f"{beside}<Properties>{PROPERTIES.format(kind, more)}</Properties></Blob></Blobs>"
        "<NextMarker /></EnumerationResults>"
    ).encode()


@pytest.mark.parametrize(
    ("beside", "kind", "more", "mark"),
    [
        (f"<VersionId>{at(10)}</VersionId>", "BlockBlob", "", version(10)),
        (
            f"<VersionId>{at(10)}</VersionId><IsCurrentVersion>true</IsCurrentVersion>",
            "BlockBlob", "", current(10),
        ),
        (f"<Snapshot>{at(30)}</Snapshot>", "BlockBlob", "", snapshot(10, 30)),
        ("", "PageBlob", "", unversioned(10)),
        (f"<VersionId>{at(10)}</VersionId><Deleted>true</Deleted>", "BlockBlob", "", deleted(10)),
        (
            "<Deleted>true</Deleted>", "BlockBlob",
            "<DeletedTime>Sun, 01 Feb 2026 11:59:20 GMT</DeletedTime>", soft_deleted(10, 20),
        ),
        (
            f"<VersionId>{at(5)}</VersionId><IsCurrentVersion>true</IsCurrentVersion>",
            "AppendBlob", "", grown(5, 10),
        ),
    ],
)  # fmt: skip
def test_both_readers_read_the_same_marks(beside: str, kind: str, more: str, mark: Mark) -> None:
    body = page(beside, kind, more)
    reader = MarkedReader(5)
    reader.write(body)
    ((found, obj),), following = reader.page()
    briefs, marker = marked_briefs(body)
    ((again, brief),) = briefs
    assert found == again == mark
    assert isinstance(obj, ObjectInfo)
    assert (obj.key, obj.size, obj.version) == (brief.key, brief.size, brief.version)
    assert following is marker is None


@pytest.mark.parametrize(
    "beside", ["<VersionId>yesterday</VersionId>", "<Snapshot>2026-02-01</Snapshot>"]
)
def test_a_moment_that_is_none_breaks_the_listing(beside: str) -> None:
    reader = MarkedReader(5)
    with pytest.raises(ListingBroken):
        reader.write(page(beside))
    briefs, _ = marked_briefs(page(beside))
    with pytest.raises(ListingBroken):
        list(briefs)
