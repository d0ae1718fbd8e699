"""What goes wrong in months and was believed: found by playing them (docs/cutover.md)."""

from __future__ import annotations

import json
import shutil
from copy import deepcopy

import pytest

from hdh_migrate.evidence.signatures.signing import load_trusted_key
from tests.support import second_verifier
from tests.support.days import shifted_clock
from tests.support.finished import prepared
from tests.support.narrow import files_of_at_most
from tests.support.site import NEW, OLD, Site, moved

pytestmark = pytest.mark.live


@pytest.fixture
def switched(site: Site) -> Site:
    """A batch that was moved, approved and switched."""
    site.run()
    site.approve("cutover", "dpo")
    site.cutover("start", expect=0)
    return site


@prepared(moved)
def test_an_approver_named_by_mistake_as_the_signer_is_not_lost_for_good(site: Site) -> None:
    """One run with the wrong key made its owner's approvals count for nothing ever after."""
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


def test_what_the_target_lost_in_the_window_is_mended_and_then_final(switched: Site) -> None:
    """It was final though objects were gone; and sent anew, nothing but going back was left."""
    switched.approve("finalize", "dpo")
    stored = "in/pmsi/b.csv.c4gh"
    switched.bucket.client.delete_object(Bucket=switched.bucket.name, Key=stored)

    out = switched.folder / "b.csv"
    fetch = ("fetch", switched.plan, "emc2", "pmsi/b.csv", "--out", str(out))
    assert f"verify {switched.plan} --again" in switched.cli(*fetch, expect=5).err
    assert not out.exists()
    said = switched.cutover("finalize", "--reason", "now", expect=3).err

    assert "1 verified object is gone from the target" in said
    assert f"verify {switched.plan} --again" in said
    switched.cli("verify", switched.plan, "--again", expect=5)
    switched.run()
    assert "manifest" in switched.cutover("finalize", "--reason", "now", expect=8).err
    switched.approve("finalize", "dpo")
    switched.cutover("finalize", "--reason", "now", expect=0)


def test_a_target_is_final_as_it_is_where_somebody_says_so(switched: Site) -> None:
    switched.approve("finalize", "dpo")
    switched.bucket.client.put_object(
        Bucket=switched.bucket.name, Key="in/pmsi/b.csv.c4gh", Body=b"a consumer's"
    )
    why = ("--reason", "the ward rewrote it")
    assert "--as-it-is" in switched.cutover("finalize", *why, expect=3).err
    assert "needs a reason" in switched.cutover("finalize", "--as-it-is", expect=3).err

    switched.cutover("finalize", "--as-it-is", *why, expect=0)

    bundle = switched.folder / "evidence"
    switched.cli("report", switched.plan, "--out", str(bundle), expect=0)
    lines = (bundle / "journal.jsonl").read_text().splitlines()
    (told,) = [line for line in map(json.loads, lines) if line["kind"] == "cutover-finalized"]
    assert json.loads(told["body"])["target"] == {"changed": 1, "gone": 0, "new": 0}
    key = switched.folder / "keys" / "report.pub"
    switched.cli("audit", "verify", str(bundle), "--trust", str(key), expect=0)
    signer = load_trusted_key(key)
    trusted = {signer.fingerprint: (signer.public, signer.until)}
    assert second_verifier.verify(bundle, trusted, 1) == []


