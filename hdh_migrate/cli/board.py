"""Where a run stands, in words; what of it fits on one screen `watch_screen` says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from hdh_migrate.cli.cutover_lines import cutover_lines
from hdh_migrate.cli.hours import course_lines
from hdh_migrate.cli.output import amount_text, table, visible
from hdh_migrate.clocks import seconds_of
from hdh_migrate.errors import Exit
from hdh_migrate.results import Amount
from hdh_migrate.results.looks import (
    Amounts,
    BatchStatus,
    FindingGroup,
    InventoryProgress,
    KeyTrial,
    NamedFinding,
    NoticeStanding,
    SecondsRange,
    Status,
    StepProgress,
    Work,
)
from hdh_migrate.session.views.ages import as_of
from hdh_migrate.telemetry import counted, duration_text, size_text

CUT: Final = "~"


def report(status: Status) -> list[str]:
    """Return all of it, however long the lines are."""
    return [
        *headlines(status),
        *amounts(status["batches"], status["total"]),
        *_steps([one for one in status["batches"] if one["state"] != "done"]),
        *_crew(status),
        *attention(status),
        *_left(status),
        *_keys(status),
        *(f"next: {one['command']} ({one['why']})" for one in status["next"]),
    ]


def verdict_lines(status: Status) -> list[str]:
    """Return what a monitor shows: a line for the whole, and one for each reason."""
    check = status["check"]
    word = _VERDICTS[Exit(check["exit"])]
    return [f"{status['migration']}: {word}; {working(status['run'], status['at'])}", *check["why"]]


_VERDICTS: Final = {
    Exit.OK: "fine",
    Exit.FINDINGS: "attention",
    Exit.VERIFICATION_FAILED: "verification failed",
    Exit.DRIFTED: "source changed",
    Exit.STOPPED: "not running",
    Exit.AUTH: "credential refused",
    Exit.DAMAGED: "damaged",
}


# --- the parts ----------------------------------------------------------------------------------


def headlines(status: Status) -> list[str]:
    """Return who works, what is grave, and how much of all is done."""
    done = sum(batch["state"] == "done" for batch in status["batches"])
    total = status["total"]
    verified = total["verified"]
    of = _plus(verified, total["waiting"], total["failed"], total["held_back"])
    share = f" ({100 * verified['bytes'] // of['bytes']} %)" if of["bytes"] else ""
    eta = f", {span_text(status['eta'])} left" if status["eta"] and status["run"]["alive"] else ""
    reached = (
        f"{done} of {len(status['batches'])} batches done, {verified['objects']} of {of['objects']}"
        f" listed objects verified, {size_text(verified['bytes'])} of {size_text(of['bytes'])}"
    )
    return [
        f"{status['migration']}: {working(status['run'], status['at'])}",
        *([] if (age := as_of(status["run"], status["at"])) is None else [age]),
        *(visible(" ".join(one["en"].split())) for one in status.get("grave", ())),
        f"{reached}{share}{eta}",
        *course_lines(status["course"]),
    ]


def working(work: Work, now: str) -> str:
    """Return who works, or how the last run ended, in words."""
    if work["alive"]:
        who = "somebody" if work["pid"] is None else f"pid {work['pid']} on host {work['host']}"
        since = "" if work["since"] is None else f" since {_second(work['since'])}"
        what = f" ({', '.join(work['steps'])})" if work["steps"] else ""
        return f"{who} is at work{since}{what}{_last_word(work, now)}"
    if work["ended"] is None or work["exit"] is None:
        killed = "the last one was killed" if work["steps"] else "how the last ended is not known"
        return f"no run is under way, {killed}{_last_word(work, now)}"
    ended = Exit(work["exit"])
    # What was listed, or found, since then may be open all the same: it stands below.
    meaning = "it left nothing open" if ended is Exit.OK else ended.meaning
    over = ", which is over by now" if work["over"] else ""
    return (
        f"no run is under way, the last run ended {_second(work['ended'])} with {int(ended)}"
        f" ({meaning}){over}{_since(work['last_word'], work['ended'])}"
    )


def _since(last: str | None, ended: str) -> str:
    """Return that something was written after the run, as by a look at the target."""
    if last is None or seconds_of(last) <= seconds_of(ended):
        return ""
    return f"; the ledger was written to since, {_second(last)}"


def _last_word(work: Work, now: str) -> str:
    last = work["last_word"]
    if last is None:
        return ""
    ago = seconds_of(now) - seconds_of(last)
    return f", last word {_second(last)}" + (f", {duration_text(ago)} ago" if ago >= 0 else "")


_COLUMNS: Final = ("verified", "waiting", "failed", "held_back", "excluded")
_HEADING: Final = ["batch", "state", *(name.replace("_", " ") for name in _COLUMNS)]


def amounts(batches: Sequence[BatchStatus], total: Amounts) -> list[str]:
    """Return the table of batches: a line of objects and one of bytes for each."""
    return _aligned([_HEADING, *_rows(batches), *_sums(batches, total)])


def _rows(batches: Sequence[BatchStatus]) -> list[list[str]]:
    return [row for one in batches for row in _two(one["batch"], one["state"], one["amounts"])]


def _sums(batches: Sequence[BatchStatus], total: Amounts) -> list[list[str]]:
    return _two("in all", "", total) if len(batches) > 1 else []


def _two(name: str, state: str, amounts: Amounts) -> list[list[str]]:
    found = [
        amounts["verified"],
        amounts["waiting"],
        amounts["failed"],
        amounts["held_back"],
        amounts["excluded"],
    ]
    sizes = [size_text(one["bytes"]) if one["objects"] else "" for one in found]
    objects = [name, state, *(str(one["objects"]) for one in found)]
    return [objects, ["", "", *sizes]] if any(sizes) else [objects]


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows with words to the left and numbers to the right."""
    shown = [[visible(cell) for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in shown) for column in range(len(shown[0]))]
    return [
        "  ".join(
            [row[0].ljust(widths[0]), row[1].ljust(widths[1])]
            + [cell.rjust(width) for cell, width in zip(row[2:], widths[2:], strict=True)]
        ).rstrip()
        for row in shown
    ]


