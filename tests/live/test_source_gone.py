"""Months later the source is emptied and its account closed: what does not read it goes on."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from hdh_migrate.errors import Exit
from tests.support.errand import BUCKET, errand
from tests.support.fixtures import s3_client
from tests.support.strict_s3 import StrictS3

pytestmark = [pytest.mark.live, pytest.mark.slow]


def test_a_source_that_is_gone_holds_up_only_who_reads_it(tmp_path: Path) -> None:
    """`verify --again` of all that was moved was refused from the day its source was gone."""
    with StrictS3() as server:
        client = s3_client(server)  # type: ignore[arg-type]  # it has what is asked of a server
        client.create_bucket(Bucket=BUCKET)
        job = errand(
            tmp_path, endpoint=server.endpoint, access_key=server.access_key,
            secret_key=server.secret_key, region=server.region,
            fetch=lambda key: client.get_object(Bucket=BUCKET, Key=key)["Body"].read(),
        )  # fmt: skip
        assert job.run_here() == (0, "")
        shutil.rmtree(tmp_path / "data")

        code, told = job.call("verify", "--again")
        assert (code, [look["differing"] for look in told["looks"]]) == (0, [[]])
        assert told["looks"][0]["objects"] == 3
        assert job.call("run")[0] == Exit.OK
        assert job.call("run", "--dry-run")[0] == Exit.OK
        assert job.call("preflight")[0] == Exit.OK

        # What is asked for a listing needs it, and so does what waits to be sent again.
        assert job.call("run", "--refresh")[0] == Exit.REFUSED
        client.delete_object(Bucket=BUCKET, Key="in/empty.c4gh")
        assert job.call("verify", "--again")[0] == Exit.VERIFICATION_FAILED
        assert job.call("run")[0] == Exit.REFUSED
