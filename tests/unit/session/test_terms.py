"""What the terms of a cutover say of the keys that a plan names."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from hdh_migrate.errors import UsageError
from hdh_migrate.evidence.signatures.signing import new_report_key
from hdh_migrate.plan.loader import load
from hdh_migrate.session.policy.terms import terms_of, threshold, verifiers
from tests.unit.session.test_gate import PLAN, UNSEALED


def test_one_key_under_two_names_is_not_two_people(tmp_path: Path) -> None:
    """The change that brought it in showed no line, and its end could be another under each."""
    keys = tmp_path / "keys"
    keys.mkdir()
    for name in ("dpo", "ciso"):
        new_report_key(keys, name, None)
    text = PLAN.partition("seal:")[0] + UNSEALED
    asked = "approvals: {keys: [keys/dpo.pub, keys/ciso.pub], threshold: 2}\n"
    (tmp_path / "plan.yaml").write_text(text + asked)
    loaded = load(tmp_path / "plan.yaml")
    batch = loaded.plan.ordered_batches()[0].name
    terms = terms_of(loaded, batch)
    assert (len(verifiers(terms.approvers)), threshold(terms, "finalize")) == (2, 2)

    shutil.copy(keys / "dpo.pub", keys / "ciso.pub")

    with pytest.raises(UsageError, match=r"keys/dpo\.pub and keys/ciso\.pub hold the same key"):
        terms_of(loaded, batch)
