"""From public keys and a reference to a private one, build what seals and opens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from hdh_migrate.errors import KeyUnavailable
from hdh_migrate.ports.sealing import Envelopes
from hdh_migrate.wiring.vault import Vault, identity_path

if TYPE_CHECKING:
    from hdh_migrate.sealing.keys import PrivateKey


def envelopes_for(
    recipients: Sequence[str],
    identity: tuple[str | None, str | None],
    vault: Vault,
    *,
    encrypts: bool,
) -> Envelopes:
    """Return what seals for `recipients` (in hexadecimal) and opens with a key, by reference.

    Raises:
        KeyUnavailable: the key or its passphrase is missing, unreadable, or belongs to nobody here.
    """
    if not encrypts:
        from hdh_migrate.sealing.plain import PlainEnvelopes

        return PlainEnvelopes()
    from hdh_migrate.sealing.crypt4gh import Crypt4ghEnvelopes
    from hdh_migrate.sealing.keys import PublicKey

    if len(set(recipients)) < len(recipients):
        raise KeyUnavailable(
            "seal.recipients: two recipients have the same key",
            hint="a lost key must not make the data unreadable; give two different ones",
        )
    private = opening_key(identity, vault)
    return Crypt4ghEnvelopes([PublicKey(bytes.fromhex(raw)) for raw in recipients], private)


def opening_key(identity: tuple[str | None, str | None], vault: Vault) -> PrivateKey | None:
    """Return the private key that a reference names, with the reference of its passphrase.

    Raises:
        KeyUnavailable: the key or its passphrase is missing or unreadable.
    """
    from hdh_migrate.sealing.keys import PrivateKey

    ref, phrase = identity
    if ref is None:
        return None
    revealed = vault.reveal(phrase) if phrase is not None else None
    return PrivateKey.load(identity_path(ref, vault), revealed)
