"""What the fold over the journal says of moments."""

from __future__ import annotations

import pytest

from hdh_migrate.pipeline.projections.standing import CutoverStanding


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ("2026-11-24T12:00:00Z", "2026-11-24T12:00:00.500Z"),
        ("2026-11-24T12:00:00.5Z", "2026-11-24T12:00:00.500001Z"),
        ("2026-11-24T13:00:00+02:00", "2026-11-24T12:00:00.000Z"),
    ],
)
@pytest.mark.parametrize("swapped", [False, True])
def test_the_later_moment_counts_however_it_is_written(
    earlier: str, later: str, *, swapped: bool
) -> None:
    """As text, `Z` comes after any fraction, and 13 h with a zone after 12 h without one."""
    now = CutoverStanding("b")
    now.terms_since, at = (later, earlier) if swapped else (earlier, later)
    now.times["switched"] = at
    assert now.known_since("finalize") == later
