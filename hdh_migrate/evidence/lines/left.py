"""What is left to do in a migration: one list, for the report's page and for `status` alike.

Whoever asks fills in `MigrationStanding` from what he has: a statement and its journal, or a
ledger. What is to be done follows from it here, and nowhere else; its words are in `page/left.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, timedelta
from enum import StrEnum
from typing import Final, Self

from hdh_migrate.clocks import seconds_of
from hdh_migrate.codes import LOST_OBJECTS, Code
from hdh_migrate.evidence.lines.granted import GrantStage
from hdh_migrate.evidence.lines.standing import BatchStanding, MigrationStanding
from hdh_migrate.frozen import frozen_row

SOON_DAYS: Final = 180
"""So many days before its end a legal basis or an attested period is told of."""


class LeftTask(StrEnum):
    """What there is to do, in the order in which it is told, and the verb that does it."""

    verb: str | None
    """As help writes it; None: it is done elsewhere, or the task's sentence names it."""

    def __new__(cls, value: str, verb: str | None = None) -> Self:
        """Return the member, which is its name as text."""
        made = str.__new__(cls, value)
        made._value_, made.verb = value, verb
        return made

    BREACH = "breach", "judge PLAN"
    ABSENCE = "absence", "judge PLAN"
    ABSENT = "absent", "judge PLAN"
    LET_GO = "let-go", "verify PLAN --again --batch NAME"
    DONE_WITHOUT = (
        "done-without",
        "waive PLAN --what legal-basis --until DAY --key FILE --reason TEXT",
    )
    CLASH = "clash", "revoke PLAN ID --reason TEXT"
    PLAIN = "plain", "preflight PLAN"
    FINDING = "finding", "errors PLAN"
    LIST = "list", "run PLAN"
    MOVE = "move", "run PLAN"
    PASS = "pass", "run PLAN --refresh"
    LOOK = "look", "verify PLAN --again"
    ROTATION = "rotation"
    ROTATED = "rotated"
    ERASURE = "erasure", "erase PLAN --dataset NAME --headers"
    ERASED = "erased", "erase PLAN --dataset NAME --headers"
    SWITCH = "switch", "cutover start PLAN --batch NAME"
    SWITCHING = "switching", "cutover start PLAN --batch NAME"
    GOING_BACK = "going-back", "cutover rollback PLAN --batch NAME"
    FINALIZE = "finalize", "cutover finalize PLAN --batch NAME"
    RELIST = "relist", "run PLAN --refresh"
    READ_BACK = "read-back", "verify PLAN --again"
    LATE = "late", "run PLAN --batch NAME"
    UNLISTED = "unlisted", "run PLAN --batch NAME"
    SOURCE = "source", "decommission PLAN --batch NAME"
    ORIGINALS = "originals", "decommission PLAN --batch NAME"
    DELETING = "deleting", "decommission PLAN --batch NAME"
    OBSERVE = "observe", "decommission PLAN --batch NAME --observe"
    CHANGED = "changed", "decommission PLAN --batch NAME --observe"
    TRACES = "traces", "decommission PLAN --batch NAME --observe"
    KEY = "key", "keys drill PLAN --key FILE"
    KEY_STORED = "key-stored", "keys drill PLAN --key FILE --stored N"
    HOLDER = "holder"
    OLD_KEY = "old-key"
    COPIES_ERASED = "copies-erased"
    COPIES_KEY = "copies-key"
    KEYS_BESIDE = "keys-beside"
    LOGIN = "login"
    COPY = "copy", "run PLAN"
    GRANT_OPEN = "grant-open", "revoke PLAN ID --reason TEXT"
    GRANT_UNSET = "grant-unset", "revoke PLAN ID --reason TEXT --closed-at-host TEXT"
    GRANT_SEEN = "grant-seen", "revoke PLAN ID --reason TEXT --closed-at-host TEXT"
    GRANT_LASTS = "grant-lasts", "grant PLAN --policy ID --principal TEXT --execute"
    GRANT_STALE = "grant-stale", "grant PLAN --renew ID --out DIR"
    BASIS = "basis"
    ATTESTATION = "attestation"
    WAIVER = "waiver", "errors PLAN"
    SIGN = "sign", "report PLAN"
    WITNESS = "witness", "report sign BUNDLE --key FILE --trust KEY"


