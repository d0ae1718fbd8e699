"""Every object is sealed anew: the data keys of before open nothing that the host still serves."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from hdh_migrate.errors import Exit
from hdh_migrate.evidence.signatures.signing import load_trusted_key
from tests.live.test_rotation import asked, journal, one_line, whole_journal
from tests.support import second_verifier, strict_buckets
from tests.support.finished import Finished, Target
from tests.support.fixtures import s3_client
from tests.support.resealed import bucket_of, data_keys, opened_by, reseal, sealed_anew
from tests.support.rotated import (
    BIG,
    behaving,
    executed,
    opened,
    say_next,
    verified,
    versions,
)
from tests.support.site import Site

pytestmark = pytest.mark.live


kept = strict_buckets.kept


@pytest.fixture
def site(finished: Finished, kept: bool) -> Site:
    return finished(verified, Target(versions=kept))


def test_the_data_keys_of_before_open_nothing_any_more(site: Site) -> None:
    before, keys = opened(site, "steward"), data_keys(site)
    assert BIG in before.values()
    named = {name for name, body in before.items() if body}
    assert opened_by(site, keys) == named

    told = sealed_anew(site, "--json").json

    assert (told["objects"], told["left"], told["lost"], told["remaining"]) == (5, {}, 0, {})
    assert opened(site, "steward") == before == opened(site, "escrow")
    assert not data_keys(site) & keys
    assert opened_by(site, keys) == set()
    assert opened_by(site, data_keys(site)) == named
    assert len(data_keys(site)) == len(list(versions(site))) == 5
    assert asked(site, "UploadPart") > 0
    assert bucket_of(site).uploads == {}
    site.cli("ledger", "check", site.plan, expect=0)
    site.cli("verify", site.plan, "--again", "--no-progress", expect=0)
    site.cli("run", site.plan, "--until", "verify", "--no-progress", expect=0)  # nothing is left


def test_without_execute_nothing_changes(site: Site) -> None:
    before = {one.id: one.body for one in versions(site)}
    events = len(list(whole_journal(site)))
    told = reseal(site, "--json", expect=0).json
    assert (told["objects"], told["begun"], told["ended"]) == (5, False, False)
    assert told["blockers"] == []
    assert told["bytes_read"] == 2 * told["bytes"] == 2 * told["bytes_written"]
    assert {one.id: one.body for one in versions(site)} == before
    assert len(list(whole_journal(site))) == events


@pytest.mark.parametrize("kept", ["versions"], indirect=True)
def test_no_earlier_version_goes_before_the_new_one_was_read_whole(site: Site) -> None:
    """What the server was asked, in its order: written, read whole, and only then removed."""
    site.bucket.server.seen.clear()  # type: ignore[attr-defined]
    sealed_anew(site)
    done: dict[str, list[str]] = {}
    for seen in site.bucket.server.seen:  # type: ignore[attr-defined]
        done.setdefault(seen.key or "", []).append(seen.operation)
    keys = {one.key for one in versions(site)}
    assert len(keys) == 5
    for key in keys:
        asked_of = done[key]
        removed = asked_of.index("DeleteObject")
        written = max(
            asked_of.index(one)
            for one in ("PutObject", "CompleteMultipartUpload")
            if one in asked_of
        )
        assert written < removed
        assert "GetObject" in asked_of[written:removed]


def test_the_same_command_begins_no_other_one(site: Site) -> None:
    sealed_anew(site)
    keys = data_keys(site)
    told = sealed_anew(site, "--json").json
    assert (told["number"], told["objects"]) == (1, 5)
    assert data_keys(site) == keys
    would = reseal(site, expect=0)
    assert "--again begins another one" in would.out
    told = sealed_anew(site, "--again", "--json").json
    assert (told["number"], told["objects"]) == (2, 5)
    assert not data_keys(site) & keys
    assert len(journal(site, "data-keys-rotating")) == 2


def test_a_key_is_replaced_and_then_everything_is_sealed_anew(site: Site) -> None:
    """What is to be done when a private key was stolen: rotate, then reseal."""
    before, keys = opened(site, "steward"), data_keys(site)
    say_next(site)
    executed(site, expect=0)
    told = sealed_anew(site, "--json").json
    assert (told["number"], told["objects"]) == (2, 5)
    assert opened(site, "next") == before
    assert opened(site, "steward") == {}
    assert opened_by(site, keys) == set()
    say_next(site, old="next", new="later")
    told = executed(site, "--json", old="next", new="later", opens="next", expect=0).json
    assert told["number"] == 3
    assert opened(site, "later") == before


def test_what_is_sent_meanwhile_is_sealed_anew_too(site: Site) -> None:
    """Objects that were on their way have data keys of before: they begin anew."""
    site.container.client.upload_blob("pmsi/late.csv", b"late")
    site.cli("inventory", site.plan, "--refresh", "--no-progress", expect=0)
    keys = data_keys(site)
    sealed_anew(site)
    site.cli("run", site.plan, "--until", "verify", "--no-progress", expect=0)
    assert len(data_keys(site)) == 6
    assert opened_by(site, keys) == set()


def test_the_report_tells_it_and_both_verifiers_agree(site: Site) -> None:
    sealed_anew(site)
    said = reported(site)
    (told,) = said["rotations"]
    assert (told["old"], told["new"], told["objects"], told["left"]) == (None, None, 5, 0)
    assert told["ended"] is not None


def test_both_verifiers_know_an_exchange_before_it(site: Site) -> None:
    say_next(site)
    executed(site, expect=0)
    sealed_anew(site)
    first, second = reported(site)["rotations"]
    assert first["old"] is not None
    assert (second["number"], second["old"], second["new"]) == (2, None, None)


def reported(site: Site) -> dict[str, Any]:
    """Write a report with plain names and one with keyed ones; return what the first says."""
    keys, found = site.folder / "keys", None
    key = load_trusted_key(keys / "report.pub")
    trusted = {key.fingerprint: (key.public, key.until)}
    for name, options in (("plain", ()), ("keyed", ("--names", "keyed"))):
        out = site.folder / name
        site.cli("report", site.plan, "--out", str(out), *options, expect=0)
        site.cli("audit", "verify", str(out), "--trust", str(keys / "report.pub"), expect=0)
        shown = ("--format", "markdown", "--out", str(site.folder / f"{name}.md"))
        site.cli("audit", "export", str(out), *shown, expect=0)
        assert "Sealed anew" in (site.folder / f"{name}.md").read_text()
        envelope = json.loads((out / "statement.json").read_text())
        predicate = json.loads(base64.b64decode(envelope["payload"]))["predicate"]
        assert second_verifier.verify(out, trusted, 1) == []
        found = found or predicate
        assert predicate["rotations"] == found["rotations"]
    assert found is not None
    return dict(found)


# --- what stands against it ----------------------------------------------------------------------


@pytest.mark.parametrize("kept", ["versions"], indirect=True)
def test_a_host_that_keeps_removed_versions_is_refused_after_one_object(site: Site) -> None:
    before, keys = opened(site, "steward"), data_keys(site)
    behaving(site, keeps_removed=True)
    said = sealed_anew(site, expect=3)
    assert "still shows an earlier version" in one_line(said.err)
    assert len(data_keys(site) - keys) == 1  # it tried with one, and not with all
    said = sealed_anew(site, expect=3)
    assert len(data_keys(site) - keys) == 1
    refused = site.cli("verify", site.plan, "--again", "--no-progress", expect=3)
    assert f"reseal {site.plan} --execute" in refused.err
    behaving(site, keeps_removed=False)
    told = sealed_anew(site, "--json").json
    assert (told["objects"], told["remaining"]) == (5, {})
    assert opened(site, "steward") == before
    assert opened_by(site, keys) == set()


@pytest.mark.parametrize("right", ["s3:ListBucketVersions", "s3:DeleteObjectVersion"])
def test_what_could_not_come_to_its_end_is_not_begun(site: Site, right: str, kept: bool) -> None:
    """All other verbs wait for what was begun: here, until somebody gives a right."""
    client = without(site, right)
    before = {one.id: one.body for one in versions(site) if one.key.endswith(".c4gh")}

    said = sealed_anew(site, expect=Exit.REFUSED if kept else None)

    if kept:
        assert right in said.err
        assert "nothing was changed" in said.err
        assert journal(site, "data-keys-rotating") == []
        assert {one.id: one.body for one in versions(site)} == before
        site.cli("run", site.plan, "--until", "verify", "--no-progress", expect=0)
    client.delete_bucket_policy(Bucket=site.bucket.name)
    sealed_anew(site, expect=0 if kept else None)


def without(site: Site, right: str) -> Any:
    """Take a right away; return a client that can give it back."""
    name = site.bucket.name
    no = {
        "Effect": "Deny", "Principal": "*", "Action": [right],
        "Resource": [f"arn:aws:s3:::{name}", f"arn:aws:s3:::{name}/*"],
    }  # fmt: skip
    client = s3_client(site.bucket.server)
    policy = json.dumps({"Version": "2012-10-17", "Statement": [no]})
    client.put_bucket_policy(Bucket=name, Policy=policy)
    return client


# --- given up -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kept", ["versions"], indirect=True)
def test_one_that_cannot_come_to_its_end_is_given_up(site: Site) -> None:
    """The host keeps what was removed, and nobody can change that: other verbs go on."""
    before, keys = opened(site, "steward"), data_keys(site)
    assert "none to give up" in reseal(site, "--give-up", expect=2).err
    behaving(site, keeps_removed=True)
    refused = sealed_anew(site, expect=3)
    assert f"reseal {site.plan} --give-up" in refused.err
    events = len(list(whole_journal(site)))
    would = reseal(site, "--give-up", expect=0)
    assert "4 objects would stay as they are" in would.out
    ahead = reseal(site, "--give-up", "--json", expect=0).json
    assert ahead["objects"] == 4
    work = ("bytes_read", "bytes_written", "requests", "hours")
    assert [ahead[name] for name in work] == [0, 0, 0, 0], "to give it up seals nothing"
    assert len(list(whole_journal(site))) == events

    told = sealed_anew(site, "--give-up", "--json", expect=5).json

    assert (told["objects"], told["left"], told["remaining"]) == (1, {"given-up": 4}, {"kept": 1})
    assert len(data_keys(site) - keys) == 1
    site.cli("verify", site.plan, "--again", "--no-progress", expect=0)
    site.cli("run", site.plan, "--until", "verify", "--no-progress", expect=0)
    (said,) = reported(site)["rotations"]
    assert (said["objects"], said["left"], said["remaining"]) == (1, 4, {"kept": 1})
    left = site.cli("status", site.plan, "--json", expect=0).json["left"]
    (task,) = [one for one in left if one["task"] == "rotated"]
    assert task["names"] == ["reseal"]
    assert "hdh-migrate reseal PLAN --execute" in task["en"]
    assert said["ended"] is not None
    assert "none to give up" in sealed_anew(site, "--give-up", expect=2).err

    would = reseal(site, "--json", expect=0).json
    assert (would["ended"], would["left"], would["objects"]) == (True, 4, 4)
    assert would["requests"] > 0
    assert would["bytes_written"] >= would["bytes"] > 0
    behaving(site, keeps_removed=False)
    told = sealed_anew(site, "--json").json  # it goes on, once the host lets it
    assert (told["number"], told["objects"], told["left"], told["remaining"]) == (1, 5, {}, {})
    assert opened(site, "steward") == before
    assert opened_by(site, keys) == set()


@pytest.mark.parametrize("written", [True, False])
def test_what_was_under_way_is_kept_if_it_was_written_and_else_left(
    site: Site, *, written: bool
) -> None:
    """Nobody knew what became of one object: it is looked for, and nothing is written."""
    name, nothing = "in/pmsi/b.csv.c4gh", frozenset[tuple[str, str]]()
    put, look = frozenset({("PutObject", name)}), frozenset({("HeadObject", name)})
    behaving(site, denied_though_done=put, denied=look if written else look | put)
    sealed_anew(site, expect=Exit.STOPPED)
    behaving(site, denied=nothing, denied_though_done=nothing)
    server: Any = site.bucket.server
    server.seen.clear()

    told = sealed_anew(site, "--give-up", "--json", expect=5).json

    assert sum(told["left"].values()) + told["objects"] == 5
    assert [
        one.key for one in server.seen if one.operation == "PutObject" and ".c4gh" in one.key
    ] == []
    site.cli("verify", site.plan, "--again", "--no-progress", expect=0)
    reported(site)
    told = sealed_anew(site, "--json").json
    assert (told["objects"], told["left"]) == (5, {})


@pytest.mark.parametrize("kept", ["no versions"], indirect=True)
def test_giving_up_is_one_thing_and_beginning_another_one_is_another(site: Site) -> None:
    assert "two things" in reseal(site, "--give-up", "--again", expect=2).err


def test_a_host_that_swaps_bytes_is_found_before_anything_of_it_is_sent(site: Site) -> None:
    """An object whose stored bytes are others than the verified ones is left as it is."""
    for one in versions(site):
        if one.key.endswith(("large.raw.c4gh", "b.csv.c4gh")):
            flipped = bytearray(one.body)
            flipped[-1] ^= 1
            one.body = bytes(flipped)  # with the ETag that it had
    damaged = {one.key: one.body for one in versions(site)}
    told = sealed_anew(site, "--json", expect=5).json
    assert (told["objects"], sum(told["left"].values())) == (3, 2)
    assert set(told["left"]) <= {"damaged", "unopened"}
    for one in versions(site):
        if one.key.endswith(("large.raw.c4gh", "b.csv.c4gh")):
            assert one.body == damaged[one.key]
    assert bucket_of(site).uploads == {}


def test_a_plan_that_exchanges_a_key_is_sent_to_that_verb(site: Site) -> None:
    say_next(site)
    said = sealed_anew(site, expect=3)
    assert "keys rotate" in said.err
    assert journal(site, "data-keys-rotating") == []


def test_objects_that_are_not_verified_are_refused(site: Site) -> None:
    site.container.client.upload_blob("pmsi/late.csv", b"late")
    site.cli("inventory", site.plan, "--refresh", "--no-progress")
    site.cli("transfer", site.plan, "--no-progress")
    said = sealed_anew(site, expect=3)
    assert "1 object is sent and not verified" in said.err
    assert journal(site, "data-keys-rotating") == []
