"""Where a migration stands, as Prometheus's metrics: units in names, no object names in labels.

What labels can be is bounded: names of the plan, and words of this tool. Of a plan with more
batches than `BATCHES_MAX` the later ones are added up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, Literal

from hdh_migrate import __version__
from hdh_migrate.clocks import seconds_of
from hdh_migrate.errors import UsageError
from hdh_migrate.results.looks import BatchStatus, PaceFact, Status
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.views.expiry import Expiry, expiries
from hdh_migrate.session.views.exposition import Metric, MetricPoint, exposition
from hdh_migrate.session.views.status import status

BATCHES_MAX: Final = 200
OTHERS: Final = "(others)"
"""What stands for the batches beyond: no batch is called so."""

AMOUNTS: Final = ("verified", "waiting", "failed", "held_back", "excluded")
STATES: Final = ("not begun", "begun", "under way", "held back", "failed", "done")
STEPS: Final = ("inventory", "transfer", "verify")

Point = tuple[Mapping[str, str], float]


def metrics_text(desk: Desk) -> bytes:
    """Look once and return all of it; before the first run only what is known without a ledger."""
    ends = expiries(desk)
    try:
        now = status(desk)
    except UsageError:  # nothing has begun here
        return exposition(_before(desk.loaded.plan.migration, desk.clock.now(), ends))
    batch_of = {name: batch.name for batch in desk.loaded.plan.batches for name in batch.datasets}
    return exposition(metrics_of(now, ends, batch_of))


def metrics_of(
    status: Status, ends: Sequence[Expiry], batch_of: Mapping[str, str]
) -> Iterator[Metric]:
    """Yield every metric of a status; `batch_of` names the batch of each dataset."""
    named = {"migration": status["migration"]}
    yield from _general(named, status["at"], ends)
    yield from _of_the_run(named, status)
    yield _metric("notices_waiting", "Notices that did not arrive yet.",
                  [({}, status["notices"]["waiting"])], named)  # fmt: skip
    label = _labels([batch["batch"] for batch in status["batches"]])
    yield from _of_batches(named, status["batches"], label)
    yield _metric(
        "findings", "Open findings by code; a waived one counts, too.",
        _findings(status, batch_of, label), named,
    )  # fmt: skip


def _before(migration: str, at: str, ends: Sequence[Expiry]) -> Iterator[Metric]:
    named = {"migration": migration}
    yield from _general(named, at, ends)
    yield _metric("run_active", "Whether a command holds the ledger.", [({}, 0)], named)


def _general(named: Mapping[str, str], at: str, ends: Sequence[Expiry]) -> Iterator[Metric]:
    yield _metric("build_info", "The version that wrote this.", [({"version": __version__}, 1)],
                  named)  # fmt: skip
    yield _metric("status_timestamp_seconds", "When this was looked at.", [({}, seconds_of(at))],
                  named)  # fmt: skip
    yield _metric(
        "expiry_timestamp_seconds", "When a credential, an attested period or a report key ends.",
        [({"what": one.what}, seconds_of(one.ends)) for one in ends], named,
    )  # fmt: skip


def _of_the_run(named: Mapping[str, str], status: Status) -> Iterator[Metric]:
    work, eta = status["run"], status["eta"]

    def moment(name: str, words: str, at: str | None) -> Metric:
        points: list[Point] = [] if at is None else [({}, seconds_of(at))]
        return _metric(f"run_{name}_timestamp_seconds", words, points, named)

    yield _metric("run_active", "Whether a command holds the ledger.", [({}, work["alive"])], named)
    yield moment("start", "Since when a command holds the ledger.", work["since"])
    yield moment("last_word", "When something was last written to the ledger.", work["last_word"])
    yield moment("end", "When the last run ended; absent while one goes on.", work["ended"])
    ended: list[Point] = [] if work["exit"] is None else [({}, work["exit"])]
    yield _metric("run_exit_code", "How the last run ended; absent while one goes on.", ended,
                  named)  # fmt: skip
    course = status["course"]
    yield _metric("run_paused", "Whether somebody paused runs.",
                  [({}, course["paused"] is not None)], named)  # fmt: skip
    yield _metric("run_waiting", "Whether a run waits, and goes on by itself.",
                  [({}, course["waiting"] is not None)], named)  # fmt: skip
    window: list[Point] = [] if course["window"] is None else [({}, course["window"]["open"])]
    yield _metric("window_open", "Whether a window of the plan is open.", window, named)
    yield _metric("check_exit_code", "`status --check` by the ledger alone; 0 is fine.",
                  [({}, status["check"]["exit"])], named)  # fmt: skip
    left: list[Point] = [] if eta is None else [
        ({"bound": "low"}, eta["low"]), ({"bound": "high"}, eta["high"]),
    ]  # fmt: skip
    yield _metric("remaining_seconds", "How long all that is listed takes at the pace of now.",
                  left, named)  # fmt: skip


def _of_batches(
    named: Mapping[str, str], batches: Sequence[BatchStatus], label: Callable[[str], str]
) -> Iterator[Metric]:
    def each(name: str, words: str, value: Callable[[BatchStatus], Iterator[Point]]) -> Metric:
        summed = Counter[tuple[tuple[str, str], ...]]()
        for batch in batches:
            for labels, number in value(batch):
                summed[(("batch", label(batch["batch"])), *labels.items())] += number  # type: ignore[assignment]
        return _metric(name, words, [(dict(key), one) for key, one in summed.items()], named)

    yield each("objects", "Listed objects by what is to be done with them.",
               lambda batch: _amounts(batch, "objects"))  # fmt: skip
    yield each("bytes", "Their bytes at the source.", lambda batch: _amounts(batch, "bytes"))
    yield each("batch_state", "1 for the state that a batch is in.", _state)
    yield each("step_objects", "Objects that a step has done.",
               lambda batch: _done(batch, "objects"))  # fmt: skip
    yield each("step_bytes", "Bytes that a step has done.", lambda batch: _done(batch, "bytes"))
    yield each("step_bytes_per_second", "The pace of a step under way.",
               lambda batch: _pace(batch, "bytes_per_second"))  # fmt: skip
    yield each("step_objects_per_second", "The pace of a step under way.",
               lambda batch: _pace(batch, "objects_per_second"))  # fmt: skip


def _amounts(batch: BatchStatus, unit: Literal["objects", "bytes"]) -> Iterator[Point]:
    found = batch["amounts"]
    for name in AMOUNTS:
        yield {"state": name}, found[name][unit]


def _state(batch: BatchStatus) -> Iterator[Point]:
    for name in STATES:
        yield {"state": name.replace(" ", "_")}, int(batch["state"] == name)


def _done(batch: BatchStatus, unit: Literal["objects", "bytes"]) -> Iterator[Point]:
    for name in STEPS:
        yield {"step": name}, batch["steps"][name][unit]


def _pace(
    batch: BatchStatus, unit: Literal["bytes_per_second", "objects_per_second"]
) -> Iterator[Point]:
    found: tuple[tuple[str, PaceFact], ...] = (
        ("transfer", batch["steps"]["transfer"]),
        ("verify", batch["steps"]["verify"]),
    )
    for name, step in found:
        rate = step[unit]
        if rate is not None:
            yield {"step": name}, rate


def _findings(
    status: Status, batch_of: Mapping[str, str], label: Callable[[str], str]
) -> list[Point]:
    summed = Counter[tuple[str, str, str]]()
    for one in status["findings"]:
        batch = batch_of.get(one["dataset"] or "")
        where = "" if batch is None else label(batch)
        many = one["count"] if "count" in one else 1  # noqa: SIM401 - mypy: a union of two forms
        summed[where, one["severity"], one["code"]] += many
    return [
        ({"batch": batch, "severity": severity, "code": code}, count)
        for (batch, severity, code), count in sorted(summed.items())
    ]


def _labels(batches: Sequence[str]) -> Callable[[str], str]:
    shown = frozenset(batches[:BATCHES_MAX])
    return lambda batch: batch if batch in shown else OTHERS


def _metric(name: str, words: str, points: Sequence[Point], named: Mapping[str, str]) -> Metric:
    return Metric(
        name=f"hdh_migrate_{name}",
        help=words,
        points=tuple(MetricPoint(labels={**named, **labels}, value=value)
                     for labels, value in points),
    )  # fmt: skip
