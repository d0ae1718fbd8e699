"""What other ledgers of a migration left word of at the target, for who would go on without it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Final

from hdh_migrate.errors import Refused
from hdh_migrate.events.rotation import KeysRotating
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.pipeline.fences.fence import Shown, plain
from hdh_migrate.pipeline.fences.signposts import (
    ERASED,
    EXCHANGED,
    EXCHANGING,
    SeenSignpost,
    Signpost,
    signposts,
)
from hdh_migrate.ports.stores import TargetReader
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.policy.binding import bound_recipients, fingerprints
from hdh_migrate.session.policy.buckets import buckets_of
from hdh_migrate.session.policy.bundles import Trusted
from hdh_migrate.session.policy.erased import erasures

_LEFT: Final = (
    "nothing was done but that this ledger's fence was put up at the target; it is left there, idle"
)


def demand_signposts_known(
    desk: Desk,
    ledger: SqliteLedger,
    reader: TargetReader,
    recipients: Sequence[str],
    batches: Sequence[str],
    *,
    fences_stand: bool = False,
) -> list[Signpost]:
    """Demand that this ledger knows of what others did for good at the target.

    Returns what can be read there. Who asks once its own fences stand there says so.

    Raises:
        Refused: a dataset was erased, or a key replaced, and it does not.
        StorageError: it cannot be learned.
    """
    plan, retry, found = desk.loaded.plan, desk.retrying(), list[SeenSignpost]()
    for bucket in buckets_of(plan, batches):
        found += signposts(reader, retry, bucket, plan.migration)
    posts = [one.post for one in found if one.post is not None]
    chosen = {
        name
        for batch in plan.batches
        if not batches or batch.name in batches
        for name in batch.datasets
    }
    problems = [
        *_of_erasures(found, chosen - erasures(ledger).keys()),
        *_exchanged(ledger, posts, recipients),
    ]
    if problems:
        raise Refused(
            "the target tells of what this ledger does not know, and what cannot be taken back",
            blockers=problems,
            hint=f"{_LEFT if fences_stand else 'nothing was done'}. Put the newest copy of the"
            " ledger in its place, or leave the batch out: --batch NAME; where a key was replaced,"
            " name today's recipients in the plan. Do not remove these objects at the host: they"
            " keep from coming back what was destroyed",
        )
    return posts


def demand_no_word_of_erasure(desk: Desk, reader: TargetReader, bucket: str, dataset: str) -> None:
    """Demand that no ledger left word of a dataset's erasure, before it is opened for anybody.

    A copy of the ledger from before an erasure has the headers, and knows nothing of it.

    Raises:
        Refused: one did, or somebody left what nobody can read.
        StorageError: it cannot be learned.
    """
    found = signposts(reader, desk.retrying(), bucket, desk.loaded.plan.migration)
    if problems := list(_of_erasures(found, {dataset})):
        raise Refused(
            "the target tells of an erasure that this ledger does not know: it is a copy from"
            " before, and holds what was to be destroyed",
            blockers=problems,
            hint="nothing was opened. Put the newest copy of the ledger in its place, and destroy"
            " this one and every other from before",
        )


def demand_sealed_for(
    newest: Trusted | None,
    fences: Sequence[Shown],
    posts: Sequence[Signpost],
    recipients: Sequence[str],
) -> None:
    """Demand that who opens what was sealed is still among the recipients.

    An object does not show for whom it is sealed. A key that was put into another one's place in
    the plan, and not by `keys rotate`, would be bound, and told by every report, and open nothing.
    The newest bundle tells it; without one the fences of who wrote last, which make a ledger refuse
    and prove nothing.

    Raises:
        Refused: one is not, and the target tells of no exchange since (`posts`).
    """
    if newest is not None:
        told = [*newest.bundle.predicate.get("seal", {}).get("recipients", ())]
        since, what = newest.written, "the newest bundle tells"
    else:
        told = [name for shown in fences for name in shown.recipients or ()]
        since = max((plain(shown.seen) for shown in fences), default="")
        what = "the fence at the target tells"
    if any(one.what == EXCHANGED and plain(one.at) > since for one in posts):
        return
    if gone := sorted(set(told) - set(fingerprints(recipients))):
        raise Refused(
            f"objects are sealed for keys that the plan does not name, as {what}",
            blockers=[f"seal.recipients: {name} is not there" for name in gone],
            hint="nothing was done. Name the recipients of then in the plan and adopt; to replace a"
            ' key, give the new one its place afterwards: "hdh-migrate keys rotate PLAN --from'
            ' OLD.pub --to NEW.pub"',
        )


def _of_erasures(found: Sequence[SeenSignpost], datasets: Collection[str]) -> Iterator[str]:
    """Yield what nobody can read, and which of these datasets were erased, each once."""
    told = dict.fromkeys(
        f"{plain(one.key)}: nobody can read what it says"
        if one.post is None
        else f"dataset {one.post.dataset} was erased on {plain(one.post.at)[:10]}"
        for one in found
        if one.post is None or (one.post.what == ERASED and one.post.dataset in datasets)
    )
    yield from told


def _exchanged(
    ledger: SqliteLedger, posts: Sequence[Signpost], recipients: Sequence[str]
) -> Iterator[str]:
    newest = dict[str, Signpost]()  # of each ledger: no clock says which of its own came later
    for one in sorted((one for one in posts if one.what == EXCHANGING), key=_number):
        newest[one.ledger] = one
    last = max(newest.values(), key=_when, default=None)
    if last is None or _knows(ledger, last):
        return
    day, bound = plain(last.at)[:10], bound_recipients(ledger)
    ends = {(one.ledger, one.number) for one in posts if one.what == EXCHANGED}
    if (last.ledger, last.number) not in ends:
        yield (
            f"a replacement of keys was begun on {day} and is not finished: some objects open for"
            " one key, some for the other. Only the ledger that began it, or a later copy of it,"
            " can continue it"
        )
        return
    sealed_for = set(recipients) if bound is None else set(recipients).intersection(bound)
    if not sealed_for.issuperset(last.recipients):  # others may have been added since
        yield (
            f"keys were exchanged on {day}: since then is sealed for"
            f" {', '.join(fingerprints(last.recipients))}"
        )


def _knows(ledger: SqliteLedger, post: Signpost) -> bool:
    told = ((one.number, one.recipients) for _, one in ledger.events(KeysRotating))
    return (post.number, post.recipients) in told


def _when(post: Signpost) -> str:
    return post.at


def _number(post: Signpost) -> int:
    return post.number
