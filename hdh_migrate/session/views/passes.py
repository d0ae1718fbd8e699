"""What to report of sources that were listed again, and of failed objects that were retried."""

from __future__ import annotations

from collections.abc import Sequence

from hdh_migrate.codes import Code, Severity
from hdh_migrate.errors import UsageError
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.model import Tally
from hdh_migrate.pipeline.projections.passes import Pass, PassDifference, passes
from hdh_migrate.results import Amount
from hdh_migrate.results.moves import EarlierPass, RefreshFound, RefreshPass

BEFORE = 10
"""Earlier passes that are listed."""


def pass_rows(ledger: SqliteLedger, done: Sequence[Pass]) -> list[RefreshPass]:
    """Return passes with those before them: whether a source comes to rest shows beside these."""
    known = passes(ledger) if done else {}
    rows: list[RefreshPass] = []
    for one in done:
        earlier: list[EarlierPass] = [
            {**_found(was.found), "number": was.number, "ended": was.ended}
            for was in known[one.batch]
            if was.number < one.number
        ]
        rows.append({
            **_found(one.found), "batch": one.batch, "number": one.number,
            "listed": _amount(one.listed), "before": earlier[-BEFORE:],
        })  # fmt: skip
    return rows


def demand_failures(codes: Sequence[str]) -> None:
    """Demand codes with which an object can fail, and be tried again.

    Raises:
        UsageError: there is no such code, or what has it is no failed object.
    """
    for text in codes:
        code = Code.known(text)
        if code is None:
            raise UsageError(
                f"no finding is called {text[:60]!r}",
                hint='"hdh-migrate errors PLAN" tells the codes of what failed',
            )
        if code.severity is Severity.FINDING and code.about.found in {"transfer", "verify"}:
            continue
        if code.startswith("kind-"):
            raise UsageError(
                f"{code}: every run looks again at what was no plain object, without being asked"
            )
        raise UsageError(f"{code}: no object fails with it, so there is nothing to try again")


def _found(found: PassDifference) -> RefreshFound:
    return {
        "new": _amount(found.new),
        "changed": _amount(found.changed),
        "vanished": _amount(found.vanished),
        "left": _amount(found.left),
    }


def _amount(tally: Tally) -> Amount:
    return {"objects": tally.objects, "bytes": tally.size}
