"""What `--help` says of every verb, and what it costs."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from itertools import takewhile
from typing import Any

import pytest
import typer
import typer.main

from hdh_migrate.cli.app import app
from hdh_migrate.cli.menu import Leaf, Menu
from hdh_migrate.cli.verbs import GROUPS, SECTIONS
from hdh_migrate.errors import Exit
from hdh_migrate.evidence.lines.left import LeftTask
from tests.support.every import every

WIDTH = 80
HEAVY = {"pydantic", "rich", "cryptography", "boto3", "yaml", "pycurl", "apsw", "jinja2"}


@cache
def root() -> Menu:
    command = typer.main.get_command(app)
    assert isinstance(command, Menu)
    return command


def walked(command: Any, names: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Give every verb and every group of verbs with the words that call it."""
    yield names, command
    if isinstance(command, Menu):
        context = typer.Context(command)
        inner = [*command.list_commands(context), *filter(None, [command.default])]
        for name in inner:
            yield from walked(command.get_command(context, name), (*names, name))


ALL = dict(walked(root()))
LEAVES = {names: verb for names, verb in ALL.items() if isinstance(verb, Leaf)}
MENUS = {names: menu for names, menu in ALL.items() if isinstance(menu, Menu)}


def helped(names: tuple[str, ...]) -> str:
    context = typer.Context(root(), info_name="hdh-migrate")
    for at in range(1, len(names) + 1):
        context = typer.Context(ALL[names[:at]], info_name=names[at - 1], parent=context)
    return str(ALL[names].get_help(context))


def test_the_verbs_are_found() -> None:
    assert len(LEAVES) > 35
    assert set(MENUS) == {(), *((group,) for group in GROUPS)}


def test_the_program_groups_its_verbs_in_the_order_of_use() -> None:
    text = helped(())
    titles = [line[:-1] for line in text.splitlines() if line.endswith(":") and line[0] != " "]
    assert titles == ["Options", *SECTIONS]
    assert titles[1:] == ["Plan", "Move", "Look", "Share", "Switch", "Prove", "Host", "Keys"]
    for title, lines in SECTIONS.items():
        shown = text.split(f"{title}:\n")[1].split("\n\n")[0]
        assert [line.split()[0] for line in shown.splitlines()] == list(lines)


@pytest.mark.parametrize("names", MENUS, ids=" ".join)
def test_a_listing_gives_each_verb_one_whole_line(names: tuple[str, ...]) -> None:
    text, menu = helped(names), MENUS[names]
    for lines in menu.sections.values():
        for name, line in lines.items():
            (shown,) = [one for one in text.splitlines() if one.startswith(f"  {name} ")]
            assert shown.endswith(line)
    assert all(len(line) <= WIDTH for line in text.splitlines())
    assert "..." not in text.split("Usage", 1)[1].split("\n\n", 1)[1]


@every("names", LEAVES, ids=" ".join)
def test_every_verb_ends_with_examples_and_exit_codes(names: tuple[str, ...]) -> None:
    text = helped(names)
    assert all(len(line) <= WIDTH for line in text.splitlines())
    examples, codes = text.split("\nExamples:\n")[1].split("\n\nExit codes:\n")
    verb = LEAVES[names].verb
    assert examples.count("hdh-migrate ") == len(verb.examples) == 2
    shown = [(int(line.split()[0]), line.split(maxsplit=1)[1]) for line in codes.splitlines()]
    assert shown == [(int(code), code.meaning) for code in verb.exits]
    assert verb.exits[0] is Exit.OK
    assert Exit.USAGE in verb.exits, "options may be none"
    assert list(verb.exits) == sorted(set(verb.exits))
    if "--json" in text:
        assert ("one document a line" in text) is verb.by_line
    if any(parameter.name == "plan" for parameter in LEAVES[names].params):
        assert Exit.REFUSED in verb.exits, "a plan may be refused"


