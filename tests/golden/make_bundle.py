"""How the bundle of each format was made: the first on fb3504b, the second when the tool wrote it.

    python -m tests.golden.make_bundle FOLDER

None can be made again with a later tool, which writes a later format: they are kept for ever, and
test_golden.py shows that they go on to verify. Small and whole: two batches, an object in parts, an
empty one, a name that is not text, exclusions, and an object that was refused.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from hdh_migrate.demo.servers import moto_s3
from hdh_migrate.evidence.signatures.signing import new_report_key
from hdh_migrate.sealing.keys import new_pair
from tests.support.fixtures import s3_client

PLAN = """\
version: 1
migration: golden-v1
source: {{kind: folder}}
target:
  provider: generic
  endpoint: {endpoint}
  region: {region}
  credential:
    {{kind: access-key, id: "file:secrets/id", secret: "file:secrets/secret"}}
seal:
  format: crypt4gh
  recipients: [keys/steward.pub, keys/escrow.pub]
  identity: "file:keys/steward.sec"
datasets:
  - name: emc2
    source: {{path: source/emc2}}
    target: {{bucket: hds-golden, prefix: emc2/}}
    exclude: [{{glob: "**/_temporary/**", reason: "Spark scratch"}}]
  - name: scans
    source: {{path: source/scans}}
    target: {{bucket: hds-golden, prefix: scans/}}
batches:
  - {{name: pilot, datasets: [emc2]}}
  - {{name: imaging, datasets: [scans]}}
report: {{signer: "file:keys/report.key", languages: [fr, en]}}
"""
FILES = {
    "emc2/csv/a.csv": 1000,
    "emc2/csv/vide.csv": 0,
    "emc2/csv/b.csv": 65_536,
    "emc2/csv/_temporary/part-0": 40,
    "emc2/parquet/opération.parquet": 65_537,
    "emc2/grand.bam": (20 << 20) + 7,
    "scans/IMG1.dcm": 300,
    "scans/img1.DCM": 301,
    "scans/img2.dcm": 302,
}


def main(folder: Path) -> None:
    folder.mkdir(parents=True)
    for name, size in FILES.items():
        path = folder / "source" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(range(256)) * (size // 256) + bytes(size % 256))
    (folder / "source" / "scans" / os.fsdecode(b"dossier-\xe9.dcm")).write_bytes(b"latin-1")
    (folder / "keys").mkdir(mode=0o700)
    (folder / "secrets").mkdir(mode=0o700)
    for name in ("steward", "escrow"):
        new_pair(folder / "keys", name, passphrase=None)
    new_report_key(folder / "keys", "report", None)
    with moto_s3(folder / "moto.log") as server:
        s3_client(server).create_bucket(Bucket="hds-golden")
        for name, value in (("id", server.access_key), ("secret", server.secret_key)):
            (folder / "secrets" / name).write_text(value)
            (folder / "secrets" / name).chmod(0o600)
        plan = PLAN.format(endpoint=server.endpoint, region=server.region)
        (folder / "plan.yaml").write_text(plan)
        command = [sys.executable, "-m", "hdh_migrate"]
        for verb in (("run",), ("report", "--out", "report")):
            done = subprocess.run(
                [*command, verb[0], "plan.yaml", *verb[1:]], cwd=folder, check=False
            )
            print(verb, done.returncode)


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute())
