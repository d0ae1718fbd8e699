"""What is known of one provider, as the rest of the program reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any, Final

from hdh_migrate.errors import PlanInvalid
from hdh_migrate.frozen import frozen
from hdh_migrate.model import TargetLimits

_LIMITS: Final = tuple(TargetLimits.__dataclass_fields__)


@frozen
class Claim:
    """What is counted on, with where it comes from; `confirmed` is False for a cautious guess."""

    value: Any
    as_of: str
    source: str
    confirmed: bool
    origin: str
    """`profile NAME`, or "the plan's own profile"."""
    note: str | None = None


@frozen
class HealthRule:
    """One condition that a bucket for health data must meet before anything is written."""

    name: str
    """Unique in the profile; what a waiver names."""
    see: str
    """What is looked at; `targets.conditions` has a row for each."""
    wanted: bool | tuple[str, ...]
    """Whether it must be so, or of which values it may be."""
    rule: str
    fix: str
    as_of: str
    source: str
    confirmed: str
    """`yes` or `no`, as in the file."""

    def mended_by(self, *, bucket: str, endpoint: str, region: str) -> str:
        """Return what mends it, for one bucket."""
        text = self.fix
        for name, value in (("bucket", bucket), ("endpoint", endpoint), ("region", region)):
            text = text.replace(f"{{{name}}}", value)
        return text


@frozen
class ProfileNote:
    """Something to know that the tool does not act on, above all about qualifications."""

    text: str
    as_of: str
    source: str
    confirmed: str
    """`yes` or `no`, as in the file."""


@frozen
class Own:
    """The customer's file that replaced claims."""

    reference: str
    sha256: str
    overrides: tuple[str, ...]
    """Names of claims, and `health.NAME` for rules, in the file's order."""


@frozen
class Profile:
    """What is known of one provider; `capabilities` maps every name in `Claims` to its claim."""

    name: str
    title: str
    as_of: str
    capabilities: Mapping[str, Claim]
    health: tuple[HealthRule, ...] = ()
    notes: tuple[ProfileNote, ...] = ()
    own: Own | None = None
    limits: TargetLimits = field(init=False)

    def __post_init__(self) -> None:
        values = {
            name: self.capabilities[name].value for name in _LIMITS if name in self.capabilities
        }
        object.__setattr__(self, "limits", TargetLimits(**values))

    def value(self, name: str) -> Any:  # noqa: ANN401 - claims are of many types
        """Return what is counted on under a capability name."""
        return self.capabilities[name].value

    @property
    def addressing(self) -> str:
        """Where the bucket stands: `path` or `virtual`."""
        return str(self.value("addressing"))

    @property
    def regions(self) -> tuple[str, ...]:
        """The regions that are known; none: any."""
        return tuple(self.value("regions"))

    @property
    def endpoint(self) -> str | None:
        """The template of the endpoint, None when the plan must name it."""
        value = self.value("endpoint")
        return None if value is None else str(value)

    def endpoint_for(self, region: str) -> str:
        """Return the endpoint of a region.

        Raises:
            PlanInvalid: the provider has no such region, or the plan must name the endpoint.
        """
        if self.endpoint is None:
            raise PlanInvalid([f"target.endpoint: missing: provider {self.name} needs one"])
        self.demand_region(region)
        return self.endpoint.format(region=region)

    def demand_region(self, region: str) -> None:
        """Refuse a region that the provider does not have.

        Raises:
            PlanInvalid: there are regions and it is none of them.
        """
        if self.regions and region not in self.regions:
            known = ", ".join(self.regions)
            raise PlanInvalid(
                [f"target.region: {self.name} has no region {region}; it has {known}"]
            )

    def signature_region(self, region: str) -> str:
        """Return the region that requests are signed for."""
        return str(self.value("signature_region")).format(region=region)
