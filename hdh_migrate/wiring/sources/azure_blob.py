"""Source kind `azure-blob`: reading, the freeze's trial, erasing, and what a SAS says of itself."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from hdh_migrate.frozen import frozen_row
from hdh_migrate.model import ArchiveFacts, Place, Problem
from hdh_migrate.ports.stores import ListsApart, Source, SourceReport
from hdh_migrate.ports.switching import Eraser, FreezeProbe, Rehydrator
from hdh_migrate.telemetry import SystemClock
from hdh_migrate.wiring.opened import Contact, OpenedAdapter
from hdh_migrate.wiring.sources.kind import Archive, SourceKind, transport_to
from hdh_migrate.wiring.vault import Vault

if TYPE_CHECKING:
    from hdh_migrate.plan.azure_blob import AzureBlob, Identity, Sas, SharedKey
    from hdh_migrate.plan.consent import DeniedWrite, WriterKey, WriterSas
    from hdh_migrate.plan.cutover import Decommission
    from hdh_migrate.plan.rehydration import Rehydration
    from hdh_migrate.sources.azure_sas import SasToken

    Credential = Sas | SharedKey | Identity | WriterSas | WriterKey


def _section() -> type[AzureBlob]:
    from hdh_migrate.plan.azure_blob import AzureBlob

    return AzureBlob


# --- who asks --------------------------------------------------------------------------------


def _authorizer(credential: Credential, vault: Vault, with_key: Callable[[str], Any]) -> Any:  # noqa: ANN401 - each of the three has a protocol of its own
    """Return what authorises requests; `with_key` makes it from an account key."""
    from hdh_migrate.sources.azure_credentials import SasAuthorizer

    if credential.kind == "sas":
        return SasAuthorizer(vault.reveal(credential.value))
    if credential.kind == "shared-key":
        return with_key(vault.reveal(credential.value))
    from hdh_migrate.wiring.identities import open_identity

    return open_identity(credential, vault)


def _with_key(
    url: str, *, may_delete: bool = False, may_write: bool = False
) -> Callable[[str], Any]:
    """Return what makes short-lived signatures from the account key of this address."""
    from hdh_migrate.sources.azure_credentials import SharedKeyAuthorizer

    def made(key: str) -> SharedKeyAuthorizer:
        return SharedKeyAuthorizer(
            _account(url), key, secure=url.startswith("https:"), monotonic=time.monotonic,
            may_delete=may_delete, may_write=may_write,
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


# --- what it can do ----------------------------------------------------------------------------


def _read(section: AzureBlob, vault: Vault) -> OpenedAdapter[Source]:
    from hdh_migrate.sources.azure_account import AzureAccount
    from hdh_migrate.sources.azure_blob import AzureBlobSource

    url, transport = section.account_url, transport_to(section, vault.base)
    authorizer = _authorizer(section.credential, vault, _with_key(url))
    return OpenedAdapter(
        thing=AzureBlobSource(AzureAccount(url, authorizer, transport)),
        contacts=(("source", transport), *_tokens_of(authorizer)),
    )


@frozen_row
class _SasClaims:
    sas: SasToken
    secure: bool
    called: str = "SAS"

    @property
    def ends(self) -> datetime | None:
        return self.sas.ends

    def problems(self, now: str) -> list[Problem]:
        return self.sas.problems(now, secure=self.secure)


def _claims(section: AzureBlob, credential: object, vault: Vault) -> _SasClaims | None:
    from hdh_migrate.plan.azure_blob import Sas
    from hdh_migrate.plan.consent import WriterSas
    from hdh_migrate.sources.azure_sas import SasToken

    found = section.credential if credential is None else credential
    if not isinstance(found, Sas | WriterSas):
        return None
    sas = SasToken.read(vault.reveal(found.value))
    return _SasClaims(sas, secure=section.account_url.startswith("https:"))


def _trial(section: AzureBlob, freeze: DeniedWrite, vault: Vault) -> OpenedAdapter[FreezeProbe]:
    from hdh_migrate.sources.azure_account import AzureAccount
    from hdh_migrate.sources.azure_freeze import AzureFreezeProbe, writer_token
    from hdh_migrate.sources.azure_sas import SasToken

    url, transport = section.account_url, transport_to(section, vault.base)

    def with_key(key: str) -> Any:  # noqa: ANN401 - an authorizer
        secure = url.startswith("https:")
        return writer_token(_account(url), key, secure=secure, now=SystemClock().now)

    writer, credential = _authorizer(freeze.credential, vault, with_key), freeze.credential
    no_writer = None
    if credential.kind == "sas":
        no_writer = SasToken.read(vault.reveal(credential.value)).no_writer
    return OpenedAdapter(
        thing=AzureFreezeProbe(AzureAccount(url, writer, transport), no_writer=no_writer),
        contacts=(("source", transport), *_tokens_of(writer)),
    )


def _eraser(section: AzureBlob, end: Decommission, vault: Vault) -> OpenedAdapter[Eraser]:
    from hdh_migrate.sources.azure_account import AzureAccount
    from hdh_migrate.sources.azure_eraser import AzureEraser

    url, transport = section.account_url, transport_to(section, vault.base)
    authorizer = _authorizer(end.credential, vault, _with_key(url, may_delete=True))
    return OpenedAdapter(
        thing=AzureEraser(AzureAccount(url, authorizer, transport)),
        contacts=(("source", transport), *_tokens_of(authorizer)),
    )


def _archive_facts() -> ArchiveFacts:
    from hdh_migrate.sources.azure_archive import facts

    return facts()


def _rehydrator(section: AzureBlob, asked: Rehydration, vault: Vault) -> OpenedAdapter[Rehydrator]:
    from hdh_migrate.sources.azure_account import AzureAccount
    from hdh_migrate.sources.azure_archive import AzureRehydrator

    url = section.account_url
    reads, asks = transport_to(section, vault.base), transport_to(section, vault.base)
    reader = _authorizer(section.credential, vault, _with_key(url))
    asker = _authorizer(asked.credential, vault, _with_key(url, may_write=True))
    return OpenedAdapter(
        thing=AzureRehydrator(
            AzureAccount(url, reader, reads), AzureAccount(url, asker, asks),
            tier=asked.tier, priority=asked.priority,
        ),
        contacts=(
            ("source", reads), ("source", asks), *_tokens_of(reader), *_tokens_of(asker),
        ),
    )  # fmt: skip


def _report(section: AzureBlob, folder: Path) -> SourceReport:
    from hdh_migrate.sources.azure_report import AzureReport

    return AzureReport(folder, section.account_url)


def _apart(source: Source, place: Place) -> ListsApart | None:
    from hdh_migrate.sources.azure_blob import AzureBlobSource

    assert isinstance(source, AzureBlobSource)
    # Of versions more is remembered than a recount.
    return source if place.as_of is None and not place.every_version else None


KIND = SourceKind(
    section=_section, read=_read, claims=_claims, trial=_trial, eraser=_eraser,
    archive=Archive(facts=_archive_facts, rehydrator=_rehydrator), report=_report, apart=_apart,
)  # fmt: skip
