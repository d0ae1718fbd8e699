"""Bundles that a ledger made anew is to believe."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from hdh_migrate.errors import Refused, UsageError
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.policy.bundles import trusted_bundles
from hdh_migrate.session.policy.newest import peeked
from tests.support.quiet import Notes
from tests.unit.session.test_gate import PLAN, UNSEALED


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    text = PLAN.partition("seal:")[0] + UNSEALED
    (tmp_path / "plan.yaml").write_text(text)
    return Desk.open(tmp_path / "plan.yaml", None, Notes(), threading.Event())


def test_a_bundle_that_others_could_change_is_not_believed(desk: Desk, tmp_path: Path) -> None:
    """It was checked, and its lines were read again afterwards, whatever stood there by then."""
    bundle = tmp_path / "evidence"
    bundle.mkdir()
    bundle.chmod(0o777)
    with pytest.raises(Refused, match="may be written by others"):
        trusted_bundles(desk, [bundle])
    bundle.chmod(0o700)
    with pytest.raises((UsageError, Refused)) as raised:
        trusted_bundles(desk, [bundle])
    assert "others" not in str(raised.value)


def test_what_is_no_statement_says_nothing(tmp_path: Path) -> None:
    for text in ("", "7", "[" * 100_000, '{"payload": "AA"}'):
        (tmp_path / "statement.json").write_text(text)
        assert peeked(tmp_path) is None
