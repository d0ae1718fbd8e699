"""Provider profiles: dated data, one YAML file for each provider, overridden claim by claim.

Code never asks for a provider; it asks a profile, mostly through its `limits`. A customer's own
profile beside the plan (`target.profile`) replaces single claims, and says so wherever it matters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

from hdh_migrate.errors import PlanInvalid
from hdh_migrate.model import TargetLimits
from hdh_migrate.plan import beside
from hdh_migrate.targets.profiles.schema import (
    Citation,
    HealthRule,
    Merged,
    OwnFile,
    ProfileClaims,
    ProfileFile,
    ProfileNote,
)

OWN = "the plan's own profile"
HINT = "`hdh-migrate docs providers` describes the profiles"

Dated = TypeVar("Dated", HealthRule, ProfileNote)

_UNKNOWN = "generic"

_LIMITS = tuple(
    name for name in TargetLimits.__dataclass_fields__ if name in ProfileClaims.model_fields
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What is counted on, with where it comes from; `confirmed` is False for a cautious guess."""

    value: Any
    as_of: str
    source: str
    confirmed: bool
    origin: str
    """`profile NAME`, or "the plan's own profile"."""
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Own:
    """The customer's file that replaced claims."""

    reference: str
    sha256: str
    overrides: tuple[str, ...]
    """Names of claims, and `health.NAME` for rules, in the file's order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What is known of a provider; `capabilities`: each name in `ProfileClaims`, with its claim."""

    name: str
    title: str
    as_of: str
    capabilities: Mapping[str, Claim]
    health: tuple[HealthRule, ...] = ()
    notes: tuple[ProfileNote, ...] = ()
    own: Own | None = None
    limits: TargetLimits = field(init=False)

    def __post_init__(self) -> None:
        values = {name: self.capabilities[name].value for name in _LIMITS}
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


@cache
def names() -> tuple[str, ...]:
    """Return the names of all profiles, sorted."""
    return tuple(
        sorted(
            entry.name.removesuffix(".yaml")
            for entry in files(__package__).iterdir()
            if entry.name.endswith(".yaml")
        )
    )


def load(name: str, own: Path | None = None, reference: str | None = None) -> Profile:
    """Return one profile, with the claims of `own` in place of its own where it has any.

    `reference` is how the plan names `own`.

    Raises:
        PlanInvalid: there is no profile of that name, or `own` is refused; all problems are told.
    """
    if name not in names():
        raise PlanInvalid([f"target.provider: no provider {name}; there are {', '.join(names())}"])
    document, shipped = _shipped(name)
    claims = _claims(shipped.claims, shipped.sources, f"profile {name}")
    rules, replaced = _sourced(shipped.health, shipped.sources), None
    if own is not None:
        text = beside.read(own, "a profile", hint=HINT)
        mine, own_claims = _own(own, text, document["claims"])
        changed = tuple(mine.claims)
        told = _claims(own_claims, mine.sources, OWN)
        claims |= {capability: told[capability] for capability in changed}
        rules = _replaced(rules, _sourced(mine.health, mine.sources))
        overrides = (*changed, *(f"health.{rule.name}" for rule in mine.health))
        replaced = Own(
            reference=reference or own.name,
            sha256=beside.digest_of(text),
            overrides=overrides,
        )
    return Profile(
        name=shipped.name,
        title=shipped.title,
        as_of=shipped.as_of,
        capabilities=claims,
        health=rules,
        notes=_sourced(shipped.notes, shipped.sources),
        own=replaced,
    )


def unknown() -> Profile:
    """Return the profile of a host of which nothing is known."""
    return load(_UNKNOWN)


@cache
def _shipped(name: str) -> tuple[Mapping[str, Any], ProfileFile]:
    """Read a profile of the package, which does not change; also return its JSON value."""
    where = f"{name}.yaml"
    text = (files(__package__) / where).read_text(encoding="utf-8")
    found = beside.parsed(text, where, "a profile", hint=HINT)
    return found.value, beside.checked(ProfileFile, found.value, found, where, hint=HINT)


def _own(path: Path, text: str, below: Mapping[str, Any]) -> tuple[OwnFile, ProfileClaims]:
    """Parse a customer's profile; also return all claims with it laid over those below."""
    found = beside.parsed(text, str(path), "a profile", hint=HINT)
    mine = beside.checked(OwnFile, found.value, found, str(path), hint=HINT)
    whole = {"claims": {**below, **mine.claims}}
    merged = beside.checked(Merged, whole, found, str(path), hint=HINT)
    return mine, merged.claims


def _claims(
    claims: ProfileClaims, sources: Mapping[str, Citation], origin: str
) -> dict[str, Claim]:
    return {
        name: Claim(
            value=told.value,
            as_of=told.as_of,
            source=_title(told.source, sources),
            confirmed=told.confirmed == "yes",
            origin=origin,
            note=told.note,
        )
        for name, told in ((name, getattr(claims, name)) for name in ProfileClaims.model_fields)
    }


def _title(source: str, sources: Mapping[str, Citation]) -> str:
    return sources[source].title if source in sources else source


def _sourced(told: Sequence[Dated], sources: Mapping[str, Citation]) -> tuple[Dated, ...]:
    return tuple(one.model_copy(update={"source": _title(one.source, sources)}) for one in told)


def _replaced(rules: Sequence[HealthRule], mine: Sequence[HealthRule]) -> tuple[HealthRule, ...]:
    by_name = {rule.name: rule for rule in rules} | {rule.name: rule for rule in mine}
    return tuple(by_name.values())
