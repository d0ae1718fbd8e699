"""One verb's turn: credentials that are renewed on the way, and what was exchanged with whom."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

import hdh_migrate
from hdh_migrate.clocks import Judge, Sighting, seconds_of
from hdh_migrate.events.run import RunEnded
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.policy import openings
from hdh_migrate.session.policy.bound_ledger import held_ledger, journal_of
from hdh_migrate.session.policy.timekeeping import judge_for
from hdh_migrate.session.verbs.run import Turn
from hdh_migrate.transport import Traffic
from tests.support.quiet import Notes

PLAN = """\
version: 1
migration: turn
source: {kind: folder}
target:
  provider: generic
  endpoint: "http://127.0.0.1:9"
  region: here
  credential: {kind: access-key, id: "env:T_ID", secret: "file:secret"}
seal: {format: none, reason: "a test"}
datasets:
  - {name: all, source: {path: data}, target: {bucket: hds-all}}
"""


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setenv("T_ID", "an id")
    (tmp_path / "data").mkdir()
    (tmp_path / "plan.yaml").write_text(PLAN)
    kept(tmp_path, "one")
    return Desk.open(tmp_path / "plan.yaml", None, Notes(), threading.Event())


def kept(folder: Path, secret: str) -> None:
    path = folder / "secret"
    path.touch(mode=0o600)
    path.write_text(secret)


def test_a_credential_counts_as_renewed_once_and_what_both_exchanged_is_told(desk: Desk) -> None:
    opened = [desk.services(write=True)]
    judge = judge_for(desk.clock, opened, desk.ledger_path)
    with held_ledger(desk, judge) as ledger:
        with Turn(desk=desk, opened=opened, ledger=ledger, judge=judge) as turn:
            first = turn.ctx
            assert turn.renewed() is None
            kept(desk.loaded.base, "two")
            again = turn.renewed()
            assert again is turn.ctx is not first
            assert turn.renewed() is None, "the same renewal counts again and again"
            assert len(opened) == 2
            assert opened[1].admitted
            for services, requests in zip(opened, (3, 4), strict=True):
                _, transport = services.transports[-1]
                transport.traffic["http://127.0.0.1:9"] = Traffic(requests=requests)
            witness = judge._witnesses()[-1]
            assert opened[1].transports[-1][1] in witness.transports  # type: ignore[attr-defined]
        ((_, ended),) = ledger.events(RunEnded)
    (seen,) = (one for one in ended.traffic if one.side == "target")
    assert seen.requests >= 7


def test_a_ledger_is_opened_for_writing_in_one_place() -> None:
    """So its journal is dated by a judge, and tells the openings, whichever verb comes first."""
    root = Path(hdh_migrate.__file__).parent
    found = [path for path in root.rglob("*.py") if "Ledger.open(" in path.read_text()]
    assert [str(path.relative_to(root)) for path in found] == ["session/policy/bound_ledger.py"]


def test_who_journals_without_a_plan_takes_openings_in_and_is_dated_by_the_judge(
    desk: Desk,
) -> None:
    judge = judge_for(desk.clock, [desk.services(write=False)], desk.ledger_path)
    with held_ledger(desk, judge):
        pass
    at = "2026-11-24T12:00:00.000Z"
    told = openings.Opening(at=at, who="ops", dataset="all", object=1, reason="a test")
    openings.note(desk.ledger_path, None, told)
    early = seconds_of(desk.clock.now()) - 3600
    sighting = Sighting(server_time=early, asked=time.monotonic(), heard=time.monotonic())
    judge = Judge(desk.clock, witnesses=lambda: [Told(sighting)])
    with journal_of(desk, judge) as ledger:
        assert [one["reason"] for one in openings.opening_facts(ledger)] == ["a test"]
        assert judge.journal() == ledger.last_at()
    assert judge.dating().now() < desk.clock.now()


@dataclass
class Told:
    """An endpoint that told a time once."""

    sighting: Sighting
    endpoint: str = "https://s3.example"
    may_ask: bool = False

    def seen(self) -> Sighting:
        return self.sighting

    def ask(self) -> None:
        raise AssertionError("it is asked for nothing")
