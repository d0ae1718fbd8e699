"""Delete a batch's objects at the source, each after one more look at what the target holds of it.

Nothing is deleted on the strength of memory: every target object is read again first (a step of
its own), and directly before each delete the target is asked once more for the object's size, ETag
and version. What is not as it was verified stays at the source; it stops everything, unless
whoever runs this wants the others to go. The source is asked for the object's index tags, which
change under the version that a delete is bound to; with other ones it stays.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from hdh_migrate.clocks import between
from hdh_migrate.errors import (
    AccessDenied,
    AuthFailed,
    HostRefused,
    Interrupted,
    MigrateError,
    Missing,
    Permanent,
    Refused,
    Stopped,
    TargetDiffers,
)
from hdh_migrate.events.decommission import CutoverErased, CutoverErasing, CutoverRequested
from hdh_migrate.frozen import frozen_row
from hdh_migrate.jsonform import ABSENT
from hdh_migrate.model import Erasing, Stored, Verified
from hdh_migrate.pipeline.cutover.scene import telling
from hdh_migrate.pipeline.decommission.own_files_again import glance_at_sidecars
from hdh_migrate.pipeline.decommission.recheck import DecommissionFindings, Recheck, in_portions
from hdh_migrate.pipeline.decommission.undertaking import (
    UNASKED,
    UNSURE,
    Undertaking,
    demand_pointer,
    permit,
)
from hdh_migrate.pipeline.inventory.index_tags import OTHER_TAGS, MovedTags
from hdh_migrate.pipeline.projections.standing import CutoverStage, CutoverStanding
from hdh_migrate.pipeline.workers.rechecking import (
    DIFFERS,
    LOST,
    UNREAD,
    WORDS,
    compared,
    demand_lasting,
)
from hdh_migrate.pipeline.workers.work import Route
from hdh_migrate.telemetry import counted

BATCH_OBJECTS = 500
"""How many deletes stand between two looks at the pointer, the hold and the approvals."""

OBJECTS_PER_PACK = 10
"""How many deletes a look at each header pack is worth: it costs a request, as they do."""

GONE = "gone"
"""The outcome of an object that is not there after a delete that nobody heard to have succeeded."""

_TOO_OLD = "a side kept us waiting until the last reading of the target's objects was too old"


@frozen_row
class _Turn:
    """What happened to one object when it was to be deleted."""

    outcome: str
    pending: bool = False
    """Whether it is to be asked for again by a later run."""
    detail: str | None = None
    """What a finding says of it, besides what is wrong at the target."""


_Act = Callable[[Verified], _Turn]
_MovedTagsById = Mapping[int, Mapping[str, str]]


def to_keep(now: CutoverStanding) -> dict[int, str]:
    """Return what the last look found wrong with the target's objects that are to be deleted."""
    done = now.erasure
    return {
        number: code
        for number, code in now.recheck.differing.items()
        if number > done.after or number in done.pending
    }


def summed(differing: Mapping[int, str]) -> list[str]:
    """Return the differences found at the target, one line for each kind."""
    counts = sorted(Counter(differing.values()).items())
    return [f"{counted(count, 'object')}: {WORDS[code]}" for code, count in counts]


