"""paramiko's transport, extended: it exposes its key exchange and bounds the size of packets."""

from __future__ import annotations

from typing import Final

import paramiko
from paramiko.packet import Packetizer

LONGEST: Final = 1 << 20
"""Bytes of the longest packet that is taken; OpenSSH sends and takes 256 KiB."""

GREETING_MAX: Final = 65_536
"""Bytes that may come before a server has said which protocol it speaks."""


class BoundedPacketizer(Packetizer):  # type: ignore[misc]  # of a package without types
    """Reads packets, none longer than any server has a reason to send.

    Their length stands before them, and in the first ones, which come before the machine's key was
    seen, anybody on the way can write it: paramiko waits for, and keeps, up to 4 GiB.
    """

    _greeting = 0

    def read_all(self, n: int, check_rekey: bool = False) -> bytes:
        """Return `n` bytes.

        Raises:
            SSHException: so many are no packet.
        """
        if n > LONGEST:
            raise paramiko.SSHException("a packet of a length that none has")
        found: bytes = super().read_all(n, check_rekey)
        return found

    def _read_timeout(self, timeout: float) -> bytes:
        """Return the next bytes of a greeting."""
        if self._greeting > GREETING_MAX:
            raise paramiko.SSHException("a greeting without end")
        found: bytes = super()._read_timeout(timeout)
        self._greeting += len(found)
        return found


class SshTransport(paramiko.Transport):  # type: ignore[misc]  # of a package without types
    """A connection that remembers its key exchange; paramiko forgets it once keys are in use."""

    kex = "unknown"
    """As OpenSSH names it."""

    def _parse_kex_init(self, m: paramiko.Message) -> None:
        super()._parse_kex_init(m)
        for name, kind in self._kex_info.items():
            if type(self.kex_engine) is kind:
                self.kex = name
