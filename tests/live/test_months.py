"""What goes wrong in months and was believed: found by playing them (docs/cutover.md)."""

from __future__ import annotations

import shutil

import pytest

from hdh_migrate.evidence.signatures.signing import load_trusted_key
from tests.support.site import OLD, Site

pytestmark = pytest.mark.live


@pytest.fixture
def switched(site: Site) -> Site:
    """A batch that was moved, approved and switched."""
    site.run()
    site.approve("cutover", "dpo")
    site.cutover("start", expect=0)
    return site


def test_an_approver_named_by_mistake_as_the_signer_is_not_lost_for_good(site: Site) -> None:
    """One run with the wrong key made its owner's approvals count for nothing ever after."""
    site.run()
    keys = site.folder / "keys"
    shutil.copy(keys / "report.key", keys / "once.key")
    shutil.copy(keys / "dpo.key", keys / "report.key")

    for verb in (("run",), ("run", "--dry-run"), ("preflight",), ("report",)):
        name, *rest = verb
        said = site.cli(name, site.plan, *rest, expect=3)
        assert f"{load_trusted_key(keys / 'dpo.pub').key_id}" in said.err + said.out, verb
        assert "who approves" in said.err + said.out, verb

    shutil.copy(keys / "once.key", keys / "report.key")
    site.run()
    site.approve("cutover", "dpo")
    site.cutover("start", expect=0)


def test_a_rollback_never_asks_who_signs(switched: Site) -> None:
    keys = switched.folder / "keys"
    shutil.copy(keys / "report.key", keys / "once.key")
    shutil.copy(keys / "dpo.key", keys / "report.key")

    switched.cutover("rollback", expect=0)

    assert switched.pointer == OLD
    shutil.copy(keys / "once.key", keys / "report.key")
    switched.approve("cutover", "dpo")
    switched.cutover("start", expect=0)
