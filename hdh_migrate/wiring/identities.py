"""Identities of Microsoft Entra: one row for each kind, each with a door of its own."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from hdh_migrate.errors import KeyUnavailable
from hdh_migrate.sources import azure_proofs as proofs
from hdh_migrate.sources import azure_tokens as tokens
from hdh_migrate.telemetry import SystemClock
from hdh_migrate.transport import Transport
from hdh_migrate.wiring.vault import Vault

if TYPE_CHECKING:
    from hdh_migrate.plan.sides import (
        AzureIdentity,
        ClientCertificate,
        ClientSecret,
        Identity,
        ManagedIdentity,
        WorkloadIdentity,
    )


def _managed(section: ManagedIdentity, vault: Vault) -> tokens.Fetch:
    del vault
    return tokens.ManagedIdentityTokens(
        transport=Transport(door=tokens.metadata_door(section.endpoint)),
        endpoint=(section.endpoint or tokens.METADATA).rstrip("/"),
        client_id=section.client_id,
    )


def _workload(section: WorkloadIdentity, vault: Vault) -> tokens.Fetch:
    return _login(section, proofs.by_federation(vault.base / section.token_file))


def _secret(section: ClientSecret, vault: Vault) -> tokens.Fetch:
    return _login(section, proofs.by_secret(vault.reveal(section.secret)))


def _certificate(section: ClientCertificate, vault: Vault) -> tokens.Fetch:
    phrase = None if section.passphrase is None else vault.reveal(section.passphrase)
    pem = vault.reveal(section.certificate)
    proof = proofs.by_certificate(pem, phrase, section.client_id, now=SystemClock().now)
    return _login(section, proof)


def _login(
    section: WorkloadIdentity | ClientSecret | ClientCertificate, proof: proofs.Proof
) -> tokens.Fetch:
    return tokens.ApplicationTokens(
        transport=Transport(door=tokens.login_door(section.endpoint)),
        endpoint=(section.endpoint or tokens.LOGIN).rstrip("/"),
        tenant=section.tenant,
        client_id=section.client_id,
        proof=proof,
    )


def _unnamed(section: AzureIdentity, vault: Vault) -> tokens.Fetch:
    del section, vault
    raise KeyUnavailable(
        "kind azure-identity is no longer used: it lets the environment say who is asked for"
        " tokens",
        hint="name the kind in the plan: managed-identity, workload-identity, client-certificate"
        " or client-secret (hdh-migrate docs plan-reference); a run that is under way goes on"
        " with it",
    )


IDENTITIES: Mapping[str, Callable[[Any, Vault], tokens.Fetch]] = {
    "managed-identity": _managed,
    "workload-identity": _workload,
    "client-secret": _secret,
    "client-certificate": _certificate,
    "azure-identity": _unnamed,
}


def open_identity(section: Identity, vault: Vault) -> tokens.TokenAuthorizer:
    """Return what authorises requests by tokens of an identity; nothing is contacted yet.

    Raises:
        KeyUnavailable: a reference cannot be read, or this kind is no longer used.
    """
    fetch = IDENTITIES[section.kind](section, vault)
    return tokens.TokenAuthorizer(fetch, monotonic=time.monotonic)
