"""The plan's own profile is read once by a command, so that all of it judges the same bytes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from hdh_migrate.errors import Exit
from hdh_migrate.evidence.signatures.signing import new_report_key
from hdh_migrate.model import Step
from hdh_migrate.plan.loader import load
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.policy.contents import contents_of
from hdh_migrate.session.verbs.report import write_report
from hdh_migrate.session.verbs.run import perform
from hdh_migrate.session.views.outlook import check, outlook
from hdh_migrate.targets.facts import profile_facts
from hdh_migrate.targets.profiles import load as load_profile
from hdh_migrate.wiring.chosen import limits_of, profile_of
from tests.support.affair import Affair
from tests.support.here import HERE
from tests.support.opens import opens_of
from tests.support.quiet import Notes
from tests.unit.plan.builders import GOOD

pytestmark = pytest.mark.live
OWN = "claims: {{max_parts: {{value: {}, as_of: 2026-11-02, source: a mail, confirmed: yes}}}}\n"


def test_a_command_reads_the_plans_own_profile_once(affair: Affair) -> None:
    own, plan = affair.folder / "own.yaml", affair.folder / "plan.yaml"
    own.write_text(OWN.format(900))
    affair.plan("provider: generic\n", "provider: generic\n  profile: own.yaml\n")

    def validated() -> None:
        loaded = load(plan)
        check(loaded)
        assert outlook(loaded.plan, loaded.base)["max_parts"] == 900

    def ran() -> None:
        desk = Desk.open(plan, None, Notes(), threading.Event(), HERE)
        assert perform(desk, list(Step), ())[0] is Exit.OK

    def reported() -> None:
        desk = Desk.open(plan, None, Notes(), threading.Event())
        write_report(desk, affair.folder / "out")

    verbs: list[Callable[[], object]] = [validated, affair.preflight, ran, reported]
    for verb in verbs:
        with opens_of(own) as opened:
            verb()
        assert len(opened) == 1, verb.__name__


def test_a_profile_that_is_exchanged_meanwhile_is_of_the_next_command(tmp_path: Path) -> None:
    own, text = tmp_path / "own.yaml", OWN.format(900)
    own.write_text(text)
    (tmp_path / "keys").mkdir()
    new_report_key(tmp_path / "keys", "report", None)
    path = tmp_path / "plan.yaml"
    path.write_text(GOOD.replace("fr-par\n", "fr-par\n  profile: own.yaml\n", 1))
    loaded = load(path)
    first = profile_of(loaded.plan, loaded.base)
    assert first.own is not None
    own.write_text(OWN.format(800))

    assert profile_of(loaded.plan, loaded.base) is first
    assert limits_of(loaded.plan, loaded.base).max_parts == 900
    assert profile_facts(first, load_profile(first.name))["own"]["sha256"] == first.own.sha256
    assert load(path).plan == load(path).plan
    again = load(path)
    assert limits_of(again.plan, again.base).max_parts == 800
    told = contents_of(loaded, None)["target.profile"]
    assert told == f"sha256:{first.own.sha256}" != contents_of(again, None)["target.profile"]
