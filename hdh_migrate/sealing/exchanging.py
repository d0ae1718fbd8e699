"""Headers for another set of recipients: the data key is wrapped anew, and no segment changes."""

from __future__ import annotations

from collections.abc import Sequence

from hdh_migrate.sealing.keys import PrivateKey, PublicKey
from hdh_migrate.sealing.packets import PacketReader, PacketWriter


class HeaderExchange:
    """Makes headers for some recipients of those that an identity opens; safe for many threads."""

    def __init__(self, identity: PrivateKey, recipients: Sequence[PublicKey]) -> None:
        """Agree on a secret with each recipient's key, once.

        Raises:
            KeyUnavailable: two are the same, or no secret comes of one.
        """
        self._opens = PacketReader(identity)
        self._wraps = PacketWriter(recipients)

    def header(self, header: bytes) -> bytes:
        """Return a header for the recipients, and nobody else, of one that the identity opens.

        Raises:
            UnsealFailed: it is no header of ours, or not for the identity.
        """
        return self._wraps.header(self._opens.data_key(header))
