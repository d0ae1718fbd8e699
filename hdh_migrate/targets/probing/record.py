"""What a probe observed beside what the profile claims, and what follows for later runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from hdh_migrate.frozen import frozen
from hdh_migrate.model import TargetLimits
from hdh_migrate.results.hosts import ObservationFact, ProbeRecord

FORMAT = "urn:hdh-migrate:probe:v1"


@frozen
class Observation:
    """One observed trait of a host.

    `observed` is None when it could not be known; `how` says what was tried and what came. For a
    list, `tried` names what was tried, for only that can be compared.
    """

    name: str
    observed: Any
    how: str
    tried: tuple[str, ...] = ()

    def as_json(self, claims: Mapping[str, Any]) -> ObservationFact:
        """Return the observation beside the profile's claim; `agrees` is None without either."""
        claimed = claims.get(self.name)
        known = self.name in claims and self.observed is not None
        return {
            "name": self.name,
            "observed": self.observed,
            "how": self.how,
            "profile": list(claimed) if isinstance(claimed, tuple) else claimed,
            "agrees": self._agrees(claimed) if known else None,
            "better": known and not self._agrees(claimed) and self._better(claimed),
        }

    def _better(self, claimed: Any) -> bool:  # noqa: ANN401 - claims are of many types
        """Return whether the host does more than is counted on, so that nothing depends on it."""
        if isinstance(claimed, bool):
            return self.observed is not (self.name in _UNWANTED)
        if self.tried:
            return True  # Content-MD5 goes with every such request, wanted or not
        return claimed in _CAUTIOUS or self.observed in {"same", "exact"}

    def _agrees(self, claimed: Any) -> bool:  # noqa: ANN401 - claims are of many types
        if self.tried:
            return set(self.observed) == set(claimed) & set(self.tried)
        if self.name in _AT_LEAST:
            return bool(self.observed >= claimed)
        if self.name in _AT_MOST:
            return bool(self.observed <= claimed)
        return bool(self.observed == claimed)


_AT_LEAST = frozenset(("max_parts", "max_key", "max_metadata", "max_tags"))
"""Limits of which a probe tries the claimed value and the next one: more is no difference."""

_AT_MOST = frozenset(("min_part",))

_UNWANTED = frozenset(("keys_normalised", "keys_case_folded"))
"""Traits that a host is better without."""

_CAUTIOUS = frozenset(("opaque", "ascii", "error"))
"""Claims that count on nothing: whatever is observed instead is more."""

_CAPABILITIES = {
    "conditional_put": "create_only",  # a replacement is looked at before and after it anyway
    "conditional_complete": "conditional_complete",
    "part_copy": "part_copy",
    "tags": "tags",
    "tags_with_put": "tags_with_put",
    "tags_with_upload": "tags_with_upload",
}
"""Limits that are capabilities, with the trait that decides them."""


def seen(name: str, observed: Any, how: str, *, tried: Sequence[str] = ()) -> Observation:  # noqa: ANN401 - JSON
    """Return an observation."""
    return Observation(name=name, observed=observed, how=how, tried=tuple(tried))


def unknown(name: str, why: str) -> Observation:
    """Return an observation that could not be made."""
    return Observation(name=name, observed=None, how=why)


def differences(facts: Iterable[ObservationFact]) -> list[ObservationFact]:
    """Return the observations in which the host is less than the profile claims."""
    return [one for one in facts if one["agrees"] is False and not one["better"]]


def observed(record: ProbeRecord | None, name: str) -> Any:  # noqa: ANN401 - JSON
    """Return what a record says of one trait, None when it does not know."""
    observations = record["observations"] if record else ()
    return next((one["observed"] for one in observations if one["name"] == name), None)


def lowered(limits: TargetLimits, record: ProbeRecord | None) -> TargetLimits:
    """Return the limits with what a probe found tighter; a probe never loosens a claim."""
    changes: dict[str, Any] = {}
    for name in _AT_LEAST:
        found = observed(record, name)
        if found is not None and found < getattr(limits, name):
            changes[name] = int(found)
    smallest = observed(record, "min_part")
    if smallest is not None and smallest > limits.min_part:
        changes["min_part"] = int(smallest)
    for name, trait in _CAPABILITIES.items():
        if observed(record, trait) is False and getattr(limits, name):
            changes[name] = False
    return replace(limits, **changes)
