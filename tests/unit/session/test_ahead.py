"""Batches end one after the other, each as a range; what nobody can tell has no end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from hdh_migrate.model import DatasetRow, Grouped, Sample, State, Step, Tally
from hdh_migrate.model.paces import PaceSums
from hdh_migrate.pipeline.pace.fitting import fitted
from hdh_migrate.pipeline.pace.until import Calendar
from hdh_migrate.pipeline.runner import BatchOrder
from hdh_migrate.plan.datasets import Batch
from hdh_migrate.session.views.ahead import BatchesAhead, Pace
from hdh_migrate.session.views.progress import LedgerMoment, progress_of

NOW = 1_795_651_200.0
SIZE = 1_000_000
MEASURED = Pace(fit=fitted({9: PaceSums.of(100, 100, 100 * SIZE)}), stated=None)
"""An object of 1 MB a second."""


def row(number: int, batch: str, *, sealed: bool = True) -> DatasetRow:
    return DatasetRow(
        id=number, name=f"d{number}", batch=batch, sealed=sealed, surveyed=True, marker=None,
        last_key=None, pages=int(sealed), root=None,
    )  # fmt: skip


def moment(
    rows: Sequence[DatasetRow],
    tallies: Mapping[tuple[int, State], int],
    causes: Sequence[Grouped] = (),
) -> LedgerMoment:
    found = {key: Tally(objects=many, size=many * SIZE) for key, many in tallies.items()}
    return LedgerMoment(
        rows=rows, tallies=found, arrived={}, causes=causes, samples=(), paces={}, reading={},
        waived={}, now=None,
    )  # fmt: skip


def batch(name: str, *needs: str) -> Batch:
    return Batch(name=name, datasets=(f"of-{name}",), needs=needs)


def ahead(
    seen: LedgerMoment,
    *batches: Batch,
    pace: Pace = MEASURED,
    verify: Pace | None = None,
    days: Mapping[str, float] | None = None,
) -> BatchesAhead:
    orders = [BatchOrder(name=one.name, needs=tuple(one.needs)) for one in batches]
    pairs = list(zip(batches, progress_of(seen, orders), strict=True))
    paces = {Step.TRANSFER: pace, Step.VERIFY: verify or pace}
    return BatchesAhead(seen, pairs, paces, NOW, lambda one: (days or {}).get(one.name))


def likely(found: BatchesAhead, name: str) -> float | None:
    one = next(each for each in found.batches if each.batch.name == name)
    return one.ends[1] - NOW if one.ends else None


def test_a_batch_is_sent_and_then_read_back_and_the_next_one_comes_after() -> None:
    seen = moment(
        [row(1, "a"), row(2, "b")],
        {(1, State.LISTED): 10, (1, State.SENT): 5, (1, State.VERIFIED): 7, (2, State.LISTED): 20},
    )
    found = ahead(seen, batch("a"), batch("b"))
    assert likely(found, "a") == pytest.approx(25)  # 10 to send, 15 to read back
    assert likely(found, "b") == pytest.approx(25 + 40)
    assert found.ends == found.batches[1].ends
    assert found.ends[0] < found.ends[1] < found.ends[2]
    told = found.batches[0].told()
    assert told["transfer"] == {"objects": 10, "bytes": 10 * SIZE}
    assert told["verify"] == {"objects": 15, "bytes": 15 * SIZE}
    assert told["seconds"] is not None
    assert told["seconds"]["likely"] == 25


def test_what_is_not_listed_has_no_end_and_nothing_after_it_has_one() -> None:
    rows = [row(1, "a"), row(2, "b", sealed=False), row(3, "c")]
    seen = moment(rows, {(1, State.LISTED): 10, (3, State.LISTED): 10})
    found = ahead(seen, batch("a"), batch("b"), batch("c"))
    assert [one.state for one in found.batches] == ["left", "not listed", "left"]
    assert found.ends == []
    assert [bool(one.ends) for one in found.batches] == [True, False, False]
    assert [bool(one.why) for one in found.batches] == [False, True, True]


def test_what_failed_is_left_out_and_holds_back_who_needs_it() -> None:
    seen = moment(
        [row(1, "a"), row(2, "b"), row(3, "c")],
        {(1, State.LISTED): 10, (1, State.FAILED): 1, (2, State.LISTED): 5, (3, State.LISTED): 4},
    )
    found = ahead(seen, batch("a"), batch("b", "a"), batch("c"))
    assert [one.state for one in found.batches] == ["left", "held back", "left"]
    assert found.batches[0].why == ["without 1 object that failed"]
    assert likely(found, "a") == pytest.approx(20)
    assert likely(found, "c") == pytest.approx(28)
    assert found.ends == []


def test_a_blocked_batch_is_held_back() -> None:
    blocker = Grouped(
        code="name-too-long", severity="blocker", dataset="d1", batch="a", detail="", many=2
    )
    seen = moment([row(1, "a")], {(1, State.LISTED): 10}, [blocker])
    found = ahead(seen, batch("a"))
    assert found.batches[0].state == "held back"
    assert found.ends == []


def test_all_that_is_verified_is_done() -> None:
    found = ahead(moment([row(1, "a")], {(1, State.VERIFIED): 10}), batch("a"))
    assert found.done
    assert found.ends == []


def test_a_batch_whose_day_has_not_come_lets_others_go_first() -> None:
    seen = moment([row(1, "a"), row(2, "b")], {(1, State.LISTED): 10, (2, State.LISTED): 10})
    found = ahead(seen, batch("a"), batch("b"), days={"a": NOW + 1_000})
    assert likely(found, "b") == pytest.approx(20)
    assert likely(found, "a") == pytest.approx(1_020)


def test_a_stated_bandwidth_is_no_measurement_and_says_so() -> None:
    seen = moment([row(1, "a")], {(1, State.LISTED): 10})
    found = ahead(seen, batch("a"), pace=Pace(fit=None, stated=SIZE))
    assert found.batches[0].basis == "stated"
    assert [round(at - NOW) for at in found.batches[0].ends] == [20, 35, 60]


def test_an_end_under_a_ceiling_is_no_single_number() -> None:
    slow = Pace(fit=MEASURED.fit, stated=None, calendar=Calendar(ceiling=lambda _: SIZE / 10))
    found = ahead(moment([row(1, "a")], {(1, State.LISTED): 10}), batch("a"), pace=slow)
    assert [round(at - NOW) for at in found.ends] == [200, 200, 220]


def test_without_any_basis_no_end_is_told() -> None:
    seen = moment([row(1, "a")], {(1, State.LISTED): 10})
    found = ahead(seen, batch("a"), pace=Pace(fit=None, stated=None))
    assert found.batches[0].basis == "none"
    assert "nothing was measured yet" in found.batches[0].why[0]
    assert found.ends == []


def test_hours_that_never_open_are_told() -> None:
    never = Pace(fit=MEASURED.fit, stated=None, calendar=Calendar(spans=lambda _a, _b: iter(())))
    found = ahead(moment([row(1, "a")], {(1, State.LISTED): 10}), batch("a"), pace=never)
    assert found.ends == []
    assert "twenty years" in found.batches[0].why[0]


@pytest.mark.parametrize("moved", [0, 3])
def test_a_step_that_came_to_a_stand_is_not_about_to_end(moved: int) -> None:
    """One object was tried for ten minutes, at "0 B/s", with "0 s" left."""
    found = replace(
        moment([row(1, "a")], {(1, State.LISTED): 5, (1, State.SENT): 5}),
        samples=[
            Sample(at="", seconds=at, batch="a", step=Step.TRANSFER, objects=done, size=0)
            for at, done in ((1000.0, 5), (1030.0, 5), (1060.0, 5 + moved))
        ],
        paces={Step.TRANSFER: {9: PaceSums.of(100, 100, 100 * SIZE)}},
        now=1060.0,
    )
    (one,) = progress_of(found, [BatchOrder(name="a", needs=())])
    steps = one.steps()
    assert steps["transfer"]["objects_per_second"] == pytest.approx(moved / 60, abs=0.06)
    assert (steps["transfer"]["eta_range"] is None) is (moved == 0)
