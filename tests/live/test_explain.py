"""`explain` and `validate --sample`: which rule decides, asked of the source before any run."""

from __future__ import annotations

import pytest

from tests.support.finished import prepared
from tests.support.site import Site, moved

pytestmark = pytest.mark.live


def with_rules(site: Site, **rules: object) -> None:
    dataset = {
        "name": "emc2",
        "source": {"container": site.container.name},
        "target": {"bucket": site.bucket.name, "prefix": "in/"},
        **rules,
    }
    site.change(datasets=[dataset])


def test_the_rule_that_decides_is_told_before_any_run_and_after_it(site: Site) -> None:
    with_rules(
        site,
        include=["pmsi/**", {"prefix": "scans/", "larger_than": "1MiB"}],
        exclude=[{"smaller_than": "1B", "reason": "nothing in it"}],
    )
    told = site.cli("explain", site.plan, "scans/big.raw", "--json", expect=0).json
    (one,) = told["datasets"]
    assert (one["becomes"], one["rule"], one["reason"]) == ("moved", "include[1]", None)
    assert one["asks"] == '{"larger_than":"1MiB","prefix":"scans/"}'
    assert one["target_key"] == "in/scans/big.raw.c4gh"
    assert one["ledger"] is None
    assert not site.state.exists()  # nothing was kept

    (one,) = site.cli("explain", site.plan, "pmsi/vide", "--json", expect=0).json["datasets"]
    assert (one["becomes"], one["rule"], one["reason"]) == (
        "left behind", "exclude[0]", "nothing in it",
    )  # fmt: skip
    (one,) = site.cli("explain", site.plan, "tmp/scratch", "--json", expect=0).json["datasets"]
    assert (one["becomes"], one["rule"]) == ("left behind", "include")

    site.run()
    said = site.cli("explain", site.plan, "scans/big.raw", expect=0).out
    assert "decided by include[1]" in said
    assert "in the ledger: verified" in said


def test_a_key_that_the_source_does_not_have_is_exit_4(site: Site) -> None:
    said = site.cli("explain", site.plan, "pmsi/nobody", expect=4)
    assert said.out == "dataset emc2: the source has no such object\n"
    assert "no dataset" in site.cli("explain", site.plan, "x", "--dataset", "y", expect=2).err


def test_a_key_may_come_from_stdin_where_nobody_sees_it(site: Site) -> None:
    said = site.cli("explain", site.plan, "-", typed="pmsi/théo dupont 1970.csv\n", expect=0)
    assert "no rule of the dataset speaks of it" in said.out
    assert "dupont" not in said.err


@prepared(moved)
def test_fetch_takes_a_key_from_stdin_too(site: Site) -> None:
    for sent, refused in (("pmsi/nobody\n", "no such object"), ("\n", "stdin has no key")):
        words = ("fetch", site.plan, "emc2", "-", "--out", str(site.folder / "got"))
        assert refused in site.cli(*words, typed=sent, expect=2).err


def test_rules_are_tried_on_a_listing_and_counted(site: Site) -> None:
    with_rules(
        site,
        include=["pmsi/**", "scans/**", "nothing/**"],
        exclude=[
            {"smaller_than": "1B", "reason": "nothing in it"},
            {"older_than": "1d", "reason": "old", "allow_unused": True},
        ],
    )
    told = site.cli("validate", site.plan, "--sample", "--json", expect=4).json
    (one,) = told["sample"]
    assert one["whole"] is True
    assert one["looked_at"]["objects"] == 5
    assert one["moved"]["objects"] == 3
    assert one["left_behind"]["objects"] == 2
    counts = {
        rule["rule"]: (rule["decided"]["objects"], rule["matched"], rule["unused"])
        for rule in one["rules"]
    }
    assert counts == {
        "include": (1, 0, False),
        "include[0]": (2, 3, False),
        "include[1]": (1, 1, False),
        "include[2]": (0, 0, True),
        "exclude[0]": (1, 1, False),
        "exclude[1]": (0, 0, False),
    }
    assert one["ages_fixed"] is False
    said = site.cli("validate", site.plan, "--sample", "--objects", "2", expect=4).out
    assert "looked at 2 objects" in said
    assert "there are more" in said
    assert "include[2] (nothing/**): MATCHES NOTHING of what was looked at" in said
    assert "dupont" not in said
    assert not site.state.exists()


def test_a_dry_run_says_what_each_rule_leaves_behind(site: Site) -> None:
    with_rules(
        site,
        include=["pmsi/**", "scans/**"],
        exclude=[{"smaller_than": "1B", "reason": "nothing in it"}],
    )
    told = site.cli("run", site.plan, "--dry-run", "--json", expect=0).json
    (one,) = told["batches"][0]["datasets"]
    assert [(left["rule"], left["objects"], left["reason"]) for left in one["left_behind"]] == [
        ("exclude[0]", 1, "nothing in it"),
        ("include", 1, "it matches nothing of the dataset's `include`"),
    ]
    site.run()
    again = site.cli("run", site.plan, "--dry-run", "--json", expect=0).json
    assert again["batches"][0]["datasets"][0]["left_behind"] == one["left_behind"]
    said = site.cli("run", site.plan, "--dry-run", expect=0).out
    assert 'exclude[0] ({"smaller_than":"1B"}) leaves behind 1 object' in said


def test_keys_of_a_list_that_are_not_there_are_counted_when_all_was_looked_at(site: Site) -> None:
    (site.folder / "cohort").write_text("pmsi/b.csv\nnobody\n")
    with_rules(site, include=[{"keys_from": "cohort"}])
    (one,) = site.cli("validate", site.plan, "--sample", "--json", expect=4).json["sample"]
    (rule,) = [rule for rule in one["rules"] if rule["rule"] == "include[0]"]
    assert (rule["decided"]["objects"], rule["keys_lacking"]) == (1, 1)
    said = site.cli("validate", site.plan, "--sample", expect=4).out
    assert "LACKS 1 key of its list" in said
    assert "nobody" not in said
    site.cli("validate", site.plan, "--sample", "--objects", "2", expect=0)
