"""SSH servers on loopback: OpenSSH's own, and paramiko's in this process."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import paramiko
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from hdh_migrate.demo.servers import ServerFailed, serving
from hdh_migrate.ssh.host_keys import HostKey
from tests.support.processes import free_port

USER = "operator"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPair:
    """A private key file as ssh-keygen writes it, and its public half on one line."""

    path: Path
    public: str
    text: str = field(repr=False)

    @property
    def fingerprint(self) -> str:
        return HostKey.of("", self.paramiko().asbytes()).fingerprint

    def paramiko(self) -> paramiko.PKey:
        return paramiko.PKey.from_path(self.path)


@dataclass(frozen=True, slots=True, kw_only=True)
class SshServer:
    """A running server; whoever has `login` may run commands as `user`."""

    host: str
    port: int
    user: str
    host_key: KeyPair
    login: KeyPair

    @property
    def known_hosts(self) -> str:
        return f"[{self.host}]:{self.port} {self.host_key.public}\n"


def new_key(path: Path, *, kind: str = "ed25519", passphrase: str | None = None) -> KeyPair:
    key = Ed25519PrivateKey.generate() if kind == "ed25519" else generate_private_key(65537, 2048)
    locked = BestAvailableEncryption(passphrase.encode()) if passphrase else NoEncryption()
    text = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, locked).decode()
    path.touch(0o600)
    path.write_text(text)
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    return KeyPair(path=path, public=public, text=text)


def sshd_program() -> str:
    """Return OpenSSH's server, which `make system-packages` installs."""
    found = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if found is None:
        raise ServerFailed("there is no sshd", hint="apt-get install openssh-server")
    return found


def _patient(host_key: KeyPair) -> Sequence[str]:
    """Return what lets somebody in who was refused: all tests come from one address.

    Since OpenSSH 9.8 such an address is kept out for seconds; earlier ones know no such option.
    """
    option = ("-o", "PerSourcePenalties=no")
    tried = [sshd_program(), "-t", "-f", "/dev/null", "-h", str(host_key.path), *option]
    known = subprocess.run(tried, capture_output=True, check=False).returncode == 0
    return option if known else ()


@contextmanager
def openssh(
    folder: Path, log: Path, *, more_host_keys: Sequence[KeyPair] = (), options: Sequence[str] = ()
) -> Iterator[SshServer]:
    """Run sshd in `folder` on a free port; it lets this user in and nobody else.

    It serves SFTP, too. `options` are lines of its configuration, as `MaxStartups=1`.
    """
    host_key, login = new_key(folder / "host"), new_key(folder / "login")
    keys = folder / "authorized_keys"
    keys.write_text(login.public + "\n")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # where it separates its privileges
    port = free_port()
    command = [
        *(sshd_program(), "-D", "-e", "-f", "/dev/null", "-p", str(port)),
        *("-o", "ListenAddress=127.0.0.1", "-o", "UsePAM=no"),
        *(part for key in (host_key, *more_host_keys) for part in ("-h", str(key.path))),
        *("-o", f"AuthorizedKeysFile={keys}", "-o", "StrictModes=no", "-o", "PidFile=none"),
        *("-o", "PasswordAuthentication=no", "-o", "KbdInteractiveAuthentication=no"),
        *_patient(host_key),
        *("-o", "SetEnv=SHLVL=1"),  # else bash reads what this user has in ~/.bashrc, each time
        *("-o", "Subsystem=sftp internal-sftp", *(part for one in options for part in ("-o", one))),
    ]
    listens = re.compile(r"Server listening on (127\.0\.0\.1 port \d+)")
    with serving("sshd", command, folder=folder, log=log, listens=listens, answers=bool):
        yield SshServer(host="127.0.0.1", port=port, user=_me(), host_key=host_key, login=login)


