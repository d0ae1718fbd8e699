"""What the evidence and people are told of a profile: plain JSON values."""

from __future__ import annotations

from typing import Any

from hdh_migrate.targets.profiles import Claim, Profile

RELIED_ON = (
    "endpoint", "host", "regions", "addressing", "signature_region", "private_network",
    "max_parts", "min_part", "max_part", "max_put", "max_object", "max_key", "max_metadata",
    "max_tags", "max_open_uploads", "quota_bytes", "request_seconds", "writes_per_second",
    "reads_per_second",
    "connection_bytes_per_second", "objects_per_bucket", "signed_payload", "conditional_put",
    "conditional_complete", "list_parts", "list_uploads", "range_reads", "metadata_names",
    "tags", "tags_with_put", "tags_with_upload", "lock_modes",
)  # fmt: skip
"""Claims that a run acts on, whatever the plan says."""


def profile_facts(profile: Profile, shipped: Profile) -> dict[str, Any]:
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


def claim_facts(claim: Claim) -> dict[str, Any]:
    """Return one claim as JSON."""
    value = claim.value
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # as it was written
    return {
        "value": list(value) if isinstance(value, tuple) else value,
        "as_of": claim.as_of,
        "source": claim.source,
        "confirmed": claim.confirmed,
        "origin": claim.origin,
        **({} if claim.note is None else {"note": claim.note}),
    }


def described(profile: Profile) -> dict[str, Any]:
    """Return a whole profile as JSON."""
    return {
        "name": profile.name,
        "title": profile.title,
        "as_of": profile.as_of,
        "claims": {name: claim_facts(claim) for name, claim in profile.capabilities.items()},
        "health": [rule.model_dump(mode="json") for rule in profile.health],
        "notes": [note.model_dump(mode="json") for note in profile.notes],
    }


def _override(name: str, profile: Profile, shipped: Profile) -> dict[str, Any]:
    if name not in profile.capabilities:
        return {"name": name}  # a health-data rule
    was = claim_facts(shipped.capabilities[name])["value"]
    return {"name": name, "was": was, **claim_facts(profile.capabilities[name])}
