"""Evidence names those for whom was sealed, whatever key files lie there when it is written."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from hdh_migrate.evidence.signatures.signing import load_trusted_key
from hdh_migrate.sealing.keys import PrivateKey, PublicKey, new_pair
from tests.support.agreed import agreed
from tests.support.finished import prepared
from tests.support.site import Site, moved

pytestmark = pytest.mark.live


def statement(site: Site, name: str) -> dict[str, Any]:
    folder = site.folder / name
    site.cli("report", site.plan, "--out", str(folder), expect=0)
    envelope = json.loads((folder / "statement.json").read_bytes())
    return dict(json.loads(base64.b64decode(envelope["payload"]))["predicate"])


def fingerprint(path: Path) -> str:
    return PublicKey.load(path).fingerprint


def test_another_escrow_during_the_run_stands_in_the_evidence(site: Site) -> None:
    keys = site.folder / "keys"
    honest = (keys / "escrow.pub").read_bytes()
    new_pair(keys, "other", passphrase=None)
    (keys / "escrow.pub").write_bytes((keys / "other.pub").read_bytes())
    site.run()
    (keys / "escrow.pub").write_bytes(honest)

    said = statement(site, "evidence")
    told = said["seal"]["recipients"]
    signing = ["keys/ciso.pub", "keys/dpo.pub", "keys/report.pub"]
    assert said["signing_keys"] == [
        {"file": one, "fingerprint": load_trusted_key(site.folder / one).fingerprint}
        for one in signing
    ]
    assert fingerprint(keys / "other.pub") in told
    assert fingerprint(keys / "escrow.pub") not in told
    bundle = str(site.folder / "evidence")
    trust = str(keys / "report.pub")
    site.cli("audit", "verify", bundle, "--trust", trust, expect=0)
    agreed(bundle, trust)

    refused = site.cli("run", site.plan, "--no-progress", expect=3).err
    assert "seal.recipients[1] (keys/escrow.pub): was" in refused
    assert fingerprint(keys / "other.pub") in refused
    assert "put the key files back" in refused


@prepared(moved)
def test_a_rotation_under_a_run_is_refused_before_anything_is_sent(site: Site) -> None:
    keys, before = site.folder / "keys", statement(site, "before")["seal"]
    kept = (keys / "escrow.pub").read_bytes()
    new_pair(keys, "other", passphrase=None)
    (keys / "escrow.pub").write_bytes((keys / "other.pub").read_bytes())
    site.container.client.upload_blob("pmsi/late.csv", b"late")

    site.cli("run", site.plan, "--no-progress", expect=3)
    site.approve("cutover")
    assert "recipients are not those" in site.cutover("start", expect=3).err  # its delta would seal
    files = before.pop("files")
    assert [one["file"] for one in files][1] == "keys/escrow.pub"
    assert statement(site, "after")["seal"] == before, "a file that holds another key is nobody's"
    listed = site.bucket.client.list_objects_v2(Bucket=site.bucket.name)["Contents"]
    assert not any("late" in one["Key"] for one in listed)

    (keys / "escrow.pub").write_bytes(kept)
    site.cutover("start", expect=8)  # the delta moves what came late


def test_a_migration_that_is_renamed_is_said_to_begin_anew(site: Site) -> None:
    site.cli("inventory", site.plan, expect=0)
    site.change(migration="renamed")
    before = "beside it are those of exit: if the plan's `migration` was renamed"
    for verb, said in (
        (("run", site.plan, "--dry-run"), True),
        (("inventory", site.plan), True),
        (("inventory", site.plan), False),  # it has begun
    ):
        assert (before in site.cli(*verb).err) is said, verb


def test_the_escrow_is_proved_and_the_journal_says_when(site: Site) -> None:
    keys = site.folder / "keys"

    def drill(name: str, expect: int) -> Any:
        key = f"file:{keys / name}.sec"  # as plans say it
        return site.cli("keys", "drill", site.plan, "--key", key, "--json", expect=expect)

    drill("escrow", 2)  # nothing is bound before a run
    site.run()
    new_pair(keys, "other", passphrase=None)
    assert "not among the recipients" in drill("other", 3).err
    (keys / "escrow.pub").write_bytes((keys / "other.pub").read_bytes())
    drill("other", 3)  # the bound keys count, not the file of today

    first = drill("escrow", 0).json
    assert first["fingerprint"] == fingerprint_of_private(keys / "escrow.sec")
    assert first["proved_before"] is None
    last = drill("escrow", 0).json
    assert last["proved_before"] == first["proved"]
    out = site.cli("audit", "journal", site.plan, expect=0).out
    kinds = [json.loads(line)["kind"] for line in out.splitlines()]
    assert kinds.count("drilled") == 2

    told = {"recipient": last["fingerprint"], "at": last["proved"]}
    assert statement(site, "evidence")["seal"]["proved"] == [told]
    trust, bundle = str(keys / "report.pub"), site.folder / "evidence"
    site.cli("audit", "verify", str(bundle), "--trust", trust, expect=0)
    agreed(bundle, trust)
    assert "opened a test envelope on" in (bundle / "report.en.html").read_text()


def fingerprint_of_private(path: Path) -> str:
    return PrivateKey.load(path, None).public.fingerprint


PROFILE = "claims: {{max_parts: {{value: {}, as_of: 2026-11-02, source: mail, confirmed: yes}}}}\n"


def contents(site: Site) -> list[dict[str, Any]]:
    told = site.cli("audit", "journal", site.plan, expect=0).out.splitlines()
    events = [json.loads(line) for line in told]
    return [json.loads(event["body"]) for event in events if event["kind"] == "contents"]


def test_a_file_that_a_report_shows_is_one_that_a_run_has_worked_with(site: Site) -> None:
    profile = site.folder / "ours.yaml"
    profile.write_text(PROFILE.format(900))
    site.change(target=site.section("target") | {"profile": "ours.yaml"})
    site.run()
    statement(site, "first")

    profile.write_text(PROFILE.format(800))
    refused = site.cli("report", site.plan, "--out", str(site.folder / "no"), expect=3).err
    assert "target.profile: ours.yaml has another content than in any run" in refused
    assert not (site.folder / "no").exists()

    said = site.cli("run", site.plan, "--until", "verify", "--no-progress", expect=0).err
    assert "target.profile has another content than last time" in said
    statement(site, "second")
    first, second = contents(site)
    assert (first["changed"], second["changed"]) == ([], ["target.profile"])
    assert first["files"]["target.profile"] != second["files"]["target.profile"]


@prepared(moved)
def test_another_key_that_signs_is_told_by_the_journal(site: Site) -> None:
    keys = site.folder / "keys"
    for half in ("key", "pub"):
        (keys / f"report.{half}").write_bytes((keys / f"stranger.{half}").read_bytes())
    site.run()
    first, second = contents(site)
    assert second["changed"] == ["report.signer"]
    assert first["files"]["seal.identity"] == fingerprint(keys / "steward.pub")
    bundle = site.folder / "evidence"
    site.cli("report", site.plan, "--out", str(bundle), expect=0)
    trust = str(keys / "stranger.pub")
    site.cli("audit", "verify", str(bundle), "--trust", trust, expect=0)
    agreed(bundle, trust)
