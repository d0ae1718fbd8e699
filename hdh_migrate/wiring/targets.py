"""From a plan and a credential to an endpoint that can be asked; nothing is contacted here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hdh_migrate.door import Addresses, Door, Resolve
from hdh_migrate.frozen import frozen
from hdh_migrate.plan.fields import is_loopback
from hdh_migrate.plan.model import Plan
from hdh_migrate.plan.sides import AccessKey
from hdh_migrate.wiring.chosen import endpoint_of, is_rehearsal, profile_of

if TYPE_CHECKING:
    from hdh_migrate.targets.s3_endpoint import S3Endpoint
    from hdh_migrate.transport import TlsTrust
    from hdh_migrate.wiring.vault import Vault
    from hdh_migrate.wiring.worker_config import TargetAccess


@frozen
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
) -> S3Endpoint:
    """Return the plan's target with one credential; its door is shut except in a rehearsal.

    Raises:
        KeyUnavailable: a reference cannot be read.
    """
    from hdh_migrate.wiring.entries import open_entry

    network = network or Network()
    return open_entry(
        access_of(plan, credential, vault.base),
        vault,
        addresses=network.addresses,
        resolve=network.resolve,
    )


def access_of(plan: Plan, credential: AccessKey, base: Path) -> TargetAccess:
    """Return what is known of the plan's target, entered with one credential."""
    from hdh_migrate.wiring.trust import trust_of
    from hdh_migrate.wiring.worker_config import TargetAccess

    profile, url = profile_of(plan, base), endpoint_of(plan, base)
    local = is_loopback(url)
    tls = trust_of(plan.target.tls, base)
    return TargetAccess(
        url=url,
        addressing="path" if local else profile.addressing,
        region=profile.signature_region(plan.target.region),
        local=local,
        private=bool(profile.value("private_network")),
        rehearsal=is_rehearsal(plan, base),
        id=credential.id,
        secret=credential.secret,
        token=credential.session_token,
        ca_file=tls.ca_file,
        pins=tls.pins,
    )


def open_elsewhere(
    url: str, region: str, credential: AccessKey, vault: Vault, *, tls: TlsTrust
) -> S3Endpoint:
    """Return an S3 host that is not the plan's target, and that gets no object of a dataset.

    Raises:
        KeyUnavailable: a reference cannot be read.
    """
    from hdh_migrate.targets.s3_endpoint import S3Endpoint
    from hdh_migrate.transport import Transport
    from hdh_migrate.wiring.entries import signing

    token = credential.session_token
    sign = signing(credential.id, credential.secret, token, vault, region)
    transport = Transport(sign=sign, tls=tls, door=Door.named(url, local=is_loopback(url)))
    return S3Endpoint(url, addressing="path", sign=sign, transport=transport)
