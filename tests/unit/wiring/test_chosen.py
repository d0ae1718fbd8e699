"""Provider, region, endpoint and buckets of a plan fit together, or they are refused in place."""

from __future__ import annotations

from pathlib import Path

import pytest

from hdh_migrate.errors import PlanInvalid
from hdh_migrate.targets import profiles
from hdh_migrate.wiring.chosen import check, endpoint_of, host_fits, profile_of
from tests.unit.plan.builders import GOOD, changed, loaded

OWN = "{{value: {value}, as_of: 2026-11-01, source: ticket 4711, confirmed: yes}}"
REGION = "  provider: scaleway\n  region: fr-par\n"
GENERIC = "  provider: generic\n  region: fr-par\n  endpoint: {}\n"


def refused(folder: Path, text: str) -> list[str]:
    plan = loaded(folder, text)
    with pytest.raises(PlanInvalid) as error:
        check(plan)
    return [line.removeprefix(f"{plan.path}:") for line in error.value.problems]


@pytest.mark.parametrize(
    ("now", "told"),
    [
        ("  provider: nowhere\n  region: fr-par\n", "8:13: target.provider: there is no such prov"),
        ("  provider: scaleway\n", "8:3: target.region: missing: the provider has regions; it has"),
        ("  provider: scaleway\n  region: fr-pra\n", "9:11: target.region: the provider has no su"),
        ("  provider: generic\n", "8:3: target.endpoint: missing: this provider's profile has no"),
        ("  provider: ceph-rgw\n", "8:3: target.endpoint: missing: this provider's profile has no"),
        (
            REGION + "  endpoint: https://s3.example.org\n",
            "10:13: target.endpoint: this provider's profile has its own endpoint",
        ),
        (
            (
                "  provider: cloud-temple\n  region: fr1\n"
                "  endpoint: https://hdh.s3.fr1.cloud-tempIe.com\n"
            ),
            (
                "10:13: target.endpoint: not a host of this provider and region: it would be"
                " *.s3.fr1.cloud-temple.com"
            ),
        ),
        (
            GENERIC.format("https://s3.nl-ams.scw.cloud"),
            "10:13: target.endpoint: a host of provider scaleway: name that",
        ),
        (
            GENERIC.format("https://hdh.s3.fr1.cloud-temple.com"),
            "10:13: target.endpoint: a host of provider cloud-temple: name that",
        ),
    ],
)
def test_what_does_not_fit_is_told_where_it_stands(tmp_path: Path, now: str, told: str) -> None:
    (line,) = refused(tmp_path, changed(REGION, now))
    assert line.startswith(told)


@pytest.mark.parametrize(
    ("now", "endpoint"),
    [
        (REGION, "https://s3.fr-par.scw.cloud"),
        (REGION + "  endpoint: http://127.0.0.1:5000\n", "http://127.0.0.1:5000"),
        (GENERIC.format("https://s3.example.org"), "https://s3.example.org"),
        ("  provider: ceph-rgw\n  endpoint: https://s3.example.org\n", "https://s3.example.org"),
        (
            (
                "  provider: cloud-temple\n  region: fr1\n"
                "  endpoint: https://hdh.s3.fr1.cloud-temple.com\n"
            ),
            "https://hdh.s3.fr1.cloud-temple.com",
        ),
    ],
)
def test_what_fits_has_an_endpoint(tmp_path: Path, now: str, endpoint: str) -> None:
    plan = loaded(tmp_path, changed(REGION, now))
    check(plan)
    assert endpoint_of(plan.plan, plan.base) == endpoint


@pytest.mark.parametrize(
    ("endpoint", "fits"),
    [
        ("https://s3.fr-par.scw.cloud", True),
        ("https://S3.FR-PAR.scw.cloud", True),
        ("https://s3.nl-ams.scw.cloud", False),
        ("https://s3.fr-par.scw.cloud.evil.example", False),
        ("https://evil-s3.fr-par.scw.cloud", False),
        ("https://s3-fr-par.scw.cloud", False),
        ("https://s3.fr-par.scw.cloud:444", False),
        ("https://s3.fr-par.scw.c1oud", False),
    ],
)
def test_only_the_very_host_fits_a_pattern(endpoint: str, fits: bool) -> None:
    assert host_fits(profiles.load("scaleway"), endpoint, "fr-par") is fits


def test_a_star_stands_for_exactly_one_label() -> None:
    temple = profiles.load("cloud-temple")
    assert host_fits(temple, "https://a-b.s3.fr1.cloud-temple.com", "fr1")
    for host in (
        "s3.fr1.cloud-temple.com",
        "a.b.s3.fr1.cloud-temple.com",
        "-.s3.fr1.cloud-temple.com",
    ):
        assert not host_fits(temple, f"https://{host}", "fr1")