@frozen_row
class LeftToDo:
    """One thing to do: with what (batches, datasets, keys, codes), how many objects, by when."""

    task: LeftTask
    names: tuple[str, ...] = ()
    count: int = 0
    at: str | None = None
    """A day or a moment: since when it is so, or until when there is time."""
    over: bool = False
    """That moment is past."""
    acts: tuple[str, ...] = ()
    """What was done, by the stages that approvals are for."""
    each: tuple[int, ...] = ()
    """How many there are of each name, where that is told."""
    unplanned: bool = False
    """The plan says nothing of how it is deleted, so the verb would be refused."""
    awaits: bool = False
    """Its cutover comes first: until that is final, consumers may read the source."""
    known: str | None = None
    """Before `at` a switch was made final in spite of such objects: from then on it was known."""


WORK: Final = frozenset(LeftTask) - {
    LeftTask.BREACH, LeftTask.ABSENCE, LeftTask.ABSENT, LeftTask.LET_GO, LeftTask.DONE_WITHOUT,
    LeftTask.CLASH, LeftTask.PLAIN,
    LeftTask.KEY, LeftTask.KEY_STORED, LeftTask.HOLDER, LeftTask.OLD_KEY,
    LeftTask.COPIES_ERASED, LeftTask.COPIES_KEY, LeftTask.KEYS_BESIDE, LeftTask.LOGIN,
    LeftTask.GRANT_OPEN, LeftTask.GRANT_UNSET, LeftTask.GRANT_SEEN, LeftTask.GRANT_LASTS,
    LeftTask.GRANT_STALE, LeftTask.BASIS, LeftTask.ATTESTATION, LeftTask.WAIVER, LeftTask.SIGN,
    LeftTask.WITNESS,
}  # fmt: skip
"""What is a part of the migration itself: while some of it is left, that is not over."""


def left_to_do(stands: MigrationStanding) -> list[LeftToDo]:
    """Return everything that is left to do, in the order of `LeftTask`.

    What may be a breach, and a legal basis that has ended, come first.
    """
    order = list(LeftTask)
    found = [
        *_of_work(stands),
        *_of_keys(stands),
        *_of_erasures(stands),
        *(one for batch in stands.batches for one in _of_cutover(batch, stands.at)),
        *(one for batch in stands.batches for one in _of_source(batch)),
        *_of_grants(stands),
        *_of_ends(stands),
    ]
    if not stands.signed:
        found.append(LeftToDo(LeftTask.SIGN))
    elif not stands.witnessed:
        found.append(LeftToDo(LeftTask.WITNESS))
    return sorted(_together(found), key=lambda one: (_later(one), order.index(one.task)))


def _later(one: LeftToDo) -> bool:
    """Say whether it can wait for what a law sets a time for, or that forbids any further step."""
    first = {
        LeftTask.BREACH, LeftTask.ABSENCE, LeftTask.ABSENT, LeftTask.LET_GO, LeftTask.DONE_WITHOUT,
    }  # fmt: skip
    return not (one.task in first or (one.task is LeftTask.BASIS and one.over))


def _of_work(stands: MigrationStanding) -> Iterator[LeftToDo]:
    for permit in stands.clashes:
        yield LeftToDo(LeftTask.CLASH, (permit,))
    for url in stands.plain:
        yield LeftToDo(LeftTask.PLAIN, (url,))
    for one in stands.batches:
        if not one.closed:
            yield LeftToDo(LeftTask.LIST, (one.name,))
        if one.pending:
            yield LeftToDo(LeftTask.MOVE, (one.name,), one.pending)
        if one.relisting:
            yield LeftToDo(LeftTask.PASS, (one.name,))
        if one.looking:
            yield LeftToDo(LeftTask.LOOK, (one.name,))
        if one.lacks_copy:
            yield LeftToDo(LeftTask.COPY, (one.name,))
    yield from _of_harm(stands)


def _of_harm(stands: MigrationStanding) -> Iterator[LeftToDo]:
    """Yield what may be a breach, and what is wrong."""
    if broken := stands.harm.broken(stands.findings):
        seen = [one.read_back for one in stands.batches if one.missed and one.read_back is not None]
        known = stands.harm.first_loss() or min(seen, key=seconds_of, default=stands.at)
        passed = [one.let_go_at for one in stands.batches if one.missed]
        yield LeftToDo(LeftTask.BREACH, count=broken, at=known, known=_before(passed, known))
    for one in stands.batches:
        for at, count in one.absences:
            task = LeftTask.ABSENCE if one.whole else LeftTask.ABSENT
            yield LeftToDo(task, (one.name,), count, at=at, known=_before([one.let_go_at], at))
        if one.let_go:
            yield LeftToDo(LeftTask.LET_GO, (one.name,), one.let_go, at=one.let_go_at)
    decided = any(one.changed for one in stands.batches)  # told of with their batch
    found = {
        code: count
        for code, count in sorted(stands.findings.items())
        if not (decided and code == Code.DECOMMISSION_DRIFTED)
    }
    for code in LOST_OBJECTS & found.keys():
        yield LeftToDo(LeftTask.FINDING, (code,), found.pop(code))
    if found:
        each = tuple(found.values())
        yield LeftToDo(LeftTask.FINDING, tuple(found), sum(each), each=each)


