"""Take the fences of a plan's buckets, keep them while a verb lasts, and leave or release them.

What is written at the target is `pipeline.fences.post`'s; here stand the intents and receipts of
it, and what follows from a fence that is lost or taken over.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Final

from hdh_migrate.codes import Code, Severity
from hdh_migrate.errors import Fenced, MigrateError
from hdh_migrate.events.fence import FenceReleased, FenceReleasing, FenceTaken, FenceTaking
from hdh_migrate.frozen import frozen
from hdh_migrate.jsonform import ABSENT
from hdh_migrate.model import State
from hdh_migrate.pipeline.fences.fence import (
    EPOCH_MAX,
    FenceStanding,
    Known,
    epoch_of,
    fenced_out,
    holder_of,
    known,
    plain,
    read_fence,
    why_barred,
)
from hdh_migrate.pipeline.fences.post import Owner, Post
from hdh_migrate.pipeline.retrying import Retrying
from hdh_migrate.ports.ledger import Ledger
from hdh_migrate.ports.run import Clock, Progress
from hdh_migrate.ports.stores import TargetWriter

RENEW_SECONDS: Final = 60.0
"""How often a fence is written, or looked at, while a verb lasts: one request a bucket."""

SETTLE_SECONDS: Final = 0.5
"""How long a fence without conditions is left alone, beside twice what it took to put it up."""

LONG_WAIT_SECONDS: Final = 5.0
"""Whoever waits longer than this for a fence is told why."""

UNKNOWN: Final = "nobody that can be told"

SOFT: Final = (
    "the host keeps no conditions on writes, so the fence is watched and not enforced: two writers"
    " that begin within seconds may both write until the next look"
)


@frozen
class TakeOver:
    """An operator's statement that the ledger which holds a fence is gone for good."""

    reason: str


@frozen
class _Unsettled:
    """Fences that were put up, and of which the journal does not tell yet that they are ours."""

    since: float
    """When the last of them was put up, by the monotonic clock."""
    took: float
    """Seconds from the first look, which found nobody in the way, to that moment."""
    was: int
    """The epoch before."""
    whose: Mapping[str, str]
    """Of buckets that are taken over: from whom."""


