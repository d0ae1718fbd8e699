"""The target that a plan chose: its profile, its address, and what does not fit together there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from hdh_migrate.errors import PlanInvalid
from hdh_migrate.model import TargetLimits
from hdh_migrate.plan.fields import is_loopback
from hdh_migrate.plan.loader import LoadedPlan
from hdh_migrate.plan.model import Plan
from hdh_migrate.plan.rules import Loc
from hdh_migrate.plan.trust import tls_sections
from hdh_migrate.targets import profiles
from hdh_migrate.targets.profiles import Profile

_LABEL = r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"


def profile_of(plan: Plan, base: Path) -> Profile:
    """Return the profile of the plan's target, the customer's own claims laid over it.

    The customer's file is read once for a plan that was loaded: whoever asks judges the same bytes.

    Raises:
        PlanInvalid: there is no such provider, or the customer's profile is refused.
    """
    target, reference = plan.target, plan.target.profile
    if reference is None:
        return profiles.load(target.provider)
    own = base / reference
    return target.once(
        f"{target.provider} {own}",
        lambda: profiles.load(target.provider, own, reference),
    )


def shipped_of(plan: Plan) -> Profile:
    """Return the profile of the plan's provider as it was shipped, without the customer's claims.

    Raises:
        PlanInvalid: there is no such provider.
    """
    return profiles.load(plan.target.provider)


def limits_of(plan: Plan, base: Path) -> TargetLimits:
    """Return the limits of the plan's target, as its profile claims and the plan chooses.

    Raises:
        PlanInvalid: there is no such provider, or the customer's profile is refused.
    """
    hyphens = plan.target.metadata_names == "hyphens"
    return replace(profile_of(plan, base).limits, metadata_hyphens=hyphens)


def endpoint_of(plan: Plan, base: Path) -> str:
    """Return the address of the plan's target.

    Raises:
        PlanInvalid: neither the plan nor the profile has one.
    """
    if plan.target.endpoint is not None:
        return plan.target.endpoint
    return profile_of(plan, base).endpoint_for(plan.target.region)


def is_rehearsal(plan: Plan, base: Path) -> bool:
    """Return whether source and target both lie on this machine, by their addresses.

    One end alone may be the mouth of a tunnel to a real place, so it is no rehearsal.

    Raises:
        PlanInvalid: neither the plan nor the profile has an address of the target.
    """
    return plan.source.is_local and is_loopback(endpoint_of(plan, base))


def host_fits(profile: Profile, endpoint: str, region: str) -> bool:
    """Return whether an endpoint's host is one that the profile describes, in that region."""
    pattern = profile.value("host")
    if pattern is None:
        return True
    host = urlsplit(endpoint).netloc.lower()
    return re.fullmatch(_compiled(str(pattern).format(region=region)), host) is not None


def belonging_to(endpoint: str, besides: str) -> str | None:
    """Return another shipped profile that this endpoint's host belongs to in any region, if any."""
    host = (urlsplit(endpoint).hostname or "").lower()
    for name in profiles.names():
        pattern = None if name == besides else profiles.load(name).value("host")
        if pattern is not None and re.fullmatch(_compiled(str(pattern).format(region="*")), host):
            return name
    return None


def _compiled(pattern: str) -> str:
    return r"\.".join(_LABEL if part == "*" else re.escape(part) for part in pattern.split("."))


def check(loaded: LoadedPlan) -> None:
    """Check offline that provider, region, endpoint and buckets fit together.

    Raises:
        PlanInvalid: they do not; every problem at its place in the plan.
    """
    try:
        profile = profile_of(loaded.plan, loaded.base)
    except PlanInvalid:
        if loaded.plan.target.provider in profiles.names():
            raise  # its problems stand in the customer's own profile
        known = ", ".join(profiles.names())
        found: list[tuple[Loc, str]] = [
            (("target", "provider"), f"there is no such provider; there are {known}")
        ]
        raise loaded.refusal(found) from None
    if found := [
        *_about_the_place(loaded.plan, profile),
        *_about_buckets(loaded.plan, profile),
        *_about_keeping(loaded.plan, profile),
        *_about_trust(loaded.plan, loaded.base),
    ]:
        raise loaded.refusal(found)


def _about_the_place(plan: Plan, profile: Profile) -> Iterator[tuple[Loc, str]]:
    target = plan.target
    if profile.regions and target.region not in profile.regions:
        known = ", ".join(profile.regions)
        given = "region" in target.model_fields_set
        what = "the provider has no such region" if given else "missing: the provider has regions"
        yield ("target", "region"), f"{what}; it has {known}"
    endpoint, where = target.endpoint, ("target", "endpoint")
    if endpoint is None:
        if profile.endpoint is None:
            yield where, "missing: this provider's profile has no endpoint of its own"
    elif not is_loopback(endpoint):
        if profile.endpoint is not None:
            yield (
                where,
                (
                    "this provider's profile has its own endpoint: leave this out (loopback, for a"
                    " rehearsal or an attested tunnel, is accepted)"
                ),
            )
        elif not host_fits(profile, endpoint, target.region):
            pattern = str(profile.value("host")).format(region=target.region)
            yield where, f"not a host of this provider and region: it would be {pattern}"
        elif (owner := belonging_to(endpoint, profile.name)) is not None:
            yield where, f"a host of provider {owner}: name that, so that its rules apply"


def _about_buckets(plan: Plan, profile: Profile) -> Iterator[tuple[Loc, str]]:
    if profile.value("dotted_buckets") != "refuse":
        return
    for index, dataset in enumerate(plan.datasets):
        if "." in dataset.target.bucket:
            where = ("datasets", index, "target", "bucket")
            yield where, "this host takes no bucket with a dot in its name"


def _about_keeping(plan: Plan, profile: Profile) -> Iterator[tuple[Loc, str]]:
    """Refuse a mode of retention that the host does not know, before anything is written."""
    modes = profile.capabilities["lock_modes"]
    for index, dataset in enumerate(plan.datasets):
        kept = dataset.target.retention
        if kept is not None and kept.mode not in modes.value:
            known = f"{' and '.join(modes.value)} only" if modes.value else "no retention"
            doubt = "" if modes.confirmed else ", not confirmed"
            what = f"the host's object lock knows {known} ({modes.source}, {modes.as_of}{doubt})"
            hint = "if it knows more, say so in a target.profile of your own (lock_modes)"
            yield ("datasets", index, "target", "retention", "mode"), f"{what}; {hint}"


def _about_trust(plan: Plan, base: Path) -> Iterator[tuple[Loc, str]]:
    for loc, section in tls_sections(plan):
        if section.ca_bundle is None:
            continue
        import ssl  # dear, and few plans name a bundle

        try:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.load_verify_locations(cafile=base / section.ca_bundle)
        except OSError:  # an SSLError is one
            yield (*loc, "ca_bundle"), "no file of certificates in PEM that can be read"
