"""The `hdh-migrate` command: options, signals, and errors turned into exit codes."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from hdh_migrate import __version__
from hdh_migrate.cli import streams
from hdh_migrate.cli.output import Output
from hdh_migrate.cli.unforeseen import unforeseen
from hdh_migrate.errors import Exit, MigrateError

if TYPE_CHECKING:
    from hdh_migrate.ports import Progress
    from hdh_migrate.session.desk import Desk
    from hdh_migrate.wiring import OpenEngine

app = typer.Typer(
    name="hdh-migrate",
    help="Move sensitive datasets from Azure Blob to S3-compatible clouds, with proof.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # rich's help costs 0.16 s of a budget of 0.35
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Begin with: hdh-migrate demo, or hdh-migrate init.",
)

_engines: ContextVar[Mapping[str, OpenEngine] | None] = ContextVar("engines", default=None)
"""Who works, as the caller of `main` said."""

_NEVER_OURS = 0o022
"""What no file or folder that a command makes lets others do, whatever the shell says: write."""

Plan = Annotated[Path, typer.Argument(metavar="PLAN", help="The plan, a YAML file.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
StateDir = Annotated[
    Path | None,
    typer.Option("--state-dir", help="Where ledgers live; default .hdh-migrate beside the plan."),
]
NoProgress = Annotated[bool, typer.Option("--no-progress", help="Say only what is needed.")]
Verbose = Annotated[
    int, typer.Option("-v", "--verbose", count=True, help="Log more; twice for everything.")
]
Batches = Annotated[
    list[str] | None, typer.Option("--batch", metavar="NAME", help="Only this batch; repeatable.")
]
ShowNames = Annotated[
    bool, typer.Option("--show-names", help="Show object names; they may identify patients.")
]


class Task:
    """One command under way: its output, its stop flag, and how it ends."""

    def __init__(self, *, as_json: bool, verbose: int = 0, progress: bool = True) -> None:
        from hdh_migrate.telemetry import set_up_logging

        set_up_logging(verbose)
        self.out = Output(as_json=as_json, progress=progress)
        self._traces = verbose > 1
        self.stop = threading.Event()

    def desk(self, plan: Path, state_dir: Path | None, progress: Progress | None = None) -> Desk:
        """Open a plan; without a `progress` only what is needed is said.

        Raises:
            PlanInvalid: with every problem at once.
            Refused: others may read or change the state directory.
        """
        from hdh_migrate.cli.output import LineProgress
        from hdh_migrate.session.desk import Desk

        shown = LineProgress(self.out, quiet=True) if progress is None else progress
        return Desk.open(plan, state_dir, shown, self.stop, engines=_engines.get())

    def run(self, body: Callable[[], Exit | None]) -> NoReturn:
        """Run a command's body and leave with the exit code that its outcome means."""
        from hdh_migrate.confined import confine

        confine()
        os.umask(os.umask(_NEVER_OURS) | _NEVER_OURS)
        self._listen()
        try:
            code = body() or Exit.OK
        except MigrateError as error:
            self.out.fail(error)
            code = error.exit_code
        except (KeyboardInterrupt, typer.Abort):
            code = Exit.INTERRUPTED
        except Exception as error:
            if self._traces:
                raise
            told = unforeseen(error)
            self.out.fail(told)
            code = told.exit_code
        if code is Exit.OK and self.out.lost not in {None, streams.READER_GONE}:
            code = Exit.UNEXPECTED  # a result that nobody got is no success
        sys.exit(int(code))

    def _listen(self) -> None:
        def asked(number: int, frame: FrameType | None) -> None:
            del frame
            if self.stop.is_set():
                self.out.say("stopping at once; what was acknowledged is in the ledger")
                raise KeyboardInterrupt
            self.stop.set()
            name = signal.Signals(number).name
            self.out.say(f"{name}: finishing what is under way (again: stop at once)")

        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, asked)


def _version(wanted: bool) -> None:
    if wanted:
        from hdh_migrate.evidence.verifier import verifier_digest

        typer.echo(f"hdh-migrate {__version__}\nverifier sha256 {verifier_digest()}")
        raise typer.Exit


@app.callback()
def options(
    _: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Move sensitive datasets from Azure Blob to S3-compatible clouds, with proof."""


def main(
    arguments: Sequence[str] | None = None, *, engines: Mapping[str, OpenEngine] | None = None
) -> None:
    """Run the command line; may be called again. `engines` are who works, by default our own."""
    if not app.registered_commands:
        _register()
    streams.hold_descriptors()
    given = _engines.set(engines)
    with streams.forgiving_stderr():
        try:
            app(arguments)
        except OSError as error:  # of help and usage alone: a command's own end is Task's to tell
            why = error.strerror or type(error).__name__
            streams.write(sys.stdout, "")
            streams.write(sys.stderr, f"error: {streams.cannot_be_written(why)}\n")
            sys.exit(int(Exit.UNEXPECTED))
        finally:
            _engines.reset(given)


def _register() -> None:
    from hdh_migrate.cli import (
        approving,
        auditing,
        deriving,
        erasing,
        looking,
        making,
        moving,
        places,
        providing,
        reporting,
        switching,
    )

    moves = (making, moving, looking, reporting, approving, switching, erasing)
    for module in (*moves, auditing, deriving, providing, places):
        module.register(app)
