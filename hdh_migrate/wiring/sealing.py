"""The keys of a plan, and what a consumer of the data holds."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hdh_migrate.plan.cutover import Smoke
from hdh_migrate.plan.files import KeyFileUnreadable
from hdh_migrate.plan.model import Plan
from hdh_migrate.ports.sealing import Envelopes
from hdh_migrate.targets.s3_endpoint import S3Endpoint
from hdh_migrate.wiring.chosen import profile_of
from hdh_migrate.wiring.envelopes import envelopes_for, form_of
from hdh_migrate.wiring.opened import OpenedAdapter
from hdh_migrate.wiring.targets import Network, open_target
from hdh_migrate.wiring.vault import Vault

if TYPE_CHECKING:
    from hdh_migrate.pipeline.cutover.scene import Consumer


def load_recipients(plan: Plan, base: Path) -> tuple[str, ...]:
    """Return the bytes of each recipient's public key, in hexadecimal; none without sealing.

    Raises:
        KeyUnavailable: one is missing, unreadable or no honest key.
    """
    form = form_of(plan)
    try:
        return tuple(form.public(base / path).hex() for path in plan.seal.recipients)
    except KeyFileUnreadable as error:
        beside = error.path.with_suffix(".sec")
        private = shlex.quote(str(beside)) if beside.exists() else "FILE"
        error.hint = (
            f"{error.hint}; where it is lost, whoever has its private key makes it anew:"
            f' "hdh-migrate keys show {private} --public {shlex.quote(str(error.path))}"'
        )
        raise


def open_envelopes(
    plan: Plan,
    vault: Vault,
    identity: tuple[str | None, str | None] | None = None,
    recipients: Sequence[str] | None = None,
) -> Envelopes:
    """Load the keys that a plan names; `identity` is another one's key and passphrase.

    `recipients` are as `load_recipients` returned them: the files are not read again.

    Raises:
        KeyUnavailable: one is missing, unreadable, or does not belong to the others.
    """
    seal = plan.seal
    keys = load_recipients(plan, vault.base) if recipients is None else recipients
    opens = identity or (seal.identity, seal.identity_passphrase)
    try:
        return envelopes_for(keys, opens, vault, form=seal.form)
    except KeyFileUnreadable as error:
        if identity is None:
            error.hint = (
                f"{error.hint}; where it is lost, name another recipient's as seal.identity, and"
                ' let "hdh-migrate keys rotate PLAN --from OLD.pub --to NEW.pub" replace it'
            )
        raise


def open_consumer(
    plan: Plan, smoke: Smoke, vault: Vault, network: Network | None = None
) -> tuple[OpenedAdapter[Consumer], S3Endpoint]:
    """Open what a consumer of the data has: its own key to read with, its own key that opens.

    Off this machine the endpoint's door is shut until the gate has let it in.

    Raises:
        KeyUnavailable: a reference or a key file cannot be read.
    """
    from hdh_migrate.pipeline.cutover.scene import Consumer
    from hdh_migrate.targets.s3_reader import S3Reader

    place = open_target(plan, smoke.credential, vault, network=network)
    envelopes = open_envelopes(plan, vault, (smoke.identity, smoke.identity_passphrase))
    reader = S3Reader(place, profile_of(plan, vault.base).limits)
    consumer = Consumer(reader=reader, envelopes=envelopes)
    return OpenedAdapter(thing=consumer, contacts=(("target", place.transport),)), place
