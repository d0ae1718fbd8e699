"""Commands in what people are told name what was given; what machines read says PLAN."""

from __future__ import annotations

from pathlib import Path

import pytest

from hdh_migrate.cli.pasted import AsTyped, named
from hdh_migrate.errors import Exit
from tests.support.command import command
from tests.support.parsed import amiss, commands, hold_commands

HERE = AsTyped(plan="emc2/plan.yaml")
SPACED = AsTyped(plan="/srv/the plan's.yaml")
APART = AsTyped(plan="plan.yaml", state_dir="/srv/the state")


@pytest.mark.parametrize(
    ("given", "text", "told"),
    [
        (HERE, '"hdh-migrate run PLAN --retry-failed" tries',
         '"hdh-migrate run emc2/plan.yaml --retry-failed" tries'),
        (HERE, "next: hdh-migrate keys drill PLAN --key FILE (why)",
         "next: hdh-migrate keys drill emc2/plan.yaml --key FILE (why)"),
        (HERE, "hdh-migrate report PLAN", "hdh-migrate report emc2/plan.yaml"),
        (HERE, '"run PLAN --refresh" lists, `pause PLAN` stops',
         ('"hdh-migrate run emc2/plan.yaml --refresh" lists,'
         " `hdh-migrate pause emc2/plan.yaml` stops")),
        (HERE, "the plan, PLAN of PLAN|BUNDLE, audit journal PLAN|BUNDLE, overrun PLAN",
         "the plan, PLAN of PLAN|BUNDLE, audit journal PLAN|BUNDLE, overrun PLAN"),
        (HERE, '"hdh-migrate audit verify BUNDLE"', '"hdh-migrate audit verify BUNDLE"'),
        (SPACED, '"hdh-migrate run PLAN"', "\"hdh-migrate run '/srv/the plan'\"'\"'s.yaml'\""),
        (APART, '"hdh-migrate run PLAN --wait"',
         "\"hdh-migrate run plan.yaml --state-dir '/srv/the state' --wait\""),
        (APART, '"hdh-migrate adopt PLAN --bundle DIR --state-dir NEW", "hdh-migrate ls PLAN"',
         ('"hdh-migrate adopt plan.yaml --bundle DIR --state-dir NEW",'
         " \"hdh-migrate ls plan.yaml --state-dir '/srv/the state'\"")),
        (AsTyped(bundle="e\\1 2"), "`hdh-migrate audit verify BUNDLE --trust KEY`",
         "`hdh-migrate audit verify 'e\\1 2' --trust KEY`"),
        (AsTyped(batch="pilot"), '"hdh-migrate amend PLAN --batch NAME --reason TEXT"',
         '"hdh-migrate amend PLAN --batch pilot --reason TEXT"'),
        (AsTyped(), '"hdh-migrate run PLAN --batch NAME"', '"hdh-migrate run PLAN --batch NAME"'),
    ],
)  # fmt: skip
def test_a_command_names_what_was_given(given: AsTyped, text: str, told: str) -> None:
    assert given.in_text(text) == told


@pytest.mark.parametrize(
    ("arguments", "batches", "batch"),
    [
        ({"batch": None}, ["all"], "all"), ({"batch": None}, ["one", "two"], None),
        ({}, ["all"], "all"), ({"batch": "two"}, ["one", "two"], "two"),
        ({"batch": ["two"]}, ["one", "two"], "two"), ({"batch": ["one", "two"]}, ["a", "b"], None),
    ],
)  # fmt: skip
def test_a_batch_is_named_where_no_other_can_be_meant(
    arguments: dict[str, object], batches: list[str], batch: str | None
) -> None:
    assert AsTyped.of(arguments, None).among(batches).batch == batch


def test_a_bundle_is_checked_by_the_key_that_was_given() -> None:
    told = '"hdh-migrate audit verify BUNDLE --trust KEY"'
    bundle: dict[str, object] = {"bundle": Path("e")}
    for trust, key in (([Path("a b.pub")], "'a b.pub'"), ([], "KEY"), ([Path("a")] * 2, "KEY")):
        given = AsTyped.of({**bundle, "trust": trust}, None)
        assert given.in_text(told) == f'"hdh-migrate audit verify e --trust {key}"'


def test_what_is_not_known_is_left_to_who_reads() -> None:
    assert named("run PLAN --batch NAME", dataset="pmsi") == "run PLAN --batch NAME"
    assert named("erase PLAN --dataset NAME", dataset="pmsi") == "erase PLAN --dataset pmsi"


def test_a_state_directory_of_the_environment_is_not_said_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given = {"plan": Path("-p.yaml")}
    assert AsTyped.of(given, Path("/srv/s")) == AsTyped(plan="./-p.yaml", state_dir="/srv/s")
    monkeypatch.setenv("HDH_STATE_DIR", "/srv/s")
    assert AsTyped.of(given, Path("/srv/s")) == AsTyped(plan="./-p.yaml")


def test_people_can_paste_what_machines_are_told_in_general(tmp_path: Path) -> None:
    assert command("init", str(tmp_path / "a plan")).returncode == Exit.OK
    given = ("status", "a plan/plan.yaml", "--state-dir", "elsewhere")

    told = command(*given, cwd=tmp_path)
    machines = command(*given, "--json", cwd=tmp_path)

    (pasted,) = commands(told.stderr)
    assert pasted == "run 'a plan/plan.yaml' --state-dir elsewhere"
    assert amiss(pasted) is None
    assert '"hdh-migrate run PLAN' in machines.stdout.replace("\\", "")
    assert list(commands(machines.stderr)) == [pasted]


def test_what_cannot_be_pasted_is_seen() -> None:
    for told in ('"hdh-migrate run PLAN"', '"hdh-migrate run p.yaml --refesh"'):
        with pytest.raises(AssertionError):
            hold_commands(["run", "p.yaml"], "", told)
    hold_commands(["run", "p.yaml"], "", '"hdh-migrate run p.yaml --refresh"')
