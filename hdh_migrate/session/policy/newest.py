"""Does any copy or report know more of this migration than the ledger here?

An old copy of the state folder, put back or left on another machine, would send again what was
verified since, over what is there. The copies that the plan has made, and the reports, each hold
the journal of their moment: it must be the beginning of the ledger's.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from hdh_migrate.errors import Refused
from hdh_migrate.events.adoption import Adopting, JournalSeen
from hdh_migrate.events.fence import FenceTaking
from hdh_migrate.events.run import LedgerNamed
from hdh_migrate.evidence.lines.records import MAX_LINE
from hdh_migrate.jsonform import ABSENT
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.ledger.copies import copies, standing_in
from hdh_migrate.session.desk import Desk

LOOKED_AT = 20
"""The newest so many copies and reports are looked at."""

NAMED_WITHIN = 100
"""A ledger's name stands among the first so many events."""


def demand_newest(desk: Desk, ledger: SqliteLedger, bundles: Iterable[Path] = ()) -> None:
    """Demand that neither copies nor reports know anything that the ledger does not.

    `bundles` are looked at besides; one that is not there, or is of another ledger, says nothing.

    Raises:
        Refused: one does; what an `adopting` event names is settled.
    """
    settled = {
        (one.events, one.head) for _, told in ledger.events(Adopting) for one in told.journals
    }
    own, length, problems = ledger.meta("run_tag"), ledger.length(), list[str]()
    for where, seen, is_copy in _all(desk, bundles):
        if seen.ledger is None or (seen.events, seen.head) in settled:
            continue
        if seen.ledger != own:
            if is_copy:
                problems.append(f"{where}: a copy of another ledger of this migration")
        elif not ledger.goes_on_from(seen.events, seen.head):
            problems.append(
                f"{where}: its journal has {seen.events} events, the ledger here {length}"
                if seen.events > length
                else f"{where}: at event {seen.events} its journal is another one"
            )
    if problems:
        raise Refused(
            "the ledger here is not the newest of this migration: it does not know everything"
            " that was moved",
            blockers=problems,
            hint="nothing was done. Put the newest copy in its place (hdh-migrate docs"
            ' operations), or let it take over what it lacks: "hdh-migrate adopt PLAN'
            ' [--bundle DIR]"',
        )


def learnt_at(ledger: SqliteLedger) -> str | None:
    """Return when it last turned out that this ledger did not know everything, None: never.

    Fences of somebody else were taken over, or objects adopted: what was agreed to before was
    agreed to in a story that is not all of it.
    """
    over = (at for at, told in ledger.events(FenceTaking) if told.reason is not ABSENT)
    return max((*over, *(at for at, _ in ledger.events(Adopting))), default=None)


def copies_seen(desk: Desk) -> list[JournalSeen]:
    """Return how far the journals go in the copies that the plan has made."""
    return [seen for _, seen in _copies(desk)]


def _all(desk: Desk, bundles: Iterable[Path]) -> Iterator[tuple[Path, JournalSeen, bool]]:
    for where, seen in _copies(desk):
        yield where, seen, True
    reports = desk.ledger_path.parent / "reports"
    newest = sorted(reports.iterdir(), reverse=True) if reports.is_dir() else []
    for folder in (*bundles, *newest[:LOOKED_AT]):
        told = peeked(folder)
        if told is not None:
            yield folder, told, False


def copies_at(desk: Desk) -> list[Path]:
    """Return the folders of the newest copies that the plan has made, the oldest first."""
    planned = desk.loaded.plan.backup
    if planned is None:
        return []
    return copies(desk.loaded.base / planned.folder, desk.loaded.plan.migration)[-LOOKED_AT:]


def _copies(desk: Desk) -> Iterator[tuple[Path, JournalSeen]]:
    for folder in copies_at(desk):
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
        if "payload" in envelope:
            envelope = {"statement": json.loads(base64.b64decode(envelope["payload"]))}
        predicate = envelope["statement"]["predicate"]
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