@every("names", LEAVES, ids=" ".join)
def test_every_example_is_a_command_of_its_verb(names: tuple[str, ...]) -> None:
    import shlex

    for example in LEAVES[names].verb.examples:
        words = shlex.split(example)
        called = names[:-1] if names[-1] == "write" else names
        assert tuple(words[: len(called)]) == called
        ALL[names].make_context(names[-1], words[len(called) :])  # a wrong word raises


@every("names", LEAVES, ids=" ".join)
def test_every_verb_takes_the_options_of_every_verb(names: tuple[str, ...]) -> None:
    import shlex

    words = shlex.split(LEAVES[names].verb.examples[0])
    called = names[:-1] if names[-1] == "write" else names
    shared = ["--json", "--state-dir", "states", "-v", "--verbose", "--no-progress"]

    ALL[names].make_context(names[-1], [*words[len(called) :], *shared])  # a wrong word raises


@pytest.mark.slow
def test_a_verb_that_does_not_name_an_option_of_every_verb_heeds_it_all_the_same() -> None:
    script = (
        "import logging\n"
        "from hdh_migrate.cli.app import main\n"
        "for words in ([], ['-v'], []):\n"
        "    try: main(['status', 'no-plan.yaml', *words])\n"
        "    except SystemExit: print(logging.getLogger('hdh_migrate').level)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["30", "20", "30"]  # WARNING and INFO of the standard library


@every("names", LEAVES, ids=" ".join)
def test_what_an_option_takes_has_a_name(names: tuple[str, ...]) -> None:
    types = re.findall(r"^  (--[a-z-]+) <(?:path|str|int|float)\b.*?>", helped(names), re.MULTILINE)
    assert types == [], "give each a metavar: a word in capitals that says what it is"


def test_every_code_has_a_meaning() -> None:
    assert all(code.meaning for code in Exit)
    assert len({code.meaning for code in Exit}) == len(Exit)


@pytest.mark.slow
def test_a_listing_imports_no_verb_and_nothing_large() -> None:
    script = (
        "import sys\n"
        "from hdh_migrate.cli.app import main\n"
        "for words in (['--help'], ['report', '--help']):\n"
        "    try: main(words)\n"
        "    except SystemExit: print(*sorted(sys.modules), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    listing, help_of_a_verb = (set(line.split()) for line in done.stderr.splitlines())
    assert "hdh_migrate.cli.app" in listing
    assert not [name for name in listing if name.startswith("hdh_migrate.cli.verbs.")]
    assert "hdh_migrate.cli.verbs.report.write" in help_of_a_verb
    assert not listing & HEAVY
    assert not help_of_a_verb & HEAVY - {"pydantic"}  # with which Typer itself reads options
    assert "hdh_migrate.cli.verbs.run" not in help_of_a_verb


@pytest.mark.slow
def test_no_verb_needs_anything_large_before_it_is_called() -> None:
    script = (
        "import sys\n"
        "from hdh_migrate.cli import menu, verbs\n"
        "for section in verbs.SECTIONS.values():\n"
        "    for name in section:\n"
        "        group = verbs.GROUPS.get(name)\n"
        "        inner = [(name, one) for one in group.verbs] if group else [(name,)]\n"
        "        for names in inner: menu.load(names)\n"
        "print(*sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.split())
    assert {"hdh_migrate.cli.verbs.run", "hdh_migrate.cli.verbs.audit.open_"} <= loaded
    assert not loaded & HEAVY


@every("task", [one for one in LeftTask if one.verb is not None])
def test_a_verb_that_a_thing_left_to_do_names_is_one_with_these_options(task: LeftTask) -> None:
    words = (task.verb or "").split()
    called = tuple(takewhile(str.islower, words))
    if called in MENUS:  # `report PLAN` is the menu's own verb
        called = (*called, str(MENUS[called].default))

    options = {name for one in LEAVES[called].params for name in one.opts}
    assert {word for word in words if word.startswith("--")} <= options
