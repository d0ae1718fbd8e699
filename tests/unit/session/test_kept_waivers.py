"""The journal has each waiver that counts, once, as it was signed, and the verifier takes it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from hdh_migrate.clocks import Judge, Moment
from hdh_migrate.events.cutover import CutoverSwitching, Track
from hdh_migrate.events.run import PlanRebound, RunStarted
from hdh_migrate.events.waivers import WaiversCounted
from hdh_migrate.evidence.lines.records import journal_line
from hdh_migrate.evidence.signatures.signing import load_signer, new_report_key
from hdh_migrate.evidence.verifier.journal import Journal
from hdh_migrate.jsonform import ABSENT
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.pipeline.projections.facts import cutover_facts
from hdh_migrate.plan.loader import load
from hdh_migrate.session.policy import waivers
from hdh_migrate.session.policy.excuses import kept_excuses
from hdh_migrate.session.policy.kept_waivers import keep_waivers, untold, waivers_kept
from tests.support.quiet import WallClock
from tests.unit.session.test_gate import PLAN, UNSEALED

NOON = "2026-11-24T12:00:00.000Z"


@dataclass
class Site:
    """A plan whose waivers one key signs, and a ledger whose clock a test sets."""

    folder: Path
    clock: WallClock
    ledger: SqliteLedger

    @property
    def path(self) -> Path:
        return self.folder / "ledger.db"

    def now(self) -> Moment:
        return Moment.at(self.clock.now())

    def plan(self, more: str = "") -> None:
        """Write the plan, as it is or with more in it."""
        text = PLAN.partition("seal:")[0] + UNSEALED
        plan = self.folder / "plan.yaml"
        plan.write_text(f"{text}waivers: {{keys: [dpo.pub]}}\n{more}")
        self.loaded = load(plan)

    def begin(self) -> None:
        self.plan()
        self.ledger.event(
            RunStarted(
                plan_digest=self.loaded.digest, steps=("transfer",), batches=(), tool="1",
                code_sha256="0" * 64, user="ops", pid=1,
            )
        )  # fmt: skip
        self.ledger.commit()

    def waive(self, what: str = "finding.vanished", until: str = "2026-11-30") -> Path:
        return waivers.make(
            self.loaded, load_signer(self.folder / "dpo.key", None), what=what, reason="known",
            until=until, now=self.now(), by="dpo",
        )[0]  # fmt: skip

    def keep(self) -> tuple[str, ...]:
        found = keep_waivers(self.ledger, self.loaded, self.now)
        self.ledger.commit()
        return found

    def told(self) -> list[WaiversCounted]:
        return [event for _, event in self.ledger.events(WaiversCounted)]

    def again(self) -> None:
        """End as a killed process does, and open the ledger anew."""
        self.ledger.close()
        self.ledger = SqliteLedger.open(self.path, self.clock)

    def verified(self) -> Journal:
        """Have the verifier of bundles read the journal."""
        path = self.folder / "journal.jsonl"
        path.write_bytes(b"".join(journal_line(*event) for event in self.ledger.journal()))
        read = Journal({}, 2, keyed=False)
        read.read(path)
        return read


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    new_report_key(tmp_path, "dpo", None)
    clock = WallClock(NOON)
    made = Site(tmp_path, clock, SqliteLedger.open(tmp_path / "ledger.db", clock))
    made.begin()
    yield made
    made.ledger.close()


def test_what_counts_is_told_once_and_checks(site: Site) -> None:
    assert site.keep() == ()
    assert site.told() == []
    site.waive()
    (name,) = site.keep()
    site.keep()
    (event,) = site.told()
    assert (event.counted, len(event.signed)) == ((name,), 1)
    account = site.verified().waivers
    assert account.known[name].read.said["reason"] == "known"


def test_each_stands_there_once_however_often_it_comes_and_goes(site: Site) -> None:
    path = site.waive()
    text = path.read_bytes()
    (first,) = site.keep()
    path.unlink()
    assert site.keep() == ()
    path.with_name("copy.json").write_bytes(text)
    path.write_bytes(text)  # the same twice is one
    site.waive("attestation")
    both = site.keep()
    assert len(both) == 2
    assert [len(event.signed) for event in site.told()] == [1, 0, 1]
    assert first in both
    assert len(site.verified().waivers.known) == 2


def test_after_a_change_of_the_plan_those_of_before_count_no_more(site: Site) -> None:
    site.waive()
    (name,) = site.keep()
    was = site.loaded.digest
    site.plan("report: {languages: [fr]}\n")
    site.ledger.event(PlanRebound(was=was, now=site.loaded.digest, changes=("report",)))
    assert site.keep() == ()
    site.waive()
    (other,) = site.keep()
    assert name != other
    assert {*site.verified().waivers.known} == {name, other}


def test_what_ended_counts_no_more(site: Site) -> None:
    site.waive(until="2026-11-24")
    (name,) = site.keep()
    site.clock.at = "2026-11-25T00:00:00.000Z"
    assert site.keep() == ()
    assert name in site.verified().waivers.known
    assert [event.counted for event in site.told()] == [(name,), ()]


def test_a_day_that_ends_while_it_is_told_takes_its_waiver_along(site: Site) -> None:
    """What is told before midnight is written after it; what rests on it comes later still."""
    site.waive(until="2026-11-24")
    site.clock.at = "2026-11-25T00:00:00.001Z"  # the ledger's
    moments = iter([Moment.at("2026-11-24T23:59:59.999Z")])
    assert keep_waivers(site.ledger, site.loaded, lambda: next(moments, site.now())) == ()
    site.ledger.commit()
    assert len(site.told()) == 2
    site.verified()


def test_after_events_of_a_clock_that_was_ahead_nothing_counts_that_ended_before(
    site: Site,
) -> None:
    site.clock.at = "2026-11-26T00:00:00.000Z"
    site.begin()
    site.clock.at = NOON
    site.waive(until="2026-11-25")
    assert site.keep() == ()
    site.waive(until="2026-11-26")
    assert len(site.keep()) == 1
    site.verified()


def test_whoever_is_killed_before_what_rests_on_it_leaves_nothing_and_comes_again(
    site: Site,
) -> None:
    site.waive()
    keep_waivers(site.ledger, site.loaded, site.now)
    site.again()
    assert site.told() == []
    keep_waivers(site.ledger, site.loaded, site.now)
    site.ledger.commit()
    site.again()  # killed after: it is not told again
    (name,) = site.keep()
    assert len(site.told()) == 1
    assert waivers_kept(site.ledger) == (name,)
    assert untold(site.ledger, site.loaded, site.now()) is None


def test_who_works_excuses_only_what_the_journal_has_and_names_it(site: Site) -> None:
    site.waive()
    judge = Judge(site.clock)
    excuses = kept_excuses(site.loaded, site.ledger, judge)
    assert excuses({"code": "vanished", "at": NOON, "batch": None})
    assert not excuses({"code": "drifted", "at": NOON, "batch": None})
    assert excuses.counted == site.told()[0].counted
    site.ledger.event(
        CutoverSwitching(
            batch="b", track=Track.CUTOVER, old_sha256="01" * 32, new_sha256="02" * 32,
            root="5a" * 32, guard="g", strangers=0, approvals=(), approved_stage="cutover",
            terms=ABSENT, waivers=excuses.counted,
        )
    )  # fmt: skip
    site.ledger.commit()
    read = site.verified()
    assert [one.facts() for one in read.cutovers.values()] == json.loads(
        json.dumps(cutover_facts(site.ledger))
    )
