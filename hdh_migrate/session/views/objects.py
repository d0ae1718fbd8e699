"""What `ls` and `errors` tell: single objects as they stand, and the open findings by cause."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from hdh_migrate import codes
from hdh_migrate.codes import Severity
from hdh_migrate.errors import Exit, UsageError
from hdh_migrate.frozen import frozen
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.model import DatasetRow, OpenFinding, State
from hdh_migrate.results.looks import Cause, Causes
from hdh_migrate.results.objects import ObjectLine
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.policy.timekeeping import offline

_STATES: Final = {state.name.lower(): state for state in State}
_GRAVITY: Final = (Severity.BLOCKER, Severity.FINDING, Severity.NOTE)


@frozen
class ObjectFilter:
    """Which objects are asked for; of what is not named, any."""

    states: Sequence[str] = ()
    codes: Sequence[str] = ()
    datasets: Sequence[str] = ()
    batches: Sequence[str] = ()


def objects(
    desk: Desk, wanted: ObjectFilter, *, show_names: bool = False
) -> Iterator[list[ObjectLine]]:
    """Yield the objects that are wanted, by dataset and key, portion by portion.

    Raises:
        UsageError: no run of this plan has begun, or there is no such state, code, dataset, batch.
    """
    states = [_STATES[word] for word in _known("state", wanted.states, _STATES)]
    desk.batches(wanted.batches)  # refuses one that the plan has not
    ledger = desk.read_ledger()
    try:
        codes = _codes(ledger, wanted)
        for row in _datasets(ledger, wanted):
            for portion in ledger.look(row.id, states=states, codes=codes):
                lines: list[ObjectLine] = [
                    {
                        "dataset": row.name,
                        "id": one.number,
                        "state": one.state.name.lower(),
                        "size": one.size,
                        "codes": list(one.codes),
                    }
                    for one in portion
                ]
                if show_names:
                    for line, one in zip(lines, portion, strict=True):
                        line["key"] = one.key
                yield lines
    finally:
        ledger.close()


def _codes(ledger: SqliteLedger, wanted: ObjectFilter) -> set[str]:
    there = [str(code) for code in codes.of_findings()]
    if set(wanted.codes) - set(there):  # perhaps another version of this software found it
        there += sorted({found["code"] for found in ledger.findings()} - set(there))
    return _known("code", wanted.codes, there)


def _datasets(ledger: SqliteLedger, wanted: ObjectFilter) -> list[DatasetRow]:
    rows = sorted(ledger.datasets(), key=lambda row: row.name)
    named = _known("dataset", wanted.datasets, [row.name for row in rows])
    return [
        row
        for row in rows
        if (not named or row.name in named) and (not wanted.batches or row.batch in wanted.batches)
    ]


def _known(what: str, asked: Sequence[str], there: Sequence[str] | Mapping[str, State]) -> set[str]:
    if unknown := sorted(set(asked) - set(there)):
        raise UsageError(f"no {what} {', '.join(unknown)}", hint=f"there are {', '.join(there)}")
    return set(asked)


def causes(desk: Desk, *, show_names: bool = False) -> Causes:
    """Return the open findings by code and dataset, the gravest first, each with its remedy.

    Raises:
        UsageError: no run of this plan has begun.
    """
    ledger = desk.read_ledger()
    found: dict[tuple[str, str, str | None], Cause] = {}
    try:
        from hdh_migrate.session.policy.excuses import excuses  # it brings the signatures

        now = offline(desk.clock, desk.ledger_path).now()
        waived = excuses(desk.loaded, ledger, now)
        for one in ledger.findings():
            key = (one["code"], one["severity"], one["dataset"])
            if key not in found:
                found[key] = _cause(one, show_names=show_names)
            found[key]["count"] += 1
            found[key]["waived"] += one["severity"] == Severity.FINDING and waived(one)
    finally:
        ledger.close()
    for cause in found.values():
        if cause["waived"] == cause["count"]:
            cause["exit"] = int(Exit.OK)
    return {
        "migration": desk.loaded.plan.migration,
        "causes": sorted(
            found.values(), key=lambda cause: _GRAVITY.index(Severity(cause["severity"]))
        ),
        "exit": int(codes.gravest(Exit(cause["exit"]) for cause in found.values())),
    }


def _cause(found: OpenFinding, *, show_names: bool) -> Cause:
    remedy = codes.remedy(found["code"])
    cause: Cause = {
        "code": found["code"],
        "severity": found["severity"],
        "batch": found["batch"],
        "dataset": found["dataset"],
        "count": 0,
        "waived": 0,
        "example": {"object": found["object"], "detail": found["detail"], "at": found["at"]},
        "exit": int(codes.exit_of(found["code"], Severity(found["severity"]))),
        "safe": remedy.safe,
        "next": remedy.next,
    }
    if show_names:
        cause["example"]["key"] = found["key"]
    return cause