def test_what_arrived_at_the_source_in_the_window_is_on_every_page(switched: Site) -> None:
    """The journal told of it, and the report called the batch complete and intact."""
    switched.approve("finalize", "dpo")
    switched.container.client.upload_blob("emc2/pmsi/late.csv", b"written after the switch")
    why = ("--reason", "the ward sends it by post")
    assert "1 object is new or changed" in switched.cutover("finalize", *why, expect=3).err

    switched.cutover("finalize", "--as-it-is", *why, expect=0)

    told = switched.status()["in_spite_of"]
    assert told == {"late": 1, "unlisted": False, "let_go": 0}
    said = switched.cli("status", switched.plan, expect=None).out
    assert "made final in spite of 1 object new or changed at the source" in said
    assert "Decide about 1 object that arrived or changed at the source" in said
    bundle, key = switched.folder / "evidence", switched.folder / "keys" / "report.pub"
    switched.cli("report", switched.plan, "--out", str(bundle), expect=0)
    shown = switched.cli("audit", "show", str(bundle), "--trust", str(key), expect=0).out
    assert "Complete at the switch, not since" in shown
    page = (bundle / "report.fr.html").read_text("utf-8")
    refused = page.partition("Ce qui a été demandé et refusé</h3>")[2].partition("</ul>")[0]
    assert "fin du retour possible" in refused
    assert "nouveau ou modifié à la source depuis la bascule" in refused
    assert "sous le nom de session" in refused
    switched.cli("audit", "verify", str(bundle), "--trust", str(key), expect=0)
    signer = load_trusted_key(key)
    trusted = {signer.fingerprint: (signer.public, signer.until)}
    assert second_verifier.verify(bundle, trusted, 1) == []

    (first,), (batch,) = switched.section("datasets"), switched.section("batches")
    late = {
        **deepcopy(first), "name": "late", "include": [{"modified_since": "2020-01-01"}],
        "target": {**first["target"], "prefix": "late/"},
    }  # fmt: skip
    more = {"name": "late", "datasets": ["late"]}
    switched.change(datasets=[first, late], batches=[batch, more])
    switched.cli("run", switched.plan, "--batch", "late", "--no-progress", expect=0)
    left = switched.cli("status", switched.plan, "--json", expect=None).json["left"]
    assert "late" not in {one["task"] for one in left}
    again = switched.folder / "again"
    switched.cli("report", switched.plan, "--out", str(again), expect=0)
    shown = switched.cli("audit", "show", str(again), "--trust", str(key), expect=0).out
    assert "Complete and intact" in shown
    assert "the same source was listed again on" in shown
    assert second_verifier.verify(again, trusted, 1) == []

    switched.change(datasets=[first], batches=[batch])
    left = switched.cli("status", switched.plan, "--json", expect=None).json["left"]
    assert "late" in {one["task"] for one in left}, "of what is not in the plan nothing is known"


def test_the_nightly_refresh_goes_on_when_a_batch_was_cut_over(switched: Site) -> None:
    """It was refused as a whole, so the batches that are not cut over were not followed either."""
    said = switched.cli("run", switched.plan, "--refresh", expect=0)
    assert "batch all is cut over (fallback window): its source is left alone" in said.err
    named = switched.cli("run", switched.plan, "--refresh", "--batch", "all", expect=3)
    assert "leave the batch out" in named.err


def test_a_change_of_terms_names_the_consent_that_it_takes(switched: Site) -> None:
    """It was called free, and the verb that it named refused it."""
    (entry,) = switched.section("cutovers")
    switched.change(cutovers=[{**entry, "window": "2h"}])

    (change,) = switched.cli("plan", "diff", switched.plan, "--json", expect=0).json["changes"]

    assert change["consent"] == ["all"]
    assert "approve PLAN --batch all --stage terms" in change["verb"]
    # Taken back, nothing waits any more, and the monitor is told so.
    switched.cutover("finalize", "--reason", "now", expect=8)
    assert switched.cli("status", switched.plan, "--check").code == 4
    switched.change(cutovers=[entry])
    switched.cli("status", switched.plan, "--check", expect=0)


def test_a_monitor_is_told_when_somebody_moves_the_pointer_after_the_switch(switched: Site) -> None:
    """A switch proves a moment; nothing of what came after it stood in the ledger."""

    def told(value: str, expect: int) -> str:
        switched.pointer = value
        return switched.cli("status", switched.plan, "--check", expect=expect).out

    assert "pointer" not in told(NEW, 0)
    assert "its old value: consumers are not led to the target any more" in told(OLD, 4)
    assert "another value: consumers are not led to the target any more" in told("elsewhere", 4)
    (switched.folder / "pointer.json").unlink()
    gone = switched.cli("status", switched.plan, "--check", expect=4).out
    assert "there is no pointer any more" in gone
    (switched.folder / "pointer.json").write_text("{")
    unread = switched.cli("status", switched.plan, "--check", expect=4).out
    assert "its pointer cannot be read" in unread
    switched.pointer = NEW
    switched.cutover("rollback", expect=0)
    assert "pointer" not in told(OLD, 0)
    assert "consumers are led to the target" in told(NEW, 4)