def test_a_bucket_with_a_dot_is_refused_where_the_profile_says_so(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text(f"claims:\n  dotted_buckets: {OWN.format(value='refuse')}\n")
    dotted = changed("{bucket: hds-emc2, prefix: pmsi/}", "{bucket: hds.emc2, prefix: pmsi/}")
    check(loaded(tmp_path, dotted))
    with_own = dotted.replace("  region: fr-par\n", "  region: fr-par\n  profile: own.yaml\n")
    (line,) = refused(tmp_path, with_own)
    assert (
        line == "19:22: datasets[0].target.bucket: this host takes no bucket with a dot in its name"
    )


def test_the_plans_own_profile_replaces_single_claims_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text(f"claims:\n  max_parts: {OWN.format(value=500)}\n")
    plan = loaded(tmp_path, GOOD.replace("fr-par\n", "fr-par\n  profile: own.yaml\n", 1))
    profile = profile_of(plan.plan, plan.base)
    claim = profile.capabilities["max_parts"]
    assert (profile.limits.max_parts, profile.limits.max_part) == (500, 5_000_000_000)
    assert (claim.origin, claim.source, claim.as_of) == (profiles.OWN, "ticket 4711", "2026-11-01")
    assert profile.capabilities["max_part"].origin == "profile scaleway"
    assert profile.own is not None
    assert profile.own.overrides == ("max_parts",)
    assert profile.own.reference == "own.yaml"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("claims: {max_parts: 5}\n", "own.yaml:1:21: claims.max_parts: "),
        ("claims:\n  max_partz: {value: 5}\n", "own.yaml:2:14: claims.max_partz: extra inputs"),
        (
            f"claims: {{max_parts: {OWN.format(value='many')}}}",
            "claims.max_parts.value: input should",
        ),
        (f"claims: {{max_part: {OWN.format(value=1)}}}", "do not hold together"),
        ("surprise: 1\n", "own.yaml:1:11: surprise: extra inputs"),
        ("claims: {}\nclaims: {}\n", "own.yaml:2:1"),
        ("- 1\n", "a profile is a mapping"),
    ],
)
def test_an_own_profile_that_says_nonsense_is_refused(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "own.yaml").write_text(text)
    plan = loaded(tmp_path, GOOD.replace("fr-par\n", "fr-par\n  profile: own.yaml\n", 1))
    with pytest.raises(PlanInvalid) as error:
        check(plan)
    assert told in "\n".join(error.value.problems)


def test_an_own_profile_that_is_not_there_is_refused(tmp_path: Path) -> None:
    plan = loaded(tmp_path, GOOD.replace("fr-par\n", "fr-par\n  profile: own.yaml\n", 1))
    with pytest.raises(PlanInvalid, match=r"own\.yaml: the profile cannot be read"):
        check(plan)


@pytest.mark.parametrize(
    ("provider", "mode", "told"),
    [
        ("  provider: outscale\n  region: eu-west-2\n", "governance", "compliance only"),
        ("  provider: outscale\n  region: eu-west-2\n", "compliance", None),
        ("  provider: s3ns\n  region: u-france-east1\n", "governance", "no retention"),
        ("  provider: s3ns\n  region: u-france-east1\n", "compliance", "no retention"),
        (
            ("  provider: numspot\n  region: eu-1\n"
            "  endpoint: https://objectstorage.eu-1.numspot.com\n"),
            "governance", "not confirmed",
        ),
        (REGION, "governance", None),
    ],
)  # fmt: skip
def test_retention_in_a_mode_that_the_host_does_not_know_is_refused_with_the_reason(
    tmp_path: Path, provider: str, mode: str, told: str | None
) -> None:
    target = "target: {bucket: hds-emc2, prefix: pmsi/"
    assert target in GOOD
    kept = f"{target}, retention: {{mode: {mode}, days: 3650}}"
    text = changed(REGION, provider).replace(target, kept)
    if told is None:
        check(loaded(tmp_path, text))
        return
    (line,) = refused(tmp_path, text)
    assert "target.retention.mode: the host's object lock knows" in line
    assert told in line
    own = OWN.format(value="[governance, compliance]")
    (tmp_path / "mine.yaml").write_text(f"claims: {{lock_modes: {own}}}")
    check(loaded(tmp_path, text.replace(provider, provider + "  profile: mine.yaml\n")))
