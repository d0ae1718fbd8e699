"""Everything is sealed anew where headers are detached: bodies, packs, copies, and the ledger.

What opens what is asked of packs by a stranger's reader, written from docs/header-packs.md.
"""

from __future__ import annotations

import base64
import json
import threading
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidTag

from hdh_migrate.evidence.signatures.signing import load_trusted_key
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.model import State
from hdh_migrate.sealing.hybrid import HybridPrivateKey, HybridReader, new_hybrid_pair
from hdh_migrate.sealing.keys import new_pair
from hdh_migrate.session.verbs import reseal as session
from hdh_migrate.telemetry import SystemClock
from tests.live.test_detached import PACKS, SEAL, pack_opened, seed_of, segments_opened
from tests.live.test_grants_killed import Killed, desk_of
from tests.live.test_packs_rotated import executed, say
from tests.live.test_rotation import journal, one_line, whole_journal
from tests.live.test_rotation_killed import MainClock
from tests.support import second_verifier, strict_buckets
from tests.support.finished import Finished, Target
from tests.support.resealed import bucket_of, reseal, sealed_anew
from tests.support.rotated import BIG, PLAINLY, behaving
from tests.support.site import CORPUS, Site
from tests.support.strict_s3.store import Version

pytestmark = pytest.mark.live

MOST = 300
"""Asks for the time that sealing four objects anew makes more of at no time."""
MOVED = {key: body for key, body in CORPUS.items() if not key.startswith("tmp/")} | {
    "scans/large.raw": BIG
}
SWAPPED = ("large.raw.segments", "b.csv.segments")
NAMED = {f"in/{key}.segments" for key, body in MOVED.items() if body}


kept = strict_buckets.kept


def with_packs(site: Site) -> None:
    """Prepare a site whose packs are verified and copied."""
    keys = site.folder / "hybrid"
    keys.mkdir()
    for name in ("steward", "escrow", "consumer", "next"):
        new_hybrid_pair(keys, name, passphrase=None)
    site.container.client.upload_blob("scans/large.raw", BIG)
    site.change(seal=SEAL, **PLAINLY)
    site.run()


@pytest.fixture
def site(finished: Finished, kept: bool) -> Site:
    return finished(with_packs, Target(versions=kept))


# --- a stranger's look ----------------------------------------------------------------------------


def held(site: Site) -> list[Version]:
    return [
        one
        for some in bucket_of(site).objects.values()
        for one in some
        if not one.marker and one.key.endswith(".segments")
    ]


def bodies(site: Site) -> list[Version]:
    return [one for one in held(site) if ".hdh-migrate-sidecar/" not in one.key]


def packs(site: Site) -> list[bytes]:
    """Return the packs that the target serves now, by their names."""
    objects = bucket_of(site).objects
    return [some[-1].body for key, some in sorted(objects.items()) if key.startswith(PACKS)]


def copied(site: Site) -> list[bytes]:
    folder = site.folder / "copies" / "exit" / "emc2"
    return [path.read_bytes() for path in sorted(folder.glob("*.jsonl"))]


def lines(site: Site, some: list[bytes], name: str = "escrow") -> list[dict[str, Any]]:
    seed = seed_of(site.folder / "hybrid" / f"{name}.sec")
    return [line for one in some for line in pack_opened(one, seed)]


def opened(site: Site, some: list[bytes], name: str = "escrow") -> dict[str, bytes]:
    """Open what packs point to: that version, with the key that is there."""
    there = {(one.key, one.id): one.body for one in bodies(site)}
    return {
        line["key"]: segments_opened(
            base64.b64decode(line["data_key"]),
            there[line["target_key"], line["version"] or "null"],
        )
        for line in lines(site, some, name)
    }


def keys_of(site: Site, some: list[bytes]) -> set[bytes]:
    return {base64.b64decode(line["data_key"]) for line in lines(site, some)}


def opened_by(site: Site, keys: set[bytes]) -> set[str]:
    """Return the names of bodies of which any version that is served opens with one of the keys."""
    found = set[str]()
    for one in bodies(site):
        for key in keys:
            try:
                if segments_opened(key, one.body):
                    found.add(one.key)
            except InvalidTag:
                continue
    return found


def of_ledger(site: Site, name: str = "escrow") -> set[bytes]:
    """Return every data key in the ledger that a private key opens, wherever it is kept."""
    reader = HybridReader(HybridPrivateKey.load(site.folder / "hybrid" / f"{name}.sec", None))
    ledger = SqliteLedger.read_only(site.state / "ledger.db", SystemClock())
    try:
        headers = [one.header for one in ledger.kept_headers(0, 1000)]
        headers += [one for one in ledger.exchanging().values() if one.startswith(b"hdh-hyb1")]
    finally:
        ledger.close()
    return {reader.data_key(one) for one in headers}


