"""Look again at verified objects of a batch, and mend what the target lost or damaged.

What is gone or damaged waits to be sent again; what somebody else put in its place is a finding
that people decide about (restoring.py). docs/decisions/0041-looking-again.md.

Once a batch was deleted at the source nothing can be sent again: then a look changes no row, and
whatever the target does not hold is a finding until a later look sees it as it was verified.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import field, replace

from hdh_migrate.clocks import between, seconds_of
from hdh_migrate.codes import Code
from hdh_migrate.errors import AuthFailed, StorageError
from hdh_migrate.events.cutover import CutoverSwitching, Track
from hdh_migrate.events.looks import LookedAgain, LookEnded, LookingAgain, ObjectAccepted
from hdh_migrate.frozen import frozen, mutable_row
from hdh_migrate.jsonform import ABSENT
from hdh_migrate.model import Stored, Verified
from hdh_migrate.model.naming import is_version
from hdh_migrate.orders import OrderItem
from hdh_migrate.pipeline.beside import sent_beside
from hdh_migrate.pipeline.context import Context
from hdh_migrate.pipeline.earlier_limits import LimitsOverTime
from hdh_migrate.pipeline.looks import Looks
from hdh_migrate.pipeline.placing import placed
from hdh_migrate.pipeline.rechecking import (
    BESIDE,
    CHANGED,
    DIFFERS,
    GONE,
    LOST,
    UNPROVEN,
    UNREAD,
    WORDS,
    Held,
    compared,
)
from hdh_migrate.pipeline.rereading import Portion, Rereading, RereadWanted
from hdh_migrate.pipeline.tags import Tag
from hdh_migrate.pipeline.undeleted import deletions
from hdh_migrate.pipeline.work import Route
from hdh_migrate.pipeline.working_set import working_set
from hdh_migrate.ports.ledger import Ledger

STEP = "look again"
FETCH_OBJECTS = 1000
GOES_ON_SECONDS = 86_400
"""A look that was stopped longer ago is not gone on with: what it had read is no news any more."""

ASKERS = 8
"""Requests at once, about what differs."""

DAMAGED = "target-damaged"
REPLACED, ACCEPTED = str(Code.TARGET_REPLACED), str(Code.TARGET_ACCEPTED)
"""What a difference is, once it was asked whose object is there."""

CODES = {
    REPLACED: Code.TARGET_REPLACED,
    UNREAD: Code.TARGET_UNREAD,
    UNPROVEN: Code.TARGET_UNPROVEN,
    ACCEPTED: Code.TARGET_ACCEPTED,
    BESIDE: Code.TARGET_BESIDE,
    LOST: Code.DECOMMISSION_TARGET_LOST,
}
"""Findings of verified objects that stay verified."""

DETAIL = {
    REPLACED: (
        "somebody else's object is under the key; nothing was overwritten. Keep it aside and send"
        ' ours again: "verify PLAN --again --restore {number}". Take it as it is:'
        ' "verify PLAN --again --accept {number} --reason TEXT"'
    ),
    BESIDE: (
        "its bytes are those that were verified, and the metadata or tags beside them are not those"
        ' that were sent. Keep what is there aside and send ours again: "verify PLAN --again'
        ' --restore {number}". Take it as it is: "verify PLAN --again --accept {number} --reason'
        ' TEXT"'
    ),
    UNREAD: f"{WORDS[UNREAD]}; the next look tries it again",
    UNPROVEN: f"{WORDS[UNPROVEN]}: only a new transfer could prove it",
    LOST: WORDS[LOST],
}

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
        """Count a portion."""
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
        self._routes = {row.id: ctx.route(row) for row in rows}
        self._limits = LimitsOverTime.of(ctx.ledger)
        self._is_whole = len(rows) == len(ctx.ledger.datasets(batch))
        self._looks = Looks(ctx.ledger, batch)
        self._open = open_findings(ctx.ledger, batch)
        self._accepted = accepted(ctx.ledger, batch)
        self._told_beside = {
            one["object"] for one in ctx.ledger.findings() if one["code"] in CHANGED
        }
        """Objects of which verify, or somebody's waiver, tells that already."""
        self._followed = was_followed(ctx.ledger, batch)
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
        sizes = [0, 0]
        for row in self._chosen(now):
            sizes = [sizes[0] + 1, sizes[1] + row.size]
        chosen, size = sizes
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

    def _chosen(self, now: str | None) -> Iterator[Verified]:
        """Return what may be read; what is relisted meanwhile has passed already."""
        rows = _verified(self._ctx.ledger, self._batch)
        return (row for row in rows if row.dataset in self._routes and self._due(row, now))

    def _due(self, row: Verified, now: str | None) -> bool:
        if self._goes_on and self._looks.read_by_last(row):
            return False
        older_than = self._choice.older_than
        if now is None or older_than is None or row.id in self._open:
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
        wrong = self._judged(portion.differing, rows)
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
            ctx.ledger.relist([*event.gone, *event.damaged])
            for number in portion.ids:
                self._record(number, wrong.get(number), rows.get(number))
            ctx.ledger.event(event)
            ctx.ledger.commit()
        self._found.add(event)

    def _judged(self, differing: Mapping[int, str], rows: Mapping[int, Verified]) -> dict[int, str]:
        """Say of what differs whose it is; what was accepted is as it should be."""
        known = {
            number: self._whose_beside(row)
            for number, row in rows.items()
            if differing[number] == BESIDE
        }
        doubted = [row for number, row in rows.items() if differing[number] not in {GONE, BESIDE}]
        changed = [rows[number] for number, kind in known.items() if kind == BESIDE]
        sent = [(row, self._sent_then(row)) for row in changed]
        with ThreadPoolExecutor(ASKERS) as pool:
            kinds = pool.map(lambda row: self._whose(row, differing[row.id]), doubted)
            asked = {row.id: kind for row, kind in zip(doubted, kinds, strict=True)}
            same = pool.map(lambda one: self._is_as_sent(*one), sent)
            known |= {row.id: None for row, as_sent in zip(changed, same, strict=True) if as_sent}
        found = {**differing, **known, **asked}
        return {number: kind for number, kind in found.items() if kind is not None}

    def _whose_beside(self, row: Verified) -> str | None:
        """Say what it means that something else stands beside an object; None: it is known."""
        if row.id in self._told_beside:
            return None
        taken = self._accepted.get(row.id) == (row.etag, row.version_id)
        return ACCEPTED if taken else BESIDE

    def _sent_then(self, row: Verified) -> OrderItem | None:
        """Return what was sent of an object, if the target's limits were other ones then."""
        ctx = self._ctx
        limits = self._limits.at(row.verified_at, ctx.limits)
        found = None if limits is None else ctx.ledger.find(row.dataset, row.key)
        if limits is None or found is None:
            return None
        dataset = self._datasets[row.dataset]
        then = placed(found[0].obj, limits, ctx.contract(dataset))
        item = OrderItem(**ctx.about(found[0], dataset))
        return replace(item, metadata=then.metadata, tags=then.tags)

    def _is_as_sent(self, row: Verified, sent: OrderItem | None) -> bool:
        """Say whether what stands beside an object is what was sent then."""
        ctx, route = self._ctx, self._routes[row.dataset]
        stored = None if sent is None else look(ctx, route, row)
        if sent is None or stored is None:
            return False
        if not is_ours(ctx, row, stored, followed=self._followed):
            return False
        found = sent_beside(ctx, ctx.reader, route, sent, stored)
        return not any(code in CHANGED for code, _ in found)

    def _whose(self, row: Verified, wrong: str) -> str | None:
        """Find out whose object is there; a host may be unable to return what it has.

        None: it is the object, seen as closely as was asked for.
        """
        try:
            stored = look(self._ctx, self._routes[row.dataset], row)
        except AuthFailed:
            raise
        except StorageError:
            return UNREAD if wrong == DIFFERS else wrong
        if stored is None:
            return GONE
        held: Held = (row.stored_size, row.etag, row.version_id)
        if wrong != DIFFERS and (row.etag is None or compared(stored, held) is None):
            same = wrong == UNPROVEN and row.etag is not None and self._choice.level == "head"
            return None if same else wrong
        if is_ours(self._ctx, row, stored, followed=self._followed):
            return DAMAGED
        taken = self._accepted.get(row.id) == (stored.etag, stored.version_id)
        return ACCEPTED if taken else REPLACED

    def _record(self, number: int, kind: str | None, row: Verified | None) -> None:
        """Keep exactly one open finding about an object: the current one."""
        if kind in {GONE, DAMAGED}:
            return  # listing it again has closed whatever was open
        ledger, known = self._ctx.ledger, self._open.get(number, {})
        code = CODES[kind] if kind is not None else None
        if kind not in {UNREAD, UNPROVEN}:  # who could not look knows nothing better
            for was, finding in known.items():
                if was != code:
                    ledger.close_finding(finding)
        if kind in DETAIL and code not in known and row is not None and code is not None:
            detail = DETAIL[kind].format(number=number)
            ledger.finding(code, detail, dataset=row.dataset, entry=number)


