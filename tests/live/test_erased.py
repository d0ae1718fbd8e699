"""What opens a dataset is erased: at both places, with somebody else's consent, for good."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from dataclasses import replace

import pytest

from hdh_migrate.errors import Exit, Refused
from hdh_migrate.fixity import canonical_json
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.pipeline.fences.signposts import erased, place_of
from hdh_migrate.sealing.hybrid import new_hybrid_pair
from hdh_migrate.sealing.keys import new_pair
from hdh_migrate.session.policy.granting import wish_of
from hdh_migrate.session.verbs.erase import execute
from hdh_migrate.session.verbs.grant import grant
from hdh_migrate.telemetry import SystemClock
from tests.live.test_detached import SEAL
from tests.live.test_grants_killed import Killed, desk_of
from tests.live.test_packs_rotated import at_target, held, in_copies, of_ledger, say
from tests.live.test_rotation import journal, whole_journal
from tests.live.test_rotation_killed import MainClock
from tests.support import strict_buckets
from tests.support.agreed import agreed
from tests.support.finished import Finished, Target
from tests.support.fixtures import s3_client
from tests.support.quiet import Notes
from tests.support.resealed import sealed_anew
from tests.support.rotated import behaving
from tests.support.site import CORPUS, NEW, OLD, Said, Site

pytestmark = pytest.mark.live

MOST = 200
MOVED = {key: body for key, body in CORPUS.items() if not key.startswith("tmp/")}
WHY = "permit R-7 has ended"


kept = strict_buckets.kept


def copied(site: Site) -> None:
    """Prepare a site whose packs are verified and copied; its plan asks somebody to approve."""
    keys = site.folder / "hybrid"
    keys.mkdir()
    for name in ("steward", "escrow", "consumer", "next"):
        new_hybrid_pair(keys, name, passphrase=None)
    site.change(seal=SEAL, cutovers=None, freeze=None)
    site.run()


@pytest.fixture
def site(finished: Finished, kept: bool) -> Site:
    return finished(copied, Target(versions=kept))


def erase(site: Site, *more: str, expect: int | None = None) -> Said:
    return site.cli(
        "erase", site.plan, "--dataset", "emc2", "--headers", "--no-progress", *more, expect=expect
    )


def executed(site: Site, *more: str, expect: int | None = None) -> Said:
    return erase(site, "--execute", "--confirm", "emc2", "--reason", WHY, *more, expect=expect)


def approve(site: Site, *more: str, expect: int = 0) -> Said:
    return site.cli(
        "approve", site.plan, "--stage", "erase", "--dataset", "emc2",
        "--key", str(site.folder / "keys" / "dpo.key"), *more, expect=expect,
    )  # fmt: skip


def demand_untouched(site: Site) -> None:
    for look in (at_target, in_copies):
        assert look(site, "steward") == MOVED
    assert of_ledger(site, "steward") == len(MOVED)
    assert journal(site, "headers-erasing") == []


def demand_gone(site: Site) -> None:
    """Demand that neither place, nor any file of the ledger, has anything that opens."""
    assert held(site, packs=True) == []
    folder = site.folder / "copies" / "exit" / "emc2"
    assert list(folder.iterdir()) == []
    assert of_ledger(site, "steward") == 0
    for path in site.state.glob("ledger.db*"):
        assert b"hdh-hyb1" not in path.read_bytes(), path.name


# --- what is tried --------------------------------------------------------------------------------


def test_nobody_erases_alone(site: Site) -> None:
    would = erase(site, "--json", expect=0).json
    assert (would["objects"], would["packs"], would["copies"]) == (len(MOVED), 1, 1)
    said = executed(site, expect=8)
    assert "--stage erase --dataset emc2" in said.err
    demand_untouched(site)
    site.change(approvals=None)
    assert erase(site, expect=3).code == Exit.REFUSED
    said = executed(site, expect=3)
    assert "the plan asks nobody to approve" in said.err
    demand_untouched(site)


def test_what_was_being_sent_when_a_command_ended_leads_to_run(site: Site) -> None:
    """`erase` named `verify`, which does nothing for it, and that `errors`, which knew nothing."""
    site.container.client.upload_blob("pmsi/late.csv", b"7,8,9\n")
    site.cli("inventory", site.plan, "--refresh", "--no-progress", expect=0)
    ledger = SqliteLedger.open(desk_of(site).ledger_path, SystemClock())
    for entry in ledger.todo("small", ledger.datasets()[0].id, 10):
        ledger.claim(entry)
    ledger.commit()
    ledger.close()
    run = f'"hdh-migrate run {site.plan}"'

    verified = site.cli("verify", site.plan, "--no-progress", expect=4)
    refused = executed(site, expect=3)

    assert f"{run} goes through every step that is left" in verified.err
    assert "errors" not in verified.err
    assert f"1 object was being sent when a command ended: {run} first" in refused.err
    assert "sent and not verified" not in refused.err
    demand_untouched(site)
    site.run()
    assert erase(site, "--json", expect=0).json["blockers"] == []


def test_what_consumers_were_led_to_by_hand_is_erased_only_if_that_is_agreed_to(
    site: Site,
) -> None:
    """The journal knows what this ledger switched, and nothing of a pointer that people set."""
    approve(site)
    site.pointer = NEW

    said = executed(site, expect=3)

    assert "its pointer leads consumers there" in said.err
    demand_untouched(site)
    (site.folder / "pointer.json").unlink()
    assert "its pointer cannot be read" in executed(site, expect=3).err
    demand_untouched(site)
    site.pointer = OLD
    executed(site, expect=0)
    demand_gone(site)


def test_packs_copies_and_headers_are_gone_and_every_verb_says_so(site: Site, kept: bool) -> None:
    bodies = {one.id: one.body for one in held(site, packs=False)}
    shown = approve(site)
    assert "dataset emc2" in shown.err
    assert "nothing takes it back" in shown.err

    told = executed(site, "--json", expect=0).json

    assert (told["objects"], told["packs"], told["headers"]) == (len(MOVED), 1, len(MOVED))
    assert told["remaining"] == {}
    assert any("not erased" in line for line in told["remains"])
    demand_gone(site)
    assert {one.id: one.body for one in held(site, packs=False)} == bodies
    (event,) = journal(site, "headers-erasing")
    assert event["reason"] == WHY
    assert len(event["approvals"]) == 1
    day = "dataset emc2 was erased on "
    lab = site.folder / "keys" / "lab.pub"
    new_pair(site.folder / "keys", "lab", passphrase=None)
    grant = (
        "--dataset", "emc2", "--to", str(lab), "--permit", "R-7", "--until", "2099-12-31",
        "--purpose", "survival", "--out", str(site.folder / "lab"),
    )  # fmt: skip
    for verb, *more in (
        ("run", "--no-progress"), ("verify", "--again", "--no-progress"), ("grant", *grant),
    ):  # fmt: skip
        said = site.cli(verb, site.plan, *more, expect=3)
        assert day in said.err, verb
    out = str(site.folder / "x")
    said = site.cli("fetch", site.plan, "emc2", "pmsi/b.csv", "--out", out, expect=3)
    assert day in said.err
    assert day in site.cli("status", site.plan, expect=0).out
    assert day in site.cli("status", site.plan, "--json", expect=0).json["erased"][0]
    explained = site.cli("explain", site.plan, "pmsi/b.csv", "--json", expect=0).json
    (one,) = explained["datasets"]
    assert (one["becomes"], one["target_key"]) == ("left alone", None)
    assert day in one["why"]
    assert "it was erased; the same command looks again" in erase(site, expect=0).out
    site.cli("ledger", "check", site.plan, expect=0)
    again = executed(site, "--json", expect=0).json  # again is no harm
    assert again["remaining"] == {}
    demand_gone(site)


def test_both_verifiers_and_the_page_tell_it(site: Site) -> None:
    approve(site)
    executed(site, expect=0)
    trusted = str(site.folder / "keys" / "report.pub")
    for names in ("plain", "keyed"):
        bundle = site.folder / names
        site.cli("report", site.plan, "--names", names, "--out", str(bundle), expect=0)
        site.cli("audit", "verify", str(bundle), "--trust", trusted, expect=0)
        agreed(bundle, trusted)
    pages = [path.read_text() for path in sorted((site.folder / "plain").glob("*.html"))]
    for said in ("Datasets made undecipherable", "Jeux de données rendus indéchiffrables"):
        assert any(said in page for page in pages)
    # Who lost the ledger learns of it from the bundle, and moves nothing anew.
    (site.state / "ledger.db").unlink()
    said = site.cli(
        "adopt", site.plan, "--bundle", str(site.folder / "plain"), "--no-progress", expect=3
    )
    assert "was erased on" in said.err


def test_grants_are_revoked_first_or_the_approval_says_so(site: Site) -> None:
    new_pair(site.folder / "keys", "lab", passphrase=None)
    grant = (
        "grant", site.plan, "--dataset", "emc2", "--permit", "R-7", "--until", "2099-12-31",
        "--purpose", "survival", "--out", str(site.folder / "lab"),
        "--to", str(site.folder / "keys" / "lab.pub"),
    )  # fmt: skip
    site.cli(*grant, expect=8)
    (asked,) = journal(site, "grant-asked")
    key = str(site.folder / "keys" / "dpo.key")
    site.cli("approve", site.plan, "--grant", asked["grant"], "--key", key, expect=0)
    site.cli(*grant, expect=0)
    again = ("grant", site.plan, "--renew", asked["grant"], "--out", str(site.folder / "lab2"))
    site.cli(*again, expect=8)
    (_, renewal) = journal(site, "grant-asked")
    site.cli("approve", site.plan, "--grant", renewal["grant"], "--key", key, expect=0)
    site.cli(*again, expect=0)
    approve(site)
    said = executed(site, expect=3)
    assert "grants of it that stand: 1" in said.err  # the one that was renewed is over
    demand_untouched(site)
    said = executed(site, "--although", "grants", expect=8)  # what was approved is another thing
    demand_untouched(site)
    approve(site, "--although", "grants")
    told = executed(site, "--although", "grants", "--json", expect=0).json
    assert any("their readers open" in line for line in told["remains"])
    demand_gone(site)


def test_an_only_copy_is_not_erased_unless_that_was_approved(site: Site) -> None:
    approve(site)
    site.container.client.delete_blob("pmsi/b.csv")
    said = executed(site, expect=3)
    assert "the source lacks 1 of 4 objects" in said.err
    demand_untouched(site)
    executed(site, "--although", "only-copy", expect=8)
    approve(site, "--although", "only-copy")
    executed(site, "--although", "only-copy", expect=0)
    demand_gone(site)
    (event,) = journal(site, "headers-erasing")
    assert event["although"] == ["only-copy"]


def test_what_is_not_as_it_was_verified_is_looked_at_first(site: Site) -> None:
    approve(site)
    folder = site.folder / "copies" / "exit" / "emc2"
    (copy,) = folder.iterdir()
    whole = copy.read_bytes()
    copy.write_bytes(whole[:-1])
    said = executed(site, expect=5)
    assert "second copy of a header pack" in said.err
    copy.write_bytes(whole)
    aside = folder.rename(folder.with_name("aside"))
    said = executed(site, expect=3)
    assert "is its disk mounted?" in said.err
    aside.rename(folder)
    site.cli("hold", site.plan, "--reason", "a court asked", expect=0)
    said = executed(site)
    assert said.code != 0
    assert "held" in said.err
    site.cli("hold", site.plan, "--release", expect=0)
    demand_untouched(site)
    executed(site, expect=0)
    demand_gone(site)


def begun(site: Site) -> None:
    """Begin an erasure that the host stops before anything is gone."""
    approve(site)
    no = {
        "Effect": "Deny", "Principal": "*", "Resource": f"arn:aws:s3:::{site.bucket.name}/*",
        "Action": ["s3:DeleteObject", "s3:DeleteObjectVersion"],
    }  # fmt: skip
    policy = json.dumps({"Version": "2012-10-17", "Statement": [no]})
    client = s3_client(site.bucket.server)
    client.put_bucket_policy(Bucket=site.bucket.name, Policy=policy)
    assert executed(site).code not in {0, 4}
    assert len(journal(site, "headers-erasing")) == 1
    client.delete_bucket_policy(Bucket=site.bucket.name)
    assert at_target(site, "steward") == MOVED


@pytest.mark.parametrize("kept", ["versions"], indirect=True)
@pytest.mark.usefixtures("kept")
def test_copies_on_a_disk_that_went_away_meanwhile_are_not_called_gone(site: Site) -> None:
    begun(site)
    folder = site.folder / "copies" / "exit" / "emc2"
    away = folder.rename(folder.with_name("away"))
    said = executed(site, expect=3)
    assert "is its disk mounted?" in said.err
    assert journal(site, "headers-erased") == []
    away.rename(folder)
    executed(site, expect=0)
    demand_gone(site)


@pytest.mark.parametrize("kept", ["versions"], indirect=True)
@pytest.mark.usefixtures("kept")
def test_copies_of_where_the_plan_kept_them_before_go_too_or_are_told(site: Site) -> None:
    site.change(seal={**SEAL, "second_copy": {"path": "elsewhere"}}, backup={"folder": "kept"})
    site.run()
    before, now = (site.folder / one / "exit" / "emc2" for one in ("copies", "elsewhere"))
    assert len(list(before.iterdir())) == len(list(now.iterdir())) == 1
    approve(site)
    assert erase(site, "--json", expect=0).json["copies"] == 2
    away = before.rename(before.with_name("away"))
    told = executed(site, "--json", expect=4).json
    assert told["remaining"] == {"earlier-places": 1}
    assert any("1 copy of the ledger in" in line for line in told["remains"])
    assert any("named for second copies before" in line for line in told["remains"])
    assert list(now.iterdir()) == []
    away.rename(before)
    assert executed(site, "--json", expect=0).json["remaining"] == {}
    assert list(before.iterdir()) == []


@pytest.mark.parametrize("kept", ["versions"], indirect=True)
@pytest.mark.usefixtures("kept")
def test_a_ledger_made_anew_does_not_bring_back_what_was_erased(site: Site) -> None:
    approve(site)
    executed(site, expect=0)
    for path in site.state.glob("ledger.db*"):
        path.unlink()
    blobs = site.source()
    for again in (False, True):
        said = site.cli("adopt", site.plan, "--no-progress", expect=3)
        assert "dataset emc2 was erased on 2" in said.err
        said = site.cli("run", site.plan, "--until", "verify", "--no-progress", expect=3)
        if again:  # now nothing but the signpost tells of it
            assert "dataset emc2 was erased on 2" in said.err
            assert held(site, packs=False) == []
        for one in () if again else held(site, packs=False):
            s3_client(site.bucket.server).delete_object(
                Bucket=site.bucket.name, Key=one.key, VersionId=one.id
            )
    assert site.source() == blobs


@pytest.mark.parametrize("kept", ["versions"], indirect=True)
@pytest.mark.usefixtures("kept")
def test_a_backup_from_before_opens_nothing_that_was_erased(site: Site) -> None:
    stick = site.folder / "stick"
    site.cli("ledger", "backup", site.plan, "--to", str(stick), expect=0)
    approve(site)
    executed(site, expect=0)
    (copy,) = stick.iterdir()
    newest = site.state.rename(site.state.with_name("newest"))
    shutil.copytree(copy, site.state)
    assert of_ledger(site, "steward") == len(MOVED)  # it has all that opens it
    new_pair(site.folder / "keys", "lab", passphrase=None)
    grant = (
        "--dataset", "emc2", "--to", str(site.folder / "keys" / "lab.pub"), "--permit", "R-7",
        "--until", "2099-12-31", "--purpose", "survival", "--out", str(site.folder / "lab"),
    )  # fmt: skip
    fetch = ("emc2", "pmsi/b.csv", "--out", str(site.folder / "x"))
    over = ("--take-over", "--reason", "disk lost")
    for verb, *more in (
        ("fetch", *fetch), ("grant", *grant), ("adopt", "--no-progress"), ("fence", *over),
        ("run", *over, "--no-progress"),
    ):  # fmt: skip
        said = site.cli(verb, site.plan, *more, expect=3)
        assert "dataset emc2 was erased on 2" in said.err, verb
    drill = ("--key", str(site.folder / "hybrid" / "steward.sec"), "--stored", "3")
    said = site.cli("keys", "drill", site.plan, *drill, expect=3)
    assert "dataset emc2 was erased on 2" in said.err
    for verb, *more in (("run", "--no-progress"), ("verify", "--again", "--no-progress")):
        assert "another copy of this ledger" in site.cli(verb, site.plan, *more, expect=11).err
    assert not (site.folder / "x").exists()
    assert held(site, packs=True) == []
    assert list((site.folder / "copies" / "exit" / "emc2").iterdir()) == []
    shutil.rmtree(site.state)
    newest.rename(site.state)
    site.cli("run", site.plan, "--no-progress", expect=3)
    demand_gone(site)


class ErasedMeanwhile(Notes):
    """Another ledger leaves word of its erasure once headers are being wrapped for a reader."""

    def __init__(self, site: Site) -> None:
        super().__init__()
        self._site = site

    def step(self, batch: str, step: str, *, objects: int, size: int) -> None:
        post = erased("exit", "another", "emc2", "2026-11-28T00:00:00Z")
        s3_client(self._site.bucket.server).put_object(
            Bucket=self._site.bucket.name, Key=f"{place_of('exit')}erased-another-emc2.json",
            Body=canonical_json(post.as_json()),
        )  # fmt: skip


@pytest.mark.parametrize("kept", ["versions"], indirect=True)
@pytest.mark.usefixtures("kept")
def test_what_is_erased_while_headers_are_wrapped_is_not_given(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wrapping takes hours where there are many, and a pack that is given opens for good."""
    for name, value in site.environ.items():
        monkeypatch.setenv(name, value)
    site.change(approvals=None)
    new_pair(site.folder / "keys", "lab", passphrase=None)
    wish = wish_of(
        "emc2", (), site.folder / "keys" / "lab.pub", permit="R-7", purpose="survival",
        until="2099-12-31",
    )  # fmt: skip

    with pytest.raises(Refused, match="an erasure that this ledger does not know"):
        grant(replace(desk_of(site), progress=ErasedMeanwhile(site)), wish, site.folder / "lab")

    assert journal(site, "grant-given") == []
    assert not (site.folder / "lab").exists()


