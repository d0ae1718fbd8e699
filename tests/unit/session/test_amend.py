"""A bound batch becomes another one by an amendment alone: shown first, and made whole or not."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hdh_migrate.codes import Code
from hdh_migrate.errors import PlanChanged, Refused, UsageError
from hdh_migrate.events.batches import BatchAmended, BatchAmending
from hdh_migrate.events.cutover import CutoverBegun, CutoverSwitching, PointerDescription, Track
from hdh_migrate.events.inventory import InventorySealed
from hdh_migrate.events.run import PlanRebound, RunStarted
from hdh_migrate.jsonform import ABSENT
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.model import Listed, ObjectInfo, State
from hdh_migrate.pipeline.binding import Binder, bindings
from hdh_migrate.pipeline.inventory.inventory_findings import InventorySummary
from hdh_migrate.plan.loader import load
from hdh_migrate.results.plans import Amendment
from hdh_migrate.sealing.keys import PublicKey, new_pair
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.policy.binding import bind_recipients, bound_recipients
from hdh_migrate.session.policy.bound_ledger import bind, bound_ledger
from hdh_migrate.session.policy.changing import PUT_BACK
from hdh_migrate.session.policy.timekeeping import offline
from hdh_migrate.session.verbs.amend import amend
from hdh_migrate.session.views.plan_diff import plan_diff
from hdh_migrate.session.views.records import batch_root, exclusions
from hdh_migrate.wiring import SOURCES, plan_of
from tests.support.quiet import FakeClock, Notes
from tests.unit.ledger.test_ledger import matched, sent

PLAN = """\
version: 1
migration: months
source: {kind: folder}
target:
  provider: generic
  endpoint: http://127.0.0.1:9
  region: us-east-1
  credential: {kind: access-key, id: "env:T_ID", secret: "env:T_SECRET"}
seal:
  format: crypt4gh
  recipients: [keys/steward.pub, keys/escrow.pub]
  identity: "file:keys/steward.sec"
datasets:
  - name: tables
    source: {path: data/a}
    target: {bucket: landing, prefix: a/}
    exclude: [{glob: "old/**", reason: "kept apart"}]
  - {name: scans, source: {path: data/b}, target: {bucket: landing, prefix: b/}}
  - {name: notes, source: {path: data/c}, target: {bucket: landing, prefix: c/}}
batches:
  - {name: pilot, datasets: [tables, scans]}
  - {name: later, datasets: [notes]}
"""
RULE = 'exclude: [{glob: "tmp/**", reason: scratch}, {glob: "old/**", reason: "kept apart"}]'
MOVED = ("a.csv", "tmp/moved")
WAITING = ("b.csv", "tmp/one", "tmp/two")


class Months:
    """A plan and its ledger, of which a part was moved; no server is there."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.path = folder, folder / "plan.yaml"
        self.path.write_text(PLAN)
        (folder / "keys").mkdir()
        for name in ("steward", "escrow", "third"):
            new_pair(folder / "keys", name, passphrase=None)
        self.clock = FakeClock()
        with self.ledger() as ledger:
            bind(self.desk(), ledger)
            ledger.event(_started(self.desk().loaded.digest))
            keys = [PublicKey.load(folder / "keys" / f"{one}.pub").raw.hex()
                    for one in ("steward", "escrow")]  # fmt: skip
            plan = _plan(self.path)
            Binder(plan=plan, recipients=keys).begin(ledger, "pilot")
            old, link = listed("old/x"), listed("tmp/link")
            page = [
                *(listed(key) for key in (*MOVED, *WAITING)),
                old._replace(state=State.EXCLUDED, reason="exclude-0"),
                link._replace(obj=replace(link.obj, kind="symlink"), state=State.FAILED,
                        reason=Code.KIND_SYMLINK),
            ]  # fmt: skip
            ledger.add_page(1, sorted(page, key=lambda one: one.obj.key), None)
            ledger.finding(
                Code.KIND_SYMLINK, "a link", dataset=1, entry=numbered(ledger, "tmp/link")
            )
            close(ledger, 1)
            ledger.add_page(2, [listed("scan")], None)
            close(ledger, 2)
            for key in MOVED:
                move(ledger, key)
            ledger.commit()
            ledger.reconcile()

    def desk(self, clock: Any = None) -> Desk:
        desk = Desk.open(self.path, None, Notes(), threading.Event())
        return replace(desk, clock=clock or self.clock)

    @contextmanager
    def ledger(self) -> Iterator[SqliteLedger]:
        ledger = SqliteLedger.open(self.desk().ledger_path, self.clock)
        try:
            yield ledger
        finally:
            ledger.close()

    def change(self, was: str, now: str) -> None:
        text = self.path.read_text()
        assert was in text
        self.path.write_text(text.replace(was, now))

    def amend(self, *, execute: bool = False, clock: Any = None, names: bool = False) -> Amendment:
        desk = self.desk(clock)
        return amend(desk, "pilot", "ref. 21", execute=execute, show_names=names)

    def runs(self) -> None:
        """Open the ledger as the next run does."""
        desk = self.desk()
        with bound_ledger(desk, offline(desk.clock, desk.ledger_path)) as ledger:
            ledger.reconcile()

    def states(self) -> dict[str, tuple[State, str | None]]:
        with self.ledger() as ledger:
            ledger.reconcile()
            return {
                one["key"]: (one["state"], one["reason"])
                for row in ledger.datasets()
                for one in ledger.records(row.id)
            }


