"""Every provider profile in the package can be read and makes sense."""

from __future__ import annotations

import pytest

from hdh_migrate.errors import PlanInvalid
from hdh_migrate.targets import profiles


@pytest.mark.parametrize("name", profiles.names())
def test_a_profile_reads_and_its_limits_hold_together(name: str) -> None:
    profile = profiles.load(name)
    limits = profile.limits
    assert profile.name == name
    assert profile.as_of
    assert profile.source
    assert 0 < limits.min_part <= limits.max_part
    assert limits.max_part <= limits.max_object
    assert limits.max_parts >= 1000
    for region in profile.regions:
        assert profile.endpoint_for(region).startswith("https://")


def test_an_unknown_provider_or_region_is_refused_with_what_there_is() -> None:
    with pytest.raises(PlanInvalid, match="generic"):
        profiles.load("nowhere")
    with pytest.raises(PlanInvalid, match="fr-par"):
        profiles.load("scaleway").endpoint_for("us-east-1")
