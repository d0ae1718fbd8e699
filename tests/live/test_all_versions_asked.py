"""What people ask about a dataset with all versions: which is which, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from hdh_migrate.sealing.keys import new_pair
from tests.live.test_all_versions import bucket, everything, held, put
from tests.live.test_beside import change
from tests.live.test_fidelity_strict import job_of
from tests.support.inside import inside as started
from tests.support.strict_blob import StrictBlob
from tests.support.strict_s3 import Manner, StrictS3

pytestmark = [pytest.mark.live]

OLDEST = "2024-01-02T03:04:05.1234567Z;versionid"


@pytest.fixture
def target() -> Iterator[StrictS3]:
    with StrictS3(Manner()) as server:
        bucket(server)
        yield server


def test_a_version_is_asked_for_as_it_is_shown(tmp_path: Path, target: StrictS3) -> None:
    with StrictBlob() as source:
        job = job_of(tmp_path, source, target)
        everything(job)
        put(source, "a b", b"one", 2, metadata={"big": "x" * 3000}, tags={"k": "v"})
        put(source, "a b", b"two", 3, properties={"AccessTier": "Cool"})
        put(source, "a b", b"three", 4, "", metadata={"ward": "7"})
        dry = started("run", str(job.plan), "--dry-run", env=job.environ)
        assert dry.returncode == 0, dry.stderr
        assert "[all-versions]" in dry.stdout + dry.stderr
        told = started("validate", str(job.plan), env=job.environ)
        assert "versions of all: all of them, with the snapshots, oldest first" in told.stdout
        assert job.run_here() == (0, "")
        shown = started("ls", str(job.plan), "--show-names", env=job.environ)
        assert f"a b [{OLDEST}]" in shown.stdout
        for number, (name, data) in enumerate({f"a b [{OLDEST}]": b"one", "a b": b"three"}.items()):
            out = tmp_path / f"out{number}"
            done = started("fetch", str(job.plan), "all", name, "--out", str(out), env=job.environ)
            assert done.returncode == 0, done.stderr
            assert out.read_bytes() == data
            done = started("explain", str(job.plan), name, "--json", env=job.environ)
            (one,) = json.loads(done.stdout)["datasets"]
            assert one["becomes"] == "moved"
            assert one["source"]["size"] == len(data)
            assert one["ledger"]["version"] == one["source"]["version"]
        out = tmp_path / "none"
        done = started(
            "fetch", str(job.plan), "all", f"a b [{OLDEST[:-9]}snapshot]", "--out", str(out),
            env=job.environ,
        )  # fmt: skip
        assert done.returncode == 2, done.stdout
        dry = started("run", str(job.plan), "--dry-run", env=job.environ)
        assert dry.returncode == 0, dry.stdout + dry.stderr
        code, view = job.call("restore-view", "--out", str(tmp_path / "view"))
        assert (code, view["differences"]) == (0, 0), view
        rebuilt = [json.loads(line) for line in (tmp_path / "view").read_text().splitlines()]
        assert [one.get("Metadata") for one in rebuilt] == [
            {"big": "x" * 3000}, None, {"ward": "7"}
        ]  # fmt: skip


def test_nothing_is_granted_or_adopted_of_versions(tmp_path: Path, target: StrictS3) -> None:
    with StrictBlob() as source:
        job = job_of(tmp_path, source, target)
        everything(job)
        put(source, "a", b"one", 2)
        put(source, "a", b"two", 3, "")
        assert job.run_here() == (0, "")
        new_pair(tmp_path, "lab", passphrase=None)
        done = started(
            *("grant", str(job.plan), "--dataset", "all", "--to", str(tmp_path / "lab.pub")),
            *("--permit", "R-7", "--until", "2099-12-31", "--purpose", "study"),
            *("--out", str(tmp_path / "pack")), env=job.environ,
        )  # fmt: skip
        assert done.returncode == 3, done.stdout + done.stderr
        assert "it is moved with all versions, and a grant gives what is current" in done.stderr
        done = started("adopt", str(job.plan), env=job.environ)
        assert done.returncode == 3, done.stdout
        assert "is moved with all versions, which cannot be adopted" in done.stderr


@pytest.mark.slow
def test_a_key_that_is_left_behind_is_so_with_all_its_versions(
    tmp_path: Path, target: StrictS3
) -> None:
    with StrictBlob() as source:
        job = job_of(tmp_path, source, target)
        everything(job)
        left = '    exclude: [{glob: "*.tmp", reason: scratch}]'
        change(job, "    source: {container", f"{left}\n    source: {{container")
        put(source, "x.tmp", b"one", 2)
        put(source, "x.tmp", b"two", 3, "")
        put(source, "y", b"kept", 2, "")
        assert job.run_here() == (0, "")
        assert held(job, target) == {"y": [b"kept"]}
        bundle = tmp_path / "bundle"
        assert job.call("report", "--out", str(bundle))[0] == 0
        key = str(tmp_path / "keys" / "report.pub")
        done = started("audit", "verify", str(bundle), "--trust", key, env=job.environ)
        assert done.returncode == 0, done.stdout + done.stderr
