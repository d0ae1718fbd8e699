"""An old copy of a ledger vouches for no key that was replaced since on another machine."""

from __future__ import annotations

import json
import shutil
from typing import Any

import pytest

from tests.support import strict_buckets
from tests.support.fixtures import s3_client
from tests.support.rotated import NAME, executed, opened, say_next, with_keys
from tests.support.site import CORPUS, Site

pytestmark = [pytest.mark.live, pytest.mark.slow]

bucket = strict_buckets.unversioned
WHY = ("--reason", "the machine burned")
PLACE = ".hdh-migrate-fence/exit/"


@pytest.fixture
def site(site: Site) -> Site:
    """A site whose escrow key was replaced after a copy of its state was made."""
    with_keys(site).run()
    shutil.copytree(site.folder / ".hdh-migrate", site.folder / "old")
    shutil.copy(site.folder / "plan.yaml", site.folder / "old.yaml")
    say_next(site, old="escrow")
    executed(site, old="escrow", expect=0)
    return site


def adopt(site: Site, plan: str, state: str, *, expect: int) -> str:
    where = ("--state-dir", str(site.folder / state))
    plan = str(site.folder / plan)
    dry = site.cli("adopt", plan, *where, "--dry-run", expect=expect).err
    said = site.cli("adopt", plan, *where, "--no-progress", expect=expect).err
    assert dry.partition("error: ")[2] == said.partition("error: ")[2]
    return said


def posts(client: Any) -> set[str]:
    return {one["Key"] for one in client.list_objects_v2(Bucket=NAME, Prefix=PLACE)["Contents"]}


def test_an_old_copy_neither_adopts_nor_takes_over_with_the_old_key(site: Site) -> None:
    assert set(opened(site, "next")) == {f"in/{key}.c4gh" for key in (*CORPUS, "scans/large.raw")
                                         if not key.startswith("tmp/")}  # fmt: skip
    assert "keys were exchanged on 2" in adopt(site, "old.yaml", "old", expect=3)
    for verb in ("fence", "run"):
        said = site.cli(
            verb, str(site.folder / "old.yaml"), "--take-over", *WHY,
            "--state-dir", str(site.folder / "old"), expect=3,
        )  # fmt: skip
        assert "keys were exchanged on 2" in said.err
    assert "keys were exchanged on 2" in adopt(site, "old.yaml", "new", expect=3)


def test_who_names_todays_recipients_adopts(site: Site) -> None:
    adopt(site, "plan.yaml", "new", expect=0)
    where = ("--state-dir", str(site.folder / "new"))
    site.cli("fence", site.plan, "--take-over", *WHY, *where, expect=0)
    site.cli("run", site.plan, "--until", "verify", "--no-progress", *where, expect=0)


def test_an_exchange_that_did_not_end_is_gone_on_with_by_its_own_ledger_alone(site: Site) -> None:
    client = s3_client(site.bucket.server)
    (ended,) = (key for key in posts(client) if "/exchanged-" in key)
    client.delete_object(Bucket=NAME, Key=ended)  # as if it had been killed right before
    for plan in ("plan.yaml", "old.yaml"):
        assert "is not finished" in adopt(site, plan, "new", expect=3)
    executed(site, old="escrow", expect=0)  # the same command
    assert posts(client) == {ended, ended.replace("/exchanged-", "/exchanging-")}
    adopt(site, "plan.yaml", "new", expect=0)


def test_a_signpost_that_nobody_can_read_is_not_passed(site: Site) -> None:
    client = s3_client(site.bucket.server)
    key = min(posts(client))
    told = json.loads(client.get_object(Bucket=NAME, Key=key)["Body"].read())
    for body in (b"\x1b[2J", json.dumps({**told, "recipients": ["no key"]}).encode(), b"x" * 99999):
        client.put_object(Bucket=NAME, Key=key, Body=body)
        said = adopt(site, "plan.yaml", "new", expect=3)
        assert "nobody can read what it says" in said
        assert "\x1b" not in said