def _steps(batches: Sequence[BatchStatus]) -> list[str]:
    """Return a line for each step of batches that are not done: of others there is nothing more."""
    rows = []
    for batch in batches:
        name, steps = batch["batch"], batch["steps"]
        rows.append({"batch": name, "step": "inventory", **_listed(steps["inventory"])})
        rows.append({"batch": name, "step": "transfer", **_moved(steps["transfer"])})
        rows.append({"batch": name, "step": "verify", **_moved(steps["verify"])})
    columns = ("batch", "step", "state", "objects", "bytes", "rate", "left")
    lines = table(rows, {name: name for name in columns}).split("\n")
    more = (line for batch in batches for line in _arrived(batch))
    return ["", *lines, *more] if rows else []


def _crew(status: Status) -> list[str]:
    """Return a line for each worker of a cluster that is there."""
    rows = [
        {
            "worker": one["worker"],
            "state": one["state"],
            "share": f"{100 * one['share']:.0f} %",
            "orders": f"{one['orders']}/{one['orders_at_most']}",
            "done": amount_text(one),
            "rate": f"{size_text(one['bytes_per_second'])}/s",
            "heard": _ago(one["last_word"], status["at"]),
        }
        for one in status.get("workers", ())
        if one["state"] != "gone"
    ]
    columns = ("worker", "state", "share", "orders", "done", "rate", "heard")
    return ["", *table(rows, {name: name for name in columns}).split("\n")] if rows else []


def _ago(then: str, now: str) -> str:
    return f"{duration_text(max(0.0, seconds_of(now) - seconds_of(then)))} ago"


def _arrived(batch: BatchStatus) -> Iterator[str]:
    big = batch["steps"]["transfer"]["arrived"]
    if big["objects"]:
        yield (
            f"{batch['batch']}: {counted(big['parts'], 'part')} of"
            f" {counted(big['objects'], 'large object')} under way arrived so far"
            f" ({size_text(big['bytes'])})"
        )


def now_lines(status: Status, name_max: int) -> list[str]:
    """Return a line for each step under way: how far, how fast, how long still."""
    return [
        _step_line(shortened(batch["batch"], name_max), *step)
        for batch in status["batches"]
        for step in _now(batch)
    ]


def _now(batch: BatchStatus) -> Iterator[tuple[str, InventoryProgress]]:
    steps = batch["steps"]
    found: tuple[tuple[str, InventoryProgress], ...] = (
        ("inventory", steps["inventory"]),
        ("transfer", steps["transfer"]),
        ("verify", steps["verify"]),
    )
    return ((name, step) for name, step in found if step["state"] == "under way")


def _step_line(batch: str, name: str, step: InventoryProgress) -> str:
    if "of_objects" not in step:
        amount = amount_text(step)
        return f"{batch}: {name}, {amount} so far"
    moved: StepProgress = step  # type: ignore[assignment] # that key is of no other type
    cells = _moved(moved)
    return f"{batch}: {name} {cells['objects']} objects, {cells['bytes']}" + "".join(
        f", {more}" for more in (cells["rate"], cells["left"] and f"{cells['left']} left") if more
    )


def _listed(seen: InventoryProgress) -> dict[str, str]:
    return {
        "state": seen["state"],
        "objects": str(seen["objects"]),
        "bytes": size_text(seen["bytes"]),
    }


def _moved(seen: StepProgress) -> dict[str, str]:
    rate = seen["bytes_per_second"]
    return {
        **_listed(seen),
        "objects": f"{seen['objects']}/{seen['of_objects']}",
        "bytes": f"{size_text(seen['bytes'])}/{size_text(seen['of_bytes'])}",
        "rate": f"{size_text(rate)}/s" if rate is not None else "",
        "left": span_text(seen["eta_range"]) if seen["eta_range"] is not None else "",
    }


# --- what somebody should know --------------------------------------------------------------------


