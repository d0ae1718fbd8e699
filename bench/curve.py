"""What a ledger costs by the number of its objects: as a table, a picture and a section of a page.

Pure functions of what `bench.scale` measured; the page that shows them is written by `make bench`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from html import escape
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """One thing that is done with a ledger; `grows` says what it is expected to grow with."""

    name: str
    unit: str
    what: str
    grows: str
    """Nothing (what it costs stands, whatever the ledger holds), or what a part of it walks."""


PHASES: Final = (
    Phase(name="insert", unit="µs", what="storing a listed object, CPU each", grows=""),
    Phase(name="seal", unit="µs", what="counting it again for the root, each", grows=""),
    Phase(name="open", unit="ms", what="opening the ledger to write", grows=""),
    Phase(name="restart", unit="ms", what="opening, and the first 1,000 objects to send", grows=""),
    Phase(name="claim", unit="µs", what="an intent, committed by 32, each", grows=""),
    Phase(name="receipt", unit="µs", what="a receipt of what was sent, by 8, each", grows=""),
    Phase(name="verified", unit="µs", what="a receipt of what was verified, the same", grows=""),
    Phase(name="status", unit="s", what="the command", grows=""),
    Phase(name="nothing", unit="s", what="`transfer` and `verify` with nothing to do", grows=""),
    Phase(
        name="report", unit="s", what="the command: all pages, the whole journal, every row",
        grows="every row is checked against the journal and written into the manifest",
    ),
    Phase(name="memory", unit="MiB", what="at the most, of `report`", grows=""),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """Each phase at each number of objects, in the phase's unit."""

    machine: str
    version: str
    objects: tuple[int, ...]
    values: dict[str, tuple[float | None, ...]]

    def as_json(self) -> str:
        """Return it as one line of JSON."""
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def of_json(cls, text: str) -> Curve:
        """Read what `as_json` wrote."""
        told = json.loads(text)
        return cls(
            machine=told["machine"],
            version=told["version"],
            objects=tuple(told["objects"]),
            values={name: tuple(row) for name, row in told["values"].items()},
        )

    def growth(self, name: str) -> float | None:
        """Return how often the last value is the first one; None: it was not measured twice."""
        found = [one for one in self.values.get(name, ()) if one]
        return found[-1] / found[0] if len(found) > 1 else None


GROWN: Final = 2.0
"""From here on something is said to have grown: smaller changes may be those of a busy machine."""


def table(curve: Curve) -> str:
    """Return the curve as text in columns."""
    head = f"{'':10}{'unit':>5}" + "".join(f"{_count(n):>10}" for n in curve.objects)
    lines = [head]
    for phase in PHASES:
        cells = "".join(f"{_shown(one):>10}" for one in curve.values.get(phase.name, ()))
        lines.append(f"{phase.name:10}{phase.unit:>5}{cells}  {phase.what}")
    return "\n".join([*lines, "", *(f"- {line}" for line in growing(curve))])


def growing(curve: Curve) -> list[str]:
    """Name what grew with the number of objects, and why it may."""
    said = []
    for phase in PHASES:
        times = curve.growth(phase.name)
        if times is None or times < GROWN:
            continue
        why = phase.grows or "no part of it is meant to grow"
        said.append(f"{phase.name} grew {times:.1f} times: {why}")
    found = [(one.name, curve.growth(one.name)) for one in PHASES]
    small = [f"{name} ({times:.1f})" for name, times in found if times and times < GROWN]
    if small:
        said.append(f"the last figure through the first, of all others: {', '.join(small)}")
    return said


PICTURE: Final = "pictures/ledger.svg"
"""Where the picture stands, from the page on."""

BEGIN: Final = "<!-- begin: written by `python -m bench.scale` -->\n"
END: Final = "<!-- end -->\n"


def placed(page: str, text: str, begin: str = BEGIN, end: str = END) -> str:
    """Return a page with a section written anew, or at its end if it has none."""
    before, found, rest = page.partition(begin)
    after = rest.partition(end)[2] if found else ""
    return f"{before if found else before.rstrip() + chr(10) * 2}{begin}\n{text}\n{end}{after}"


