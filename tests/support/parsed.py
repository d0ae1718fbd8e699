"""Commands that stand in texts, read as the command line reads them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import typer
import typer.main

from hdh_migrate.cli import app as cli
from hdh_migrate.cli.menu import Menu


def hold_commands(arguments: Sequence[str], out: str, err: str) -> None:
    """Fail if a command that was given a plan tells people of one that cannot be pasted."""
    if not any(one.endswith(".yaml") for one in arguments) or "--help" in arguments:
        return
    told = err if "--json" in arguments else f"{out}\n{err}"
    assert not re.search(r"(?m)^(?!Usage: ).* PLAN\b", told), told
    for found in commands(told):
        assert (wrong := amiss(found)) is None, f"{found}: {wrong}: {told}"


def commands(text: str) -> Iterator[str]:
    """Give the commands in what somebody is told, without the program's name."""
    yield from re.findall(r'["`]hdh-migrate ([a-z][^"`\n]*)["`]', text)
    yield from re.findall(r"(?m)^next: hdh-migrate (.+?) \(", text)


@cache
def root() -> Any:
    return typer.main.get_command(cli.app)


def amiss(text: str) -> str | None:
    """Say what the command line has against a command, None when it takes it."""
    begun = "..." in text
    text = re.sub(r"\s(?:>>?|\|)\s.*", "", re.sub(r"\.\.\.|[\[\]]", "", text))
    words, command = shlex.split(text), root()
    context = command.context_class(command)
    while isinstance(command, Menu) and (words or command.default):
        if command.default and not (words and words[0] in command.list_commands(context)):
            words.insert(0, command.default)  # `report PLAN` means it
        if words[0].startswith("-"):  # of the program itself
            command.make_parser(context).parse_args(words)
            return None
        name = words.pop(0)
        command = command.get_command(context, name)
        if command is None:
            return f"there is no verb {name}"
        context = command.context_class(command, parent=context, info_name=name)
    if isinstance(command, Menu) or "--help" in words:
        return None  # a group is named, or help is asked for
    try:
        command.make_context(context.info_name, list(words), parent=context.parent)
    except Exception as error:  # noqa: BLE001 - whatever it says is told
        return None if _only_named(error, command, words, begun=begun) else _told(error)
    return None


def _only_named(error: Exception, command: Any, words: list[str], *, begun: bool) -> bool:
    """Say whether that stands for a name of the reader's, or no command was shown at all."""
    kind = type(error).__name__
    if kind == "MissingParameter":
        return begun or getattr(error, "param", None) is command.params[0]
    if kind == "BadOptionUsage":  # an option is named, with the verb that has it
        return words[-1] == getattr(error, "option_name", "")
    return kind == "BadParameter" and bool(re.search(r"'[A-Z]+'|string as an int", str(error)))


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
