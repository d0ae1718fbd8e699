"""An operator cuts a batch over at the real command line, and does everything wrong on the way."""

from __future__ import annotations

import itertools
import json
import subprocess
import time
from datetime import UTC, datetime, timedelta

import pytest

from tests.support.agreed import agreed
from tests.support.finished import prepared
from tests.support.fixtures import ProxyTo
from tests.support.proxy import Upstream
from tests.support.site import NEW, OLD, Said, Site, moved, script, through
from tests.support.wire import Reply, Request

pytestmark = pytest.mark.live


@prepared(moved)
def test_a_batch_is_cut_over_rolled_back_cut_over_again_and_finalized(site: Site) -> None:
    before = site.source()

    refused = site.cutover("start", expect=8)
    assert "is not approved" in refused.err
    assert site.pointer == OLD

    site.approve("cutover")
    told = site.cutover("start", "--json", expect=0).json
    assert (told["stage"], site.pointer) == ("fallback window", NEW)
    assert told["smoke"] == {
        "ok": True, "objects": 3, "bytes": told["smoke"]["bytes"], "failures": [],
        "commands": [{"name": "shell", "ok": True, "told": "status 0"}],
    }  # fmt: skip
    assert told["freeze"]["how"]["kind"] == "denied-write"
    assert site.cutover("start", "--json", expect=0).json["stage"] == "fallback window"

    site.cutover("rollback", expect=0)
    assert (site.status()["stage"], site.pointer) == ("rolled back", OLD)

    replayed = site.cutover("start", expect=8)
    assert "it was for an earlier attempt" in replayed.err
    assert site.pointer == OLD
    site.approve("cutover")
    assert awaited(site) == ["approval of cutover"]  # not the one of the attempt before
    site.cutover("start", expect=0)
    assert awaited(site) == []
    assert site.cutover("finalize", expect=3).err.count("fallback window is open until") == 1
    assert site.cutover("finalize", "--reason", " ", expect=3).err.count("give --reason") == 1
    assert site.cutover("finalize", "--reason", "agreed", expect=8).code == 8
    site.approve("finalize")
    assert awaited(site) == ["approval of finalize"]
    loud = site.cutover("finalize", "--reason", "agreed", expect=0)
    assert "IS FINAL" in loud.err
    assert "no way back" in site.cutover("rollback", expect=3).err
    assert awaited(site) == []
    assert "way back: none" in site.cutover("start", expect=0).out
    assert site.pointer == NEW
    assert site.source() == before


def awaited(site: Site) -> list[str]:
    """Return the approvals whose end the forecast holds against a step to come."""
    told = site.cli("forecast", site.plan, "--json").json
    return [one["what"] for one in told["deadlines"] if one["what"].startswith("approval of")]


@prepared(moved)
def test_a_source_that_is_written_to_is_caught_and_its_change_is_moved(site: Site) -> None:
    site.approve("cutover")
    site.container.client.upload_blob("pmsi/late.csv", b"late")
    site.container.client.upload_blob("pmsi/b.csv", b"changed", overwrite=True)

    anew = site.cutover("start", expect=8)
    assert "found 2 objects new or changed" in anew.err
    assert site.pointer == OLD

    site.approve("cutover")
    site.let_writers_in()  # the writers came back while the approvals were gathered
    refused = site.cutover("start", expect=3)
    assert "the source is not frozen" in refused.err
    assert not any(key.startswith(".hdh-migrate") for key in site.source())

    site.shut_writers_out()
    told = site.cutover("start", "--json", expect=0).json
    assert told["delta"] == [{"round": 1, "new": 1, "changed": 1, "vanished": 0}]
    assert site.pointer == NEW
    site.cli("fetch", site.plan, "emc2", "pmsi/b.csv", "--out", str(site.folder / "b"), "--json",
             expect=0)  # fmt: skip
    assert (site.folder / "b").read_bytes() == b"changed"


