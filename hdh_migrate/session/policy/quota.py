"""What a plan brings to its target, as far as its ledger knows, against what a project may hold."""

from __future__ import annotations

from pathlib import Path

from hdh_migrate.folders import ledger_path
from hdh_migrate.model import Problem, TargetLimits
from hdh_migrate.pipeline.planning import QUOTA_HINT, brought, over_quota
from hdh_migrate.plan.model import Plan
from hdh_migrate.telemetry import SystemClock
from hdh_migrate.wiring import header_size_of


def problems(plan: Plan, state_dir: Path, limits: TargetLimits) -> list[Problem]:
    """Return what a finished inventory says against the target's quota; empty without one."""
    if limits.quota_bytes is None or not ledger_path(state_dir, plan.migration).exists():
        return []
    from hdh_migrate.ledger import SqliteLedger

    ledger = SqliteLedger.read_only(ledger_path(state_dir, plan.migration), SystemClock())
    try:
        stored = brought([ledger], header=header_size_of(plan), sealed=plan.seal.encrypts)
    finally:
        ledger.close()
    what = over_quota(limits, stored)
    return [] if what is None else [Problem(where="target", what=what, hint=QUOTA_HINT)]