def test_words_that_are_wrong_are_one_line(site: Site) -> None:
    for more, said in (
        (("--execute", "--confirm", "emc3", "--reason", WHY), "is not that of the dataset"),
        (("--execute", "--confirm", "emc2"), "--reason TEXT is needed"),
        (("--although", "haste"), "nothing is called so"),
    ):
        assert said in erase(site, *more, expect=2).err
    said_of = site.cli("erase", site.plan, "--dataset", "emc2", expect=2)
    assert "--headers is needed" in said_of.err
    said_of = site.cli("erase", site.plan, "--dataset", "nobody", "--headers", expect=2)
    assert "no dataset nobody in the plan\nhint: there is emc2" in said_of.err
    demand_untouched(site)


@pytest.mark.parametrize("kept", ["versions"], indirect=True)
@pytest.mark.usefixtures("kept")
def test_what_a_host_goes_on_showing_is_said(site: Site) -> None:
    approve(site)
    behaving(site, keeps_removed=True)
    told = executed(site, "--json", expect=4).json
    assert told["remaining"] == {"kept": 1}
    behaving(site, keeps_removed=False)
    assert executed(site, "--json", expect=0).json["remaining"] == {}
    demand_gone(site)


@pytest.mark.parametrize("kept", ["versions"], indirect=True)
@pytest.mark.usefixtures("kept")
def test_earlier_versions_go_too(site: Site) -> None:
    site.container.client.upload_blob("pmsi/new.csv", b"7,8,9\n" * 10)
    site.cli("run", site.plan, "--refresh", "--until", "verify", "--no-progress", expect=0)
    assert len(held(site, packs=True)) == 2  # another version of the one pack
    approve(site)
    told = executed(site, "--json", expect=0).json
    assert told["versions"] == 2
    demand_gone(site)


