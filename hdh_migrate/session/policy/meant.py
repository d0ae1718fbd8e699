"""What a deletion that cannot be undone needs: the dataset's name, typed, and a reason."""

from __future__ import annotations

from typing import Final

from hdh_migrate.errors import UsageError

TEXT_MAX: Final = 300


def demand_meant(
    dataset: str, typed: str | None, reason: str | None, *, nothing: str, kept: str
) -> str:
    """Return why it is done to a dataset whose name was typed.

    `nothing` says that nothing was done yet, `kept` what the journal keeps the reason for.

    Raises:
        UsageError: another name was typed, or there is no reason of one line.
    """
    if typed != dataset:
        raise UsageError("the name that was typed is not that of the dataset", hint=nothing)
    why = (reason or "").strip()
    if not 0 < len(why) <= TEXT_MAX or not why.isprintable():
        raise UsageError(
            f"--reason TEXT is needed, one line of at most {TEXT_MAX} characters",
            hint=f"the journal keeps {kept}",
        )
    return why
