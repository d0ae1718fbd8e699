"""Kill the whole process tree at random moments, start again, and compare with the source.

The judge of what is stored is the reference Crypt4GH package, with the escrow key.
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
import os
import random
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from azure.storage.blob import BlobBlock
from crypt4gh.keys import get_private_key
from crypt4gh.lib import decrypt

from hdh_migrate.sealing.keys import new_pair
from tests.support import hunt
from tests.support.command import begin
from tests.support.fixtures import Bucket, Container, ProxyTo, upload
from tests.support.processes import LONG
from tests.support.proxy import Proxy, Traffic

pytestmark = [pytest.mark.live, pytest.mark.crash]

MIB = 1 << 20
CONNECTIONS = 4
PART = 8 * MIB
BATCH = 4 * MIB  # small objects that may be under way or unacknowledged at a kill


@pytest.fixture(autouse=True)
def quiet_oracle() -> None:
    """The reference package logs secret keys."""
    logging.getLogger("crypt4gh").disabled = True
    logging.getLogger("crypt4gh.header").disabled = True


def fill(container: Container, rng: random.Random) -> dict[str, bytes]:
    """Upload a corpus with odd names, sizes around the segment's, and two large objects."""
    corpus = {
        f"dossier {n % 7}/é{n % 5}/obj+{n:03d}%20.bin": rng.randbytes(
            rng.choice([0, 1, 65_535, 65_536, 65_537, 200_000])
        )
        for n in range(150)
    }
    upload(container, corpus, n="1")
    for number in range(2):
        pieces = [rng.randbytes(7 * MIB + number) for _ in range(3)]
        blob = container.client.get_blob_client(f"big/{number}.cram")
        for index, piece in enumerate(pieces):
            blob.stage_block(f"{index:04d}", piece)
        blob.commit_block_list([BlobBlock(f"{index:04d}") for index in range(len(pieces))])
        corpus[f"big/{number}.cram"] = b"".join(pieces)
    return corpus


def test_killed_runs_converge_to_the_same_end(
    tmp_path: Path, container: Container, any_bucket: Bucket, proxy_to: ProxyTo,
    request: pytest.FixtureRequest, record_property: Callable[[str, object], None],
) -> None:  # fmt: skip
    rng = random.Random(request.config.getoption("--seed"))
    most = request.config.getoption("--kills")
    corpus = fill(container, rng)
    target = proxy_to(any_bucket.server)
    (tmp_path / "keys").mkdir()
    for name in ("steward", "escrow"):
        new_pair(tmp_path / "keys", name, passphrase=None)
    plan = tmp_path / "plan.yaml"
    plan.write_text(f"""\
version: 1
migration: kills
source:
  kind: azure-blob
  account_url: {container.server.url}
  credential: {{kind: sas, value: "env:S_SAS"}}
target:
  provider: generic
  endpoint: {target.url}
  region: {any_bucket.server.region}
  credential: {{kind: access-key, id: "env:T_ID", secret: "env:T_SECRET"}}
seal:
  format: crypt4gh
  recipients: [keys/steward.pub, keys/escrow.pub]
  identity: "file:keys/steward.sec"
datasets:
  - name: all
    source: {{container: {container.name}}}
    target: {{bucket: {any_bucket.name}, prefix: in/}}
engine: {{kind: local, processes: 2, connections: {CONNECTIONS}}}
""")
    environ = os.environ | {
        "S_SAS": container.server.sas("rl"),
        "T_ID": any_bucket.server.access_key,
        "T_SECRET": any_bucket.server.secret_key,
    }
    report = tmp_path / "report"
    words = ["run", str(plan), "--json", "-vv", "--no-progress", "--out", str(report)]
    kills, said = 0, (tmp_path / "out", tmp_path / "err")
    # One as it starts; others in all that is sent and read, however quick the machine is.
    whole = sum(map(len, corpus.values()))
    moments = [whole * 1.8 * rng.uniform(n, n + 1) / (most - 1) for n in range(most - 1)]
    while True:
        process = begin(*words, env=environ, out=said[0], err=said[1])
        if not kills:
            with suppress(subprocess.TimeoutExpired):
                process.wait(rng.uniform(0.1, 0.2))
        elif kills < most:
            while process.poll() is None and moved(target) < moments[kills - 1]:
                time.sleep(0.005)
        else:
            process.wait(LONG)
        if process.poll() is not None:
            break
        process.kill_all()
        kills += 1
    assert process.returncode == 0, said[1].read_text()
    assert kills == most, "a run ended before its moment came"
    record_property("kills", kills)

    escrow = get_private_key(str(tmp_path / "keys" / "escrow.sec"), lambda: "")
    secrets = {
        "target secret": any_bucket.server.secret_key.encode(),
        "signature of the SAS": parse_qs(environ["S_SAS"])["sig"][0].encode(),
        "private key": escrow,
    }
    lines = [json.loads(line) for line in (report / "manifest.jsonl").read_text().splitlines()]
    assert [line["key"] for line in lines] == sorted(corpus, key=str.encode)
    for line in lines:
        body = corpus[line["key"]]
        digest = hashlib.sha256(body).hexdigest()
        stored = any_bucket.client.get_object(Bucket=any_bucket.name, Key=line["target_key"])
        sealed = stored["Body"].read()
        assert opened(sealed, escrow) == body
        secrets[f"data key of {line['key']}"] = hunt.data_key(sealed, escrow)
        assert (line["sha256"], line["verdict"], line["level"]) == (digest, "match", "full")
        assert line["stored_sha256"] == hashlib.sha256(sealed).hexdigest()
        assert line["size"] == len(body)
    uploads = any_bucket.client.list_multipart_uploads(Bucket=any_bucket.name)
    assert not uploads.get("Uploads")

    texts = [one.read_bytes() for one in said]
    assert not hunt.found(secrets, texts, [tmp_path / ".hdh-migrate", report])

    sent = target.traffic["PUT"].received
    once = sum(line["stored_size"] for line in lines)
    assert sent - once <= kills * (CONNECTIONS * (PART + MIB) + BATCH)


def moved(target: Proxy) -> int:
    """Return how many bytes of objects came to a target and were read from it."""
    traffic = target.traffic
    return traffic.get("PUT", Traffic()).received + traffic.get("GET", Traffic()).sent


def opened(sealed: bytes, key: Any) -> bytes:
    out = io.BytesIO()
    decrypt([(0, key, None)], io.BytesIO(sealed), out)
    return out.getvalue()
