"""How verbs are found and shown: imported when called, listed by section, each in one line.

Typer's own listing needs rich for sections (0.16 s of a budget of 0.35), cuts lines off, and has
every verb imported before any is shown.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from typing import Any, Final

import typer
import typer.main
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

from hdh_migrate.cli import verbs
from hdh_migrate.cli.command import VERBS, Verb

PROGRAM: Final = verbs.PROGRAM
HELP_OPTIONS: Final = ("-h", "--help")
_WIDTH: Final = 75
_OPTION: Final = re.compile(r"--?[A-Za-z]")
SETTINGS: Final = {"help_option_names": list(HELP_OPTIONS)}


class Leaf(TyperCommand):
    """A verb, whose help ends with examples and with the exit codes that matter."""

    verb: Verb

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - as in typer
        """Read the arguments; an option is never another one's value, unless `=` says so.

        `--batch --json` would name a batch `--json`, and print no JSON.
        """
        if not ctx.resilient_parsing:  # a shell that completes
            self._demand_values(ctx, args)
        return list(super().parse_args(ctx, args))

    def _demand_values(self, ctx: Any, args: list[str]) -> None:  # noqa: ANN401 - as in typer
        options = (one for one in self.get_params(ctx) if isinstance(one, TyperOption))
        taking = {
            name for one in options if not (one.is_flag or one.count) for name in one.opts
        }  # fmt: skip
        words = iter(args)
        for word in words:
            if word == "--":
                return
            if word not in taking:
                continue
            value = next(words, "")
            if _OPTION.match(value):
                ctx.fail(
                    f"{word} needs a value, and {value} looks like an option: if it is meant,"
                    f" write {word}={value}"
                )

    def format_epilog(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401 - as in typer
        """Write what a caller looks for last."""
        del ctx
        with formatter.section("Examples"):
            for example in self.verb.examples:
                formatter.write("".join(f"  {line}\n" for line in _wrapped(example)))
        with formatter.section("Exit codes"):
            for code in self.verb.exits:
                formatter.write(f"  {int(code):<4} {code.meaning}\n")


def _wrapped(example: str) -> list[str]:
    """Return a command in lines that fit a terminal, to be copied as they are."""
    lines = [PROGRAM]
    for word in re.findall(r'--\S+(?: (?:"[^"]*"|[^-\s]\S*))?|\S+', example):
        if len(lines[-1]) + len(word) > _WIDTH:
            lines[-1] += " \\"
            lines.append(f"    {word}")
        else:
            lines[-1] += f" {word}"
    return lines


class Plain(TyperArgument):
    """An argument that help shows by its name alone, in brackets where it may be left out.

    Typer writes the name of one that is needed in braces, and where it explains it the kind of its
    value behind it and that it is needed: the usage shows that already.
    """

    def get_usage_pieces(self, ctx: Any) -> list[str]:  # noqa: ANN401 - as in typer
        """Return the name as the usage shows it."""
        return [re.sub("[{}]", "", piece) for piece in super().get_usage_pieces(ctx)]

    def get_help_record(self, ctx: Any) -> tuple[str, str] | None:  # noqa: ANN401 - as in typer
        """Return name and help."""
        record = super().get_help_record(ctx)
        if record is None:
            return None
        return record[0].partition(" <")[0], record[1].removesuffix("[required]").rstrip()


class Menu(TyperGroup):
    """Verbs by section; only the one that is called is imported."""

    def __init__(
        self,
        *,
        sections: Mapping[str, verbs.Lines],
        within: tuple[str, ...] = (),
        default: str = "",
        **attributes: Any,  # noqa: ANN401 - as in typer
    ) -> None:
        super().__init__(**attributes)
        self.sections = sections
        self.default = default
        self._within = within

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401 - as in typer
        """Return the verbs in the order of use."""
        del ctx
        return [name for lines in self.sections.values() for name in lines]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ANN401 - as in typer
        """Return a verb or a group of verbs, None when there is none of this name."""
        known = {*self.list_commands(ctx), self.default}
        if cmd_name not in self.commands and cmd_name in known:
            self.commands[cmd_name] = _found((*self._within, cmd_name))
        return self.commands.get(cmd_name)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:  # noqa: ANN401 - as in typer
        """Find the verb that is called; for what is none, name those that may be meant."""
        if self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            ctx.fail(f"there is no verb {args[0]!r}{self._meant(args[0])}")
        return super().resolve_command(ctx, args)

    def _meant(self, word: str) -> str:
        """Return what somebody may mean who writes this word for a verb."""
        import difflib

        here = self.list_commands(None)
        if self._within and ("." in word or "/" in word):
            return f": one comes before it ({', '.join(here)})"
        groups = {} if self._within else verbs.GROUPS
        inside = [f"{group} {word}" for group, one in groups.items() if word in one.verbs]
        close = [*inside, *difflib.get_close_matches(word, here, n=2, cutoff=0.7)]
        return f"; did you mean {' or '.join(close)}?" if close else ""

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401 - as in typer
        """List every verb in one line, whatever the width."""
        width = max(map(len, self.list_commands(ctx)))
        for title, lines in self.sections.items():
            with formatter.section(title):
                for name, line in lines.items():
                    formatter.write(f"  {name:<{width}}  {line}\n")


class Root(Menu):
    """All verbs."""

    def __init__(self, **attributes: Any) -> None:  # noqa: ANN401 - as in typer
        super().__init__(sections=verbs.SECTIONS, **attributes)


class Defaulting(Menu):
    """A group that takes what is none of its verbs for the arguments of its default."""

    def make_context(self, info_name: str | None, args: list[str], *more: Any, **extra: Any) -> Any:  # noqa: ANN401 - as in typer
        """Read the arguments as a verb's, or else as the default's."""
        own = {*self.list_commands(None), self.default, *HELP_OPTIONS}
        if args[0] in own if args else extra.get("resilient_parsing"):  # a shell that completes
            return super().make_context(info_name, args, *more, **extra)
        return self.get_command(None, self.default).make_context(info_name, args, *more, **extra)

    def format_help(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401 - as in typer
        """Show both: the default and the verbs."""
        default = self.get_command(ctx, self.default)
        own = typer.Context(default, info_name=ctx.info_name, parent=ctx.parent)
        default.format_usage(own, formatter)
        formatter.write_usage(ctx.command_path, "COMMAND BUNDLE [ARGS]...", prefix="   or: ")
        default.format_help_text(own, formatter)
        default.format_options(own, formatter)
        self.format_commands(ctx, formatter)
        default.format_epilog(own, formatter)


@cache  # to make a verb of its function takes a quarter of what a command on few objects does
def _found(names: tuple[str, ...]) -> Leaf | Menu:
    if len(names) == 1 and (group := verbs.GROUPS.get(names[0])) is not None:
        kind = Menu if not group.default else Defaulting
        return kind(
            name=names[0],
            sections={"Commands": group.verbs},
            within=names,
            default=group.default,
            help=group.help,
            no_args_is_help=True,
            rich_markup_mode=None,
            context_settings=SETTINGS,
        )
    verb = load(names)
    one = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    one.command(names[-1], cls=Leaf, context_settings=SETTINGS)(verb.function)
    leaf = typer.main.get_command(one)
    assert isinstance(leaf, Leaf)
    leaf.verb = verb
    for parameter in leaf.params:
        if isinstance(parameter, TyperArgument):
            parameter.__class__ = Plain
    return leaf


def load(names: tuple[str, ...]) -> Verb:
    """Import a verb and return what it declares."""
    words = [name.replace("-", "_") for name in names]
    words[-1] += "_" if keyword.iskeyword(words[-1]) or words[-1] in {"list", "open"} else ""
    module = ".".join((verbs.__name__, *words))
    import_module(module)
    return VERBS[module]