def test_a_freeze_and_an_approval_that_were_taken_back_or_rolled_back_switch_nothing(
    site: Site,
) -> None:
    site.change(freeze={"kind": "statement"})
    site.run()
    site.approve("cutover")
    site.approve("freeze")
    site.cutover("start", expect=0)
    bundle = site.folder / "switched"
    site.cli("report", site.plan, "--out", str(bundle), expect=0)
    agreed(bundle, site.folder / "keys" / "report.pub", signed=2)
    site.cutover("rollback", expect=0)  # and the writers come back

    site.approve("cutover")
    refused = site.cutover("start", expect=8)
    assert "nobody has signed that the source is frozen" in refused.err
    assert "it was for an earlier attempt" in refused.err

    site.approve("freeze")
    kept = next(site.state.glob("approvals/cutover-*"), None)
    assert kept is not None
    for one in site.state.glob("approvals/cutover-*"):
        dpo = str(site.folder / "keys" / "dpo.key")
        site.cli("approve", site.plan, "--withdraw", str(one), "--key", dpo, expect=0)
    assert "has withdrawn it" in site.cutover("start", expect=8).err
    for one in site.state.glob("approvals/withdrawn-*"):  # seen once, it is in the journal
        one.unlink()
    assert "has withdrawn it" in site.cutover("start", expect=8).err
    assert site.pointer == OLD


@prepared(moved)
def test_approvals_count_for_this_plan_these_keys_and_their_time_alone(site: Site) -> None:
    site.approve_as("cutover", "stranger")
    site.approve_as("cutover", "report")  # the operator's own
    refused = site.cutover("start", expect=8)
    assert "not one of those that may approve" in refused.err
    assert site.status()["waits"]["why"] == "approval"

    site.approve("cutover", "dpo", "--until", "2027-01-01T00:00:00Z")
    site.change(approvals={"keys": ["keys/dpo.pub", "keys/ciso.pub"], "threshold": 2})
    assert "the plan changes the terms" in site.cutover("start", expect=8).err
    site.approve("terms", "dpo")
    refused = site.cutover("start", expect=8)
    assert "the plan was changed since" in refused.err
    assert site.pointer == OLD

    site.approve("cutover", "dpo")
    assert site.cutover("start", expect=8).err.count("1 more approval is needed") == 1
    site.approve("cutover", "ciso")
    site.cutover("start", expect=0)
    assert site.pointer == NEW

    batches = site.section("batches")
    batches[0]["pointer"]["value"] = "s3://elsewhere/"
    site.change(batches=batches)
    changed = site.cutover("rollback", expect=3)
    assert "batches[all].pointer.value" in changed.err
    assert "bound by batch all: put it back; its cutover must find the pointer" in changed.err
    assert site.pointer == NEW


def test_a_cutover_may_be_planned_after_the_bytes_were_moved(site: Site) -> None:
    planned = {name: site.section(name) for name in ("approvals", "cutovers", "freeze", "batches")}
    site.change(approvals=None, cutovers=None, freeze=None, batches=None)
    assert "no cutover" not in site.cli("validate", site.plan, expect=0).err
    nothing = site.cutover("start", expect=2)
    assert "does not say how batch all is cut over" in nothing.err
    site.run()
    site.change(**planned)

    site.approve("cutover")
    site.cutover("start", expect=0)

    assert site.pointer == NEW
    changed = [line for line in journal(site) if line["kind"] == "plan-changed"]
    assert len(changed) == 1
    assert "cutovers: added" in changed[0]["body"]
    site.change(limits={"retry_budget": "3s"})  # how it is moved may change in the window, too
    site.cutover("rollback", expect=0)
    assert site.pointer == OLD


def test_a_cutover_needs_a_run_and_makes_no_ledger(site: Site) -> None:
    assert "no run of this plan has begun" in site.cutover("start", expect=2).err
    assert not site.state.exists()


@prepared(moved)
def test_a_hold_stops_it_at_the_door_and_status_says_so(site: Site) -> None:
    site.approve("cutover")
    site.cli("hold", site.plan, "--reason", "ward 3 still reads", expect=0)
    held = site.cutover("start", expect=7)
    assert "ward 3 still reads" in held.err
    told = site.status()
    assert (told["stage"], told["waits"]["why"]) == ("preparing", "held")
    assert "ward 3" in told["held"]
    text = site.cli("status", site.plan, expect=0).out
    assert "nothing that cannot be taken back goes on: held by" in text
    assert site.pointer == OLD

    site.cli("hold", site.plan, "--release", expect=0)
    site.cutover("start", expect=0)
    assert site.pointer == NEW


