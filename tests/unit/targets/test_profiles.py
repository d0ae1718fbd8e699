"""Every provider profile in the package can be read, is dated and sourced, and makes sense."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from pathlib import Path

import pytest
import yaml

from hdh_migrate.errors import Exit, PlanInvalid
from hdh_migrate.fixity import text_digest
from hdh_migrate.targets import profiles
from hdh_migrate.targets.profiles import compiled, written
from hdh_migrate.targets.profiles.schema import ProfileClaims
from hdh_migrate.wiring.chosen import belonging_to

PACKAGE = Path(__file__).parents[3] / "hdh_migrate"
DAY = re.compile(r"20\d\d-\d\d-\d\d")


SHIPPED = (
    "ceph-rgw", "cloud-temple", "generic", "numspot", "outscale", "ovhcloud", "s3ns", "scaleway",
)  # fmt: skip
"""Names that plans may hold since they were shipped; a new profile need not stand here."""


def test_no_profile_that_plans_may_name_goes_away() -> None:
    assert set(SHIPPED) <= set(profiles.names())


def test_a_profile_that_cannot_be_read_is_told_at_its_place_and_nothing_is_written(
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = Path(str(files(profiles))) / profiles.COMPILED
    before = file.stat()
    text = profiles.text_of("generic").replace("max_parts:", "max_part:")

    assert compiled.main([], {"generic": text}) == Exit.REFUSED

    told = capsys.readouterr().err
    assert re.search(
        r"^generic.yaml:\d+:3: the same key again; first on line \d+$", told, re.MULTILINE
    )
    assert "Traceback" not in told
    assert file.stat() == before


def test_a_shipped_profile_is_parsed_once_and_nobodys_own_claims_stay_in_it(tmp_path: Path) -> None:
    before = profiles.load("scaleway")
    parsed = profiles._document.cache_info().misses
    (tmp_path / "own.yaml").write_text(
        "claims: {max_parts: {value: 7, as_of: 2026-11-01, source: assumed, confirmed: no}}\n"
    )

    own = profiles.load("scaleway", tmp_path / "own.yaml")

    assert own.limits.max_parts == 7
    assert profiles.load("scaleway") == before
    assert profiles._document.cache_info().misses == parsed


@pytest.mark.parametrize("name", profiles.names())
def test_what_was_compiled_of_a_profile_is_what_its_file_says(name: str) -> None:
    text = profiles.text_of(name)
    found = json.loads((files(profiles) / profiles.COMPILED).read_text())[name]

    assert found["sha256"] == text_digest(text), f"run python -m {compiled.__name__}"
    assert found["profile"] == written.shipped(name, text)


@pytest.mark.parametrize("name", profiles.names())
def test_a_profile_reads_and_its_limits_hold_together(name: str) -> None:
    profile = profiles.load(name)
    limits = profile.limits
    assert profile.name == name, "`name` in the file is not the file's own"
    assert 0 < limits.min_part <= limits.max_part <= limits.max_object
    assert limits.max_parts >= 1000, "fewer than any host known so far: a slip? If not, change this"
    for region in profile.regions if profile.endpoint else ():
        assert profile.endpoint_for(region).startswith("https://")


@pytest.mark.parametrize("name", profiles.names())
def test_every_claim_is_dated_and_sourced_and_says_whether_it_is_confirmed(name: str) -> None:
    raw = yaml.safe_load((files(profiles) / f"{name}.yaml").read_text())
    profile = profiles.load(name)
    titles = {source["title"] for source in raw["sources"].values()}
    assert set(profile.capabilities) == set(ProfileClaims.model_fields)
    for capability, claim in profile.capabilities.items():
        assert DAY.fullmatch(claim.as_of), capability
        assert claim.origin == f"profile {name}"
        assert claim.source in titles, f"{capability}: its source is none of the file's `sources`"
        assert not (claim.confirmed and raw["claims"][capability]["source"] == "assumed")
    for told in (*profile.health, *profile.notes):
        assert DAY.fullmatch(told.as_of)
        assert told.source in titles, f"{told}: its source is none of the file's `sources`"


@pytest.mark.parametrize("name", profiles.names())
def test_no_host_belongs_to_two_providers(name: str) -> None:
    """The gate refuses what is a host of another profile: of two, neither could be used."""
    profile = profiles.load(name)
    for region in profile.regions if profile.endpoint else ():
        assert belonging_to(profile.endpoint_for(region), besides=name) is None, region


@pytest.mark.parametrize(
    ("claim", "value"),
    [
        ("endpoint", "https://s3.{regoin}.example.com"),
        ("endpoint", "https://s3.{region.example.com"),
        ("endpoint", "http://s3.{region}.example.com"),
        ("host", "s3.{}.example.com"),
        ("host", "S3.example.com"),
        ("signature_region", "{regoin}"),
    ],
)
def test_a_template_has_no_other_place_to_fill_in_than_the_region(
    tmp_path: Path, claim: str, value: str
) -> None:
    own = tmp_path / "own.yaml"
    said = f'{{value: "{value}", as_of: 2026-11-01, source: assumed, confirmed: no}}'
    own.write_text(f"claims: {{{claim}: {said}}}\n")

    with pytest.raises(PlanInvalid, match=rf"own.yaml:1:\d+: claims.{claim}.value: must be "):
        profiles.load("scaleway", own)


@pytest.mark.parametrize("name", profiles.names())
def test_the_words_that_mend_a_bucket_can_be_filled_in(name: str) -> None:
    for rule in profiles.load(name).health:
        told = rule.mended_by(bucket="b", endpoint="https://e", region="r")
        assert "{" not in told.replace('{"', "").replace("{\\", "")


def test_an_unknown_provider_or_region_is_refused_with_what_there_is() -> None:
    with pytest.raises(PlanInvalid, match="generic"):
        profiles.load("nowhere")
    with pytest.raises(PlanInvalid, match="fr-par"):
        profiles.load("scaleway").endpoint_for("us-east-1")


@pytest.mark.slow
def test_no_code_asks_for_a_provider_by_name() -> None:
    """Names of providers stand in profiles, in help texts and in examples of plans only."""
    theirs = "|".join(name.replace("-", ".?") for name in profiles.names() if name != "generic")
    name = re.compile(rf"{theirs}|ovh|\bceph|\brgw\b|scality|[\"']generic[\"']")
    found = [
        f"{path.relative_to(PACKAGE)}:{number}: {line.strip()}"
        for path in sorted(PACKAGE.rglob("*.py"))
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if name.search(line.lower()) and not _is_an_example(path, line)
    ]
    assert found == []


def _is_an_example(path: Path, line: str) -> bool:
    return (
        path.name == "template.py"
        or "examples=" in line
        or line.lstrip().startswith('"providers show ')
        or line.startswith("_UNKNOWN = ")
        or line.lstrip().startswith(("description=", '" '))
    )