def accepted(ledger: Ledger, batch: str) -> dict[int, tuple[str, str | None]]:
    """Return what is taken instead of verified objects, by their id: ETag and version id."""
    known = open_findings(ledger, batch)
    if not any(Code.TARGET_ACCEPTED in one for one in known.values()):
        return {}
    return {
        event.id: (event.etag, event.version_id)
        for _, event in ledger.events(ObjectAccepted)
        if event.batch == batch and Code.TARGET_ACCEPTED in known.get(event.id, ())
    }


def open_findings(ledger: Ledger, batch: str) -> dict[int, dict[str, int]]:
    """Return the numbers of what earlier looks left open, by object and code."""
    found: dict[int, dict[str, int]] = {}
    names = {row.name for row in working_set(ledger, batch)}
    for one in ledger.findings():
        if one["dataset"] in names and one["object"] is not None and one["code"] in CODES.values():
            found.setdefault(one["object"], {})[one["code"]] = one["id"]
    return found


def look(ctx: Context, route: Route, row: Verified) -> Stored | None:
    """Ask what is under an object's key, None when nothing is."""
    key = route.target_key(row.key)
    version_id = (row.version_id or "null") if is_version(row.key) else None
    return ctx.retry(lambda: ctx.reader.head(route.target.bucket, key, version_id=version_id))


def is_ours(ctx: Context, row: Verified, stored: Stored, *, followed: bool) -> bool:
    """Return whether what is under a key is an attempt of ours at this object.

    Its tag says so, also that of an adopted ledger, whatever number the object had in it. Once
    consumers have `followed` the pointer to the target they may have rewritten it, and many tools
    copy metadata, our tag with them: then only what has the very ETag that was verified is ours.
    """
    tag = Tag.of(stored)
    if tag is None or (followed and (stored.size, stored.etag) != (row.stored_size, row.etag)):
        return False
    return tag.ledger in ctx.adopted or (tag.ledger, tag.entry) == (ctx.run_tag, row.id)


def was_followed(ledger: Ledger, batch: str) -> bool:
    """Say whether consumers may ever have followed a batch's pointer to the target."""
    return any(
        isinstance(event, CutoverSwitching) and (event.batch, event.track) == (batch, Track.CUTOVER)
        for _, _, event in ledger.cutovers()
    )


def _verified(ledger: Ledger, batch: str) -> Iterator[Verified]:
    after = 0
    while rows := ledger.erasable(batch, after, FETCH_OBJECTS, whole=True):
        yield from rows
        after = rows[-1].id


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
