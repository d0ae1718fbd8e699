"""Programs on another machine as a pointer, over SSH.

The machine's host key must be one of those that were pinned, and is compared before any login is
tried; nothing is ever learnt. Old algorithms are not offered at all. Only the named key logs in.
"""

from __future__ import annotations

import io
import shlex
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hdh_migrate.door import Addresses
from hdh_migrate.errors import AuthFailed, ConnectionLost, HostRefused, KeyUnavailable, Unsupported
from hdh_migrate.plan import pointers as plans
from hdh_migrate.plan.fields import is_loopback
from hdh_migrate.pointers.host_keys import HostKey, Pins, pins
from hdh_migrate.pointers.process import Ended, Kept, Programs

if TYPE_CHECKING:
    from paramiko import Channel, PKey, Transport

CONNECT_SECONDS: Final = 15.0
KEEPALIVE_SECONDS: Final = 10

_WEAK: Final = {
    "keys": ["ssh-rsa", "ssh-dss"],  # they sign with SHA-1
    "pubkeys": ["ssh-rsa", "ssh-dss"],
    "kex": [
        "diffie-hellman-group1-sha1",
        "diffie-hellman-group14-sha1",
        "diffie-hellman-group-exchange-sha1",
    ],
    "ciphers": ["3des-cbc", "aes128-cbc", "aes192-cbc", "aes256-cbc"],
    "macs": ["hmac-md5", "hmac-md5-96", "hmac-sha1", "hmac-sha1-96"],
}


class SshCommandPointer(Programs):
    """Programs on another machine; see `ports.Pointer`."""

    kind = "ssh-command"


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """Where to log in, as whom, and how it is known to be the right place."""

    host: str
    port: int
    user: str
    pins: Pins
    key: str | None = field(default=None, repr=False)
    """The private key itself; None: those of the agent."""
    passphrase: str | None = field(default=None, repr=False)


class RemoteRun:
    """Runs a program on the other machine, each over a connection of its own."""

    def __init__(self, login: Login, *, seconds: float) -> None:
        self._login = login
        self._seconds = seconds

    def __call__(self, command: Sequence[str], variables: Mapping[str, str]) -> Ended:
        """Run one program to its end; see `process.Run`.

        When the time is over the connection is cut; the program may go on over there.
        """
        # sshd takes no variables unless its configuration names them; `env` needs nobody's leave.
        given = [f"{name}={value}" for name, value in variables.items()]
        line = shlex.join(["env", *given, *command] if given else command)
        with self._translated(), self._connection() as transport:
            channel = transport.open_session(timeout=CONNECT_SECONDS)
            channel.exec_command(line.encode())
            channel.shutdown_write()
            output, errors = Kept(channel.recv), Kept(channel.recv_stderr)
            in_time = channel.status_event.wait(self._seconds)
            status = self._status(channel) if in_time else None
            return Ended(status, output.taken(), errors.taken())

    def _status(self, channel: Channel) -> int:
        status = int(channel.exit_status)
        if status < 0:
            raise ConnectionLost(f"{self._login.host}: the command ended without a status")
        return status

    @contextmanager
    def _connection(self) -> Iterator[Transport]:
        from paramiko import Transport

        login = self._login
        wire = _connected(login.host, login.port)
        try:
            wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            transport = Transport(wire, disabled_algorithms=_WEAK)
            try:
                self._greet(transport)
                transport.set_keepalive(KEEPALIVE_SECONDS)
                self._log_in(transport)
                yield transport
            finally:
                transport.close()
        finally:
            wire.close()

    def _greet(self, transport: Transport) -> None:
        """Agree on keys and demand the pinned machine; nobody has logged in before that."""
        options = transport.get_security_options()
        options.key_types = self._login.pins.preferred(options.key_types)
        transport.start_client(timeout=CONNECT_SECONDS)
        seen = transport.get_remote_server_key()
        self._login.pins.demand(HostKey.of(seen.get_name(), seen.asbytes()))

    def _log_in(self, transport: Transport) -> None:
        from paramiko import AuthenticationException

        transport.auth_timeout = CONNECT_SECONDS
        with self._keys() as keys:
            for key in keys:
                with suppress(AuthenticationException):
                    transport.auth_publickey(self._login.user, key)
                if transport.is_authenticated():
                    return
        raise AuthFailed(
            f"{self._login.host} does not let {self._login.user} in with the given key",
            hint="put its public half in the user's authorized_keys; nothing was run",
        )

    @contextmanager
    def _keys(self) -> Iterator[Sequence[PKey]]:
        if self._login.key is not None:
            yield [private_key(self._login.key, self._login.passphrase)]
            return
        from paramiko import Agent

        agent = Agent()
        try:
            yield list(agent.get_keys())
        finally:
            agent.close()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        from paramiko import SSHException
        from paramiko.ssh_exception import IncompatiblePeer

        where = f"{self._login.host}, port {self._login.port}"
        try:
            yield
        except IncompatiblePeer as error:
            raise Unsupported(
                f"{where}: the SSH server offers old algorithms only",
                hint="nothing was sent; renew the server or its configuration",
            ) from error
        except SSHException as error:
            raise ConnectionLost(f"{where}: {type(error).__name__}") from error
        except (OSError, EOFError) as error:
            raise ConnectionLost(f"{where}: no SSH connection: {error}") from error


def _connected(host: str, port: int) -> socket.socket:
    """Connect to an address that has been judged, by the rules of every other endpoint."""
    url = f"ssh://[{host}]" if ":" in host else f"ssh://{host}"
    rule = Addresses(loopback=is_loopback(url), private=True)
    failure: OSError | None = None
    for family, kind, protocol, _, where in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        if (objection := rule.objection(str(where[0]))) is not None:
            raise HostRefused(
                f"{host} leads to {where[0]}, {objection}; nothing was sent there",
                hint="a wrong or poisoned name would hand over the pointer; check the DNS",
            )
        wire = socket.socket(family, kind, protocol)
        try:
            wire.settimeout(CONNECT_SECONDS)
            wire.connect(where)
        except OSError as error:
            wire.close()
            failure = error
            continue
        return wire
    raise failure or OSError(f"{host} has no address")


def opened(
    section: plans.SshCommandPointer, base: Path, reveal: Callable[[str], str]
) -> SshCommandPointer:
    """Return the pointer that a section of a plan describes.

    Raises:
        KeyUnavailable: a key or the known_hosts file cannot be read.
    """
    known, phrase = section.known_hosts, section.key_passphrase
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
        key=reveal(section.key) if section.key is not None else None,
        passphrase=reveal(phrase) if phrase is not None else None,
    )
    return SshCommandPointer(
        RemoteRun(login, seconds=section.timeout_seconds),
        check=section.check,
        apply=section.apply,
        revert=section.revert,
        value=section.value,
        where=f"pointer command on {section.host}",
    )


def private_key(text: str, passphrase: str | None) -> PKey:
    """Open a private key as ssh-keygen writes it.

    Raises:
        KeyUnavailable: it is none, or its passphrase is missing or wrong.
    """
    from paramiko import ECDSAKey, Ed25519Key, PasswordRequiredException, RSAKey, SSHException

    for kind in (Ed25519Key, ECDSAKey, RSAKey):
        try:
            return kind.from_private_key(io.StringIO(text), passphrase)
        except PasswordRequiredException:
            raise KeyUnavailable("the SSH key needs its passphrase") from None
        except (SSHException, ValueError, IndexError):
            continue  # another kind of key, or none
    raise KeyUnavailable("the SSH key is none, or its passphrase is wrong") from None
