"""A recipient's key is replaced: everything opens for the new one, and for the old one no more."""

from __future__ import annotations

import base64
import json

import pytest

from hdh_migrate.clocks import seconds_of
from hdh_migrate.evidence.signatures.signing import load_trusted_key
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.sealing.keys import PublicKey
from hdh_migrate.telemetry import SystemClock
from tests.support import second_verifier, strict_buckets
from tests.support.days import shifted_clock
from tests.support.finished import Finished, Target
from tests.support.rotated import (
    BIG,
    NAME,
    behaving,
    executed,
    opened,
    rotate,
    say_next,
    verified,
    versions,
)
from tests.support.site import Site
from tests.support.strict_s3.store import Version

pytestmark = pytest.mark.live


kept = strict_buckets.kept


@pytest.fixture
def site(finished: Finished, kept: bool) -> Site:
    """A site whose objects are all verified, and whose plan names the next key already."""
    site = finished(verified, Target(versions=kept))
    say_next(site)
    return site


def asked(site: Site, operation: str) -> int:
    return site.bucket.server.count(operation)  # type: ignore[attr-defined]


def whole_journal(site: Site) -> list[tuple[str, dict]]:
    ledger = SqliteLedger.read_only(site.state / "ledger.db", SystemClock())
    try:
        return [(kind, json.loads(body)) for _, _, kind, body, _ in ledger.journal()]
    finally:
        ledger.close()


def journal(site: Site, kind: str) -> list[dict]:
    return [body for told, body in whole_journal(site) if told == kind]


def segments(one: Version) -> bytes:
    return one.body[16 + 108 * 3 :]


def test_everything_opens_for_the_new_key_alone(site: Site, kept: bool) -> None:
    before = opened(site, "steward")
    assert BIG in before.values()
    bodies = {one.key: segments(one) for one in versions(site)}

    told = executed(site, "--json", expect=0).json

    assert (told["objects"], told["left"], told["lost"], told["remaining"]) == (5, {}, 0, {})
    assert opened(site, "next") == before == opened(site, "escrow")
    assert opened(site, "steward") == {}
    assert {one.key: segments(one) for one in versions(site)} == bodies  # no segment changed
    assert asked(site, "UploadPart") > 0
    site.cli("ledger", "check", site.plan, expect=0)
    site.cli("verify", site.plan, "--again", "--no-progress", expect=0)
    site.cli("run", site.plan, "--until", "verify", "--no-progress", expect=0)  # nothing is left


def test_a_large_body_stays_where_it_is(site: Site) -> None:
    """Of 12.5 MB a first part of 5 MiB is sent anew; the host copies the rest."""
    site.bucket.server.seen.clear()  # type: ignore[attr-defined]
    executed(site, expect=0)
    sent = [
        int(seen.headers["content-length"])
        for seen in site.bucket.server.seen  # type: ignore[attr-defined]
        if seen.operation == "UploadPart"
    ]
    assert min(sent) == 0
    assert len(sent) == 2
    assert 5 << 20 < sum(sent) < 6 << 20
    copies = [
        seen.headers
        for seen in site.bucket.server.seen
        if "x-amz-copy-source" in seen.headers  # type: ignore[attr-defined]
    ]
    assert len(copies) == 1
    assert copies[0]["x-amz-copy-source-if-match"]


def test_without_execute_nothing_changes(site: Site) -> None:
    before = {one.id: one.body for one in versions(site)}
    events = len(list(whole_journal(site)))
    told = rotate(site, "--json", expect=0).json
    assert (told["objects"], told["begun"], told["blockers"]) == (5, False, [])
    assert told["bytes_written"] < told["bytes"] < told["bytes_read"]
    assert {one.id: one.body for one in versions(site)} == before
    assert len(list(whole_journal(site))) == events


@pytest.mark.parametrize("how", ["refused", "ignored"])
def test_a_host_that_copies_no_parts_is_sent_the_bodies(site: Site, how: str) -> None:
    before = opened(site, "steward")
    behaving(site, part_copy=how)
    executed(site, expect=0)
    assert opened(site, "next") == before
    assert opened(site, "steward") == {}


