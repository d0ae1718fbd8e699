"""Windows, timetables and dates of batches in a plan: what is refused, and in which words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hdh_migrate.model import Role
from hdh_migrate.pipeline.pace.until import moment_text
from hdh_migrate.plan.advice import advice
from hdh_migrate.plan.classes import FieldClass
from hdh_migrate.plan.diff import differences
from tests.unit.plan.builders import GOOD, as_yaml, loaded, problems, value

OPEN = ["mon-fri 19:00-07:00", "sat,sun 00:00-24:00"]


def with_windows(**windows: Any) -> str:
    return as_yaml({**value(), "windows": {"zone": "Europe/Paris", "open": OPEN, **windows}})


def with_limits(**limits: Any) -> str:
    return as_yaml({**value(), "limits": limits})


def with_batch(**fields: Any) -> str:
    plan = value()
    plan["batches"][0] |= fields
    return as_yaml(plan)


def told(folder: Path, text: str) -> str:
    """Return the one problem of a plan."""
    found = problems(folder, text)
    assert len(found) == 1, found
    return found[0].split(": ", 1)[1]


def test_what_an_older_plan_does_not_say_is_not_in_its_digest(tmp_path: Path) -> None:
    canonical = json.loads(loaded(tmp_path, GOOD).canonical)
    assert "windows" not in canonical
    assert set(canonical["limits"]) == {"bandwidth", "retry_budget", "memory"}
    assert set(canonical["batches"][0]) == {"name", "datasets", "needs"}


def test_a_plan_that_says_them_reads_them_again_from_its_canonical_form(tmp_path: Path) -> None:
    plan = value()
    plan["windows"] = {
        "zone": "Europe/Paris", "open": OPEN,
        "exceptions": [{"date": "2026-12-24", "last_date": "2026-12-26", "open": ["00:00-06:00"]}],
    }  # fmt: skip
    plan["limits"] = {"bandwidth": {"default": "8MiB/s", "daily 08:00-19:00": "1MiB/s"}}
    found = loaded(tmp_path, as_yaml(plan))
    again = loaded(tmp_path, found.canonical)
    assert again.digest == found.digest
    assert again.plan == found.plan


def test_windows_may_be_changed_at_any_time(tmp_path: Path) -> None:
    old = json.loads(loaded(tmp_path, as_yaml(value())).canonical)
    new = json.loads(loaded(tmp_path, with_windows()).canonical)
    assert {one.kind for one in differences(old, new)} == {FieldClass.HOW}


@pytest.mark.parametrize(
    ("windows", "what"),
    [
        ({"open": []}, "windows.open: no window ever opens: give days and hours"),
        (
            {"open": [], "exceptions": [{"date": "2027-01-01"}]},
            "windows.open: no window ever opens: give days and hours",
        ),
        ({"zone": "Europe/Pariss"}, "windows.zone: this machine knows no such time zone"),
        ({"zone": "localtime"}, "windows.zone: this machine knows no such time zone"),
        ({"zone": "../../etc/passwd"}, "windows.zone: this machine knows no such time zone"),
        ({"zone": "Europe"}, "windows.zone: this machine knows no such time zone"),
        ({"zone": "right/Europe/Paris"}, "windows.zone: this machine knows no such time zone"),
        ({"open": ["mon-fri"]}, "windows.open[0]: must be days and hours such as mon-fri"),
        ({"open": ["mon 25:00-26:00"]}, "windows.open[0]: must be days and hours such as"),
        ({"open": ["mon 08:00-08:00"]}, "windows.open[0]: begins and ends at the same time"),
        ({"open": ["sun 02:30-05:00"]}, "windows.open[0]: 02:30 does not exist on 2026-03-29"),
        ({"open": ["sun 02:00-03:00"]}, "windows.open[0]: 02:00 does not exist on 2026-03-29"),
        (
            {"exceptions": [{"date": "2027-03-28", "open": ["01:00-02:15"]}]},
            "windows.exceptions[0].open[0]: 02:15 does not exist on 2027-03-28",
        ),
        (
            {"exceptions": [{"date": "2026-12-26", "last_date": "2026-12-24"}]},
            "windows.exceptions[0].last_date: before the date",
        ),
        (
            {"exceptions": [{"date": "2026-12-24", "last_date": "2999-12-24"}]},
            "windows.exceptions[0].last_date: more than 1000 dates",
        ),
        (
            {"exceptions": [
                {"date": "2026-12-24", "last_date": "2026-12-26"}, {"date": "2026-12-25"},
            ]},
            "windows.exceptions[1].date: a date of windows.exceptions[0], too",
        ),
        (
            {"exceptions": [{"date": "2026-12-24", "open": ["22:00-06:00"]}]},
            "windows.exceptions[0].open[0]: hours of one date end on that date",
        ),
    ],
)  # fmt: skip
def test_windows_that_cannot_be_are_refused(
    tmp_path: Path, windows: dict[str, Any], what: str
) -> None:
    assert told(tmp_path, with_windows(**windows)).startswith(what)


@pytest.mark.parametrize(
    ("table", "what"),
    [
        ({"default": "fast"}, "limits.bandwidth: must be a rate from 1KiB/s to 1000GB/s"),
        ({"default": "0KiB/s"}, "limits.bandwidth: must be a rate from 1KiB/s to 1000GB/s"),
        ({"default": 5}, "limits.bandwidth: must be a rate such as 800MiB/s, or a timetable"),
        (7, "limits.bandwidth: must be a rate such as 800MiB/s, or a timetable"),
        ({}, "limits.bandwidth: leaves a gap: on mon 00:00 no entry has a rate"),
        (
            {"mon-fri 08:00-19:00": "1MiB/s", "sat,sun 00:00-24:00": "9MiB/s"},
            "limits.bandwidth: leaves a gap: on mon 00:00 no entry has a rate; give a `default`",
        ),
        (
            {"default": "8MiB/s", "mon-fri 08:00-19:00": "1MiB/s", "fri 18:00-22:00": "2MiB/s"},
            "limits.bandwidth: two entries overlap: on fri 18:00 each has a rate of its own",
        ),
        (
            {"default": "8MiB/s", "sun 22:00-09:00": "1MiB/s", "mon 08:00-10:00": "1MiB/s"},
            "limits.bandwidth: two entries overlap: on mon 08:00",
        ),
        (
            {"default": "8MiB/s", "at night": "1MiB/s"},
            "limits.bandwidth: must be days and hours such as",
        ),
        (
            {"default": "8MiB/s", "zone": "Mars/Olympus"},
            "limits.bandwidth: this machine knows no such time zone",
        ),
        (
            {"default": "8MiB/s", "zone": "Europe/Paris", "daily 02:30-05:00": "1MiB/s"},
            "limits.bandwidth: 02:30 does not exist on 2026-03-29",
        ),
    ],
)
def test_timetables_that_do_not_give_each_hour_one_rate_are_refused(
    tmp_path: Path, table: Any, what: str
) -> None:
    assert told(tmp_path, with_limits(bandwidth=table)).startswith(what)


def test_the_hours_of_a_timetable_are_those_of_the_windows_unless_it_says_another_zone(
    tmp_path: Path,
) -> None:
    plan = {**value(), "limits": {
        "bandwidth": {"default": "8KiB/s", "daily 08:00-19:00": "2KiB/s"},
        "to_target": {"default": "4KiB/s", "daily 08:00-19:00": "3KiB/s", "zone": "Asia/Tokyo"},
        "from_target": "6KiB/s",
    }}  # fmt: skip
    without = loaded(tmp_path, as_yaml(plan)).plan
    plan["windows"] = {"zone": "Europe/Paris", "open": OPEN}
    within = loaded(tmp_path, as_yaml(plan)).plan
    assert [one.zone for one in without.rates(Role.MOVE)] == ["UTC", "Asia/Tokyo"]
    assert [one.zone for one in within.rates(Role.MOVE)] == ["Europe/Paris", "Asia/Tokyo"]
    assert [one.rates for one in within.rates(Role.MOVE)] == [(8192, 2048), (4096, 3072)]
    assert [one.rates for one in within.rates(Role.PROVE)] == [(8192, 2048), (6144,)]


def test_hours_of_no_zone_are_utc_and_that_is_said(tmp_path: Path) -> None:
    table = {"default": "8KiB/s", "daily 08:00-19:00": "2KiB/s"}
    (note,) = advice(loaded(tmp_path, with_limits(to_target=table)).plan)
    assert "are UTC" in note
    zoned = {**table, "zone": "Europe/Paris"}
    assert advice(loaded(tmp_path, with_limits(to_target=zoned)).plan) == []
    assert advice(loaded(tmp_path, with_limits(to_target="8KiB/s")).plan) == []


@pytest.mark.parametrize(
    ("fields", "what"),
    [
        ({"priority": 101}, "batches[0].priority: must be at most 100"),
        ({"not_before": "soon"}, "batches[0].not_before: must be a day such as 2026-12-31"),
        ({"not_before": "2027-02-30"}, "batches[0].not_before: must be a day such as"),
        ({"not_before": "2027-01-04T20:00"}, "batches[0].not_before: must be a day such as"),
        (
            {"not_before": "2027-02-01", "done_by": "2027-01-31"},
            "batches[0].done_by: not after `not_before`",
        ),
    ],
)
def test_dates_of_batches_that_cannot_be_are_refused(
    tmp_path: Path, fields: dict[str, Any], what: str
) -> None:
    assert told(tmp_path, with_batch(**fields)).startswith(what)


def test_days_of_batches_are_those_of_the_zone_of_the_windows(tmp_path: Path) -> None:
    plan = {**value(), "windows": {"zone": "Europe/Paris", "open": OPEN}}
    plan["batches"][0] |= {"not_before": "2027-01-04", "done_by": "2027-01-04"}
    plan["batches"][1] |= {"not_before": "2027-01-04T20:00+00:00"}
    found = loaded(tmp_path, as_yaml(plan)).plan
    one, other = found.batches
    assert found.not_before(one) == 1_799_017_200.0  # midnight in Paris
    assert found.done_by(one) == 1_799_017_200.0 + 86_400
    assert found.not_before(other) == 1_799_092_800.0
    plan["batches"][0] = plan["batches"][0] | {"done_by": "9999-12-31"}
    (one, _) = (found := loaded(tmp_path, as_yaml(plan)).plan).batches
    assert moment_text(found.done_by(one) or 0.0) == "9999-12-30T23:00:00Z"
    assert found.done_by(other) is None


def test_urgent_batches_come_first_with_what_they_need(tmp_path: Path) -> None:
    plan = value()
    plan["datasets"] = [
        {"name": name, "source": {"container": "abc"}, "target": {"bucket": f"bucket{name}"}}
        for name in "abcd"
    ]
    plan["batches"] = [
        {"name": "one", "datasets": ["a"]},
        {"name": "base", "datasets": ["b"], "priority": -5},
        {"name": "two", "datasets": ["c"], "priority": 5},
        {"name": "urgent", "datasets": ["d"], "priority": 10, "needs": ["base"]},
    ]
    ordered = loaded(tmp_path, as_yaml(plan)).plan.ordered_batches()
    assert [one.name for one in ordered] == ["base", "urgent", "two", "one"]
