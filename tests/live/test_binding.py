"""Evidence names those for whom was sealed, whatever key files lie there when it is written."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from hdh_migrate.sealing.keys import PrivateKey, PublicKey, new_pair
from tests.support.site import Site

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

    told = statement(site, "evidence")["seal"]["recipients"]
    assert fingerprint(keys / "other.pub") in told
    assert fingerprint(keys / "escrow.pub") not in told
    bundle = str(site.folder / "evidence")
    trust = str(keys / "report.pub")
    site.cli("audit", "verify", bundle, "--trust", trust, expect=0)

    refused = site.cli("run", site.plan, "--no-progress", expect=3).err
    assert "seal.recipients[1] (keys/escrow.pub): was" in refused
    assert fingerprint(keys / "other.pub") in refused
    assert "put the key files back" in refused


def test_a_rotation_under_a_run_is_refused_before_anything_is_sent(site: Site) -> None:
    site.run()
    keys, before = site.folder / "keys", statement(site, "before")["seal"]
    kept = (keys / "escrow.pub").read_bytes()
    new_pair(keys, "other", passphrase=None)
    (keys / "escrow.pub").write_bytes((keys / "other.pub").read_bytes())
    site.container.client.upload_blob("pmsi/late.csv", b"late")

    site.cli("run", site.plan, "--no-progress", expect=3)
    site.approve("cutover")
    assert "recipients are not those" in site.cutover("start", expect=3).err  # its delta would seal
    assert statement(site, "after")["seal"] == before
    listed = site.bucket.client.list_objects_v2(Bucket=site.bucket.name)["Contents"]
    assert not any("late" in one["Key"] for one in listed)

    (keys / "escrow.pub").write_bytes(kept)
    site.cutover("start", expect=8)  # the delta moves what came late


def test_the_escrow_is_proved_and_the_journal_says_when(site: Site) -> None:
    keys = site.folder / "keys"

    def drill(name: str, expect: int) -> Any:
        key = str(keys / f"{name}.sec")
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
    assert drill("escrow", 0).json["proved_before"] == first["proved"]
    out = site.cli("audit", "journal", site.plan, expect=0).out
    kinds = [json.loads(line)["kind"] for line in out.splitlines()]
    assert kinds.count("drilled") == 2


def fingerprint_of_private(path: Path) -> str:
    return PrivateKey.load(path, None).public.fingerprint
