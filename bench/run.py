"""CPU per GiB, per small object and per listed blob, beside rclone on the same work in one run.

`make bench` or `python -m bench.run [--big MiB] [--small N] [--listed N]`. Source: Azurite.
Target: `rclone serve s3`. CPU is user + system time of the tool's whole process tree, the
servers' excluded. Start-up is measured on one tiny object and subtracted from both tools.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import secrets
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from hdh_migrate.demo.servers import Azurite, S3Server, azurite
from hdh_migrate.sealing.keys import new_pair
from tests.support.servers import rclone_program, rclone_s3

MIB = 1 << 20
SMALL = 16_384


def main() -> None:
    """Measure and print a table and one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--big", type=int, default=1024, help="MiB of the large object")
    parser.add_argument("--small", type=int, default=2000, help="objects of 16 KiB")
    parser.add_argument("--listed", type=int, default=20_000, help="blobs to list")
    wanted = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hdh-bench-")))
        source = stack.enter_context(azurite(folder / "azurite", log=folder / "azurite.log"))
        (folder / "s3").mkdir()
        target = stack.enter_context(rclone_s3(folder / "s3", folder / "s3.log"))
        bench = Bench(folder, source, target)
        bench.fill("tiny", 1, 1)
        bench.fill("small", wanted.small, SMALL)
        bench.fill("listed", wanted.listed, 1)
        bench.fill_big("big", wanted.big * MIB)
        results = [*bench.ours(wanted), *bench.rclone(wanted)]
    show(results)


