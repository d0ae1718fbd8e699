"""Headers for another set of recipients: the data key is wrapped anew, and no segment changes."""

from __future__ import annotations

from collections.abc import Callable

from hdh_migrate.frozen import frozen
from hdh_migrate.sealing.crypt4gh import KeyReader, KeyWriter


@frozen
class HeaderExchange:
    """Makes headers for some recipients of those that an identity opens; safe for many threads."""

    opens: KeyReader
    wraps: KeyWriter
    current: Callable[[bytes], bool]
    """Says whether a header is for exactly these recipients already, as far as it shows."""

    def data_key(self, header: bytes) -> bytes:
        """Return the data key in a header of before.

        Raises:
            UnsealFailed: it is no header of ours, or not for the identity.
        """
        return self.opens.data_key(header)

    def wrap(self, data_key: bytes) -> bytes:
        """Return a header that wraps a data key for the recipients, and nobody else."""
        return self.wraps.header(data_key)

    def header(self, header: bytes) -> bytes:
        """Return a header for the recipients, and nobody else, of one that the identity opens.

        Raises:
            UnsealFailed: it is no header of ours, or not for the identity.
        """
        return self.wraps.header(self.opens.data_key(header))
