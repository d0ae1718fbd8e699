"""The figures as a table in the terminal, as docs/performance.md, and as a picture."""

from __future__ import annotations

from pathlib import Path
from xml.sax.saxutils import escape

from bench.figures import BARS, Figures, Row

PICTURE = Path("pictures", "performance.svg")
KEPT = "<!-- What follows is kept when the figures above are made anew. -->"
"""Stands in the page before what others write there."""

_WIDE, _BAR, _LEFT = 860, 12, 330
_LOOK = 'role="img" font-family="sans-serif" font-size="12"'
_COLOURS = {"wall": "#4c78a8", "CPU": "#e08a3c"}


def table(figures: Figures) -> str:
    """Return the figures for a terminal."""
    lines = [f"{'ours / rclone':58}{'wall':>7}{'beyond':>8}{'CPU':>7}{'beyond':>8}"]
    for row in figures.rows:
        whole, beyond = zip(row.wall, row.cpu, strict=True)
        lines.append(
            f"{row.words:58}{whole[0]:7.2f}{beyond[0]:8.2f}{whole[1]:7.2f}{beyond[1]:8.2f}"
        )
        lines.append(f"    CPU: {_each(row)}; peak {row.ours.peak} and {row.theirs.peak} MiB")
    for tool, verb, cost in figures.starts:
        lines.append(f"{tool} {verb}, five tiny objects: {cost.wall:.2f} s, CPU {cost.cpu:.2f} s")
    lines += [f"{words}, alone: {seconds:.2f} CPU s a GiB" for words, seconds in figures.passes]
    return "\n".join(lines) + "\n"


def write(figures: Figures, where: Path) -> None:
    """Write the page and the picture beside it; what stands behind `KEPT` stays."""
    picture = where.parent / PICTURE
    picture.parent.mkdir(parents=True, exist_ok=True)
    picture.write_text(drawn(figures))
    old = where.read_text() if where.exists() else ""
    kept = old.partition(KEPT)[2]
    where.write_text(f"{_page(figures)}\n{KEPT}\n\n{kept.strip()}".rstrip() + "\n")


def _page(figures: Figures) -> str:
    rows = "\n".join(_line(row) for row in figures.rows)
    starts = "\n".join(
        f"| {tool} | {verb} | {cost.wall:.2f} | {cost.cpu:.2f} |"
        for tool, verb, cost in figures.starts
    )
    passes = "\n".join(f"| {words} | {seconds:.2f} |" for words, seconds in figures.passes)
    machine = "\n".join(f"| {what} | {value} |" for what, value in figures.machine)
    return f"""\
# How quick it is

Made by `make bench`, which anybody can run; no figure here was typed. Each work was done by both
tools in turns, {figures.rounds} times; medians. Ours through rclone's: below 1 is quicker, or takes
less. *Beyond* is without what the same command costs on five tiny objects. CPU is that
of the tool's whole process tree, the servers' excluded; the servers run on the same processors,
so wall times tell of them, too.

![Ratios of wall time and CPU beyond the fixed cost]({PICTURE})

| work | wall | beyond | CPU | beyond | at most | CPU beyond, ours and rclone's | peak memory, MiB |
| --- | --- | --- | --- | --- | --- | --- | --- |
{rows}

*At most* is what wall and CPU beyond the fixed cost are to be.

| five tiny objects | verb | wall, s | CPU, s |
| --- | --- | --- | --- |
{starts}

## What is compared

rclone copies through its crypt remote with 16 transfers and parallel listings, and lists the
source both ways, of which the better one counts; `check --download` then reads source and target
and compares the bytes. Ours lists twice by two readers and compares both, records an intent
before and a receipt after each object, and takes SHA-256 of the plaintext and of what is stored.
It reads back the target alone: bytes are compared with the digests that were taken while the
source was read, of a large object part by part, and its stored bytes and plaintext are digested
once more as a whole for the evidence ([decision 4](decisions/0004-whole-object-digest.md)): three
passes of SHA-256 where rclone compares. That proof has a price, which no program goes below; on the
same machine, right after the works:

| what the passes take alone | CPU s a GiB |
| --- | --- |
{passes}

What is more than that in the table above goes to the two connections, copies in memory and Python.

Azurite takes some 200 µs of its one thread for each blob that it lists, more than either tool: of
two listings it makes about twice the time of one, whoever asks for them. So the same is measured of
a server that has every entry ready (`bench/quick_azure.py`): there the tools are waited for.

The package is compiled before anything is measured, as pip compiles what it installs.

After each timed run every byte that it wrote was read and compared with what the corpus was made
of: ours copied by rclone and opened, rclone's by `hashsum --download`. Whatever differs ends the
benchmark. Where a tool fails and the target answers 5xx for what it holds, to a plain request too,
that round of the work counts for neither tool, and is counted below.

## On what

| | |
| --- | --- |
{machine}

`python -m bench.run --help` tells how to choose works, sizes, rounds and another endpoint;
`python -m bench.sftp` measures SFTP beside OpenSSH, `python -m bench.memory` memory with a
default plan.
"""