@prepared(moved)
def test_a_pointer_that_was_changed_by_hand_is_left_alone_on_both_ways(site: Site) -> None:
    site.approve("cutover")
    (site.state / "hold").touch()
    site.cutover("start", expect=7)
    (site.state / "hold").unlink()
    site.pointer = "https://elsewhere.example/"
    assert "changed by somebody else" in site.cutover("start", expect=3).err
    assert site.pointer == "https://elsewhere.example/"

    gave_up = site.cutover("rollback", expect=4).out  # this start, and its approvals with it
    assert "somebody else changed the pointer: it is https://elsewhere.example/" in gave_up
    site.approve("cutover")
    site.cutover("start", expect=0)
    site.pointer = "https://third.example/?sig=abcdefghijklmnopqrstu"
    failed = site.cutover("rollback", expect=3)
    assert "the rollback of batch all failed" in failed.err
    assert "abcdefghijklmnopqrstu" not in failed.err
    runbook = site.state / "cutover" / "cutover-all-runbook.txt"
    assert runbook.stat().st_mode & 0o777 == 0o600
    assert "https://elsewhere.example/" in runbook.read_text()
    kept = json.dumps(journal(site))
    assert "neither its old value nor the new one" in kept
    assert not any(value in kept for value in ("third.example", "elsewhere.example", NEW, OLD))

    site.pointer = "https://elsewhere.example/"
    assert "the pointer has its old value" in site.cutover("rollback", expect=0).out
    assert site.status()["stage"] == "rolled back"
    site.pointer = NEW  # somebody leads consumers to the target again, and nobody asked the tool
    again = site.cutover("rollback", expect=4).out
    assert "somebody else gave the pointer the value of the switch" in again
    assert "set it by its own means to https://elsewhere.example/" in again
    assert "the source" not in again
    (site.folder / "pointer.json").unlink()
    told = site.cutover("rollback", "--json", expect=4).json["pointer_now"]
    assert told["has"] == "none"
    assert "there is no pointer any more: consumers are led nowhere" in told["told"]


@prepared(moved)
def test_what_consumers_wrote_is_counted_and_named_only_where_names_may_stand(
    site: Site,
) -> None:
    site.approve("cutover")
    site.cutover("start", expect=0)
    site.bucket.client.put_object(Bucket=site.bucket.name, Key="in/marie curie.csv", Body=b"x")
    site.bucket.client.put_object(Bucket=site.bucket.name, Key="in/pmsi/b.csv.c4gh", Body=b"x")

    told = site.cutover("rollback", "--json", expect=4)
    assert told.json["written"] == {"new": 1, "changed": 1, "gone": 0}
    assert "marie" not in told.out + told.err
    names = site.state / "cutover" / "cutover-all-written-since.jsonl"
    assert names.stat().st_mode & 0o777 == 0o600
    assert "marie curie" in names.read_text()
    assert "marie curie" in site.cutover("rollback", "--show-names", expect=4).out
    assert b"marie" not in (site.state / "ledger.db").read_bytes()
    names.unlink()
    assert "is not there any more" in site.cutover("rollback", "--show-names", expect=4).out


@prepared(moved)
def test_a_rollback_looks_at_the_source_that_consumers_are_led_to_again(site: Site) -> None:
    """Last, for it waits for nothing: in months somebody clears up, or a credential ends."""
    site.approve("cutover")
    site.cutover("start", expect=0)
    client = site.container.client
    client.delete_blob("pmsi/b.csv")
    client.upload_blob("pmsi/late.csv", b"late")

    said = site.cutover("rollback", expect=4)
    assert "the source is not as it was moved: 1 new, 1 gone" in said.out
    assert site.pointer == OLD
    client.upload_blob("pmsi/b.csv", b"back again")
    site.cutover("rollback", expect=0)

    kept, site.environ["S_SAS"] = site.environ["S_SAS"], "sv=2021-08-06&sig=bm90LXRoZS1rZXk%3D"
    told = site.cutover("rollback", "--json", expect=4)
    assert told.json["source"]["unread"]
    assert site.pointer == OLD
    site.environ["S_SAS"] = kept
    told = site.cutover("rollback", "--json", expect=0)
    assert told.json["source"] == {"new": 1, "changed": 1, "gone": 0, "unread": None}


