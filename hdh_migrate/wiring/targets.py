"""From a plan and a credential to an endpoint that can be asked; nothing is contacted here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hdh_migrate.door import Addresses, Door, Resolve
from hdh_migrate.plan.fields import is_loopback
from hdh_migrate.plan.model import Plan
from hdh_migrate.plan.sides import AccessKey
from hdh_migrate.targets.s3_endpoint import S3Endpoint
from hdh_migrate.transport import SigV4, Tls, Transport
from hdh_migrate.wiring.chosen import endpoint_of, is_rehearsal, profile_of
from hdh_migrate.wiring.trust import trust_of
from hdh_migrate.wiring.vault import Vault


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """How host names are resolved and which addresses are right; only tests put theirs in place."""

    resolve: Resolve | None = None
    addresses: Addresses | None = None


def open_target(
    plan: Plan,
    credential: AccessKey,
    vault: Vault,
    *,
    network: Network | None = None,
    pace: Callable[[str, str], None] | None = None,
) -> S3Endpoint:
    """Return the plan's target with one credential; its door is shut except in a rehearsal.

    Raises:
        KeyUnavailable: a reference cannot be read.
    """
    base, network = vault.base, network or Network()
    profile, url = profile_of(plan, base), endpoint_of(plan, base)
    local = is_loopback(url)
    addressing = "path" if local else profile.addressing
    private = bool(profile.value("private_network"))
    door = Door(
        endpoint=url,
        addresses=network.addresses or Addresses(loopback=local, private=private),
        buckets_in_front=addressing == "virtual",
        admitted=is_rehearsal(plan, base),
        resolve=network.resolve,
    )
    sign = _signing(credential, vault, profile.signature_region(plan.target.region))
    transport = Transport(sign=sign, tls=trust_of(plan.target.tls, base), door=door)
    return S3Endpoint(url, addressing=addressing, sign=sign, transport=transport, pace=pace)


def open_elsewhere(
    url: str, region: str, credential: AccessKey, vault: Vault, *, tls: Tls
) -> S3Endpoint:
    """Return an S3 host that is not the plan's target, and that gets no object of a dataset.

    Raises:
        KeyUnavailable: a reference cannot be read.
    """
    sign = _signing(credential, vault, region)
    transport = Transport(sign=sign, tls=tls, door=Door.named(url, local=is_loopback(url)))
    return S3Endpoint(url, addressing="path", sign=sign, transport=transport)


def _signing(credential: AccessKey, vault: Vault, region: str) -> SigV4:
    token = credential.session_token
    return SigV4(
        region=region,
        access_key=vault.reveal(credential.id),
        secret_key=vault.reveal(credential.secret),
        token=vault.reveal(token) if token is not None else None,
    )