def _line(row: Row) -> str:
    (wall, wall_beyond), (cpu, cpu_beyond) = row.wall, row.cpu
    most = BARS[row.work]
    return (
        f"| {row.words} | {wall:.2f} | {wall_beyond:.2f} | {cpu:.2f} | {cpu_beyond:.2f}"
        f" | {most[0]} and {most[1]} | {_each(row)} | {row.ours.peak} and {row.theirs.peak} |"
    )


def _each(row: Row) -> str:
    ours, theirs = row.ours_beyond.cpu / row.units, row.theirs_beyond.cpu / row.units
    return f"{ours:.2f} and {theirs:.2f} {row.unit}"


def drawn(figures: Figures) -> str:
    """Return the ratios as bars, rclone's being 1, with a mark at what they are to be at most."""
    widest = max([1.5, *(max(row.wall[1], row.cpu[1]) for row in figures.rows)])
    scale = (_WIDE - _LEFT - 70) / widest
    tall = 46 + 44 * len(figures.rows)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDE} {tall}" {_LOOK}>',
        "<title>Wall time and CPU beyond the fixed cost, ours through rclone's</title>",
        f'<rect width="{_WIDE}" height="{tall}" fill="#ffffff"/>',
    ]
    for number, (name, colour) in enumerate(_COLOURS.items()):
        at = _LEFT + 90 * number
        parts.append(f'<rect x="{at}" y="10" width="12" height="12" fill="{colour}"/>')
        parts.append(f'<text x="{at + 18}" y="20">{name}</text>')
    parts.append(f'<text x="{_LEFT + 180}" y="20">rclone = 1; a tick: at most</text>')
    for number, row in enumerate(figures.rows):
        parts.extend(_bars(row, 36 + 44 * number, scale))
    one = _LEFT + scale
    parts.append(
        f'<line x1="{one:.1f}" y1="32" x2="{one:.1f}" y2="{tall - 8}" stroke="#555"'
        ' stroke-dasharray="4 3"/>'
    )
    return "\n".join([*parts, "</svg>"]) + "\n"


def _bars(row: Row, top: int, scale: float) -> list[str]:
    words = escape(row.words.split(", against")[0])
    parts = [f'<text x="{_LEFT - 10}" y="{top + 18}" text-anchor="end">{words}</text>']
    beyond = (row.wall[1], row.cpu[1])
    for place, (name, value, most) in enumerate(zip(_COLOURS, beyond, BARS[row.work], strict=True)):
        y, long = top + place * (_BAR + 3), value * scale
        tick = _LEFT + most * scale
        parts += [
            _rect(_LEFT, y, long, _COLOURS[name]),
            f'<text x="{_LEFT + long + 6:.1f}" y="{y + 10}">{value:.2f}</text>',
            _tick(tick, y),
        ]
    return parts


def _rect(x: float, y: float, long: float, colour: str) -> str:
    return f'<rect x="{x}" y="{y}" width="{long:.1f}" height="{_BAR}" fill="{colour}"/>'


def _tick(x: float, y: float) -> str:
    ends = f'x1="{x:.1f}" y1="{y - 1}" x2="{x:.1f}" y2="{y + _BAR + 1}"'
    return f'<line {ends} stroke="#111" stroke-width="2"/>'
