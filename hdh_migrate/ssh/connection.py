"""A connection to one machine: judged address, pinned key, no old algorithm, then the login.

The host key is compared before any login is tried. Only the named key, password or agent logs in.
"""

from __future__ import annotations

import io
import logging
import os
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import field
from typing import TYPE_CHECKING, Final

from hdh_migrate.errors import (
    AuthFailed,
    ConnectionLost,
    HostRefused,
    KeyUnavailable,
    MigrateError,
    Unsupported,
)
from hdh_migrate.frozen import frozen
from hdh_migrate.ssh.host_keys import HostKey, Pins
from hdh_migrate.ssh.wire import GatheringSocket

if TYPE_CHECKING:
    from paramiko import PKey

    from hdh_migrate.ssh.bounded_transport import SshTransport

CONNECT_SECONDS: Final = 15.0
KEEPALIVE_SECONDS: Final = 10
"""Well under the two minutes after which some servers cut who says nothing."""

Objection = Callable[[str], str | None]
"""Says what is wrong with a network address, or None; see `door.Door.objection`."""

WEAK: Final = {
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
"""What is never agreed on: SHA-1, MD5, CBC."""

CIPHERS: Final = (
    *("aes128-gcm@openssh.com", "aes256-gcm@openssh.com"),  # half the CPU of a cipher and a MAC
    *("aes128-ctr", "aes192-ctr", "aes256-ctr"),
)


@frozen
class Login:
    """Where to log in, as whom, and how it is known to be the right place."""

    host: str
    port: int
    user: str
    pins: Pins
    key: Callable[[], PKey] | None = field(default=None, repr=False)
    """Gives the private key (`private_key`); without it and a password, those of the agent."""
    password: str | None = field(default=None, repr=False)
    today: str = ""
    """The day on which the key of the machine must count; for pins with windows."""
    refused: str = "nothing was run"
    """What is safe, when nobody is let in."""

    @property
    def where(self) -> str:
        """The machine in words."""
        return f"{self.host}, port {self.port}"


@contextmanager
def connected(login: Login, objection: Objection) -> Iterator[SshTransport]:
    """Hold a connection that is logged in; see `connect`."""
    transport = connect(login, objection)
    try:
        yield transport
    finally:
        transport.close()


def connect(login: Login, objection: Objection) -> SshTransport:
    """Return a connection that is logged in; its `sock` is a `GatheringSocket`.

    Raises:
        HostRefused: its name leads to an address of the wrong kind, or its key is not pinned.
        AuthFailed: nobody is let in.
        Unsupported: it offers old algorithms only.
        ConnectionLost: no connection, or none that was kept.
    """
    with translated(login.where):
        wire = _reached(login.host, login.port, objection)
        try:
            return _logged_in(login, wire)
        except BaseException:
            wire.close()
            raise


def _logged_in(login: Login, wire: GatheringSocket) -> SshTransport:
    from hdh_migrate.ssh.bounded_transport import BoundedPacketizer, SshTransport

    # Its thread logs the traceback of every error that it hands over as well.
    logging.getLogger("paramiko").setLevel(logging.CRITICAL)
    transport = SshTransport(wire, disabled_algorithms=WEAK, packetizer_class=BoundedPacketizer)
    try:
        _greet(login, transport)
        transport.set_keepalive(KEEPALIVE_SECONDS)
        _log_in(login, transport)
    except BaseException:
        transport.close()
        raise
    return transport


def agreed(transport: SshTransport) -> str:
    """Return what a connection is secured with: key exchange, host key, cipher, MAC.

    As OpenSSH names them, with a space between; a cipher that authenticates has the MAC `aead`.
    """
    cipher = str(transport.remote_cipher)
    mac = "aead" if "gcm" in cipher else str(transport.remote_mac)
    seen = transport.get_remote_server_key()
    print_ = HostKey.of(seen.get_name(), seen.asbytes()).fingerprint
    return f"{transport.kex} {transport.host_key_type} {cipher} {mac} {print_}"


@contextmanager
def translated(where: str) -> Iterator[None]:
    """Say paramiko's and the system's errors in ours.

    Raises:
        Unsupported, AuthFailed, ConnectionLost: instead of them.
    """
    from paramiko import AuthenticationException, SSHException
    from paramiko.ssh_exception import IncompatiblePeer

    try:
        yield
    except IncompatiblePeer as error:
        raise Unsupported(
            f"{where}: the SSH server offers old algorithms only",
            hint="nothing was sent; renew the server or its configuration",
        ) from error
    except AuthenticationException as error:
        raise AuthFailed(f"{where}: the login is refused") from error
    except SSHException as error:
        raise ConnectionLost(f"{where}: {type(error).__name__}") from error
    except (OSError, EOFError) as error:
        raise ConnectionLost(f"{where}: no SSH connection: {error}") from error
    except MigrateError:
        raise
    except Exception as error:
        # What paramiko's thread met in a reply is raised here, whatever it is; its words may hold
        # anything.
        raise ConnectionLost(f"{where}: an SSH reply that cannot be understood") from error


def _greet(login: Login, transport: SshTransport) -> None:
    """Agree on keys and demand the pinned machine; nobody has logged in before that."""
    options = transport.get_security_options()
    options.key_types = login.pins.preferred(options.key_types)
    options.ciphers = tuple(one for one in CIPHERS if one in options.ciphers)
    transport.start_client(timeout=CONNECT_SECONDS)
    seen = transport.get_remote_server_key()
    login.pins.demand(HostKey.of(seen.get_name(), seen.asbytes()), login.today)


def _log_in(login: Login, transport: SshTransport) -> None:
    from paramiko import AuthenticationException

    transport.auth_timeout = CONNECT_SECONDS
    if login.password is not None:
        with suppress(AuthenticationException):
            transport.auth_password(login.user, login.password, fallback=True)
        if transport.is_authenticated():
            return
        raise AuthFailed(
            f"{login.host} does not let {login.user} in with the given password",
            hint=f"renew the password, or use a key; {login.refused}",
        )
    with _keys(login) as keys:
        for key in keys:
            with suppress(AuthenticationException):
                transport.auth_publickey(login.user, key)
            if transport.is_authenticated():
                return
    raise AuthFailed(
        f"{login.host} does not let {login.user} in with the given key",
        hint=f"put its public half in the user's authorized_keys; {login.refused}",
    )


@contextmanager
def _keys(login: Login) -> Iterator[Sequence[PKey]]:
    if login.key is not None:
        yield [login.key()]
        return
    from paramiko import Agent

    if not os.environ.get("SSH_AUTH_SOCK"):
        raise KeyUnavailable("the plan names the SSH agent, and none runs here (SSH_AUTH_SOCK)")
    agent = Agent()
    try:
        yield list(agent.get_keys())
    finally:
        agent.close()


def _reached(host: str, port: int, objection: Objection) -> GatheringSocket:
    """Connect to an address that has been judged, by the rules of every other endpoint."""
    failure: OSError | None = None
    for family, kind, protocol, _, where in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        if (wrong := objection(str(where[0]))) is not None:
            raise HostRefused(
                f"{host} leads to {where[0]}, {wrong}; nothing was sent there",
                hint="a wrong or poisoned name would be another machine; check the DNS",
            )
        wire = GatheringSocket(family, kind, protocol)
        try:
            wire.settimeout(CONNECT_SECONDS)
            wire.connect(where)
        except OSError as error:
            wire.close()
            failure = error
            continue
        wire.address = str(where[0])
        return wire
    raise failure or OSError(f"{host} has no address")


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
