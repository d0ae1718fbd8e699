"""The report's charts as geometry: what stands where on a drawing board of whole numbers.

The template draws it as inline SVG; every figure that a chart shows stands beside it as text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

BOARD = 1000
"""Width of every drawing board."""

HEIGHT = 200
STATE_ORDER = ("verified", "excluded", "pending", "failed")
_THINNEST = 6  # a single failed object among millions must still be seen
_LOWEST = 2


def states_bar(
    states: Mapping[str, Mapping[str, int]],
    number: Callable[[int], object],
    share: Callable[[int, int], object],
) -> list[dict[str, Any]]:
    """Return the pieces of the bar of states: their place on the board, and the legend's words."""
    counts = {state: states[state]["objects"] for state in STATE_ORDER}
    whole = sum(counts.values())
    widths = {
        state: max(_THINNEST, count * BOARD // whole) for state, count in counts.items() if count
    }
    scale = BOARD / sum(widths.values()) if widths else 0.0
    pieces, start = [], 0.0
    for state, count in counts.items():
        width = widths.get(state, 0) * scale
        pieces.append(
            {
                "state": state,
                "x": f"{start:.2f}",
                "width": f"{width:.2f}",
                "count": number(count),
                "share": share(count, whole),
            }
        )
        start += width
    return pieces


def pace_bars(pace: Mapping[str, Any]) -> dict[str, Any]:
    """Return one bar for each slice of time, and the mean and peak in bytes per second.

    Heights follow bytes; of a pace that moved empty objects only they follow objects.
    """
    bins: Sequence[Mapping[str, int]] = pace["bins"]
    unit = "bytes" if any(slot["bytes"] for slot in bins) else "objects"
    peak = max(slot[unit] for slot in bins) or 1
    step = BOARD / len(bins)
    bars = []
    for number, slot in enumerate(bins):
        if slot[unit]:
            height = max(_LOWEST, slot[unit] * HEIGHT // peak)
            bars.append(
                {
                    "x": f"{number * step + step * 0.08:.2f}",
                    "y": HEIGHT - height,
                    "width": f"{step * 0.84:.2f}",
                    "height": height,
                }
            )
    whole = sum(slot["bytes"] for slot in bins)
    return {
        **pace,
        "bars": bars,
        "mean": int(whole / (pace["seconds"] * len(bins))),
        "peak": int(max(slot["bytes"] for slot in bins) / pace["seconds"]),
    }


def size_bars(sizes: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the classes of size that hold objects, each with the length of its bar."""
    most = max((entry["objects"] for entry in sizes), default=0) or 1
    low = 0
    rows = []
    for entry in sizes:
        if entry["objects"]:
            width = max(_THINNEST, entry["objects"] * BOARD // most)
            rows.append({**entry, "from": low, "width": width})
        low = entry["below"] or low
    return rows