def test_a_host_that_swaps_a_part_is_found(site: Site, kept: bool) -> None:
    before = opened(site, "steward")
    behaving(site, part_copy="swapped")

    told = executed(site, "--json", expect=5).json

    if kept:  # what the host made is taken away again, and the verified object is there
        assert (told["objects"], told["left"], told["lost"]) == (4, {"differs": 1}, 0)
        assert opened(site, "steward") == {k: v for k, v in before.items() if v == BIG}
        behaving(site, part_copy="kept")
        assert executed(site, "--json", expect=0).json["objects"] == 5
    else:  # it waits to be sent again, for the new key
        assert (told["objects"], told["left"], told["lost"]) == (4, {}, 1)
        behaving(site, part_copy="kept")
        site.cli("run", site.plan, "--until", "verify", "--no-progress", expect=0)
    assert opened(site, "next") == before
    assert opened(site, "steward") == {}
    site.cli("ledger", "check", site.plan, expect=0)


def test_a_host_that_only_says_that_it_completed_is_found(site: Site) -> None:
    before = opened(site, "steward")
    behaving(site, feigned_complete=True)
    told = executed(site, "--json", expect=5).json
    assert told["objects"] == 4
    assert sum(told["left"].values()) == 1
    assert opened(site, "steward") == {k: v for k, v in before.items() if v == BIG}
    behaving(site, feigned_complete=False)
    assert executed(site, "--json", expect=0).json["objects"] == 5
    assert opened(site, "next") == before
    assert opened(site, "steward") == {}
    held = site.bucket.server.store.buckets[NAME].uploads  # type: ignore[attr-defined]
    assert held == {}


def test_the_report_tells_it_and_both_verifiers_agree(site: Site) -> None:
    keys = site.folder / "keys"
    executed(site, expect=0)
    key = load_trusted_key(keys / "report.pub")
    trusted = {key.fingerprint: (key.public, key.until)}
    for name, options in (("plain", ()), ("keyed", ("--names", "keyed"))):
        out = site.folder / name
        site.cli("report", site.plan, "--out", str(out), *options, expect=0)
        site.cli("audit", "verify", str(out), "--trust", str(keys / "report.pub"), expect=0)
        envelope = json.loads((out / "statement.json").read_text())
        statement = json.loads(base64.b64decode(envelope["payload"]))
        (told,) = statement["predicate"]["rotations"]
        old, new = (PublicKey.load(keys / f"{one}.pub").fingerprint for one in ("steward", "next"))
        assert (told["old"], told["new"], told["objects"], told["left"]) == (old, new, 5, 0)
        assert told["ended"] is not None
        assert new in statement["predicate"]["seal"]["recipients"]
        assert old not in statement["predicate"]["seal"]["recipients"]
        assert second_verifier.verify(out, trusted, 1) == []


def test_what_is_read_back_is_dated_within_the_exchange(site: Site) -> None:
    """A worker's clock may differ: what it read came before the exchange, or after the report."""
    keys = site.folder / "keys"
    site.environ |= shifted_clock(site.folder, 50)
    old, new = (str(keys / f"{one}.pub") for one in ("steward", "next"))
    opens = ("--identity", str(keys / "steward.sec"), "--execute", "--no-progress")

    site.alone("keys", "rotate", site.plan, "--from", old, "--to", new, *opens, expect=0)

    bundle = site.folder / "evidence"
    site.alone("report", site.plan, "--out", str(bundle), expect=0)
    lines = [json.loads(line) for line in (bundle / "manifest.jsonl").read_text().splitlines()]
    events = [json.loads(line) for line in (bundle / "journal.jsonl").read_text().splitlines()]
    began, ended = (
        next(one["at"] for one in events if one["kind"] == kind)
        for kind in ("keys-rotating", "keys-rotated")
    )
    times = [seconds_of(line["verified_at"]) for line in lines if line["verdict"] == "match"]
    assert seconds_of(began) <= min(times) <= max(times) <= seconds_of(ended)


# --- what stands against it ----------------------------------------------------------------------


def one_line(said: str) -> str:
    (line,) = [one for one in said.splitlines() if one.startswith("error:")]
    return line


