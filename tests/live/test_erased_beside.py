"""The other datasets of a batch go on after one of them was erased; nothing of it is touched."""

from __future__ import annotations

import time
from typing import Any

import pytest

from hdh_migrate.sealing.hybrid import new_hybrid_pair
from tests.live.test_detached import SEAL
from tests.support.agreed import agreed
from tests.support.finished import Finished, Target
from tests.support.site import NEW, Site

pytestmark = pytest.mark.live

TOLD = "dataset emc2 was erased on "
PMSI, SCANS = (
    ("pmsi/a.csv", "pmsi/b.csv", "pmsi/vide"),
    ("scans/a.raw", "scans/b.raw", "scans/c.raw"),
)
NOTES = "notes/a.txt"


def two_batches(site: Site) -> None:
    """Prepare a site with two batches of two datasets and one, all verified."""
    keys = site.folder / "hybrid"
    keys.mkdir()
    for name in ("steward", "escrow", "consumer"):
        new_hybrid_pair(keys, name, passphrase=None)
    for key in (*PMSI, *SCANS, NOTES):
        site.container.client.upload_blob(key, key.encode() * 999, overwrite=True)
    first = site.section("datasets")[0]
    datasets = [
        {
            "name": name,
            "source": {**first["source"], "prefix": prefix},
            "target": {**first["target"], "prefix": f"in/{name}/"},
        }
        for name, prefix in (("emc2", "pmsi/"), ("scans", "scans/"), ("notes", "notes/"))
    ]
    (batch,) = site.section("batches")
    batches = [
        {**batch, "datasets": ["emc2", "scans"]}, {"name": "more", "datasets": ["notes"]},
    ]  # fmt: skip
    (cutover,) = site.section("cutovers")
    cutover["smoke"]["identity"] = "file:hybrid/consumer.sec"
    site.change(seal=SEAL, cutovers=[cutover], datasets=datasets, batches=batches)
    site.run()


@pytest.fixture
def moved(finished: Finished) -> Site:
    return finished(two_batches, Target())


def one_erased(site: Site) -> None:
    """Prepare such a site of which one dataset was erased."""
    two_batches(site)
    erase(site)


@pytest.fixture
def erased(finished: Finished) -> Site:
    return finished(one_erased, Target())


def erase(site: Site, *although: str) -> None:
    words = [word for one in although for word in ("--although", one)]
    site.cli(
        "approve", site.plan, "--stage", "erase", "--dataset", "emc2", *words,
        "--key", str(site.folder / "keys" / "dpo.key"), expect=0,
    )  # fmt: skip
    site.cli(
        "erase", site.plan, "--dataset", "emc2", "--headers", "--no-progress", "--execute", *words,
        "--confirm", "emc2", "--reason", "permit R-7 has ended", expect=0,
    )  # fmt: skip


def demand_proven(site: Site, name: str) -> None:
    """Demand that a report of it is one that both verifiers accept."""
    trusted, bundle = str(site.folder / "keys" / "report.pub"), site.folder / name
    site.cli("report", site.plan, "--out", str(bundle), expect=0)
    site.cli("audit", "verify", str(bundle), "--trust", trusted, expect=0)
    agreed(bundle, trusted)


def stored(site: Site, dataset: str) -> dict[str, bytes]:
    server: Any = site.bucket.server
    (held,) = [one.objects for one in server.store.buckets.values()]
    return {
        key: versions[-1].body
        for key, versions in held.items()
        if key.startswith(f"in/{dataset}/") and versions and not versions[-1].marker
    }


def states(said: Any, dataset: str) -> dict[str, int]:
    (row,) = [one for one in said["datasets"] if one["dataset"] == dataset]
    return {state: tally["objects"] for state, tally in row["states"].items()}


def test_the_other_datasets_of_a_batch_go_on(erased: Site) -> None:
    site, before = erased, stored(erased, "emc2")
    for key in ("pmsi/new.csv", "scans/new.raw"):
        site.container.client.upload_blob(key, b"new" * 999)
    site.container.client.upload_blob("pmsi/a.csv", b"changed", overwrite=True)

    said = site.cli("run", site.plan, "--refresh", "--no-progress", "--json", expect=0)

    assert f"{TOLD}" in said.err
    assert "it is left as it is" in said.err
    kept = states(said.json, "emc2")
    assert kept["verified"] >= len(PMSI)
    assert set(kept) == {"verified"}
    assert states(said.json, "scans")["verified"] > len(SCANS)
    assert stored(site, "emc2") == before
    out = site.folder / "got"
    site.cli("fetch", site.plan, "scans", "scans/new.raw", "--out", str(out), expect=0)
    assert out.read_bytes() == b"new" * 999
    demand_proven(site, "bundle")


