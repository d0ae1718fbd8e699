"""Open an endpoint from the settings by which a target is reached."""

from __future__ import annotations

from collections.abc import Callable

from hdh_migrate.door import Addresses, Door, Resolve
from hdh_migrate.errors import KeyUnavailable
from hdh_migrate.targets.s3_endpoint import S3Endpoint
from hdh_migrate.transport import SigV4, TlsTrust, Transport
from hdh_migrate.wiring.vault import Vault
from hdh_migrate.wiring.worker_config import TargetAccess


def open_entry(
    entry: TargetAccess,
    vault: Vault,
    *,
    addresses: Addresses | None = None,
    resolve: Resolve | None = None,
    pace: Callable[[str, str], None] | None = None,
) -> S3Endpoint:
    """Return the target as it is entered so; its door is shut except in a rehearsal.

    Nothing is contacted. `addresses` and `resolve` stand in for the network's own in tests.

    Raises:
        KeyUnavailable: a reference cannot be read.
    """
    door = Door(
        endpoint=entry.url,
        addresses=addresses or Addresses(loopback=entry.local, private=entry.private),
        buckets_in_front=entry.addressing == "virtual",
        admitted=entry.rehearsal,
        resolve=resolve,
    )
    sign = signing(entry.id, entry.secret, entry.token, vault, entry.region)
    transport = Transport(
        sign=sign, tls=TlsTrust(ca_file=entry.ca_file, pins=entry.pins), door=door
    )
    return S3Endpoint(
        entry.url, addressing=entry.addressing, sign=sign, transport=transport, pace=pace
    )


def signing(id_: str, secret: str, token: str | None, vault: Vault, region: str) -> SigV4:
    """Return what signs requests with the secrets behind these references.

    Raises:
        KeyUnavailable: one cannot be read, or is no access key.
    """
    return SigV4(
        region=region,
        access_key=_bare(id_, vault),
        secret_key=_bare(secret, vault),
        token=_bare(token, vault) if token is not None else None,
    )


def _bare(ref: str, vault: Vault) -> str:
    """Return a part of an access key, which the host would only call a wrong signature."""
    text = vault.reveal(ref)
    if not text.isprintable() or text != text.strip():
        raise KeyUnavailable(
            f"{ref} gives no part of an access key: there is a space or a line end beside it",
            hint="it must hold the id or the secret alone, on one line; nothing was sent",
        )
    return text