def attention(status: Status) -> list[str]:
    """Return what is waiting and why, then the open findings, blockers first."""
    ended = status["run"]["why"]
    return [
        *([f"the last run ended so: {ended}"] if ended and not status["run"]["alive"] else []),
        *(["the plan differs from the one this run was started with"] * status["plan_changed"]),
        *([] if status["behind"] is None else [f"an older ledger is here: {status['behind']}"]),
        *_held(status["held"]),
        *status.get("open", ()),
        *status.get("erased", ()),
        *_notices(status["notices"]),
        *_idle_crew(status),
        *(line for batch in status["batches"] for line in batch["waits"]),
        *(
            f"batch {batch['batch']}: {batch['waived']['objects']} failed and waived"
            for batch in status["batches"]
            if batch["waived"]["objects"]
        ),
        *(line for batch in status["batches"]
          for line in cutover_lines(batch["batch"], batch["cutover"])),
        *map(_finding_line, sorted(status["findings"], key=_gravity)),
    ]  # fmt: skip


def _held(held: str | None) -> Iterator[str]:
    if held is not None:
        yield f"nothing that cannot be taken back goes on: held {held}"


def _notices(standing: NoticeStanding) -> Iterator[str]:
    if standing["why"] is not None:  # what only waits for its first try is no trouble
        since = "" if standing["since"] is None else f" since {_second(standing['since'])}"
        many = "1 notice" if standing["waiting"] == 1 else f"{standing['waiting']} notices"
        yield f"{many} did not arrive{since}: {standing['why']}"


def _idle_crew(status: Status) -> Iterator[str]:
    """Return which workers of a cluster take no orders, and whether any does."""
    seen = status.get("workers", ())
    for one in seen:
        if one["state"] == "gone":
            yield f"worker {one['worker']} takes no orders: {one['why']}"
    if seen and all(one["state"] == "gone" for one in seen):
        yield "no worker of the cluster takes orders: start one (hdh-migrate worker PLAN)"


def _gravity(found: FindingGroup | NamedFinding) -> int:
    return ("blocker", "finding", "note").index(found["severity"])


def _finding_line(found: FindingGroup | NamedFinding) -> str:
    count = key = ""
    if "count" in found:
        count = f"{found['count']} x "
    elif found["key"]:
        key = f" {visible(found['key'])}"
    where = found["dataset"] or "run"
    return f"{found['severity']}: {count}{found['code']} ({where}){key}: {found['detail']}"


def _left(status: Status) -> list[str]:
    """Return what is left to do and what ends when, as the report says it."""
    ends = [f"{one['at']}: {one['en']}{' (past)' * one['over']}" for one in status.get("ends", ())]
    return _titled("left to do", [one["en"] for one in status.get("left", ())]) + _titled(
        "what ends", ends
    )


def _titled(title: str, found: Iterable[str]) -> list[str]:
    lines = [line for one in found for line in _task(" ".join(one.split()))]  # no hard spaces
    return ["", f"{title}:", *lines] if lines else []


def _task(text: str) -> Iterator[str]:
    """Yield what is to be done, and below it the command, to be copied."""
    told, _, command = text.partition(" Command: ")
    yield f"- {visible(told)}"
    if command:
        yield f"    {visible(command)}"


def _keys(status: Status) -> list[str]:
    """Return when each recipient's key last opened what is stored, once something is."""
    if not status["total"]["verified"]["objects"] or not status["keys"]:
        return []
    trials = [_trial(one) for one in status["keys"]]
    lines = [f"- {trial}" for trial in trials if trial is not None]
    if untried := trials.count(None):  # which, stands in what is left to do
        lines.append(f"- {untried} not tried: hdh-migrate keys drill PLAN --key FILE --stored N")
    return ["", "private keys, as tried:", *lines]


def _trial(one: KeyTrial) -> str | None:
    stored = one["stored"]
    if stored is not None:
        opened = f"{stored['opened']} of {counted(stored['objects'], 'stored object')}"
        return f"{one['recipient']} opened {opened}, drawn by chance, on {_second(stored['at'])}"
    if one["proved"] is not None:
        at = _second(one["proved"])
        return f"{one['recipient']} opened a test envelope on {at}, and nothing that is stored yet"
    return None


# --- small tools ----------------------------------------------------------------------------------


def span_text(span: SecondsRange) -> str:
    """Return a range of time as people read it; one time where both ends read alike."""
    low, high = duration_text(span["low"]), duration_text(span["high"])
    return low if low == high else f"{low} to {high}"


def _plus(*found: Amount) -> Amount:
    return {
        "objects": sum(one["objects"] for one in found),
        "bytes": sum(one["bytes"] for one in found),
    }


def _second(at: str) -> str:
    return f"{at[:19]}Z"


def shortened(line: str, width: int) -> str:
    """Return a line as it can be shown, no longer than a width."""
    text = visible(line)
    return text if len(text) <= width else f"{text[: width - len(CUT)]}{CUT}"


def joined(lines: Iterable[str]) -> str:
    """Return lines as one text."""
    return "\n".join(lines)
