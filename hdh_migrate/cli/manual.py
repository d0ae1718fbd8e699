"""Manual pages made from the commands themselves: one of the program, one of each verb and group.

They say what `--help` says, in the form that `man` reads, with what holds for all verbs besides:
exit codes, files, and what may come by the environment.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import typer
import typer.main

from hdh_migrate import __version__
from hdh_migrate.cli.app import app
from hdh_migrate.cli.environment import ENVIRONMENT
from hdh_migrate.cli.menu import HELP_OPTIONS, PROGRAM, Defaulting, Leaf, Menu
from hdh_migrate.errors import Exit

SECTION: Final = 1
_WIDTH: Final = 200
"""Wide enough that typer puts no line break of its own into a synopsis."""

_FILES: Final = {
    ".hdh-migrate/": "Beside the plan, unless --state-dir says otherwise: ledgers, reports, locks."
    " Mode 0700; whoever can read it reads object names.",
    "secrets and keys": "Where the plan says: file:PATH beside it, mode 0600, or env:NAME.",
}


def pages(day: str) -> Mapping[str, str]:
    """Return every page by its file's name; `day` (YYYY-MM-DD) is the date that they show.

    The same commands and the same day give the same bytes.
    """
    root = typer.main.get_command(app)
    assert isinstance(root, Menu)
    return {
        f"{_page_name(names)}.{SECTION}": _page(names, command, inside, day)
        for names, command, inside in _walked(root, (), _inside(root, PROGRAM, None))
    }


def _walked(command: Any, names: tuple[str, ...], context: Any) -> Iterator[tuple[Any, Any, Any]]:  # noqa: ANN401 - as in typer
    """Yield every command that has a page, with its words and its context."""
    yield names, command, context
    if isinstance(command, Menu):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            yield from _walked(inner, (*names, name), _inside(inner, name, context))


def _inside(command: Any, name: str, parent: Any) -> Any:  # noqa: ANN401 - as in typer
    return typer.Context(
        command,
        info_name=name,
        parent=parent,
        terminal_width=_WIDTH,
        help_option_names=list(HELP_OPTIONS),
    )


def _page_name(names: tuple[str, ...]) -> str:
    return "-".join((PROGRAM, *names))


def _page(names: tuple[str, ...], command: Any, context: Any, day: str) -> str:  # noqa: ANN401 - as in typer
    """Return one page: what a reader looks for first, first."""
    shown, within = command, context
    if isinstance(command, Defaulting):  # what it takes is what its default takes
        shown = command.get_command(context, command.default)
        within = _inside(shown, context.info_name, context.parent)
    title = _page_name(names)
    lines = [
        f'.TH {_word(title.upper())} {SECTION} {day} "{_word(f"{PROGRAM} {__version__}")}"',
        ".SH NAME",
        rf"{_word(title)} \- {_text(_summary(names, command))}",
        ".SH SYNOPSIS",
        ".nf",
        _text(shown.get_usage(within).removeprefix("Usage: ")),
        *([_text(f"{within.command_path} COMMAND ...")] if shown is not command else []),
        ".fi",
        ".SH DESCRIPTION",
        *_paragraphs(shown.help or ""),
    ]
    for heading, kind in (("ARGUMENTS", "argument"), ("OPTIONS", "option")):
        records = [one.get_help_record(within) for one in shown.get_params(within)
                   if one.param_type_name == kind]  # fmt: skip
        lines += _listed(heading, dict(filter(None, records)))
    if isinstance(command, Menu):
        for section, verbs in command.sections.items():
            lines += _listed(section.upper(), verbs)
    if isinstance(shown, Leaf):
        lines += [".SH EXAMPLES", ".nf", ".RS 4"]
        lines += [_text(f"{PROGRAM} {example}") for example in shown.verb.examples]
        lines += [".RE", ".fi"]
        lines += _listed("EXIT STATUS", {str(int(one)): one.meaning for one in shown.verb.exits})
    if not names:
        lines += _listed("EXIT STATUS", {str(int(one)): one.meaning for one in Exit})
        lines += _listed("ENVIRONMENT", ENVIRONMENT)
        lines += _listed("FILES", _FILES)
    lines += [".SH SEE ALSO", ".nh", ".ad l", *_see_also(names, command)]  # no name is broken
    return "\n".join([*lines, ""])


def _summary(names: tuple[str, ...], command: Any) -> str:  # noqa: ANN401 - as in typer
    from hdh_migrate.cli.verbs import GROUPS, SECTIONS

    if not names:
        return str(command.help)
    if len(names) == 1:
        return next(lines[names[0]] for lines in SECTIONS.values() if names[0] in lines)
    return GROUPS[names[0]].verbs[names[1]]


def _see_also(names: tuple[str, ...], command: Any) -> Iterator[str]:  # noqa: ANN401 - as in typer
    above = [_page_name(names[:end]) for end in range(len(names))]
    below = []
    if isinstance(command, Menu):
        below = [_page_name((*names, name)) for name in command.list_commands(None)]
    linked = [*above, *below]
    for one in linked:
        end = "," if one != linked[-1] else ""
        yield f".BR {_word(one)} ({SECTION}){end}"
    yield ".PP"
    yield _text(f'"{PROGRAM} docs" lists the pages that belong to this version.')


def _listed(heading: str, entries: Mapping[str, str]) -> list[str]:
    """Return a section of terms, each with what it means; none if there is none."""
    lines = [f".SH {heading}"] if entries else []
    for term, meaning in entries.items():
        lines += [".TP", rf"\fB{_text(term)}\fR", _text(" ".join(meaning.split()))]
    return lines


def _paragraphs(text: str) -> Iterator[str]:
    for number, paragraph in enumerate(inspect.cleandoc(text).split("\n\n")):
        if number:
            yield ".PP"
        yield _text(" ".join(paragraph.split()))


_SPECIAL: Final = {
    "\\": r"\e", "-": r"\-", "'": r"\(aq", "`": r"\(ga", "^": r"\(ha", "~": r"\(ti", '"': r"\(dq",
}  # fmt: skip


def _text(text: str) -> str:
    """Return words as they are to be seen: nothing in them is an order to the typesetter."""
    made = "".join(_SPECIAL.get(one, one) for one in text)
    return re.sub(r"^(?=\.)", r"\\&", made, flags=re.MULTILINE)


def _word(text: str) -> str:
    return text.replace("-", r"\-")
