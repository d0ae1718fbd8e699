"""Programs on another machine as a pointer, over SSH.

The machine's host key must be one of those that were pinned, and is compared before any login is
tried; nothing is ever learnt. Old algorithms are not offered at all. Only the named key logs in.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from hdh_migrate.door import Addresses
from hdh_migrate.errors import ConnectionLost
from hdh_migrate.plan import pointers as plans
from hdh_migrate.plan.fields import is_loopback
from hdh_migrate.pointers.process import Programs
from hdh_migrate.programs import CapturedOutput, Ended
from hdh_migrate.ssh.connection import CONNECT_SECONDS, Login, connected, private_key, translated
from hdh_migrate.ssh.host_keys import pins

if TYPE_CHECKING:
    from paramiko import Channel


class PointerOverSsh(Programs):
    """Programs on another machine; see `ports.Pointer`."""

    kind = "ssh-command"


class RemoteRun:
    """Runs a program on the other machine, each over a connection of its own."""

    def __init__(self, login: Login, *, seconds: float) -> None:
        self._login = login
        self._seconds = seconds
        here = f"ssh://[{login.host}]" if ":" in login.host else f"ssh://{login.host}"
        self._addresses = Addresses(loopback=is_loopback(here), private=True)

    def __call__(
        self, command: Sequence[str], variables: Mapping[str, str], *, inherits: int | None = None
    ) -> Ended:
        """Run one program to its end; see `process.RunsProgram`.

        When the time is over the connection is cut; the program may go on over there.
        """
        assert inherits is None, "nothing reaches another machine so"
        # sshd takes no variables unless its configuration names them; `env` needs nobody's leave.
        given = [f"{name}={value}" for name, value in variables.items()]
        line = shlex.join(["env", *given, *command] if given else command)
        where, rule = self._login.where, self._addresses
        with translated(where), connected(self._login, rule.objection) as transport:
            channel = transport.open_session(timeout=CONNECT_SECONDS)
            channel.exec_command(line.encode())
            channel.shutdown_write()
            output, errors = CapturedOutput(channel.recv), CapturedOutput(channel.recv_stderr)
            in_time = channel.status_event.wait(self._seconds)
            status = self._status(channel) if in_time else None
            return Ended(status, output.taken(), errors.taken())

    def _status(self, channel: Channel) -> int:
        status = int(channel.exit_status)
        if status < 0:
            raise ConnectionLost(f"{self._login.host}: the command ended without a status")
        return status


def opened(
    section: plans.SshCommandPointer, base: Path, reveal: Callable[[str], str]
) -> PointerOverSsh:
    """Return the pointer that a section of a plan describes.

    Raises:
        KeyUnavailable: a key or the known_hosts file cannot be read.
    """
    known, phrase = section.known_hosts, section.key_passphrase
    secret = reveal(section.key) if section.key is not None else None
    locked = reveal(phrase) if phrase is not None else None
    login = Login(
        host=section.host,
        port=section.port,
        user=section.user,
        pins=pins(
            section.host,
            section.port,
            fingerprints=section.host_keys,
            known_hosts=base / known if known is not None else None,
        ),
        key=None if secret is None else partial(private_key, secret, locked),
    )
    return PointerOverSsh(
        RemoteRun(login, seconds=section.timeout_seconds),
        check=section.check,
        apply=section.apply,
        revert=section.revert,
        value=section.value,
        where=f"pointer command on {section.host}",
    )