@pytest.fixture
def months(tmp_path: Path) -> Months:
    return Months(tmp_path)


def _plan(path: Path) -> dict[str, Any]:
    return dict(json.loads(load(path, plan_of(SOURCES)).canonical))


def _started(digest: str) -> RunStarted:
    return RunStarted(
        plan_digest=digest, steps=(), batches=(), tool="0", code_sha256=ABSENT, user="u", pid=1
    )


def listed(key: str) -> Listed:
    obj = ObjectInfo(key=key, size=len(key), version=f"v-{key}")
    return Listed(obj=obj, state=State.LISTED, reason=None, parts=0, fold=None)


def numbered(ledger: SqliteLedger, key: str) -> int:
    found = ledger.find(1, key)
    assert found is not None
    return found[0].id


def close(ledger: SqliteLedger, dataset: int) -> None:
    ledger.seal(dataset, InventorySummary(ledger.claims(dataset)).counts)


def move(ledger: SqliteLedger, key: str) -> None:
    entry = next(one for one in ledger.todo("small", 1, 99) if one.obj.key == key)
    ledger.claim(entry)
    (entry,) = ledger.todo("sending", 1)
    ledger.sent(entry, replace(sent(entry), stored_size=16 + 2 * 108 + entry.size + 28))
    (entry,) = ledger.todo("verify", 1, 0, 99)
    ledger.verified(entry, matched(entry, "2026-11-23T00:00:00Z"))
    ledger.commit()


def row(told: Amendment, dataset: str = "tables") -> dict[str, Any]:
    return {**next(one for one in told["datasets"] if one["dataset"] == dataset)}


def exclude(months: Months) -> None:
    months.change('exclude: [{glob: "old/**", reason: "kept apart"}]', RULE)


# --- what it means --------------------------------------------------------------------------------


def test_an_exclusion_is_shown_object_by_object_and_changes_nothing(months: Months) -> None:
    exclude(months)
    before = months.states()
    told = months.amend(names=True)

    assert (told["executed"], told["revision"]) == (False, 1)
    assert told["changes"] == ["datasets[tables].exclude[tmp/**]: added"]
    counts = {name: row(told)[name] for name in ("excluded", "moved_before", "taken_back")}
    assert counts == {"excluded": 3, "moved_before": 1, "taken_back": 0}
    assert {(one["key"], one["becomes"]) for one in told["objects"]} == {
        ("tmp/link", "excluded"), ("tmp/one", "excluded"), ("tmp/two", "excluded"),
        ("tmp/moved", "moved before the rule"),
    }  # fmt: skip
    assert "objects" not in months.amend()
    assert months.states() == before
    with pytest.raises(PlanChanged, match=r"amend PLAN --batch pilot"):
        months.runs()