class Fencing:
    """This ledger's fences; `epoch` is the one in which it writes, once they are taken.

    The ledger is written to by who takes and releases alone; `renew` and `leave` touch only the
    target, so that another thread may call them. Each fence that is written tells how far the
    journal goes for certain: who puts an older copy of it in its place is found out.
    """

    def __init__(
        self,
        ledger: Ledger,
        writer: Callable[[], TargetWriter],
        owner: Owner,
        *,
        clock: Clock,
        retry: Retrying,
        progress: Progress,
        wait: Callable[[float], object],
    ) -> None:
        """Take nothing yet; `writer` gives the one with the newest credential."""
        self._ledger, self._writer, self._owner = ledger, writer, owner
        self._clock, self._retry, self._progress = clock, retry, progress
        self._wait = wait
        self._posts: dict[str, Post] = {}
        self._turn = threading.Lock()
        self._unsettled: _Unsettled | None = None
        self.epoch = 0
        self.lost: Fenced | None = None
        """Why nothing may be written any more; None: it may."""

    # --- taking --------------------------------------------------------------------------------

    def take(
        self,
        buckets: Sequence[str],
        over: TakeOver | None = None,
        *,
        later: bool = False,
        demand_known: Callable[[], None] = lambda: None,
    ) -> list[str]:
        """Be the one that writes in these buckets; return those that were taken over.

        Killed at any moment, the same again finds its own fence by the nonce in the journal. With
        `over` a new epoch begins where somebody else holds a fence, and no upload of an earlier one
        goes on: what another copy of this ledger sealed under its data key is not known here.

        Who asks for `later` may write nothing else at the target before `settle` has returned. On
        hosts without conditions, where nobody is followed, it can read meanwhile; on others, and
        where somebody is, all of it is done here.

        `demand_known` raises where the target tells of something for good that this ledger does not
        know. It is called once ours stand there: from then on nobody else adds to that.

        Raises:
            Fenced: somebody else writes there; nothing was written.
            MigrateError: what `demand_known` raises; the journal does not tell that they are ours.
            StorageError: it cannot be learned, or the target cannot be written to.
        """
        try:
            taken = self._take(buckets, over)
            demand_known()
            if not (later and self._only_waits()):
                self.settle()
        except MigrateError:
            self.leave()  # of several buckets the first ones may be taken
            raise
        return taken

    def _take(self, buckets: Sequence[str], over: TakeOver | None) -> list[str]:
        own, began = known(self._ledger), self._clock.monotonic()
        found = {
            bucket: self._retry(partial(read_fence, self._writer(), bucket, self._owner.migration))
            for bucket in buckets
        }
        problems = self._problems(found, own)
        if problems and over is None:
            raise fenced_out(list(problems.values()))
        was = epoch_of(own)
        begun = self._begun(found)
        fresh = {bucket: _whose(found[bucket]) for bucket in problems}
        self.epoch = _next_epoch(found, own, rising=bool(problems))
        if self.epoch > EPOCH_MAX:
            why = "its fence tells an epoch that no take-over can have reached"
            raise fenced_out([f"bucket {one}: {why}; remove it by hand" for one in found])
        posts = {bucket: self._post(bucket) for bucket in found}
        for bucket, post in posts.items():
            reason = over.reason if over is not None and bucket in problems else None
            self._ledger.event(self._intent(post, found[bucket], reason))
        self._ledger.commit()
        for bucket, post in posts.items():
            self._posts[bucket] = post
            post.put_up(found[bucket])
        since = self._clock.monotonic()
        self._unsettled = _Unsettled(
            since=since, took=since - began, was=was, whose={**begun, **fresh}
        )
        return list(problems)

    def _only_waits(self) -> bool:
        """Say whether time must pass, and nothing else is to be done before fences are ours."""
        begun, soft = self._unsettled, any(not post.firm for post in self._posts.values())
        return begun is not None and soft and not begun.whose and self.epoch == begun.was

    @property
    def settled(self) -> bool:
        """Whether it is known that nobody else put up a fence at the same time."""
        return self._unsettled is None

    def settle(self) -> None:
        """Look again, once what was put up without conditions was left alone; then tell of it.

        Returns at once when that was done. Before, nothing but the fence may be written at the
        target.

        Raises:
            Fenced: somebody else's fence stands there by now; nothing else was written.
            StorageError: it cannot be learned; the same again may learn it.
        """
        if self._unsettled is None:
            return
        if self.lost is not None:
            raise self.lost
        self._demand_left_alone(self._unsettled)
        taken, self._unsettled = self._unsettled, None
        with self._ledger.whole():
            if self.epoch > taken.was:
                self._give_up_uploads()
            for post in self._posts.values():
                self._ledger.event(
                    FenceTaken(
                        bucket=post.bucket, epoch=post.epoch, nonce=post.nonce, firm=post.firm
                    )
                )  # fmt: skip
            self._note_softness()
            for bucket, whose in taken.whose.items():
                self._note_taking(bucket, whose)
            self._ledger.commit()

    def _problems(
        self, found: Mapping[str, FenceStanding | None], own: Mapping[str, Known]
    ) -> dict[str, str]:
        name, place = self._owner.ledger, self._owner.place
        problems = {}
        for bucket, standing in found.items():
            mine = own.get(bucket, Known())
            if (why := why_barred(bucket, standing, mine, ledger=name, place=place)) is not None:
                problems[bucket] = why
        return problems

    def _post(self, bucket: str) -> Post:
        return Post(
            bucket=bucket, owner=self._owner, epoch=self.epoch, nonce=secrets.token_hex(16),
            writer=self._writer, retry=self._retry, clock=self._clock,
            end=lambda: self._ledger.kept_end,
        )  # fmt: skip

    def _intent(
        self, post: Post, standing: FenceStanding | None, reason: str | None
    ) -> FenceTaking:
        shown = None if standing is None or reason is None else standing.shown
        return FenceTaking(
            bucket=post.bucket, epoch=post.epoch, nonce=post.nonce, user=self._owner.user,
            over=ABSENT if shown is None else holder_of(shown),
            reason=ABSENT if reason is None else reason,
        )  # fmt: skip

    def _demand_left_alone(self, begun: _Unsettled) -> None:
        """Demand that fences without conditions stand as they were put up, after a while.

        Another that looked before ours stood there, and so found nobody, may write over it as long
        as it takes him. He waits in turn for twice that time, in which a `Keeper` looks at ours.

        Raises:
            Fenced: one does not.
            StorageError: it cannot be learned.
        """
        soft = [post for post in self._posts.values() if not post.firm]
        alone = SETTLE_SECONDS + min(2 * begun.took, RENEW_SECONDS)
        left = alone - (self._clock.monotonic() - begun.since)
        if soft and left > 0:
            if left > LONG_WAIT_SECONDS:
                self._progress.note(
                    f"the fence took {begun.took:.0f} s to put up on a host that keeps no"
                    f" conditions: nothing is written there for {left:.0f} s, in which another"
                    " writer would notice it"
                )
            self._wait(left)
        with self._turn:
            for post in soft:
                post.settle()

    def _give_up_uploads(self) -> None:
        for dataset in self._ledger.datasets():
            for entry in self._ledger.todo("sending", dataset.id):
                if entry.parts:
                    self._ledger.drop_upload(entry.id)
            self._ledger.drop_kept(dataset.id, State.LISTED, State.FAILED)

    def _note_softness(self) -> None:
        names = [name for name, post in self._posts.items() if not post.firm]
        soft = [f"bucket {name}: {SOFT}" for name in names]
        if names:
            self._progress.note(
                f"{'buckets' if len(names) > 1 else 'bucket'} {', '.join(names)}: {SOFT}"
            )
        noted = {
            one["detail"]
            for one in (self._ledger.findings(severity=Severity.NOTE) if soft else ())
            if one["code"] == Code.FENCE_SOFT
        }
        for detail in soft:
            if detail not in noted:
                self._ledger.finding(Code.FENCE_SOFT, detail)

    def _begun(self, found: Mapping[str, FenceStanding | None]) -> dict[str, str]:
        """Return whose fences an earlier command took over that was killed before it could tell."""
        receipts = {event.nonce for _, event in self._ledger.events(FenceTaken)}
        begun = {
            event.nonce: event
            for _, event in self._ledger.events(FenceTaking)
            if event.reason is not ABSENT and event.nonce not in receipts
        }
        shown = {bucket: one.shown for bucket, one in found.items() if one is not None}
        return {
            bucket: UNKNOWN if event.over is ABSENT else f"ledger {event.over.ledger}"
            for bucket, one in shown.items()
            if one is not None and (event := begun.get(one.nonce)) is not None
        }

    def _note_taking(self, bucket: str, whose: str) -> None:
        self._ledger.finding(
            Code.TAKEN_OVER, f"bucket {bucket}: from {whose}; written in epoch {self.epoch} since"
        )

    # --- keeping -------------------------------------------------------------------------------

    def renew(self, *, at_once: bool = False) -> None:
        """Say once more that we write, or look whether it still says so; one request a bucket.

        What cannot be seen now is seen next time: who writes is not decided by time. `at_once`,
        where each write stays for ever, too.
        """
        with self._turn:
            for post in self._posts.values():
                if self.lost is None:
                    self._renew(post, at_once=at_once)

    def _renew(self, post: Post, *, at_once: bool) -> None:
        try:
            (post.tell if at_once else post.renew)()
        except Fenced as error:
            self.lost = error
        except MigrateError:
            return

    @property
    def watched(self) -> bool:
        """Whether a host keeps no conditions, so that only looks tell of another writer."""
        return any(not post.firm for post in self._posts.values())

    def demand(self) -> None:
        """Look at once, before something that cannot be taken back; one request a bucket.

        From then on no copy of the ledger is let in that lacks what was committed by now. (Where a
        host keeps no conditions the fence is only looked at, and tells that at the end.)

        Raises:
            Fenced: somebody else writes here by now.
            StorageError: it cannot be learned.
        """
        if self.lost is not None:
            raise self.lost
        with self._turn:
            for post in self._posts.values():
                self._retry(post.tell)

    # --- leaving -------------------------------------------------------------------------------

    def leave(self) -> None:
        """Mark the fences as idle; if that fails, the run counts as killed."""
        with self._turn:
            for post in self._posts.values() if self.lost is None else ():
                try:
                    post.say("idle")
                except MigrateError as error:
                    self._progress.note(f"the fence could not be left: {error}")
            self._posts.clear()

    def release(self, buckets: Collection[str] | None = None) -> None:
        """Say that this ledger has no more to write, in some buckets; None: in all.

        Nothing is deleted: no host deletes under a condition, and a fence that is gone would
        tell nobody in which epoch to go on. A later run may take it again.

        Raises:
            Fenced: somebody else holds it by now.
            StorageError: it cannot be written; the same again does it.
        """
        with self._turn:
            for bucket, post in list(self._posts.items()):
                if buckets is None or bucket in buckets:
                    self._release(post)
                    del self._posts[bucket]

    def _release(self, post: Post) -> None:
        ledger, bucket, epoch, nonce = self._ledger, post.bucket, post.epoch, post.nonce
        ledger.event(FenceReleasing(bucket=bucket, epoch=epoch, nonce=nonce, user=self._owner.user))
        ledger.commit()
        self._retry(partial(post.say, "released"))
        ledger.event(FenceReleased(bucket=bucket, epoch=epoch, nonce=nonce))
        ledger.commit()


def _whose(standing: FenceStanding | None) -> str:
    shown = None if standing is None else standing.shown
    return UNKNOWN if shown is None else f"ledger {plain(shown.ledger)}"


def _next_epoch(
    found: Mapping[str, FenceStanding | None], own: Mapping[str, Known], *, rising: bool
) -> int:
    """Return the epoch to write in: a later one than of whom anything is taken over from."""
    ours, others = [epoch_of(own)], list[int]()
    for bucket, standing in found.items():
        shown = None if standing is None else standing.shown
        if shown is not None:
            is_ours = shown.nonce in own.get(bucket, Known()).nonces
            (ours if is_ours else others).append(shown.epoch)
    if rising or others:
        return max([*ours, *others]) + 1
    return max(ours)
