"""The `hdh-migrate` command: the program's own options, and how it begins and ends."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Annotated, Final

import typer
from typer.main import get_command

from hdh_migrate import __version__
from hdh_migrate.cli import streams
from hdh_migrate.cli.command import working_with
from hdh_migrate.cli.menu import PROGRAM, SETTINGS, Root
from hdh_migrate.cli.output import Output, error_document
from hdh_migrate.cli.unforeseen import unforeseen
from hdh_migrate.errors import Exit, UsageError
from hdh_migrate.plan.plugins import let_none_in

if TYPE_CHECKING:
    from hdh_migrate.wiring import OpenEngine

app = typer.Typer(
    name=PROGRAM,
    cls=Root,
    help="Move sensitive datasets from Azure Blob to S3-compatible clouds, with proof.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # rich's help costs 0.16 s of a budget of 0.35
    context_settings=SETTINGS,
    epilog="Begin with: hdh-migrate demo, or hdh-migrate init.",
)


def _version(wanted: bool) -> None:
    if wanted:
        from hdh_migrate.evidence.verifier.copies import verifier_digest

        typer.echo(f"{PROGRAM} {__version__}\nverifier sha256 {verifier_digest()}")
        raise typer.Exit


@app.callback()
def options(
    _: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Move sensitive datasets from Azure Blob to S3-compatible clouds, with proof."""


_RARELY: Final = (100_000, 20, 50)
"""Thresholds of the collector: what is imported stays, and a start creates a million objects."""


@contextmanager
def _collecting_rarely(*, last: bool) -> Iterator[None]:
    """Collect rarely; what there is when the `last` thing is done goes with the process."""
    usual = gc.get_threshold()
    gc.set_threshold(*_RARELY)
    try:
        yield
    finally:
        gc.set_threshold(*usual)
        if last:
            gc.freeze()


@cache
def _command() -> Root:
    """Make the command once: `app` itself would for every call."""
    made = get_command(app)
    assert isinstance(made, Root)
    return made


def main(
    arguments: Sequence[str] | None = None, *, engines: Mapping[str, OpenEngine] | None = None
) -> None:
    """Run the command line; may be called again. `engines` replaces our own engines, for tests."""
    let_none_in()
    streams.hold_descriptors()
    streams.spell_out_what_is_unknown()
    last = arguments is None
    with _collecting_rarely(last=last), working_with(engines), streams.forgiving_stderr():
        try:
            sys.exit(_command()(arguments, standalone_mode=False))
        except typer.TyperException as error:
            _print_usage(error, sys.argv[1:] if arguments is None else arguments)
            sys.exit(error.exit_code)
        except ModuleNotFoundError as error:  # what every verb needs
            wrong = unforeseen(error)
            Output(as_json="--json" in (arguments or sys.argv), progress=False).fail(wrong)
            sys.exit(int(wrong.exit_code))
        except OSError as error:  # of help and usage alone: a command's own end is Task's to tell
            why = error.strerror or type(error).__name__
            streams.write(sys.stdout, "")
            streams.write(sys.stderr, f"error: {streams.cannot_be_written(why)}\n")
            sys.exit(int(Exit.UNEXPECTED))


def _print_usage(error: typer.TyperException, arguments: Sequence[str]) -> None:
    """Print why the arguments are not a command; as JSON if `--json` was among them."""
    message, context = error.format_message(), getattr(error, "ctx", None)
    out = Output(as_json="--json" in arguments, progress=False)
    if out.as_json:
        out.data(error_document(UsageError(message)))
    if context is not None and message == context.get_help():  # nothing was given
        streams.write(sys.stderr, f"{message}\n")
        return
    told = f"{message[:1].lower()}{message[1:].removesuffix('.')}"
    if context is not None:
        out.say(context.get_usage())
    out.say(f"error: {told.replace(': Value error, ', ': ')}")
    if context is not None:
        out.say(f'hint: "{context.command_path} --help" says what it takes')
