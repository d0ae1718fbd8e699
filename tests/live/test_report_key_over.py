"""The last day of the key that signs reports is over: it signs nothing more, and that is said."""

from __future__ import annotations

import pytest

from hdh_migrate.evidence.signatures.signing import new_report_key
from tests.support.finished import prepared
from tests.support.site import Site, moved

pytestmark = pytest.mark.live

OVER = "its key was to sign until 2026-01-31, so nothing counts that it signs now"


@prepared(moved)
def test_a_key_whose_day_is_over_signs_nothing_more(site: Site) -> None:
    keys, evidence = site.folder / "keys", site.folder / "evidence"
    new_report_key(keys, "old", None, until="2026-01-31")
    site.cli("report", site.plan, "--out", str(evidence), expect=0)
    site.change(report={"signer": "file:keys/old.key"})

    for verb in (
        ("run", "--no-progress"), ("run", "--dry-run"), ("preflight",), ("verify", "--again"),
        ("report", "--out", str(site.folder / "another")),
    ):  # fmt: skip
        said = site.cli(verb[0], site.plan, *verb[1:], expect=3)
        assert OVER in said.out + said.err, verb
        assert "hdh-migrate keys new NAME --purpose report" in said.out + said.err
    assert not (site.folder / "another").exists()
    trust = ("--trust", str(keys / "report.pub"))
    said = site.cli(
        "report", "sign", str(evidence), "--key", str(keys / "old.key"), *trust, expect=3
    )
    assert "was to sign until 2026-01-31" in said.err
    site.cli("audit", "verify", str(evidence), *trust, expect=0)  # nobody touched it

    numbers = site.folder / "numbers.prom"
    site.cli("status", site.plan, "--metrics-file", str(numbers), expect=0)
    assert 'what="report-key"' in numbers.read_text()

    new_report_key(keys, "new", None, until="2099-12-31")
    site.change(report={"signer": "file:keys/new.key"})
    site.cli("run", site.plan, "--until", "verify", "--no-progress", expect=0)
    another = str(site.folder / "another")
    site.cli("report", site.plan, "--out", another, expect=0)
    site.cli("audit", "verify", another, "--trust", str(keys / "new.pub"), expect=0)


def test_no_key_is_made_that_signs_nothing(site: Site) -> None:
    made = ("keys", "new", "late", "--purpose", "report", "--dir", str(site.folder / "keys"))
    said = site.cli(*made, "--valid-until", "2026-01-31", expect=2)
    assert "that day is over" in said.err
    assert not (site.folder / "keys" / "late.key").exists()


def test_an_approvers_key_whose_day_is_over_approves_nothing(site: Site) -> None:
    public = site.folder / "keys" / "dpo.pub"
    public.write_text("Valid-Until: 2026-01-31\n" + public.read_text())
    site.run()
    said = site.approve("cutover", expect=3).err
    assert "was to approve until 2026-01-31, so its approval would count for nothing" in said
    site.approve("cutover", "ciso")


def test_a_waivers_key_whose_day_is_over_waives_nothing(site: Site) -> None:
    keys = site.folder / "keys"
    (keys / "ciso.pub").write_text("Valid-Until: 2026-01-31\n" + (keys / "ciso.pub").read_text())
    site.change(waivers={"keys": ["keys/ciso.pub"]})
    said = site.cli(
        "waive", site.plan, "--what", "attestation", "--reason", "a rehearsal", "--until",
        "2099-12-31", "--key", str(keys / "ciso.key"), expect=2,
    ).err  # fmt: skip
    assert "was to sign until 2026-01-31, so its waiver would count for nothing" in said
    assert not (site.folder / "waivers").exists()
