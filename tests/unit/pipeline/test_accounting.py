"""What was exchanged is told by day and purpose, from journals of today and of earlier versions."""

from __future__ import annotations

import pytest

from hdh_migrate.events.cutover import CutoverRolledBack, CutoverSwitched, Track
from hdh_migrate.events.event import Event
from hdh_migrate.events.exchange import ExchangeCount, TrafficCounted
from hdh_migrate.events.run import ExchangeTotal, RunEnded, RunStarted
from hdh_migrate.jsonform import ABSENT
from hdh_migrate.pipeline.pace.accounting import ExchangeAccount, account, purpose_of

SOURCE, TARGET = "https://hdh.blob.core.windows.net", "https://s3.fr-par.scw.cloud"
Told = tuple[str, Event]


def started(at: str, *steps: str, batches: tuple[str, ...] = ()) -> Told:
    event = RunStarted(
        plan_digest="0" * 64, steps=steps or ("inventory", "transfer", "verify"), batches=batches,
        tool="0", code_sha256=ABSENT, user="u", pid=1,
    )  # fmt: skip
    return at, event


def counted(
    since: str, at: str, step: str, batch: str | None, side: str = "source", read: int = 100
) -> Told:
    endpoint = SOURCE if side == "source" else TARGET
    count = ExchangeCount(
        side=side, endpoint=endpoint, requests=1, bytes_read=read, bytes_written=0
    )
    return at, TrafficCounted(since=since, batch=batch, step=step, traffic=(count,))


def ended(at: str, *traffic: tuple[str, int, int, int]) -> Told:
    return at, RunEnded(
        traffic=tuple(
            ExchangeTotal(
                side=side, endpoint=SOURCE if side == "source" else TARGET, requests=requests,
                bytes_read=read, bytes_written=written, addresses=(), tls=ABSENT, ssh=ABSENT,
                clock_offset=ABSENT,
            )
            for side, requests, read, written in traffic
        )
    )  # fmt: skip


def switched(batch: str, track: Track = Track.CUTOVER) -> Told:
    event = CutoverSwitched(batch=batch, track=track, found=False, late=False, guard="etag")
    return "2026-11-28T00:00:00.000Z", event


def rows(found: ExchangeAccount) -> list[tuple[str, str, str, str, int, int, int]]:
    return [
        (one.first_day, one.last_day, one.side, one.purpose, one.requests, one.bytes_read,
         one.bytes_written)
        for one in found.rows
    ]  # fmt: skip


NOON, NIGHT = "2026-11-26T12:00:00.000Z", "2026-11-26T23:10:00.000Z"


@pytest.mark.parametrize(
    ("side", "step", "switched", "purpose"),
    [
        ("source", "inventory", False, "switching"), ("source", "transfer", False, "switching"),
        ("source", "verify", False, "re-read"), ("target", "verify", False, "re-read"),
        ("target", "transfer", False, "switching"), ("target", "look-again", False, "re-read"),
        ("source", "transfer", True, "parallel"), ("source", "verify", True, "parallel"),
        ("target", "transfer", True, "parallel"), ("target", "recheck", True, "re-read"),
        ("pointer", "cutover", True, "parallel"), ("identity", "run", False, "switching"),
    ],
)  # fmt: skip
def test_each_exchange_has_one_purpose(
    side: str, step: str, *, switched: bool, purpose: str
) -> None:
    assert purpose_of(side, step, switched=switched) == purpose


def test_pieces_of_one_day_and_purpose_are_one_row() -> None:
    found = account(
        [
            started(NOON),
            counted(NOON, NIGHT, "inventory", "a"), counted(NOON, NIGHT, "transfer", "a"),
            counted(NOON, NIGHT, "verify", "a"), counted(NOON, NIGHT, "transfer", "b"),
            ended(NIGHT, ("source", 4, 400, 0)),
        ],
        ["a", "b"],
    )  # fmt: skip
    assert rows(found) == [
        ("2026-11-26", "2026-11-26", "source", "switching", 3, 300, 0),
        ("2026-11-26", "2026-11-26", "source", "re-read", 1, 100, 0),
    ]
    assert (found.runs, found.cut_off, found.unended) == (1, 0, False)


def test_what_is_told_just_after_midnight_is_of_the_day_before_and_what_is_not_spans_both() -> None:
    found = account(
        [
            started(NOON),
            counted(NIGHT, "2026-11-27T00:00:01.000Z", "transfer", "a"),
            counted("2026-11-27T00:00:01.000Z", "2026-11-29T08:00:00.000Z", "transfer", "a"),
        ],
        ["a"],
    )
    assert [row[:2] for row in rows(found)] == [
        ("2026-11-26", "2026-11-26"), ("2026-11-27", "2026-11-29"),
    ]  # fmt: skip


def test_after_its_cutover_a_batch_is_in_parallel_use_until_it_is_rolled_back() -> None:
    back = CutoverRolledBack(batch="a", track=Track.CUTOVER, switched=True, guard=ABSENT)
    found = account(
        [
            counted(NOON, NIGHT, "transfer", "a"), switched("a", Track.REHEARSAL),
            counted(NOON, NIGHT, "transfer", "a"), switched("a"),
            counted(NOON, NIGHT, "transfer", "a"), counted(NOON, NIGHT, "transfer", "b"),
            counted(NOON, NIGHT, "run", None),
            ("2026-11-29T00:00:00.000Z", back), counted(NOON, NIGHT, "transfer", "a"),
        ],
        ["a", "b"],
    )  # fmt: skip
    assert {row[3]: row[4] for row in rows(found)} == {"switching": 5, "parallel": 1}
    assert found.switched == frozenset()


def test_a_run_of_an_earlier_version_is_of_all_its_days_and_reads_the_target_to_verify() -> None:
    found = account(
        [started(NOON), ended("2026-12-03T08:00:00.000Z", ("source", 9, 900, 0),
                              ("target", 18, 950, 940))],
        ["a"],
    )  # fmt: skip
    assert rows(found) == [
        ("2026-11-26", "2026-12-03", "source", "switching", 9, 900, 0),
        ("2026-11-26", "2026-12-03", "target", "switching", 18, 0, 940),
        ("2026-11-26", "2026-12-03", "target", "re-read", 0, 950, 0),
    ]


def test_a_run_that_was_killed_counts_for_what_it_told_and_is_said_to_be_cut_off() -> None:
    found = account(
        [started(NOON), counted(NOON, NIGHT, "transfer", "a"), started(NIGHT),
         counted(NIGHT, NIGHT, "transfer", "a"), ended(NIGHT, ("source", 1, 100, 0))],
        ["a"],
    )  # fmt: skip
    assert rows(found) == [("2026-11-26", "2026-11-26", "source", "switching", 2, 200, 0)]
    assert (found.runs, found.cut_off) == (2, 1)
