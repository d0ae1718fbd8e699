"""Where a batch's cutover stands, in words."""

from __future__ import annotations

from hdh_migrate.results.looks import CutoverStatus


def cutover_lines(batch: str, cutover: CutoverStatus | None) -> list[str]:
    """Return where a batch's cutover stands and why it does not go on."""
    if cutover is None:
        return []
    until = f" until {cutover['window_until']}" if cutover["stage"] == "fallback window" else ""
    lines = [f"cutover of {batch}: {cutover['stage']}{until}"]
    if (passed := cutover.get("in_spite_of")) is not None:
        from hdh_migrate.evidence.lines.finals import in_spite_of  # only where there is some

        lines += [f"  made final in spite of {one}" for one in in_spite_of(**passed)]
    waits = cutover["waits"]
    if waits is not None:
        lines.append(f"  stopped at {waits['at']}: {waits['why']}")
        lines += [f"    {line}" for line in waits["told"]]
    return lines
