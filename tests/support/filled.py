"""A plan whose ledger a test filled: for verbs that look, without a source, a target or a run."""

from __future__ import annotations

import threading
from pathlib import Path

from hdh_migrate.codes import Code
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.model import Listed, ObjectInfo, State
from hdh_migrate.plan.loader import load
from hdh_migrate.session.desk import Desk
from hdh_migrate.telemetry import SystemClock
from tests.support.quiet import Notes

CANARY = "DUPONT-Jeanne-1961\x1b[31m"
PLAN = """\
version: 1
migration: essai
source: {kind: folder}
target:
  provider: generic
  endpoint: http://127.0.0.1:9
  region: us-east-1
  credential: {kind: access-key, id: "env:T_ID", secret: "env:T_SECRET"}
seal: {format: none, reason: "a test"}
datasets:
  - {name: tables, source: {path: data/a}, target: {bucket: landing, prefix: a/}}
  - {name: scans, source: {path: data/b}, target: {bucket: landing, prefix: b/}}
batches:
  - {name: pilot, datasets: [tables]}
  - {name: imaging, datasets: [scans]}
"""


def listed(key: str, size: int, state: State = State.LISTED, reason: str | None = None) -> Listed:
    obj = ObjectInfo(key=key, size=size, version="v")
    return Listed(obj=obj, state=state, reason=reason, parts=0, fold=None)


def with_ledger(path: Path) -> SqliteLedger:
    """Open the ledger of a plan for writing, as a run has it."""
    desk = Desk.open(path, None, Notes(), threading.Event())
    fresh = not desk.ledger_path.exists()
    ledger = SqliteLedger.open(desk.ledger_path, SystemClock())
    if not fresh:
        return ledger
    loaded = load(path)
    datasets = [("tables", "pilot"), ("scans", "imaging")]
    ledger.start(loaded.digest, loaded.canonical, datasets, diff=lambda was, now: ())
    page = [
        listed("b/two", 2), listed(CANARY, 7), listed("a/left", 1, State.EXCLUDED, "0"),
        listed("a/link", 3, State.FAILED, "kind-symlink"),
    ]  # fmt: skip
    ledger.add_page(1, page, None)
    ledger.add_page(2, [listed("scan", 9)], None)
    ledger.finding(Code.KIND_SYMLINK, "not a plain object", dataset=1, entry=4)
    ledger.commit()
    return ledger