class Bench:
    """Both tools on the same containers."""

    def __init__(self, folder: Path, source: Azurite, target: S3Server) -> None:
        self.folder, self.source, self.target = folder, source, target
        keys = folder / "keys"
        keys.mkdir()
        for name in ("steward", "escrow"):
            new_pair(keys, name, passphrase=None)
        self.environ = os.environ | {
            "BENCH_KEY": source.key,
            "BENCH_ID": target.access_key,
            "BENCH_SECRET": target.secret_key,
        }

    def fill(self, container: str, count: int, size: int) -> None:
        """Make a container of equal objects and the bucket that they go to."""
        from concurrent.futures import ThreadPoolExecutor

        from azure.storage.blob import ContainerClient

        (self.folder / "s3" / container).mkdir(exist_ok=True)
        body = secrets.token_bytes(size)
        with ContainerClient.from_connection_string(
            self.source.connection_string, container
        ) as client:
            client.create_container()

            def put(number: int) -> None:
                client.upload_blob(
                    f"part-{number % 97:02d}/objet-{number:06d}.dcm", body,
                    metadata={"serie": str(number)},
                )  # fmt: skip

            with ThreadPoolExecutor(8) as pool:
                list(pool.map(put, range(count)))

    def fill_big(self, container: str, size: int) -> None:
        """Make a container with one object uploaded as blocks."""
        from azure.storage.blob import BlobBlock, ContainerClient

        (self.folder / "s3" / container).mkdir(exist_ok=True)
        block = secrets.token_bytes(32 * MIB)
        with ContainerClient.from_connection_string(
            self.source.connection_string, container
        ) as client:
            client.create_container()
            blob = client.get_blob_client("big.bin")
            blocks = [f"{number:06d}" for number in range(max(1, size // len(block)))]
            for name in blocks:
                blob.stage_block(name, block)
            blob.commit_block_list([BlobBlock(name) for name in blocks])

    # --- ours --------------------------------------------------------------------------------

    def ours(self, wanted: argparse.Namespace) -> list[dict[str, Any]]:
        """Measure inventory, transfer and verify as separate processes."""
        base: dict[str, float] = {}
        found = []
        for container, unit, count in works(wanted):
            plan = self._plan(container)
            for verb in ("inventory", "transfer", "verify"):
                if container == "listed" and verb != "inventory":
                    continue
                cpu, wall = measured(
                    [sys.executable, "-m", "hdh_migrate", verb, str(plan), "--no-progress"],
                    self.environ,
                )
                if container == "tiny":
                    base[verb] = cpu
                    continue
                found.append(row("hdh-migrate", verb, unit, count, cpu, base[verb], wall))
        return found

    def _plan(self, container: str) -> Path:
        path = self.folder / f"{container}.yaml"
        path.write_text(f"""\
version: 1
migration: {container}
source:
  kind: azure-blob
  account_url: {self.source.url}
  credential: {{kind: shared-key, value: "env:BENCH_KEY"}}
target:
  provider: generic
  endpoint: {self.target.endpoint}
  credential: {{kind: access-key, id: "env:BENCH_ID", secret: "env:BENCH_SECRET"}}
seal:
  format: crypt4gh
  recipients: [keys/steward.pub, keys/escrow.pub]
  identity: "file:keys/steward.sec"
datasets:
  - name: all
    source: {{container: {container}}}
    target: {{bucket: {container}, prefix: ours/}}
""")
        return path

    # --- rclone --------------------------------------------------------------------------------

    def rclone(self, wanted: argparse.Namespace) -> list[dict[str, Any]]:
        """Measure list, copy through crypt, and check --download."""
        config = self._rclone_config()
        base: dict[str, float] = {}
        found = []
        for container, unit, count in works(wanted):
            origin, sealed = f"az:{container}", f"crypt-{container}:"
            verbs = {
                "inventory": ["lsjson", "-R", "-M", "--hash", origin],
                "transfer": ["copy", "--transfers", "16", origin, sealed],
                "verify": ["check", "--download", "--checkers", "16", origin, sealed],
            }
            for verb, arguments in verbs.items():
                if container == "listed" and verb != "inventory":
                    continue
                cpu, wall = measured(
                    [str(rclone_program()), "--config", str(config), *arguments], self.environ
                )
                if container == "tiny":
                    base[verb] = cpu
                    continue
                found.append(row("rclone", verb, unit, count, cpu, base[verb], wall))
        return found

    def _rclone_config(self) -> Path:
        path = self.folder / "rclone.conf"
        phrase = subprocess.run(
            [str(rclone_program()), "obscure", secrets.token_urlsafe(16)],
            check=True, capture_output=True, text=True,
        ).stdout.strip()  # fmt: skip
        text = f"""\
[az]
type = azureblob
account = {self.source.account}
key = {self.source.key}
endpoint = {self.source.url}
[s3]
type = s3
provider = Rclone
access_key_id = {self.target.access_key}
secret_access_key = {self.target.secret_key}
endpoint = {self.target.endpoint}
"""
        for container in ("tiny", "small", "listed", "big"):
            text += f"""\
[crypt-{container}]
type = crypt
remote = s3:{container}/theirs
password = {phrase}
filename_encryption = off
directory_name_encryption = false
"""
        path.write_text(text)
        return path


def works(wanted: argparse.Namespace) -> list[tuple[str, str, float]]:
    """Return (container, unit, how many units); the tiny one gives the start-up cost."""
    return [
        ("tiny", "", 1),
        ("listed", "listed blob", wanted.listed),
        ("small", "16 KiB object", wanted.small),
        ("big", "GiB", wanted.big / 1024),
    ]


def measured(command: list[str], environ: dict[str, str]) -> tuple[float, float]:
    """Run a command; return CPU seconds of its process tree and wall seconds."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(command, env=environ, capture_output=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(f"{command[:4]}: exit {done.returncode}\n{done.stderr.decode()[-2000:]}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return cpu, time.monotonic() - began


def row(
    tool: str, verb: str, unit: str, count: float, cpu: float, base: float, wall: float
) -> dict[str, Any]:
    """Return one measurement."""
    return {
        "tool": tool,
        "verb": verb,
        "unit": unit,
        "cpu": round(cpu, 3),
        "start_up": round(base, 3),
        "per_unit_ms": (cpu - base) / count * 1000,
        "wall": round(wall, 2),
    }


def show(results: list[dict[str, Any]]) -> None:
    """Print a table, ratios, and one line of JSON."""
    # Only the listing of many small blobs says what a listed blob costs.
    results = [r for r in results if r["verb"] != "inventory" or r["unit"] == "listed blob"]
    theirs = {(r["verb"], r["unit"]): r for r in results if r["tool"] == "rclone"}
    print(f"{'work':34} {'ours':>12} {'rclone':>12} {'ratio':>7} {'wall':>7} {'wall':>7}")
    for ours in (r for r in results if r["tool"] != "rclone"):
        other = theirs[ours["verb"], ours["unit"]]
        ratio = ours["per_unit_ms"] / max(other["per_unit_ms"], 1e-9)
        ours["ratio"] = round(ratio, 2)
        label = f"{ours['verb']}: CPU ms per {ours['unit']}"
        print(
            f"{label:34} {ours['per_unit_ms']:12.3f} {other['per_unit_ms']:12.3f} {ratio:7.2f}"
            f" {ours['wall']:7.1f} {other['wall']:7.1f}"
        )
    print(json.dumps(results))


if __name__ == "__main__":
    main()