def test_an_exclusion_leaves_behind_what_was_not_moved_and_keeps_what_was(months: Months) -> None:
    with months.ledger() as ledger:
        root = batch_root(months.desk(), ledger, "pilot")
    exclude(months)
    told = months.amend(execute=True)
    assert (told["executed"], told["revision"], told["refused"]) == (True, 2, [])

    assert months.states() == {
        "a.csv": (State.VERIFIED, None), "b.csv": (State.LISTED, None),
        "old/x": (State.EXCLUDED, "exclude-1"), "scan": (State.LISTED, None),
        "tmp/link": (State.EXCLUDED, "exclude-0"), "tmp/moved": (State.VERIFIED, None),
        "tmp/one": (State.EXCLUDED, "exclude-0"), "tmp/two": (State.EXCLUDED, "exclude-0"),
    }  # fmt: skip
    months.runs()
    with months.ledger() as ledger:
        ((_, intent),) = ledger.events(BatchAmending)
        assert (intent.reason, intent.revision, intent.changes) == (
            "ref. 21", 2, ("datasets[tables].exclude[tmp/**]: added",),
        )  # fmt: skip
        ((_, done),) = ledger.events(BatchAmended)
        assert (done.digest, done.revision) == (bindings(ledger)["pilot"].digest, 2)
        assert (done.excluded, done.moved_before) == ({"tables": 3}, {"tables": 1})
        assert done.recipients is ABSENT
        assert [event.now for _, event in ledger.events(PlanRebound)] == [
            months.desk().loaded.digest
        ]
        seals = [one for _, one in ledger.events(InventorySealed) if one.dataset == "tables"]
        assert [one.excluded and one.excluded.objects for one in seals] == [1, 4]
        assert [one["code"] for one in ledger.findings()] == []  # that of the link is over
        left = {one["key"]: one["rule"] for one in exclusions(months.desk(), ledger)}
        assert left["old/x"] == "exclude old/**"
        assert left["tmp/one"] == "exclude tmp/**"
        assert batch_root(months.desk(), ledger, "pilot") != root


def test_an_exclusion_is_taken_back_and_what_it_left_out_waits(months: Months) -> None:
    exclude(months)
    months.amend(execute=True)
    months.change(RULE, "exclude: []")
    assert row(months.amend())["taken_back"] == 4
    assert months.amend(execute=True)["revision"] == 3

    states = months.states()
    assert {key for key, (state, _) in states.items() if state is State.LISTED} == {
        "b.csv", "old/x", "scan", "tmp/one", "tmp/two",
    }  # fmt: skip
    assert states["tmp/link"] == (State.FAILED, Code.KIND_SYMLINK)
    assert states["tmp/moved"] == (State.VERIFIED, None)
    with months.ledger() as ledger:
        assert [one["code"] for one in ledger.findings()] == [Code.KIND_SYMLINK]
        assert ledger.find(1, "tmp/one")[0].attempt == 1  # type: ignore[index]  # asks before it writes
    months.runs()


def test_a_rule_that_matches_nothing_is_told_and_its_mending_closes_it(months: Months) -> None:
    months.change('glob: "old/**"', 'glob: "odl/**"')
    months.amend(execute=True)
    with months.ledger() as ledger:
        codes = [one["code"] for one in ledger.findings()]
    assert codes.count(Code.RULE_UNUSED) == 1
    months.change('glob: "odl/**"', 'glob: "old/**"')
    months.amend(execute=True)
    with months.ledger() as ledger:
        assert Code.RULE_UNUSED not in [one["code"] for one in ledger.findings()]


def test_an_inclusion_is_a_rule_too(months: Months) -> None:
    months.change("    exclude: [", '    include: ["*.csv"]\n    exclude: [')
    assert row(months.amend(execute=True))["excluded"] == 3
    assert months.states()["tmp/one"] == (State.EXCLUDED, "not-included")


def test_rules_that_leave_nothing_are_refused_and_nothing_is_changed(months: Months) -> None:
    months.change(
        "{name: scans, source: {path: data/b}, target: {bucket: landing, prefix: b/}}",
        "{name: scans, source: {path: data/b}, target: {bucket: landing, prefix: b/},"
        ' exclude: [{glob: "**", reason: none}]}',
    )
    before = months.states()
    with pytest.raises(Refused, match="leave none of its 1 object"):
        months.amend(execute=True)
    assert months.states() == before
    with months.ledger() as ledger:
        assert bindings(ledger)["pilot"].revision == 1


def test_a_dataset_comes_to_a_bound_batch_and_the_next_run_lists_it(months: Months) -> None:
    months.change("datasets: [tables, scans]", "datasets: [tables, scans, more]")
    months.change(
        "batches:\n",
        "  - {name: more, source: {path: data/d}, target: {bucket: landing, prefix: d/}}\n"
        "batches:\n",
    )
    told = months.amend(execute=True)
    assert row(told, "more")["added"]
    assert [one["judged"] for one in told["datasets"]] == [False, False, False]
    with months.ledger() as ledger:
        assert {one.name: one.sealed for one in ledger.datasets("pilot")} == {
            "tables": True, "scans": True, "more": False,
        }  # fmt: skip
    months.runs()


