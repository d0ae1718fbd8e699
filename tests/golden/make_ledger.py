"""How a ledger of each version was made: 2 on fb3504b, 3 on 95e1e06, 4 when the tool wrote it.

    python -m tests.golden.make_ledger FOLDER VERSION

None can be made again with a later tool: they are kept for ever, and test_old_ledgers.py shows that
they go on. Each holds verified, excluded, failed and refused objects, open and closed findings, and
a delta with a late object and a changed one.
"""

from __future__ import annotations

import shutil
import sys
import threading
from pathlib import Path

from hdh_migrate.demo.servers import moto_s3
from hdh_migrate.errors import Refused
from hdh_migrate.events.cutover import CutoverRelisting, Track
from hdh_migrate.evidence.signatures.signing import new_report_key
from hdh_migrate.model import Step
from hdh_migrate.pipeline.inventory.refresh import Refresh
from hdh_migrate.pipeline.transfer.transfer import Transfer
from hdh_migrate.pipeline.verify.verify import Verification
from hdh_migrate.sealing.keys import new_pair
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.policy.bound_ledger import held_ledger
from hdh_migrate.session.policy.timekeeping import judge_for
from hdh_migrate.session.verbs.run import perform
from tests.support.fixtures import s3_client
from tests.support.quiet import Notes

PLAN = """\
version: 1
migration: golden-ledger
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
engine: {{kind: local, processes: 1, connections: 2}}
report: {{signer: "file:keys/report.key", languages: [en]}}
"""
FILES = {
    "emc2/csv/a.csv": 1000,
    "emc2/csv/changes.csv": 900,
    "emc2/csv/vanishes.csv": 800,
    "emc2/csv/_temporary/part-0": 40,
    "emc2/grand.bam": (9 << 20) + 7,
    "scans/IMG1.dcm": 300,
    "scans/img1.DCM": 301,
    "scans/img2.dcm": 302,
}


def put(folder: Path, name: str, size: int) -> None:
    path = folder / "source" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(size))


def main(folder: Path, version: str) -> None:
    folder.mkdir(parents=True)
    for name, size in FILES.items():
        put(folder, name, size)
    (folder / "source" / "emc2" / "link.csv").symlink_to("csv/a.csv")
    for name in ("keys", "secrets"):
        (folder / name).mkdir(mode=0o700)
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
        desk = Desk.open(folder / "plan.yaml", None, Notes(), threading.Event())
        try:
            perform(desk, list(Step), ())
        except Refused as refused:
            print(refused, refused.blockers)
        delta(folder, desk)
    kept = Path(__file__).with_name(f"ledger-{version}")
    (kept / "keys").mkdir(parents=True)
    shutil.copy(desk.ledger_path, kept / "ledger.db")
    shutil.copy(folder / "plan.yaml", kept / "plan.yaml")
    for name in ("steward", "escrow"):
        shutil.copy(folder / "keys" / f"{name}.pub", kept / "keys")


def delta(folder: Path, desk: Desk) -> None:
    """Bring the batch up to its source twice, as a cutover does before it switches."""
    services = desk.services(write=True)
    judge = judge_for(desk.clock, [services], desk.ledger_path)
    with held_ledger(desk, judge) as ledger:
        ctx = desk.context(services, ledger, judge)

        about = {"batch": "pilot", "track": Track.CUTOVER}
        put(folder, "emc2/csv/late.csv", 77)
        put(folder, "emc2/csv/changes.csv", 901)
        (folder / "source" / "emc2" / "csv" / "vanishes.csv").unlink()
        for number in (1, 2):
            ledger.event(CutoverRelisting(**about, round=number))
            print(Refresh(ctx, "pilot", user="somebody").run(ledger.datasets("pilot")))
            Transfer(ctx, "pilot").run()
            Verification(ctx, "pilot").run()
        ctx.engines.drop(grace=5.0)


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute(), sys.argv[2])