def test_a_dry_run_ends_as_the_run_where_nobody_can_be_told(site: Site) -> None:
    """The run was refused, and both that foretell it said that all was well."""
    duty = {"name": "duty", "kind": "command", "run": ["bin/gone"], "on": ["run-ended"]}
    site.change(notify=[duty])
    for verb in (("run",), ("run", "--dry-run"), ("preflight",)):
        name, *rest = verb
        said = site.cli(name, site.plan, *rest, expect=3)
        assert "there is no program bin/gone" in said.out + said.err, verb


def test_preflight_says_what_can_never_be_had_back(site: Site) -> None:
    """Two of two: who loses a key can approve nothing more, nor others in its place."""
    site.change(
        approvals={"keys": ["keys/dpo.pub", "keys/ciso.pub", "keys/report.pub"], "threshold": 2},
        backup={"folder": str(site.folder / "copies")},
    )
    said = site.cli("preflight", site.plan, expect=0).out
    assert "need every key that may approve" in said
    assert "the key of report.signer, which never counts" in said
    assert "is on the ledger's own disk" in said


@pytest.mark.parametrize("seconds", [-45, 45])
def test_a_worker_whose_clock_differs_a_little_spoils_no_report(site: Site, seconds: int) -> None:
    """Objects were verified before their run or after it: no report was written any more (10)."""
    site.environ |= shifted_clock(site.folder, seconds)

    bundle = site.folder / "evidence"

    site.alone("run", site.plan, "--no-progress", "--out", str(bundle), expect=0)

    key = site.folder / "keys" / "report.pub"
    site.cli("audit", "verify", str(bundle), "--trust", str(key), expect=0)


def test_a_limit_that_slows_nothing_says_so(site: Site) -> None:
    site.change(limits={"retry_budget": "2s", "bandwidth": "1MiB/s"})
    site.run()

    idle = site.cli("limit", site.plan, "200MiB/s", "--for", "2h", expect=0)
    assert "it slows nothing" in idle.out
    slower = site.cli("limit", site.plan, "100KiB/s", "--json", expect=0)
    assert slower.json["slows"] is True


@prepared(moved)
def test_a_full_disk_is_no_damaged_ledger(site: Site) -> None:
    """`pause` ended with 10, which calls for a copy of the ledger."""
    with files_of_at_most(16):
        said = site.cli("pause", site.plan)
    assert (said.code, "no space left" in said.err) == (7, True)
    emc2 = site.section("datasets")[0]
    site.change(datasets=[{**emc2, "exclude": [*emc2["exclude"], {"glob": "x/**", "reason": "x"}]}])
    site.cli("run", site.plan, expect=3)
    amend = ("amend", site.plan, "--batch", "all", "--reason", "x", "--execute")
    with files_of_at_most(16):
        said = site.cli(*amend)  # its help did not say that it may end so
    assert (said.code, "there is no room for it" in said.err) == (7, True)
    status = ("status", site.plan, "--json")
    assert site.cli(*status).json["run"]["over"] is False
    site.cli(*amend, expect=0)
    assert site.cli(*status).json["run"]["over"] is True  # nothing holds that refusal up any more


def test_a_clock_that_was_set_right_by_less_than_a_minute_spoils_no_report(site: Site) -> None:
    """What was verified then was verified before its run began: no report was ever written (10)."""
    true = dict(site.environ)
    site.environ |= shifted_clock(site.folder, 45)
    site.alone("run", site.plan, "--no-progress", "--until", "inventory", expect=0)
    site.environ.clear()
    site.environ |= true
    bundle = site.folder / "evidence"

    site.cli("run", site.plan, "--no-progress", "--out", str(bundle), expect=0)

    key = site.folder / "keys" / "report.pub"
    site.cli("audit", "verify", str(bundle), "--trust", str(key), expect=0)
