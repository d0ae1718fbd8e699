"""A host refuses in its reply what it did all the same, while objects are written anew."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hdh_migrate.errors import Exit
from tests.live.test_reseal_apart import demand_anew, keys_of, packs, with_packs
from tests.support import strict_buckets
from tests.support.finished import Finished, Target
from tests.support.resealed import bucket_of, data_keys, opened_by, sealed_anew
from tests.support.rotated import (
    behaving,
    executed,
    opened,
    say_next,
    verified,
    versions,
    with_keys,
)
from tests.support.site import Site

pytestmark = pytest.mark.live

SMALL, LARGE = "in/pmsi/b.csv", "in/scans/large.raw"
NOTHING = frozenset[tuple[str, str]]()

kept = strict_buckets.kept


@pytest.fixture
def inline(finished: Finished, kept: bool) -> Site:
    return finished(verified, Target(versions=kept))


@pytest.fixture
def apart(finished: Finished, kept: bool) -> Site:
    return finished(with_packs, Target(versions=kept))


def writes(suffix: str) -> frozenset[tuple[str, str]]:
    """Return what writes a small object and a large one."""
    return frozenset({("PutObject", SMALL + suffix), ("CompleteMultipartUpload", LARGE + suffix)})


def rotated(site: Site) -> None:
    say_next(site)
    executed(site, expect=0)


@pytest.mark.parametrize("anew", [rotated, sealed_anew])
def test_what_landed_and_was_refused_is_taken_as_it_is(
    inline: Site, anew: Callable[[Site], object]
) -> None:
    before, keys = opened(inline, "escrow"), data_keys(inline)
    behaving(inline, denied_though_done=writes(".c4gh"))

    anew(inline)

    assert opened(inline, "escrow") == before
    if anew is sealed_anew:
        assert opened_by(inline, keys) == set()
    else:
        assert opened(inline, "steward") == {}
    assert len(list(versions(inline))) == len(before)
    inline.cli("verify", inline.plan, "--again", "--no-progress", expect=0)


def test_a_body_that_landed_and_was_refused_has_its_header(apart: Site) -> None:
    keys = keys_of(apart, packs(apart))
    behaving(apart, denied_though_done=writes(".segments"))

    sealed_anew(apart)

    demand_anew(apart, keys)
    apart.cli("verify", apart.plan, "--again", "--no-progress", expect=0)


@pytest.mark.parametrize("done", [True, False])
def test_where_nobody_knows_what_became_of_it_it_stays_under_way(apart: Site, done: bool) -> None:
    keys, asked = keys_of(apart, packs(apart)), writes(".segments")
    shut = frozenset({("HeadObject", SMALL + ".segments")})
    behaving(
        apart, denied_though_done=asked if done else NOTHING, denied=shut if done else shut | asked
    )  # fmt: skip

    said = sealed_anew(apart, expect=Exit.STOPPED)
    assert "is not known" in said.err
    assert "stays under way" in said.err
    sealed_anew(apart, expect=Exit.STOPPED)
    behaving(apart, denied_though_done=NOTHING, denied=NOTHING)
    sealed_anew(apart)

    demand_anew(apart, keys)
    apart.cli("verify", apart.plan, "--again", "--no-progress", expect=0)


def test_what_was_refused_and_not_done_is_left_and_opens(apart: Site) -> None:
    keys = keys_of(apart, packs(apart))
    behaving(apart, denied=writes(".segments"))
    told = sealed_anew(apart, "--json", expect=Exit.VERIFICATION_FAILED).json
    assert told["left"] == {"refused": 2}
    behaving(apart, denied=NOTHING)
    apart.cli("verify", apart.plan, "--again", "--no-progress", expect=0)
    sealed_anew(apart)
    demand_anew(apart, keys)


def tagged(site: Site) -> None:
    """Prepare a site with tags, at a host that takes none with the bytes, as a probe found."""
    site.container.client.upload_blob(
        SMALL.removeprefix("in/"), b"of a ward", tags={"ward": "3"}, overwrite=True
    )
    with_keys(site)
    behaving(site, loses_put_tags=True, loses_upload_tags=True)
    site.cli("probe", site.plan, "--no-progress")
    site.run()


def test_what_landed_and_was_refused_has_its_tags(finished: Finished, kept: bool) -> None:
    site, name = finished(tagged, Target(versions=kept)), SMALL + ".c4gh"
    behaving(site, denied_though_done=frozenset({("PutObject", name)}))

    rotated(site)

    assert bucket_of(site).objects[name][-1].tags == {"ward": "3"}
    site.cli("verify", site.plan, "--again", "--no-progress", expect=0)


def test_tags_that_are_refused_leave_the_object_or_are_said_to_be_lost(
    finished: Finished, kept: bool
) -> None:
    site, name = finished(tagged, Target(versions=kept)), SMALL + ".c4gh"
    say_next(site)
    behaving(site, denied=frozenset({("PutObjectTagging", name)}))

    said = executed(site, "--json", expect=5 if kept else None)

    assert said.json["left"] == ({"refused": 1} if kept else {})
    causes = site.cli("errors", site.plan, "--json").json["causes"]
    assert [one["code"] for one in causes] == ([] if kept else ["tags-lost"])
    assert bucket_of(site).objects[name][-1].tags == ({"ward": "3"} if kept else {})
    behaving(site, denied=NOTHING)
    if kept:
        executed(site, expect=0)
        assert bucket_of(site).objects[name][-1].tags == {"ward": "3"}
