"""The source of a plan, and the three things that may ask of it: reading, freezing, erasing."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from hdh_migrate.door import Addresses, Door
from hdh_migrate.errors import AuthFailed, KeyUnavailable
from hdh_migrate.plan.consent import DeniedWrite, WriterKey, WriterSas
from hdh_migrate.plan.cutover import Decommission
from hdh_migrate.plan.model import Plan
from hdh_migrate.plan.sides import AzureBlob, Identity, Sas, SharedKey
from hdh_migrate.ports import Eraser, FreezeProbe, Source
from hdh_migrate.telemetry import SystemClock
from hdh_migrate.transport import Transport
from hdh_migrate.wiring.opened import Contact, Opened
from hdh_migrate.wiring.trust import trust_of
from hdh_migrate.wiring.vault import Vault

if TYPE_CHECKING:
    from hdh_migrate.sources.azure_sas import Sas as SasFacts

Credential = Sas | SharedKey | Identity | WriterSas | WriterKey


def source_transport(plan: Plan, base: Path) -> Transport:
    """Return a transport that reaches the plan's source and nothing else."""
    source = plan.source
    if isinstance(source, AzureBlob):
        door = Door.named(source.address, local=source.is_local)
        return Transport(door=door, tls=trust_of(source.tls, base))
    # Nothing to reach: closed for good.
    return Transport(door=Door(endpoint=source.address, addresses=Addresses(exactly="")))


# --- who asks --------------------------------------------------------------------------------


def _authorizer(credential: Credential, vault: Vault, with_key: Callable[[str], Any]) -> Any:  # noqa: ANN401 - each of the three has a protocol of its own
    """Return what authorises requests; `with_key` makes it from an account key."""
    from hdh_migrate.sources.azure_credentials import SasAuthorizer

    if isinstance(credential, Sas | WriterSas):
        return SasAuthorizer(vault.reveal(credential.value))
    if isinstance(credential, SharedKey | WriterKey):
        return with_key(vault.reveal(credential.value))
    from hdh_migrate.wiring.identities import open_identity

    return open_identity(credential, vault)


def _with_key(url: str, *, may_delete: bool = False) -> Callable[[str], Any]:
    """Return what makes short-lived signatures from the account key of this address."""
    from hdh_migrate.sources.azure_credentials import SharedKeyAuthorizer

    def made(key: str) -> SharedKeyAuthorizer:
        return SharedKeyAuthorizer(
            _account(url), key, secure=url.startswith("https:"), monotonic=time.monotonic,
            may_delete=may_delete,
        )  # fmt: skip

    return made


def _account(url: str) -> str:
    """Return the account: the first segment of an emulator's path, or the first host label."""
    parts = urlsplit(url)
    return parts.path.strip("/").split("/")[0] or (parts.hostname or "").split(".")[0]


def _tokens_of(authorizer: object) -> tuple[Contact, ...]:
    """Return where an identity gets its tokens."""
    from hdh_migrate.sources.azure_tokens import TokenAuthorizer

    return (("identity", authorizer.transport),) if isinstance(authorizer, TokenAuthorizer) else ()


# --- reading -------------------------------------------------------------------------------------


def _azure_blob(plan: Plan, vault: Vault) -> Opened[Source]:
    from hdh_migrate.sources.azure_account import AzureAccount
    from hdh_migrate.sources.azure_blob import AzureBlobSource

    source = plan.source
    assert isinstance(source, AzureBlob)
    url, transport = source.account_url, source_transport(plan, vault.base)
    authorizer = _authorizer(source.credential, vault, _with_key(url))
    return Opened(
        thing=AzureBlobSource(AzureAccount(url, authorizer, transport)),
        contacts=(("source", transport), *_tokens_of(authorizer)),
    )


def _folder(plan: Plan, vault: Vault) -> Opened[Source]:
    from hdh_migrate.sources.folder import FolderSource

    transport = source_transport(plan, vault.base)
    return Opened(thing=FolderSource(vault.base), contacts=(("source", transport),))


