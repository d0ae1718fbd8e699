"""The two tools on the same corpora: their commands, and a look at every byte that they wrote."""

from __future__ import annotations

import hashlib
import os
import secrets
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pycurl

from bench.corpora import Corpus
from bench.measure import CommandFailed
from hdh_migrate.demo.servers import Azurite
from hdh_migrate.sealing.crypt4gh import Crypt4ghEnvelopes
from hdh_migrate.sealing.keys import PrivateKey, new_pair
from tests.support.servers import rclone_program

TRANSFERS = "16"

RETRIES = "20s"
"""How long ours waits for a host in trouble: after that a round is thrown away (`unreadable`).
`rclone serve s3` was seen to answer 5xx for a small object until it forgot its folder, 300 s."""

LISTINGS = ((), ("--azureblob-list-parallelism", "8"))
"""rclone's ways to list; the better one of each round counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """An S3 endpoint that is written to under one bucket."""

    endpoint: str
    access_key: str
    secret_key: str
    bucket: str
    region: str | None = None
    attestation: Path | None = None


class Tools:
    """What both tools are asked to do; all they know is in one folder."""

    def __init__(self, folder: Path, source: Azurite, target: Target) -> None:
        self._folder, self._source, self._target = folder, source, target
        self._sources: dict[str, Azurite] = {}
        keys = folder / "keys"
        keys.mkdir()
        for name in ("steward", "escrow"):
            new_pair(keys, name, passphrase=None)
        self.environ: Mapping[str, str] = os.environ | {
            "BENCH_KEY": source.key,
            "BENCH_ID": target.access_key,
            "BENCH_SECRET": target.secret_key,
        }
        self._config = folder / "rclone.conf"
        self._config.write_text(self._remotes())

    def serve(self, name: str, source: Azurite) -> None:
        """Take a corpus from a server of its own; both tools use its key for it alone."""
        self._sources[name] = source
        self.environ = {**self.environ, f"BENCH_KEY_{name.upper()}": source.key}
        self._config.write_text(self._config.read_text() + _source_of(name, source))

    # --- ours ----------------------------------------------------------------------------------

    def plan(self, corpus: Corpus, number: int) -> Path:
        """Write the plan of one round, which has a ledger and a prefix of its own."""
        folder = self._folder / f"{corpus.name}-{number}"
        folder.mkdir()
        target, path = self._target, folder / "plan.yaml"
        source = self._sources.get(corpus.name, self._source)
        key = f"BENCH_KEY_{corpus.name.upper()}" if corpus.name in self._sources else "BENCH_KEY"
        more = [f"  region: {target.region}"] if target.region else []
        if target.attestation is not None:
            more.append(f"  attestation: {target.attestation.resolve()}")
        path.write_text(f"""\
version: 1
migration: {corpus.name}-{number}
source:
  kind: azure-blob
  account_url: {source.url}
  credential: {{kind: shared-key, value: "env:{key}"}}
target:
  provider: generic
  endpoint: {target.endpoint}
  credential: {{kind: access-key, id: "env:BENCH_ID", secret: "env:BENCH_SECRET"}}
{"".join(f"{line}{os.linesep}" for line in more)}seal:
  format: crypt4gh
  recipients: [../keys/steward.pub, ../keys/escrow.pub]
  identity: "file:../keys/steward.sec"
datasets:
  - name: all
    source: {{container: {corpus.name}}}
    target: {{bucket: {target.bucket}, prefix: {self._prefix(corpus, number)}/}}
