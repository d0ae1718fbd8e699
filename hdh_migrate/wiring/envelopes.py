"""From public keys and a reference to a private one, build what seals and opens."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from hdh_migrate.errors import KeyUnavailable
from hdh_migrate.frozen import frozen
from hdh_migrate.ports.sealing import Envelopes, HeaderRenewal
from hdh_migrate.wiring.vault import Vault, identity_path

if TYPE_CHECKING:  # workers seal, and know no plan
    from hdh_migrate.plan.model import Plan


def envelopes_for(
    recipients: Sequence[str],
    identity: tuple[str | None, str | None],
    vault: Vault,
    *,
    form: str,
) -> Envelopes:
    """Return what seals for `recipients` (in hexadecimal) and opens with a key, by reference.

    `form` is where headers are (`plan.seal.form`).

    Raises:
        KeyUnavailable: the key or its passphrase is missing, unreadable, or belongs to nobody here.
    """
    if len(set(recipients)) < len(recipients):
        raise KeyUnavailable(
            "seal.recipients: two recipients have the same key",
            hint="a lost key must not make the data unreadable; give two different ones",
        )
    return _FORMS[form].envelopes(recipients, key_file(identity, vault))


KeyFile = tuple[Path, str | None]
"""A private key's file, and its passphrase if it has one."""


def key_file(identity: tuple[str | None, str | None], vault: Vault) -> KeyFile | None:
    """Return the file of a private key and its passphrase, both by reference; None: none is named.

    Raises:
        KeyUnavailable: the passphrase, or the reference, cannot be had.
    """
    ref, phrase = identity
    if ref is None:
        return None
    revealed = vault.reveal(phrase) if phrase is not None else None
    return identity_path(ref, vault), revealed


@frozen
class Opener:
    """A private key that opens what is sealed before an exchange."""

    public: str
    """In hexadecimal."""
    exchange: Callable[[Sequence[str]], HeaderRenewal]
    """Returns what wraps anew for recipients, in hexadecimal; or raises `KeyUnavailable`."""


class SealForm(Protocol):
    """One way to seal: its recipients' keys, and what is made of them."""

    def public(self, path: Path) -> bytes:
        """Read the key of a recipient, or raise `KeyUnavailable`."""

    def envelopes(self, recipients: Sequence[str], identity: KeyFile | None) -> Envelopes:
        """Return what seals, and opens with a private key's file; or raise `KeyUnavailable`."""

    def opener(self, identity: KeyFile) -> Opener:
        """Return what opens with a private key's file, or raise `KeyUnavailable`."""


class _Unsealed:
    """`seal.format: none`."""

    def public(self, path: Path) -> bytes:
        raise KeyUnavailable(f"{path}: nothing is sealed, so there are no recipients")

    def envelopes(self, recipients: Sequence[str], identity: KeyFile | None) -> Envelopes:
        del recipients, identity
        from hdh_migrate.sealing.plain import PlainEnvelopes

        return PlainEnvelopes()

    def opener(self, identity: KeyFile) -> Opener:
        raise KeyUnavailable(f"{identity[0]}: nothing is sealed, so no key opens anything")


class _Inline:
    """Crypt4GH, with its header in front of the segments."""

    def public(self, path: Path) -> bytes:
        from hdh_migrate.sealing.keys import PublicKey

        return PublicKey.load(path).raw

    def envelopes(self, recipients: Sequence[str], identity: KeyFile | None) -> Envelopes:
        from hdh_migrate.sealing.crypt4gh import Crypt4ghEnvelopes
        from hdh_migrate.sealing.keys import PrivateKey, PublicKey

        keys = [PublicKey(bytes.fromhex(raw)) for raw in recipients]
        return Crypt4ghEnvelopes(keys, PrivateKey.load(*identity) if identity else None)

    def opener(self, identity: KeyFile) -> Opener:
        from hdh_migrate.sealing.exchanging import HeaderExchange
        from hdh_migrate.sealing.keys import PrivateKey, PublicKey
        from hdh_migrate.sealing.packets import PacketReader, PacketWriter

        key = PrivateKey.load(*identity)

        def exchange(recipients: Sequence[str]) -> HeaderRenewal:
            names = [PublicKey(bytes.fromhex(raw)) for raw in recipients]
            return HeaderExchange(
                opens=PacketReader(key),
                wraps=PacketWriter(names),
                current=lambda _: False,  # packets name nobody
            )

        return Opener(public=key.public.raw.hex(), exchange=exchange)


class _Detached:
    """The same segments, with hybrid headers that are kept apart."""

    def public(self, path: Path) -> bytes:
        from hdh_migrate.sealing.hybrid import HybridPublicKey

        return HybridPublicKey.load(path).raw

    def envelopes(self, recipients: Sequence[str], identity: KeyFile | None) -> Envelopes:
        from hdh_migrate.sealing.detached import DetachedEnvelopes
        from hdh_migrate.sealing.hybrid import HybridPrivateKey, HybridPublicKey

        keys = [HybridPublicKey(bytes.fromhex(raw)) for raw in recipients]
        return DetachedEnvelopes(keys, HybridPrivateKey.load(*identity) if identity else None)

    def opener(self, identity: KeyFile) -> Opener:
        from hdh_migrate.sealing.exchanging import HeaderExchange
        from hdh_migrate.sealing.hybrid import (
            HybridPrivateKey,
            HybridPublicKey,
            HybridReader,
            HybridWriter,
            is_for,
        )

        key = HybridPrivateKey.load(*identity)

        def exchange(recipients: Sequence[str]) -> HeaderRenewal:
            names = [HybridPublicKey(bytes.fromhex(raw)) for raw in recipients]
            return HeaderExchange(
                opens=HybridReader(key),
                wraps=HybridWriter(names),
                current=lambda header: is_for(header, names),
            )

        return Opener(public=key.public.raw.hex(), exchange=exchange)


_FORMS: Mapping[str, SealForm] = {
    "none": _Unsealed(), "inline": _Inline(), "detached": _Detached(),
}  # fmt: skip


def drilled(plan: Plan, recipients: Sequence[str], key: Path, passphrase: str | None) -> Envelopes:
    """Return what seals for `recipients` as a plan does, and opens with a private key's file.

    Raises:
        KeyUnavailable: it cannot be read.
    """
    return form_of(plan).envelopes(recipients, (key, passphrase))


def recipient_name(raw: bytes) -> str:
    """Return the fingerprint of a recipient's key, of whichever form: they differ in length."""
    from hdh_migrate.sealing.keyfiles import CRYPT4GH
    from hdh_migrate.sealing.keys import PublicKey

    if len(raw) == CRYPT4GH.public_size:
        return PublicKey(raw).fingerprint
    from hdh_migrate.sealing.hybrid import HybridPublicKey

    return HybridPublicKey(raw).fingerprint


def form_of(plan: Plan) -> SealForm:
    """Return how a plan seals."""
    return _FORMS[plan.seal.form]