SOURCES: Mapping[str, Callable[[Plan, Vault], Opened[Source]]] = {
    "azure-blob": _azure_blob,
    "folder": _folder,
}


def open_source(plan: Plan, vault: Vault) -> Opened[Source]:
    """Open the plan's source for reading; nothing is contacted yet.

    Raises:
        KeyUnavailable: a reference cannot be read, or is no credential.
    """
    try:
        return SOURCES[plan.source.kind](plan, vault)
    except AuthFailed as error:
        raise KeyUnavailable(str(error), hint=error.hint) from error


def source_sas(plan: Plan, vault: Vault) -> SasFacts | None:
    """Return what the shared access signature that reads the source says of itself.

    None: the plan's source is read with something else.

    Raises:
        KeyUnavailable: the reference cannot be read, or is no such signature.
    """
    source = plan.source
    if not isinstance(source, AzureBlob) or not isinstance(source.credential, Sas):
        return None
    from hdh_migrate.sources.azure_sas import Sas as SasFacts

    try:
        return SasFacts.read(vault.reveal(source.credential.value))
    except AuthFailed as error:
        raise KeyUnavailable(str(error), hint=error.hint) from error


# --- the freeze proof --------------------------------------------------------------------------


def _denied_write(plan: Plan, freeze: DeniedWrite, vault: Vault) -> Opened[FreezeProbe | None]:
    from hdh_migrate.sources.azure_account import AzureAccount
    from hdh_migrate.sources.azure_freeze import AzureFreezeProbe, writer_token

    assert isinstance(plan.source, AzureBlob)
    url, transport = plan.source.account_url, source_transport(plan, vault.base)

    def with_key(key: str) -> Any:  # noqa: ANN401 - an authorizer
        secure = url.startswith("https:")
        return writer_token(_account(url), key, secure=secure, now=SystemClock().now)

    writer = _authorizer(freeze.credential, vault, with_key)
    return Opened(
        thing=AzureFreezeProbe(AzureAccount(url, writer, transport)),
        contacts=(("source", transport), *_tokens_of(writer)),
    )


FREEZE_PROBES: Mapping[str, Callable[[Plan, Any, Vault], Opened[FreezeProbe | None]]] = {
    "denied-write": _denied_write,
}


def open_freeze_probe(plan: Plan, vault: Vault) -> Opened[FreezeProbe | None]:
    """Open what the plan's `freeze` section tries; of None when nothing is tried but stated.

    Raises:
        KeyUnavailable: a reference cannot be read, or is no credential.
    """
    opens = None if plan.freeze is None else FREEZE_PROBES.get(plan.freeze.kind)
    try:
        return Opened(thing=None) if opens is None else opens(plan, plan.freeze, vault)
    except AuthFailed as error:
        raise KeyUnavailable(str(error), hint=error.hint) from error


# --- decommission ------------------------------------------------------------------------------


def _azure_eraser(plan: Plan, section: Decommission, vault: Vault) -> Opened[Eraser]:
    from hdh_migrate.sources.azure_account import AzureAccount
    from hdh_migrate.sources.azure_eraser import AzureEraser

    assert isinstance(plan.source, AzureBlob)
    url, transport = plan.source.account_url, source_transport(plan, vault.base)
    authorizer = _authorizer(section.credential, vault, _with_key(url, may_delete=True))
    return Opened(
        thing=AzureEraser(AzureAccount(url, authorizer, transport)),
        contacts=(("source", transport), *_tokens_of(authorizer)),
    )


ERASERS: Mapping[str, Callable[[Plan, Decommission, Vault], Opened[Eraser]]] = {
    "azure-blob": _azure_eraser,
}


def open_eraser(plan: Plan, section: Decommission, vault: Vault) -> Opened[Eraser]:
    """Open the only thing that can delete at the source, with its own credential.

    Raises:
        KeyUnavailable: a reference cannot be read, or is no credential.
    """
    try:
        return ERASERS[plan.source.kind](plan, section, vault)
    except AuthFailed as error:
        raise KeyUnavailable(str(error), hint=error.hint) from error
