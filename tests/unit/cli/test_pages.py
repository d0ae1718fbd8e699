"""Every command that the pages show is one that the command line takes."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer
import typer.main

from hdh_migrate.cli import app as cli
from hdh_migrate.cli.menu import Menu
from hdh_migrate.cli.verbs import GROUPS, SECTIONS

ROOT = Path(__file__).parents[3]
PAGES = (ROOT / "README.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").glob("*.md")))

NOT_ONE = {" keyed names v1"}
"""What begins like a command and is none: the label of a key's derivation."""


def commands() -> Iterator[tuple[str, str]]:
    """Give what follows `hdh-migrate` in blocks and in the text, with its page."""
    for page in PAGES:
        text = page.read_text().replace("\\\n", " ")
        blocks = re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
        rest = re.sub(r"^```\w*\n.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
        lines = [line for block in blocks for line in block.splitlines()]
        spans = [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", rest)]
        for line in dict.fromkeys((*lines, *spans)):
            found = re.match(r"(?:\$ )?hdh-migrate( .+)?$", line.strip())
            if found is not None and found[1] not in {None, *NOT_ONE}:
                yield page.name, re.sub(r"\s#.*", "", found[1]).strip()


SHOWN = list(commands())


@cache
def root() -> Any:
    return typer.main.get_command(cli.app)


def test_they_are_found() -> None:
    assert len(SHOWN) > 40
    assert any(text.startswith("fetch ") and "--reason" in text for _, text in SHOWN)


def test_each_verb_stands_on_a_page() -> None:
    pages = "\n".join(page.read_text() for page in PAGES)
    groups = {name: GROUPS[name].verbs for name in GROUPS}
    verbs = [name for lines in SECTIONS.values() for name in lines if name not in groups]
    verbs += [f"{group} {name}" for group, lines in groups.items() for name in lines]
    named = r"(?:[`#\n] ?|hdh-migrate ){}\b"
    unnamed = [one for one in verbs if not re.search(named.format(re.escape(one)), pages)]
    assert unnamed == [], "name each on a page of docs/, in backquotes or as a command"


def test_an_option_that_is_not_there_is_seen() -> None:
    with pytest.raises(Exception, match="No such option"):
        test_the_command_line_takes_it("here", "fetch PLAN pmsi KEY --oust mco.csv")


@pytest.mark.parametrize(("page", "text"), SHOWN, ids=[f"{page}: {text}" for page, text in SHOWN])
def test_the_command_line_takes_it(page: str, text: str) -> None:
    words, command = shlex.split(text.replace("...", "")), root()
    context = command.context_class(command)
    while isinstance(command, Menu) and words and not words[0].startswith("-"):
        if command.default and words[0] not in command.list_commands(context):
            words.insert(0, command.default)  # `report PLAN` means it
        name = words.pop(0)
        command = command.get_command(context, name)
        assert command is not None, f"{page}: there is no verb {name}"
        context = command.context_class(command, parent=context, info_name=name)
    command.make_parser(context).parse_args(words)  # an option that is not there raises
