"""What an insider may say of an erasure: who holds ledger and report key changes each member."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from hdh_migrate.evidence.signatures.signing import load_signer
from hdh_migrate.sealing.hybrid import new_hybrid_pair
from tests.live.test_detached import SEAL
from tests.live.test_erased import approve, executed
from tests.support.fixtures import Bucket
from tests.support.rotated import strict_bucket
from tests.support.site import Site
from tests.support.strict_s3 import StrictS3
from tests.unit.evidence.forgery import Desk, load
from tests.unit.evidence.retold import forged

pytestmark = [pytest.mark.live, pytest.mark.slow]

KIND = "headers-erasing"
OTHER: dict[str, Any] = {
    "dataset": "no-such-dataset", "batch": "other", "objects": 91, "bytes": 1, "packs": 7,
    "pack_bytes": 8, "root": "12" * 32, "versions": 9, "copies": 9, "headers": 91,
    "although": ["grants"], "reason": "r", "user": "eve@elsewhere",
}  # fmt: skip
BY_WORD_ALONE = {"versions", "copies", "headers", "reason", "user"}
"""What the journal says of an erasure and nothing in the bundle bears out: what it removed."""


@pytest.fixture
def bucket() -> Iterator[Bucket]:
    with StrictS3() as server:
        yield strict_bucket(server, versions=True)


@pytest.fixture
def desk(site: Site) -> Desk:
    keys = site.folder / "hybrid"
    keys.mkdir()
    for name in ("steward", "escrow", "consumer"):
        new_hybrid_pair(keys, name, passphrase=None)
    site.change(seal=SEAL, cutovers=None, freeze=None)
    site.run()
    approve(site)
    executed(site, expect=0)
    bundle = site.folder / "bundle"
    site.cli("report", site.plan, "--out", str(bundle), expect=0)
    signer = load_signer(site.folder / "keys" / "report.key", None)
    return Desk(site.folder / "changed", load(bundle), (signer,))


def saying(**members: Any) -> Callable[[dict[str, Any]], object]:
    return lambda body: body.update(members)


def test_nobody_is_told_to_have_approved_an_erasure_who_was_not_asked(desk: Desk) -> None:
    assert desk.judge(forged(desk, KIND, saying())) == ([], [])
    (dpo,) = desk.statement()["predicate"]["erasures"][0]["approvals"]
    cases = {
        str(keys): forged(desk, KIND, saying(approvals=keys))
        for keys in ([], ["ab" * 32], [dpo, dpo], [dpo, "ab" * 32], [dpo[:-1]])
    }
    assert [said for said, taken in desk.agree(cases.items()).items() if taken] == []

    accepted = set()
    for member, value in OTHER.items():
        files = forged(desk, KIND, saying(**{member: value}))
        first, second = desk.judge(files)
        assert bool(first) == bool(second), (member, first, second)
        if not first:
            accepted.add(member)
    assert accepted == BY_WORD_ALONE
    assert OTHER.keys() > BY_WORD_ALONE