@prepared(moved)
def test_failed_smoke_tests_leave_the_choice_to_people(site: Site) -> None:
    site.approve("cutover")
    secret = site.environ.pop("C_SEC")
    assert (
        "smoke tests: the environment variable C_SEC is not set"
        in site.cutover("start", expect=3).err
    )
    assert site.pointer == OLD
    site.environ["C_SEC"] = secret
    script(site.folder / "bin" / "smoke", "echo dupont; exit 3")
    failed = site.cutover("start", expect=5)
    assert "command shell: status 3" in failed.err
    assert "dupont" not in failed.err
    assert (site.state / "cutover" / "smoke-shell.log").read_text() == "dupont\n"
    assert (site.status()["stage"], site.pointer) == ("switched", NEW)
    assert site.status()["waits"]["why"] == "smoke-failed"
    script(site.folder / "bin" / "smoke", "exit 0")
    site.cutover("start", expect=0)
    assert site.status()["stage"] == "fallback window"


@prepared(moved)
def test_a_rehearsal_changes_neither_pointer_nor_source(site: Site) -> None:
    before = site.source()
    told = site.cli("rehearse", site.plan, "--batch", "all", "--json", expect=0).json
    assert told["ok"]
    assert set(told["same"].values()) == {True}
    assert told["a_start_would_find"]["approved"] is False
    assert site.pointer == OLD
    assert json.loads((site.folder / "canary.json").read_text())["pmsi"]["url"] == OLD
    assert site.source() == before
    assert site.status()["stage"] == "not started"


@pytest.mark.crash
def test_a_start_that_is_killed_in_the_switch_and_a_rollback_too_end_well(site: Site) -> None:
    """The pointer's own programs kill the tool that runs them: right after they did their work."""
    pointer = {
        "kind": "command",
        "check": ["bin/check"], "apply": ["bin/set"], "revert": ["bin/set"],
        "environment": {"PATH": "env:PATH"}, "value": NEW,
    }  # fmt: skip
    (site.folder / "alias").write_text(OLD)
    script(site.folder / "bin" / "check", "cat alias")
    script(site.folder / "bin" / "set", 'printf %s "$HDH_NEW" > alias; kill -9 $PPID')
    site.change(batches=[{"name": "all", "datasets": ["emc2"], "pointer": pointer}])
    site.run()
    site.approve("cutover")

    killed = site.forked("cutover", "start", site.plan, "--batch", "all", "--no-progress")
    assert killed.code == -9
    assert (site.folder / "alias").read_text() == NEW
    assert site.status()["stage"] == "switching"
    site.forked("cutover", "start", site.plan, "--batch", "all", "--no-progress", expect=0)
    assert site.status()["stage"] == "fallback window"

    killed = site.forked("cutover", "rollback", site.plan, "--batch", "all")
    assert killed.code == -9
    assert (site.folder / "alias").read_text() == OLD
    assert site.status()["stage"] == "rolling back"
    site.forked("cutover", "rollback", site.plan, "--batch", "all", expect=0)
    assert site.status()["stage"] == "rolled back"

    script(site.folder / "bin" / "set", "kill -9 $PPID")  # before it did anything
    site.approve("cutover")
    assert site.forked("cutover", "start", site.plan, "--batch", "all").code == -9
    assert (site.folder / "alias").read_text() == OLD
    script(site.folder / "bin" / "set", 'printf %s "$HDH_NEW" > alias')
    site.cutover("start", expect=0)
    assert (site.folder / "alias").read_text() == NEW
    kinds = [line["kind"] for line in journal(site) if line["kind"].startswith("cutover-")]
    assert kinds.count("cutover-switching") == 3
    assert kinds.count("cutover-switched") == 2
    assert kinds.count("cutover-withdrawn") == 1