def demand_anew(site: Site, keys: set[bytes]) -> None:
    """Demand that everything opens with data keys that nobody has seen, and with none of these."""
    for some in (packs(site), copied(site)):
        assert opened(site, some) == opened(site, some, "consumer") == MOVED
        assert not keys_of(site, some) & keys
    assert packs(site) == copied(site)
    assert of_ledger(site) == keys_of(site, packs(site))
    assert opened_by(site, keys) == set()
    assert opened_by(site, keys_of(site, packs(site))) == NAMED
    assert len(bodies(site)) == len(MOVED)
    assert len(held(site)) == len(MOVED) + len(packs(site))  # nothing that was is there
    assert bucket_of(site).uploads == {}


# --- what is tried --------------------------------------------------------------------------------


def test_the_data_keys_of_before_open_nothing_any_more(site: Site) -> None:
    keys = keys_of(site, packs(site))
    assert opened_by(site, keys) == NAMED

    told = sealed_anew(site, "--json").json

    assert (told["objects"], told["left"], told["lost"]) == (len(MOVED), {}, 0)
    assert told["remaining"] == {}
    assert any("copies of the ledger" in line for line in told["remains"])
    demand_anew(site, keys)
    site.cli("ledger", "check", site.plan, expect=0)
    site.cli("verify", site.plan, "--again", "--no-progress", expect=0)
    before = {one.id: one.body for one in held(site)}
    site.cli("run", site.plan, "--until", "verify", "--no-progress", expect=0)  # nothing is left
    assert {one.id: one.body for one in held(site)} == before
    out = site.folder / "large.raw"
    site.cli("fetch", site.plan, "emc2", "scans/large.raw", "--out", str(out), expect=0)
    assert out.read_bytes() == BIG


