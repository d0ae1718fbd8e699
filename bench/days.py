"""Three days on which the clocks change, played on a real `run --wait`: when, and how fast.

`python -m bench.days [--page docs/three-days.md]`, with a compiler of C. The program's clock
jumps while it waits (`tests/support/days.py`); between two jumps it is real time, so rates are
measured, at the server, over so many seconds as `--seconds` says. Exit 1: something is not as it is
to be.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from tests.support.days import PARIS, Days, compiler, days, held_until, shown, wall

KIB: Final = 1 << 10
DEFAULT, NIGHT, LIMIT, BACK = 512 * KIB, 1024 * KIB, 256 * KIB, 768 * KIB
"""Bytes a second to the target by default, from 01:00 to 04:00 and by `limit`; and from it."""

WITHIN: Final = 0.05
HELD_SECONDS: Final = 3.0
"""What is under way when a window closes has two seconds; one more for the clock's own steps."""

AHEAD: Final = 15.0
"""So long before a change the clock is set."""

TURNS: Final = {
    "spring": ("2027-03-27", "an hour is left out"),
    "autumn": ("2027-10-30", "an hour comes twice"),
}


_PAGE: Final = """\
# Three days on which the clocks change

Are `windows`, timetables, `limit`, `pause` and `done_by` kept to while the clocks change? Below is
what was seen. `make days` makes this page, for anybody with a compiler of C; no figure was typed.

One `run --wait` of the real program moves 2200 objects of 64 KiB from a folder to a strict S3
server through three nights, once over the hour that daylight saving leaves out and once over the
one that comes twice (Europe/Paris). Its wall clock jumps while it waits and is real time between
two jumps; the server's clock jumps with it, for it judges the date of every signature. Windows:
daily 22:00-05:00. To the target: 512 KiB/s, and 1 MiB/s from 01:00 to 04:00; from it 768 KiB/s.
Rates are measured at the server, and are to be within 5 %; moments are the journal's. Beside a
moment stands how much later it was.
"""


@dataclass(frozen=True, slots=True)
class Observed:
    """One line of the page."""

    what: str
    wanted: str
    found: str
    holds: bool


