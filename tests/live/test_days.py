"""Nights over which the clocks change, played on a real `run --wait` (issue 17).

How fast bytes pass is measured by `python -m bench.days`; here no verdict depends on speed.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from hdh_migrate.errors import Exit
from tests.support.days import days, held_until, wall

pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.waits]

KIB = 1 << 10


@pytest.mark.parametrize(
    ("evening", "closes"),
    [("2027-03-27", "2027-03-28T05:00"), ("2027-10-30", "2027-10-31T05:00")],
    ids=["an hour is left out", "an hour comes twice"],
)
def test_a_window_closes_by_the_clock_of_the_night_in_which_it_changes(
    tmp_path: Path, evening: str, closes: str
) -> None:
    with days(
        tmp_path, 400, 64 * KIB,
        windows={"zone": "Europe/Paris", "open": ["daily 22:00-05:00"]},
        limits={"bandwidth": "64KiB/s"},  # minutes of work, however late the pause comes
        notify=[{"name": "room", "kind": "command", "run": ["./tell"], "on": ["run-ended"]}],
    ) as play:  # fmt: skip
        play.move_to(wall(f"{evening}T21:00"))
        play.begin("run")
        play.hears("waiting: no window of the plan is open; the next one opens on Sat")
        play.move_to(wall(f"{evening}T22:00") - 2)
        play.until(lambda: play.server.count("PutObject"), "22:00")
        assert play.events("run-started")[-1][0] >= wall(f"{evening}T22:00")
        assert len(held_until(play, "window")) == 1

        play.pause()
        play.move_to(wall(closes) - 8)
        play.call("resume")
        play.hears("waiting: no window of the plan is open; the next one opens on Sun")
        # None, if a busy machine resumed it when the window had closed: then it began nothing.
        assert all(at >= wall(closes) for at in held_until(play, "window")[1:])
        sent = play.server.count("PutObject")

        play.move_to(wall(closes) + 16 * 3600)
        assert play.server.count("PutObject") == sent
        play.change(limits={"bandwidth": "100MiB/s"})
        play.move_to(wall(closes) + 17 * 3600 - 1)  # 21:59:59
        assert play.ends() == Exit.OK, play.said
        assert play.events("run-started")[-1][0] >= wall(closes) + 17 * 3600
        assert play.server.count("PutObject") > sent
        assert [one["exit"] for one in play.notices()][-1] == Exit.OK
