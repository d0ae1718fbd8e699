"""One command: what a verb declares, and how a command ends."""

from __future__ import annotations

import inspect
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from copy import copy
from functools import partial, wraps
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any, Final, NoReturn, TypeVar

import typer

from hdh_migrate import __version__
from hdh_migrate.cli import streams
from hdh_migrate.cli.output import LineProgress, Output
from hdh_migrate.cli.parameters import ALONE, BY_LINE, NOT_OF_EVERY_VERB, SHARED
from hdh_migrate.cli.pasted import AsTyped
from hdh_migrate.errors import Exit, Interrupted, MigrateError, NoSpace
from hdh_migrate.frozen import frozen

if TYPE_CHECKING:
    from hdh_migrate.log_lines import LogFile
    from hdh_migrate.ports.run import Progress
    from hdh_migrate.session.desk import Desk
    from hdh_migrate.wiring import OpenEngine

T = TypeVar("T")

# --- what a verb declares ------------------------------------------------------------------------


@frozen
class Verb:
    """One verb of the command line: the function, and what its help ends with."""

    function: Callable[..., NoReturn]
    """What the command line calls; it leaves with the verb's exit code."""
    examples: tuple[str, ...]
    """Commands that really parse, without the program's name."""
    exits: tuple[Exit, ...]
    """The exit codes that matter to who calls it."""
    result: Any
    """The type, or the union of types, of what it prints under --json."""
    by_line: bool
    """Whether it prints one such document a line, and not one in all."""


VERBS: Final[dict[str, Verb]] = {}
"""The verb of each module that was imported; a module has one."""

_OF_EVERY_VERB: Final = (Exit.OK, Exit.USAGE)
"""How whatever is called can end: the parser of options alone refuses some of it."""


def verb(
    *,
    examples: tuple[str, ...],
    exits: tuple[Exit, ...],
    result: Any,  # noqa: ANN401 - what may stand in an annotation
    options: Sequence[str] = ALONE,
    by_line: bool = False,
    at_length: bool = False,
) -> Callable[[Callable[..., Exit | None]], Callable[..., Exit | None]]:
    """Make a function the verb of its module.

    Its first parameter is the task, the others are its arguments and options. Those that verbs
    share are the task's; `options` are those that its help shows. `exits` are its own besides 0
    and 2. `by_line`: under --json it prints a document a line, for nobody knows how many there are.
    `at_length`: it may read for minutes with nothing to show, and says now and then that it does.
    It returns the exit code; None: 0.
    """

    def declare(function: Callable[..., Exit | None]) -> Callable[..., Exit | None]:
        assert function.__module__ not in VERBS, f"{function.__module__} has a verb already"
        VERBS[function.__module__] = Verb(
            function=_command(function, options, by_line=by_line, at_length=at_length),
            examples=examples,
            exits=tuple(sorted({*exits, *_OF_EVERY_VERB})),
            result=result,
            by_line=by_line,
        )
        return function

    return declare


def _command(
    function: Callable[..., Exit | None],
    options: Sequence[str],
    *,
    by_line: bool,
    at_length: bool,
) -> Callable[..., NoReturn]:
    """Return what Typer takes for a command: with a verb's own parameters, and the shared ones."""

    @wraps(function)
    def command(**given: Any) -> NoReturn:  # noqa: ANN401 - of whatever the verb takes
        task = Task(**{name: given.pop(name) for name in SHARED if name in given})
        task.out.given = AsTyped.of(given, task.state_dir)
        body = partial(function, task, **given)
        task.run(partial(_telling, task, body) if at_length else body)

    own = inspect.signature(function, eval_str=True)
    parameters = list(own.parameters.values())[1:]
    for name, (kind, option, default) in SHARED.items():
        shown = name in options
        if shown or name not in NOT_OF_EVERY_VERB:
            taken = copy(option)
            taken.hidden = not shown
            if by_line and name == "as_json":
                taken.help = BY_LINE
            parameters.append(
                inspect.Parameter(
                    name,
                    inspect.Parameter.KEYWORD_ONLY,
                    annotation=Annotated[kind, taken],
                    default=default,
                )
            )
    command.__signature__ = own.replace(parameters=parameters)  # type: ignore[attr-defined]
    return command


