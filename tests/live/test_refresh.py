"""A source that lives for weeks, as operators follow it: at the real command line, real servers."""

from __future__ import annotations

import base64
import json
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from hdh_migrate.errors import Exit
from hdh_migrate.model import Step
from tests.support.agreed import agreed
from tests.support.errand import BIG, BUCKET, ODD, Errand, errand
from tests.support.finished import prepared
from tests.support.fixtures import s3_client
from tests.support.site import Site, moved
from tests.support.strict_s3 import StrictS3
from tests.support.strict_s3.server import Seen
from tests.support.strict_s3.store import Version

pytestmark = [pytest.mark.live, pytest.mark.slow]


def found(told: dict[str, Any]) -> tuple[int, int, int, int]:
    """Return how many objects a pass found new, changed, vanished, and left behind."""
    (one,) = told["refreshes"]
    return tuple(one[kind]["objects"] for kind in ("new", "changed", "vanished", "left"))  # type: ignore[return-value]


def verdict(site: Site, name: str, *more: str) -> dict[str, Any]:
    """Write a bundle, let the verifier that travels in it check it; return its statement."""
    out = site.folder / name
    site.cli("report", site.plan, "--out", str(out), *more)
    key = str(site.folder / "keys" / "report.pub")
    site.cli("audit", "verify", str(out), "--trust", key, expect=0)
    agreed(out, key)
    envelope = json.loads((out / "statement.json").read_text())
    told = json.loads(base64.b64decode(envelope["payload"]))
    return dict(told["predicate"])


def test_a_source_is_followed_until_it_comes_to_rest(site: Site) -> None:
    client = site.container.client
    site.run()
    first = verdict(site, "one")
    client.upload_blob("pmsi/late.csv", b"late" * 70)
    client.upload_blob("pmsi/b.csv", b"changed", overwrite=True)
    client.delete_blob("pmsi/vide")

    told = site.real(
        "run", site.plan, "--refresh", "--until", "verify", "--json", expect=Exit.FINDINGS
    ).json
    assert found(told) == (1, 1, 1, 0)
    assert told["refreshes"][0]["new"]["bytes"] == 280
    assert told["refreshes"][0]["before"] == []
    assert told["datasets"][0]["states"]["verified"]["objects"] == 5

    text = site.cli("inventory", site.plan, "--refresh", expect=Exit.FINDINGS).out
    assert "all: pass 2, 5 objects (" in text
    assert "at the source: 0 new, 0 changed, 0 vanished" in text
    assert "pass 1, 20" in text

    client.upload_blob("pmsi/vide", b"")  # back
    client.upload_blob("pmsi/soon gone.csv", b"x")
    site.cli("inventory", site.plan, "--refresh", expect=Exit.OK)
    client.delete_blob("pmsi/soon gone.csv")
    site.cli("run", site.plan, "--until", "verify", expect=Exit.FINDINGS)
    told = site.cli("run", site.plan, "--refresh", "--until", "verify", "--json").json
    assert (told["exit"], found(told)) == (Exit.FINDINGS, (0, 0, 1, 1))
    listed = site.cli("status", site.plan, "--json", expect=0).json
    assert [one["code"] for one in listed["findings"] if one["severity"] == "finding"] == [
        "vanished"
    ]

    for name, more in (("two", ()), ("keyed", ("--names", "keyed"))):
        told = verdict(site, name, *more)
        assert told["outcome"]["complete"] is True
        rules = {one["rule"]: one["objects"] for one in told["exclusions"]}
        assert rules == {"exclude tmp/**": 1, "vanished": 1}
        (dataset,) = told["datasets"]
        assert dataset["tally"]["closes"] is True
        assert dataset["tally"]["inventoried"]["objects"] == 7
    assert first["outcome"]["complete"] is True
    compared = site.cli("audit", "compare", *_bundles(site, "one", "two"), expect=0).out
    assert "2 verified objects have another digest, size or source version" in compared
    assert ", as the journal tells since" in compared

    client.upload_blob("pmsi/soon gone.csv", b"here again")
    assert site.cli("run", site.plan, "--refresh", "--until", "verify").code == Exit.OK
    told = verdict(site, "three")
    site.cli("audit", "compare", *_bundles(site, "two", "three"), expect=0)
    site.cli("audit", "compare", *_bundles(site, "one", "three"), expect=0)
    assert {one["rule"] for one in told["exclusions"]} == {"exclude tmp/**"}
    assert told["outcome"]["states"]["verified"]["objects"] == 6


def _bundles(site: Site, *names: str) -> list[str]:
    key = str(site.folder / "keys" / "report.pub")
    return [*(str(site.folder / name) for name in names), "--trust", key]