def main() -> None:
    """Play both turns; print what was seen, and put it on a page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0, help="of each measurement")
    parser.add_argument("--turn", choices=[*TURNS], help="only this one")
    parser.add_argument("--page", type=Path, help="the page that gets the table")
    wanted = parser.parse_args()
    if compiler() is None:
        raise SystemExit("no compiler of C is installed (Debian: apt-get install gcc libc6-dev)")
    lines, failed = list[str](), False
    for name, (saturday, about) in TURNS.items():
        if wanted.turn not in {None, name}:
            continue
        lines += ["", f"### {about.capitalize()}: three days from {saturday}", ""]
        lines += ["| what | is to be | was | |", "|---|---|---|---|"]
        with tempfile.TemporaryDirectory(prefix="hdh-days-") as folder:
            for one in played(Path(folder), saturday, wanted.seconds):
                failed = failed or not one.holds
                lines.append(
                    f"| {one.what} | {one.wanted} | {one.found} | {'' if one.holds else '**NO**'} |"
                )
                sys.stdout.write(lines[-1] + "\n")
                sys.stdout.flush()
    if wanted.page is not None:
        wanted.page.write_text(_PAGE + "\n".join(lines) + "\n")
    raise SystemExit(1 if failed else 0)


def played(folder: Path, saturday: str, seconds: float) -> Iterator[Observed]:
    """Play three days; yield what was seen."""
    sunday, monday = (_after(saturday, days) for days in (1, 2))
    due = wall(f"{monday}T22:00:40")
    with days(
        folder, 2200, 64 * KIB,
        windows={"zone": "Europe/Paris", "open": ["daily 22:00-05:00"]},
        limits={
            "to_target": {
                "zone": "Europe/Paris", "default": "512KiB/s", "daily 01:00-04:00": "1MiB/s",
            },
            "from_target": "768KiB/s",
        },
        batches=[{"name": "all", "datasets": ["all"],
                  "done_by": datetime.fromtimestamp(due, PARIS).isoformat()}],
        notify=[{"name": "room", "kind": "command", "run": ["./tell"], "on": ["date-missed"]}],
    ) as play:  # fmt: skip
        yield from _first_night(play, saturday, sunday, seconds)
        yield from _through_the_turn(play, sunday, seconds)
        yield from _second_night(play, sunday, monday, seconds)
        yield from _last_night(play, due, seconds)


def _first_night(play: Days, saturday: str, sunday: str, seconds: float) -> Iterator[Observed]:
    opens = wall(f"{saturday}T22:00")
    play.move_to(opens - 3_600)
    play.begin("run")
    play.hears("waiting: no window of the plan is open")
    play.move_to(opens - 3)
    play.until(lambda: play.server.count("PutObject"), "a first object")
    yield _at("the window opens", opens, play.events("run-started")[-1][0], AHEAD)
    yield _rate("the rate by default", DEFAULT, play.rate("PutObject", seconds))
    play.call("limit", "256KiB/s", "--for", "2h")
    play.rate("PutObject", 3)  # which is heard within two seconds
    yield _rate("`limit 256KiB/s --for 2h`", LIMIT, play.rate("PutObject", seconds))
    paused = play.now()
    play.pause()
    held = held_until(play, "pause")
    yield _at("`pause` is acted on", paused, held[-1], 2 + HELD_SECONDS)
    change = wall(f"{sunday}T01:00")
    play.move_to(change - AHEAD - seconds)
    play.resume()
    yield _rate("the limit has ended by itself", DEFAULT, play.rate("PutObject", seconds))
    yield from _change(play, "01:00: by day to by night", change, NIGHT, seconds)


def _through_the_turn(play: Days, sunday: str, seconds: float) -> Iterator[Observed]:
    turn = wall(f"{sunday}T01:59:59") + 1  # of the first two o'clock, where there are two
    if datetime.fromtimestamp(turn, PARIS).utcoffset() == _offset(turn - 60):
        turn += 3600
    play.jump(turn - AHEAD - seconds)
    yield _rate("before the clocks change", NIGHT, play.rate("PutObject", seconds))
    play.sleep_until(turn + 1)
    yield _rate(f"after it ({shown(turn)})", NIGHT, play.rate("PutObject", seconds))
    change = wall(f"{sunday}T04:00")
    play.jump(change - AHEAD - seconds)
    yield _rate("until 04:00 by the new time", NIGHT, play.rate("PutObject", seconds))
    yield from _change(play, "04:00: by night to by day", change, DEFAULT, seconds)
    yield from _closes(play, wall(f"{sunday}T05:00"))


def _second_night(play: Days, sunday: str, monday: str, seconds: float) -> Iterator[Observed]:
    opens = wall(f"{sunday}T22:00")
    play.hears("the next one opens on Sun")
    sent = play.server.count("PutObject")
    for hour in ("05:30", "13:00", "21:59"):
        play.move_to(wall(f"{sunday}T{hour}"))
        time.sleep(2)
    more = play.server.count("PutObject") - sent
    yield Observed(
        "from 05:00 to 22:00", "nothing is sent", f"{more} objects", holds=more == 0
    )  # fmt: skip
    play.move_to(opens - 3)
    play.until(lambda: play.server.count("PutObject") > sent, "the second night")
    yield _at("it goes on by itself", opens, play.events("run-started")[-1][0], AHEAD)
    yield _rate("the rate by default", DEFAULT, play.rate("PutObject", seconds))
    play.jump(wall(f"{monday}T05:00") - AHEAD)
    yield from _closes(play, wall(f"{monday}T05:00"))


def _last_night(play: Days, due: float, seconds: float) -> Iterator[Observed]:
    play.hears("the next one opens on Mon")
    begun = play.server.count("PutObject")
    play.move_to(wall(f"{datetime.fromtimestamp(due, PARIS):%Y-%m-%d}T22:00") - 3)
    play.until(lambda: play.server.count("PutObject") > begun, "the third night")
    yield _rate("the rate by default", DEFAULT, play.rate("PutObject", seconds))
    play.until(lambda: play.now() > due + 12, "the date is missed")
    late = [at for at, _ in play.events("batch-late")]
    noticed = [datetime.fromisoformat(one["timestamp"]).timestamp() for one in play.notices()]
    yield Observed(
        f"the journal tells that {shown(due)} will be missed", "once, before it",
        ", ".join(map(shown, late)), holds=len(late) == 1 and late[0] < due,
    )  # fmt: skip
    yield Observed(
        "notices: that it will be, that it is", "one before, one after",
        ", ".join(map(shown, noticed)),
        holds=len(noticed) == 2 and noticed[0] < due <= noticed[1],
    )  # fmt: skip
    play.pause()
    play.change(limits={"to_target": "100MiB/s", "from_target": "768KiB/s"})
    play.resume()
    yield _rate("what is read back", BACK, play.rate("GetObject", seconds))
    play.pause()
    play.change(limits={"bandwidth": "100MiB/s"})
    play.resume()
    code = play.ends()
    stored = sum(key.startswith("in/") for key in play.stored())
    yield Observed("the run ends", "0, 2200 objects", f"{code}, {stored} objects",
                   holds=(code, stored) == (0, 2200))  # fmt: skip


def _change(play: Days, what: str, change: float, rate: int, seconds: float) -> Iterator[Observed]:
    play.sleep_until(change + 1)
    yield _rate(what, rate, play.rate("PutObject", seconds))
    told = [at for at, body in play.events("rate") if body["bytes_per_second"] == rate]
    yield _at("... is journalled", change, told[-1], HELD_SECONDS)


def _closes(play: Days, closes: float) -> Iterator[Observed]:
    if play.now() < closes - 2 * AHEAD:
        play.jump(closes - AHEAD)
    held = len(held_until(play, "window"))
    play.until(lambda: len(held_until(play, "window")) > held, "the window closes")
    yield _at("the window closes", closes, held_until(play, "window")[-1], HELD_SECONDS)


def _rate(what: str, wanted: int, found: float) -> Observed:
    off = found / wanted - 1
    return Observed(
        what, f"{wanted / KIB:.0f} KiB/s", f"{found / KIB:.1f} KiB/s ({off:+.1%})",
        holds=abs(off) <= WITHIN,
    )  # fmt: skip


def _at(what: str, wanted: float, found: float, within: float) -> Observed:
    late = found - wanted
    return Observed(what, shown(wanted), f"{late:+.1f} s", holds=-0.1 <= late <= within)


def _offset(at: float) -> timedelta | None:
    return datetime.fromtimestamp(at, PARIS).utcoffset()


def _after(day: str, days: int) -> str:
    return f"{datetime.fromisoformat(day) + timedelta(days=days):%Y-%m-%d}"


if __name__ == "__main__":
    main()