limits: {{retry_budget: {RETRIES}}}
""")
        return path

    def ours(self, verb: str, plan: Path) -> list[str]:
        """Return the command of one verb."""
        command = [sys.executable, "-m", "hdh_migrate", verb, str(plan)]
        return command if verb == "validate" else [*command, "--no-progress"]

    def demand_ours(self, corpus: Corpus, number: int) -> None:
        """Demand that what we wrote opens as the source's bytes, read by rclone and not by us.

        Raises:
            SystemExit: an object is missing, there is one more, or its bytes are others.
            CommandFailed: rclone cannot read it.
        """
        identity = PrivateKey.load(self._folder / "keys" / "steward.sec", None)
        envelopes = Crypt4ghEnvelopes([identity.public], identity)
        found: dict[str, str] = {}
        place = self._at(self._prefix(corpus, number))
        there = self._rclone("lsf", "-R", "--files-only", place).splitlines()
        copy = self._folder / f"copy-{corpus.name}-{number}"  # nothing of another round's
        self._rclone("copy", "--transfers", TRANSFERS, place, str(copy))
        for name in there:
            key, digest = name.removesuffix(".c4gh"), hashlib.sha256()
            unsealer = envelopes.unsealer(size=corpus.size, write=digest.update)
            with (copy / name).open("rb") as file:
                while piece := file.read(1 << 20):
                    unsealer.write(piece)
            unsealer.close()
            found[key] = digest.hexdigest()
            (copy / name).unlink()
        self._demand("hdh-migrate", corpus, found)
        self._rclone("purge", place)

    # --- rclone --------------------------------------------------------------------------------

    def theirs(self, verb: str, corpus: Corpus, *more: str) -> list[str]:
        """Return rclone's command for the same work, with what makes it quick."""
        remote = corpus.name if corpus.name in self._sources else "az"
        origin, sealed = f"{remote}:{corpus.name}", f"crypt:theirs-{corpus.name}"
        arguments = {
            "inventory": ["lsjson", "-R", "-M", "--hash", *more, origin],
            "transfer": [
                *("copy", "--transfers", TRANSFERS, "--checkers", TRANSFERS, "--fast-list"),
                *("--s3-chunk-size", "16Mi", "--s3-upload-concurrency", "4"),
                *("--s3-no-check-bucket", *more, origin, sealed),
            ],
            "verify": ["check", "--download", "--checkers", TRANSFERS, "--fast-list", *more,
                       origin, sealed],
        }  # fmt: skip
        return [str(rclone_program()), "--config", str(self._config), *arguments[verb]]

    def demand_theirs(self, corpus: Corpus) -> None:
        """Demand the same of what rclone wrote.

        Raises:
            SystemExit, CommandFailed: it is not so, or cannot be read.
        """
        sealed = f"crypt:theirs-{corpus.name}"
        told = self._rclone("hashsum", "sha256", "--download", sealed)
        lines = [line.partition("  ") for line in told.splitlines()]
        found = {key: digest for digest, _, key in lines}
        self._demand("rclone", corpus, found)
        self._rclone("purge", sealed)

    def _remotes(self) -> str:
        """Say what its remotes are; without a class it sends Azure's `HOT`, which hosts refuse."""
        phrase = subprocess.run(
            [str(rclone_program()), "obscure", secrets.token_hex(16)],
            check=True, capture_output=True, text=True,
        ).stdout.strip()  # fmt: skip
        target = self._target
        return f"""\
{_source_of("az", self._source)}[s3]
type = s3
provider = Other
access_key_id = {target.access_key}
secret_access_key = {target.secret_key}
endpoint = {target.endpoint}
region = {target.region or ""}
storage_class = STANDARD
[crypt]
type = crypt
remote = s3:{target.bucket}
password = {phrase}
filename_encryption = off
directory_name_encryption = false
"""

    # --- both ----------------------------------------------------------------------------------

    def unreadable(self, corpus: Corpus, number: int) -> int:
        """Return how many of the objects that both wrote the target lists, and answers with a 5xx.

        Nothing of either tool is asked for them: a host in trouble is no fault of who reads there.
        """
        there = [
            f"{place}/{name}"
            for place in (self._prefix(corpus, number), f"theirs-{corpus.name}")
            for name in self._rclone("lsf", "-R", "--files-only", self._at(place)).splitlines()
        ]
        return sum(self._status(key) >= 500 for key in there)

    def clear(self, corpus: Corpus, number: int) -> None:
        """Remove what both wrote in a round."""
        for place in (self._prefix(corpus, number), f"theirs-{corpus.name}"):
            if self._rclone("lsf", self._at(place)):
                self._rclone("purge", self._at(place))

    def _status(self, key: str) -> int:
        """Return what the target's answer to a GET begins with, whatever comes of its body."""
        target, asked = self._target, pycurl.Curl()
        try:
            asked.setopt(asked.URL, f"{target.endpoint}/{target.bucket}/{quote(key)}")
            asked.setopt(asked.AWS_SIGV4, f"aws:amz:{target.region or 'us-east-1'}:s3")
            asked.setopt(asked.USERPWD, f"{target.access_key}:{target.secret_key}")
            asked.setopt(asked.WRITEFUNCTION, lambda _: None)
            with suppress(pycurl.error):
                asked.perform()
            return int(asked.getinfo(asked.RESPONSE_CODE))
        finally:
            asked.close()

    def _at(self, place: str) -> str:
        return f"s3:{self._target.bucket}/{place}"

    def _prefix(self, corpus: Corpus, number: int) -> str:
        return f"ours-{corpus.name}-{number}"

    def _rclone(self, *arguments: str) -> str:
        command = [str(rclone_program()), "--config", str(self._config), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            words = f"rclone {arguments[0]}: exit {done.returncode}\n{done.stderr[-2000:]}"
            raise CommandFailed(words)
        return done.stdout

    def _demand(self, tool: str, corpus: Corpus, found: Mapping[str, str]) -> None:
        if found != corpus.digests:
            wrong = sum(corpus.digests.get(key) != digest for key, digest in found.items())
            missing = len(corpus.digests.keys() - found.keys())
            sys.exit(f"{tool}, {corpus.name}: {wrong} objects differ, {missing} are missing")


def _source_of(name: str, source: Azurite) -> str:
    """Return rclone's remote of an account."""
    return f"""\
[{name}]
type = azureblob
account = {source.account}
key = {source.key}
endpoint = {source.url}
"""
