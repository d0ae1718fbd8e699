"""A key file that is not there: one wording for every kind, and the way out where there is one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from hdh_migrate.cli.keyfiles import head_of
from hdh_migrate.errors import KeyUnavailable
from hdh_migrate.evidence.signatures.signing import load_trusted_key
from hdh_migrate.plan.loader import load
from hdh_migrate.sealing.hybrid import HybridPublicKey
from hdh_migrate.sealing.keys import PrivateKey, PublicKey, new_pair
from hdh_migrate.wiring import Vault
from hdh_migrate.wiring.envelopes import drilled
from hdh_migrate.wiring.sealing import load_recipients, open_envelopes
from tests.support.filled import PLAN

READERS: list[Callable[[Path], object]] = [
    head_of,
    load_trusted_key,
    PublicKey.load,
    HybridPublicKey.load,
    lambda path: PrivateKey.load(path, None),
]


@pytest.mark.parametrize("read", READERS)
def test_it_is_said_in_one_way(tmp_path: Path, read: Callable[[Path], object]) -> None:
    with pytest.raises(KeyUnavailable) as refused:
        read(tmp_path / "none")
    assert str(refused.value) == (
        f"{tmp_path / 'none'}: the key file cannot be read: No such file or directory"
    )
    assert refused.value.hint == "check the path, and whether you may read what is there"


def test_only_a_plans_own_identity_may_be_replaced_by_another_recipients(tmp_path: Path) -> None:
    for name in ("steward", "escrow"):
        new_pair(tmp_path, name, passphrase=None)
    head, _, rest = PLAN.partition("seal:")
    seal = "seal: {format: crypt4gh, recipients: [steward.pub, escrow.pub], identity: file:gone}\n"
    (tmp_path / "plan.yaml").write_text(head + seal + rest[rest.index("datasets:") :])
    plan = load(tmp_path / "plan.yaml").plan

    with pytest.raises(KeyUnavailable) as refused:
        open_envelopes(plan, Vault.open(tmp_path))
    verb = '"hdh-migrate keys rotate PLAN --from OLD.pub --to NEW.pub"'
    assert f"let {verb} replace it" in str(refused.value.hint)

    with pytest.raises(KeyUnavailable) as refused:
        drilled(plan, load_recipients(plan, tmp_path), tmp_path / "gone", None)
    assert "rotate" not in str(refused.value.hint)
