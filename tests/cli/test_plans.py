"""Every plan in plans/ is dry-run against servers of this machine; only its addresses change."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml
from azure.core.exceptions import ResourceExistsError
from azure.storage.blob import BlobServiceClient
from botocore.exceptions import ClientError

from hdh_migrate.demo.servers import Azurite, S3Server
from hdh_migrate.errors import Exit
from hdh_migrate.evidence.signatures.signing import new_report_key
from hdh_migrate.sealing.keys import new_pair
from tests.support.fixtures import ProxyTo, s3_client
from tests.support.inside import inside as started
from tests.support.sftp import section_of
from tests.support.ssh import SshServer, openssh

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshServer]:
    folder = tmp_path_factory.mktemp("sshd")
    with openssh(folder, folder / "log") as server:
        yield server


PLANS = sorted((Path(__file__).parents[2] / "plans").glob("*.yaml"))
READING = {"GET", "HEAD"}
PHRASE = "a passphrase for the test"


@pytest.mark.parametrize("path", PLANS, ids=lambda path: path.stem)
def test_a_shipped_plan_is_dry_run_without_a_trace(
    path: Path, tmp_path: Path, azurite: Azurite, moto: S3Server, proxy_to: ProxyTo, sshd: SshServer
) -> None:
    source, target = proxy_to(azurite), proxy_to(moto)
    plan: dict[str, Any] = yaml.safe_load(path.read_text())
    plan["target"]["endpoint"] = target.url
    if plan["source"]["kind"] == "azure-blob":
        plan["source"]["account_url"] = source.url
        plan["source"]["credential"] = {"kind": "shared-key", "value": "env:HDH_SOURCE_KEY"}
    if plan["source"]["kind"] == "azure-sftp":
        plan["source"] |= section_of(sshd)
        for dataset in plan["datasets"]:
            dataset["source"]["path"] = str(tmp_path / dataset["source"]["path"])
    (tmp_path / "plan.yaml").write_text(yaml.safe_dump(plan, sort_keys=False))
    keys_of(plan, tmp_path)
    placed = [
        size
        for number, dataset in enumerate(plan["datasets"])
        for size in fill(dataset, number, azurite, tmp_path)
    ]
    for dataset in plan["datasets"]:
        make_bucket(moto, dataset["target"]["bucket"])
    before = sorted(tmp_path.rglob("*"))

    done = started(
        "run", "plan.yaml", "--dry-run", "--json", cwd=tmp_path,
        env=os.environ | {
            "HDH_SOURCE_KEY": azurite.key, "HDH_TARGET_ID": moto.access_key,
            "HDH_TARGET_SECRET": moto.secret_key, "HDH_VERIFY_ID": moto.access_key,
            "HDH_VERIFY_SECRET": moto.secret_key,
        },
    )  # fmt: skip

    assert done.returncode == Exit.OK, done.stderr
    batches = json.loads(done.stdout)["batches"]
    assert sum(batch["objects"] for batch in batches) == len(placed)
    assert sum(batch["bytes"] for batch in batches) == sum(placed)
    assert sorted(tmp_path.rglob("*")) == before
    seen = [*source.requests, *target.requests]
    assert target.requests
    assert {request.method for request in seen} <= READING


def keys_of(plan: dict[str, Any], folder: Path) -> None:
    phrase = plan["seal"].get("identity_passphrase")
    (folder / "keys").mkdir()
    if phrase is not None:
        (folder / "secrets").mkdir()
        secret = folder / phrase.removeprefix("file:")
        secret.touch(mode=0o600)
        secret.write_text(PHRASE)
    for recipient in plan["seal"]["recipients"]:
        name = Path(recipient).stem
        own = phrase is not None and recipient.removesuffix(".pub") in plan["seal"]["identity"]
        new_pair(folder / "keys", name, passphrase=PHRASE if own else None)
    new_report_key(folder / "keys", "report", None)


def fill(dataset: dict[str, Any], number: int, azurite: Azurite, folder: Path) -> list[int]:
    """Put an object for each rule where it belongs; return the sizes of those that are to move.

    A rule that meets nothing is a finding of a run, and of its dry run.
    """
    taken = [glob_name(glob) for glob in dataset.get("include", ["*.parquet"])]
    left = [
        glob_name(rule["glob"])
        for rule in dataset.get("exclude", ())
        if not rule.get("allow_unused", False)
    ]
    body = bytes(1000 + number)
    if "path" in dataset["source"]:
        for name in (*taken, *left):
            path = folder / dataset["source"]["path"] / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(body)
        return [len(body)] * len(taken)
    with BlobServiceClient.from_connection_string(azurite.connection_string) as service:
        container = service.get_container_client(dataset["source"]["container"])
        with suppress(ResourceExistsError):
            container.create_container()
        for name in (*taken, *left):
            key = f"{dataset['source'].get('prefix', '')}dry-run/{name}"
            container.upload_blob(key, body, overwrite=True)
    return [len(body)] * len(taken)


def glob_name(glob: str) -> str:
    """Return a name that a glob meets."""
    return glob.replace("**/", "", 1).replace("**", "one").replace("*", "one")


def make_bucket(moto: S3Server, name: str) -> None:
    with suppress(ClientError):  # it is there already
        s3_client(moto).create_bucket(Bucket=name)