def test_a_recipient_is_added_for_what_was_not_moved_alone(months: Months) -> None:
    with months.ledger() as ledger:
        (entry,) = [one for one in ledger.todo("small", 1, 99) if one.obj.key == "b.csv"]
        ledger.claim(entry)
        ledger.commit()
    months.change("keys/escrow.pub]", "keys/escrow.pub, keys/third.pub]")
    told = months.amend(execute=True)
    third = PublicKey.load(months.folder / "keys" / "third.pub")
    assert told["recipients_added"] == [third.fingerprint]
    assert (row(told)["sealed_before"], row(told)["begun_anew"]) == (2, 1)

    assert months.states()["b.csv"] == (State.LISTED, None)
    with months.ledger() as ledger:
        bound = bound_recipients(ledger)
        assert bound is not None
        assert bound[2:] == [third.raw.hex()]
        bind_recipients(ledger, months.desk().loaded.plan, bound)
        with pytest.raises(Refused, match="recipients are not those"):
            bind_recipients(ledger, months.desk().loaded.plan, [*bound[:2], bound[0]])
    months.runs()


def test_a_recipient_is_never_taken_away_nor_exchanged(months: Months) -> None:
    months.change("keys/escrow.pub]", "keys/third.pub]")
    with pytest.raises(Refused, match=r"seal\.recipients.*escrow.*put it back"):
        months.amend(execute=True)


@pytest.mark.parametrize(
    ("was", "now", "field"),
    [
        ("{path: data/a}", "{path: data/z}", r"datasets\[tables\]\.source\.path"),
        ("prefix: a/", "prefix: z/", r"datasets\[tables\]\.target\.prefix"),
        ("format: crypt4gh", "format: crypt4gh\n  suffix: .x", r"seal\.suffix"),
        ("region: us-east-1", "region: eu-west-3", r"target\.region"),
        ("[tables, scans]}", "[tables]}", r"batches\[pilot\]\.datasets"),
        ("batches:", "verify: {level: head}\nbatches:", r"verify\.level"),
        ("127.0.0.1:9", "127.0.0.1:10", r"target\.endpoint"),
    ],
)
def test_places_format_suffix_and_level_never_change(
    months: Months, was: str, now: str, field: str
) -> None:
    months.change(was, now)
    if field.startswith(r"batches"):
        months.change("[notes]", "[notes, scans]")
    before = months.states()
    with pytest.raises(
        Refused, match=f"batch pilot cannot be amended so\n.*{field}.*bound by batch"
    ):
        months.amend(execute=True)
    assert months.states() == before


def test_what_was_not_closed_begins_anew_wherever_it_is(months: Months) -> None:
    months.change(
        "batches:\n",
        "  - {name: more, source: {path: data/d}, target: {bucket: landing, prefix: d/}}\n"
        "batches:\n",
    )
    months.change("[tables, scans]}", "[tables, scans, more]}")
    months.amend(execute=True)
    with months.ledger() as ledger:
        dataset = next(one.id for one in ledger.datasets() if one.name == "more")
        ledger.add_page(dataset, [listed("half")], "on")
    months.change("{path: data/d}", "{path: data/e}")

    assert row(months.amend(execute=True), "more")["listed_anew"]
    assert "half" not in months.states()
    months.runs()


def test_names_that_were_alike_are_looked_at_again_when_one_is_left_behind(months: Months) -> None:
    with months.ledger() as ledger:
        one, two = (listed(key)._replace(fold=7) for key in ("tmp/A", "b/a"))
        ledger.update(1, [one, two], [])
        for number, dataset in ledger.collisions():
            ledger.refuse(number, dataset, Code.COLLISION)
            ledger.finding(Code.COLLISION, "alike", dataset=dataset, entry=number)
        ledger.commit()
        close(ledger, 1)
        ledger.commit()
    exclude(months)
    assert row(months.amend(execute=True))["released"] == 1
    states = months.states()
    assert states["b/a"] == (State.LISTED, None)
    assert states["tmp/A"] == (State.EXCLUDED, "exclude-0")


# --- when it may be -------------------------------------------------------------------------------


def test_there_is_nothing_to_amend_where_nothing_changed_or_nothing_began(months: Months) -> None:
    assert months.amend(execute=True)["changes"] == []
    with months.ledger() as ledger:
        assert list(ledger.events(BatchAmending)) == []
    with pytest.raises(UsageError, match="batch later has not begun"):
        amend(months.desk(), "later", "why", execute=False, show_names=False)
    with pytest.raises(UsageError, match="no batch nobody"):
        amend(months.desk(), "nobody", "why", execute=False, show_names=False)
    with pytest.raises(UsageError, match="--reason"):
        amend(months.desk(), "pilot", " ", execute=False, show_names=False)


