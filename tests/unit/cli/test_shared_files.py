"""Manual pages, completions, and what the environment may say: made from the commands."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest

from hdh_migrate.cli.shared_files import texts
from tests.unit.cli.test_help import LEAVES, MENUS

ROOT = Path(__file__).parents[3]
WHERE_AND_HOW_LOUD = {"state_dir", "no_progress", "log_file"}
"""All that may come by the environment; what is to be done, consent and secrets never do."""


@cache
def made() -> Mapping[str, str]:
    """Return what a wheel shares, by its place."""
    return texts("2026-11-26")


@cache
def manual() -> Mapping[str, str]:
    """Return the pages of the manual by their names."""
    return {Path(place).name: text for place, text in made().items() if place.startswith("man/")}


def plain(page: str) -> str:
    """Return a page without its escapes, and so without what an escape would hide."""
    escapes = {"-": "-", "(dq": '"', "(aq": "'", "(ga": "`", "(ti": "~", "(ha": "^", "e": "\\"}
    for seen, meant in escapes.items():
        page = page.replace(f"\\{seen}", meant)
    return page


def test_every_verb_and_group_has_a_page_and_nothing_else_has() -> None:
    hidden = {names for names in LEAVES if names[:-1] in MENUS and names[-1] == "write"}
    wanted = {"-".join(("hdh-migrate", *names)) + ".1" for names in {*LEAVES, *MENUS} - hidden}
    assert set(manual()) == wanted


def test_a_page_shows_all_options_examples_and_exit_codes_of_its_verb() -> None:
    for names, verb in LEAVES.items():
        called = names[:-1] if names[-1] == "write" else names
        page = plain(manual()["-".join(("hdh-migrate", *called)) + ".1"])
        for parameter in verb.params:
            if not getattr(parameter, "hidden", False):  # of every verb, shown where it does more
                assert all(option in page for option in parameter.opts if option.startswith("-"))
        assert all(f"hdh-migrate {one}" in page for one in verb.verb.examples)
        assert all(f"\\fB{int(code)}\\fR\n" in page for code in verb.verb.exits)


def test_words_of_the_help_are_no_orders_to_the_typesetter() -> None:
    for page in manual().values():
        orders = {line.split()[0] for line in page.splitlines() if line.startswith((".", "'"))}
        assert orders <= {
            ".TH", ".SH", ".TP", ".PP", ".BR", ".nf", ".fi", ".RS", ".RE", ".nh", ".ad",
        }  # fmt: skip


@pytest.mark.slow
def test_the_pages_are_read_without_a_warning(tmp_path: Path) -> None:
    for name, page in manual().items():
        (tmp_path / name).write_text(page)
    done = subprocess.run(
        ["mandoc", "-T", "lint", "-W", "warning", *sorted(manual())],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.mark.slow
def test_a_wheel_can_be_made_where_nothing_but_typer_is_installed(tmp_path: Path) -> None:
    script = (
        "import sys\n"
        "own = {*sys.stdlib_module_names, *sys.modules}\n"  # and what a distribution starts with
        "from hdh_migrate.cli.shared_files import main\n"
        "code = main(sys.argv[1:])\n"
        "tops = {name.partition('.')[0] for name in sys.modules} - own\n"
        "print(*sorted(name for name in tops if not name.startswith('_')))\n"
        "sys.exit(code)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "share")],
        cwd=ROOT, capture_output=True, text=True, check=True,
        env=os.environ | {"SOURCE_DATE_EPOCH": "1577836800"},
    )  # fmt: skip
    assert set(done.stdout.split()) <= {
        "hdh_migrate", "annotated_doc", "shellingham", "typer", "typing_extensions",
    }  # fmt: skip
    assert " 2020-01-01 " in (tmp_path / "share" / "man" / "man1" / "hdh-migrate.1").read_text()


@pytest.mark.slow
def test_bash_completes_a_verb(tmp_path: Path) -> None:
    script = tmp_path / "completion"
    script.write_text(made()["bash-completion/completions/hdh-migrate"])
    asks = (
        f". {script}; COMP_WORDS=(hdh-migrate hol); COMP_CWORD=1; "
        '_hdh_migrate_completion hdh-migrate; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    here = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    bash = shutil.which("bash")
    assert bash is not None
    done = subprocess.run(
        [bash, "--norc", "-c", asks],
        env=os.environ | {"PATH": here}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout.split() == ["hold"], done.stderr


def test_consent_and_secrets_never_come_by_the_environment() -> None:
    for names, verb in LEAVES.items():
        said = {one.name for one in verb.params if one.envvar}
        assert said <= WHERE_AND_HOW_LOUD, names


def test_what_comes_by_the_environment_is_told_in_help_and_manual() -> None:
    found = {
        (one.name, one.envvar) for verb in LEAVES.values() for one in verb.params if one.envvar
    }
    assert ("state_dir", "HDH_STATE_DIR") in found
    for _, variable in found:
        assert f"\\fB{variable}\\fR" in manual()["hdh-migrate.1"]


def test_an_option_wins_over_the_environment_and_an_empty_variable_is_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    status = LEAVES["status",]

    def seen(*words: str) -> object:
        return status.make_context("status", ["plan.yaml", *words]).params["state_dir"]

    assert seen() is None
    monkeypatch.setenv("HDH_STATE_DIR", "/srv/state")
    assert seen() == Path("/srv/state")
    assert seen("--state-dir", "/srv/other") == Path("/srv/other")
    monkeypatch.setenv("HDH_STATE_DIR", "")
    assert seen() is None
