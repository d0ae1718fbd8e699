"""An object is read back, or it is said what stands in its place and what decides about it."""

from __future__ import annotations

import pytest

from tests.support.finished import prepared
from tests.support.fixtures import s3_client
from tests.support.site import Site, moved

pytestmark = pytest.mark.live

KEY = "pmsi/b.csv"


@prepared(moved)
@pytest.mark.parametrize("now", ["gone", "replaced"])
def test_what_the_target_does_not_hold_any_more_is_not_fetched(site: Site, now: str) -> None:
    """Of a replaced one `fetch` ended with a code that it does not name, and gave no way on."""
    target = s3_client(site.bucket.server)
    listed = target.list_objects_v2(Bucket=site.bucket.name)["Contents"]
    (stored,) = [one["Key"] for one in listed if one["Key"].endswith("/b.csv.c4gh")]
    target.delete_object(Bucket=site.bucket.name, Key=stored)
    if now == "replaced":
        target.put_object(Bucket=site.bucket.name, Key=stored, Body=b"somebody else's")
    out = site.folder / "b.csv"
    said = site.cli("fetch", site.plan, "emc2", KEY, "--out", str(out), expect=5)
    assert not out.exists()
    assert f'"hdh-migrate verify {site.plan} --again" finds what' in said.err


@prepared(moved)
@pytest.mark.parametrize("verb", [("fetch", "emc2", KEY), ("restore-view",)])
def test_what_is_opened_goes_into_no_stream_and_into_no_file_called_so(
    site: Site, verb: tuple[str, ...]
) -> None:
    """Who meant a stream had a file named `-` with plaintext in it, in the folder of the plan."""
    name, *more = verb
    said = site.cli(name, site.plan, *more, "--out", "-", expect=2)
    assert "never into a stream" in said.err