def section(curve: Curve) -> str:
    """Return the section of a page in Markdown."""
    sizes = " | ".join(_count(n) for n in curve.objects)
    lines = [
        "## The ledger, by the number of its objects",
        "",
        f"`python -m bench.scale`, on {curve.machine}; hdh-migrate {curve.version}.",
        "All of it is CPU time, commands with their start; a busy machine may double it.",
        "",
        f"![What the ledger costs, by the number of its objects]({PICTURE})",
        "",
        f"| | {sizes} | |",
        "| --- |" + " ---: |" * len(curve.objects) + " --- |",
    ]
    for phase in PHASES:
        cells = " | ".join(
            f"{_shown(one)} {phase.unit}" if one is not None else "-"
            for one in curve.values.get(phase.name, ())
        )
        lines.append(f"| {phase.name} | {cells} | {phase.what} |")
    return "\n".join([*lines, "", *(f"- {line}" for line in growing(curve))]) + "\n"


# --- the picture ---------------------------------------------------------------------------------

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 760, 420, 60, 130, 20, 40
_COLOURS = (
    "#1b6ca8", "#c0392b", "#2e8b57", "#8e44ad", "#d68910", "#16a085", "#7f8c8d", "#34495e",
    "#a04000", "#117864", "#6c3483",
)  # fmt: skip
_TO_SECONDS = {"µs": 1e-6, "ms": 1e-3, "s": 1.0}


def svg(curve: Curve) -> str:
    """Return a picture: CPU seconds over objects, both in powers of ten; memory is left out."""
    lines = [
        (phase.name, [(n, one * _TO_SECONDS[phase.unit]) for n, one in _points(curve, phase)])
        for phase in PHASES
        if phase.unit in _TO_SECONDS
    ]
    lines = [(name, points) for name, points in lines if points]
    values = [one for _, points in lines for _, one in points] or [1.0]
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    first, last = math.log10(curve.objects[0]), math.log10(curve.objects[-1])

    def place(n: float, value: float) -> tuple[float, float]:
        right = (math.log10(n) - first) / max(last - first, 1e-9)
        up = (math.log10(value) - low) / max(high - low, 1)
        return (
            _LEFT + right * (_WIDTH - _LEFT - _RIGHT),
            _HEIGHT - _BOTTOM - up * (_HEIGHT - _TOP - _BOTTOM),
        )

    drawn = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}"'
            ' font-family="sans-serif" font-size="12" role="img">'
        ),
        "<title>What the ledger costs, by the number of its objects</title>",
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>',
    ]
    for power in range(low, high + 1):
        _, y = place(curve.objects[0], 10.0**power)
        drawn.append(
            f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>'
            f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{_seconds(power)}</text>'
        )
    for n in curve.objects:
        x, _ = place(n, 10.0**low)
        drawn.append(
            f'<text x="{x:.1f}" y="{_HEIGHT - 18}" text-anchor="middle">{escape(_count(n))}</text>'
        )
    drawn.append(
        f'<text x="{(_LEFT + _WIDTH - _RIGHT) / 2:.0f}" y="{_HEIGHT - 2}"'
        ' text-anchor="middle">objects in the ledger</text>'
    )
    labels = _apart([place(*points[-1])[1] for _, points in lines])
    for number, (name, points) in enumerate(lines):
        colour = _COLOURS[number % len(_COLOURS)]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(*one) for one in points))
        drawn.append(
            f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>'
            + "".join(
                f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>'
                for x, y in (place(*one) for one in points)
            )
            + f'<text x="{_WIDTH - _RIGHT + 10}" y="{labels[number] + 4:.1f}"'
            f' fill="{colour}">{escape(name)}</text>'
        )
    return "\n".join([*drawn, "</svg>"]) + "\n"


def _points(curve: Curve, phase: Phase) -> list[tuple[int, float]]:
    row = curve.values.get(phase.name, ())
    return [(n, one) for n, one in zip(curve.objects, row, strict=False) if one]


def _apart(heights: Sequence[float]) -> list[float]:
    """Return heights for labels, each at least a line below the one above it."""
    found = list(heights)
    last = -math.inf
    for number in sorted(range(len(found)), key=lambda one: heights[one]):
        found[number] = last = max(found[number], last + 13)
    return found


def _seconds(power: int) -> str:
    if power >= 0:
        return f"{10**power} s"
    return f"{10 ** (power + 3)} ms" if power >= -3 else f"{10 ** (power + 6)} µs"


def _count(number: int) -> str:
    for size, word in ((1_000_000, " million"), (1_000, ",000")):
        if number >= size and number % size == 0:
            return f"{number // size}{word}"
    return f"{number:,}"


def _shown(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 1 else f"{value:.2f}"
