"""paramiko's transport, which also tells what key exchange was agreed on."""

from __future__ import annotations

import paramiko


class SshTransport(paramiko.Transport):  # type: ignore[misc]  # of a package without types
    """A connection that remembers its key exchange; paramiko forgets it once keys are in use."""

    kex = "unknown"
    """As OpenSSH names it."""

    def _parse_kex_init(self, m: paramiko.Message) -> None:
        super()._parse_kex_init(m)
        for name, kind in self._kex_info.items():
            if type(self.kex_engine) is kind:
                self.kex = name
