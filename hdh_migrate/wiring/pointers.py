"""Opens pointers: one row for each kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from hdh_migrate.plan.model import Plan
from hdh_migrate.plan.pointers import (
    CommandPointer,
    FilePointer,
    S3ObjectPointer,
    SshCommandPointer,
)
from hdh_migrate.plan.pointers import Pointer as AnyPointer
from hdh_migrate.ports.switching import Pointer
from hdh_migrate.wiring.chosen import profile_of
from hdh_migrate.wiring.opened import OpenedAdapter
from hdh_migrate.wiring.targets import open_elsewhere, open_target
from hdh_migrate.wiring.trust import trust_of
from hdh_migrate.wiring.vault import Vault


def _file_pointer(
    plan: Plan, section: FilePointer, vault: Vault, state: Path | None
) -> OpenedAdapter[Pointer]:
    from hdh_migrate.pointers.file import opened

    del plan, state
    return OpenedAdapter(thing=opened(section, vault.base))


def _command_pointer(
    plan: Plan, section: CommandPointer, vault: Vault, state: Path | None
) -> OpenedAdapter[Pointer]:
    from hdh_migrate.pointers.command import opened

    del plan
    return OpenedAdapter(thing=opened(section, vault.base, vault.reveal, state))


def _ssh_command_pointer(
    plan: Plan, section: SshCommandPointer, vault: Vault, state: Path | None
) -> OpenedAdapter[Pointer]:
    from hdh_migrate.pointers.ssh_command import opened

    del plan, state
    return OpenedAdapter(thing=opened(section, vault.base, vault.reveal))


def _s3_object_pointer(
    plan: Plan, section: S3ObjectPointer, vault: Vault, state: Path | None
) -> OpenedAdapter[Pointer]:
    del state
    from hdh_migrate.pointers.s3_object import PointerInObject
    from hdh_migrate.targets import profiles
    from hdh_migrate.targets.s3_bucket import S3Bucket

    credential = section.credential or plan.target.credential
    if section.endpoint is None:
        profile = profile_of(plan, vault.base)
        endpoint = open_target(plan, credential, vault)
        # A pointer's value is no patient's data, and a way back must not wait for a paper.
        endpoint.transport.door.admitted = True
    else:
        profile = profiles.unknown()
        tls = trust_of(section.tls, vault.base)
        endpoint = open_elsewhere(section.endpoint, section.region, credential, vault, tls=tls)
    conditional = section.conditional
    pointer = PointerInObject(
        S3Bucket(endpoint, section.bucket), section.bucket, section.key,
        conditional=profile.limits.conditional_put if conditional is None else conditional,
    )  # fmt: skip
    return OpenedAdapter(thing=pointer, contacts=(("pointer", endpoint.transport),))


POINTERS: Mapping[str, Callable[[Plan, Any, Vault, Path | None], OpenedAdapter[Pointer]]] = {
    "file": _file_pointer,
    "s3-object": _s3_object_pointer,
    "command": _command_pointer,
    "ssh-command": _ssh_command_pointer,
}


def open_pointer(
    plan: Plan, section: AnyPointer, vault: Vault, state: Path | None
) -> OpenedAdapter[Pointer]:
    """Open what a batch's `pointer` section describes; nothing is contacted yet.

    In the folder `state`, the ledger's, it is known whether a program that an earlier command
    started still sets it; without one that is not asked.

    Raises:
        KeyUnavailable: a reference or a file of keys cannot be read.
    """
    return POINTERS[section.kind](plan, section, vault, state)
