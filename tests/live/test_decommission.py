"""A source is deleted only while the target holds what was verified and consumers are led to it.

Azurite on one side, an S3 server on the other, and an operator at the real command line.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import shutil
import signal
import threading
import time
from collections.abc import Callable

import pytest

from tests.support.agreed import agreed
from tests.support.command import ForkedCommand
from tests.support.finished import prepared
from tests.support.fixtures import ProxyTo, upload
from tests.support.processes import LONG
from tests.support.proxy import Action, Upstream
from tests.support.site import NEW, OLD, Said, Site, through
from tests.support.wire import Reply, Request

pytestmark = pytest.mark.live

OBJECTS = {"pmsi/théo dupont 1970.csv", "pmsi/b.csv", "pmsi/vide", "scans/big.raw"}
SCRATCH = {"tmp/scratch"}


def finalized(site: Site) -> None:
    """Bring a batch to where everything allows its end at the source."""
    site.run()
    ended(site)


def ended(site: Site) -> None:
    """Do the same for a batch that is verified."""
    site.approve("cutover")
    site.cutover("start", expect=0)
    site.approve("finalize")
    site.cutover("finalize", "--reason", "agreed", "--json", expect=0)
    time.sleep(1.1)  # the cooling period
    site.cli("report", site.plan, "--out", str(site.folder / "bundle"), expect=0)
    site.approve("decommission")


def command(site: Site, *more: str) -> tuple[str, ...]:
    bundle = str(site.folder / "bundle")
    return ("decommission", site.plan, "--batch", "all", "--evidence", bundle, *more)


def dry_run(site: Site, *more: str, expect: int) -> Said:
    return site.cli(*command(site, "--json", *more), expect=expect)


def execute(site: Site, *more: str, expect: int) -> Said:
    return site.cli(*command(site, "--execute", "--confirm", "emc2", *more), expect=expect)


def target_key(name: str) -> str:
    return f"in/{name}.c4gh"


def taken_away(site: Site, name: str) -> Callable[[], None]:
    """Delete one target object; return what puts it back."""
    where = {"Bucket": site.bucket.name, "Key": target_key(name)}
    kept = site.bucket.client.get_object(**where)
    body = kept["Body"].read()
    site.bucket.client.delete_object(**where)
    return lambda: site.bucket.client.put_object(**where, Body=body, Metadata=kept["Metadata"])


def codes(site: Site) -> list[str]:
    told = site.cli("report", site.plan, "--out", str(site.folder / f"r{time.time_ns()}"))
    assert told.code in {0, 4, 5}, told.err
    folder = max(one for one in site.folder.glob("r*") if one.is_dir())  # a checkpoint is a file
    lines = (folder / "findings.jsonl").read_text().splitlines()
    return sorted(json.loads(line)["code"] for line in lines)


def names(site: Site) -> set[str]:
    return {blob.name for blob in site.container.client.list_blobs()}


@prepared(finalized)
def test_an_older_copy_of_the_ledger_deletes_nothing(site: Site) -> None:
    fence = {"Bucket": site.bucket.name, "Key": ".hdh-migrate-fence/exit.json"}
    shown = json.loads(site.bucket.client.get_object(**fence)["Body"].read())
    assert shown["state"] == "released"
    other = site.folder / "other"
    shutil.copytree(site.folder / ".hdh-migrate", other)
    dry_run(site, "--state-dir", str(other), expect=0)
    site.run()

    refused = execute(site, "--state-dir", str(other), expect=3)

    assert "another copy of this ledger writes there" in refused.err
    assert names(site) == OBJECTS | SCRATCH
    assert execute(site, "--json", expect=0).json["requested"] == {"deleted": 4}


@prepared(finalized)
def test_a_deletion_is_told_and_no_older_copy_believes_the_source_there(site: Site) -> None:
    """Nothing told of it but copies and reports: the one before it reported a source in place."""
    site.run()  # from here the ledger lies where its fence says
    before = site.folder / "before"
    shutil.copytree(site.folder / ".hdh-migrate", before)
    told = execute(site, expect=0).err
    assert "was not told" not in told
    shutil.rmtree(site.folder / ".hdh-migrate")
    before.rename(site.folder / ".hdh-migrate")

    assert "an older copy of the ledger" in execute(site, expect=3).err
    for verb in ("report", "run"):
        assert "an older copy of the ledger" in site.cli(verb, site.plan, expect=11).err
    for verb in ("status", "approve"):
        said = site.approve("decommission") if verb == "approve" else site.cli(verb, site.plan)
        assert "the ledger here is not the newest" in said.err
    listed = site.cli("inventory", site.plan, "--refresh")  # whose objects all look lost
    assert "the ledger here is not the newest" in listed.err


@prepared(finalized)
def test_who_may_delete_and_not_write_is_told_that_the_fence_was_not(site: Site) -> None:
    """Strict separation: the deleting machine has no secret to write at the target with."""
    reading = {"kind": "access-key", "id": "env:R_ID", "secret": "env:R_SECRET"}
    site.environ |= {"R_ID": site.environ["T_ID"], "R_SECRET": site.environ["T_SECRET"]}
    site.change(verify={"credential": reading})
    site.run()
    site.cli("report", site.plan, "--out", str(site.folder / "newer"), expect=0)
    site.approve("decommission")
    secret = site.environ.pop("T_SECRET")

    done = site.cli(
        "decommission", site.plan, "--batch", "all", "--evidence", str(site.folder / "newer"),
        "--execute", "--confirm", "emc2", expect=0,
    )  # fmt: skip

    assert "the fence at the target was not told of this" in done.err
    assert names(site) == SCRATCH
    site.environ["T_SECRET"] = secret


@prepared(finalized)
def test_what_lies_behind_is_approved_by_nobody_any_more(site: Site) -> None:
    for stage in ("cutover", "finalize"):
        refused = site.approve(stage, expect=3).err
        assert (
            f"batch all is finalized already: it needs no approval of {stage} any more" in refused
        )
    site.approve("decommission")


def test_a_dry_run_writes_nothing_whatever_limits_and_pauses_there_are(site: Site) -> None:
    """Its reading of the target told the journal of the rate, into a ledger that is looked at."""
    site.change(limits={**site.section("limits"), "bandwidth": "800MiB/s"})
    finalized(site)
    said = site.state / "instructions.json"
    for verb in (("pause",), ("limit", "10MiB/s", "--for", "1h")):
        name, *more = verb
        site.cli(name, site.plan, *more, expect=0)
    before = said.read_bytes()

    found = dry_run(site, expect=0).json

    assert found["would_delete"]["objects"] == 4
    assert found["recheck"]["objects"] == 4
    assert said.read_bytes() == before


@prepared(finalized)
def test_keys_that_nobody_tried_are_named_before_the_source_is_gone(site: Site) -> None:
    assert "2 recipients' private keys were never seen to open anything" in (
        dry_run(site, expect=0).err
    )
    for name in ("escrow", "consumer"):
        key = str(site.folder / "keys" / f"{name}.sec")
        site.cli("keys", "drill", site.plan, "--key", key, expect=0)
    said = dry_run(site, expect=0).err
    assert "never seen to open" not in said
    # Seen once is not seen now, and months may lie between.
    assert len(re.findall(r" on 20\d\d-\d\d-\d\d", said)) == 2
    assert "last seen to open anything" in said


def test_what_another_batch_still_has_to_move_stays_at_the_source(site: Site) -> None:
    (emc2,) = site.section("datasets")
    other = {
        "name": "again", "target": {**emc2["target"], "prefix": "again/"},
        "source": {**emc2["source"], "prefix": "pmsi/"},
    }  # fmt: skip
    site.change(
        datasets=[emc2, other],
        batches=[*site.section("batches"), {"name": "later", "datasets": ["again"]}],
    )
    site.cli("run", site.plan, "--batch", "all", "--until", "verify", "--no-progress", expect=0)
    ended(site)
    for say in (
        lambda: "\n".join(dry_run(site, expect=3).json["blockers"]),
        lambda: execute(site, expect=3).err,
    ):
        assert "3 objects are still to be moved by dataset again of batch later" in say()
    assert names(site) == OBJECTS | SCRATCH
    site.cli("run", site.plan, "--batch", "later", "--no-progress", expect=0)
    site.cli("report", site.plan, "--out", str(site.folder / "bundle2"), expect=0)
    bundle = ("--evidence", str(site.folder / "bundle2"))
    site.cli(
        "decommission", site.plan, "--batch", "all", *bundle, "--execute", "--confirm", "emc2",
        expect=0,
    )  # fmt: skip
    assert names(site) == SCRATCH


@prepared(finalized)
def test_a_target_that_lost_one_object_and_has_garbage_for_another_keeps_the_source(
    site: Site,
) -> None:
    put_back = taken_away(site, "pmsi/b.csv")
    where = {"Bucket": site.bucket.name, "Key": target_key("scans/big.raw")}
    right = site.bucket.client.get_object(**where)
    body = right["Body"].read()
    site.bucket.client.put_object(**where, Body=b"garbage")

    dry = dry_run(site, expect=5).json
    assert dry["would_keep"] == {"target-differs": 1, "target-gone": 1}
    assert dry["would_delete"]["objects"] == 2
    assert "NOT read again" in site.cli(*command(site, "--quick"), expect=0).out
    execute(site, "--quick", expect=2)
    refused = execute(site, expect=5)
    assert "does not hold batch all as it was verified" in refused.err
    assert "dupont" not in refused.err
    assert names(site) == OBJECTS | SCRATCH
    assert codes(site) == ["decommission-target-differs", "decommission-target-gone"]
    assert site.status()["waits"]["why"] == "target-differs"

    put_back()
    kept = execute(site, "--keep-going", "--json", expect=5).json
    assert kept["requested"] == {"deleted": 3, "target-differs": 1}
    assert names(site) == {"scans/big.raw"} | SCRATCH
    observed = site.cli("decommission", site.plan, "--batch", "all", "--observe", expect=4)
    assert "1 current" in observed.out

    site.bucket.client.put_object(**where, Body=body, Metadata=right["Metadata"])
    done = execute(site, "--json", expect=0).json
    assert done["requested"] == {"deleted": 4}
    assert done["observed"] is None  # what was observed before this says nothing of it
    assert names(site) == SCRATCH


@prepared(finalized)
def test_index_tags_that_were_set_after_the_cutover_keep_their_object(site: Site) -> None:
    blob = site.container.client.get_blob_client("pmsi/b.csv")
    blob.set_blob_tags({"legal": "keep"})

    kept = execute(site, "--json", expect=4).json

    assert kept["requested"] == {"deleted": 3, "drifted": 1}
    assert names(site) == {"pmsi/b.csv"} | SCRATCH
    assert codes(site) == ["decommission-drifted"]
    blob.set_blob_tags({})
    assert execute(site, "--json", expect=0).json["requested"] == {"deleted": 4}
    assert names(site) == SCRATCH


@prepared(finalized)
def test_a_whole_object_that_is_there_again_is_read_again_and_its_source_goes(site: Site) -> None:
    put_back = taken_away(site, "pmsi/b.csv")
    execute(site, expect=5)
    put_back()
    assert execute(site, "--json", expect=0).json["requested"] == {"deleted": 4}
    assert names(site) == SCRATCH
    assert codes(site) == []


@prepared(finalized)
def test_a_pointer_that_was_set_back_after_finalize_keeps_the_source(site: Site) -> None:
    site.pointer = OLD
    assert any("pointer" in line for line in dry_run(site, expect=3).json["blockers"])
    assert "the pointer does not have the value" in execute(site, expect=3).err
    (site.folder / "pointer.json").unlink()
    assert execute(site, expect=None).code != 0
    assert names(site) == OBJECTS | SCRATCH
    site.pointer = NEW
    execute(site, expect=0)
    assert names(site) == SCRATCH


def test_a_delete_marker_over_a_verified_version_keeps_the_source(site: Site) -> None:
    site.bucket.client.put_bucket_versioning(
        Bucket=site.bucket.name, VersioningConfiguration={"Status": "Enabled"}
    )
    finalized(site)
    where = {"Bucket": site.bucket.name, "Key": target_key("pmsi/b.csv")}
    marker = site.bucket.client.delete_object(**where)["VersionId"]
    execute(site, expect=5)
    assert names(site) == OBJECTS | SCRATCH
    site.bucket.client.delete_object(**where, VersionId=marker)
    execute(site, expect=0)
    assert names(site) == SCRATCH


def test_the_same_bytes_as_another_version_are_not_what_was_verified(site: Site) -> None:
    site.bucket.client.put_bucket_versioning(
        Bucket=site.bucket.name, VersioningConfiguration={"Status": "Enabled"}
    )
    finalized(site)
    put_back = taken_away(site, "pmsi/vide")
    put_back()
    execute(site, expect=5)
    assert names(site) == OBJECTS | SCRATCH


def deletes(request: Request) -> bool:
    return request.method == "DELETE"


def acting(act: Callable[[], None]) -> Action:
    """Do something, then pass the request on."""

    def action(request: Request, upstream: Upstream) -> Reply:
        act()
        return upstream.forward(request)

    return action


def test_an_object_lost_after_everything_was_read_again_is_seen_by_the_last_look(
    site: Site, proxy_to: ProxyTo
) -> None:
    engine = {"kind": "local", "processes": 1, "connections": 1}
    proxy = through(site, proxy_to, engine=engine)
    finalized(site)

    def lose() -> None:
        for name in OBJECTS:
            site.bucket.client.delete_object(Bucket=site.bucket.name, Key=target_key(name))

    proxy.rule(match=deletes, action=acting(lose), times=1)
    execute(site, expect=5)
    assert len(names(site) - SCRATCH) == len(OBJECTS) - 1  # the delete that was under way


@pytest.mark.crash
def test_a_dry_run_after_a_kill_says_what_is_left_and_what_is_done(
    site: Site, proxy_to: ProxyTo
) -> None:
    upload(site.container, {f"many/{number}": b"%d" % number * 99 for number in range(56)})
    proxy = through(site, proxy_to)
    finalized(site)
    asked = itertools.count(1)
    running: list[ForkedCommand] = []
    begun = threading.Event()

    def count() -> None:
        if next(asked) == 23:
            assert begun.wait(LONG)
            os.killpg(running[0].pid, signal.SIGKILL)

    proxy.rule(match=deletes, action=acting(count))
    others = proxy.clients
    process = site.begin(*command(site, "--execute", "--confirm", "emc2", "--no-progress"))
    running.append(process)
    begun.set()
    process.communicate(timeout=LONG)
    proxy.left_alone(LONG, besides=others)
    proxy.clear()
    left = len(names(site) - SCRATCH)
    assert 0 < left < 60

    dry = dry_run(site, expect=0).json
    assert dry["would_delete"]["objects"] == left
    assert dry["done"] == {"gone": 60 - left}
    said = site.cli(*command(site), expect=0).out
    assert f"done already: {60 - left} gone" in said
    done = execute(site, "--json", expect=0).json["requested"]
    assert sum(done.values()) == 60
    assert names(site) == SCRATCH


@prepared(finalized)
def test_what_the_target_lost_after_the_finalization_is_mended_and_the_source_goes(
    site: Site,
) -> None:
    """One lost object must not keep a whole source for ever; nor may old approvals delete it."""
    site.bucket.client.delete_object(Bucket=site.bucket.name, Key=target_key("pmsi/b.csv"))
    site.cli("verify", site.plan, "--again", expect=5)
    site.cli("run", site.plan, "--until", "verify", "--no-progress", expect=0)

    told = execute(site, expect=3).err
    assert "its manifest is not the one of the ledger: write a new report" in told
    assert "another one than was finalized: it takes a report, and approvals, of its own" in told
    assert names(site) == OBJECTS | SCRATCH

    (site.folder / "bundle.checkpoint").unlink()
    shutil.rmtree(site.folder / "bundle")
    site.cli("report", site.plan, "--out", str(site.folder / "bundle"), expect=0)
    assert "another one than was finalized" in execute(site, expect=8).err
    site.approve("decommission")
    execute(site, expect=0)
    assert names(site) == SCRATCH
    trust = str(site.folder / "keys" / "report.pub")
    last = str(site.folder / "last")
    site.cli("report", site.plan, "--out", last, expect=0)
    site.cli("audit", "verify", last, "--trust", trust, expect=0)
    agreed(last, trust, signed=3)


@prepared(finalized)
def test_what_the_target_lost_while_others_were_deleted_is_sent_again(site: Site) -> None:
    """The source keeps what the target does not hold: it must not be for nothing."""
    key = target_key("pmsi/b.csv")
    site.bucket.client.delete_object(Bucket=site.bucket.name, Key=key)
    big = {"Bucket": site.bucket.name, "Key": target_key("scans/big.raw")}
    site.bucket.client.put_object(**big, Body=b"theirs")
    execute(site, "--keep-going", expect=5)
    kept = {"pmsi/b.csv", "scans/big.raw"} | SCRATCH
    assert names(site) == kept

    looked = site.cli("verify", site.plan, "--again", "--json", expect=5).json
    (look,) = looked["looks"]
    assert sorted(one["found"] for one in look["differing"]) == ["gone", "replaced"]
    assert look["objects"] == len(OBJECTS)
    site.cli("verify", site.plan, "--again", "--restore", "all")
    site.cli("run", site.plan, "--until", "verify", "--no-progress", expect=0)
    for one in OBJECTS:
        site.bucket.client.head_object(Bucket=site.bucket.name, Key=target_key(one))

    refused = execute(site, expect=3).err
    assert "another one than was finalized: it takes a report, and approvals, of its own" in refused
    assert names(site) == kept
    (site.folder / "bundle.checkpoint").unlink()
    shutil.rmtree(site.folder / "bundle")
    site.cli("report", site.plan, "--out", str(site.folder / "bundle"), expect=0)
    trust = str(site.folder / "keys" / "report.pub")
    site.cli("audit", "verify", str(site.folder / "bundle"), "--trust", trust, expect=0)
    agreed(str(site.folder / "bundle"), trust)
    site.approve("decommission")
    execute(site, expect=0)
    assert names(site) == SCRATCH
    last = str(site.folder / "last")
    site.cli("report", site.plan, "--out", last, expect=0)
    site.cli("audit", "verify", last, "--trust", trust, expect=0)
    agreed(last, trust, signed=4)  # the deletion of what was kept rests on another one
