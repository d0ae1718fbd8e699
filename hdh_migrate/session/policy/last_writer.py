"""Who wrote last in the plan's buckets, as their fences show it to the ledger here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

from hdh_migrate.errors import Fenced
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.pipeline.fences.fence import (
    FenceStanding,
    Known,
    known,
    read_fence,
    why_barred,
    words_of,
)
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.operator import operator
from hdh_migrate.session.policy.bound_ledger import name_of
from hdh_migrate.session.policy.buckets import buckets_of
from hdh_migrate.session.policy.fencing import owner_of
from hdh_migrate.targets.s3_endpoint import S3Endpoint
from hdh_migrate.targets.s3_reader import S3Reader

Attempt = Callable[[Callable[[], FenceStanding | None]], FenceStanding | None]


def standing_at(
    desk: Desk, endpoint: S3Endpoint, attempt: Attempt
) -> dict[str, FenceStanding | None]:
    """Read the fence of each of the plan's buckets; `attempt` says how often one is asked.

    Raises:
        StorageError: one cannot be read.
    """
    reader, migration = S3Reader(endpoint, desk.limits), desk.loaded.plan.migration
    desk.fences_asked.set()
    return {
        bucket: attempt(partial(read_fence, reader, bucket, migration))
        for bucket in buckets_of(desk.loaded.plan)
    }


def judged(
    desk: Desk,
    ledger: SqliteLedger,
    standing: Mapping[str, FenceStanding | None],
    *,
    anywhere: bool = False,
) -> Iterator[tuple[str, FenceStanding | None, Known, str | None]]:
    """Yield each bucket with its fence, what the journal knows of it, and why that bars it.

    The journal is read after the fences were: what a run writes into one stands there before. Who
    only looks may do so from `anywhere`, also while a run is under way elsewhere.
    """
    own, owner = known(ledger), owner_of(desk, ledger, operator())
    for bucket, found in standing.items():
        mine, shown = own.get(bucket, Known()), None if found is None else found.shown
        place = shown.place if anywhere and shown is not None else owner.place
        why = why_barred(bucket, found, mine, ledger=owner.ledger, place=place)
        yield bucket, found, mine, why


def newer(
    ledger: SqliteLedger, bucket: str, found: FenceStanding | None, own: Known, why: str | None
) -> str | None:
    """Say what shows that the ledger here does not know all that was done; None: nothing does.

    A fence that is gone, or that nobody can read, shows nothing; nor does another ledger's where
    this one never wrote.
    """
    shown = None if found is None else found.shown
    if shown is None or (shown.nonce in own.nonces and why is None):
        return None
    if not own.held and shown.ledger != name_of(ledger):
        return None
    return why or f"bucket {bucket}: another ledger wrote last: {words_of(shown)}"


def not_newest(lines: Sequence[str], hint: str) -> Fenced:
    """Return what refuses because of `newer` lines; `hint` says what is safe, and what to do."""
    told = ["the ledger here is not the newest: it does not know what was done since"]
    return Fenced("\n".join([*told, *(f"  {line}" for line in lines)]), hint=hint)
