"""The names of the files beside a ledger that hold what later reports are held against."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

CHECKPOINTS: Final = "checkpoints.jsonl"
"""The signed checkpoint of each report, one on a line."""
LAST: Final = "last-report.json"
"""Which report a run wrote last; without it, or with another one, a run's end writes a report."""


def last_bundle(ledger: Path) -> Path | None:
    """Return where the report lies that a run wrote last, None when none is there."""
    try:
        folder = Path(json.loads(ledger.with_name(LAST).read_bytes())["report"]["folder"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return folder if folder.is_dir() else None