def test_keys_that_cannot_be_exchanged_are_refused_in_one_line(site: Site) -> None:
    keys = site.folder / "keys"
    assert "same key" in one_line(rotate(site, new="steward", expect=2).err)
    assert "sealed for already" in one_line(rotate(site, new="escrow", expect=2).err)
    assert "none of the keys" in one_line(rotate(site, old="later", expect=2).err)
    (keys / "small.pub").write_text(armoured(bytes(32)))
    assert "no honest public key" in one_line(rotate(site, new="small", expect=3).err)
    twin = bytearray(PublicKey.load(keys / "steward.pub").raw)
    twin[31] |= 0x80  # the same point, spelled otherwise
    (keys / "twin.pub").write_text(armoured(bytes(twin)))
    assert "no honest public key" in one_line(rotate(site, new="twin", expect=3).err)
    assert "opens nothing" in one_line(executed(site, opens="later", expect=3).err)
    assert journal(site, "keys-rotating") == []


def armoured(raw: bytes) -> str:
    body = base64.b64encode(raw).decode()
    return f"-----BEGIN CRYPT4GH PUBLIC KEY-----\n{body}\n-----END CRYPT4GH PUBLIC KEY-----\n"


def test_a_plan_that_does_not_name_the_new_key_is_refused(site: Site) -> None:
    say_next(site, old="next", new="steward")
    said = executed(site, expect=3)
    assert "seal.recipients" in said.err
    assert journal(site, "keys-rotating") == []


def test_objects_that_are_not_verified_are_refused(site: Site) -> None:
    say_next(site, old="next", new="steward")
    site.container.client.upload_blob("pmsi/late.csv", b"late")
    site.cli("inventory", site.plan, "--refresh", "--no-progress")
    site.cli("transfer", site.plan, "--no-progress")
    say_next(site)
    said = executed(site, expect=3)
    assert "1 object is sent and not verified" in said.err
    assert journal(site, "keys-rotating") == []


def test_a_plan_that_exchanges_a_key_says_which_verb_does_it(site: Site) -> None:
    said = site.cli("plan", "diff", site.plan)
    assert said.out.count(f"hdh-migrate keys rotate {site.plan} --from OLD --to NEW") == 2
    refused = site.cli("run", site.plan, "--no-progress", expect=3)
    assert "keys rotate" in refused.err


def test_the_escrow_key_is_replaced_without_its_private_half(site: Site) -> None:
    before = opened(site, "steward")
    say_next(site, old="next", new="steward")
    say_next(site, old="escrow", new="later")
    told = rotate(site, "--execute", "--json", old="escrow", new="later", expect=0).json
    assert told["objects"] == 5
    assert any("keys drill" in line for line in told["remains"])
    assert opened(site, "later") == before == opened(site, "steward")
    assert opened(site, "escrow") == {}


def test_one_key_after_another_is_replaced(site: Site) -> None:
    before = opened(site, "steward")
    executed(site, expect=0)
    say_next(site, old="next", new="later")
    told = executed(site, "--json", old="next", new="later", opens="next", expect=0).json
    assert (told["number"], told["objects"]) == (2, 5)
    assert opened(site, "later") == before
    assert opened(site, "next") == {}


def test_the_same_key_file_may_hold_the_new_key(site: Site) -> None:
    """The plan stays as it is; what its files hold counts."""
    keys = site.folder / "keys"
    say_next(site, old="next", new="steward")
    before = opened(site, "steward")
    for end in ("pub", "sec"):
        (keys / f"steward.{end}").rename(keys / f"old.{end}")
        (keys / f"next.{end}").rename(keys / f"steward.{end}")
    site.cli("run", site.plan, "--no-progress", expect=3)
    told = executed(site, "--json", old="old", new="steward", opens="old", expect=0).json
    assert told["objects"] == 5
    assert opened(site, "steward") == before
    assert opened(site, "old") == {}
    site.cli("run", site.plan, "--until", "verify", "--no-progress", expect=0)


def test_an_object_that_somebody_replaced_is_left_and_said(site: Site) -> None:
    one = next(one for one in versions(site) if one.key.endswith("b.csv.c4gh"))
    one.body, one.etag = b"somebody else's", "e" * 32
    told = executed(site, "--json", expect=5).json
    assert told["left"] == {"replaced": 1}
    assert one.body == b"somebody else's"
    assert opened(site, "steward") == {}
