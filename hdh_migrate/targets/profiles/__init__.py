"""Provider profiles: dated data, one YAML file for each provider."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import yaml

from hdh_migrate.errors import PlanInvalid
from hdh_migrate.model import TargetLimits


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What is known of one provider, as of a date, with the source of the knowledge."""

    name: str
    as_of: str
    source: str
    addressing: str
    regions: tuple[str, ...]
    endpoint: str | None
    limits: TargetLimits

    def endpoint_for(self, region: str) -> str:
        """Return the endpoint of a region.

        Raises:
            PlanInvalid: the provider has no such region, or the plan must name the endpoint.
        """
        if self.endpoint is None:
            raise PlanInvalid([f"target.endpoint: provider {self.name} needs one"])
        if region not in self.regions:
            known = ", ".join(self.regions)
            raise PlanInvalid(
                [f"target.region: {self.name} has no region {region}; it has {known}"]
            )
        return self.endpoint.format(region=region)


def names() -> list[str]:
    """Return the names of all profiles, sorted."""
    return sorted(
        entry.name.removesuffix(".yaml")
        for entry in files(__package__).iterdir()
        if entry.name.endswith(".yaml")
    )


def load(name: str) -> Profile:
    """Return one profile.

    Raises:
        PlanInvalid: there is no profile of that name.
    """
    if name not in names():
        raise PlanInvalid([f"target.provider: no provider {name}; there are {', '.join(names())}"])
    raw: dict[str, Any] = yaml.safe_load((files(__package__) / f"{name}.yaml").read_text())
    return Profile(
        name=raw["name"],
        as_of=str(raw["as_of"]),
        source=raw["source"],
        addressing=raw["addressing"],
        regions=tuple(raw["regions"]),
        endpoint=raw.get("endpoint"),
        limits=TargetLimits(**raw["limits"]),
    )
