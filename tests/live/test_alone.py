"""An operator alone, who holds machine, plan, keys of the run, ledger and state."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import threading
from collections.abc import Callable, Sequence

import apsw
import pytest

from hdh_migrate.errors import KeyUnavailable
from hdh_migrate.evidence.signatures.signing import load_trusted_key, new_report_key
from hdh_migrate.ledger import chain
from hdh_migrate.pipeline.fences.fence import fence_key
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.operator import operator
from hdh_migrate.session.policy.consents import Consents
from hdh_migrate.session.policy.timekeeping import offline
from hdh_migrate.session.verbs.decommission import shown
from hdh_migrate.session.views.records import batch_root
from tests.support.agreed import agreed
from tests.support.opens import opens_of
from tests.support.quiet import Notes
from tests.support.site import NEW, OLD, Site

pytestmark = pytest.mark.live

FENCE = fence_key("exit")
TWO = {"keys": ["keys/dpo.pub", "keys/ciso.pub"], "threshold": 2}


def windowed(site: Site, window: str) -> None:
    (told,) = site.section("cutovers")
    site.change(cutovers=[{**told, "window": window}])


def both(site: Site, stage: str) -> None:
    for key in ("dpo", "ciso"):
        site.approve(stage, key)


@pytest.fixture
def switched(site: Site) -> Site:
    """A batch that dpo and ciso let be switched; `mine` is a key of the operator's."""
    site.change(approvals=TWO)
    windowed(site, "7d")
    new_report_key(site.folder / "keys", "mine", None)
    site.run()
    both(site, "cutover")
    site.cutover("start", expect=0)
    return site


def finalize(site: Site, expect: int) -> str:
    return site.cutover("finalize", "--reason", "agreed", expect=expect).err


def test_a_consent_to_other_terms_that_was_taken_back_stays_so_without_its_file(
    switched: Site,
) -> None:
    windowed(switched, "1s")
    both(switched, "terms")
    shelf, key = switched.state / "approvals", switched.folder / "keys" / "dpo"
    name = load_trusted_key(key.with_suffix(".pub")).key_id
    (mine,) = (one for one in shelf.glob("terms-*") if name in one.read_text())
    withdraw = ("--withdraw", str(mine), "--key", str(key.with_suffix(".key")))
    switched.cli("approve", switched.plan, *withdraw, expect=0)
    assert "has withdrawn it" in finalize(switched, 8)

    (withdrawal,) = shelf.glob("withdrawn-*")
    withdrawal.unlink()

    assert "has withdrawn it" in finalize(switched, 8)


def test_who_exchanges_the_report_key_approves_with_none_of_them(site: Site) -> None:
    keys = site.folder / "keys"
    new_report_key(keys, "mine", None)
    shutil.copy(keys / "report.key", keys / "once.key")
    site.change(approvals={**TWO, "keys": [*TWO["keys"], "keys/report.pub"]})  # type: ignore[misc]
    site.run()
    site.approve("cutover", "dpo")
    site.approve_as("cutover", "once")
    assert "its key is the operator's own" in site.cutover("start", expect=8).err

    shutil.copy(keys / "mine.key", keys / "report.key")

    assert "its key is the operator's own" in site.cutover("start", expect=8).err
    assert site.pointer == OLD


def test_no_report_is_signed_by_a_key_that_approved_what_it_tells(switched: Site) -> None:
    """Nor was it told before: the key had never been that of reports while it approved."""
    keys, out = switched.folder / "keys", switched.folder / "evidence"
    shutil.copy(keys / "report.key", keys / "once.key")
    shutil.copy(keys / "dpo.key", keys / "report.key")
    report = ("report", switched.plan, "--out", str(out))

    said = switched.cli(*report, expect=3).err

    assert f"{load_trusted_key(keys / 'dpo.pub').key_id} approved its cutover" in said
    assert not out.exists()
    shutil.copy(keys / "once.key", keys / "report.key")
    switched.cli(*report, expect=0)


