"""Look again at verified objects of a batch, and mend what the target lost or damaged.

What is gone or damaged waits to be sent again; what somebody else put in its place is a finding
that people decide about (restoring.py). docs/decisions/0041-looking-again.md.

Once a batch was deleted at the source nothing can be sent again: then a look changes no row, and
whatever the target does not hold is a finding until a later look sees it as it was verified.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import field

from hdh_migrate.clocks import between, seconds_of
from hdh_migrate.events.looks import LookedAgain, LookEnded, LookingAgain
from hdh_migrate.frozen import frozen, mutable_row
from hdh_migrate.jsonform import ABSENT
from hdh_migrate.model import State, Verified
from hdh_migrate.pipeline.context import Context
from hdh_migrate.pipeline.looks.look_findings import accepted, open_findings, record
from hdh_migrate.pipeline.looks.rereading import Portion, Rereading, RereadWanted
from hdh_migrate.pipeline.looks.whose import DAMAGED, REPLACED, Whose
from hdh_migrate.pipeline.projections.looks import Looks
from hdh_migrate.pipeline.projections.undeleted import deletions
from hdh_migrate.pipeline.workers.rechecking import BESIDE, GONE, LOST, UNPROVEN, UNREAD
from hdh_migrate.pipeline.working_set import working_set

STEP = "look again"
FETCH_OBJECTS = 1000
GOES_ON_SECONDS = 86_400
"""A look that was stopped longer ago is not gone on with: what it had read is no news any more."""

_LOSSES = dict.fromkeys((GONE, DAMAGED, REPLACED), LOST)
"""What a difference is once the source may have deleted the object."""


@frozen
class Choice:
    """Which verified objects are looked at, and how closely."""

    level: str
    """Empty: the plan's."""
    older_than: float | None = None
    """Seconds since the last reading; None: whenever that was."""
    sample: int | None = None
    """How many objects; None: all."""
    percent: float | None = None
    """How many of a hundred, rounded up; instead of `sample`."""
    afresh: bool = False
    """Whether what a look that was stopped had read is read again, too."""

    @property
    def sampled(self) -> bool:
        """Whether objects are drawn."""
        return self.sample is not None or self.percent is not None

    def drawn(self, chosen: int) -> int:
        """Return how many of so many objects are drawn."""
        if self.percent is not None:
            return min(chosen, -int(-chosen * self.percent // 100))
        return chosen if self.sample is None else min(chosen, self.sample)


@mutable_row
class Found:
    """What a look came to: objects and bytes that were read, and ids by what is wrong."""

    objects: int = 0
    size: int = 0
    gone: list[int] = field(default_factory=list)
    damaged: list[int] = field(default_factory=list)
    replaced: list[int] = field(default_factory=list)
    unread: list[int] = field(default_factory=list)
    lost: list[int] = field(default_factory=list)
    beside: list[int] = field(default_factory=list)
    before: int = 0
    """Objects of `objects` that the same look had read before it was stopped, and not now."""
    since: str | None = None
    """When the first of those was read; None: there are none."""

    @property
    def differs(self) -> bool:
        """Whether the target does not hold something as it was verified."""
        return bool(self.gone or self.damaged or self.replaced or self.lost)

    def add(self, looked: LookedAgain) -> None:
        """Add what was found of one portion of objects."""
        self.objects, self.size = self.objects + looked.objects, self.size + looked.bytes
        self.gone += looked.gone
        self.damaged += looked.damaged
        self.replaced += looked.replaced
        self.unread += looked.unread
        self.lost += () if looked.lost is ABSENT else looked.lost
        self.beside += () if looked.beside is ABSENT else looked.beside


class LookAgain:
    """One look at one batch; reading changes nothing, so it has no intents."""

    def __init__(self, ctx: Context, batch: str, choice: Choice, *, user: str) -> None:
        self._ctx, self._batch, self._choice, self._user = ctx, batch, choice, user
        rows = working_set(ctx.ledger, batch)
        self._datasets = {row.id: row for row in rows}
        self._is_whole = len(rows) == len(ctx.ledger.datasets(batch))
        self._looks = Looks(ctx.ledger, batch)
        self._whose = Whose(
            ctx, batch, self._datasets, choice.level, accepted(ctx.ledger, batch)
        )  # fmt: skip
        self._erasures = deletions(ctx.ledger, batch)
        self._found, self._number, self._goes_on = Found(), 1, False

    def run(self) -> Found:
        """Read what is chosen and write down what came of it; goes on after any stop.

        Raises:
            AuthFailed, Interrupted, Transient: it ended early; the same command goes on.
        """
        ctx, choice = self._ctx, self._choice
        self._begin()
        now = None if choice.older_than is None else ctx.judge.now().latest
        chosen, size = self._count(now)
        objects = choice.drawn(chosen)
        ctx.ledger.event(
            LookingAgain(
                number=self._number, batch=self._batch, level=choice.level, objects=objects,
                sampled=choice.sampled, older_than=choice.older_than, user=self._user,
            )
        )  # fmt: skip
        ctx.ledger.commit()
        if objects:
            ctx.progress.step(self._batch, STEP, objects=objects, size=size * objects // chosen)
            Rereading(
                ctx, self._batch, self._wanted(now, chosen, objects), self._keep,
                moment=self._moment, sampled=False, beside=True,
            ).run()  # fmt: skip
        ctx.ledger.event(LookEnded(number=self._number, batch=self._batch))
        ctx.ledger.commit()
        return self._found

    def _begin(self) -> None:
        """Take the next number, or that of the last look when it was stopped and is the same."""
        looks, last = self._looks, self._looks.unfinished
        now = self._ctx.judge.now().latest
        if (
            last is not None
            and not self._choice.afresh
            and _same(last, self._choice)
            and between(looks.last_word, now) <= GOES_ON_SECONDS
        ):
            self._goes_on, self._number = True, last.number
            for event in looks.of_last:
                self._found.add(event)
            self._found.before = self._found.objects
            self._found.since = min((one.at for one in looks.of_last), key=seconds_of, default=None)
        elif looks.begun:
            self._number = looks.begun[-1].number + 1

    # --- what is read --------------------------------------------------------------------------

    def _moment(self) -> str:
        return self._ctx.judge.now().earliest

    def _count(self, now: str | None) -> tuple[int, int]:
        """Return how many objects may be read, and their bytes; walks them only where it must."""
        ledger = self._ctx.ledger
        if now is None and not self._goes_on:
            tallies = [ledger.tally(number, State.VERIFIED) for number in self._datasets]
            return sum(one.objects for one in tallies), sum(one.size for one in tallies)
        objects = size = 0
        for row in self._chosen(now):
            objects, size = objects + 1, size + row.size
        return objects, size

    def _chosen(self, now: str | None) -> Iterator[Verified]:
        """Yield what may be read; what is relisted meanwhile has passed already."""
        ledger, after = self._ctx.ledger, 0
        while rows := ledger.erasable(self._batch, after, FETCH_OBJECTS, whole=True):
            after = rows[-1].id
            open_ = {} if now is None else open_findings(ledger, (row.id for row in rows))
            yield from (
                row for row in rows
                if row.dataset in self._datasets and self._due(row, now, told=row.id in open_)
            )  # fmt: skip

    def _due(self, row: Verified, now: str | None, *, told: bool) -> bool:
        """Say whether an object is to be read; `told`: an earlier look found something of it."""
        if self._goes_on and self._looks.read_by_last(row):
            return False
        older_than = self._choice.older_than
        if now is None or older_than is None or told:
            return True
        last = self._looks.last(row, self._choice.level)
        # One of the future, which a clock that was set back leaves, does not count.
        return last is None or not 0 <= between(last, now) < older_than

    def _wanted(self, now: str | None, chosen: int, objects: int) -> Iterator[RereadWanted]:
        level = self._choice.level
        whole = now is None and self._is_whole and not self._goes_on and not self._erasures
        if objects < chosen:
            yield from (
                RereadWanted(row=row, level=level, first=row.id)
                for row in _drawn(self._chosen(now), chosen, objects)
            )
            return
        after = 0
        for row in self._chosen(now):
            yield RereadWanted(row=row, level=level, first=after + 1 if whole else row.id)
            after = row.id

    # --- what came of it -----------------------------------------------------------------------

    def _may_be_deleted(self, number: int) -> bool:
        return any(one.may_be_deleted(number) for one in self._erasures)

    def _keep(self, portion: Portion) -> None:
        deleted, there = portion.parted(self._may_be_deleted)
        for part in (deleted, there):
            if part.objects:
                self._note(part, deleted=part is deleted)

    def _note(self, portion: Portion, *, deleted: bool) -> None:
        """Write down what was read; `deleted`: the source may not hold any of it any more."""
        ctx = self._ctx
        rows = {
            row.id: row
            for row in ctx.ledger.erasable_of(self._batch, portion.differing, whole=True)
        }
        wrong = self._whose.judged(portion.differing, rows)
        if deleted:  # nothing of it can be sent again
            wrong = {number: _LOSSES.get(kind, kind) for number, kind in wrong.items()}
        by_kind: dict[str, list[int]] = {}
        for number, kind in sorted(wrong.items()):
            by_kind.setdefault(kind, []).append(number)
        event = LookedAgain(
            number=self._number, batch=self._batch, level=self._choice.level, at=portion.at,
            spans=tuple((first, last) for first, last, _ in portion.spans()),
            objects=portion.objects, bytes=portion.size,
            gone=tuple(by_kind.get(GONE, ())), damaged=tuple(by_kind.get(DAMAGED, ())),
            replaced=tuple(by_kind.get(REPLACED, ())),
            unread=(*by_kind.get(UNREAD, ()), *by_kind.get(UNPROVEN, ())),
            lost=tuple(by_kind.get(LOST, ())) if deleted else ABSENT,
            beside=tuple(by_kind.get(BESIDE, ())) or ABSENT,
        )  # fmt: skip
        with ctx.ledger.whole():
            open_ = open_findings(ctx.ledger, portion.ids)
            ctx.ledger.relist([*event.gone, *event.damaged])
            for number in portion.ids:
                known = open_.get(number, {})
                record(ctx.ledger, number, wrong.get(number), rows.get(number), known)
            ctx.ledger.event(event)
            ctx.ledger.commit()
        self._found.add(event)


def _drawn(rows: Iterator[Verified], of: int, count: int) -> Iterator[Verified]:
    """Return so many of a known number of objects, each with the same chance, in their order."""
    left = count
    for place, row in enumerate(rows):  # selection sampling: nothing is kept, whatever the number
        if left and secrets.randbelow(of - place) < left:
            left -= 1
            yield row


def _same(last: LookingAgain, choice: Choice) -> bool:
    """Return whether a look that was stopped is the one that is asked for; samples never are."""
    chosen = (last.level, last.older_than, last.sampled)
    return chosen == (choice.level, choice.older_than, False) and not choice.sampled
