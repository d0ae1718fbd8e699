"""What somebody is told who mistypes a verb, a path or a name, or whose plan lacks a file."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.core import TyperOption
from typer.main import get_command

from hdh_migrate.cli.app import app
from hdh_migrate.cli.menu import Leaf, Menu, Root
from hdh_migrate.errors import Exit
from tests.support.inside import inside as command


@pytest.fixture
def begun(tmp_path: Path) -> Path:
    """Return the plan that `init` makes."""
    assert command("init", str(tmp_path)).returncode == Exit.OK
    return tmp_path / "plan.yaml"


def notes(plan: Path) -> list[str]:
    """Return what `validate` notes of the files of a plan that is valid."""
    done = command("validate", str(plan), "--json")
    assert done.returncode == Exit.OK, done.stderr
    found: list[str] = json.loads(done.stdout)["target"]["notes"]
    return [one for one in found if "a verb that needs it would be refused" in one]


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (("validte", "plan.yaml"), "there is no verb 'validte'; did you mean validate?"),
        (("rotate",), "there is no verb 'rotate'; did you mean keys rotate?"),
        (("finalize",), "there is no verb 'finalize'; did you mean cutover finalize?"),
        (("cutover", "strat"), "there is no verb 'strat'; did you mean start?"),
        (("plan", "plan.yaml"), "there is no verb 'plan.yaml': one comes before it (diff)"),
        (("quux",), "there is no verb 'quux'\n"),
    ],
)
def test_a_word_that_is_no_verb_is_told_what_may_be_meant(
    words: tuple[str, ...], meant: str
) -> None:
    done = command(*words)

    assert done.returncode == Exit.USAGE
    assert meant in done.stderr


def test_a_machine_is_told_the_same() -> None:
    done = command("validte", "--json")

    assert done.returncode == Exit.USAGE
    assert json.loads(done.stdout)["error"]["message"].endswith("did you mean validate?")


@pytest.mark.parametrize(
    "verb",
    [
        ("fetch", "PLAN", "pmis", "KEY", "--out", "x"),
        ("restore-view", "PLAN", "--dataset", "pmis"),
        ("explain", "PLAN", "KEY", "--dataset", "pmis"),
        ("grant", "PLAN", "--dataset", "pmis", "--to", "lab.pub", "--permit", "R", "--until",
         "2099-12-31", "--purpose", "x", "--out", "x"),
    ],
)  # fmt: skip
def test_who_names_no_dataset_is_told_which_there_are(begun: Path, verb: tuple[str, ...]) -> None:
    words = [str(begun) if one == "PLAN" else one for one in verb]
    if verb[0] == "grant":
        made = command("keys", "new", "lab", "--dir", str(begun.parent), cwd=begun.parent)
        assert made.returncode == Exit.OK

    done = command(*words, "--json", cwd=begun.parent)

    assert done.returncode == Exit.USAGE
    said = json.loads(done.stdout)["error"]
    assert said["message"] == "no dataset pmis in the plan"
    assert said["hint"] == "there is first"


def test_who_mistypes_a_batch_is_told_which_may_be_meant() -> None:
    plan = Path(__file__).parents[2] / "plans" / "two-batches.yaml"

    said = command("run", str(plan), "--batch", "piolt")

    assert said.returncode == Exit.USAGE
    assert "error: no batch piolt in the plan\n" in said.stderr
    assert "; there are pilot, stays; did you mean pilot?\n" in said.stderr


def test_whatever_is_wrong_with_the_options_comes_with_a_hint(begun: Path) -> None:
    for words in (
        ("limit", str(begun)), ("limit", str(begun), "off"), ("run", str(begun), "--code", "x"),
        ("verify", str(begun), "--again", "--sample", "200%"), ("providers", "show", "nobody"),
    ):  # fmt: skip
        done = command(*words, "--json")
        assert done.returncode == Exit.USAGE, words
        assert json.loads(done.stdout)["error"]["hint"], words


def test_who_lacks_secrets_is_told_of_all_of_them_at_once(begun: Path) -> None:
    refused = command("run", str(begun), env={})

    assert refused.returncode == Exit.REFUSED
    for name in ("HDH_SOURCE_SAS", "HDH_TARGET_ID", "HDH_TARGET_SECRET"):
        assert name in refused.stderr


def test_who_moved_a_plan_without_its_keys_is_told_where_its_paths_begin(begun: Path) -> None:
    shutil.move(begun.parent / "keys", begun.parent / "left")

    refused = command("run", str(begun), env={})

    assert refused.returncode == Exit.REFUSED
    assert f"a plan's paths begin at its own folder, {begun.parent}; all" in refused.stderr


def test_a_plan_whose_files_are_there_is_noted_nothing(begun: Path) -> None:
    assert notes(begun) == []


def test_a_file_that_is_not_there_is_noted_and_no_error(begun: Path) -> None:
    """CI has the plan and no secret."""
    text = begun.read_text().replace("env:HDH_SOURCE_SAS", "file:secrets/source.sas")
    begun.write_text(text.replace("keys/escrow.pub", "keys/escroe.pub"))

    found = notes(begun)

    assert len(found) == 2
    assert found[0].startswith(f"{begun.parent}/keys/escroe.pub: ")
    assert found[1].startswith(f"{begun.parent}/secrets/source.sas: there is no such file")


def test_a_private_key_among_recipients_is_noted(begun: Path) -> None:
    text = begun.read_text().replace("    - keys/escrow.pub", "    - keys/escrow.sec")
    begun.write_text(text)

    (found,) = notes(begun)

    assert "keys/escrow.sec: this is a private key where a public one is expected" in found


def test_who_looks_where_no_run_began_is_told_where_that_is(begun: Path, tmp_path: Path) -> None:
    before = tmp_path / ".hdh-migrate" / "another-name" / "ledger.db"
    before.parent.mkdir(parents=True, mode=0o700)
    before.parent.parent.chmod(0o700)
    before.touch(mode=0o600)

    done = command("status", str(begun))

    assert done.returncode == Exit.USAGE
    assert f"(this is {tmp_path}/.hdh-migrate/my-migration" in done.stderr
    assert "there are ledgers of another-name" in done.stderr


def leaves(menu: Menu) -> Iterator[Leaf]:
    for name in menu.list_commands(None):
        found = menu.get_command(None, name)
        if isinstance(found, Menu):
            yield from leaves(found)
        else:
            yield found


def test_no_option_of_any_verb_takes_another_option_for_its_value() -> None:
    """`--batch --json` was a batch of that name, and printed no JSON."""
    root, tried = get_command(app), 0
    assert isinstance(root, Root)
    for leaf in leaves(root):
        for one in leaf.params:
            if not isinstance(one, TyperOption) or one.is_flag or one.count:
                continue
            for name in one.opts:
                for value in ("--json", "-v"):
                    with pytest.raises(typer.TyperException, match=f"^{name} needs a value"):
                        leaf.make_context(leaf.name, [name, value])
                    tried += 1
    assert tried > 200


def test_what_looks_like_an_option_is_taken_where_it_is_said_to_be_a_value(begun: Path) -> None:
    said = command("status", str(begun), "--batch=--json")
    assert "no batch --json in the plan" in said.stderr
    said = command("status", str(begun), "--batch", "--json")
    assert said.returncode == Exit.USAGE
    assert json.loads(said.stdout)["error"]["message"] == (
        "--batch needs a value, and --json looks like an option: if it is meant, write"
        " --batch=--json"
    )
    assert "no batch - in the plan" in command("status", str(begun), "--batch", "-").stderr


def test_nothing_is_added_to_a_reports_folder(begun: Path, tmp_path: Path) -> None:
    evidence = tmp_path / "evidence"
    inner = evidence / "deeper" / "still"
    evidence.mkdir()
    for name in ("SHA256SUMS", "statement.json"):
        (evidence / name).touch()
    for words in (
        ("init", str(evidence)), ("init", str(inner)),
        ("keys", "new", "dpo", "--dir", str(evidence / "keys")),
    ):  # fmt: skip
        done = command(*words)
        assert done.returncode == Exit.USAGE, words
        assert f"{evidence} is a report's folder, which one more file would break" in done.stderr
    assert sorted(one.name for one in evidence.iterdir()) == ["SHA256SUMS", "statement.json"]
