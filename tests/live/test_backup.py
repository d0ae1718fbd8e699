"""Copies of the ledger as operators have them made: by hand beside a run, and by each run."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from hdh_migrate.errors import Exit
from tests.support.errand import BUCKET, Errand, errand
from tests.support.fixtures import s3_client
from tests.support.inside import inside as started
from tests.support.strict_s3 import StrictS3

pytestmark = [pytest.mark.live, pytest.mark.slow]


@pytest.fixture
def job(tmp_path: Path) -> Iterator[Errand]:
    """A plan whose ledger is copied into the folder `copies`."""
    with StrictS3() as server:
        client = s3_client(server)  # type: ignore[arg-type]  # it has what is asked of a server
        client.create_bucket(Bucket=BUCKET)
        yield errand(
            tmp_path, endpoint=server.endpoint, access_key=server.access_key,
            secret_key=server.secret_key, region=server.region, big=100_000,
            fetch=lambda key: client.get_object(Bucket=BUCKET, Key=key)["Body"].read(),
            more=["backup: {folder: copies, keep: 2}"],
        )  # fmt: skip
        client.close()


def copies(job: Errand) -> list[Path]:
    return sorted((job.folder / "copies").iterdir())


def test_a_run_copies_its_ledger_and_the_copy_put_in_place_goes_on(job: Errand) -> None:
    assert job.call("run")[0] == Exit.OK
    (copy,) = copies(job)
    assert (copy / "statements.jsonl").exists(), "what follows on its report is copied, too"
    shutil.rmtree(job.folder / ".hdh-migrate" / "errand")

    shutil.copytree(copy, job.folder / ".hdh-migrate" / "errand")

    code, told = job.call("run")
    assert code == Exit.OK
    assert told["datasets"][0]["states"].keys() == {"verified"}
    assert len(copies(job)) == 2
    assert job.call("verify", "--again")[0] == Exit.OK
    job.check_stored()


def test_a_copy_that_cannot_be_made_is_told_and_the_run_goes_on(job: Errand) -> None:
    (job.folder / "copies").write_text("somebody's file")

    done = started("run", str(job.plan), "--json", env=job.environ)

    assert done.returncode == Exit.FINDINGS
    assert "no copy of the ledger was made" in done.stderr
    assert "what was begun went on without" in done.stderr
    job.check_stored()
    (job.folder / "copies").unlink()
    assert job.call("run")[0] == Exit.OK
    assert len(copies(job)) == 1


def test_where_copies_go_may_change_at_any_time(job: Errand) -> None:
    assert job.call("run")[0] == Exit.OK
    text = job.plan.read_text()
    job.plan.write_text(text.replace("{folder: copies, keep: 2}", "{folder: elsewhere}"))
    assert job.call("run")[0] == Exit.OK
    assert len(list((job.folder / "elsewhere").iterdir())) == 1


def test_a_copy_by_hand(job: Errand) -> None:
    to = job.folder / "stick"
    backup = ("ledger", "backup", str(job.plan))
    early = started(*backup, "--to", str(to), "--json", env=job.environ)
    assert early.returncode == Exit.USAGE
    assert job.call("inventory")[0] == Exit.OK

    done = started(*backup, "--to", str(to), env=job.environ)

    assert done.returncode == Exit.OK, done.stderr
    assert "it was read back and checks" in done.stdout
    (copy,) = to.iterdir()
    assert (copy / "ledger.db").exists()
    to.chmod(0o777)
    done = started(*backup, "--to", str(to), env=os.environ | job.environ)
    assert done.returncode == Exit.REFUSED
    assert len(list(to.iterdir())) == 1
    (job.folder / "file").write_text("somebody's")
    done = started(*backup, str(job.folder / "file"), env=job.environ)
    assert done.returncode == Exit.USAGE
    assert "is no folder" in done.stderr
    assert (job.folder / "file").read_text() == "somebody's"
    both = started(*backup, str(to), "--to", str(job.folder / "other"), env=job.environ)
    assert both.returncode == Exit.USAGE
    done = started(*backup, str(job.folder / "other"), env=job.environ)
    assert done.returncode == Exit.OK, done.stderr