@prepared(moved)
def test_a_finalized_batch_is_deleted_on_signed_evidence_alone(site: Site) -> None:
    site.approve("cutover")
    site.cutover("start", expect=0)
    site.approve("finalize")
    site.cutover("finalize", "--reason", "agreed", expect=0)
    time.sleep(1.1)  # the cooling period
    bundle = str(site.folder / "bundle")
    site.cli("report", site.plan, "--out", bundle, expect=0)
    before = set(site.source())

    def erase(*more: str, expect: int, typed: str = "") -> Said:
        said = ("decommission", site.plan, "--batch", "all", *more)
        return site.cli(*said, expect=expect, typed=typed)

    eraser = site.environ.pop("S_ERASER")  # a dry run needs nothing that could delete
    dry = erase("--json", expect=3).json
    site.environ["S_ERASER"] = eraser
    assert dry["would_delete"]["objects"] == 4
    assert any("none was given" in line for line in dry["blockers"])
    assert "approval" in erase("--evidence", bundle, expect=3).out
    site.approve("decommission")
    assert erase("--evidence", bundle, "--json", expect=0).json["blockers"] == []
    erase("--evidence", bundle, "--execute", "--confirm", "emc", expect=2)
    assert (
        "are not those of the batch"
        in erase("--evidence", bundle, "--execute", expect=2, typed="all\n").err
    )
    assert "nobody typed" in erase("--evidence", bundle, "--execute", expect=2).err
    assert set(site.source()) == before

    manifest = site.folder / "bundle" / "manifest.jsonl"
    kept = manifest.read_bytes()
    manifest.write_bytes(kept.replace(b'"match"', b'"MATCH"', 1))
    refused = erase("--evidence", bundle, "--execute", "--confirm", "emc2", expect=3)
    assert "evidence:" in refused.err
    assert set(site.source()) == before
    manifest.write_bytes(kept)

    site.container.client.upload_blob("pmsi/b.csv", b"written after all", overwrite=True)
    blob = site.container.client.get_blob_client("scans/big.raw")
    blob.create_snapshot()
    told = erase("--evidence", bundle, "--execute", "--json", expect=4, typed="emc2\n").json
    assert told["requested"] == {"deleted": 2, "drifted": 1, "kept": 1}
    assert set(site.source()) == {"pmsi/b.csv", "scans/big.raw", "tmp/scratch"}

    site.container.client.get_blob_client("pmsi/uncommitted").stage_block("0001", b"x")
    seen = erase("--observe", "--json", expect=4).json["observed"]
    assert (seen["current"], seen["snapshot"], seen["not_ours"]) == (2, 1, 2)
    assert "proves what the service's API shows" in erase("--observe", expect=4).out
    facts = [line for line in journal(site) if line["kind"] == "cutover-observed"]
    assert len(facts) == 2


@prepared(moved)
def test_a_source_is_not_deleted_by_who_may_only_read(site: Site) -> None:
    site.approve("cutover")
    site.cutover("start", expect=0)
    site.approve("finalize")
    site.cutover("finalize", "--reason", "agreed", expect=0)
    time.sleep(1.1)  # the cooling period
    bundle = str(site.folder / "bundle")
    site.cli("report", site.plan, "--out", bundle, expect=0)
    site.approve("decommission")
    site.environ["S_ERASER"] = site.environ["S_SAS"]
    before = site.source()
    more = ("--batch", "all", "--evidence", bundle, "--execute", "--confirm", "emc2")
    site.cli("decommission", site.plan, *more, expect=9)
    assert site.source() == before


def journal(site: Site) -> list[dict[str, str]]:
    out = site.cli("audit", "journal", site.plan, expect=0).out
    return [json.loads(line) for line in out.splitlines()]


def lists(request: Request) -> bool:
    return request.params.get("comp") == "list"


