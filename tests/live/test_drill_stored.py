"""A private key is tried on what the target holds: by chance; nothing is kept."""

from __future__ import annotations

import base64
import json
from contextlib import suppress
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from hdh_migrate.pipeline.fences.fence import fence_key
from hdh_migrate.sealing.keys import PrivateKey, new_pair
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.verbs.drill import drill
from hdh_migrate.session.verbs.rotate import RotationWish, execute
from tests.live.test_grants_killed import Killed, desk_of, killed_everywhere
from tests.live.test_packs_rotated import with_packs
from tests.live.test_rotation import journal, whole_journal
from tests.live.test_rotation_killed import MainClock
from tests.support.agreed import agreed
from tests.support.finished import Finished, Target
from tests.support.rotated import BIG, NAME, executed, say_next, verified
from tests.support.site import Said, Site
from tests.support.strict_s3.store import Version

pytestmark = pytest.mark.live

SEGMENT = 65_564
ESCROWS_PACKET = slice(16 + 108 + 8, 16 + 108 * 2)


@pytest.fixture
def site(finished: Finished) -> Site:
    """A site whose five objects are verified, one of them large."""
    return finished(verified, Target())


def tried(site: Site, *more: str, key: str = "keys/escrow.sec", expect: int | None = None) -> Said:
    return site.cli(
        "keys", "drill", site.plan, "--key", str(site.folder / key), *more, expect=expect
    )


def held(site: Site) -> dict[str, Version]:
    server: Any = site.bucket.server
    return {key: found[-1] for key, found in server.store.buckets[NAME].objects.items()}


def harmed(one: Version, where: slice) -> None:
    """Turn bytes of what the host holds under the same ETag: only who opens it notices."""
    body = bytearray(one.body)
    body[where] = bytes(byte ^ 1 for byte in body[where])
    one.body = bytes(body)


def reported(site: Site, name: str = "evidence") -> tuple[dict[str, Any], str]:
    out, trust = site.folder / name, site.folder / "keys" / "report.pub"
    site.cli("report", site.plan, "--out", str(out), expect=0)
    site.cli("audit", "verify", str(out), "--trust", str(trust), expect=0)
    agreed(out, trust)
    envelope = json.loads((out / "statement.json").read_bytes())
    seal = json.loads(base64.b64decode(envelope["payload"]))["predicate"]["seal"]
    return seal, (out / "report.en.html").read_text()


def files_at(site: Site) -> set[Path]:
    """Return every file there is, but for SQLite's own, which a look leaves beside a ledger."""
    found = {path for path in site.folder.rglob("*") if path.is_file()}
    return {path for path in found if not path.name.startswith("ledger.db-")}


def test_an_escrow_key_opens_what_is_stored_and_everybody_says_when(site: Site) -> None:
    name = PrivateKey.load(site.folder / "keys" / "escrow.sec", None).public.fingerprint
    before = files_at(site)
    server: Any = site.bucket.server
    server.seen.clear()
    told = tried(site, "--stored", "1000", "--json", expect=0).json
    trial = told["stored"]
    assert (trial["objects"], trial["opened"], trial["whole"]) == (5, 5, 4)
    assert (trial["smallest"], trial["largest"]) == (0, len(BIG))
    sealed = [one.body for one in held(site).values() if one.body.startswith(b"crypt4gh")]
    assert trial["bytes"] == sum(map(len, sealed))
    assert told["stored_before"] is None
    large = [seen.headers["range"] for seen in server.seen if "range" in seen.headers]
    assert large == [f"bytes=0-{16 + 108 * 3 + SEGMENT - 1}"]  # of the large one no byte more
    asked = {seen.operation for seen in server.seen if seen.key != fence_key("exit")}
    assert asked <= {"GetObject", "ListBuckets"}  # and in the end who wrote last
    assert files_at(site) == before  # no plaintext

    (event,) = journal(site, "drilled")
    assert event["fingerprint"] == name
    assert event["stored"] == {
        name: trial[name] for name in trial if name != "not_opened"
    }  # fmt: skip
    again = tried(site, "--stored", "2", expect=0)
    assert "2 of 2 stored objects opened" in again.out
    assert f"stored objects opened before: 5 of 5 on {told['proved']}" in again.out

    last = tried(site, "--json", expect=0).json  # on an envelope alone
    assert (last["stored"], last["stored_before"]["objects"]) == (None, 2)
    seal, page = reported(site)
    (proof,) = seal["proved"]
    assert (proof["recipient"], proof["at"]) == (name, last["proved"])
    assert proof["stored"]["at"] == last["stored_before"]["at"]
    assert (proof["stored"]["objects"], proof["stored"]["opened"]) == (2, 2)
    assert "opened 2 of 2 objects drawn at random at the host" in page
    keys = site.cli("status", site.plan, "--json", expect=0).json["keys"]
    assert [one["stored"] is not None for one in keys] == [one["recipient"] == name for one in keys]
    shown = site.cli("status", site.plan, expect=0).out
    assert f"{name} opened 2 of 2 stored objects, drawn by chance, on " in shown
    assert f"- 2 not tried: hdh-migrate keys drill {site.plan} --key FILE --stored N" in shown


