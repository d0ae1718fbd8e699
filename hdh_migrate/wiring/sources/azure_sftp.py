"""Source kind `azure-sftp`: it reads, and does nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hdh_migrate.door import Door
from hdh_migrate.ports.stores import Source
from hdh_migrate.telemetry import SystemClock
from hdh_migrate.wiring.opened import OpenedAdapter
from hdh_migrate.wiring.sources.kind import SourceKind
from hdh_migrate.wiring.vault import Vault

if TYPE_CHECKING:
    from hdh_migrate.plan.azure_sftp import AzureSftp


def _section() -> type[AzureSftp]:
    from hdh_migrate.plan.azure_sftp import AzureSftp

    return AzureSftp


def _read(section: AzureSftp, vault: Vault) -> OpenedAdapter[Source]:
    from hdh_migrate.sources.azure_sftp import AzureSftpSource
    from hdh_migrate.sources.sftp_session import Session
    from hdh_migrate.sources.sftp_sessions import Sessions
    from hdh_migrate.ssh.connection import Login, private_key
    from hdh_migrate.ssh.contact import Contact
    from hdh_migrate.ssh.host_keys import HostKey, pins

    known = section.known_hosts
    pinned = pins(
        section.host,
        section.port,
        fingerprints=[
            HostKey("", one.fingerprint, one.valid_from, one.valid_until)
            for one in section.host_keys
        ],
        known_hosts=None if known is None else vault.base / known,
    )
    credential = section.credential
    login = Login(
        host=section.host,
        port=section.port,
        user=section.user,
        pins=pinned,
        refused="nothing was read",
    )
    if credential.kind == "private-key":
        phrase = credential.passphrase
        locked = None if phrase is None else vault.reveal(phrase)
        key = private_key(vault.reveal(credential.value), locked)
        login = replace(login, key=lambda: key)
    elif credential.kind == "password":
        login = replace(login, password=vault.reveal(credential.value))
    contact = Contact(Door.named(section.address, local=section.is_local))
    clock = SystemClock()

    def connect() -> Session:
        transport = contact.connect(replace(login, today=clock.now()[:10]))
        try:
            return Session(transport, login.where)
        except BaseException:
            transport.close()
            raise

    sessions = Sessions(
        connect, section.sessions, counted=lambda session: contact.count(*session.passed())
    )
    source = AzureSftpSource(sessions, twice=section.reads_twice, secured=lambda: contact.secured)
    return OpenedAdapter(thing=source, contacts=(("source", contact),))


def _claims(section: AzureSftp, credential: object, vault: Vault) -> None:
    """Say nothing: a key or a password does not tell when it ends."""
    del section, credential, vault


KIND = SourceKind(
    section=_section, read=_read, claims=_claims, trial=None, eraser=None, archive=None, report=None
)
