"""One rig for every kind of pointer: a plan that names it, and a hand that is not the tool's."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from hdh_migrate.plan.loader import load
from hdh_migrate.ports.switching import Pointer
from hdh_migrate.wiring import Vault, open_pointer
from tests.support.fixtures import Bucket
from tests.support.ssh import SshServer

OLD = "https://hdhprod.blob.core.windows.net/emc2/pmsi/"
NEW = "s3://hds-emc2/pmsi/"
OTHER = "s3://somewhere-else/pmsi/"

YAML = """\
# what consumers read; keep the order
datasets:
  pmsi:   {owner: "dpo", url: %s}   # switched by the cutover
  other: &shared
    url: 'https://stays.example.org/'
  again: *shared
numbers: [1, 0o7, 1e3, yes]
text: |
  url: https://stays.example.org/
"""
JSON = """\
{ "datasets" : {
\t"pmsi": {"url" : %s, "size": 1.50, "url2": "\\u00e9"},
\t"list": [ {"url": "x"}, null ] } }
"""

# Reads and sets a file, as somebody's own program would: compare, write beside, rename.
SCRIPT = """\
#!/bin/sh
set -eu
here="$1"
if [ "$2" = show ]; then cat "$here"; exit 0; fi
[ "$(cat "$here")" = "$HDH_EXPECTED" ] || { echo "it is not $HDH_EXPECTED" >&2; exit 3; }
printf '%s\\n' "$HDH_NEW" > "$here.new"
mv "$here.new" "$here"
"""


@dataclass(slots=True, kw_only=True)
class Rig:
    """A pointer and its world. `raw` and `lay` go around the tool."""

    folder: Path
    section: dict[str, Any]
    raw: Callable[[], bytes]
    lay: Callable[[str], None]
    environ: Mapping[str, str] = field(default_factory=dict)

    def open(self, **changes: Any) -> Pointer:
        """Open the pointer as a new process would: from the plan."""
        section = {**self.section, "value": NEW, **changes}
        path = self.folder / "plan.yaml"
        path.write_text(yaml.safe_dump(plan(section)))
        loaded = load(path)
        pointer = loaded.plan.batches[0].pointer
        assert pointer is not None
        vault = Vault.open(loaded.base, self.environ)
        return open_pointer(loaded.plan, pointer, vault, self.folder).thing


def plan(pointer: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """Return a plan whose one batch has this pointer."""
    key = {"kind": "access-key", "id": "env:T_ID", "secret": "env:T_SECRET"}
    return {
        "version": 1,
        "migration": "pointed",
        "source": {"kind": "folder"},
        "target": {
            "provider": "generic", "endpoint": "http://127.0.0.1:9", "credential": key,
        },
        "seal": {"format": "none", "reason": "a test"},
        "datasets": [
            {"name": "pmsi", "source": {"path": "data"}, "target": {"bucket": "hds-emc2"}}
        ],
        "batches": [{"name": "pilot", "datasets": ["pmsi"], "pointer": dict(pointer)}],
        **more,
    }  # fmt: skip


def whole_file(folder: Path) -> Rig:
    path = folder / "CURRENT"
    return _filed(folder, path, {}, lambda value: value + "\n")


def yaml_file(folder: Path) -> Rig:
    path = folder / "catalogue.yaml"
    return _filed(folder, path, {"key": "datasets.pmsi.url"}, lambda value: YAML % value)


def json_file(folder: Path) -> Rig:
    path = folder / "catalogue.json"
    key = {"key": "datasets.pmsi.url"}
    return _filed(folder, path, key, lambda value: JSON % json.dumps(value))


def _filed(folder: Path, path: Path, more: dict[str, Any], text: Callable[[str], str]) -> Rig:
    def lay(value: str) -> None:
        path.write_text(text(value))

    section = {"kind": "file", "path": path.name, **more}
    return Rig(folder=folder, section=section, raw=path.read_bytes, lay=lay)


def s3_object(folder: Path, bucket: Bucket, **more: Any) -> Rig:
    name, key = bucket.name, "pmsi/CURRENT"

    def lay(value: str) -> None:
        bucket.client.put_object(
            Bucket=name, Key=key, Body=f"{value}\n".encode(), ContentType="text/uri-list"
        )

    def raw() -> bytes:
        found = bucket.client.get_object(Bucket=name, Key=key)
        assert found["ContentType"] == "text/uri-list"
        body: bytes = found["Body"].read()
        return body

    section = {
        "kind": "s3-object",
        "bucket": name,
        "key": key,
        "endpoint": bucket.server.endpoint,
        "region": bucket.server.region,
        "credential": {"kind": "access-key", "id": "env:P_ID", "secret": "env:P_SECRET"},
        **more,
    }
    environ = {"P_ID": bucket.server.access_key, "P_SECRET": bucket.server.secret_key}
    return Rig(folder=folder, section=section, raw=raw, lay=lay, environ=environ)


def command(folder: Path) -> Rig:
    return _programs(folder, {"kind": "command"}, folder)


def ssh_command(folder: Path, server: SshServer, **more: Any) -> Rig:
    shutil.copy(server.login.path, folder / "login.key")
    section = {
        "kind": "ssh-command",
        "host": server.host,
        "port": server.port,
        "user": server.user,
        "host_keys": [server.host_key.fingerprint],
        "key": "file:login.key",
        **more,
    }
    return _programs(folder, section, folder)


def _programs(folder: Path, section: dict[str, Any], there: Path) -> Rig:
    program, path = there / "alias", there / "alias of pmsi"
    program.write_text(SCRIPT)
    program.chmod(0o755)
    verbs = {"check": "show", "apply": "set", "revert": "set"}
    commands = {name: [str(program), str(path), verb] for name, verb in verbs.items()}

    def lay(value: str) -> None:
        path.write_text(value + "\n")

    return Rig(folder=folder, section={**section, **commands}, raw=path.read_bytes, lay=lay)


@contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)
