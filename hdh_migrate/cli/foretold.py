"""A forecast in words: ends as ranges, and what ends before, the most urgent first."""

from __future__ import annotations

from collections.abc import Iterator

from hdh_migrate.cli.output import amount_text, table
from hdh_migrate.results.forecasts import (
    BatchEnd,
    CostFact,
    CostLine,
    CutoverAhead,
    EndingFact,
    MomentRange,
    PlanForecast,
    StepRate,
    Supposition,
)
from hdh_migrate.telemetry import duration_text, size_text

BASES = {
    "measured": "from what was measured",
    "asked": "as you suppose",
    "stated": "at the plan's limits.bandwidth, which nobody has measured",
    "none": "without any basis",
}


def lines(forecast: PlanForecast) -> Iterator[str]:
    """Yield all of it."""
    yield _headline(forecast)
    yield from _supposed(forecast["supposed"])
    yield ""
    yield table(
        [_batch(one) for one in forecast["batches"]],
        {
            "batch": "batch", "left": "left", "earliest": "earliest", "likely": "likely",
            "latest": "latest",
        },
    )  # fmt: skip
    for batch in forecast["batches"]:
        yield from (f"batch {batch['batch']}: {why}" for why in batch["why"])
    if forecast["rates"]:
        yield ""
        yield from map(_rate, forecast["rates"])
    if forecast["cutovers"]:
        yield ""
        yield from map(_cutover, forecast["cutovers"])
    if forecast["deadlines"]:
        yield ""
        yield table(
            [_deadline(one) for one in forecast["deadlines"]],
            {"ends": "ends", "margin": "margin", "what": "what ends"},
        )
    if (quota := forecast["quota"]) is not None:
        yield ""
        yield (
            f"quota of the target: {size_text(quota['brings'])} of {size_text(quota['bytes'])}"
            + (": TOO LITTLE" if quota["exceeded"] else "")
        )
    yield from _costs(forecast["costs"])
    yield from (f"note: {note}" for note in (*forecast["notes"], *forecast["costs"]["notes"]))
    if forecast["check"]["why"]:
        yield ""
        yield from (f"attention: {why}" for why in forecast["check"]["why"])


def _headline(forecast: PlanForecast) -> str:
    name = forecast["migration"]
    if forecast["done"]:
        return f"{name}: every batch is verified"
    if forecast["ends"] is None:
        return f"{name}: no end can be given"
    return f"{name}: ends {_span(forecast['ends'])}, {BASES[forecast['basis']]}"


def _supposed(one: Supposition) -> Iterator[str]:
    if (rate := one["bytes_per_second"]) is not None:
        yield f"supposed: {size_text(rate)}/s each way, or what the plan's limits allow if less"
    if (begins := one["begins"]) is not None:
        yield f"supposed: nothing is done before {_minute(begins)}"


def _span(ends: MomentRange) -> str:
    return (
        f"between {_minute(ends['earliest'])} and {_minute(ends['latest'])}, most likely"
        f" {_minute(ends['likely'])}"
    )


def _minute(at: str) -> str:
    """Return a moment to the minute; all of them are of UTC."""
    return f"{at[:10]} {at[11:16]}Z"


def _batch(one: BatchEnd) -> dict[str, object]:
    left, ends = one["verify"], one["ends"]
    said = one["state"] if one["state"] != "left" else ""
    amount = amount_text(left) if left["objects"] else ""
    return {
        "batch": one["batch"],
        "left": ", ".join(part for part in (said, amount) if part),
        "earliest": "" if ends is None else _minute(ends["earliest"]),
        "likely": "" if ends is None else _minute(ends["likely"]),
        "latest": "" if ends is None else _minute(ends["latest"]),
    }


def _rate(one: StepRate) -> str:
    costs = ""
    if one["seconds_per_object"] is not None and one["seconds_per_gib"] is not None:
        costs = (
            f"; an object costs {one['seconds_per_object'] * 1000:.3g} ms and a GiB"
            f" {one['seconds_per_gib']:.3g} s"
        )
    return (
        f"{one['step']}: {one['objects_per_second']:g} objects/s,"
        f" {size_text(one['bytes_per_second'])}/s over {duration_text(one['measured_seconds'])} of"
        f" work{costs}"
    )


def _cutover(one: CutoverAhead) -> str:
    parts = []
    if one["listing_seconds"] is not None:
        parts.append(f"listing its source again took {duration_text(one['listing_seconds'])}")
    if (daily := one["a_day"]) is not None:
        parts.append(f"{amount_text(daily)} new or changed a day")
    if one["delta"] is not None and (seconds := one["seconds"]) is not None:
        low, high = duration_text(seconds["low"]), duration_text(seconds["high"])
        parts.append(f"a delta of {amount_text(one['delta'])}: frozen for {low} to {high}")
    return f"cutover of {one['batch']}: {'; '.join([*parts, *one['why']])}"


def _costs(cost: CostFact) -> Iterator[str]:
    if not cost["lines"]:
        return
    yield ""
    yield table(
        [_cost(one, cost["currency"]) for one in cost["lines"]],
        {
            "state": "exchanged", "period": "days", "side": "side", "purpose": "purpose",
            "bytes": "leaving it", "requests": "requests", "amount": "cost",
        },
    )  # fmt: skip
    if cost["currency"] is not None:
        currency = cost["currency"]
        yield (
            f"in all {cost['total']} {currency}: {cost['recorded']} recorded, {cost['left']} left"
        )


def _cost(one: CostLine, currency: str | None) -> dict[str, object]:
    amount = "no price" if one["bytes"] and currency is not None else ""
    if one["amount"] is not None:
        amount = f"{one['amount']} {currency}"
    return {**one, "bytes": size_text(one["bytes"]), "amount": amount}


def _deadline(one: EndingFact) -> dict[str, object]:
    margin = one["margin_days"]
    shown = "" if margin is None else f"{margin:+.1f} days"
    if one["too_early"]:
        shown = f"{shown} {'ENDED' if one['ended'] else 'TOO EARLY'}".strip()
    what = one["what"] if one["batch"] is None else f"batch {one['batch']}: {one['what']}"
    return {
        "ends": "unknown" if one["ends"] is None else _minute(one["ends"]),
        "margin": shown,
        "what": f"{what} ({one['note']})" if "note" in one else what,
    }