def _before(passed: Iterable[str | None], at: str) -> str | None:
    """Return the first of these moments, if it lies before another one."""
    moments = [one for one in passed if one is not None and seconds_of(one) < seconds_of(at)]
    return min(moments, key=seconds_of, default=None)


_NEXT: Final[Mapping[str, LeftTask]] = {
    "preparing": LeftTask.SWITCHING,
    "switching": LeftTask.SWITCHING,
    "switched": LeftTask.SWITCHING,
    "rolling back": LeftTask.GOING_BACK,
    "decommission under way": LeftTask.DELETING,
    "decommission requested": LeftTask.OBSERVE,
}
"""What a cutover that stands so still needs; what else there is depends on more."""


def _of_cutover(one: BatchStanding, now: str) -> Iterator[LeftToDo]:
    """Yield what a batch that has something at the target still needs, until its source is gone."""
    named, until = (one.name,), one.window_until
    source = LeftToDo(LeftTask.SOURCE, named, unplanned=not one.deletes)
    later = LeftToDo(LeftTask.SOURCE, named, awaits=True)
    if not one.verified:
        return
    if one.stage in {None, "not started", "rolled back"}:
        if one.switches:  # its start lists the source itself
            yield LeftToDo(LeftTask.SWITCH, named)
            yield later
        else:
            yield source
            yield LeftToDo(LeftTask.RELIST, named, at=one.listed)
    elif one.stage == "fallback window":
        over = until is not None and seconds_of(until) <= seconds_of(now)
        yield LeftToDo(LeftTask.FINALIZE, named, at=until, over=over)
        yield later
    elif one.stage == "finalized":
        yield source
    elif one.stage == "decommission observed" and one.traces:
        yield LeftToDo(LeftTask.TRACES, named, one.traces)
    elif one.stage in _NEXT:
        yield LeftToDo(_NEXT[one.stage], named)
    may, last = one.recheck_seconds, one.read_back
    too_old = last is None or seconds_of(now) - seconds_of(last) > (may or 0)
    if may is not None and one.stage == "finalized" and too_old:  # the next step is to delete
        yield LeftToDo(LeftTask.READ_BACK, named, at=last)


def _of_source(one: BatchStanding) -> Iterator[LeftToDo]:
    """Yield what is at the source alone, as far as is known, and is to be decided about."""
    if one.changed:
        yield LeftToDo(LeftTask.CHANGED, (one.name,), one.changed)
    if one.late:
        yield LeftToDo(LeftTask.LATE, (one.name,), one.late)
    if one.unlisted:
        yield LeftToDo(LeftTask.UNLISTED, (one.name,))


def _of_keys(stands: MigrationStanding) -> Iterator[LeftToDo]:
    held = any(one.verified for one in stands.batches)  # else there is nothing to try them on
    for task, names in (
        (LeftTask.KEY, stands.untried),
        (LeftTask.KEY_STORED, stands.unstored if held else ()),
        (LeftTask.HOLDER, stands.unheld),
        (LeftTask.OLD_KEY, stands.former),
        (LeftTask.KEYS_BESIDE, stands.beside),
        (LeftTask.LOGIN, stands.strangers),
    ):
        for name in names:
            yield LeftToDo(task, (name,))
    for began, ended, remains, verb in stands.rotations:
        if ended is None:
            yield LeftToDo(LeftTask.ROTATION, (verb,), at=began)
        elif remains:
            yield LeftToDo(LeftTask.ROTATED, (verb,), remains, began)
    through = [at for _, at, _, _ in stands.rotations if at is not None]
    if stands.copied and through and _are_kept(latest := max(through, key=seconds_of), stands):
        yield LeftToDo(LeftTask.COPIES_KEY, at=latest)


def _are_kept(at: str, stands: MigrationStanding) -> bool:
    """Say whether nobody states what became of copies that were made up to a moment."""
    return stands.copies_until is None or at[:10] > stands.copies_until