def test_what_the_key_does_not_open_ends_with_5_and_stands_in_the_journal(site: Site) -> None:
    small, large = (
        next(one for key, one in held(site).items() if key.endswith(name))
        for name in ("b.csv.c4gh", "large.raw.c4gh")
    )
    for one in (small, large):
        harmed(one, ESCROWS_PACKET)
    said = tried(site, "--stored", "5", expect=5)
    assert "3 of 5 stored objects opened" in said.out
    assert said.out.count("the key does not open it, or not to what was sent") == 2
    assert f"verify {site.plan} --again" in said.out
    assert "b.csv" not in said.out + said.err
    tried(site, "--stored", "5", key="keys/consumer.sec", expect=0)  # its packets are whole
    first, second = journal(site, "drilled")
    assert [one["stored"]["opened"] for one in (first, second)] == [3, 5]
    seal, page = reported(site)
    assert [one["stored"]["opened"] for one in seal["proved"]] == [3, 5]
    assert "<strong>on" in page


def test_what_is_gone_or_another_one_is_said_so(site: Site) -> None:
    objects, names = held(site), sorted(held(site))
    gone, other = (next(key for key in names if one in key) for one in ("vide", "big.raw"))
    server: Any = site.bucket.server
    del server.store.buckets[NAME].objects[gone]
    objects[other].etag = "0" * 32
    told = tried(site, "--stored", "9", "--json", expect=5).json["stored"]
    assert sorted(one["why"] for one in told["not_opened"]) == ["gone", "replaced"]
    assert told["opened"] == 3


def test_a_drill_that_is_killed_anywhere_is_told_once(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in site.environ.items():
        monkeypatch.setenv(name, value)

    def give(desk: Desk) -> object:
        return drill(desk, site.folder / "keys" / "escrow.sec", None, stored=5)

    assert killed_everywhere(site, give) > 1
    assert [one["stored"]["opened"] for one in journal(site, "drilled")] == [5]
    site.cli("ledger", "check", site.plan, expect=0)


def test_what_cannot_be_tried_is_refused_and_nothing_is_told(site: Site) -> None:
    assert "give --stored N with it" in tried(site, "--batch", "all", expect=2).err
    assert "no batch nothing" in tried(site, "--stored", "1", "--batch", "nothing", expect=2).err
    new_pair(site.folder / "keys", "other", passphrase=None)
    assert (
        "not among the recipients"
        in tried(site, "--stored", "1", key="keys/other.sec", expect=3).err
    )
    assert journal(site, "drilled") == []


def test_while_keys_are_being_exchanged_nothing_stored_is_tried(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in site.environ.items():
        monkeypatch.setenv(name, value)
    say_next(site)
    keys = site.folder / "keys"
    wish = RotationWish.at(
        desk_of(site), keys / "steward.pub", keys / "next.pub", keys / "steward.sec", None
    )
    for left in count():
        with suppress(Killed):
            execute(replace(desk_of(site), clock=MainClock(left)), wish)
        if journal(site, "keys-rotating"):
            break
    assert not journal(site, "keys-rotated")
    said = tried(site, "--stored", "5", key="keys/next.sec", expect=3).err
    assert "keys are being exchanged" in said
    assert f"keys rotate {site.plan} ... --execute" in said
    tried(site, key="keys/next.sec", expect=0)  # an envelope is sealed for those of afterwards


def test_nothing_is_stored_before_a_transfer(finished: Finished) -> None:
    site = finished(only_listed)
    said = tried(site, "--stored", "3", expect=3).err
    assert "nothing is stored yet" in said


def only_listed(site: Site) -> None:
    """Prepare a site of which nothing is at the target."""
    site.cli("inventory", site.plan, expect=0)


def test_after_an_exchange_the_new_key_is_tried(site: Site) -> None:
    say_next(site)
    executed(site, expect=0)
    tried(site, "--stored", "5", key="keys/next.sec", expect=0)
    assert (
        "not among the recipients"
        in tried(site, "--stored", "5", key="keys/steward.sec", expect=3).err
    )
    assert len(journal(site, "drilled")) == 1


def test_where_headers_are_apart_a_pack_is_opened_too(finished: Finished) -> None:
    site = finished(with_packs, Target())
    told = tried(site, "--stored", "100", "--json", key="hybrid/escrow.sec", expect=0).json[
        "stored"
    ]
    assert told["opened"] == told["objects"] == 5  # a pack is an object of its dataset, too
    assert told["packs"] == 1
    (pack,) = (one for key, one in held(site).items() if "/_headers/" in key)
    harmed(pack, slice(-40, -1))
    told = tried(site, "--stored", "1", "--json", key="hybrid/escrow.sec", expect=5).json["stored"]
    assert {one["why"] for one in told["not_opened"]} == {"unopened"}
    assert told["packs"] == 0
    assert [one["stored"]["packs"] for one in journal(site, "drilled")] == [1, 0]
    assert all(kind != "object-opened" for kind, _ in whole_journal(site))