def test_nobody_else_is_told_to_have_run_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment named the user whom journal and report call the operator."""
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "the-dpo")

    assert operator().split("@")[0] == pwd.getpwuid(os.getuid()).pw_name


def second_batch(site: Site) -> None:
    """Cut the dataset in two batches, each with its pointer and cutover."""
    (whole,), (batch,), (told,) = map(site.section, ("datasets", "batches", "cutovers"))
    canary, pointer = ({**one, "path": "2.json"} for one in (told["canary"], batch["pointer"]))
    for name, old in (("2.json", OLD), ("canary-2.json", OLD)):
        (site.folder / name).write_text(json.dumps({"pmsi": {"url": old}}))
    scans = {**whole, "name": "scans", "include": ["scans/**"], "exclude": []}
    scans["target"] = {**whole["target"], "prefix": "scans/"}
    sections = {
        "datasets": [{**whole, "include": ["pmsi/**"], "exclude": []}, scans],
        "batches": [batch, {"name": "main", "datasets": ["scans"], "pointer": pointer}],
        "cutovers": [
            told,
            {**told, "batch": "main", "canary": {**canary, "path": "canary-2.json"}},
        ],
    }
    site.change(**json.loads(json.dumps(sections)))  # a plan has no anchors


def test_a_batch_that_nobody_began_is_no_way_around_those_who_approved_another(
    site: Site,
) -> None:
    second_batch(site)
    site.change(approvals=TWO)
    new_report_key(site.folder / "keys", "mine", None)
    site.run()
    both(site, "cutover")
    site.cutover("start", expect=0)
    site.change(approvals={"keys": ["keys/mine.pub"]})

    def approve(key: str, batch: str, stage: str) -> None:
        path = str(site.folder / "keys" / f"{key}.key")
        about = ("--batch", batch, "--stage", stage, "--key", path)
        site.cli("approve", site.plan, *about, expect=0)

    def start(batch: str, expect: int) -> str:
        return site.cli("cutover", "start", site.plan, "--batch", batch, expect=expect).err

    approve("mine", "main", "cutover")
    told = start("main", 8)
    assert "the plan asks others than batch all was begun with" in told
    assert "thresholds.freeze: 2 -> 1" in told

    bundle = site.folder / "evidence"
    site.cli("report", site.plan, "--out", str(bundle), expect=0)
    trust = str(site.folder / "keys" / "report.pub")
    site.cli("audit", "verify", str(bundle), "--trust", trust, expect=0)
    agreed(bundle, trust)

    for key in ("dpo", "ciso"):
        approve(key, "all", "terms")
    start("all", 0)  # agreed to by those who approved before, so it holds for all
    start("main", 0)


def test_a_canary_is_the_pointer_by_no_other_name(site: Site) -> None:
    """A rehearsal switched it without any approval, and a kill left it switched."""
    (told,) = site.section("cutovers")
    (site.folder / "link.json").symlink_to("pointer.json")
    names = [("./pointer.json", "pmsi.url"), ("link.json", "pmsi.url"),
             ("pointer.json", 'pmsi."url"'), (f"{site.folder}/pointer.json", None)]  # fmt: skip
    for path, key in names:
        other = {**told["canary"], "path": path, "key": key}
        canary = {name: value for name, value in other.items() if value is not None}
        site.change(cutovers=[{**told, "canary": canary}])
        said = site.cli("rehearse", site.plan, "--batch", "all", expect=3).err
        assert "the canary is the pointer of batch all" in said


def test_a_ledger_takes_no_other_name(switched: Site) -> None:
    """With another ledger's name it took that one's freeze statements and consents."""
    with apsw.Connection(str(switched.state / "ledger.db"), vfs="cksmvfs") as ledger:
        ledger.execute("UPDATE meta SET value = 'another-1' WHERE name = 'run_tag'")

    for key in ("dpo", "ciso"):
        assert "the ledger's name differs" in switched.approve("finalize", key, expect=10).err
    assert "the ledger's name differs" in finalize(switched, 10)
    assert switched.pointer == NEW


@pytest.fixture
def desk(switched: Site) -> Desk:
    return Desk.open(switched.folder / "plan.yaml", None, Notes(), threading.Event())


def test_a_key_file_that_changes_between_two_looks_approves_nothing(
    switched: Site, desk: Desk
) -> None:
    """It is looked at once, and what is no file, which could tell each one another key, is none."""
    switched.approve("finalize", "ciso")
    ledger, judge = desk.read_ledger(), offline(desk.clock, desk.ledger_path)
    root, public = batch_root(desk, ledger, "all"), switched.folder / "keys" / "dpo.pub"
    with opens_of(public) as opened:
        found = Consents(desk, ledger, judge, "all", writes=False)("finalize", root)
    assert not found.given
    assert len(opened) == 1
    public.unlink()
    os.mkfifo(public)
    with pytest.raises(KeyUnavailable, match="not a regular file"):
        Consents(desk, ledger, judge, "all", writes=False)("finalize", root)
    ledger.close()


def test_evidence_is_signed_by_keys_that_the_terms_fixed_not_by_those_of_the_day(
    switched: Site, desk: Desk
) -> None:
    keys, bundle = switched.folder / "keys", switched.folder / "evidence"
    switched.cli("report", switched.plan, "--out", str(bundle), expect=0)
    ledger = desk.read_ledger()
    judge = offline(desk.clock, desk.ledger_path)
    section = desk.loaded.plan.cutovers[0].decommission
    assert section is not None

    def lacks() -> Sequence[str]:
        root = batch_root(desk, ledger, "all")
        return shown(desk, ledger, judge, section, bundle, "all", root).lacks

    assert lacks() == []
    shutil.copy(keys / "stranger.pub", keys / "report.pub")
    assert lacks() == []
    shutil.copy(keys / "stranger.key", keys / "report.key")
    bundle = bundle.with_name("other")
    switched.cli("report", switched.plan, "--out", str(bundle), expect=0)
    assert "no trusted key" in str(lacks())
    ledger.close()


# --- a ledger that is put back, or written anew ---------------------------------------------------


def kept(site: Site, name: str) -> Callable[[], None]:
    """Copy the state folder; return what puts the copy back, approvals of today included."""
    copy = site.folder / name
    shutil.copytree(site.state, copy)

    def put_back() -> None:
        approvals = site.folder / f"approvals of {name}"
        shutil.copytree(site.state / "approvals", approvals)
        shutil.rmtree(site.state)
        shutil.copytree(copy, site.state)
        shutil.copytree(approvals, site.state / "approvals", dirs_exist_ok=True)

    return put_back


@pytest.fixture
def approved(site: Site) -> Site:
    """A batch that dpo and ciso let be switched; it is not switched yet."""
    site.change(approvals=TWO)
    windowed(site, "7d")
    site.run()
    return site


def fence(site: Site) -> bytes:
    found = site.bucket.client.get_object(Bucket=site.bucket.name, Key=FENCE)
    body: bytes = found["Body"].read()
    return body


def test_a_ledger_from_before_an_approval_knows_nothing_of_it(approved: Site) -> None:
    """Its rollback was forgotten, and the same signatures switched a second time."""
    put_back = kept(approved, "before")
    shown = fence(approved)
    approved.run()
    both(approved, "cutover")
    approved.cutover("start", expect=0)
    approved.cutover("rollback", expect=0)

    put_back()
    assert "another copy of this ledger writes there" in approved.cutover("start", expect=11).err

    # The fence is what the operator's own credential can write, too.
    approved.bucket.client.put_object(Bucket=approved.bucket.name, Key=FENCE, Body=shown)
    said = approved.cutover("start", expect=8).err
    assert "the journal that was approved is not the beginning of the one here" in said
    assert approved.pointer == OLD


def test_a_take_over_voids_what_was_approved_before(approved: Site) -> None:
    """Put back with its approvals, the copy forgot the rollback, and said that it took over."""
    both(approved, "cutover")
    put_back = kept(approved, "with approvals")
    approved.cutover("start", expect=0)
    approved.cutover("rollback", expect=0)

    put_back()
    gone = ("--take-over", "--reason", "the other machine burned")
    approved.cli("fence", approved.plan, *gone, expect=0)

    said = approved.cutover("start", expect=8).err
    assert "it is older than what it would have to know of" in said
    assert approved.pointer == OLD
    both(approved, "cutover")
    approved.cutover("start", expect=0)


def test_a_journal_that_was_written_anew_since_it_was_approved(approved: Site) -> None:
    """Whoever holds the ledger can write a chain that checks; who approved saw another one."""
    both(approved, "cutover")
    with apsw.Connection(str(approved.state / "ledger.db"), vfs="cksmvfs") as ledger:
        rows = list(ledger.execute("SELECT seq, at, kind, body FROM event ORDER BY seq"))
        heads = [chain.GENESIS]
        for seq, at, kind, body in rows:
            told = body.replace("@", "@another-") if kind == "run-started" else body
            head = chain.link(heads[-1], seq, at, kind, told)
            heads.append(head)
            ledger.execute("UPDATE event SET body = ?, digest = ? WHERE seq = ?", (told, head, seq))
        ledger.execute("DELETE FROM meta WHERE name = 'walked'")

    assert "lacks what the journal told later" in approved.cutover("start", expect=11).err

    # The fence is what the operator's own credential can write, too.
    shown = json.loads(fence(approved))
    shown["head"] = heads[shown["events"]].hex()
    body = json.dumps(shown).encode()
    approved.bucket.client.put_object(Bucket=approved.bucket.name, Key=FENCE, Body=body)
    said = approved.cutover("start", expect=8).err
    assert "the journal that was approved is not the beginning of the one here" in said
    assert approved.pointer == OLD


def test_no_evidence_of_a_journal_that_went_on_otherwise_lets_a_source_go(
    switched: Site, desk: Desk
) -> None:
    """A ledger that was put back is older than the bundle that witnesses signed."""
    bundle, put_back = switched.folder / "evidence", kept(switched, "before")
    windowed(switched, "7d")
    switched.cli("hold", switched.plan, "--reason", "a doubt", expect=0)
    switched.cli("run", switched.plan, "--no-progress", expect=0)
    switched.cli("report", switched.plan, "--out", str(bundle), expect=0)
    section = desk.loaded.plan.cutovers[0].decommission
    assert section is not None

    def lacks() -> Sequence[str]:
        ledger, judge = desk.read_ledger(), offline(desk.clock, desk.ledger_path)
        try:
            root = batch_root(desk, ledger, "all")
            return shown(desk, ledger, judge, section, bundle, "all", root).lacks
        finally:
            ledger.close()

    assert lacks() == []
    put_back()
    assert "its journal is not the beginning of the ledger's" in str(lacks())


def test_a_ledger_made_anew_inherits_the_terms_of_the_bundle_that_it_adopts(approved: Site) -> None:
    """Terms died with the ledger: the operator lost it, and agreed to the deletion alone."""
    bundle = str(approved.folder / "evidence")
    approved.cutover("start", expect=8)  # fixes the terms
    approved.cli("report", approved.plan, "--out", bundle, expect=0)
    shutil.rmtree(approved.state)
    new_report_key(approved.folder / "keys", "mine", None)
    approved.change(approvals={"keys": ["keys/mine.pub"]})

    said = approved.cli("adopt", approved.plan, "--bundle", bundle, expect=3).err

    assert "the plan changes the terms of its cutover that the bundle tells" in said
    assert "thresholds.cutover: 2 -> 1" in said
    approved.change(approvals=TWO)
    approved.cli("adopt", approved.plan, "--bundle", bundle, expect=0)
    approved.change(approvals={"keys": ["keys/mine.pub"]})
    gone = ("--take-over", "--reason", "lost")
    approved.cli("run", approved.plan, "--until", "verify", *gone, expect=0)
    approved.approve("cutover", "mine")
    assert "changes the terms of its cutover" in approved.cutover("start", expect=8).err
    assert approved.pointer == OLD
    told = approved.folder / "told"
    approved.cli("report", approved.plan, "--out", str(told), expect=0)
    trust = ("--trust", str(approved.folder / "keys" / "report.pub"))
    approved.cli("audit", "verify", str(told), *trust, expect=0)
    agreed(told, trust[1])
