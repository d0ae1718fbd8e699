"""Does any copy or report know more of this migration than the ledger here?

An old copy of the state folder, put back or left on another machine, would send again what was
verified since, over what is there. The copies that the plan has made, and the reports, each hold
the journal of their moment: it must be the beginning of the ledger's.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from hdh_migrate.errors import LedgerBehind
from hdh_migrate.events.adoption import Adopting, JournalSeen
from hdh_migrate.events.fence import FenceTaking
from hdh_migrate.events.run import LedgerNamed
from hdh_migrate.evidence.lines.records import MAX_LINE
from hdh_migrate.evidence.signatures.dsse import statement_in
from hdh_migrate.jsonform import ABSENT
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.ledger.copies import copies, standing_in
from hdh_migrate.session.desk import Desk
from hdh_migrate.telemetry import counted

LOOKED_AT = 20
"""The newest so many copies and reports are looked at."""

NAMED_WITHIN = 100
"""A ledger's name stands among the first so many events."""


def demand_newest(desk: Desk, ledger: SqliteLedger, bundles: Iterable[Path] = ()) -> None:
    """Demand that neither copies nor reports know anything that the ledger does not.

    `bundles` are looked at besides; one that is not there, or is of another ledger, says nothing.

    Raises:
        LedgerBehind: one does; what an `adopting` event names is settled.
    """
    settled = _settled(ledger)
    found = (
        _against(ledger, where, seen, is_copy=is_copy)
        for where, seen, is_copy in _all(desk, bundles)
        if (seen.events, seen.head) not in settled
    )
    problems = [problem for problem in found if problem is not None]
    if problems:
        raise LedgerBehind(
            "the ledger here is not the newest of this migration: it does not know everything"
            " that was moved",
            blockers=problems,
        )


def behind(ledger: SqliteLedger, newest: tuple[Path, JournalSeen] | None) -> str | None:
    """Say what the newest copy knows that a ledger does not, for who only looks; None: nothing."""
    if newest is None or (newest[1].events, newest[1].head) in _settled(ledger):
        return None
    return _against(ledger, *newest, is_copy=True)


def _settled(ledger: SqliteLedger) -> set[tuple[int, str]]:
    return {
        (one.events, one.head) for _, event in ledger.events(Adopting) for one in event.journals
    }


def _against(ledger: SqliteLedger, where: Path, seen: JournalSeen, *, is_copy: bool) -> str | None:
    own, length = ledger.meta("run_tag"), ledger.length()
    if seen.ledger is None:
        return None
    if seen.ledger != own:
        return f"{where}: a copy of another ledger of this migration" if is_copy else None
    if ledger.goes_on_from(seen.events, seen.head):
        return None
    if seen.events > length:
        return f"{where}: its journal has {counted(seen.events, 'event')}, the ledger here {length}"
    return f"{where}: at event {seen.events} its journal is another one"


def learnt_at(ledger: SqliteLedger) -> str | None:
    """Return when it last turned out that this ledger did not know everything, None: never.

    Fences of somebody else were taken over, or objects adopted: what was agreed to before was
    agreed to in a story that is not all of it.
    """
    over = (at for at, event in ledger.events(FenceTaking) if event.reason is not ABSENT)
    return max((*over, *(at for at, _ in ledger.events(Adopting))), default=None)


def newest_copy(desk: Desk) -> tuple[Path, JournalSeen] | None:
    """Return the newest copy that the plan has made and that can be read; None: there is none."""
    return next(_copies(desk, newest_first=True), None)


def copies_seen(desk: Desk) -> list[JournalSeen]:
    """Return how far the journals go in the copies that the plan has made."""
    return [seen for _, seen in _copies(desk)]


def _all(desk: Desk, bundles: Iterable[Path]) -> Iterator[tuple[Path, JournalSeen, bool]]:
    for where, seen in _copies(desk):
        yield where, seen, True
    reports = desk.ledger_path.parent / "reports"
    newest = sorted(reports.iterdir(), reverse=True) if reports.is_dir() else []
    for folder in (*bundles, *newest[:LOOKED_AT]):
        journal = peeked(folder)
        if journal is not None:
            yield folder, journal, False


def copies_at(desk: Desk) -> list[Path]:
    """Return the folders of the newest copies that the plan has made, the oldest first."""
    planned = desk.loaded.plan.backup
    if planned is None:
        return []
    return copies(desk.loaded.base / planned.folder, desk.loaded.plan.migration)[-LOOKED_AT:]


def _copies(desk: Desk, *, newest_first: bool = False) -> Iterator[tuple[Path, JournalSeen]]:
    found = copies_at(desk)
    for folder in reversed(found) if newest_first else found:
        standing = standing_in(folder, desk.clock)
        if standing is not None:
            yield (
                folder,
                JournalSeen(
                    ledger=standing.ledger,
                    events=standing.events,
                    head=standing.head,
                    statement=None,
                ),
            )


def peeked(bundle: Path) -> JournalSeen | None:
    """Return how far a bundle's journal goes, without checking it; None if it does not say."""
    try:
        envelope = json.loads((bundle / "statement.json").read_bytes())
        predicate = json.loads(statement_in(envelope))["predicate"]
        if predicate["names"] != "plain":
            return None
        journal = predicate["journal"]
        return JournalSeen(
            ledger=_named(bundle), events=int(journal["events"]), head=str(journal["head"]),
            statement=None,
        )  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def _named(bundle: Path) -> str | None:
    with (bundle / "journal.jsonl").open("rb") as file:
        for raw in islice(iter(lambda: file.readline(MAX_LINE), b""), NAMED_WITHIN):
            event = json.loads(raw)
            if event["kind"] == LedgerNamed.kind:
                return str(json.loads(event["body"])["ledger"])
    return None
