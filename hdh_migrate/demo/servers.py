"""Real servers on free loopback ports, gone for certain when their block ends.

Each server has a process group of its own, picks its port itself (so two of them never want the
same one), writes all it prints to a log file, and gets no more of our environment than it needs.
The group is killed at the end of the block, on an error, and by a guard process when we are
killed ourselves.
"""

from __future__ import annotations

import base64
import os
import re
import secrets
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import field
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection, HTTPException
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from hdh_migrate.confined import bare
from hdh_migrate.demo.node import azurite_program, node_program
from hdh_migrate.demo.watch import wait_for
from hdh_migrate.errors import MigrateError
from hdh_migrate.frozen import frozen
from hdh_migrate.software import installing
from hdh_migrate.sources.azure_credentials import account_sas

START_SECONDS = 90.0
LOG_TAIL_LINES = 12
REGION = "us-east-1"

_SAS_START = datetime(2020, 1, 1, tzinfo=UTC)
_SAS_LIFETIME = timedelta(days=30_000)  # the account lives as long as the process
_GUARD = """\
import os, signal, sys
if sys.stdin.read() != "done":
    os.killpg(int(sys.argv[1]), signal.SIGKILL)
"""


class ServerFailed(MigrateError):
    """A server of the demo or of the tests did not start."""


@frozen
class Azurite:
    """A running Azure Blob emulator; `url` is the account URL, account name included."""

    url: str
    account: str
    pid: int
    key: str = field(repr=False)

    @property
    def connection_string(self) -> str:
        """What the Azure SDK calls a connection string."""
        return (
            f"DefaultEndpointsProtocol=http;AccountName={self.account};"
            f"AccountKey={self.key};BlobEndpoint={self.url};"
        )

    def sas(self, permissions: str = "rlt") -> str:
        """Return an account SAS token for blobs: read, list and tags unless told otherwise."""
        return account_sas(
            self.account, self.key, whose="the emulator's", kinds="sco", rights=permissions,
            start=_SAS_START, lifetime=_SAS_LIFETIME, secure=False,
        )  # fmt: skip


@frozen
class S3Server:
    """A running S3 server; path-style addressing."""

    endpoint: str
    access_key: str
    region: str
    pid: int
    secret_key: str = field(repr=False)


@frozen
class Running:
    """Where a server answers, and its process (which leads a group of the same number)."""

    url: str
    pid: int


@contextmanager
def azurite(folder: Path, *, log: Path, keep: bool = False) -> Iterator[Azurite]:
    """Run Azurite's blob service in memory, in `folder`, with an account of its own.

    The first call installs Azurite from the npm registry (some 20 s); later ones use the cache.
    With `keep` the server stays when the block ends without an error.

    Raises:
        NoNode: there is no Node, or Azurite cannot be installed.
        ServerFailed: it did not start.
    """
    account = "hdhdemo" + secrets.token_hex(4)
    key = base64.b64encode(secrets.token_bytes(64)).decode()
    command = [
        *(str(node_program()), str(azurite_program())),
        *("--blobHost", "127.0.0.1", "--blobPort", "0"),
        *("--disableTelemetry", "--skipApiVersionCheck", "--inMemoryPersistence", "--silent"),
    ]
    folder.mkdir(parents=True, exist_ok=True)
    listens = re.compile(r"successfully listens on (http://[0-9.:]+)")
    environment = {"AZURITE_ACCOUNTS": f"{account}:{key}"}
    with serving(
        "azurite",
        command,
        folder=folder,
        log=log,
        listens=listens,
        environment=environment,
        keep=keep,
    ) as up:
        yield Azurite(url=f"{up.url}/{account}", account=account, key=key, pid=up.pid)


@contextmanager
def moto_s3(log: Path, *, keep: bool = False) -> Iterator[S3Server]:
    """Run moto's server as an S3 target; it takes any credential.

    With `keep` the server stays when the block ends without an error.

    Raises:
        ServerFailed: moto is not installed or did not start.
    """
    if find_spec("moto") is None:
        raise ServerFailed("moto is not installed", hint=installing("demo"))
    # -P: nothing in the current directory may stand in for a module.
    command = [sys.executable, "-P", "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]
    listens = re.compile(r"Running on (http://[0-9.:]+)")
    with serving("moto", command, folder=log.parent, log=log, listens=listens, keep=keep) as up:
        yield S3Server(
            endpoint=up.url,
            access_key="AKIA" + secrets.token_hex(8).upper(),
            secret_key=secrets.token_urlsafe(30),
            region=REGION,
            pid=up.pid,
        )


@contextmanager
def serving(
    name: str,
    command: Sequence[str],
    *,
    folder: Path,
    log: Path,
    listens: re.Pattern[str],
    environment: Mapping[str, str] | None = None,
    keep: bool = False,
    answers: Callable[[str], bool] | None = None,
) -> Iterator[Running]:
    """Run a server in `folder` until the block ends; `listens` finds its URL in what it prints.

    `answers` says whether it is ready to serve at that URL; by default, whether it speaks HTTP.

    Raises:
        ServerFailed: it ended, or did not answer in time; the last log lines are in the message.
    """
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env={**bare(os.environ), "PYTHONUNBUFFERED": "1", **(environment or {})},
            start_new_session=True,
        )
    leave = False
    with _guarded(process):
        try:
            url = _answering(name, process, log, listens, answers or _answers)
            yield Running(url=url, pid=process.pid)
            leave = keep
        finally:
            if not leave:
                _kill(process)


@contextmanager
def _guarded(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Have the group of `process` killed when we die without leaving this block."""
    guard = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", _GUARD, str(process.pid)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C in the terminal is for us, not for the guard
    )
    try:
        yield
    finally:
        guard.communicate(b"done")


def _answering(
    name: str,
    process: subprocess.Popen[bytes],
    log: Path,
    listens: re.Pattern[str],
    answers: Callable[[str], bool],
) -> str:
    """Return the server's URL as soon as it answers a request."""

    def url() -> str | None:
        if process.poll() is not None:
            raise _failed(f"{name} ended with code {process.returncode} before it answered", log)
        found = listens.search(log.read_text("utf-8", "replace"))
        return found[1] if found and answers(found[1]) else None

    found = wait_for(url, START_SECONDS)
    if found is None:
        raise _failed(f"{name} did not answer within {START_SECONDS:.0f} s", log)
    return found


def _answers(url: str) -> bool:
    parts = urlsplit(url)
    connection = HTTPConnection(parts.hostname or "", parts.port, timeout=5)
    try:
        connection.request("GET", "/")
        connection.getresponse().read()  # any status will do: somebody speaks HTTP
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
    return True


def _failed(message: str, log: Path) -> ServerFailed:
    tail = log.read_text("utf-8", "replace").splitlines()[-LOG_TAIL_LINES:]
    lines = "".join(f"\n  {line}" for line in tail)
    return ServerFailed(message + lines, hint=f"the whole log is in {log}")


def _kill(process: subprocess.Popen[bytes]) -> None:
    # The group, not the process: npm and Node start children. Nothing here is worth a grace
    # period, since everything these servers hold is in memory or in a folder of the test.
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
