"""What reports and people see of a profile, as plain JSON values."""

from __future__ import annotations

from hdh_migrate.results.hosts import ClaimFact, HealthRuleFact, ProfileFact
from hdh_migrate.targets.profiles import Claim, Profile
from hdh_migrate.targets.profiles.nouns import HealthRule

RELIED_ON = (
    "endpoint", "host", "regions", "addressing", "signature_region", "private_network",
    "max_parts", "min_part", "max_part", "max_put", "max_object", "max_key", "max_metadata",
    "max_tags", "max_open_uploads", "quota_bytes", "request_seconds", "writes_per_second",
    "reads_per_second",
    "connection_bytes_per_second", "objects_per_bucket", "signed_payload", "conditional_put",
    "conditional_complete", "part_copy", "list_parts", "list_uploads", "range_reads",
    "metadata_names", "tags", "tags_with_put", "tags_with_upload", "lock_modes",
)  # fmt: skip
"""Claims that a run acts on, whatever the plan says."""


def profile_facts(profile: Profile, shipped: Profile) -> dict[str, object]:
    """Return what a report says of a plan's profile; `shipped` is the one that it lies over.

    `overrides` are the claims that the plan's own profile replaced, each with both values;
    `unconfirmed` are the claims that a run relies on and no source confirms.
    """
    return {
        "name": profile.name,
        "as_of": profile.as_of,
        "own": None
        if profile.own is None
        else {"reference": profile.own.reference, "sha256": profile.own.sha256},
        "overrides": [] if profile.own is None else [
            _override(name, profile, shipped) for name in profile.own.overrides
        ],
        "unconfirmed": [
            {"name": name, **claim_facts(profile.capabilities[name])}
            for name in RELIED_ON
            if not profile.capabilities[name].confirmed
        ],
    }  # fmt: skip


def claim_facts(claim: Claim) -> ClaimFact:
    """Return one claim as JSON."""
    value = claim.value
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # as it was written
    fact: ClaimFact = {
        "value": list(value) if isinstance(value, tuple) else value,
        "as_of": claim.as_of,
        "source": claim.source,
        "confirmed": claim.confirmed,
        "origin": claim.origin,
    }
    if claim.note is not None:
        fact["note"] = claim.note
    return fact


def described(profile: Profile) -> ProfileFact:
    """Return a whole profile as JSON."""
    return {
        "name": profile.name,
        "title": profile.title,
        "as_of": profile.as_of,
        "claims": {name: claim_facts(claim) for name, claim in profile.capabilities.items()},
        "health": [_rule(rule) for rule in profile.health],
        "notes": [
            {
                "text": note.text,
                "as_of": note.as_of,
                "source": note.source,
                "confirmed": note.confirmed,
            }
            for note in profile.notes
        ],
    }


def _rule(rule: HealthRule) -> HealthRuleFact:
    return {
        "name": rule.name,
        "see": rule.see,
        "wanted": rule.wanted if isinstance(rule.wanted, bool) else list(rule.wanted),
        "rule": rule.rule,
        "fix": rule.fix,
        "as_of": rule.as_of,
        "source": rule.source,
        "confirmed": rule.confirmed,
    }


def _override(name: str, profile: Profile, shipped: Profile) -> dict[str, object]:
    if name not in profile.capabilities:
        return {"name": name}  # a health-data rule
    was = claim_facts(shipped.capabilities[name])["value"]
    return {"name": name, "was": was, **claim_facts(profile.capabilities[name])}
