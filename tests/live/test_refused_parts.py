"""A host that refuses parts of one upload with 403: once, or until somebody mends it."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import unquote

import pytest

from hdh_migrate.errors import Exit
from tests.support import lies
from tests.support.affair import BIG, PART, Affair, corpus_of
from tests.support.wire import Request

pytestmark = pytest.mark.live

PARTS = 60
REFUSED = lies.status(403, body=b"<Error><Code>AccessDenied</Code></Error>")


@pytest.fixture(scope="module")
def corpus() -> dict[str, bytes]:
    return corpus_of(PARTS * PART - 5)


@pytest.fixture
def short(affair: Affair) -> Affair:
    affair.short_parts()
    affair.patient()
    return affair


def part_from(first: int) -> Callable[[Request], bool]:
    """Match the parts of our object from a number on; not what only asks whether we may write."""

    def match(request: Request) -> bool:
        number = int(request.params.get("partNumber", 0))
        ours = unquote(request.path).endswith(f"{BIG}.c4gh")
        return request.method == "PUT" and ours and number >= first

    return match


def sent(affair: Affair, after: int = 0) -> list[int]:
    match, seen = part_from(1), affair.target.requests[after:]
    return sorted(int(one.params["partNumber"]) for one in seen if match(one))


def begun(affair: Affair) -> int:
    return sum(
        one.method == "POST" and "uploads" in one.params and BIG in unquote(one.path)
        for one in affair.target.requests
    )


def test_a_403_at_part_40_of_60_costs_that_part_alone(short: Affair) -> None:
    told = short.target.rule(action=REFUSED, match=part_from(40), times=1)

    assert short.run() is Exit.OK

    assert told.used == 1
    assert len(sent(short)) == PARTS + 1
    assert begun(short) == 1
    assert short.verified() == set(short.corpus)


def test_what_is_refused_from_part_40_on_is_gone_on_with_once_that_is_mended(
    short: Affair,
) -> None:
    told = short.target.rule(action=REFUSED, match=part_from(40))

    assert short.run() is Exit.FINDINGS

    (found,) = (one for one in short.findings() if one["object"] is not None)
    assert found["code"] == "denied"
    assert told.used >= 4
    assert short.verified() == set(short.corpus) - {BIG}
    before = set(sent(short)) & set(range(1, 40))
    assert before == set(range(1, 40))
    short.target.clear()
    seen = len(short.target.requests)

    assert short.run() is Exit.OK

    assert sent(short, seen) == [*range(40, PARTS + 1)]
    assert begun(short) == 1
    assert short.verified() == set(short.corpus)
    client = short.bucket.client
    assert "Uploads" not in client.list_multipart_uploads(Bucket=short.bucket.name)