def _telling(task: Task, body: Callable[[], Exit | None]) -> Exit | None:
    from hdh_migrate.cli.at_length import telling

    with telling(task.out):
        return body()


# --- a command under way -------------------------------------------------------------------------

_NEVER_OURS = 0o022
"""What no file or folder that a command makes lets others do, whatever the shell says: write."""

STOPS_SECONDS, ENDS_SECONDS = 3.0, 1.2
"""What was asked to stop may finish for so long; it is then stopped at once, and ended."""

_engines: ContextVar[Mapping[str, OpenEngine] | None] = ContextVar("engines", default=None)
"""Who works, as the caller of `main` said."""


@contextmanager
def working_with(engines: Mapping[str, OpenEngine] | None) -> Iterator[None]:
    """Let commands work with these engines; None: with our own."""
    given = _engines.set(engines)
    try:
        yield
    finally:
        _engines.reset(given)


class Task:
    """One command under way: its output, its stop flag, and how it ends."""

    def __init__(
        self,
        *,
        as_json: bool,
        state_dir: Path | None = None,
        no_progress: bool = False,
        verbose: int = 0,
        log_file: Path | None = None,
    ) -> None:
        """Open nothing yet; a `log_file` is opened by `run`, before anything is begun."""
        from hdh_migrate.telemetry import SystemClock, set_up_logging

        set_up_logging(verbose)
        self.name = f"{SystemClock().now()[:19]}Z-{os.getpid()}"
        """What tells this command from all others of this machine."""
        self._log_to = log_file
        self._log: LogFile | None = None
        self.out = Output(as_json=as_json, progress=not no_progress)
        self.state_dir = state_dir
        self.verbose = verbose
        self.stop = threading.Event()
        self.leaves_at_once = False
        """Whether it has nothing under way that a signal would have to wait for."""
        self.asks_nobody = False
        """Whether it contacts nothing more, as its help promises or what ended it demands."""
        self._desk: Desk | None = None
        self._ended = threading.Event()
        """Set when nothing is left to be stopped."""

    def desk(
        self,
        plan: Path,
        progress: Progress | None = None,
        *,
        dry: bool = False,
    ) -> Desk:
        """Open a plan, `dry` for who changes nothing; without a `progress` little is said.

        Raises:
            PlanInvalid: with every problem at once.
            Refused: others may read or change the state directory, or change what the plan names.
        """
        from hdh_migrate.session.desk import Desk

        shown = LineProgress(self.out, quiet=True) if progress is None else progress
        engines = _engines.get()
        opened = Desk.open(plan, self.state_dir, shown, self.stop, engines=engines, dry=dry)
        self._desk = opened
        batches = [one.name for one in opened.loaded.plan.batches]
        self.out.given = self.out.given.among(batches)
        return opened

    def at_desk(self, plan: Path, act: Callable[[Desk], T], *, dry: bool = False) -> T:
        """Open a plan and act on it, showing progress to the end."""
        progress = self.progress()
        desk = self.desk(plan, progress, dry=dry)
        try:
            return act(desk)
        finally:
            progress.close()

    def progress(self) -> LineProgress:
        """Return what shows a run's progress, and keeps it in the log file.

        It is a live bar on a terminal, else a line at times.
        """
        shown = LineProgress(self.out, quiet=not self.out.shows_progress)
        if self.out.shows_progress and sys.stderr.isatty():
            from hdh_migrate.cli.bars import BarProgress

            shown = BarProgress(self.out)
        if self._log is None:
            return shown
        from hdh_migrate.cli.log_file import LoggedProgress

        return LoggedProgress(self.out, shown, self._log)

    def run(self, body: Callable[[], Exit | None]) -> NoReturn:
        """Run a command's body and leave with the exit code that its outcome means."""
        from hdh_migrate.confined import confine

        confine()
        os.umask(os.umask(_NEVER_OURS) | _NEVER_OURS)
        self._listen()
        try:
            self._open_log()
            code = body() or Exit.OK
        except MigrateError as error:
            self._fail(error)
            code = error.exit_code
            if code is Exit.STOPPED:  # by a pause, a window, or a store that stays away
                self.asks_nobody = True
        except (KeyboardInterrupt, typer.Abort):
            code = self._cut_short()
        except Exception as error:  # noqa: BLE001 - it is told, and is the end
            from hdh_migrate.cli.unforeseen import trace, unforeseen

            if self.verbose > 1:
                self.out.say(trace(error))

            error_shown = unforeseen(error)
            self._fail(error_shown)
            code = error_shown.exit_code
        self._say_older_copy(code)
        if self._log is not None:
            self._log.write("command-ended", exit=int(code))
            if (lacks := self._log.lacks) is not None:
                self.out.say(f"note: {lacks}")
        self._ended.set()
        if code is Exit.OK and self.out.lost not in {None, streams.READER_GONE}:
            code = Exit.UNEXPECTED  # a result that nobody got is no success
        sys.exit(int(code))

    def _say_older_copy(self, code: Exit) -> None:
        """Say whether the ledger that was used is an older copy; a fence that refused said so."""
        if self._desk is None or self.asks_nobody or code is Exit.LOCKED or self.stop.is_set():
            return
        from hdh_migrate.session.verbs.older_copy import older_copy

        with suppress(KeyboardInterrupt):  # it is done, whatever is said of it
            if (line := older_copy(self._desk)) is not None:
                self.out.say(f"note: {line}")

    def _cut_short(self) -> Exit:
        error = Interrupted("stopped at once; what was acknowledged is in the ledger")
        self._fail(error)
        return error.exit_code

    def _fail(self, error: MigrateError) -> None:
        if isinstance(error, NoSpace) and "the ledger" in str(error) and self._desk is not None:
            error.hint = f"on the disk of {self._desk.ledger_path.parent}: {error.hint}"
        self.out.fail(error)
        if self._log is not None:
            self._log.write("error", text=str(error), exit=int(error.exit_code))

    def _open_log(self) -> None:
        """Open the log file, if one is asked for.

        Raises:
            Refused: it cannot be written.
        """
        if self._log_to is None:
            return
        import logging

        from hdh_migrate.log_lines import LogFile, LogFileHandler

        self._log = LogFile(self._log_to, run=self.name)
        self._log.write("command-began", version=__version__)
        logging.getLogger().addHandler(LogFileHandler(self._log))

    def _listen(self) -> None:
        def asked(number: int, frame: FrameType | None) -> None:
            del frame
            if self.stop.is_set():
                raise KeyboardInterrupt
            self.stop.set()
            with suppress(RuntimeError):  # no thread is left: whoever asked will ask again
                threading.Thread(target=self._hurry, daemon=True).start()
            if self.leaves_at_once:
                return
            name = signal.Signals(number).name
            self.out.say(f"{name}: finishing what is under way, for a moment (again: stop at once)")

        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, asked)

    def _hurry(self) -> None:
        """End the process when it was asked to stop and the work does not react (a hanging call).

        Every line may be the last one of a process, so to end here is safe.
        """
        if self._ended.wait(STOPS_SECONDS):
            return
        main = threading.main_thread().ident
        if main is not None:
            signal.pthread_kill(main, signal.SIGINT)  # it hears that when it is at Python again
        if not self._ended.wait(ENDS_SECONDS):
            code = self._cut_short()
            os._exit(int(code))