def test_an_approval_that_expires_between_gate_and_door_is_missed_there(
    site: Site, proxy_to: ProxyTo
) -> None:
    proxy = through(site, proxy_to)
    site.run()
    for seconds in (5, 50, 500):  # a busy machine may come to the gate when it has expired
        soon = datetime.now(UTC) + timedelta(seconds=seconds)
        site.approve("cutover", "dpo", "--until", soon.isoformat(timespec="seconds"))

        def expire(request: Request, upstream: Upstream, soon: datetime = soon) -> Reply:
            upstream.pause((soon - datetime.now(UTC)).total_seconds() + 1)
            return upstream.forward(request)

        proxy.rule(match=lists, action=expire)  # nothing is listed before the gate
        missed = site.cutover("start", expect=8)
        proxy.clear()

        assert "it has expired" in missed.err
        settled = any(line["kind"] == "cutover-settled" for line in journal(site))
        if settled:
            break
    assert settled
    assert site.pointer == OLD
    site.approve("cutover")
    site.cutover("start", expect=0)
    assert site.pointer == NEW


@pytest.mark.crash
def test_a_source_that_is_written_during_a_start_stops_it(site: Site, proxy_to: ProxyTo) -> None:
    proxy = through(site, proxy_to)
    site.run()
    site.approve("cutover")
    numbers = itertools.count()

    def written(request: Request, upstream: Upstream) -> Reply:
        reply = upstream.forward(request)
        site.container.client.upload_blob(f"pmsi/late {next(numbers)}", b"x")
        return reply

    proxy.rule(match=lists, action=written)
    said = site.cutover("start", "--no-progress", expect=6)

    assert "the source is still being written" in said.err
    assert site.status()["waits"]["why"] == "source-written"
    assert site.pointer == OLD


@prepared(moved)
@pytest.mark.crash
def test_pointer_and_ledger_agree_after_kills_at_any_time(site: Site) -> None:
    site.approve("cutover")
    before = site.source()
    at_new = {"switched", "fallback window"}
    for verb, done in (("start", "fallback window"), ("rollback", "rolled back")):
        for kill in itertools.count(1):
            process = site.begin("cutover", verb, site.plan, "--batch", "all", "--no-progress")
            try:
                process.wait(timeout=0.05 * 1.6**kill)
            except subprocess.TimeoutExpired:
                process.kill_all()
                process.communicate()
                stage = site.status()["stage"]
                if stage not in {"switching", "rolling back"}:
                    assert (site.pointer == NEW) == (stage in at_new), stage
                continue
            _, err = process.communicate()
            assert process.returncode == 0, err
            break
        assert site.status()["stage"] == done
        assert site.pointer == (NEW if verb == "start" else OLD)
    assert site.source() == before


@prepared(moved)
def test_an_open_finding_is_let_go_by_a_waiver_that_knew_of_it(site: Site) -> None:
    site.change(waivers={"keys": ["keys/ciso.pub"]})  # what must be waived shows late
    site.approve("cutover")

    def waive(key: str, code: str = "vanished", expect: int = 0) -> Said:
        return site.cli(
            "waive", site.plan, "--what", f"finding.{code}", "--reason", "erased on request",
            "--until", "2099-12-31", "--key", str(site.folder / "keys" / f"{key}.key"),
            "--json", expect=expect,
        )  # fmt: skip

    waive("ciso", expect=2)  # before there is any
    site.container.client.delete_blob("pmsi/b.csv")
    blocked = site.cutover("start", expect=3)
    assert "1 open finding without a signed waiver [vanished]" in blocked.err
    assert waive("stranger").json["covers"] == 1
    site.cutover("start", expect=3)
    assert "open are: vanished" in waive("ciso", "conflict", expect=2).err
    time.sleep(0.01)
    waive("ciso")
    site.cutover("start", expect=0)
    assert site.pointer == NEW
    bundle = site.folder / "waived"
    site.cli("report", site.plan, "--out", str(bundle))
    agreed(bundle, site.folder / "keys" / "report.pub", waived=1)
    text = (bundle / "journal.jsonl").read_text()
    assert text.count('"kind":"waivers-counted"') == 1
    site.change(report={**site.section("report"), "languages": ["en"]})  # free, and another plan
    later = site.folder / "later"
    site.cli("report", site.plan, "--out", str(later))
    agreed(later, site.folder / "keys" / "report.pub", waived=1)
    page = (later / "report.en.html").read_text()
    assert "erased on request" in page
    assert "the plan was changed, and it was for the one before" in page
    assert "Done while it counted" in page
