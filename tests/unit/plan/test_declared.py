"""What people state for the report: of this plan's datasets and recipients, one line each."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.plan.builders import changed, loaded, problems

BEFORE = "report: {"


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        ("datasets: [{name: nobody, title: x}]", "no dataset has this name"),
        (
            "keys: [{recipient: keys/other.pub, holder: x}]",
            "`seal.recipients` does not name this file",
        ),
        ('kept: {by: "", until: 2037-12-31}', "must be one line of up to 120 characters"),
        ("kept: {by: x, until: 2037-13-31}", "must be a day such as 2026-12-31"),
        ("organisations: [{name: x, role: owner}]", "must be one of: controller"),
        ("places: [{side: target, country: fr}]", "two capital letters of ISO 3166"),
        ("places: [{side: middle, country: FR}]", "must be one of: source, target"),
        (
            "places: [{side: target, country: FR}, {side: target, country: DE}]",
            "the same as in report.declared.places[0]",
        ),
    ],
)
def test_what_is_declared_is_of_this_plan(tmp_path: Path, declared: str, said: str) -> None:
    text = changed(BEFORE, f"{BEFORE}declared: {{{declared}}}, ")

    (problem,) = problems(tmp_path, text)

    assert said in problem


def test_a_title_is_given_once(tmp_path: Path) -> None:
    twice = "datasets: [{name: pmsi, title: x}, {name: pmsi, title: y}]"

    (problem,) = problems(tmp_path, changed(BEFORE, f"{BEFORE}declared: {{{twice}}}, "))

    assert "the same as in report.declared.datasets[0]" in problem


SIGNED = BEFORE.replace("report", "waivers: {keys: [keys/dpo.pub, keys/ciso.pub]}\nreport")


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        (("keys/other.pub", "keys/ciso.pub"), "neither `approvals`, `waivers` nor a `trust`"),
        (("keys/dpo.pub", "keys/dpo.pub"), "the same as in report.declared.people[0]"),
        (("keys/dpo.pub", "keys/ciso.pub"), None),
    ],
)
def test_a_key_for_signatures_is_one_persons(
    tmp_path: Path, keys: tuple[str, str], said: str | None
) -> None:
    people = ", ".join(f"{{name: x, role: y, organisation: z, keys: [{one}]}}" for one in keys)
    text = changed(BEFORE, f"{SIGNED}declared: {{people: [{people}]}}, ")
    if said is None:
        assert len(loaded(tmp_path, text).plan.report.declared.people) == 2  # type: ignore[union-attr]
        return
    (problem,) = problems(tmp_path, text)
    assert said in problem


def test_a_plan_that_says_none_of_it_keeps_its_digest(tmp_path: Path) -> None:
    people = "people: [{name: x, role: y, organisation: z}], kept: {by: x, until: 2037-12-31}"
    old = loaded(tmp_path, changed(BEFORE, f"{BEFORE}declared: {{{people}}}, "))

    declared = json.loads(old.canonical)["report"]["declared"]

    assert declared["people"] == [{"name": "x", "role": "y", "organisation": "z"}]
    assert declared["kept"] == {"by": "x", "until": "2037-12-31"}
    assert declared.keys() == {"datasets", "people", "keys", "kept"}
