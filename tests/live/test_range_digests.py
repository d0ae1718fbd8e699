"""Where a blob has no MD5 of its own, the service's digests of ranges of it are demanded."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

import pytest

from hdh_migrate.errors import Exit
from tests.support import lies
from tests.support.affair import BIG, Affair
from tests.support.proxy import Action
from tests.support.wire import Request

pytestmark = pytest.mark.live

OTHER = "tables/other.csv"

UNSEEN: dict[str, Action] = {
    "a flipped bit": lies.flip_bit(4321),
    "another range": lies.wrong_range(1),
}


def bytes_of(key: str) -> Callable[[Request], bool]:
    def match(request: Request) -> bool:
        asked = request.range
        there = request.path.endswith("/" + quote(key, safe="/-_.~"))
        return request.method == "GET" and there and asked not in (None, (0, 0))

    return match


@pytest.fixture
def checking(affair: Affair) -> Affair:
    affair.plan("limits: {", "verify: {source: range-md5}\nlimits: {")
    return affair


@pytest.mark.parametrize("lie", UNSEEN)
def test_wrong_bytes_without_an_md5_are_read_again_by_the_range(checking: Affair, lie: str) -> None:
    checking.patient()
    told = checking.source.rule(action=UNSEEN[lie], match=bytes_of(BIG), times=2)

    assert checking.run() is Exit.OK, checking.told

    assert told.used == 2
    assert checking.verified() == set(checking.corpus)


@pytest.mark.parametrize("lie", UNSEEN)
def test_wrong_bytes_that_stay_are_never_verified(checking: Affair, lie: str) -> None:
    checking.source.rule(action=UNSEEN[lie], match=bytes_of(BIG))

    assert checking.run() is Exit.FINDINGS

    assert checking.verified() == set(checking.corpus) - {BIG}


@pytest.mark.parametrize("value", [None, "", "not base64", "AAAA"])
def test_a_range_without_its_digest_is_not_believed(checking: Affair, value: str | None) -> None:
    lie = lies.change_header("Content-MD5", value)
    checking.source.rule(action=lie, match=bytes_of(BIG))

    assert checking.run() is Exit.FINDINGS

    assert checking.verified() == set(checking.corpus) - {BIG}


def test_a_source_without_range_digests_is_refused_before_anything_moves(checking: Affair) -> None:
    def ranged(request: Request) -> bool:
        return request.method == "GET" and request.range is not None

    checking.source.rule(action=lies.change_header("Content-MD5", None), match=ranged)

    assert checking.run() is Exit.REFUSED
    assert not checking.verified()


def test_only_objects_without_an_md5_are_read_in_short_ranges(checking: Affair) -> None:
    assert checking.run() is Exit.OK

    reads = [seen for seen in checking.source.requests if seen.method == "GET"]
    asked = {name: [s for s in reads if bytes_asked(s.path, name)] for name in (BIG, OTHER)}
    ranges = [seen.headers["x-ms-range"] for seen in asked[BIG]]
    # A part of 8 MiB in two ranges, and one part of a MiB and five bytes.
    assert len([r for r in ranges if r != "bytes=0-0"]) == 3
    assert all("x-ms-range-get-content-md5" in seen.headers for seen in asked[BIG])
    assert not any("x-ms-range-get-content-md5" in seen.headers for seen in asked[OTHER])


def bytes_asked(path: str, key: str) -> bool:
    return path.endswith("/" + quote(key, safe="/-_.~"))
