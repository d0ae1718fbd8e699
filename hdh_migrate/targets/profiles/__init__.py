"""Provider profiles: dated data, one YAML file for each provider, overridden claim by claim.

Code never asks for a provider; it asks a profile, mostly through its `limits`. A customer's own
profile beside the plan (`target.profile`) replaces single claims, and says so wherever it matters.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from hdh_migrate.errors import PlanInvalid
from hdh_migrate.fixity import text_digest
from hdh_migrate.targets.profiles.nouns import Claim, HealthRule, Own, Profile, ProfileNote

_HERE = Path(__file__).parent  # `importlib.resources` is dear: it makes temporary files

OWN = "the plan's own profile"

COMPILED = "compiled.json"
"""What compiled.py made of all files of this package, with the digest of each."""

_UNKNOWN = "generic"

__all__ = [
    "COMPILED",
    "OWN",
    "Claim",
    "Profile",
    "load",
    "names",
    "text_of",
    "unknown",
]


@cache
def names() -> tuple[str, ...]:
    """Return the names of all profiles, sorted."""
    return tuple(
        sorted(
            entry.name.removesuffix(".yaml")
            for entry in _HERE.iterdir()
            if entry.name.endswith(".yaml")
        )
    )


def load(name: str, own: Path | None = None, reference: str | None = None) -> Profile:
    """Return one profile, with the claims of `own` in place of its own where it has any.

    `reference` is how the plan names `own`.

    Raises:
        PlanInvalid: there is no profile of that name, or `own` is refused; all problems are named.
    """
    if name not in names():
        raise PlanInvalid([f"target.provider: no provider {name}; there are {', '.join(names())}"])
    profile = _packaged(name)
    if own is None:
        return profile
    from hdh_migrate.targets.profiles import written  # few plans have one

    mine = written.own(own, text_of(name))
    changed = _rules(mine.health)
    by_name = {rule.name: rule for rule in (*profile.health, *changed)}
    return replace(
        profile,
        capabilities={**profile.capabilities, **_claims(mine.claims, OWN)},
        health=tuple(by_name.values()),
        own=Own(
            reference=reference or own.name,
            sha256=mine.sha256,
            overrides=(*mine.claims, *(f"health.{rule.name}" for rule in changed)),
        ),
    )


@cache
def _packaged(name: str) -> Profile:
    """Return a profile of the package as it was shipped; who looks for a host asks for all."""
    document = _document(name)
    return Profile(
        name=document["name"],
        title=document["title"],
        as_of=document["as_of"],
        capabilities=_claims(document["claims"], f"profile {name}"),
        health=_rules(document["health"]),
        notes=tuple(ProfileNote(**one) for one in document["notes"]),
    )


def unknown() -> Profile:
    """Return the profile of a host of which nothing is known."""
    return load(_UNKNOWN)


def text_of(name: str) -> str:
    """Return the file of a profile of the package."""
    return (_HERE / f"{name}.yaml").read_text(encoding="utf-8")


@cache
def _document(name: str) -> Mapping[str, Any]:
    """Return what a profile of the package says.

    As it was compiled, if the file is the one that it was compiled of. To read and check the file
    itself takes a fifth of the time in which a command starts.
    """
    text = text_of(name)
    compiled = json.loads((_HERE / COMPILED).read_text(encoding="utf-8"))
    found = compiled.get(name)
    if found is not None and found["sha256"] == text_digest(text):
        return dict(found["profile"])
    from hdh_migrate.targets.profiles import written

    return written.shipped(name, text)


def _claims(claims: Mapping[str, Mapping[str, Any]], origin: str) -> dict[str, Claim]:
    return {
        name: Claim(
            value=_frozen(claim["value"]),
            as_of=claim["as_of"],
            source=claim["source"],
            confirmed=claim["confirmed"] == "yes",
            origin=origin,
            note=claim["note"],
        )
        for name, claim in claims.items()
    }


def _rules(rules: Sequence[Mapping[str, Any]]) -> tuple[HealthRule, ...]:
    return tuple(HealthRule(**{**one, "wanted": _frozen(one["wanted"])}) for one in rules)


def _frozen(value: Any) -> Any:  # noqa: ANN401 - claims are of many types
    return tuple(value) if isinstance(value, list) else value
