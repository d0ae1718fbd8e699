"""Source kind `folder`: it reads, with the operator's own rights, and does nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hdh_migrate.ports.stores import Source
from hdh_migrate.wiring.opened import OpenedAdapter
from hdh_migrate.wiring.sources.kind import SourceKind, transport_to
from hdh_migrate.wiring.vault import Vault

if TYPE_CHECKING:
    from hdh_migrate.plan.folder import Folder


def _section() -> type[Folder]:
    from hdh_migrate.plan.folder import Folder

    return Folder


def _read(section: Folder, vault: Vault) -> OpenedAdapter[Source]:
    from hdh_migrate.sources.folder import FolderSource

    transport = transport_to(section, vault.base)
    return OpenedAdapter(thing=FolderSource(vault.base), contacts=(("source", transport),))


def _claims(section: Folder, credential: object, vault: Vault) -> None:
    """Say nothing: there is no credential."""
    del section, credential, vault


KIND = SourceKind(
    section=_section, read=_read, claims=_claims, trial=None, eraser=None, archive=None, report=None
)