def switched(months: Months) -> None:
    """Let somebody be about to switch the batch."""
    with months.ledger() as ledger:
        ledger.event(
            CutoverSwitching(
                batch="pilot", track=Track.CUTOVER, approvals=(), approved_stage="cutover",
                terms=None, guard="checked", old_sha256="0" * 64, new_sha256="1" * 64,
                root="2" * 64, strangers=0,
            )
        )  # fmt: skip
        ledger.commit()


def test_a_batch_that_consumers_follow_stays_as_it_was_approved(months: Months) -> None:
    exclude(months)
    about: dict[str, Any] = {"batch": "pilot", "track": Track.CUTOVER}
    with months.ledger() as ledger:
        pointer = PointerDescription(kind="file", guard="checked")
        ledger.event(CutoverBegun(**about, pointer=pointer, rehearsing=False, user="u",
                                  old_sha256="0" * 64, new_sha256="1" * 64))  # fmt: skip
        ledger.commit()
    assert months.amend()["changes"]  # nobody follows it yet

    switched(months)
    with pytest.raises(Refused, match=r"is cut over \(switching\)"):
        months.amend()
    with pytest.raises(Refused, match="stays as it was approved"):
        months.amend(execute=True)
    (change,) = plan_diff(months.desk())["changes"]
    assert change["verb"] == PUT_BACK  # no verb is named that would refuse it


def test_somebody_more_is_sealed_for_after_a_switch_too(months: Months) -> None:
    """Else no batch that comes later could ever be sealed for one more."""
    months.runs()
    switched(months)
    months.change("keys/escrow.pub]", "keys/escrow.pub, keys/third.pub]")
    (change,) = plan_diff(months.desk())["changes"]
    assert "amend PLAN --batch pilot" in (change["verb"] or "")

    told = months.amend(execute=True)

    assert told["recipients_added"]
    assert {one["begun_anew"] for one in told["datasets"]} == {0}
    assert plan_diff(months.desk())["allowed"]
    months.runs()


def test_another_batch_that_is_to_be_amended_is_named_and_this_one_is_done(
    months: Months,
) -> None:
    with months.ledger() as ledger:
        Binder(plan=_plan(months.path)).begin(ledger, "later")
        ledger.add_page(3, [listed("note")], None)
        close(ledger, 3)
        ledger.commit()
    months.change("keys/escrow.pub]", "keys/escrow.pub, keys/third.pub]")
    told = months.amend(execute=True)
    (refused,) = told["refused"]
    assert "bound by batch later: hdh-migrate amend PLAN --batch later" in refused
    with pytest.raises(PlanChanged, match="bound by batch later"):
        months.runs()
    amend(months.desk(), "later", "ref. 22", execute=True, show_names=False)
    months.runs()


# --- killed ---------------------------------------------------------------------------------------


class Killed(BaseException):
    """The process is gone."""


class Mortal(FakeClock):
    """Ends the process when it is asked for the time so many times; each event asks once."""

    def __init__(self, since: FakeClock, asked: int) -> None:
        super().__init__()
        self.seconds, self.left = since.seconds, asked

    def now(self) -> str:
        self.left -= 1
        if self.left < 0:
            raise Killed
        return super().now()


CHANGES = {
    "rules": ('exclude: [{glob: "old/**", reason: "kept apart"}]', RULE.replace("old/", "odl/")),
    "recipients": ("keys/escrow.pub]", "keys/escrow.pub, keys/third.pub]"),
}


@pytest.mark.slow
@pytest.mark.crash
@pytest.mark.parametrize("what", CHANGES)
def test_killed_at_any_event_the_same_command_converges(tmp_path: Path, what: str) -> None:
    wanted = None
    for asked in range(60):
        folder = tmp_path / str(asked)
        folder.mkdir()
        months = Months(folder)
        months.change(*CHANGES[what])
        try:
            months.amend(execute=True, clock=Mortal(months.clock, asked))
            ended = True
        except Killed:
            ended = False
            with months.ledger() as ledger:
                ledger.reconcile()  # whole or not at all
            months.amend(execute=True)
        months.runs()
        found = (
            months.states(),
            sorted((one.batch, one.revision) for one in _bound(months)),
        )
        wanted = wanted or found
        assert found == wanted
        if ended:
            break
    assert ended
    assert asked >= 3  # the intent, what follows from it, the receipt


def _bound(months: Months) -> list[Any]:
    with months.ledger() as ledger:
        return list(bindings(ledger).values())