class InProcess(paramiko.ServerInterface):  # type: ignore[misc]  # of a package without types
    """Runs what it is told to with /bin/sh, as sshd does, for the one key that it knows."""

    def __init__(self, login: KeyPair) -> None:
        self._login = login.paramiko()

    def get_allowed_auths(self, username: str) -> str:
        return "publickey"

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        known = username == USER and key.asbytes() == self._login.asbytes()
        return int(paramiko.AUTH_SUCCESSFUL if known else paramiko.AUTH_FAILED)

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return int(paramiko.OPEN_SUCCEEDED)

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        threading.Thread(target=_execute, args=(channel, command), daemon=True).start()
        return True


def weaken(transport: paramiko.Transport, which: str) -> None:
    """Let a server offer old algorithms alone."""
    options = transport.get_security_options()
    if which == "ciphers":
        options.ciphers = ("aes128-cbc", "3des-cbc")
    if which == "digests":
        options.ciphers, options.digests = ("aes128-ctr",), ("hmac-sha1", "hmac-md5")


@dataclass(slots=True)
class ParamikoServer:
    """paramiko's own server on loopback; a test may change its host key or its algorithms."""

    folder: Path
    host_key: KeyPair
    login: KeyPair
    weak: str = ""
    """Which algorithms are old ones alone: `ciphers` or `digests`; none when it is empty."""
    logins: int = 0
    _socket: socket.socket = field(default_factory=socket.socket)
    _open: list[paramiko.Transport] = field(default_factory=list)
    _channels: list[paramiko.Channel] = field(default_factory=list)

    def start(self) -> None:
        self._socket.bind(("127.0.0.1", 0))
        self._socket.listen()
        threading.Thread(target=self._serve, daemon=True).start()

    def stop(self) -> None:
        self._socket.close()
        for transport in self._open:
            transport.close()
            transport.sock.close()  # which one that never got to agree does not do

    def as_server(self) -> SshServer:
        host, port = self._socket.getsockname()
        return SshServer(host=host, port=port, user=USER, host_key=self.host_key, login=self.login)

    def _serve(self) -> None:
        with suppress(OSError):  # closed: the test is over
            while True:
                wire, _ = self._socket.accept()
                threading.Thread(target=self._greet, args=(wire,), daemon=True).start()

    def _greet(self, wire: socket.socket) -> None:
        transport = paramiko.Transport(wire)
        weaken(transport, self.weak)
        self._open.append(transport)
        transport.add_server_key(self.host_key.paramiko())
        with suppress(paramiko.SSHException, EOFError, OSError):
            transport.start_server(server=self._served(transport))
            channel = transport.accept(20)
            if channel is not None:
                self.logins += 1
                self._channels.append(channel)  # one that nobody holds is closed

    def _served(self, transport: paramiko.Transport) -> paramiko.ServerInterface:
        """Return what answers on a connection."""
        del transport
        return InProcess(self.login)


Server = TypeVar("Server", bound=ParamikoServer)


@contextmanager
def running(made: type[Server], folder: Path) -> Iterator[Server]:
    """Run a server of a kind, with new keys in `folder`, until the block ends."""
    server = made(folder, new_key(folder / "host"), new_key(folder / "login"))
    server.start()
    try:
        yield server
    finally:
        server.stop()


def paramiko_server(folder: Path) -> AbstractContextManager[ParamikoServer]:
    return running(ParamikoServer, folder)


def _execute(channel: paramiko.Channel, command: bytes) -> None:
    """Run a program when the client has ended its input, as it does once it was told "it runs".

    One that ended sooner than paramiko says so would take the channel away from under that word.
    """
    while channel.recv(1_024):
        pass
    ended = subprocess.run(["/bin/sh", "-c", command.decode()], capture_output=True, check=False)
    with suppress(OSError, EOFError):  # the other side may have gone
        channel.sendall(ended.stdout)
        channel.sendall_stderr(ended.stderr)
        channel.send_exit_status(ended.returncode)
        channel.close()


def _me() -> str:
    return subprocess.run(["id", "-un"], capture_output=True, check=True, text=True).stdout.strip()
