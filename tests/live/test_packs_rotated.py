"""A steward's key is exchanged where headers are detached: packs at both places, and the ledger."""

from __future__ import annotations

import base64
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hdh_migrate.errors import UnsealFailed
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.sealing.hybrid import HybridPrivateKey, HybridReader, new_hybrid_pair
from hdh_migrate.sealing.keys import new_pair
from hdh_migrate.session.verbs.rotate import RotationWish, execute
from hdh_migrate.telemetry import SystemClock
from tests.live.test_detached import PACKS, SEAL, pack_opened, seed_of, segments_opened
from tests.live.test_grants_killed import Killed, desk_of
from tests.live.test_rotation import journal, whole_journal
from tests.live.test_rotation_killed import MainClock
from tests.support import strict_buckets
from tests.support.agreed import agreed
from tests.support.finished import Finished, Target
from tests.support.rotated import NAME, PLAINLY, behaving
from tests.support.site import CORPUS, Said, Site
from tests.support.strict_s3.store import Version

pytestmark = pytest.mark.live

MOST = 200
"""Asks for the time that no exchange of one pack makes more of."""
MOVED = {key: body for key, body in CORPUS.items() if not key.startswith("tmp/")}


kept = strict_buckets.kept


def with_packs(site: Site) -> None:
    """Prepare a site whose packs are verified and copied."""
    keys = site.folder / "hybrid"
    keys.mkdir()
    for name in ("steward", "escrow", "consumer", "next", "later"):
        new_hybrid_pair(keys, name, passphrase=None)
    site.change(seal=SEAL, **PLAINLY)
    site.run()


@pytest.fixture
def site(finished: Finished, kept: bool) -> Site:
    """A site whose packs are verified and copied, and whose plan names the next key already."""
    site = finished(with_packs, Target(versions=kept))
    say(site, "steward", "next")
    return site


def say(site: Site, old: str, new: str) -> None:
    seal = dict(site.section("seal"))
    seal["recipients"] = [one.replace(f"/{old}.", f"/{new}.") for one in seal["recipients"]]
    seal["identity"] = seal["identity"].replace(f"/{old}.", f"/{new}.")
    site.change(seal=seal)


def rotate(
    site: Site, *more: str, old: str = "steward", new: str = "next", expect: int | None = None
) -> Said:
    keys = site.folder / "hybrid"
    return site.cli(
        "keys", "rotate", site.plan, "--from", str(keys / f"{old}.pub"),
        "--to", str(keys / f"{new}.pub"), "--no-progress", *more, expect=expect,
    )  # fmt: skip


def executed(site: Site, *more: str, opens: str = "steward", **named: Any) -> Said:
    key = str(site.folder / "hybrid" / f"{opens}.sec")
    return rotate(site, "--identity", key, "--execute", *more, **named)


# --- a stranger's look ----------------------------------------------------------------------------


def held(site: Site, *, packs: bool) -> list[Version]:
    server: Any = site.bucket.server
    return [
        one
        for some in server.store.buckets[NAME].objects.values()
        for one in some
        if not one.marker and one.key.endswith(".segments") and one.key.startswith(PACKS) is packs
    ]


def copied(site: Site) -> list[bytes]:
    return [path.read_bytes() for path in (site.folder / "copies" / "exit" / "emc2").iterdir()]


def opened(site: Site, name: str, packs: list[bytes]) -> dict[str, bytes]:
    """Open everything with some packs and one key; of packs that do not open nothing."""
    seed = seed_of(site.folder / "hybrid" / f"{name}.sec")
    bodies, found = {one.key: one.body for one in held(site, packs=False)}, {}
    for pack in packs:
        try:
            lines = pack_opened(pack, seed)
        except ValueError:  # this key is none of its recipients
            continue
        for line in lines:
            key = base64.b64decode(line["data_key"])
            found[line["key"]] = segments_opened(key, bodies[line["target_key"]])
    return found


