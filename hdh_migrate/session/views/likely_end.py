"""What a forecast says of one batch, also kept for notices."""

from __future__ import annotations

from hdh_migrate.clocks import seconds_of, text_of_seconds
from hdh_migrate.frozen import frozen


@frozen
class LikelyEnd:
    """When a batch most likely is verified at the measured pace."""

    likely: str | None
    """RFC 3339 in UTC; None: nothing was measured, or there is no such time."""
    said_late: frozenset[str] = frozenset()
    """For which dates the run said that they will be missed: RFC 3339 in UTC."""

    def is_late(self, by: float) -> bool:
        """Return whether it will miss a date, in seconds since 1970."""
        return text_of_seconds(by) in self.said_late or (
            self.likely is not None and seconds_of(self.likely) > by
        )