def _of_erasures(stands: MigrationStanding) -> Iterator[LeftToDo]:
    for name, began, ended, remains in stands.erasures:
        if ended is None:
            yield LeftToDo(LeftTask.ERASURE, (name,), at=began)
        elif remains:
            yield LeftToDo(LeftTask.ERASED, (name,), remains, at=ended)
        if ended is not None and _are_kept(ended, stands):
            yield LeftToDo(LeftTask.COPIES_ERASED, (name,), at=ended)
    unplanned = {one.name for one in stands.batches if not one.deletes}
    for name, count, batch in stands.originals:
        yield LeftToDo(LeftTask.ORIGINALS, (name,), count, unplanned=batch in unplanned)


def _of_grants(stands: MigrationStanding) -> Iterator[LeftToDo]:
    over = {GrantStage.ENDED, GrantStage.REVOKED}
    accounts = () if stands.grants is None else stands.grants.by_id.values()
    for one in accounts:
        stage = one.stage(stands.at)
        still = any(entry.allowed or not entry.sure for entry in one.at_host.values())
        had = one.given is not None or one.withdrawn is not None  # else nobody was to be let in
        if stage in over and still:
            yield LeftToDo(LeftTask.GRANT_OPEN, (one.id,))
        elif stage in over and had and not one.at_host and one.closed is None:
            yield LeftToDo(LeftTask.GRANT_UNSET, (one.id,))
        elif stage in over and had and not one.at_host and one.seen is None:
            yield LeftToDo(LeftTask.GRANT_SEEN, (one.id,))
        elif stage is GrantStage.GIVEN and not one.at_host:
            yield LeftToDo(LeftTask.GRANT_LASTS, (one.id,))
            if one.stale:
                yield LeftToDo(LeftTask.GRANT_STALE, (one.id,))
        elif stage is GrantStage.GIVEN and one.stale:
            yield LeftToDo(LeftTask.GRANT_STALE, (one.id,))


def _of_ends(stands: MigrationStanding) -> Iterator[LeftToDo]:
    today = stands.at[:10]
    soon = (date.fromisoformat(today) + timedelta(days=SOON_DAYS)).isoformat()
    for task, several in ((LeftTask.BASIS, stands.bases), (LeftTask.ATTESTATION, stands.attested)):
        for name, until in several:
            if until <= soon:
                yield LeftToDo(task, (name,), at=until, over=until < today)
    waived = any(name == "legal-basis" for name, _ in stands.waivers)  # somebody answers for it
    for name, until in () if waived else stands.bases:
        acts = tuple(dict.fromkeys(act for act, at in stands.done if at[:10] > until))
        if acts:
            yield LeftToDo(LeftTask.DONE_WITHOUT, (name,), at=until, over=True, acts=acts)
    ended = any(until < today for _, until in stands.bases)  # and to be examined: see above
    for name, until in stands.waivers:
        if name != "legal-basis" or not ended:
            yield LeftToDo(LeftTask.WAIVER, (name,), at=until, over=until < today)


_APART: Final = frozenset({
    LeftTask.FINDING, LeftTask.ABSENCE, LeftTask.ABSENT, LeftTask.LET_GO, LeftTask.BASIS,
    LeftTask.DONE_WITHOUT, LeftTask.ATTESTATION, LeftTask.WAIVER, LeftTask.TRACES,
    LeftTask.CHANGED, LeftTask.LATE,
    LeftTask.ERASURE, LeftTask.ERASED, LeftTask.COPIES_ERASED, LeftTask.ORIGINALS,
    LeftTask.ROTATION, LeftTask.ROTATED,
})  # fmt: skip
"""Things of which each is told for itself."""


def _together(found: Iterable[LeftToDo]) -> list[LeftToDo]:
    """Put the same thing that is to be done of several batches or keys into one."""
    made: dict[object, list[LeftToDo]] = {}
    for number, one in enumerate(found):
        alone = one.task in _APART
        same = (one.task, one.over, one.unplanned, one.awaits)
        made.setdefault(number if alone else same, []).append(one)
    return [_joined(several) for several in made.values()]


def _joined(several: list[LeftToDo]) -> LeftToDo:
    first = several[0]
    if len(several) == 1:
        return first
    moments = [one.at for one in several if one.at is not None]
    key: Callable[[str], float] = seconds_of
    known = min(moments, key=key) if len(moments) == len(several) else None
    return LeftToDo(
        first.task,
        tuple(name for one in several for name in one.names),
        sum(one.count for one in several),
        at=known,
        over=first.over,
        unplanned=first.unplanned,
        awaits=first.awaits,
    )
