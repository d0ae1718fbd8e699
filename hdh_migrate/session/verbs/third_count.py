"""The source's own report: rules tried on it before any right exists, and a third count beside."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from hdh_migrate.errors import Exit, UsageError
from hdh_migrate.events.inventory import CountedByReport
from hdh_migrate.pipeline.inventory.comparing import ThirdCount, compared, record
from hdh_migrate.pipeline.rules.tried import RuleTrial
from hdh_migrate.results.moves import ReportCompared, ThirdCountFact
from hdh_migrate.results.plans import TriedDataset
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.policy.bound_ledger import journal_of
from hdh_migrate.session.policy.choices import Choices
from hdh_migrate.session.policy.dating import dating_judge
from hdh_migrate.session.verbs.sample import tried
from hdh_migrate.wiring import open_report, routes_of


def tried_on(desk: Desk, folder: Path) -> tuple[str, list[TriedDataset]]:
    """Say what the plan's rules make of a report, and when that was taken; nobody is contacted.

    Raises:
        UsageError: there is no report in the folder.
        Refused: it is of another place, not whole, or does not record what the rules ask.
    """
    report = open_report(desk.loaded.plan, folder, desk.sources)
    choices, datasets = Choices.of(desk), []
    for dataset in desk.loaded.plan.datasets:
        place = dataset.source.place
        trial = RuleTrial(rules=choices.rules[dataset.name], prefix=place.prefix)
        report.demand(place, trial.rules.asks)
        for portion in report.objects(place):
            trial.take(portion, partial(choices.decide, dataset.name))
        datasets.append(tried(dataset, trial, choices, whole=True))
    return report.taken_at, datasets


def third_count(desk: Desk, folder: Path, selected: list[str]) -> ReportCompared:
    """Compare what is frozen with a report of the source; what differs is a finding.

    Raises:
        UsageError: nothing is frozen yet, or there is no report in the folder.
        Refused: it is of another place, or not whole.
    """
    report = open_report(desk.loaded.plan, folder, desk.sources)
    desk.batches(selected)
    desk.read_ledger().close()
    routes = routes_of(desk.loaded.plan)
    counts: list[ThirdCountFact] = []
    with journal_of(desk, dating_judge(desk)) as ledger:
        rows = [
            row for row in ledger.datasets()
            if row.sealed and (not selected or row.batch in selected)
        ]  # fmt: skip
        if not rows:
            raise UsageError(
                "nothing is frozen that a report could be compared with",
                hint='first "hdh-migrate inventory PLAN"; without a ledger'
                ' "hdh-migrate validate PLAN --from-report DIR" counts a report by the rules',
            )
        for row in rows:  # what is not of these places is refused before anything is recorded
            report.demand(routes[row.name].source, frozenset())
        for row in rows:
            place = routes[row.name].source
            found = compared(
                ledger, row, report.objects(place), taken_at=report.taken_at,
                versions=report.has_versions,
            )  # fmt: skip
            ledger.event(
                CountedByReport(
                    dataset=row.name, report_sha256=report.sha256, taken_at=report.taken_at,
                    reported=found.reported, same=found.same, newer=found.newer,
                    differences=found.differences,
                )
            )  # fmt: skip
            record(ledger, row, found, report.taken_at)
            ledger.commit()
            counts.append(_fact(row.name, found))
    differ = any(one["differences"] for one in counts)
    return {
        "taken_at": report.taken_at,
        "datasets": counts,
        "exit": int(Exit.FINDINGS if differ else Exit.OK),
    }


def _fact(name: str, found: ThirdCount) -> ThirdCountFact:
    return {
        "dataset": name,
        "reported": {"objects": found.reported, "bytes": found.bytes},
        "same": found.same,
        "newer": found.newer,
        "report_only": found.beside,
        "inventory_only": found.lacking,
        "unlike": found.unlike,
        "twice": found.twice,
        "differences": found.differences,
    }
