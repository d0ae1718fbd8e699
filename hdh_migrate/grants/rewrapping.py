"""Headers for one more reader: the data key is wrapped anew, and no segment changes.

Of a header only the data-key packet is for its reader; our objects have no other packets (a header
with an edit list, say, is none of ours and does not open). Packets of one writer share a key
agreement, which both halves keep: the opening one by writer key, the wrapping one for the reader.
Where headers are detached a hybrid one is opened; what the reader gets is a Crypt4GH header.
"""

from __future__ import annotations

from typing import Protocol, Self

from hdh_migrate.errors import UsageError
from hdh_migrate.sealing.keys import PrivateKey, PublicKey
from hdh_migrate.sealing.packets import PacketReader, PacketWriter


class Opens(Protocol):
    """Opens headers, of whichever form."""

    def data_key(self, header: bytes) -> bytes:
        """Return the one data key in a header, or raise `UnsealFailed`."""


class Rewrapping:
    """Makes headers for one reader of those that somebody opens; not for many threads."""

    def __init__(self, opens: Opens, reader: PublicKey) -> None:
        """Agree on a secret with the reader's key, once.

        Raises:
            KeyUnavailable: no secret comes of the reader's key.
        """
        self._opens = opens
        self._wraps = PacketWriter([reader])

    @classmethod
    def of(cls, identity: PrivateKey, reader: PublicKey) -> Self:
        """Return what makes headers of those that a Crypt4GH identity opens.

        Raises:
            UsageError: the reader's key is the identity's own.
            KeyUnavailable: no secret comes of the reader's key.
        """
        if reader.raw == identity.public.raw:
            raise UsageError(
                f"{reader.fingerprint} is the steward's own key: it opens everything already",
                hint="give the public key of the reader whom the permit names",
            )
        return cls(PacketReader(identity), reader)

    def header(self, header: bytes) -> bytes:
        """Return a header for the reader alone, of one that the identity opens.

        Raises:
            UnsealFailed: it is no header of ours, or not for the identity.
        """
        return self._wraps.header(self._opens.data_key(header))