def at_target(site: Site, name: str) -> dict[str, bytes]:
    return opened(site, name, [one.body for one in held(site, packs=True)])


def in_copies(site: Site, name: str) -> dict[str, bytes]:
    return opened(site, name, copied(site))


def of_ledger(site: Site, name: str) -> int:
    """Count the ledger's headers that one key opens."""
    key = HybridPrivateKey.load(site.folder / "hybrid" / f"{name}.sec", None)
    reader, found = HybridReader(key), 0
    ledger = SqliteLedger.read_only(site.state / "ledger.db", SystemClock())
    try:
        for one in ledger.kept_headers(0, 1000):
            try:
                reader.data_key(one.header)
            except UnsealFailed:
                continue
            found += 1
    finally:
        ledger.close()
    return found


def demand_exchanged(site: Site, old: str = "steward", new: str = "next") -> None:
    for look in (at_target, in_copies):
        assert look(site, new) == look(site, "escrow") == MOVED
        assert look(site, old) == {}
    assert of_ledger(site, new) == of_ledger(site, "escrow") == len(MOVED)
    assert of_ledger(site, old) == 0


# --- what is tried --------------------------------------------------------------------------------


def test_packs_at_both_places_open_for_the_new_key_alone(site: Site) -> None:
    bodies = {one.id: one.body for one in held(site, packs=False)}

    told = executed(site, "--json", expect=0).json

    assert (told["objects"], told["headers"], told["left"], told["lost"]) == (1, len(MOVED), {}, 0)
    assert told["remaining"] == {}
    assert any("copies of the ledger" in line for line in told["remains"])
    demand_exchanged(site)
    assert {one.id: one.body for one in held(site, packs=False)} == bodies  # not even written again
    (copy,), (pack,) = copied(site), held(site, packs=True)
    assert copy == pack.body
    site.cli("ledger", "check", site.plan, expect=0)
    site.cli("verify", site.plan, "--again", "--no-progress", expect=0)
    site.cli("run", site.plan, "--until", "verify", "--no-progress", expect=0)  # nothing is left
    assert len(held(site, packs=True)) == 1
    again = executed(site, "--json", expect=0).json
    assert (again["objects"], again["headers"]) == (1, len(MOVED))


def test_without_execute_nothing_changes(site: Site) -> None:
    before = [one.body for one in held(site, packs=True)]
    told = rotate(site, "--json", expect=0).json
    assert (told["objects"], told["headers"], told["blockers"]) == (1, len(MOVED), [])
    said = rotate(site, expect=0)
    assert f"headers: {len(MOVED)}, in the ledger and in packs; no body is touched" in said.out
    assert [one.body for one in held(site, packs=True)] == before
    assert journal(site, "keys-rotating") == []


def test_both_verifiers_know_it_in_plain_and_with_keyed_names(site: Site) -> None:
    executed(site, expect=0)
    trusted = str(site.folder / "keys" / "report.pub")
    for names in ("plain", "keyed"):
        bundle = site.folder / names
        site.cli("report", site.plan, "--names", names, "--out", str(bundle), expect=0)
        site.cli("audit", "verify", str(bundle), "--trust", trusted, expect=0)
        agreed(bundle, trusted)
    pages = [path.read_text() for path in sorted((site.folder / "plain").glob("*.html"))]
    for said in ("headers that are kept apart", "conservés à part"):
        assert any(said in page for page in pages)