def test_tags_that_changed_without_a_new_version_are_followed(site: Site) -> None:
    client = site.container.client.get_blob_client("pmsi/b.csv")
    client.set_blob_tags({"cohort": "2025", "consent": "yes"})
    site.run()
    before = client.get_blob_properties().etag
    where = {"Bucket": site.bucket.name, "Key": "in/pmsi/b.csv.c4gh"}

    def tags() -> dict[str, str]:
        found = site.bucket.client.get_object_tagging(**where)["TagSet"]
        return {one["Key"]: one["Value"] for one in found}

    assert tags() == {"cohort": "2025", "consent": "yes"}
    client.set_blob_tags({"cohort": "2025", "consent": "withdrawn"})
    assert client.get_blob_properties().etag == before

    told = site.cli("run", site.plan, "--refresh", "--until", "verify", "--json", expect=0).json
    assert found(told) == (0, 1, 0, 0)
    assert tags() == {"cohort": "2025", "consent": "withdrawn"}
    told = site.cli("run", site.plan, "--refresh", "--until", "verify", "--json", expect=0).json
    assert found(told) == (0, 0, 0, 0)  # it comes to rest
    verdict(site, "retagged")


@prepared(moved)
def test_an_empty_container_is_not_believed(site: Site) -> None:
    for blob in list(site.container.client.list_blobs()):
        site.container.client.delete_blob(blob.name)
    said = site.cli("run", site.plan, "--refresh", "--until", "verify")
    assert said.code == Exit.REFUSED
    assert "lists no object any more" in said.err
    assert "Traceback" not in said.err
    states = site.cli("status", site.plan, "--json", expect=0).json["batches"][0]["states"]
    assert states["verified"] == 4


def waive(site: Site, code: str) -> None:
    time.sleep(0.01)
    site.cli(
        "waive", site.plan, "--what", f"finding.{code}", "--reason", "known",
        "--until", "2099-12-31", "--key", str(site.folder / "keys" / "ciso.key"), expect=0,
    )  # fmt: skip


def test_what_failed_for_good_is_waived_or_tried_again(site: Site) -> None:
    site.change(waivers={"keys": ["keys/ciso.pub"]})
    site.cli("run", site.plan, "--until", "inventory", expect=0)
    key = "in/pmsi/b.csv.c4gh"
    site.bucket.client.put_object(Bucket=site.bucket.name, Key=key, Body=b"theirs")
    assert site.cli("run", site.plan, "--until", "verify").code == Exit.FINDINGS
    waive(site, "conflict")
    for _ in range(2):  # a run that tried it anew would find it anew, and nobody has waived that
        assert site.cli("run", site.plan, "--until", "verify").code == Exit.OK

    told = site.cli("errors", site.plan, "--json", expect=0).json
    assert [(one["code"], one["count"], one["waived"]) for one in told["causes"]] == [
        ("conflict", 1, 1)
    ]
    assert "1 x conflict (emc2), 1 of them waived" in site.cli("errors", site.plan).out

    told = site.cli("status", site.plan, "--json", "--check", expect=0).json
    (batch,) = told["batches"]
    assert (batch["state"], batch["steps"]["verify"]["done"]) == ("done", True)
    assert (batch["amounts"]["failed"]["objects"], batch["waived"]["objects"]) == (1, 1)
    assert site.cli("run", site.plan, "--dry-run", "--json").json["exit"] == Exit.OK

    usage = site.cli("run", site.plan, "--code", "conflict")
    assert usage.code == Exit.USAGE
    for wrong in ("conflikt", "vanished", "kind-symlink"):
        said = site.cli("run", site.plan, "--retry-failed", "--code", wrong)
        assert (said.code, wrong in said.err) == (Exit.USAGE, True)

    again = ("run", site.plan, "--retry-failed", "--until", "verify", "--json")
    told = site.cli(*again, "--code", "denied").json
    assert (told["exit"], told["retried"]) == (Exit.OK, {})
    told = site.cli(*again, "--code", "conflict").json
    assert (told["exit"], told["retried"]) == (Exit.FINDINGS, {"conflict": 1})
    site.bucket.client.delete_object(Bucket=site.bucket.name, Key=key)
    told = site.cli(*again).json
    assert (told["exit"], told["retried"]) == (Exit.OK, {"conflict": 1})
    assert verdict(site, "out")["outcome"]["complete"] is True


# --- the target's old object, on a server that minds every condition ------------------------------


class Between(list[Seen]):
    """What a server has answered; acts right after one answer, before the client has it."""

    def __init__(self, operation: str, key: str, act: Callable[[], None]) -> None:
        super().__init__()
        self._wanted, self._act = (operation, key), act

    def append(self, seen: Seen) -> None:
        super().append(seen)
        if (seen.operation, seen.key) == self._wanted:
            self._act()


