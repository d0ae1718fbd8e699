"""When the credentials that a plan names end by themselves, so far as they or the plan say so.

Nobody is contacted. What is known to end some day but does not say when is named as unknown.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal, NamedTuple, TypeAlias

from hdh_migrate.clocks import day_over
from hdh_migrate.errors import AuthFailed, KeyUnavailable
from hdh_migrate.session.desk import Desk
from hdh_migrate.wiring.nodes import certificates_at_any_time
from hdh_migrate.wiring.sources import source_claims
from hdh_migrate.wiring.vault import Vault

CredentialRole: TypeAlias = Literal[
    "source-credential", "freeze-credential", "rehydration-credential", "decommission-credential",
    "source-host-keys", "cluster-certificates", "target-session", "webhook-secret",
]  # fmt: skip
"""What a credential is for."""

UNREADABLE: Final = "not known here: {}"
UNSAID: Final = "it does not say when it ends; whoever gave it knows"

_CALLED: Final = {
    "source-credential": "the source",
    "freeze-credential": "the freeze's trial",
    "rehydration-credential": "rehydration",
    "decommission-credential": "decommissioning",
}


class CredentialEnd(NamedTuple):
    """One credential and when it ends, in seconds since 1970; `ends` None: `why` says why not."""

    role: CredentialRole
    called: str
    ends: float | None
    batch: str | None = None
    why: str = ""


def credential_ends(desk: Desk) -> Iterator[CredentialEnd]:
    """Yield every credential of a plan that ends by itself."""
    plan = desk.loaded.plan
    yield from _at_the_source(desk, "source-credential", None)
    if plan.freeze is not None and plan.freeze.kind == "denied-write":
        yield from _at_the_source(desk, "freeze-credential", plan.freeze.credential)
    if plan.rehydrate is not None:
        yield from _at_the_source(desk, "rehydration-credential", plan.rehydrate.credential)
    for one in plan.cutovers:
        if one.decommission is not None:
            credential = one.decommission.credential
            yield from _at_the_source(desk, "decommission-credential", credential, one.batch)
    if plan.source.pinned_until is not None:
        pinned = day_over(plan.source.pinned_until)
        yield CredentialEnd("source-host-keys", "host keys of the source (host_keys)", pinned)
    yield from _cluster(desk)
    if plan.target.credential.session_token is not None:
        yield CredentialEnd(
            "target-session", "session token of the target's credential", None, why=UNSAID
        )
    for channel in plan.notify:
        if channel.is_signed:
            called = f"secret of notify {channel.name}"
            yield CredentialEnd("webhook-secret", called, None, why=UNSAID)


def _at_the_source(
    desk: Desk, role: CredentialRole, credential: object, batch: str | None = None
) -> Iterator[CredentialEnd]:
    plan, whose = desk.loaded.plan, _CALLED[role]
    try:
        claims = source_claims(plan, Vault.open(desk.loaded.base), desk.sources, credential)
    except (KeyUnavailable, AuthFailed) as error:
        why = UNREADABLE.format(error)
        yield CredentialEnd(role, f"credential of {whose}", None, batch, why)
        return
    if claims is not None and claims.ends is not None:
        yield CredentialEnd(role, f"{claims.called} of {whose}", claims.ends.timestamp(), batch)


def _cluster(desk: Desk) -> Iterator[CredentialEnd]:
    called = "certificates of the cluster"
    try:
        period = certificates_at_any_time(desk.loaded.plan, desk.loaded.base)
    except KeyUnavailable as error:
        why = UNREADABLE.format(error)
        yield CredentialEnd("cluster-certificates", called, None, why=why)
        return
    if period is not None:
        yield CredentialEnd("cluster-certificates", called, period.ends.timestamp())
