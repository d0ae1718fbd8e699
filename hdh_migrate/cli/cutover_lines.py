"""Where a batch's cutover stands, in words."""

from __future__ import annotations

from collections.abc import Iterator

from hdh_migrate.results.looks import CutoverStatus, InSpiteOf
from hdh_migrate.telemetry import counted


def cutover_lines(batch: str, cutover: CutoverStatus | None) -> list[str]:
    """Return where a batch's cutover stands and why it does not go on."""
    if cutover is None:
        return []
    until = f" until {cutover['window_until']}" if cutover["stage"] == "fallback window" else ""
    lines = [f"cutover of {batch}: {cutover['stage']}{until}"]
    if (passed := cutover.get("in_spite_of")) is not None:
        lines += [f"  made final in spite of {one}" for one in _passed(passed)]
    waits = cutover["waits"]
    if waits is not None:
        lines.append(f"  stopped at {waits['at']}: {waits['why']}")
        lines += [f"    {line}" for line in waits["told"]]
    return lines


def _passed(over: InSpiteOf) -> Iterator[str]:
    """Yield what a switch was made final in spite of."""
    if over["late"]:
        many = counted(over["late"], "object", "objects")
        yield f"{many} new or changed at the source, which nobody moved"
    if over["unlisted"]:
        yield "a source that could not be listed"
    if over["let_go"]:
        many = counted(over["let_go"], "verified object", "verified objects")
        yield f"{many} that the target did not hold any more, or not as verified"
