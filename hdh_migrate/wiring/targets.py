"""The target of a plan, with the credential of whoever comes to it."""

from __future__ import annotations

from collections.abc import Callable

from hdh_migrate.plan.model import Plan
from hdh_migrate.plan.sides import AccessKey
from hdh_migrate.targets.opening import Network, opened
from hdh_migrate.targets.s3_endpoint import S3Endpoint
from hdh_migrate.wiring.trust import trust_of
from hdh_migrate.wiring.vault import Vault


def open_target(
    plan: Plan,
    credential: AccessKey,
    vault: Vault,
    *,
    network: Network | None = None,
    pace: Callable[[str, str], None] | None = None,
) -> S3Endpoint:
    """Return the plan's target with one credential; see `targets.opening.opened`.

    Raises:
        KeyUnavailable: a reference cannot be read.
    """
    return opened(
        plan, vault.base, credential, vault.reveal, network=network or Network(),
        tls=trust_of(plan.target.tls, vault.base), pace=pace,
    )  # fmt: skip
