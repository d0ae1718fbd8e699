"""Which objects of a batch are to be read again before they are deleted, and what came of it.

An object is read unless it was read after the cooling, lately and closely enough. What was found
wrong is read every time: once the target is mended, the next look finds it right.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, takewhile

from hdh_migrate.codes import Code
from hdh_migrate.errors import Refused
from hdh_migrate.events.decommission import CutoverRechecked, CutoverRechecking
from hdh_migrate.model import Verified
from hdh_migrate.pipeline.decommission.own_files_again import demand_sidecars
from hdh_migrate.pipeline.decommission.undertaking import Undertaking
from hdh_migrate.pipeline.inventory.vanishing import CODES as VANISHED
from hdh_migrate.pipeline.looks.rereading import STEP, Portion, Rereading, RereadWanted
from hdh_migrate.pipeline.projections.standing import CutoverStanding
from hdh_migrate.pipeline.workers.rechecking import LOST, WORDS
from hdh_migrate.ports.ledger import Ledger

FETCH_OBJECTS = 1000
DIFFERING_MAX = 10_000
"""After so many wrong ones the reading ends: the target is lost, and memory is kept for a few."""

CODE = "decommission-"


class DecommissionFindings:
    """The open findings of a decommission about a portion's objects."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._open: dict[int, dict[str, int]] = {}
        self._vanished: set[int] = set()
        """Of which a listing had found already that the source lacks them."""

    def about(self, ids: Iterable[int]) -> None:
        """Look up what is open of a portion, and of nothing else: of a lost target it is all."""
        self._open, self._vanished = {}, set()
        for (number, code), finding in self._ledger.told_of(ids).items():
            if code in VANISHED:
                self._vanished.add(number)
            elif code.startswith(CODE):
                self._open.setdefault(number, {})[code] = finding

    def record(self, row: Verified, what: str, detail: str) -> None:
        """Keep exactly one open finding about an object: this one.

        Of one that vanished, that it is missing is no second thing to be told.
        """
        code = Code(CODE + what)
        if code is Code.DECOMMISSION_MISSING and row.id in self._vanished:
            self.close(row.id)
            return
        if code in self._open.get(row.id, {}):
            return
        self.close(row.id)
        number = self._ledger.finding(code, detail, dataset=row.dataset, entry=row.id)
        self._open[row.id] = {code: number}

    def differs(self, row: Verified, code: str) -> None:
        """Tell what is wrong with the target's object."""
        kept = "" if code == LOST else "; the source keeps it"
        self.record(row, code, WORDS[code] + kept)

    def close(self, number: int) -> None:
        """Let every finding about an object be over."""
        for finding in self._open.pop(number, {}).values():
            self._ledger.close_finding(finding)

    def mended(self, number: int) -> None:
        """Close the findings about a target object that was read again and found right."""
        if any(code.startswith(f"{CODE}target-") for code in self._open.get(number, ())):
            self.close(number)


class Recheck:
    """Reads again what must be, and writes down what came of it."""

    def __init__(
        self,
        story: Undertaking,
        now: CutoverStanding,
        findings: DecommissionFindings,
        *,
        keep_going: bool,
    ) -> None:
        self._story, self._now, self._findings = story, now, findings
        self._keep_going, self._found = keep_going, 0

    def run(self) -> None:
        """Read everything that is to be deleted and was not read lately; goes on after any stop.

        Raises:
            TargetDiffers: what opens them, or what the source said of them, is not there as it was.
            AuthFailed, Interrupted, Transient: it ended early; the same command goes on.
        """
        story, now = self._story, self._now
        # What is deleted at the source is then behind these alone.
        story.ctx.packs.demand(story.ctx, story.batch)
        demand_sidecars(story.ctx, story.batch)
        left = story.ctx.ledger.erasable_left(story.batch, now.erasure.after)
        objects = left.objects + len(now.erasure.pending)
        story.ctx.progress.step(story.batch, STEP, objects=objects, size=left.size)
        self._read(takewhile(self._hopeful, due(story, now, remaining(story, now))))

    def _hopeful(self, _: RereadWanted) -> bool:
        return self._keep_going or self._found < DIFFERING_MAX

    def freshen(self, rows: Sequence[Verified]) -> None:
        """Read again those of a few objects whose last reading is too old by now.

        Raises:
            Refused: they take longer to read than a reading may be old.
        """
        self._read(self._stale(rows))
        if next(self._stale(rows), None) is not None:
            raise Refused(
                "reading the target again takes longer than a reading may be old, so nothing more"
                " is deleted",
                hint="give `decommission.recheck_within` more time in the plan",
            )

    def _stale(self, rows: Iterable[Verified]) -> Iterator[RereadWanted]:
        asked = ((row, row.id) for row in rows if row.id not in self._now.recheck.differing)
        return due(self._story, self._now, asked, lambda _: None)

    def _read(self, wanted: Iterator[RereadWanted]) -> None:
        first = next(wanted, None)
        if first is None:
            return
        story = self._story
        rechecking = CutoverRechecking(**story.about, level=story.level, reason=story.reason)
        story.noted(self._now, rechecking)
        Rereading(
            story.ctx,
            story.batch,
            chain([first], wanted),
            self._keep,
            moment=story.moment,
            sampled=True,
        ).run()

    def _keep(self, portion: Portion) -> None:
        story, now, routes = self._story, self._now, self._story.routes()
        self._found += len(portion.differing)
        self._findings.about({*portion.ids, *portion.differing})
        for row in story.ctx.ledger.erasable_of(story.batch, portion.differing):
            if story.unseen(now, row.id) and story.gone(routes[row.dataset], row):
                portion.differing[row.id] = LOST
            self._findings.differs(row, portion.differing[row.id])
        for number in portion.ids:
            if number not in portion.differing:
                self._findings.mended(number)
        rechecked = CutoverRechecked(
            **story.about, at=portion.at, spans=tuple(portion.spans()),
            objects=portion.objects, bytes=portion.size,
            differing=tuple(sorted(portion.differing.items())),
        )  # fmt: skip
        story.noted(now, rechecked)


def remaining(story: Undertaking, now: CutoverStanding) -> Iterator[tuple[Verified, int]]:
    """Return what is to be deleted yet, each with the first id that belongs to its span."""
    ledger, after = story.ctx.ledger, now.erasure.after
    for ids in in_portions(sorted(now.erasure.pending), FETCH_OBJECTS):
        yield from ((row, row.id) for row in ledger.erasable_of(story.batch, ids))
    while rows := ledger.erasable(story.batch, after, FETCH_OBJECTS):
        for row in rows:
            yield row, after + 1
            after = row.id


def due(
    story: Undertaking,
    now: CutoverStanding,
    rows: Iterator[tuple[Verified, int]],
    skipped: Callable[[Verified], RereadWanted | None] | None = None,
) -> Iterator[RereadWanted]:
    """Return those of some objects that must be read; `skipped` may say how to read the others."""
    moment = story.ctx.judge.now().latest
    for asked, (row, first) in enumerate(rows, 1):
        if asked % FETCH_OBJECTS == 0:
            moment = story.ctx.judge.now().latest
        if row.id in now.recheck.differing or not story.fresh(now, row.id, moment):
            yield RereadWanted(row=row, level=story.level, first=first)
        elif skipped is None:
            story.ctx.progress.advance(1, row.size)
        elif (other := skipped(row)) is not None:
            yield other


def in_portions(ids: list[int], size: int) -> Iterator[list[int]]:
    """Return a list in pieces of so many."""
    for start in range(0, len(ids), size):
        yield ids[start : start + size]