class Deletion:
    """Everything that one execution deletes."""

    def __init__(
        self, story: Undertaking, root: str, now: CutoverStanding, *, keep_going: bool
    ) -> None:
        self._story, self._root, self._now = story, root, now
        self._keep_going = keep_going
        self._findings = DecommissionFindings(story.ctx.ledger)
        self._recheck = Recheck(story, now, self._findings, keep_going=keep_going)
        self._routes = story.routes()
        self._moved_tags = MovedTags(story.ctx, story.batch)
        self._halt = threading.Event()
        self._error: MigrateError | None = None
        self._fresh_until = 0.0
        self._unlooked = 0
        """How many objects may be deleted until packs are looked at again."""
        self._each: Callable[[_Act, Iterable[Verified]], Iterable[_Turn]] = map

    def run(self) -> None:
        """Read again, then delete, portion by portion; goes on after any stop.

        Raises:
            TargetDiffers: something is not at the target as it was verified.
            Refused: the target announces that it will delete something by itself.
            MigrateError: it may not go on, or a side is away; see `undertaking.permit`.
        """
        story, now, ledger = self._story, self._now, self._story.ctx.ledger
        permit(story, self._root, now)
        self._recheck.run()
        self._demand_same()
        left = ledger.erasable_left(story.batch, now.erasure.after)
        objects = left.objects + len(now.erasure.pending)
        story.ctx.progress.step(story.batch, "decommission", objects=objects, size=left.size)
        with ThreadPoolExecutor(story.connections) as pool:
            # One pool for all portions: threads keep their connections, new ones dial anew.
            if story.connections > 1:
                self._each = pool.map
            self._portions()
        demand_pointer(story, now)
        if now.stage is not CutoverStage.REQUESTED and now.stage is not CutoverStage.OBSERVED:
            requested = CutoverRequested(
                **story.about, outcomes=now.erasure.outcomes, user=story.user,
                keep_going=self._keep_going,
            )  # fmt: skip
            story.noted(now, requested)

    def _portions(self) -> None:
        story, now, ledger = self._story, self._now, self._story.ctx.ledger
        again = [n for n in sorted(now.erasure.pending) if self._has_a_turn(n)]
        for ids in in_portions(again, BATCH_OBJECTS):
            if waiting := ledger.erasable_of(story.batch, ids):  # not those that were erased since
                self._portion(waiting, again=True)
        while rows := ledger.erasable(story.batch, now.erasure.after, BATCH_OBJECTS):
            self._portion(rows, again=False)

    def _has_a_turn(self, number: int) -> bool:
        """Return whether something can have changed for an object that was left at the source."""
        now = self._now
        if number not in now.recheck.differing:
            return True
        return self._story.unseen(now, number) and now.erasure.pending[number] != LOST

    def _demand_same(self) -> None:
        """Demand that the target holds everything as it was verified.

        Raises:
            TargetDiffers: it does not, and nobody said to keep going.
        """
        if self._keep_going or not (differing := to_keep(self._now)):
            return
        difference = summed(differing)
        self._story.waits("target-differs", difference)
        raise TargetDiffers(
            f"the target does not hold batch {self._story.batch} as it was verified:\n"
            + "\n".join(f"  {line}" for line in difference),
            hint="nothing more is deleted at the source, which keeps them. Mend the target:"
            ' "hdh-migrate verify PLAN --again" says how, and what is sent anew takes a report'
            " and approvals of its own; then give the same command again: they are read again."
            " Or give --keep-going to delete the others",
        )

    # --- one portion -------------------------------------------------------------------------

    def _portion(self, rows: Sequence[Verified], *, again: bool) -> None:
        """Delete some objects between an intent and a receipt."""
        story, now = self._story, self._now
        self._recheck.freshen(rows)
        self._demand_same()
        permit(story, self._root, now)
        self._glance(len(rows))
        self._fresh_until = story.ctx.clock.monotonic() + self._seconds_left(rows)
        unseen = {row.id for row in rows if story.unseen(now, row.id)}
        first, last = rows[0].id, rows[-1].id
        ids = tuple(row.id for row in rows) if again else ABSENT
        intent = CutoverErasing(**story.about, first=first, last=last, again=ids, objects=len(rows))
        story.noted(now, intent)
        turns = self._turns(rows, unseen, self._moved_tags.of(rows))
        outcomes, pending = Counter[str](), list[tuple[int, str]]()
        self._findings.about([row.id for row in rows])
        for row, turn in zip(rows, turns, strict=True):
            if turn.pending:
                pending.append((row.id, turn.outcome))
            else:
                outcomes[turn.outcome] += 1
        done = f"deleted at the source were {outcomes[Erasing.DELETED]} of {len(rows)} objects"
        with telling(f"{done}, and only the receipt of it could not be written"):
            for row, turn in zip(rows, turns, strict=True):
                self._record(row, turn)
            receipt = CutoverErased(
                **story.about, first=first, last=last, again=ids,
                outcomes=outcomes, pending=tuple(pending),
            )  # fmt: skip
            story.noted(now, receipt)
        story.ctx.progress.advance(len(rows), sum(row.size for row in rows))
        if self._error is not None:
            if isinstance(self._error, Refused):
                story.stopped_by("blocked", self._error)
            raise self._error
        self._demand_same()
        if any(turn.outcome in {UNASKED, UNSURE} for turn in turns):
            raise Interrupted("stopped between two deletes; the same command goes on")

    def _glance(self, objects: int) -> None:
        """Look whether what opens the objects is there still, where it is not in front of them.

        Raises:
            TargetDiffers: it is not; the ledger alone has it.
        """
        if self._unlooked <= 0:
            ctx, batch = self._story.ctx, self._story.batch
            files = ctx.packs.glance(ctx, batch) + glance_at_sidecars(ctx, batch)
            self._unlooked = files * OBJECTS_PER_PACK
        self._unlooked -= objects

    def _seconds_left(self, rows: Sequence[Verified]) -> float:
        """Return how long it is until one of some readings, all fresh now, is too old.

        What differs is not deleted, so it may have been read long ago.
        """
        story, recheck = self._story, self._now.recheck
        moment = story.ctx.judge.now().latest
        found = (recheck.readings.of(row.id) for row in rows if row.id not in recheck.differing)
        ages = (between(one.at, moment) for one in found if one is not None)
        return story.within_seconds - max(ages, default=0.0)

    def _record(self, row: Verified, turn: _Turn) -> None:
        if turn.outcome in WORDS:
            self._findings.differs(row, turn.outcome)
        elif turn.detail is not None:
            self._findings.record(row, turn.outcome, turn.detail)
        elif turn.outcome in {Erasing.DELETED, GONE}:
            self._findings.close(row.id)

    def _turns(
        self, rows: Sequence[Verified], unseen: Collection[int], tags: _MovedTagsById
    ) -> list[_Turn]:
        return list(self._each(partial(self._turn, unseen, tags), rows))

    # --- one object: in a thread of its own, so nothing here touches the ledger -----------------

    def _turn(self, unseen: Collection[int], tags: _MovedTagsById, row: Verified) -> _Turn:
        """Look at both sides, then delete at the source; whatever goes wrong stops the others.

        A delete that is repeated, or has waited for its service, is preceded by a look of its own:
        the wait may have been long, and the object may be lost by now.
        """
        asked = row.id in unseen

        def attempt() -> _Turn:
            nonlocal asked
            if self._stopped():
                return _Turn(UNSURE if asked else UNASKED, pending=True)
            if row.id in tags and self._retagged(row, tags[row.id]):
                return _Turn(Erasing.DRIFTED, pending=True, detail=OTHER_TAGS)
            code = self._now.recheck.differing.get(row.id) or self._look(row)
            if code is not None:
                if not self._keep_going:
                    self._halt.set()
                return self._left(row, code, unsure=asked)
            if self._stopped():
                return _Turn(UNSURE if asked else UNASKED, pending=True)
            if self._story.ctx.clock.monotonic() > self._fresh_until:
                raise Stopped(_TOO_OLD, hint="the same command reads them again and goes on")
            unsure, asked = asked, True
            return self._erase(row, unsure=unsure)

        try:
            return self._story.ctx.retry(attempt)
        except MigrateError as error:
            self._error = self._error or error
            self._halt.set()
            return _Turn(UNSURE if asked else UNASKED, pending=True)

    def _stopped(self) -> bool:
        return self._halt.is_set() or self._story.ctx.stop.is_set()

    def _retagged(self, row: Verified, moved: Mapping[str, str]) -> bool:
        return self._moved_tags.differ(self._routes[row.dataset], row, moved)

    def _look(self, row: Verified) -> str | None:
        """Ask for the current object under the key; asked again before it is called wrong."""
        return self._head(row) and self._head(row)

    def _head(self, row: Verified) -> str | None:
        route, reader = self._routes[row.dataset], self._story.ctx.reader
        where = (route.target.bucket, route.target_key(row.key))
        try:
            seen = reader.head(*where)
        except (AuthFailed, HostRefused):
            raise
        except Missing:
            seen = None
        except Permanent as error:
            self._demand_rights(route, error)
            return UNREAD
        wrong = compared(seen, (row.stored_size, row.etag, row.version_id))
        if wrong is None and seen is not None:
            wrong = self._unlike(seen)
        if wrong is None:
            demand_lasting(seen)
        return wrong

    def _unlike(self, seen: Stored) -> str | None:
        """Say what is wrong with an object whose bytes are those that were verified.

        Who copies an object onto itself, to give it another class or key of the host's, may leave
        out what stood beside its bytes: our tag, and with it the source's metadata.
        """
        if not self._story.ctx.wrote(seen):
            return DIFFERS
        return UNREAD if seen.archived else None

    def _demand_rights(self, route: Route, error: Permanent) -> None:
        """Tell one forbidden object from a credential that lost its rights.

        Raises:
            Permanent: the credential may read nothing any more.
        """
        if isinstance(error, AccessDenied) and self._story.ctx.reader.check(route.target):
            raise error

    def _left(self, row: Verified, code: str, *, unsure: bool) -> _Turn:
        """Record that an object stays at the source, if a delete has not succeeded after all."""
        lost = unsure and self._story.gone(self._routes[row.dataset], row)
        return _Turn(LOST if lost else code, pending=True)

    def _erase(self, row: Verified, *, unsure: bool) -> _Turn:
        """Ask for one delete; `unsure` says that it may have gone through before."""
        eraser = self._story.eraser
        assert eraser is not None
        erased = eraser.erase(self._routes[row.dataset].source, row.key, row.version)
        if erased.outcome is Erasing.DELETED:
            return _Turn(erased.outcome)
        if erased.outcome is Erasing.MISSING and unsure:
            return _Turn(GONE)
        # What its service holds may be let go of; another version is never ours to delete.
        held = erased.outcome is Erasing.KEPT
        if held and self._story.gone(self._routes[row.dataset], row):
            return _Turn(GONE)  # it refused, and did it
        return _Turn(erased.outcome, pending=held, detail=erased.detail)
