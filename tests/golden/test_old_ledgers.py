"""Ledgers of earlier versions, kept as they were written, open, tell, go on and report for ever."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import pytest

from hdh_migrate.errors import Exit, LedgerDamaged, PlanChanged
from hdh_migrate.events.batches import BatchBound
from hdh_migrate.events.objects import FindingsChanged, ObjectsFailed
from hdh_migrate.events.run import LedgerUpgraded
from hdh_migrate.evidence.check import examine
from hdh_migrate.evidence.reading import read_bundle
from hdh_migrate.evidence.signatures.approval_stages import ApprovalStage
from hdh_migrate.evidence.signatures.signing import load_trusted_key, new_report_key
from hdh_migrate.folders import make_private
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.ledger.database import connect
from hdh_migrate.model import State
from hdh_migrate.pipeline.binding import bindings
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.policy.approval_subjects import subject_here
from hdh_migrate.session.policy.bound_ledger import bound_ledger
from hdh_migrate.session.policy.timekeeping import offline
from hdh_migrate.session.verbs.report import write_report
from tests.support.agreed import agreed
from tests.support.quiet import FakeClock, Notes
from tests.unit.ledger.test_reconcile import cover_anew, end, inventoried, listed

KEPT = Path(__file__).with_name("ledger-2")
"""Made by make_ledger.py on the last commit with ledgers of version 2."""


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return opened(tmp_path, KEPT)


def opened(tmp_path: Path, kept: Path) -> Desk:
    folder = tmp_path / "kept"
    shutil.copytree(kept, folder)
    new_report_key(folder / "keys", "report", None)
    made = Desk.open(folder / "plan.yaml", None, Notes(), threading.Event())
    make_private(made.ledger_path.parent)
    (folder / "ledger.db").rename(made.ledger_path)
    return made


def edit(desk: Desk, statements: str) -> None:
    """Change the old ledger by hand, as its own version would open it."""
    import apsw

    connect(desk.ledger_path, read_only=True).close()  # loads what checks the pages
    con = apsw.Connection(str(desk.ledger_path), vfs="cksmvfs")
    con.execute(statements)
    con.close()


def test_an_old_ledger_is_brought_up_once_and_tells_everything(desk: Desk) -> None:
    looked = desk.read_ledger()
    assert looked.outdated
    looked.reconcile()  # as far as its journal tells
    was = [(row.name, row.root) for row in looked.datasets()]
    looked.close()

    for _ in range(2):
        ledger = SqliteLedger.open(desk.ledger_path, FakeClock())
        assert not ledger.outdated
        ledger.reconcile()
        kinds = [kind for _, _, kind, _, _ in ledger.journal()]
        at = kinds.index("ledger-upgraded")
        told_anew = ["inventoried", "failed", "inventoried", "failed", "findings"]
        assert kinds[at + 1 :] == told_anew
        ((_, upgraded),) = ledger.events(LedgerUpgraded)
        assert upgraded.as_json() == {"schema": 3, "verified": {"emc2": 5}}
        failed = [event.datasets for _, event in ledger.events(ObjectsFailed)]
        assert failed == [{"emc2": 1}, {"scans": 2}]
        ((_, told),) = ledger.events(FindingsChanged)
        assert [one.code for one in told.opened] == [found["code"] for found in ledger.findings()]
        assert [(row.name, row.root) for row in ledger.datasets()] == was
        ledger.close()


@pytest.mark.parametrize("version", [3, 4])
def test_a_ledger_that_tells_everything_goes_on(tmp_path: Path, version: int) -> None:
    desk = opened(tmp_path, KEPT.with_name(f"ledger-{version}"))
    looked = desk.read_ledger()
    assert not looked.outdated
    looked.reconcile()
    events = list(looked.journal())
    looked.close()
    ledger = SqliteLedger.open(desk.ledger_path, FakeClock())
    assert list(ledger.journal()) == events  # nothing has to be told anew
    ledger.close()
    test_the_first_thing_after_an_update_of_the_tool_may_be_a_report(desk, tmp_path)
    test_an_old_ledger_goes_on(desk)


def test_an_old_ledger_goes_on(desk: Desk) -> None:
    ledger = SqliteLedger.open(desk.ledger_path, FakeClock())
    ledger.reconcile()
    changed = ledger.find(1, "csv/changes.csv")
    assert changed is not None
    ledger.update(
        1,
        [listed("csv/later.csv", State.LISTED, None)],
        [(changed[0].id, listed("csv/changes.csv", State.LISTED, None, "v9"))],
    )
    ledger.seal(1, inventoried(ledger, 1))
    end(ledger, 1, "csv/changes.csv", well=True)
    end(ledger, 1, "csv/later.csv", well=False)
    ledger.reconcile()
    assert ledger.retry_failed(1) == 1
    ledger.reconcile()
    ledger.close()


def test_the_first_thing_after_an_update_of_the_tool_may_be_a_report(
    desk: Desk, tmp_path: Path
) -> None:
    told = write_report(desk, tmp_path / "bundle")
    assert told["objects"] == 9
    key = desk.loaded.base / "keys" / "report.pub"
    assert examine(tmp_path / "bundle", [load_trusted_key(key)]).problems == []
    agreed(tmp_path / "bundle", key)


def test_the_first_thing_after_an_update_of_the_tool_may_be_an_approval(
    desk: Desk, tmp_path: Path
) -> None:
    """It is about the very lines that a report then shows."""
    subject = subject_here(desk, "pilot", ApprovalStage.CUTOVER)
    write_report(desk, tmp_path / "bundle")
    statement = read_bundle(tmp_path / "bundle").predicate
    roots = {batch["name"]: batch["merkle_root"] for batch in statement["batches"]}
    assert subject.root == roots["pilot"] != roots["imaging"]
    assert subject.plan_digest == statement["plan"]["digest"]["sha256"]


@pytest.mark.parametrize(
    ("statements", "told"),
    [
        ("DELETE FROM object WHERE state = 1", "event"),
        ("DELETE FROM object WHERE state IN (2, 6)", "tells of"),
        ("UPDATE object SET size = 1 WHERE state = 2", "tells of"),
        ("UPDATE object SET etag = 'x' WHERE state = 5", "was changed since"),
        ("UPDATE event SET body = '{}' WHERE kind = 'inventoried'", "was edited"),
    ],
)
def test_an_old_ledger_that_contradicts_its_journal_is_not_brought_up(
    desk: Desk, statements: str, told: str
) -> None:
    edit(desk, statements)
    with pytest.raises(LedgerDamaged, match=told):
        SqliteLedger.open(desk.ledger_path, FakeClock()).close()
    with pytest.raises(LedgerDamaged):
        write_report(desk, None)


@pytest.mark.parametrize(
    ("kind", "was", "becomes"),
    [
        ("bound", '"recipients":["', '"recipients":["zz'),
        ("run-ended", '"bytes_read":', '"bytes_read":null,"x":'),
        ("cutover-relisting", '"track":"cutover"', '"track":"other"'),
    ],
)
def test_a_journal_that_somebody_wrote_anew_and_wrongly_is_damaged_and_no_fault_of_ours(
    tmp_path: Path, kind: str, was: str, becomes: str
) -> None:
    desk = opened(tmp_path, KEPT.with_name("ledger-4"))
    edit(desk, f"UPDATE event SET body = replace(body, '{was}', '{becomes}') WHERE kind = '{kind}'")
    cover_anew(desk.ledger_path)
    with pytest.raises(LedgerDamaged) as damaged:
        write_report(desk, tmp_path / "bundle")
    assert damaged.value.exit_code is Exit.DAMAGED
    assert not (tmp_path / "bundle").exists()


def test_an_old_ledger_is_bound_by_what_it_has_begun_and_nothing_is_listed_again(
    desk: Desk,
) -> None:
    looked = desk.read_ledger()
    ahead = [(one.batch, one.digest) for one in bindings(looked).values()]
    was = [(row.name, row.root) for row in looked.datasets()]
    looked.close()
    assert [name for name, _ in ahead] == ["pilot", "imaging"]
    plan = desk.loaded.path
    plan.write_text(plan.read_text() + "limits: {retry_budget: 3s}\n")

    for _ in range(2):
        again = Desk.open(plan, None, Notes(), threading.Event())
        with bound_ledger(again, offline(FakeClock(), again.ledger_path)) as ledger:
            told = [event for _, event in ledger.events(BatchBound)]
            assert [(one.batch, one.digest) for one in told] == ahead
            assert [(one.revision, one.adopted) for one in told] == [(1, True), (1, True)]
            assert [(row.name, row.root) for row in ledger.datasets()] == was
            ledger.reconcile()

    plan.write_text(plan.read_text() + "verify: {level: head}\n")
    changed = Desk.open(plan, None, Notes(), threading.Event())
    with (
        pytest.raises(PlanChanged, match=r"verify\.level.*bound by batch imaging, pilot"),
        bound_ledger(changed, offline(FakeClock(), changed.ledger_path)),
    ):
        pass
