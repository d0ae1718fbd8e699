"""An auditor reads some objects back from the target, with a read-only key and without the plan."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hdh_migrate.errors import Exit
from tests.cli.test_cli import Desk
from tests.support.fixtures import Bucket
from tests.support.inside import inside as started

pytestmark = pytest.mark.live


@pytest.fixture
def audited(tmp_path: Path, any_bucket: Bucket) -> tuple[Path, Bucket]:
    """The bundle of a real run beside the operator's key and an access key of the auditor's."""
    work = tmp_path / "work"
    work.mkdir()
    desk, server = Desk(work, any_bucket), any_bucket.server
    desk.environ |= {"T_ID": server.access_key, "T_SECRET": server.secret_key}
    assert desk.run("run", str(desk.plan), "--out", str(tmp_path / "bundle")).returncode == Exit.OK
    shutil.copy(work / "keys" / "report.pub", tmp_path / "operator.pub")
    (tmp_path / "access").write_text(f"{server.access_key}\n{server.secret_key}\n")
    return tmp_path / "bundle", any_bucket


def alone(bundle: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the bundle's own files, isolated from this project."""
    done = subprocess.run(
        [sys.executable, "verify.py", ".", "--trust", "../operator.pub", *arguments],
        cwd=bundle, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr
    shutil.rmtree(bundle / "__pycache__", ignore_errors=True)
    return done


def lines(bundle: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (bundle / "manifest.jsonl").read_bytes().splitlines()]


def test_a_sample_bounds_what_may_be_bad_and_can_be_repeated(
    audited: tuple[Path, Bucket],
) -> None:
    bundle, _ = audited
    sampled = ("--sample", "2", "--target-credentials", "../access")

    first = alone(bundle, *sampled, "--nonce", "abc")
    again = alone(bundle, *sampled, "--nonce", "abc")
    whole = alone(bundle, "--sample", "1000", "--target-credentials", "../access")

    assert first.returncode == Exit.OK, first.stdout + first.stderr
    assert "fewer than 77.64% are bad" in first.stdout  # 1 - 0.05^(1/2)
    assert "drawn with nonce abc" in first.stdout
    assert first.stdout == again.stdout
    assert f"all {len(lines(bundle))} stored objects were read" in whole.stdout


def test_a_changed_or_missing_object_is_told_by_its_line(audited: tuple[Path, Bucket]) -> None:
    bundle, bucket = audited
    whole = lines(bundle)
    bucket.client.put_object(Bucket=bucket.name, Key=str(whole[0]["target_key"]), Body=b"other")
    bucket.client.delete_object(Bucket=bucket.name, Key=str(whole[1]["target_key"]))

    done = started(
        *("audit", "verify", str(bundle), "--json"),
        *("--trust", str(bundle.parent / "operator.pub"), "--sample", "1000"),
        *("--target-credentials", str(bundle.parent / "access")),
    )

    assert done.returncode == Exit.DAMAGED, done.stderr
    problems = json.loads(done.stdout)["problems"]
    assert sorted(problems) == [
        "manifest.jsonl line 1: the target holds other bytes than were stored",
        "manifest.jsonl line 2: cannot be read at the target: HTTP 404",
    ]


@pytest.mark.parametrize("content", ["", "onlyone", None], ids=["empty", "no-secret", "no-file"])
def test_a_bad_access_key_file_is_wrong_usage(
    audited: tuple[Path, Bucket], content: str | None
) -> None:
    bundle, _ = audited
    access = bundle.parent / "bad"
    if content is not None:
        access.write_text(content)

    done = alone(bundle, "--sample", "2", "--target-credentials", "../bad")

    assert done.returncode == Exit.USAGE