def test_a_key_is_exchanged_for_what_was_not_erased(site: Site) -> None:
    approve(site)
    executed(site, expect=0)
    say(site, "steward", "next")
    keys = site.folder / "hybrid"
    asks = (
        "keys", "rotate", site.plan, "--from", str(keys / "steward.pub"), "--to",
        str(keys / "next.pub"), "--identity", str(keys / "steward.sec"), "--no-progress", "--json",
    )  # fmt: skip
    would = site.cli(*asks)
    assert (would.json["objects"], would.json["headers"]) == (0, 0)


def test_nothing_that_was_erased_is_sealed_anew(site: Site) -> None:
    bodies = {one.id: one.body for one in held(site, packs=False)}
    approve(site)
    executed(site, expect=0)
    site.approve("reseal")
    told = sealed_anew(site, "--json").json
    assert (told["objects"], told["packs"], told["left"], told["remaining"]) == (0, 0, {}, {})
    demand_gone(site)  # no pack came back
    assert {one.id: one.body for one in held(site, packs=False)} == bodies


@pytest.mark.parametrize("kept", ["versions"], indirect=True)
@pytest.mark.usefixtures("kept")
def test_a_hold_stops_an_erasure_that_was_begun(site: Site) -> None:
    approve(site)
    behaving(site, keeps_removed=True)
    executed(site, expect=4)
    packs = held(site, packs=True)
    assert packs
    behaving(site, keeps_removed=False)
    site.cli("hold", site.plan, "--reason", "a court asked", expect=0)

    said = executed(site, expect=7)

    assert "a court asked" in said.err
    assert held(site, packs=True) == packs
    site.cli("hold", site.plan, "--release", expect=0)
    executed(site, expect=0)
    demand_gone(site)


@pytest.mark.slow
def test_an_erasure_that_is_killed_anywhere_comes_to_its_end(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in site.environ.items():
        monkeypatch.setenv(name, value)
    approve(site)
    kills = 0
    for left in range(MOST):
        try:
            execute(
                replace(desk_of(site), clock=MainClock(left)), "emc2", (), reason=WHY, typed="emc2"
            )
        except Killed:
            kills += 1
            if not journal(site, "headers-erasing"):
                demand_untouched(site)  # nothing goes before it is told
            continue
        break
    else:
        raise AssertionError("it never came to its end")
    assert kills > 8
    demand_gone(site)
    kinds = Counter(kind for kind, _ in whole_journal(site))
    assert (kinds["headers-erasing"], kinds["headers-erased"]) == (1, 1)
    site.cli("ledger", "check", site.plan, expect=0)
