"""Objects without headers, between real servers: moved, proved, killed, lost, and deleted.

The judge of what opens is written here from docs/header-packs.md alone.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import logging
import os
import random
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from crypt4gh.keys import get_private_key
from crypt4gh.lib import decrypt
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, MLKEM768X25519PrivateKey, Suite

from hdh_migrate.evidence.signatures.dsse import STATEMENT_TYPE
from hdh_migrate.evidence.signatures.signing import Signer, load_signer
from hdh_migrate.fixity import canonical_json
from hdh_migrate.pipeline.decommission import erasing
from hdh_migrate.sealing.hybrid import HybridPublicKey, new_hybrid_pair
from hdh_migrate.sealing.keys import new_pair
from tests.live.test_decommission import (
    OBJECTS,
    SCRATCH,
    acting,
    deletes,
    dry_run,
    execute,
    finalized,
    names,
)
from tests.support.agreed import agreed
from tests.support.fixtures import ProxyTo
from tests.support.second_contracts import check_packs
from tests.support.second_forms import Refused
from tests.support.second_plan import check_plan, read_plan
from tests.support.site import CORPUS, Site, through
from tests.unit.evidence.builders import reseal_sums

pytestmark = pytest.mark.live

PACKS = "in/.hdh-migrate-sidecar/_headers/emc2/"
SEALED = {key: body for key, body in CORPUS.items() if not key.startswith("tmp/")}


SEAL = {
    "format": "crypt4gh",
    "header": "detached",
    "suffix": ".segments",
    "second_copy": {"path": "copies"},
    "recipients": [f"hybrid/{name}.pub" for name in ("steward", "escrow", "consumer")],
    "identity": "file:hybrid/steward.sec",
}


@pytest.fixture(autouse=True)
def quiet_oracle() -> None:
    """The reference package logs secret keys."""
    logging.getLogger("crypt4gh").disabled = True
    logging.getLogger("crypt4gh.header").disabled = True


@pytest.fixture
def detached(site: Site) -> Site:
    keys = site.folder / "hybrid"
    keys.mkdir()
    for name in ("steward", "escrow", "consumer"):
        new_hybrid_pair(keys, name, passphrase=None)
    site.change(seal=SEAL)
    (cutover,) = site.section("cutovers")
    cutover["smoke"]["identity"] = "file:hybrid/consumer.sec"
    site.change(cutovers=[cutover])
    return site


# --- a stranger's reader --------------------------------------------------------------------------


def seed_of(path: Path) -> bytes:
    blob = base64.b64decode("".join(path.read_text().splitlines()[1:-1]))
    assert blob.startswith(b"hdhx-v1")
    return blob[-32:]  # the last field of a key without a passphrase


def segments_opened(key: bytes, sealed: bytes) -> bytes:
    aead, out, pieces = ChaCha20Poly1305(key), list[bytes](), range(0, len(sealed), 65_564)
    for index, start in enumerate(pieces):
        nonce = b"\0\0\0" + index.to_bytes(8, "big") + bytes([index == len(pieces) - 1])
        piece = sealed[start : start + 65_564]
        assert piece[:12] == nonce
        out.append(aead.decrypt(nonce, piece[12:], None))
    return b"".join(out)


def pack_opened(sealed: bytes, seed: bytes) -> list[dict[str, Any]]:
    both = hashlib.shake_256(seed).digest(96)
    lattice = MLKEM768PrivateKey.from_seed_bytes(both[:64])
    curve = X25519PrivateKey.from_private_bytes(both[64:])
    public = lattice.public_key().public_bytes_raw() + curve.public_key().public_bytes_raw()
    name = hashlib.sha256(public).digest()
    assert sealed[:14] == b"hdh-hyb1\x64\x7a\x00\x03\x00\x02"
    count = int.from_bytes(sealed[14:16], "big")
    block = sealed[: 16 + 1200 * count]
    stanzas = [block[start : start + 1200] for start in range(16, len(block), 1200)]
    names = b"".join(one[:32] for one in stanzas)
    (mine,) = (one[32:] for one in stanzas if one[:32] == name)
    suite = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA512, AEAD.AES_256_GCM)
    info = b"hdh-migrate/hybrid-header/1" + hashlib.sha256(names).digest()
    wrapping = suite.decrypt(mine, MLKEM768X25519PrivateKey(lattice, curve), info=info)
    rest = sealed[len(block) :]
    key = AESGCM(wrapping).decrypt(rest[:12], rest[12:60], hashlib.sha256(block).digest())
    head, *lines = segments_opened(key, rest[60:]).splitlines()
    assert json.loads(head)["format"] == "urn:hdh-migrate:header-pack:v1"
    return [json.loads(line) for line in lines]


def stored(site: Site, prefix: str = "in/") -> dict[str, bytes]:
    client, found = site.bucket.client, {}
    for page in client.get_paginator("list_objects_v2").paginate(
        Bucket=site.bucket.name, Prefix=prefix
    ):
        for one in page.get("Contents", []):
            got = client.get_object(Bucket=site.bucket.name, Key=one["Key"])
            found[one["Key"]] = got["Body"].read()
    return found


def demand_open(site: Site, packs: list[bytes] | None = None, key: str = "escrow") -> None:
    """Demand that packs and one key open everything, and that nothing else is there."""
    seed = seed_of(site.folder / "hybrid" / f"{key}.sec")
    held = stored(site)
    packs = packs or [body for name, body in held.items() if name.startswith(PACKS)]
    assert packs
    lines = [line for pack in packs for line in pack_opened(pack, seed)]
    found = {
        line["key"]: segments_opened(base64.b64decode(line["data_key"]), held[line["target_key"]])
        for line in lines
    }
    assert found == SEALED
    assert all(name.endswith(".segments") for name in held)


def copies(site: Site) -> list[Path]:
    return sorted((site.folder / "copies" / "exit" / "emc2").iterdir())


# --- what is tried --------------------------------------------------------------------------------


def test_a_strangers_program_opens_packs_and_bodies_and_both_verifiers_agree(
    detached: Site,
) -> None:
    detached.run()
    for key in ("steward", "escrow", "consumer"):
        demand_open(detached, key=key)
    demand_open(detached, [path.read_bytes() for path in copies(detached)])
    bundle = detached.folder / "bundle"
    detached.cli("report", detached.plan, "--out", str(bundle), expect=0)
    trusted = str(detached.folder / "keys" / "report.pub")
    detached.cli("audit", "verify", str(bundle), "--trust", trusted, expect=0)
    agreed(bundle, trusted)
    statement = json.loads(
        base64.b64decode(json.loads((bundle / "statement.json").read_text())["payload"])
    )
    seal = statement["predicate"]["seal"]
    assert seal["headers"]["packs"] == len(copies(detached)) == 1
    (copied,) = seal["headers"]["copies"]
    assert (copied["packs"], copied["root"]) == (1, seal["headers"]["root"])
    assert all(one.startswith("hybrid:") for one in seal["recipients"])
    out = detached.folder / "out"
    detached.cli("fetch", detached.plan, "emc2", "pmsi/b.csv", "--out", str(out), expect=0)
    assert out.read_bytes() == CORPUS["pmsi/b.csv"]


def test_a_lost_pack_is_found_and_comes_back(detached: Site) -> None:
    detached.run()
    (key,) = stored(detached, PACKS)
    detached.bucket.client.delete_object(Bucket=detached.bucket.name, Key=key)
    detached.cli("verify", detached.plan, "--again", "--no-progress", expect=5)
    detached.run()
    demand_open(detached)
    (copy,) = copies(detached)
    assert copy.read_bytes() == stored(detached, PACKS)[key]


def test_a_lost_copy_is_made_again(detached: Site) -> None:
    detached.run()
    (copy,) = copies(detached)
    kept = copy.read_bytes()
    for spoil in (copy.unlink, lambda: copy.write_bytes(kept[:-1])):
        spoil()
        said = detached.cli("verify", detached.plan, "--again", "--no-progress", expect=0)
        assert "copied again" in said.err
        assert copy.read_bytes() == kept


def test_a_copy_that_cannot_be_written_is_said_before_anything_is_sent(detached: Site) -> None:
    (detached.folder / "copies").write_text("no folder")
    said = detached.cli("run", detached.plan, "--until", "verify", "--no-progress", expect=3)
    assert "the second copy of header packs cannot be written" in said.err
    assert stored(detached) == {}
    said = detached.cli("preflight", detached.plan, expect=3)
    assert "second copy of header packs" in said.out + said.err
    (detached.folder / "copies").unlink()
    detached.run()
    demand_open(detached)


def test_a_copy_that_cannot_be_written_at_the_end_is_one_line(detached: Site) -> None:
    (detached.folder / "copies" / "exit").mkdir(parents=True)
    (detached.folder / "copies" / "exit" / "emc2").write_text("no folder")
    said = detached.cli("run", detached.plan, "--until", "verify", "--no-progress", expect=3)
    assert "the second copy of a header pack cannot be written" in said.err
    assert "Traceback" not in said.err
    (detached.folder / "copies" / "exit" / "emc2").unlink()
    detached.run()
    demand_open(detached)


@pytest.mark.parametrize("what", ["pack", "copy"])
def test_nothing_is_deleted_while_a_pack_or_its_copy_is_not_right(
    detached: Site, what: str
) -> None:
    finalized(detached)
    (key,), (copy,) = stored(detached, PACKS), copies(detached)
    if what == "copy":
        kept = copy.read_bytes()
        copy.write_bytes(kept[:-1] + bytes([kept[-1] ^ 1]))
    else:
        where = {"Bucket": detached.bucket.name, "Key": key}
        got = detached.bucket.client.get_object(**where)
        kept = got["Body"].read()
        detached.bucket.client.put_object(**where, Body=kept[:-1], Metadata=got["Metadata"])
    said = execute(detached, expect=5)
    assert "header pack" in said.err
    assert names(detached) == OBJECTS | SCRATCH
    if what == "copy":
        copy.write_bytes(kept)
        dry_run(detached, expect=0)
        assert execute(detached, "--json", expect=0).json["requested"] == {"deleted": 4}
        demand_open(detached)


def test_nothing_is_sealed_anew_where_a_host_that_fails_would_leave_nothing(detached: Site) -> None:
    """The source is deleted, and the bucket keeps no versions; packs alone could be made again."""
    finalized(detached)
    execute(detached, expect=0)
    said = detached.cli("reseal", detached.plan, "--execute", "--no-progress", expect=3)
    assert "keeps no versions, and the source of batch" in said.err
    demand_open(detached)


@pytest.mark.parametrize("what", ["pack", "copy"])
def test_packs_that_are_lost_while_objects_are_deleted_end_it(
    detached: Site, proxy_to: ProxyTo, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasing, "BATCH_OBJECTS", 1)
    monkeypatch.setattr(erasing, "OBJECTS_PER_PACK", 1)
    engine = {"kind": "local", "processes": 1, "connections": 1}
    proxy = through(detached, proxy_to, engine=engine)
    finalized(detached)
    (key,), (copy,) = stored(detached, PACKS), copies(detached)

    assert dry_run(detached, expect=0).json["blockers"] == []

    def lose() -> None:
        if what == "copy":
            copy.unlink()
        else:
            detached.bucket.client.delete_object(Bucket=detached.bucket.name, Key=key)

    proxy.rule(match=deletes, action=acting(lose), times=1)
    said = execute(detached, expect=5)
    assert "nothing more is deleted" in said.err
    assert len(names(detached) - SCRATCH) == len(OBJECTS) - 1  # the delete that was under way

    assert [line for line in dry_run(detached, expect=3).json["blockers"] if "header pack" in line]
    detached.cli("verify", detached.plan, "--again", "--no-progress")
    detached.cli("run", detached.plan, "--until", "verify", "--no-progress", expect=0)
    assert (len(stored(detached, PACKS)), len(copies(detached))) == (1, 1)
    bundle = str(detached.folder / "after")
    detached.cli("report", detached.plan, "--out", bundle, expect=0)
    detached.approve("decommission")
    detached.cli(
        "decommission", detached.plan, "--batch", "all", "--evidence", bundle, "--execute",
        "--confirm", "emc2", expect=0,
    )  # fmt: skip
    assert names(detached) == SCRATCH


def forged(folder: Path, key: Signer, change: Callable[[dict[str, Any]], None]) -> None:
    """Change what a statement says of its seal, and sign it as its author would."""
    path = folder / "statement.json"
    said = json.loads(base64.b64decode(json.loads(path.read_text())["payload"]))
    change(said["predicate"]["seal"])
    envelope = key.sign(STATEMENT_TYPE, canonical_json(said))
    path.write_bytes(canonical_json(envelope) + b"\n")
    reseal_sums(folder)


FORGERIES: dict[str, Callable[[dict[str, Any]], None]] = {
    "packs": lambda seal: seal["headers"].update(packs=2),
    "bytes": lambda seal: seal["headers"].update(bytes=1),
    "root": lambda seal: seal["headers"].update(root="0" * 64),
    "no copies": lambda seal: seal["headers"].update(copies=[]),
    "another copy": lambda seal: seal["headers"]["copies"][0].update(packs=2),
    "not told": lambda seal: seal.pop("headers"),
}


def test_a_bundle_that_says_other_packs_is_refused_by_both(detached: Site) -> None:
    detached.run()
    whole = detached.folder / "bundle"
    detached.cli("report", detached.plan, "--out", str(whole), expect=0)
    public = detached.folder / "keys" / "report.pub"
    signer, trusted = load_signer(detached.folder / "keys" / "report.key", None), str(public)
    for name, change in FORGERIES.items():
        bundle = detached.folder / f"forged {name}"
        shutil.copytree(whole, bundle)
        forged(bundle, signer, change)
        said = detached.cli("audit", "verify", str(bundle), "--trust", trusted, expect=10)
        assert "header packs" in said.out or "packs of headers" in said.out, (name, said.out)
        with pytest.raises(Refused, match="seal"):
            second_opinion(bundle)
    second_opinion(whole)


def second_opinion(bundle: Path) -> None:
    """Ask the second verifier of packs alone: of a page that was not made anew it says more."""
    said = json.loads(
        base64.b64decode(json.loads((bundle / "statement.json").read_text())["payload"])
    )
    predicate = said["predicate"]
    lines = list(map(json.loads, (bundle / "manifest.jsonl").read_bytes().splitlines()))
    events = [
        (one["kind"], one["at"], json.loads(one["body"]))
        for one in map(json.loads, (bundle / "journal.jsonl").read_bytes().splitlines())
    ]
    plan = read_plan(predicate, first=False)
    check_plan(predicate, plan, sum(one["sha256"] is not None for one in lines))
    check_packs(predicate, plan, lines, events, keyed=False)


def test_keyed_names_keep_what_is_said_of_packs(detached: Site) -> None:
    detached.run()
    bundle = detached.folder / "bundle"
    detached.cli("report", detached.plan, "--names", "keyed", "--out", str(bundle), expect=0)
    trusted = str(detached.folder / "keys" / "report.pub")
    detached.cli("audit", "verify", str(bundle), "--trust", trusted, expect=0)
    agreed(bundle, trusted)


def take_over(site: Site) -> None:
    """Say that the machine that moved everything is gone for good."""
    site.cli("run", site.plan, "--no-progress", expect=11)
    said = site.cli("run", site.plan, "--take-over", "--reason", "burned", "--no-progress")
    assert said.code == 3


@pytest.mark.parametrize("packs_at", ["the target", "the second copy"])
def test_who_lost_the_ledger_adopts_with_the_packs(detached: Site, packs_at: str) -> None:
    detached.run()
    bundle = detached.folder / "bundle"
    detached.cli("report", detached.plan, "--out", str(bundle), expect=0)
    before = stored(detached)
    shutil.rmtree(detached.folder / ".hdh-migrate")
    if packs_at == "the second copy":
        (key,) = stored(detached, PACKS)
        detached.bucket.client.delete_object(Bucket=detached.bucket.name, Key=key)
    take_over(detached)
    detached.cli("adopt", detached.plan, "--bundle", str(bundle), "--no-progress", expect=0)
    detached.run()
    after = stored(detached)
    bodies = {name for name in before if not name.startswith(PACKS)}
    assert {name: after[name] for name in bodies} == {name: before[name] for name in bodies}
    demand_open(detached)
    assert copies(detached)[0].read_bytes() in stored(detached, PACKS).values()


def test_what_no_pack_opens_is_sent_anew(detached: Site) -> None:
    detached.run()
    bundle = detached.folder / "bundle"
    detached.cli("report", detached.plan, "--out", str(bundle), expect=0)
    before = stored(detached)
    shutil.rmtree(detached.folder / ".hdh-migrate")
    shutil.rmtree(detached.folder / "copies")
    (key,) = stored(detached, PACKS)
    where = {"Bucket": detached.bucket.name, "Key": key}
    tags = detached.bucket.client.head_object(**where)["Metadata"]
    detached.bucket.client.put_object(**where, Body=b"garbage", Metadata=tags)
    take_over(detached)
    said = detached.cli("adopt", detached.plan, "--bundle", str(bundle), "--no-progress")
    assert "1 header pack does not open" in said.err
    detached.run()
    demand_open(detached)
    assert not set(before.values()) & set(stored(detached).values()) - {b""}


def test_a_reader_opens_what_was_granted_and_the_steward_key_is_no_readers(
    detached: Site,
) -> None:
    detached.change(approvals=None, freeze=None, cutovers=None)
    detached.run()
    keys, folder, out = detached.folder / "keys", detached.folder / "lab", detached.folder / "out"
    new_pair(keys, "lab", passphrase=None)
    target = detached.section("target")["credential"]
    asks = (
        "grant", detached.plan, "--dataset", "emc2", "--permit", "R-7", "--until", "2099-12-31",
        "--purpose", "survival", "--out", str(folder),
    )  # fmt: skip
    steward = HybridPublicKey.load(detached.folder / "hybrid" / "steward.pub")
    half = base64.b64encode(steward.halves[1]).decode()
    twin = f"-----BEGIN CRYPT4GH PUBLIC KEY-----\n{half}\n-----END CRYPT4GH PUBLIC KEY-----\n"
    (keys / "twin.pub").write_text(twin)
    said = detached.cli(*asks, "--to", str(keys / "twin.pub"), expect=2)
    assert "one of the keys that everything is sealed for" in said.err
    said = detached.cli(*asks, "--to", str(detached.folder / "hybrid/steward.pub"), expect=3)
    assert "this is a hybrid key where a Crypt4GH key is expected" in said.err

    detached.cli(*asks, "--to", str(keys / "lab.pub"), expect=0)
    reader = (
        "open", str(folder), "--trust", str(keys / "report.pub"),
        "--credential-id", target["id"], "--credential-secret", target["secret"],
        "--identity", str(keys / "lab.sec"), "--get", "**",
    )  # fmt: skip
    detached.cli(*reader, "--out", str(out), expect=0)
    for name, body in SEALED.items():
        assert (out / name).read_bytes() == body
    # What the reader keeps sealed has its header in front, and is a file for any Crypt4GH tool.
    detached.cli(*reader, "--sealed", "--out", str(detached.folder / "sealed"), expect=0)
    key = get_private_key(str(keys / "lab.sec"), lambda: "")
    for name, body in SEALED.items():
        plain = io.BytesIO()
        with (detached.folder / "sealed" / f"{name}.c4gh").open("rb") as file:
            decrypt([(0, key, None)], file, plain)
        assert plain.getvalue() == body

    # A replaced object ends the next grant before anything of it is given.
    detached.bucket.client.put_object(
        Bucket=detached.bucket.name, Key="in/pmsi/b.csv.segments", Body=b"another"
    )
    again = [*asks[:-1], str(detached.folder / "more"), "--to", str(keys / "lab.pub")]
    again[again.index("survival")] = "another purpose"
    said = detached.cli(*again, expect=5)
    assert "was replaced since it was verified" in said.err


def test_what_was_begun_with_headers_goes_on_with_headers(site: Site) -> None:
    site.run()
    keys = site.folder / "hybrid"
    keys.mkdir()
    for name in ("steward", "escrow", "consumer"):
        new_hybrid_pair(keys, name, passphrase=None)
    site.change(seal=SEAL)
    before = stored(site)
    said = site.cli("run", site.plan, "--no-progress", expect=3)
    assert "seal.header" in said.err
    assert stored(site) == before


@pytest.mark.crash
def test_runs_that_are_killed_end_with_everything_open(detached: Site) -> None:
    rng = random.Random(19)
    detached.container.client.upload_blob("scans/large.cram", rng.randbytes(3 << 20) * 9)
    for _ in range(4):
        process = detached.start("run", detached.plan, "--until", "verify", "--no-progress")
        time.sleep(rng.uniform(0.8, 3.5))
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    detached.real("run", detached.plan, "--until", "verify", "--no-progress", expect=0)
    SEALED["scans/large.cram"] = detached.container.client.download_blob(
        "scans/large.cram"
    ).readall()
    try:
        demand_open(detached)
    finally:
        del SEALED["scans/large.cram"]


def test_keys_of_the_other_form_are_refused_in_one_line(detached: Site) -> None:
    seal = detached.section("seal")
    detached.change(seal={**seal, "recipients": ["keys/steward.pub", "hybrid/escrow.pub"]})
    said = detached.cli("run", detached.plan, "--no-progress", expect=3)
    assert "this is a Crypt4GH key where a hybrid key is expected" in said.err
    shutil.copy(detached.folder / "hybrid/escrow.pub", detached.folder / "hybrid/twin.pub")
    detached.change(seal={**seal, "recipients": ["hybrid/twin.pub", "hybrid/escrow.pub"]})
    said = detached.cli("run", detached.plan, "--no-progress", expect=3)
    assert "two recipients have the same key" in said.err


def test_packs_are_counted_among_what_is_looked_at_again(detached: Site) -> None:
    detached.run()
    looked = detached.cli("verify", detached.plan, "--again", "--json", "--no-progress", expect=0)
    (look,) = looked.json["looks"]
    assert look["objects"] == look["verified"] > len(SEALED)  # packs are read, and counted