def test_a_look_reads_what_can_be_opened_and_mends_it(erased: Site) -> None:
    site = erased
    server: Any = site.bucket.server
    (held,) = [one.objects for one in server.store.buckets.values()]
    mine, nobody = "in/scans/a.raw.segments", "in/emc2/a.csv.segments"
    del held[mine], held[nobody]

    looked = site.cli("verify", site.plan, "--again", "--no-progress", "--json", expect=5)

    assert TOLD in looked.err
    (found,) = [one for one in looked.json["looks"] if one["batch"] == "all"]
    assert [one["found"] for one in found["differing"]] == ["gone"]
    assert found["objects"] < len(PMSI) + len(SCANS) + 2  # with each dataset's own files
    site.run()
    assert mine in held
    assert nobody not in held
    site.cli("verify", site.plan, "--again", "--no-progress", expect=0)
    site.cli("ledger", "check", site.plan, expect=0)


def test_other_batches_go_on_while_an_erasure_is_not_ended(erased: Site) -> None:
    site = erased
    said = site.cli("run", site.plan, "--batch", "more", "--no-progress", expect=0)
    assert TOLD not in said.err


def test_a_batch_is_switched_and_made_final_without_what_was_erased(erased: Site) -> None:
    site = erased
    site.container.client.upload_blob("pmsi/late.csv", b"nobody moves this")
    site.container.client.upload_blob("scans/late.raw", b"late" * 99)
    site.approve("cutover")
    site.cutover("start", expect=8)  # what came late is moved, and is another manifest
    site.approve("cutover")

    started = site.cutover("start", "--json", expect=0)

    assert TOLD in started.err
    assert site.pointer == NEW
    assert "in/scans/late.raw.segments" in stored(site, "scans")
    assert not [key for key in stored(site, "emc2") if "late" in key]
    demand_proven(site, "switched")
    site.approve("finalize")
    assert TOLD in site.cutover("finalize", "--reason", "all is well", expect=0).err
    demand_proven(site, "final")


def test_what_is_erased_in_the_window_holds_nothing_up(moved: Site) -> None:
    site = moved
    site.approve("cutover")
    site.cutover("start", expect=0)
    erase(site, "only-copy")
    site.cutover("rollback", expect=0)
    site.approve("cutover")
    site.cutover("start", expect=0)
    site.approve("finalize")
    site.cutover("finalize", "--reason", "all is well", expect=0)
    demand_proven(site, "final")


def ready_to_delete(site: Site) -> tuple[str, ...]:
    """Switch the batch for good, with all approvals; return the command that deletes its source."""
    site.approve("cutover")
    site.cutover("start", expect=0)
    site.approve("finalize")
    site.cutover("finalize", "--reason", "all is well", expect=0)
    time.sleep(1.1)  # the cooling period
    demand_proven(site, "final")
    site.approve("decommission")
    return (
        "decommission", site.plan, "--batch", "all", "--evidence", str(site.folder / "final"),
        "--no-progress", "--json",
    )  # fmt: skip


def test_the_source_keeps_what_was_erased_and_the_rest_is_deleted(erased: Site) -> None:
    site = erased
    kept, gone = (
        {key for key in site.source() if key.startswith(prefix)} for prefix in ("pmsi/", "scans/")
    )
    command = ready_to_delete(site)

    dry = site.cli(*command, expect=0)

    assert dry.json["would_delete"]["objects"] == len(gone)
    assert dry.json["kept"]["erased"]["objects"] == len(kept)
    assert f"{TOLD}" in dry.err
    assert "and so is whatever its source holds of it" in dry.err
    refused = site.cli(*command, "--execute", "--confirm", "scans", "--confirm", "emc2", expect=2)
    assert "nothing was deleted" in refused.err
    done = site.cli(*command, "--execute", "--confirm", "scans", expect=0)
    assert done.json["requested"] == {"deleted": len(gone)}
    assert set(site.source()) >= {*kept, NOTES}
    assert not gone & set(site.source())
    again = site.cli(*command, "--execute", "--confirm", "scans", expect=0)
    assert again.json["requested"] == {"deleted": len(gone)}
    seen = site.cli("decommission", site.plan, "--batch", "all", "--observe", "--json", expect=4)
    assert seen.json["observed"]["current"] == len(kept)
    assert "and so is whatever its source holds of it" in seen.err
    demand_proven(site, "deleted")


def test_what_was_deleted_before_it_was_erased_is_not_kept_at_the_source(moved: Site) -> None:
    """The journal's event of the erasure counts what was erased, not what the source has."""
    site = moved
    command = ready_to_delete(site)
    site.container.client.upload_blob(PMSI[1], b"written since", overwrite=True)
    site.cli(*command, "--execute", "--confirm", "scans", "--confirm", "emc2", expect=4)
    erase(site, "only-copy")

    dry = site.cli(*command, "--quick", expect=None)

    assert dry.json["kept"]["erased"] == {"objects": 1, "bytes": len(b"written since")}
    assert "and so is whatever its source holds of it" in dry.err
