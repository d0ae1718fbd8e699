"""An SFTP source over a server of this machine, opened as a plan opens it."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import paramiko

from hdh_migrate.plan.azure_sftp import AzureSftp
from hdh_migrate.sources.azure_sftp import AzureSftpSource
from hdh_migrate.sources.sftp_sessions import Sessions
from hdh_migrate.wiring.opened import Reached
from hdh_migrate.wiring.sources.azure_sftp import KIND
from hdh_migrate.wiring.vault import Vault
from tests.support.ssh import USER, InProcess, KeyPair, ParamikoServer, SshServer, running


def section_of(server: SshServer, **more: Any) -> dict[str, Any]:
    """Return the `source` section of a plan that reads from a server."""
    return {
        "kind": "azure-sftp",
        "account_url": f"sftp://{server.host}:{server.port}",
        "user": server.user,
        "credential": {"kind": "private-key", "value": f"file:{server.login.path}"},
        "host_keys": [{"fingerprint": server.host_key.fingerprint}],
        **more,
    }


@dataclass(slots=True)
class OpenedSftp:
    """A source, and what it holds open."""

    source: AzureSftpSource
    sessions: Sessions
    contact: Reached

    def close(self) -> None:
        self.sessions.close()


def sftp_source(
    server: SshServer,
    section: Mapping[str, Any] | None = None,
    *,
    base: Path | None = None,
    environ: Mapping[str, str] | None = None,
    **more: Any,
) -> OpenedSftp:
    """Open a source as a plan does; `more` are its own bounds."""
    made = AzureSftp.model_validate_json(json.dumps(section or section_of(server)))
    found = KIND.read(made, Vault.open(base or Path("/"), environ or {}))
    source = found.thing
    assert isinstance(source, AzureSftpSource)
    sessions = source._sessions
    if more:
        source = AzureSftpSource(sessions, **more)
    return OpenedSftp(source, sessions, found.contacts[0][1])


# --- who misbehaves on purpose -------------------------------------------------------------------


@dataclass(slots=True)
class Manner:
    """What an odd server does otherwise than it should; nothing, as it is."""

    ends_at: int | None = None
    """Reads end here, whatever the size says."""
    size: int | None = None
    """What it says of the size of every file."""
    names: tuple[str, ...] = ()
    """What it lists besides what there is."""
    drops: list[int] = field(default_factory=list)
    """After how many reads each session is dropped; those after the last one are not."""
    flips: bool = False
    """Whether bytes are other ones once a session was dropped."""
    short: int | None = None
    """Bytes of the longest reply to a read."""
    sessions: int | None = None
    """Sessions that it bears at once."""
    refuses: str = "login"
    """How it refuses another: "login", or "connection"."""
    password: str | None = None
    real: str | None = None
    """What it says that every path is."""
    follows: bool = False
    """Whether who asks about a link alone is told of what it leads to."""
    on_open: Callable[[], object] | None = None
    dropped: int = 0
    most: int = 0
    """Sessions that there were at once."""


class _Login(InProcess):
    def __init__(self, login: KeyPair, manner: Manner, there: Callable[[], int]) -> None:
        super().__init__(login)
        self.manner, self._there = manner, there

    def get_allowed_auths(self, username: str) -> str:
        return "publickey,password"

    def check_auth_password(self, username: str, password: str) -> int:
        known = username == USER and password == self.manner.password
        return int(paramiko.AUTH_SUCCESSFUL if known else paramiko.AUTH_FAILED)

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        most = self.manner.sessions
        if most is not None and self.manner.refuses == "login" and self._there() > most:
            return int(paramiko.AUTH_FAILED)
        return super().check_auth_publickey(username, key)


class _Handle(paramiko.SFTPHandle):  # type: ignore[misc]  # of a package without types
    def __init__(self, files: _Files, path: Path) -> None:
        super().__init__(0)
        self._files, self._path = files, path
        self._data = path.read_bytes()

    def stat(self) -> object:
        return self._files.described(self._path)

    def read(self, offset: int, length: int) -> bytes | int:
        manner = self._files.manner
        if self._files.dropped:
            return int(paramiko.SFTP_FAILURE)
        if manner.drops:
            manner.drops[0] -= 1
            if manner.drops[0] < 0:
                manner.drops.pop(0)
                manner.dropped += 1
                self._files.dropped = True
                self._files.drop()
                return int(paramiko.SFTP_FAILURE)
        end = len(self._data) if manner.ends_at is None else manner.ends_at
        data = self._data[offset : min(offset + (manner.short or length), offset + length, end)]
        if manner.flips and manner.dropped:
            data = bytes(255 - one for one in data)
        return data or int(paramiko.SFTP_EOF)


class _Files(paramiko.SFTPServerInterface):  # type: ignore[misc]
    def __init__(self, server: _Login, manner: Manner, drop: Callable[[], None]) -> None:
        self.manner, self.drop, self.dropped = manner, drop, False

    def described(self, path: Path) -> object:
        found = paramiko.SFTPAttributes.from_stat(path.lstat(), path.name)
        if self.manner.size is not None and path.is_file():
            found.st_size = self.manner.size
        return found

    def list_folder(self, path: str) -> object:
        folder = Path(path)
        if not folder.is_dir():
            return paramiko.SFTP_NO_SUCH_FILE
        found = [self.described(one) for one in folder.iterdir()]
        for name in self.manner.names:
            odd = paramiko.SFTPAttributes.from_stat(Path("/etc/hostname").stat(), name)
            found.append(odd)
        return found

    def lstat(self, path: str) -> object:
        follows = self.manner.follows and Path(path).exists()
        try:
            return self.described(Path(path).resolve() if follows else Path(path))
        except OSError:
            return paramiko.SFTP_NO_SUCH_FILE

    stat = lstat

    def open(self, path: str, flags: int, attr: object) -> object:
        if self.manner.on_open is not None:
            self.manner.on_open()
        return _Handle(self, Path(path))

    def canonicalize(self, path: str) -> str:
        if self.manner.real is not None:
            return self.manner.real
        return str(super().canonicalize(path))


@dataclass(slots=True)
class OddServer(ParamikoServer):
    """An SFTP server in this process that may misbehave."""

    manner: Manner = field(default_factory=Manner)

    @property
    def alive(self) -> int:
        """Connections that it holds."""
        return sum(one.is_active() for one in self._open)

    def _greet(self, wire: socket.socket) -> None:
        self._open[:] = [one for one in self._open if one.is_active()]
        manner, there = self.manner, len(self._open) + 1
        manner.most = max(manner.most, there)
        if manner.refuses == "connection" and there > (manner.sessions or there):
            wire.close()
            return
        ParamikoServer._greet(self, wire)  # super() knows no class with slots of its own

    def _served(self, transport: paramiko.Transport) -> paramiko.ServerInterface:
        transport.set_subsystem_handler(
            "sftp", paramiko.SFTPServer, _Files, self.manner, transport.close
        )
        return _Login(self.login, self.manner, lambda: len(self._open))


def odd_server(folder: Path) -> AbstractContextManager[OddServer]:
    return running(OddServer, folder)


# --- what cuts -----------------------------------------------------------------------------------


class Cutter:
    """Passes TCP on to a server of this machine, and cuts some connections in the middle."""

    def __init__(self, server: SshServer, cuts: Sequence[int]) -> None:
        """`cuts` are bytes from the server after which one connection after another is cut."""
        self._to = server.host, server.port
        self.left = list(cuts)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._lock = threading.Lock()
        self._wires: list[socket.socket] = [self._socket]
        self.server = replace(server, port=self._socket.getsockname()[1])
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        for wire in self._wires:
            with suppress(OSError):
                wire.shutdown(socket.SHUT_RDWR)
            wire.close()

    def _serve(self) -> None:
        with suppress(OSError):  # closed: the test is over
            while True:
                near, _ = self._socket.accept()
                far = socket.create_connection(self._to)
                self._wires += near, far
                for one, other, counts in ((near, far, False), (far, near, True)):
                    threading.Thread(
                        target=self._pass, args=(one, other, counts), daemon=True
                    ).start()

    def _pass(self, one: socket.socket, other: socket.socket, counts: bool) -> None:
        passed = 0
        with suppress(OSError):
            while data := one.recv(65_536):
                other.sendall(data)
                passed += len(data)
                if counts and self._is_due(passed):
                    break
        for wire in (one, other):
            with suppress(OSError):
                wire.shutdown(socket.SHUT_RDWR)

    def _is_due(self, passed: int) -> bool:
        with self._lock:
            if self.left and passed >= self.left[0]:
                self.left.pop(0)
                return True
            return False
