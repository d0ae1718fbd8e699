"""One screen that a person likes to leave open: how far each batch is, what goes on, what happened.

Plain lines no wider than the screen, that need no colour. What must not be overlooked comes first:
who works, what is urgent among the batches, what is under way; what happened last fills the rest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from textwrap import wrap
from typing import Final, Literal

from hdh_migrate.cli.board import attention, headlines, now_lines, shortened
from hdh_migrate.frozen import frozen
from hdh_migrate.results import Amount
from hdh_migrate.results.looks import Amounts, BatchStatus, ConnectionsFact, HappenedFact, Status
from hdh_migrate.telemetry import counted, size_text

URGENCY: Final = ("under way", "failed", "held back", "begun", "not begun", "done")
"""In which order batches are shown where not all of them fit."""

NAME_MIN: Final = 6
"""Characters of a batch's name that any screen shows."""

BAR_MIN, BAR_MAX = 8, 60
STATE: Final = max(map(len, URGENCY))
FULL, SENT, EMPTY = "#", "=", "."
WIDE: Final = 110
"""From so many columns on, bytes and what is excluded are shown, too."""


def screen(
    status: Status, width: int, height: int, foot: str, pasted: Callable[[str], str] = str
) -> list[str]:
    """Return at most `height` lines of at most `width` characters; the last one is `foot`.

    `pasted` makes what is said to people of what is said to everybody.
    """
    head = [line for text in headlines(status) for line in wrap(text, width)][: max(3, height // 4)]
    now = [
        line
        for text in (*now_lines(status, width // 4), *_connections(status["connections"]))
        for line in wrap(text, width, subsequent_indent="  ")
    ]
    calls = [pasted(line) for line in attention(status)]
    last = min(len(status["lately"]) + 1, height // 8)
    room = height - len(head) - 1 - last
    kept = min(len(now), max(4, room // 5)) + min(len(calls), max(2, room // 4))
    batches = _batches(status, max(3, room - kept), width)
    below = room - len(batches)
    now = _short(now, max(1, below - len(calls)), "steps")
    calls = _short(calls, below - len(now), "lines: see errors, or a larger screen")
    events = _events(status["lately"], below - len(now) - len(calls) + last)
    lines = _apart([head, batches, now, calls, events], height - 1)
    return [shortened(line, width) for line in [*lines[: height - 1], foot]]


def _apart(blocks: Sequence[Sequence[str]], room: int) -> list[str]:
    """Return blocks as lines, with an empty one between any two where there is room for all."""
    shown = [block for block in blocks if block]
    gap = [""] if sum(map(len, shown)) + len(shown) - 1 <= room else []
    return [line for at, block in enumerate(shown) for line in (*(gap if at else []), *block)]


# --- batches -------------------------------------------------------------------------------------


@frozen
class BatchRow:
    """What one line of the table says of a batch, or of all."""

    name: str
    state: str
    amounts: Amounts
    sent: Amount
    """What has reached the target, verified or not."""


def _batches(status: Status, room: int, width: int) -> list[str]:
    """Return a line for each batch that there is room for, the most urgent first."""
    every = [
        BatchRow(
            name=one["batch"], state=one["state"], amounts=one["amounts"], sent=_sent(one)
        )
        for one in status["batches"]
    ]  # fmt: skip
    sent: Amount = {
        "objects": sum(one.sent["objects"] for one in every),
        "bytes": sum(one.sent["bytes"] for one in every),
    }
    sums = [BatchRow(name="in all", state="", amounts=status["total"], sent=sent)]
    sums = sums if len(every) > 1 else []
    ranked = sorted(every, key=lambda row: URGENCY.index(row.state))
    fit = len(ranked)
    while fit > 1 and 1 + fit + len(sums) + (fit < len(ranked)) > room:
        fit -= 1
    kept, left = ranked[:fit], ranked[fit:]
    rows = [*(row for row in every if row in kept), *sums]
    return [*_lines(rows, width), *([_more(left)] if left else [])]


def _sent(batch: BatchStatus) -> Amount:
    transfer = batch["steps"]["transfer"]
    return {"objects": transfer["objects"], "bytes": transfer["bytes"]}


def _lines(rows: Sequence[BatchRow], width: int) -> list[str]:
    tails = [_tail(row.amounts, wide=width >= WIDE) for row in rows]
    columns = [max(len(tail[at]) for tail in tails) for at in range(len(tails[0]))]
    behind = sum(columns) + 2 * sum(map(bool, columns))
    names = max(5, *(len(row.name) for row in rows))
    name_room = min(names, max(NAME_MIN, width // 4))
    bar = max(BAR_MIN, min(BAR_MAX, width - behind - name_room - STATE - 11))
    heading = f"{'batch'.ljust(name_room)}  {'state'.ljust(STATE)}  {FULL} verified, {SENT} sent"
    return [
        heading,
        *(
            "  ".join(
                [
                    shortened(row.name, name_room).ljust(name_room),
                    row.state.ljust(STATE),
                    _bar(row, bar),
                    *(cell.rjust(size) for cell, size in zip(tail, columns, strict=True) if size),
                ]
            ).rstrip()
            for row, tail in zip(rows, tails, strict=True)
        ),
    ]


def _bar(row: BatchRow, width: int) -> str:
    """Return how much is verified and how much is sent; 100 only when nothing is left."""
    whole = _plus(row.amounts)
    unit: Literal["bytes", "objects"] = "bytes" if whole["bytes"] else "objects"
    if not whole[unit]:
        return f"[{EMPTY * width}]   0%"
    verified = row.amounts["verified"]
    done = min(1.0, verified[unit] / whole[unit])
    sent = min(1.0, max(done, row.sent[unit] / whole[unit]))
    if verified["objects"] < whole["objects"]:  # what is left may be empty, or very small
        done = min(done, 0.99)
    full, arrived = int(done * width), int(sent * width)
    bar = FULL * full + SENT * (arrived - full) + EMPTY * (width - arrived)
    return f"[{bar}] {int(done * 100):3d}%"


def _plus(amounts: Amounts) -> Amount:
    parts = (amounts["verified"], amounts["waiting"], amounts["failed"], amounts["held_back"])
    return {
        "objects": sum(one["objects"] for one in parts),
        "bytes": sum(one["bytes"] for one in parts),
    }


def _tail(amounts: Amounts, *, wide: bool) -> list[str]:
    whole, verified = _plus(amounts), amounts["verified"]
    failed, excluded = amounts["failed"]["objects"], amounts["excluded"]["objects"]
    cells = [f"{verified['objects']}/{whole['objects']}"]
    if wide:
        cells.append(f"{size_text(verified['bytes'])}/{size_text(whole['bytes'])}")
    cells.append(f"{failed} failed" if failed else "")
    if wide:
        cells.append(f"{excluded} excluded" if excluded else "")
    return cells


def _more(left: Sequence[BatchRow]) -> str:
    states = Counter(row.state for row in left)
    words = [f"{states[state]} {state}" for state in URGENCY if states[state]]
    return f"and {counted(len(left), 'more batch', 'more batches')}: {', '.join(words)}"


# --- what goes on, what happened -----------------------------------------------------------------


def _connections(connections: ConnectionsFact | None) -> Iterator[str]:
    if connections is None:
        return
    line = f"requests at once: up to {connections['now']} of {connections['most']}"
    if connections["changes"]:
        last = connections["changes"][-1]
        line += f", since {last['at'][11:19]}: {last['why']}"
    yield line


def _events(lately: Sequence[HappenedFact], room: int) -> list[str]:
    """Return as many of the last events as there is room for, the newest first."""
    if room < 2 or not lately:
        return []
    return ["last events", *(_event(one) for one in reversed(lately[-(room - 1) :]))]


def _event(one: HappenedFact) -> str:
    what = one["code"] or one["step"] or ""
    many = f"{one['count']} x " if one["count"] is not None else ""
    where = one["dataset"] or one["batch"] or ""
    words = (one["event"], f"{many}{what}", where)
    return f"  {one['at'][11:19]}  {'  '.join(word for word in words if word)}"


def _short(lines: Sequence[str], room: int, what: str) -> list[str]:
    if len(lines) <= room:
        return list(lines)
    if room <= 0:
        return []
    return [*lines[: room - 1], f"and {len(lines) - room + 1} more {what}"]
