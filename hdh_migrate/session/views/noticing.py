"""What of a migration somebody should be notified of: looked for in its status, sent once.

What holds now is a set of conditions, each with a key; what is new since the last look is sent. A
condition that went away and comes again is sent again. Kill the process between the documents and
the memory of them: the next look finds the same conditions and makes the same documents.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final

from hdh_migrate.clocks import seconds_of
from hdh_migrate.codes import Severity
from hdh_migrate.errors import Exit, MigrateError, UsageError
from hdh_migrate.frozen import frozen
from hdh_migrate.ledger.holding import killed_holder
from hdh_migrate.notices.queue import NoticeMemory
from hdh_migrate.pipeline.pace.until import moment_text
from hdh_migrate.plan.notices import NotifyChannel
from hdh_migrate.results.looks import Amounts, Status
from hdh_migrate.results.notices import Notice, NoticeFindings, NoticeType, Summary
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.policy.freshness import pack_states as compare
from hdh_migrate.session.policy.freshness import standing_accounts
from hdh_migrate.session.policy.granting import accounts
from hdh_migrate.session.views import notice_words as words
from hdh_migrate.session.views.at_work import was_killed
from hdh_migrate.session.views.course import WAITING
from hdh_migrate.session.views.endings import BatchEndings, due_times
from hdh_migrate.session.views.expiry import expiries
from hdh_migrate.session.views.grant_ends import grant_ends
from hdh_migrate.session.views.last_run import last_run
from hdh_migrate.session.views.likely_end import LikelyEnd
from hdh_migrate.session.views.status import status
from hdh_migrate.wiring import routes_of

FINDINGS_MAX: Final = 100
DAY_SECONDS: Final = 86_400
_OLD_NEWS: Final = ("batch-done", "run-ended")
"""What the first look of all finds is not sent: it was so before anybody was to be notified."""


@frozen
class StandingCondition:
    """Something that holds now."""

    key: str
    type: NoticeType
    summary: Summary
    batch: str | None = None
    exit: int | None = None
    ends: tuple[str, str] | None = None
    """What ends, and when."""
    only: str | None = None
    """The one channel whom it concerns; None: all."""


@frozen
class Noticed:
    """What one look found: documents, each with the channel it is for (None: all)."""

    documents: tuple[tuple[str | None, Notice], ...]
    memory: NoticeMemory


def look(
    desk: Desk, memory: NoticeMemory, *, over: bool, endings: BatchEndings | None = None
) -> Noticed:
    """Look once; `over`: no run is under way that would still change it.

    Who looks again and again keeps its `endings` from one look to the next.
    """
    seen, unread = None, False
    try:
        seen = status(desk)
    except UsageError:
        pass  # nothing has begun here
    except MigrateError:  # a damaged ledger is what somebody is notified of: as a run's end
        unread = True
    now = desk.clock.now()
    known, first = set(memory.get("standing", ())), "standing" not in memory
    holds = [*_ends_soon(desk, now), *_run_ended(desk, seen)]
    if seen is not None:
        holds += _grants_end(desk, now)
        if over:  # a run that goes on may still write anew what it took back
            holds += _grants_stale(desk, now)
        holds += [*_of_batches(seen, known, over=over), *_of_findings(seen)]
        foreseen = (endings or BatchEndings(desk)).of(seen, anew=over)
        holds += _of_dates(desk, seen, known, seconds_of(now), foreseen)
    new = [
        one for one in holds
        if one.key not in known and not (first and one.type in _OLD_NEWS)
    ]  # fmt: skip
    turn = memory.get("turn", 0)
    told_now = _documents(desk, new, seen, now, turn)
    standing = sorted({one.key for one in holds} | (known if unread else set()))
    changed = first or bool(new) or standing != sorted(known)
    return Noticed(
        documents=tuple(told_now),
        memory={"standing": standing, "turn": turn + 1} if changed else memory,
    )


def trial(desk: Desk) -> Notice:
    """Return a document that says only that it is a trial."""
    now = desk.clock.now()
    one = StandingCondition(key=f"test {now}", type="test", summary=words.TRIAL)
    return _document(desk, one, None, now, now)


# --- the conditions ------------------------------------------------------------------------------


def _ends_soon(desk: Desk, now: str) -> Iterator[StandingCondition]:
    for one in expiries(desk):
        left = seconds_of(one.ends) - seconds_of(now)
        for channel in desk.loaded.plan.notify:
            for ahead in sorted({channel.ahead_seconds, DAY_SECONDS, 0}):
                if left <= ahead <= channel.ahead_seconds:
                    yield StandingCondition(
                        key=f"ends-soon {channel.name} {one.what} {one.ends} {ahead}",
                        type="ends-soon", summary=words.ends(one.what, one.ends, over=not ahead),
                        ends=(one.what, one.ends), only=channel.name,
                    )  # fmt: skip
                    break  # the nearest of them says it


def _grants_end(desk: Desk, now: str) -> Iterator[StandingCondition]:
    for one in grant_ends(desk):
        left = seconds_of(one.ends) - seconds_of(now)
        for channel in desk.loaded.plan.notify:
            for ahead in sorted({channel.ahead_seconds, DAY_SECONDS, 0}):
                if left <= ahead <= channel.ahead_seconds:
                    yield StandingCondition(
                        key=f"grant-ends {channel.name} {one.grant} {ahead}", type="ends-soon",
                        summary=words.grant_ends(
                            one.grant, one.dataset, one.ends, over=not ahead, open_=one.open
                        ),
                        ends=("grant", one.ends), only=channel.name,
                    )  # fmt: skip
                    break  # the nearest of them says it


def _grants_stale(desk: Desk, now: str) -> Iterator[StandingCondition]:
    ledger = desk.read_ledger()
    try:
        stands = [
            one
            for one in standing_accounts(accounts(ledger))
            if seconds_of(now) <= seconds_of(one.asked.until)
        ]
        packs = compare(ledger, stands, routes_of(desk.loaded.plan)) if stands else {}
    finally:
        ledger.close()
    for one in stands:
        state = packs[one.id]
        for why in () if state is None else state.why:
            yield StandingCondition(
                key=f"grant-stale {one.id} {why}", type="blocked",
                summary=words.grant_stale(one.id, one.asked.dataset, why), batch=one.asked.batch,
            )  # fmt: skip


def _run_ended(desk: Desk, status: Status | None) -> Iterator[StandingCondition]:
    last = last_run(desk)
    if last is None or (status is not None and status["run"]["alive"]):
        return
    if last.ended is not None and last.exit is not None:
        yield StandingCondition(
            key=f"run-ended {last.ended} {last.pid}", type="run-ended", exit=last.exit,
            summary=words.run_ended(Exit(last.exit), last.why),
        )  # fmt: skip
        waited = killed_holder(desk.ledger_path.with_name(WAITING))
        if waited is not None and waited.pid == last.pid:
            yield StandingCondition(
                key=f"run-ended {last.ended} {last.pid} waited killed", type="run-ended",
                summary=words.KILLED_WAITING,
            )  # fmt: skip
    elif status is not None and was_killed(status["run"]):
        yield StandingCondition(
            key=f"run-ended {last.began} {last.pid} killed", type="run-ended",
            summary=words.KILLED,
        )  # fmt: skip


def _of_batches(
    status: Status, known: Collection[str], *, over: bool
) -> Iterator[StandingCondition]:
    for batch in status["batches"]:
        name, waits = batch["batch"], batch["waits"]
        if batch["state"] == "done":
            yield StandingCondition(
                key=f"batch-done {name}", type="batch-done", batch=name,
                summary=words.done(name, batch["amounts"]["verified"]),
            )  # fmt: skip
        # During a run each batch waits for those before it: that alone is no news.
        if waits and (over or f"blocked {name}" in known):
            yield StandingCondition(
                key=f"blocked {name}", type="blocked", batch=name,
                summary=words.blocked(name, waits[0], batch["waits_fr"][0]),
            )  # fmt: skip
        cutover = batch["cutover"]
        if cutover is not None and cutover["waits"] is not None:
            at = cutover["waits"]["at"]
            yield StandingCondition(
                key=f"blocked {name} cutover {at}", type="blocked", batch=name,
                summary=words.blocked(
                    name, f"its cutover stopped at {at}", f"sa bascule s'est arrêtée à {at}"
                ),
            )  # fmt: skip


def _of_dates(
    desk: Desk,
    status: Status,
    known: Collection[str],
    now: float,
    foreseen: Mapping[str, LikelyEnd],
) -> Iterator[StandingCondition]:
    """A date was missed, or will be at the pace that was measured; once said, it stays so."""
    for batch, by in due_times(desk, status).items():
        found, at = foreseen.get(batch), moment_text(by)
        key = f"date-missed {batch} {by:.0f}{' past' if now >= by else ''}"
        if now >= by:
            summary = words.missed(batch, at)
        elif found is not None and found.is_late(by):
            summary = words.late(batch, at, found.likely)
        elif key in known:
            summary = words.late(batch, at, None)
        else:
            continue
        yield StandingCondition(
            key=key, type="date-missed", batch=batch, ends=("done_by", at), summary=summary
        )


def _of_findings(status: Status) -> Iterator[StandingCondition]:
    for one in _counted(status):
        key = f"findings {one['dataset'] or ''} {one['code']}"
        yield StandingCondition(key=key, type="findings", summary=words.found([one]))


def _counted(status: Status) -> list[NoticeFindings]:
    return [
        {
            "code": one["code"], "severity": one["severity"], "dataset": one["dataset"],
            "count": one["count"],
        }
        for one in status["findings"]
        if "count" in one and one["severity"] != Severity.NOTE
    ]  # fmt: skip


# --- the documents -------------------------------------------------------------------------------


def _documents(
    desk: Desk, new: Sequence[StandingCondition], status: Status | None, now: str, turn: int
) -> Iterator[tuple[str | None, Notice]]:
    found = [one for one in new if one.type == "findings"]
    if found and status is not None:  # one document for all of them
        every = _counted(status)
        keys = " ".join(sorted(one.key for one in found))
        whole = StandingCondition(key=keys, type="findings", summary=words.found(every))
        yield None, {**_document(desk, whole, status, now, turn), "findings": every[:FINDINGS_MAX]}
    for one in new:
        if one.type != "findings":
            yield one.only, _document(desk, one, status, now, turn)


def _document(
    desk: Desk, one: StandingCondition, status: Status | None, now: str, turn: int | str
) -> Notice:
    migration = desk.loaded.plan.migration
    name = "\0".join((migration, one.key, str(turn)))
    amounts = None
    if status is not None:
        amounts = _amounts(status, one.batch)
    return {
        "version": 1,
        "id": hashlib.sha256(name.encode()).hexdigest()[:32],
        "type": one.type,
        "timestamp": now,
        "migration": migration,
        "batch": one.batch,
        "exit": one.exit,
        "summary": one.summary,
        "amounts": amounts,
        "findings": [],
        "ends": None if one.ends is None else {"what": one.ends[0], "at": one.ends[1]},
    }


def _amounts(status: Status, batch: str | None) -> Amounts | None:
    """Return the amounts of a batch, or of all of them; None: the plan has no such batch now."""
    if batch is None:
        return status["total"]
    return next((one["amounts"] for one in status["batches"] if one["batch"] == batch), None)


def wanted(channel: NotifyChannel, notice: Notice, only: str | None) -> bool:
    """Return whether a channel of the plan is to be sent a document."""
    return notice["type"] in channel.on and only in {None, channel.name}
