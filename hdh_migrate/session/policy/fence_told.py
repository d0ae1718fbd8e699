"""Let a fence that nobody holds tell how far the journal goes, after a verb that holds none.

A rollback, a grant that is over or an amendment writes nothing at the target, so a copy of the
ledger from before passed the fence and knew nothing of it.
"""

from __future__ import annotations

from hdh_migrate.errors import (
    ClocksDiffer,
    KeyUnavailable,
    LedgerError,
    Refused,
    StorageError,
)
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.model import JournalEnd
from hdh_migrate.pipeline.fences.fence import Known, known, read_fence, why_barred
from hdh_migrate.pipeline.fences.post import tell_later
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.policy import gate
from hdh_migrate.session.policy.bound_ledger import name_of
from hdh_migrate.session.policy.buckets import buckets_of
from hdh_migrate.session.policy.fencing import place_of
from hdh_migrate.session.policy.timekeeping import judge_over
from hdh_migrate.targets.s3 import S3Writer
from hdh_migrate.wiring import Vault, open_target


def tell_fences(desk: Desk) -> None:
    """Let the fences tell, as `fences_told`; that the verb worked in an older copy is said, too."""
    if newer := fences_told(desk):
        desk.progress.note(
            f"the ledger here is not the newest: {'; '.join(newer)}. What this command did is"
            " written down here alone: put the newest copy in its place, and give it again there"
        )


def fences_told(desk: Desk) -> list[str]:
    """Let the fences of this ledger tell how far its journal goes; what hinders it is said.

    One that a run has not let go of is left to the next one, and so is one of a host that keeps no
    conditions, or of a ledger that was moved since. Returns what shows that the ledger here is not
    the newest: the verb has done its work in an older copy.
    """
    if desk.stop.is_set() or not desk.ledger_path.exists():
        return []
    try:
        ledger = SqliteLedger.read_only(desk.ledger_path, desk.clock)
        try:
            own = {bucket: one for bucket, one in known(ledger).items() if one.held}
            return _tell(desk, ledger, own) if own else []
        finally:
            ledger.close()
    except (StorageError, Refused, KeyUnavailable, ClocksDiffer, LedgerError) as error:
        desk.progress.note(_untold(str(error)))
        return []


def _untold(why: str) -> str:
    return (
        f"the fence at the target was not told of this: {why}. Until the next run an older copy of"
        " the ledger that is put back is not noticed there"
    )


def _tell(desk: Desk, ledger: SqliteLedger, own: dict[str, Known]) -> list[str]:
    plan, base = desk.loaded.plan, desk.loaded.base
    endpoint = open_target(plan, plan.target.credential, Vault.open(base), network=desk.network)
    judge = judge_over(desk.clock, [endpoint.transport], desk.ledger_path)
    gate.admit_target(endpoint, plan, base, judge)
    writer, place = S3Writer(endpoint, desk.limits), place_of(desk.ledger_path)
    newer, left = list[str](), set[str]()
    desk.fences_asked.set()
    for bucket in buckets_of(plan):
        if (mine := own.get(bucket)) is None:
            continue
        standing = read_fence(writer, bucket, plan.migration)
        if standing is None and mine.released:
            continue  # it may be removed once all is over
        why = why_barred(bucket, standing, mine, ledger=name_of(ledger) or "", place=place)
        if why is not None:
            newer.append(why)
            continue
        end = JournalEnd(events=ledger.length(), head=ledger.head())
        if not tell_later(writer, bucket, standing, mine, end, place=place):
            other = "the last run was killed, or the ledger lay elsewhere then"
            left.add(other if mine.firm else "the host keeps no conditions")
    if left and not newer:
        desk.progress.note(_untold("; ".join(sorted(left))))
    return newer