def made(folder: Path, server: StrictS3) -> Errand:
    client = s3_client(server)  # type: ignore[arg-type]  # it has what is asked of a server
    client.create_bucket(Bucket=BUCKET)
    return errand(
        folder, endpoint=server.endpoint, access_key=server.access_key,
        secret_key=server.secret_key, region=server.region,
        fetch=lambda key: client.get_object(Bucket=BUCKET, Key=key)["Body"].read(),
    )  # fmt: skip


@pytest.mark.parametrize("name", [ODD, BIG])
def test_a_changed_object_replaces_only_what_we_put_there(tmp_path: Path, name: str) -> None:
    key = f"in/{name}.c4gh"
    with StrictS3() as server:
        job = made(tmp_path, server)
        assert job.run_here() == (0, "")
        bucket = server.store.bucket(BUCKET)
        ours = bucket.current(key)
        assert ours is not None
        changed = job.corpus[name][::-1] + b"!"
        (tmp_path / "data" / name).write_bytes(changed)
        job.corpus[name] = changed
        server.seen.clear()

        code, told = job.call("run", "--refresh", "--until", "verify")
        assert (code, found(told)) == (0, (0, 1, 0, 0))
        job.check_stored()
        writes = [
            one
            for one in server.seen
            if one.key == key and one.operation in {"PutObject", "CompleteMultipartUpload"}
        ]
        assert [one.headers.get("if-match") for one in writes] == [f'"{ours.etag}"']
        now = bucket.current(key)
        assert now is not None
        assert now.body[:400] != ours.body[:400]  # the header wraps a new data key


@pytest.mark.parametrize("name", [ODD, BIG])
def test_who_comes_between_our_look_and_our_write_is_not_overwritten(
    tmp_path: Path, name: str
) -> None:
    key = f"in/{name}.c4gh"
    with StrictS3() as server:
        job = made(tmp_path, server)
        assert job.run_here() == (0, "")
        bucket = server.store.bucket(BUCKET)

        def theirs() -> None:
            bucket.add(
                Version(key=key, body=b"theirs", etag="0" * 32, at=server.store.now(), id="null")
            )

        (tmp_path / "data" / name).write_bytes(b"changed" * (1000 if name == ODD else 2_000_000))
        server.seen = Between("HeadObject", key, theirs)
        code, _ = job.call("run", "--refresh", "--until", "transfer")
        assert code == Exit.FINDINGS
        held = bucket.current(key)
        assert held is not None
        assert held.body == b"theirs"
        assert job.findings() == [("conflict", name)]


def test_a_bucket_with_versions_keeps_the_old_object(tmp_path: Path) -> None:
    with StrictS3() as server:
        job = made(tmp_path, server)
        server.store.bucket(BUCKET).versioning = "Enabled"
        assert job.run_here() == (0, "")
        (tmp_path / "data" / ODD).write_bytes(b"changed")
        assert job.call("run", "--refresh", "--until", "verify")[0] == 0
        assert len(server.store.bucket(BUCKET).objects[f"in/{ODD}.c4gh"]) == 2


def test_a_file_that_became_a_link_is_waived(tmp_path: Path) -> None:
    with StrictS3() as server:
        job = made(tmp_path, server)
        assert job.run_here(Step.INVENTORY) == (0, "")
        (tmp_path / "data" / ODD).unlink()
        (tmp_path / "data" / ODD).symlink_to("empty")
        assert job.call("run", "--refresh", "--until", "verify")[0] == Exit.FINDINGS
        assert job.findings() == [("kind-symlink", ODD)]
        (tmp_path / "data" / ODD).unlink()
        assert job.call("run", "--refresh", "--until", "verify")[0] == Exit.FINDINGS
        assert job.findings() == [("vanished", ODD)]


@prepared(moved)
def test_a_refresh_that_is_killed_goes_on(site: Site) -> None:
    """kill -9 at whatever it was doing; two refreshes in a row afterwards find nothing more."""
    for number in range(30):
        site.container.client.upload_blob(f"pmsi/n{number}", b"n" * number)
    for seconds in (0.2, 0.4, 0.8):
        process = site.begin("run", site.plan, "--refresh", "--until", "verify", "--no-progress")
        with suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
        process.kill_all()
        process.communicate()
    told = site.cli("run", site.plan, "--refresh", "--until", "verify", "--json", expect=0).json
    (one,) = told["refreshes"]
    passes = [one, *one["before"]]
    assert sum(each["new"]["objects"] for each in passes) == 30
    assert told["datasets"][0]["states"]["verified"]["objects"] == 34
    told = site.cli("run", site.plan, "--refresh", "--until", "verify", "--json", expect=0).json
    assert found(told) == (0, 0, 0, 0)