@pytest.mark.slow
def test_it_is_killed_at_every_event_and_comes_to_its_end(
    site: Site, kept: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in site.environ.items():
        monkeypatch.setenv(name, value)
    keys, kills = keys_of(site, packs(site)), 0
    seen = {one.body[:65_564]: one.body for one in bodies(site) if one.body}

    for left in range(MOST):
        try:
            killed_at(site, left)
        except Killed:
            kills += 1
            if kept:  # at every moment each place opens every object: as it was, or as it is
                assert opened(site, packs(site)) == opened(site, copied(site)) == MOVED
            assert opened_by(site, of_ledger(site) | keys_of(site, copied(site))) == NAMED
            for one in bodies(site):  # one key, one text: whatever a killed command wrote
                assert not one.body or seen.setdefault(one.body[:65_564], one.body) == one.body
            continue
        break
    else:
        raise AssertionError("it never came to its end")
    assert kills > 20
    demand_anew(site, keys)
    kinds = Counter(kind for kind, _ in whole_journal(site))
    assert kinds["data-keys-rotating"] == 1
    assert kinds["keys-rotated"] in {1, 2}  # who is killed behind the end tells it once more
    site.cli("ledger", "check", site.plan, expect=0)
    site.cli("verify", site.plan, "--again", "--no-progress", expect=0)
    reported(site)


def test_without_execute_nothing_changes(site: Site) -> None:
    before, events = {one.id: one.body for one in held(site)}, len(list(whole_journal(site)))
    told = reseal(site, "--json", expect=0).json
    assert (told["objects"], told["packs"], told["blockers"]) == (len(MOVED), 1, [])
    assert "header packs are made anew at both places: 1" in reseal(site, expect=0).out
    assert {one.id: one.body for one in held(site)} == before
    assert len(list(whole_journal(site))) == events


@pytest.mark.parametrize("kept", ["versions"], indirect=True)
def test_nothing_goes_before_a_pack_that_opens_what_comes_was_read(site: Site) -> None:
    """What the server was asked, in its order."""
    server: Any = site.bucket.server
    server.seen.clear()
    sealed_anew(site)
    order = [(one.operation, one.key) for one in server.seen]
    (pack,) = (key for key in bucket_of(site).objects if key.startswith(PACKS))
    for body in {one.key for one in bodies(site)}:
        written = max(
            at
            for at, one in enumerate(order)
            if one in {("PutObject", body), ("CompleteMultipartUpload", body)}
        )
        removed = order.index(("DeleteObject", body))
        sent = order.index(("PutObject", pack), written)
        assert order[sent:removed].count(("GetObject", pack)) >= 2  # who proves, and both places
    assert order.index(("DeleteObject", pack)) > sent


def test_a_copy_that_cannot_be_written_lets_nothing_go(site: Site, kept: bool) -> None:
    keys, folder = keys_of(site, packs(site)), site.folder / "copies" / "exit" / "emc2"
    aside = folder.rename(folder.with_name("aside"))
    folder.write_text("no folder")
    said = sealed_anew(site, expect=3)
    assert "the second copy of a header pack cannot be written" in said.err
    old = [path.read_bytes() for path in aside.iterdir()]
    if kept:
        assert opened(site, old) == MOVED
    folder.unlink()
    aside.rename(folder)
    sealed_anew(site)
    demand_anew(site, keys)


def test_a_pack_that_a_host_spoils_lets_nothing_go(
    site: Site, kept: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was sent, the command was killed, and then its bytes are others: found, and made again."""
    for name, value in site.environ.items():
        monkeypatch.setenv(name, value)
    keys = keys_of(site, packs(site))
    with pytest.raises(Killed):
        session.execute(replace(desk_of(site), clock=SentClock(site)), again=False)
    (pack,) = (key for key in bucket_of(site).objects if key.startswith(PACKS))
    there = bucket_of(site).objects[pack][-1]
    there.body = there.body[:-1] + bytes([there.body[-1] ^ 1])  # with the ETag that it had
    said = sealed_anew(site, expect=5)
    assert "a header pack is not at both places" in said.err
    if kept:
        assert opened(site, copied(site)) == MOVED  # as it was: the copy's key, and what it opens
    sealed_anew(site)
    demand_anew(site, keys)
    site.cli("ledger", "check", site.plan, expect=0)
    reported(site)


class SentClock(SystemClock):
    """Kills the command once a pack is sent and not yet verified."""

    def __init__(self, site: Site) -> None:
        super().__init__()
        self.site = site

    def now(self) -> str:
        here = threading.current_thread() is threading.main_thread()
        if here and State.SENT in pack_states(self.site):
            raise Killed
        return super().now()


def killed_at(site: Site, left: int) -> None:
    session.execute(replace(desk_of(site), clock=MainClock(left)), again=False)


def pack_states(site: Site) -> set[State]:
    ledger = SqliteLedger.read_only(site.state / "ledger.db", SystemClock())
    try:
        (dataset,) = ledger.datasets()
        return {one.state for one in ledger.packs(dataset.id, PACKS.removeprefix("in/"))}
    finally:
        ledger.close()


def test_a_pack_that_somebody_takes_away_meanwhile_is_made_again(site: Site) -> None:
    """Between two commands of one rotation: the second makes it again, of the ledger."""
    keys = keys_of(site, packs(site))
    sealed_anew(site)
    for key in [key for key in bucket_of(site).objects if key.startswith(PACKS)]:
        del bucket_of(site).objects[key]
    sealed_anew(site)
    demand_anew(site, keys)


def test_what_is_not_ours_in_a_packs_place_is_not_touched(site: Site) -> None:
    keys = keys_of(site, packs(site))
    (pack,) = (key for key in bucket_of(site).objects if key.startswith(PACKS))
    sealed_anew(site)
    ours = bucket_of(site).objects[pack]
    there = replace(ours[-1], body=b"somebody else's", etag="e" * 32, id="x" * 8, headers={})
    bucket_of(site).objects[pack] = [there]
    said = sealed_anew(site, expect=3)
    assert "something that is not ours is in the place of a header pack" in one_line(said.err)
    assert bucket_of(site).objects[pack] == [there]
    del bucket_of(site).objects[pack]
    sealed_anew(site)
    demand_anew(site, keys)


def test_bytes_that_a_host_swaps_are_found_before_anything_of_them_is_sent(site: Site) -> None:
    for one in bodies(site):
        if one.key.endswith(SWAPPED):
            one.body = one.body[:-1] + bytes([one.body[-1] ^ 1])  # with the ETag that it had
    damaged = {one.key: one.body for one in bodies(site) if one.key.endswith(SWAPPED)}
    told = sealed_anew(site, "--json", expect=5).json
    assert (told["objects"], sum(told["left"].values())) == (len(MOVED) - 2, 2)
    assert set(told["left"]) <= {"damaged", "unopened"}
    assert damaged == {one.key: one.body for one in bodies(site) if one.key in damaged}
    assert bucket_of(site).uploads == {}


@pytest.mark.parametrize("kept", ["versions"], indirect=True)
def test_a_host_that_keeps_removed_versions_is_refused_after_one_object(site: Site) -> None:
    keys = keys_of(site, packs(site))
    behaving(site, keeps_removed=True)
    said = sealed_anew(site, expect=3)
    assert "still shows an earlier version" in one_line(said.err)
    assert len(of_ledger(site) - keys) == 1  # it tried with one, and not with all
    said = site.cli("run", site.plan, "--no-progress", expect=3)
    assert f"reseal {site.plan} --execute" in said.err
    behaving(site, keeps_removed=False)
    sealed_anew(site)
    demand_anew(site, keys)


@pytest.mark.parametrize("kept", ["versions"], indirect=True)
def test_one_that_cannot_come_to_its_end_is_given_up(site: Site) -> None:
    keys = keys_of(site, packs(site))
    behaving(site, keeps_removed=True)
    sealed_anew(site, expect=3)
    told = sealed_anew(site, "--give-up", "--json", expect=5).json
    assert (told["objects"], told["left"]) == (1, {"given-up": len(MOVED) - 1})
    site.cli("run", site.plan, "--until", "verify", "--no-progress", expect=0)
    site.cli("verify", site.plan, "--again", "--no-progress", expect=0)
    behaving(site, keeps_removed=False)
    assert sealed_anew(site, "--json").json["left"] == {}
    demand_anew(site, keys)


def test_a_stolen_key_is_replaced_and_then_everything_is_sealed_anew(site: Site) -> None:
    keys = keys_of(site, packs(site))
    say(site, "steward", "next")
    executed(site, expect=0)
    assert keys_of(site, packs(site)) == keys  # whoever kept them still opens the bodies
    told = sealed_anew(site, "--json").json
    assert (told["number"], told["objects"]) == (2, len(MOVED))
    demand_anew(site, keys)
    with pytest.raises(ValueError, match="values to unpack"):  # it is none of the recipients
        lines(site, packs(site), "steward")
    assert opened(site, packs(site), "next") == MOVED


def test_readers_of_grants_are_refused_until_they_get_new_packs(site: Site) -> None:
    lab, keys = site.folder / "lab", site.folder / "keys"
    new_pair(keys, "lab", passphrase=None)
    site.cli(
        "grant", site.plan, "--dataset", "emc2", "--permit", "R-7", "--until", "2099-12-31",
        "--purpose", "survival", "--out", str(lab), "--to", str(keys / "lab.pub"), expect=0,
    )  # fmt: skip
    told = sealed_anew(site, "--json").json
    assert told["grants"] == 1
    assert any("grant PLAN --renew ID" in line for line in told["remains"])
    target = site.section("target")["credential"]

    def open_with(pack: Path, *more: str, expect: int) -> str:
        return site.cli(
            "open", str(pack), "--trust", str(keys / "report.pub"), "--credential-id",
            target["id"], "--credential-secret", target["secret"], "--identity",
            str(keys / "lab.sec"), *more, expect=expect,
        ).err  # fmt: skip

    out = site.folder / "out"
    open_with(lab, "--get", "pmsi/*", "--out", str(out), expect=5)
    (given,) = journal(site, "grant-given")
    again = site.folder / "lab2"
    site.cli("grant", site.plan, "--renew", given["grant"], "--out", str(again), expect=0)
    open_with(again, "--get", "scans/*", "--out", str(out), expect=0)
    assert (out / "scans" / "large.raw").read_bytes() == BIG


def test_packs_that_wait_are_sent_first(site: Site) -> None:
    for key in [key for key in bucket_of(site).objects if key.startswith(PACKS)]:
        del bucket_of(site).objects[key]
    site.cli("verify", site.plan, "--again", "--no-progress", expect=5)
    said = sealed_anew(site, expect=3)
    assert "header packs are not at the target as the ledger has them" in said.err
    assert journal(site, "data-keys-rotating") == []


def test_the_report_tells_it_and_both_verifiers_agree(site: Site) -> None:
    sealed_anew(site)
    said = reported(site)
    (told,) = said["rotations"]
    assert (told["old"], told["new"], told["objects"], told["left"]) == (None, None, len(MOVED), 0)
    assert told["ended"] is not None
    (copies,) = said["seal"]["headers"]["copies"]
    assert copies["root"] == said["seal"]["headers"]["root"]
    pages = [path.read_text() for path in sorted((site.folder / "plain").glob("*.html"))]
    for sentence in ("Header packs were made anew", "ont été refaits et relus aux deux endroits"):
        assert any(sentence in page for page in pages)


def reported(site: Site) -> dict[str, Any]:
    """Write a report with plain names and one with keyed ones; return what the first says."""
    keys, found = site.folder / "keys", None
    key = load_trusted_key(keys / "report.pub")
    trusted = {key.fingerprint: (key.public, key.until)}
    for name, options in (("plain", ()), ("keyed", ("--names", "keyed"))):
        out = site.folder / name
        site.cli("report", site.plan, "--out", str(out), *options, expect=0)
        site.cli("audit", "verify", str(out), "--trust", str(keys / "report.pub"), expect=0)
        assert second_verifier.verify(out, trusted, 1) == []
        envelope = json.loads((out / "statement.json").read_text())
        predicate = json.loads(base64.b64decode(envelope["payload"]))["predicate"]
        found = found or predicate
        assert predicate["rotations"] == found["rotations"]
    assert found is not None
    return dict(found)
