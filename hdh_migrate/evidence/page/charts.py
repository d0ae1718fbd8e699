"""The report's charts as geometry: what stands where on a drawing board of whole numbers.

The template draws it as inline SVG; every figure that a chart shows stands beside it as text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from hdh_migrate.evidence.verifier.members import ObjectSum, SizeClass, StatedPace

BOARD = 1000
"""Width of every drawing board."""

HEIGHT = 200
STATE_ORDER = ("verified", "excluded", "vanished", "pending", "failed", "lost")
_THINNEST = 6  # a single failed object among millions must still be seen
_LOWEST = 2
_DWARFS = 6
"""A bar so many times as high as the next one is cut off at the height of that."""


def states_bar(
    states: Mapping[str, ObjectSum],
    share: Callable[..., object],
) -> list[dict[str, object]]:
    """Return the pieces of the bar of states: their place on the board, and the legend's words.

    `share` writes tenths of a percent; those of all pieces add up to 100 percent.
    """
    counts = {state: states[state]["objects"] for state in STATE_ORDER}
    whole = sum(counts.values())
    widths = {
        state: max(_THINNEST, count * BOARD // whole) for state, count in counts.items() if count
    }
    scale = BOARD / sum(widths.values()) if widths else 0.0
    tenths = _tenths(counts)
    pieces, start = [], 0.0
    for state, count in counts.items():
        width = widths.get(state, 0) * scale
        pieces.append(
            {
                "state": state,
                "x": f"{start:.2f}",
                "width": f"{width:.2f}",
                "objects": count,
                "share": share(tenths[state], less=0 < count * 1000 < whole),
            }
        )
        start += width
    return pieces


def _tenths(counts: Mapping[str, int]) -> dict[str, int]:
    """Return each count's tenths of a percent, 1,000 in all; none but nothing has none.

    What is cut off goes to those that lost most, and what the smallest are given is taken from
    the largest.
    """
    whole = sum(counts.values())
    if not whole:
        return dict.fromkeys(counts, 0)
    found = {name: max(bool(count), count * 1000 // whole) for name, count in counts.items()}
    lost = sorted(counts, key=lambda name: counts[name] * 1000 % whole, reverse=True)
    missing = 1000 - sum(found.values())
    for name in lost[: max(0, missing)]:
        found[name] += 1
    largest = max(found, key=lambda name: found[name])
    found[largest] += min(0, missing)
    return found


def pace_bars(pace: StatedPace) -> dict[str, object]:
    """Return one bar for each slice of time, the mean in bytes per second, the highest in bytes.

    Heights follow bytes; of a pace that moved empty objects only they follow objects.
    """
    bins = pace["bins"]
    values = [slot["bytes"] for slot in bins]
    if not any(values):
        values = [slot["objects"] for slot in bins]
    top = _top(values)
    step = BOARD / len(bins)
    bars = []
    for number, value in enumerate(values):
        if value:
            height = max(_LOWEST, min(HEIGHT, value * HEIGHT // top))
            bars.append(
                {
                    "x": f"{number * step + step * 0.08:.2f}",
                    "y": HEIGHT - height,
                    "width": f"{step * 0.84:.2f}",
                    "height": height,
                    "cut": value > top,
                }
            )
    whole = sum(slot["bytes"] for slot in bins)
    return {
        **pace,
        "bars": bars,
        "mean": int(whole / (pace["seconds"] * len(bins))),
        "highest": max(slot["bytes"] for slot in bins),
        "cut": sum(value > top for value in values),
    }


def _top(values: Sequence[int]) -> int:
    """Return what the top of the board stands for: the highest bar, or less if it dwarfs the rest.

    In an earlier version's bundle a large object counts where it ends; one such bar would hide what
    every other moment was like.
    """
    highest, *rest = sorted(values, reverse=True)
    for value in rest:
        if highest <= _DWARFS * value or not value:
            break
        highest = value
    return max(highest, 1)


def size_bars(sizes: Sequence[SizeClass]) -> list[dict[str, object]]:
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