def test_a_grant_given_before_stays_good(site: Site) -> None:
    say(site, "next", "steward")
    new_pair(site.folder / "keys", "lab", passphrase=None)
    lab = site.folder / "lab"
    site.cli(
        "grant", site.plan, "--dataset", "emc2", "--permit", "R-7", "--until", "2099-12-31",
        "--purpose", "survival", "--out", str(lab), "--to", str(site.folder / "keys" / "lab.pub"),
        expect=0,
    )  # fmt: skip
    say(site, "steward", "next")
    executed(site, expect=0)
    target = site.section("target")["credential"]
    site.cli(
        "open", str(lab), "--trust", str(site.folder / "keys" / "report.pub"),
        "--credential-id", target["id"], "--credential-secret", target["secret"],
        "--identity", str(site.folder / "keys" / "lab.sec"), "--get", "**",
        "--out", str(site.folder / "out"), expect=0,
    )  # fmt: skip
    for name, body in MOVED.items():
        assert (site.folder / "out" / name).read_bytes() == body


def test_a_key_of_the_other_form_and_one_that_opens_nothing_are_refused(site: Site) -> None:
    new_pair(site.folder / "keys", "other", passphrase=None)
    keys = site.folder / "hybrid"
    pair = ("--from", str(keys / "steward.pub"), "--to", str(site.folder / "keys/other.pub"))
    said = site.cli("keys", "rotate", site.plan, *pair, expect=3)
    assert "this is a Crypt4GH key where a hybrid key is expected" in said.err
    said = executed(site, opens="later", expect=3)
    assert "opens nothing that was sealed before" in said.err
    assert journal(site, "keys-rotating") == []


def test_packs_that_wait_are_sent_first(site: Site) -> None:
    site.bucket.server.store.buckets[NAME].objects.pop(held(site, packs=True)[0].key)  # type: ignore[attr-defined]
    say(site, "next", "steward")
    site.cli("verify", site.plan, "--again", "--no-progress", expect=5)
    say(site, "steward", "next")
    said = executed(site, expect=3)
    assert "header packs are not at the target as the ledger has them" in said.err
    say(site, "next", "steward")
    site.run()
    say(site, "steward", "next")
    executed(site, expect=0)
    demand_exchanged(site)


def test_a_copy_that_cannot_be_written_keeps_the_old_version(site: Site, kept: bool) -> None:
    folder = site.folder / "copies" / "exit" / "emc2"
    aside = folder.rename(folder.with_name("aside"))
    folder.write_text("no folder")
    said = executed(site, expect=3)
    assert "the second copy of a header pack cannot be written" in said.err
    if kept:
        assert at_target(site, "steward") == MOVED  # it did not go before the copy was there
    folder.unlink()
    aside.rename(folder)
    executed(site, expect=0)
    demand_exchanged(site)


@pytest.mark.parametrize("kept", ["versions"], indirect=True)
@pytest.mark.usefixtures("kept")
def test_what_a_host_does_not_let_go_is_said(site: Site) -> None:
    behaving(site, keeps_removed=True)
    told = executed(site, "--json", expect=4).json
    assert told["remaining"] == {"kept": 1}


@pytest.mark.slow
def test_an_exchange_that_is_killed_anywhere_comes_to_its_end(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in site.environ.items():
        monkeypatch.setenv(name, value)
    keys: Path = site.folder / "hybrid"
    wanted = (keys / "steward.pub", keys / "next.pub", keys / "steward.sec", None)
    kills = 0
    for left in range(MOST):
        desk = replace(desk_of(site), clock=MainClock(left))
        try:
            execute(desk, RotationWish.at(desk, *wanted))
        except Killed:
            kills += 1
            for look in (at_target, in_copies):  # at every moment, at both places
                assert {**look(site, "steward"), **look(site, "next")} == MOVED
                assert look(site, "escrow") == MOVED
            assert of_ledger(site, "escrow") == len(MOVED)
            continue
        break
    else:
        raise AssertionError("it never came to its end")
    assert kills > 8
    demand_exchanged(site)
    kinds = Counter(kind for kind, _ in whole_journal(site))
    assert (kinds["keys-rotating"], kinds["headers-rewrapped"], kinds["keys-rotated"]) == (1, 1, 1)
    site.cli("ledger", "check", site.plan, expect=0)
    site.cli("verify", site.plan, "--again", "--no-progress", expect=0)
