"""The findings that a journal leaves open, as a verifier keeps them, and whom they are about."""

from __future__ import annotations

import tracemalloc

import pytest

from hdh_migrate.evidence.verifier.accounts import HeldFinding, OpenFindings, findings_digest
from hdh_migrate.evidence.verifier.lines import NO_NUMBER, NamedObjects


def opened(number: int, severity: str = "finding", object_: int | None = None) -> dict[str, object]:
    return {
        "number": number, "at": "2026-11-28T10:00:00.000Z", "code": "target-beside",
        "severity": severity, "dataset": "scans", "object": object_, "message": "as it was found",
    }  # fmt: skip


def taken(*findings: dict[str, object]) -> OpenFindings:
    known = OpenFindings()
    known.take({"opened": list(findings)}, keyed=False)
    return known


def test_each_is_told_of_once_and_only_while_it_is_open() -> None:
    known = taken(opened(3, object_=7), opened(5, "note"), opened(9))
    known.take({"closed": [9]}, keyed=False)

    assert known.left == 2
    assert [*known.held()] == [HeldFinding("scans", "target-beside", "2026-11-28T10:00:00.000Z")]
    assert (known.object_of(3), known.object_of(5), known.object_of(4)) == (7, None, None)
    assert known.pop(3) == findings_digest(opened(3, object_=7), of_object=True)
    assert known.pop(5) == findings_digest(opened(5, "note"), of_object=False)
    assert [known.pop(number) for number in (3, 4, 9)] == [None, None, None]
    assert known.left == 0


@pytest.mark.parametrize("closed", [[4], [3, 3], [-1], [1 << 70]])
def test_nothing_is_closed_that_is_not_open(closed: list[int]) -> None:
    with pytest.raises(KeyError):
        taken(opened(3)).take({"closed": closed}, keyed=False)


@pytest.mark.parametrize("number", [2, 3, 1 << 63])
def test_numbers_rise_and_have_eight_bytes(number: int) -> None:
    with pytest.raises(ValueError, match=r"^$"):
        taken(opened(3)).take({"opened": [opened(number)]}, keyed=False)


def test_of_as_many_findings_as_objects_little_is_kept() -> None:
    tracemalloc.start()
    try:
        known = OpenFindings()
        for first in range(1, 10_001, 100):
            some = [opened(number, object_=number) for number in range(first, first + 100)]
            known.take({"opened": some}, keyed=False)
        del some
        kept = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert known.left == 10_000
    assert kept < 100 * known.left


def order(key: int, dataset: bytes = b"scans") -> tuple[bytes, bytes]:
    return dataset, b"series/%d" % key


def test_an_object_and_its_number_belong_to_each_other() -> None:
    named = NamedObjects()
    assert not named
    assert named.add(order(1), 7, 1)
    assert named.add(order(1), 7, 2)
    assert named.add(order(1, b"other"), 8, 3)
    assert not named.add(order(1), 9, 4)
    assert not named.add(order(2), 7, 5)
    assert named.add(order(3), NO_NUMBER, 6)
    assert named.add(order(4), NO_NUMBER, 7)


def test_the_first_line_about_an_object_without_one_is_told() -> None:
    named = NamedObjects()
    for line in (1, 2, 3, 4):
        named.add(order(line % 3), line % 3, line)
    assert named.unmet() == 1
    for key in (1, 5, 2):
        named.met(order(key))
    assert named.unmet() == 3
    named.met(order(0))
    assert named.unmet() == 0


def test_of_as_many_objects_as_there_may_be_little_is_kept() -> None:
    many = 20_000
    tracemalloc.start()
    try:
        named = NamedObjects()
        for number in range(many):
            named.add(order(number), number, number + 1)
        kept = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert kept < 300 * many
