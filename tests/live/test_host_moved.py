"""A host gives the same objects another address: the refusal names the verb, and that goes on."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from tests.live.test_decommission import ended, execute
from tests.support.agreed import agreed
from tests.support.finished import Finished, Target
from tests.support.fixtures import ProxyTo
from tests.support.rotated import NAME, opened, verified
from tests.support.site import NEW, OLD, Said, Site
from tests.support.site import moved as moved_once

pytestmark = pytest.mark.live

TAKES_OVER = ["hdh-migrate run PLAN --take-over --reason TEXT"]
ADOPT = "hdh-migrate adopt {} --bundle DIR --state-dir NEW"
Moves = Callable[[Site, ProxyTo], None]


@pytest.fixture
def site(finished: Finished) -> Site:
    return finished(verified, Target())


def endpoint_renamed(site: Site, proxy_to: ProxyTo) -> None:
    proxy = proxy_to(site.bucket.server)
    site.change(target={**site.section("target"), "endpoint": proxy.url})


def account_renamed(site: Site, proxy_to: ProxyTo) -> None:
    proxy = proxy_to(site.container.server)
    site.change(source={**site.section("source"), "account_url": proxy.url})


def bucket_copied(site: Site, proxy_to: ProxyTo) -> None:
    del proxy_to
    server: Any = site.bucket.server
    buckets = server.store.buckets
    buckets["another"] = deepcopy(buckets[NAME])
    buckets["another"].name = "another"
    del buckets[NAME]
    (one,) = site.section("datasets")
    site.change(datasets=[{**one, "target": {**one["target"], "bucket": "another"}}])


@pytest.mark.parametrize(
    ("moves", "of_a_bundle", "told"),
    [
        (endpoint_renamed, 5, "5 verified objects are as they were"),
        (account_renamed, 5, "5 verified objects are as they were"),
        (bucket_copied, 5, "5 verified objects lie at another place at the target"),
    ],
)
def test_what_a_host_moved_is_adopted_under_its_new_address(
    site: Site, proxy_to: ProxyTo, moves: Moves, of_a_bundle: int, told: str
) -> None:
    new, trust = str(site.folder / "state-2"), str(site.folder / "keys" / "report.pub")
    before, after = (str(site.folder / name) for name in ("before", "after"))
    site.cli("report", site.plan, "--out", before, expect=0)
    moves(site, proxy_to)

    assert ADOPT.format(site.plan) in site.cli("run", site.plan, "--no-progress", expect=3).err
    assert ADOPT.format(site.plan) in site.cli("plan", "diff", site.plan, expect=3).out

    def goes_on(*words: str) -> Said:
        return site.cli(words[0], site.plan, *words[1:], "--state-dir", new, expect=0)

    server: Any = site.bucket.server
    read = server.count("GetObject")
    would = goes_on("adopt", "--bundle", before, "--dry-run")
    assert "at most 5 objects, 14.2 MiB, would be read back from the target;" in would.out
    assert "5 objects would be read at the source, too" in goes_on("adopt", "--dry-run").out
    assert server.count("GetObject") == read
    assert not Path(new).exists()

    adopted = goes_on("adopt", "--bundle", before, "--json").json["batches"][0]
    assert (adopted["adopted"], adopted["by_bundle"], adopted["unproved"]) == (5, of_a_bundle, 0)
    again = goes_on("adopt", "--bundle", before, "--json").json  # nobody has taken over yet
    assert (again["batches"][0]["adopted"], again["next"]) == (0, TAKES_OVER)
    goes_on("run", "--take-over", "--reason", "the host moved", "--until", "verify")
    goes_on("report", "--out", after)
    site.cli("audit", "verify", after, "--trust", trust, expect=0)
    agreed(after, trust)
    said = site.cli("audit", "compare", before, after, "--trust", trust, expect=0).out
    assert told in said
    assert "adopted under another plan" in said


# --- what consumers follow ------------------------------------------------------------------------

WAY, ELSEWHERE = '"A host moved"', "s3://another/in/"


def led_elsewhere(site: Site, name: str, **dataset: Any) -> None:
    """Say in the plan, as an operator does: a batch of another name, at the new place."""
    plan = site.document()
    batch, cutover, one = plan["batches"][0], plan["cutovers"][0], plan["datasets"][0]
    batch["name"] = cutover["batch"] = name
    batch["pointer"]["value"] = cutover["canary"]["value"] = ELSEWHERE
    site.change(batches=[batch], cutovers=[cutover], datasets=[{**one, **dataset}])


@pytest.mark.parametrize("deleted", [False, True])
def test_a_finalized_batch_is_led_to_where_its_host_moved_it(
    finished: Finished, proxy_to: ProxyTo, *, deleted: bool
) -> None:
    """Months later, and the source perhaps deleted: what the bundle tells is proved at the new
    place, and the pointer goes from the old address to it, and could go back."""
    site = finished(moved_once, Target())
    ended(site)
    if deleted:
        execute(site, expect=0)
    new, trust = str(site.folder / "state-2"), str(site.folder / "keys" / "report.pub")
    before, after = (str(site.folder / name) for name in ("before", "after"))
    site.cli("report", site.plan, "--out", before, expect=0)
    bucket_copied(site, proxy_to)

    def goes_on(*words: str, expect: int = 0) -> Said:
        verb = words[:2] if words[0] == "cutover" else words[:1]
        more = ("--state-dir", new)
        return site.cli(*verb, site.plan, *words[len(verb) :], *more, expect=expect)

    assert WAY in site.cli("run", site.plan, "--no-progress", expect=3).err
    assert WAY in site.cli("plan", "diff", site.plan, expect=3).out
    assert WAY in goes_on("adopt", "--bundle", before, expect=3).err
    led_elsewhere(site, "elsewhere", allow_empty=True, vanished="keep-at-target")
    adopted = goes_on("adopt", "--bundle", before, "--json").json["batches"][0]
    assert (adopted["adopted"], adopted["by_bundle"]) == (4, 4)
    assert (adopted["unproved"], adopted["foreign"], adopted["joined"]) == (0, 0, 4 * deleted)
    goes_on("run", "--take-over", "--reason", "the host moved", "--until", "verify")
    key = str(site.folder / "keys" / "dpo.key")
    goes_on("approve", "--batch", "elsewhere", "--stage", "cutover", "--key", key)
    assert site.pointer == NEW
    goes_on("cutover", "start", "--batch", "elsewhere")
    assert site.pointer == ELSEWHERE
    goes_on("verify", "--again", "--no-progress")
    goes_on("report", "--out", after)
    site.cli("audit", "verify", after, "--trust", trust, expect=0)
    agreed(after, trust)
    said = site.cli("audit", "compare", before, after, "--trust", trust, expect=0).out
    assert "4 verified objects lie at another place" in said
    goes_on("cutover", "rollback", "--batch", "elsewhere")
    assert site.pointer == NEW


def with_sidecar(site: Site) -> None:
    (one,) = site.section("datasets")
    ways = {"dates": "sidecar", "headers": "sidecar", "metadata": "sidecar", "tags": "sidecar"}
    for name in ("pmsi/b.csv", "pmsi/vide"):
        blob = site.container.client.get_blob_client(name)
        blob.set_blob_metadata({"ward": "3"})
        blob.set_blob_tags({"year": "1970"})
    site.environ["S_SAS"] = site.container.server.sas("rlt")
    site.change(datasets=[{**one, "fidelity": ways}])
    site.run()


def test_what_only_the_sidecar_tells_of_a_deleted_source_is_kept(
    finished: Finished, proxy_to: ProxyTo
) -> None:
    """The next run made the sidecar anew of what the bundle tells: dates, and nothing else."""
    site = finished(with_sidecar, Target())
    ended(site)
    execute(site, expect=0)
    server: Any = site.bucket.server
    (told,) = sidecars(site)
    assert all(word in told for word in (b"content-type", b"created", b"1970", b"ward"))
    before, more = str(site.folder / "before"), ("--state-dir", str(site.folder / "state-2"))
    site.cli("report", site.plan, "--out", before, expect=0)
    bucket_copied(site, proxy_to)
    led_elsewhere(site, "elsewhere", allow_empty=True, vanished="keep-at-target")
    site.cli("adopt", site.plan, "--bundle", before, *more, expect=0)
    site.cli(
        "run", site.plan, "--take-over", "--reason", "the host moved", "--until", "verify", *more,
        expect=0,
    )  # fmt: skip
    server.store.buckets[NAME] = server.store.buckets["another"]
    assert sidecars(site) == [told]


def sidecars(site: Site) -> list[bytes]:
    return [body for key, body in opened(site, "steward").items() if "-sidecar/" in key]


def test_a_copy_that_is_not_whole_is_not_adopted(finished: Finished, proxy_to: ProxyTo) -> None:
    """The host's own copy flipped a bit under the same size: the bundle's digest finds it."""
    site = finished(moved_once, Target())
    ended(site)
    execute(site, expect=0)
    before = str(site.folder / "before")
    site.cli("report", site.plan, "--out", before, expect=0)
    bucket_copied(site, proxy_to)
    server: Any = site.bucket.server
    (held,) = server.store.buckets["another"].objects["in/pmsi/b.csv.c4gh"]
    flipped = bytearray(held.body)
    flipped[-1] ^= 1
    held.body = bytes(flipped)
    led_elsewhere(site, "elsewhere", allow_empty=True, vanished="keep-at-target")
    adopted = site.cli(
        "adopt", site.plan, "--bundle", before, "--state-dir", str(site.folder / "state-2"),
        "--json", expect=4,
    ).json["batches"][0]  # fmt: skip
    assert (adopted["adopted"], adopted["unproved"]) == (3, 1)


def test_in_the_window_consumers_go_back_before_they_are_led_elsewhere(
    finished: Finished, proxy_to: ProxyTo
) -> None:
    """The old address is dead: the way back asks nothing of it."""
    site = finished(moved_once, Target())
    old = proxy_to(site.bucket.server)
    shutil.rmtree(site.state)
    first = site.section("target")
    site.change(target={**first, "endpoint": old.url})
    site.cli("adopt", site.plan, expect=0)
    site.cli("run", site.plan, "--take-over", "--reason", "begun", "--until", "verify", expect=0)
    site.approve("cutover")
    site.cutover("start", expect=0)
    assert site.pointer == NEW
    old.close()

    site.cutover("rollback", expect=7)

    assert site.pointer == OLD
    before, new = str(site.folder / "before"), str(site.folder / "state-2")
    site.cli("report", site.plan, "--out", before)
    site.change(target=first)
    more = ("--state-dir", new)
    adopted = site.cli("adopt", site.plan, "--bundle", before, *more, "--json", expect=0).json
    assert adopted["batches"][0]["by_bundle"] == 4
    site.cli(
        "run", site.plan, "--take-over", "--reason", "the host moved", "--until", "verify", *more,
        expect=0,
    )  # fmt: skip
    site.approve("cutover", "dpo", *more)
    site.cutover("start", *more, expect=0)
    assert site.pointer == NEW
