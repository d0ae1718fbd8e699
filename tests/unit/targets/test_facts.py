"""What the evidence is told of a profile: plain JSON, with every override and every guess."""

from __future__ import annotations

import json
from pathlib import Path

from hdh_migrate.targets import profiles
from hdh_migrate.targets.facts import RELIED_ON, profile_facts
from hdh_migrate.wiring.chosen import profile_of, shipped_of
from tests.unit.plan.builders import GOOD, loaded

OWN = """\
sources:
  ticket: {title: "Ticket 4711 of the host", read: 2026-11-02}
claims:
  max_parts: {value: 500, as_of: 2026-11-02, source: ticket, confirmed: yes}
  writes_per_second: {value: 50, as_of: 2026-11-02, source: ticket, confirmed: no}
health:
  - name: no-lifecycle
    see: lifecycle-rules
    wanted: false
    rule: no lifecycle rule at all
    fix: ask the host
    as_of: 2026-11-02
    source: ticket
    confirmed: yes
"""


def test_a_shipped_profile_has_no_overrides_and_tells_its_guesses(tmp_path: Path) -> None:
    plan = loaded(tmp_path, GOOD)
    told = profile_facts(profile_of(plan.plan, plan.base), shipped_of(plan.plan))
    assert (told["name"], told["own"], told["overrides"]) == ("scaleway", None, [])
    unconfirmed = {claim["name"] for claim in told["unconfirmed"]}
    assert "max_parts" not in unconfirmed
    assert "max_metadata" in unconfirmed
    assert json.loads(json.dumps(told)) == told


def test_the_plans_own_profile_is_told_claim_by_claim(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text(OWN)
    plan = loaded(tmp_path, GOOD.replace("fr-par\n", "fr-par\n  profile: own.yaml\n", 1))
    told = profile_facts(profile_of(plan.plan, plan.base), shipped_of(plan.plan))
    assert told["own"]["reference"] == "own.yaml"
    assert len(told["own"]["sha256"]) == 64
    assert told["overrides"] == [
        {
            "name": "max_parts", "was": 1000, "value": 500, "as_of": "2026-11-02",
            "source": "Ticket 4711 of the host", "confirmed": True, "origin": profiles.OWN,
        },
        {
            "name": "writes_per_second", "was": None, "value": 50, "as_of": "2026-11-02",
            "source": "Ticket 4711 of the host", "confirmed": False, "origin": profiles.OWN,
        },
        {"name": "health.no-lifecycle"},
    ]  # fmt: skip
    assert "writes_per_second" in {claim["name"] for claim in told["unconfirmed"]}
    assert json.loads(json.dumps(told)) == told


def test_every_claim_that_a_run_relies_on_is_a_claim() -> None:
    assert set(RELIED_ON) <= set(profiles.load("generic").capabilities)
