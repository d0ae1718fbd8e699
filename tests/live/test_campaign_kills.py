"""The campaign's part of killed process trees counts what it kills.

It tried nothing for a week: the test that it runs could not record, so it ended before its first
kill.
"""

from __future__ import annotations

import pytest

from tests.campaign import parts

pytestmark = [pytest.mark.live, pytest.mark.crash, pytest.mark.slow]


def test_a_try_of_the_campaign_kills_and_counts() -> None:
    passed, said, recorded = parts.tested(parts.KILLS, 1, "--kills=2", "-k", "moto")

    assert passed, said[-2000:]
    assert recorded["kills"] == 2
