"""The names of the files beside a ledger that hold what later reports are held against."""

from __future__ import annotations

from typing import Final

CHECKPOINTS: Final = "checkpoints.jsonl"
"""The signed checkpoint of each report, one on a line."""
LAST: Final = "last-report.json"
"""Which report a run wrote last; without it, or with another one, a run's end writes a report."""
