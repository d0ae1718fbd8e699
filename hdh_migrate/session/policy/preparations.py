"""What stands beside a migration and is believed for months: its copies, notices, who signs.

Nothing here contacts anybody. What would refuse a run is a problem; what merely does nothing, or
can never be undone, is a note.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from hdh_migrate.errors import KeyUnavailable, PlanChanged, Refused
from hdh_migrate.evidence.signatures.signing import load_trusted_key
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.plan.model import Plan
from hdh_migrate.results.moves import Check
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.policy import own_places
from hdh_migrate.session.policy.binding import bind_recipients, bound_recipients
from hdh_migrate.session.policy.changing import demand_allowed, judged
from hdh_migrate.session.policy.contents import signers
from hdh_migrate.session.policy.reachable import demand_reachable
from hdh_migrate.session.policy.reporters import approvers_barred, report_key
from hdh_migrate.session.policy.terms import thresholds_of


def checks(desk: Desk, recipients: Sequence[str]) -> list[Check]:
    """Return a check of each of these that the plan has, and of what an earlier run has bound.

    `recipients` are the public keys of the plan in hexadecimal, as their files hold them now.
    """
    plan = desk.loaded.plan
    found: list[Check] = []
    if not plan.source.is_contacted:
        among = [str(one) for one in own_places.problems(desk.loaded, desk.state_dir, ())]
        found.append({"check": "folders of the source", "ok": not among, "problems": among})
    if desk.ledger_path.exists():
        found.append(_bound(desk, recipients))
    if plan.notify:
        found.append(_told(desk))
    if plan.approvals is not None:
        found.append(_approvals(desk))
    if plan.backup is not None:
        note = same_disk(desk.loaded.base / plan.backup.folder, desk.ledger_path)
        found.append({"check": "copies of the ledger", "ok": True})
        found[-1] |= {"notes": [note]} if note is not None else {}
    return found


def same_disk(folder: Path, ledger: Path) -> str | None:
    """Say that copies of a ledger would lie on its own disk, where that shows.

    That is how a disk looks that is not mounted now: its empty mount point takes the copies.
    """
    try:
        devices = {_nearest(one).stat().st_dev for one in (folder, ledger)}
    except OSError:
        return None  # whoever writes there says so
    if len(devices) > 1:
        return None
    return f"{folder} is on the ledger's own disk, and would be lost with it: is it mounted?"


def _nearest(path: Path) -> Path:
    return next(one for one in (path, *path.absolute().parents) if one.exists())


def _bound(desk: Desk, recipients: Sequence[str]) -> Check:
    """Check what would refuse a run that goes on: bound batches, and for whom is sealed."""
    problems: list[str] = []
    ledger = SqliteLedger.read_only(desk.ledger_path, desk.clock)
    try:
        if ledger.meta("plan_digest") is None:  # a run was killed before it began
            return {"check": "what earlier runs bound", "ok": True}
        demand_allowed(judged(ledger, json.loads(desk.loaded.canonical)))
        if bound_recipients(ledger) is not None:  # so it is only compared
            bind_recipients(ledger, desk.loaded.plan, recipients)
    except (PlanChanged, Refused) as error:
        problems = [f"{error} ({error.hint})" if error.hint else str(error)]
    finally:
        ledger.close()
    return {"check": "what earlier runs bound", "ok": not problems, "problems": problems}


def _told(desk: Desk) -> Check:
    problems: list[str] = []
    try:
        demand_reachable(desk)
    except (Refused, KeyUnavailable) as error:
        problems = [*getattr(error, "blockers", ())] or [str(error)]
    return {"check": "notices", "ok": not problems, "problems": problems}


def _approvals(desk: Desk) -> Check:
    """Check who approves: that the key of reports is none of them, and whom nobody can replace."""
    plan, base = desk.loaded.plan, desk.loaded.base
    assert plan.approvals is not None, "the plan asks for approvals"
    try:
        own = report_key(plan, base)
        keys = {load_trusted_key(base / path).fingerprint for path in plan.approvals.keys}
        problems = [str(one) for one in _barred(desk)]
    except KeyUnavailable:
        return {"check": "who approves", "ok": True}  # the check of all keys says which, and why
    notes = []
    if own is not None and own.fingerprint in keys:
        keys.discard(own.fingerprint)
        notes.append("one of approvals.keys is the key of report.signer, which never counts")
    notes += [
        f"batch {batch}: {stages} need every key that may approve: when one is lost nobody can"
        " approve that, nor another plan of who approves; add a key, or ask for fewer"
        for batch, stages in _all_needed(plan, len(keys))
    ]
    return {"check": "who approves", "ok": not problems, "problems": problems, "notes": notes}


def _barred(desk: Desk) -> list[object]:
    if not desk.ledger_path.exists():
        return []
    ledger = SqliteLedger.read_only(desk.ledger_path, desk.clock)
    try:
        return [*approvers_barred(desk.loaded, ledger, signers(ledger))]
    finally:
        ledger.close()


def _all_needed(plan: Plan, keys: int) -> list[tuple[str, str]]:
    found = []
    for entry in plan.cutovers:
        wanted = thresholds_of(plan, entry.batch)
        all_of = sorted(stage for stage, many in wanted.items() if many >= keys)
        if all_of:
            found.append((entry.batch, ", ".join(all_of)))
    return found
