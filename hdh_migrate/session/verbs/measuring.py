"""Tell a run's numbers to Prometheus while it goes on: in a file, and at a port of this machine.

Who cannot be reached refuses the run before it begins; what fails later stops nothing.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Final

from hdh_migrate.errors import MigrateError, Refused, UsageError
from hdh_migrate.folders import write_whole
from hdh_migrate.plan.watching import is_collected
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.meanwhile import meanwhile
from hdh_migrate.session.views.metrics import metrics_text

_PUBLIC: Final = 0o644
"""The collector is another user; nothing in these numbers is a secret or names an object."""

_LOOK_SECONDS: Final = 0.1
"""How often the port looks whether the run is over; who ends it waits for no more than that."""

Sink = Callable[[bytes], None]


def write_metrics(desk: Desk, file: Path) -> None:
    """Write all of it into a file, as a whole.

    Raises:
        UsageError: a collector would not read a file of this name.
        Refused: it cannot be written.
    """
    _demand_name(file)
    _to_file(file, metrics_text(desk))


@contextmanager
def measured(desk: Desk, file: Path | None = None) -> Iterator[None]:
    """Tell numbers for as long as what is inside goes on, and once more when it is over.

    `file` stands in for the plan's. Where neither says anything, nothing is done.

    Raises:
        UsageError, Refused: nobody can be reached there; nothing was begun.
    """
    planned = desk.loaded.plan.metrics
    if file is None and planned is not None and planned.file is not None:
        file = desk.loaded.base / planned.file
    with ExitStack() as stack:
        sinks: list[Sink] = []
        if file is not None:
            _demand_name(file)
            sinks.append(partial(_to_file, file))
        if planned is not None and planned.port is not None:
            sinks.append(stack.enter_context(_port(planned.port)))
        if sinks:
            stack.enter_context(
                _publishing(desk, sinks, 15 if planned is None else planned.seconds)
            )
        yield


@contextmanager
def _publishing(desk: Desk, sinks: Sequence[Sink], seconds: float) -> Iterator[None]:
    said = set[str]()

    def publish() -> None:
        with _noted(_say):
            text = metrics_text(desk)
            for sink in sinks:
                with _noted(_say):  # a full disk does not silence the port
                    sink(text)

    def _say(why: str) -> None:
        if why not in said:
            said.add(why)
            desk.progress.note(f"metrics: {why}; the run goes on")

    try:
        text = metrics_text(desk)
    except MigrateError:  # of a ledger that cannot be read the run tells, and leaves word of it
        yield
        return
    for sink in sinks:
        sink(text)
    with meanwhile(publish, seconds, "metrics"):
        yield


@contextmanager
def _noted(say: Callable[[str], None]) -> Iterator[None]:
    """Say what fails, and go on: who looks on must not end what it looks at."""
    try:
        yield
    except MigrateError as error:
        say(str(error))
    except Exception as error:  # noqa: BLE001 - see above
        say(type(error).__name__)


def _demand_name(file: Path) -> None:
    if not is_collected(file.name):
        raise UsageError(
            f"--metrics-file {file}: must end with .prom",
            hint="node_exporter's textfile collector reads only such names",
        )


def _to_file(file: Path, text: bytes) -> None:
    try:
        write_whole(file, text, mode=_PUBLIC, replace=True)
    except OSError as error:
        raise Refused(
            f"metrics file {file}: cannot be written: {_why(error)}",
            hint="nothing was moved; correct --metrics-file, or `metrics.file` in the plan",
        ) from error


@contextmanager
def _port(port: int) -> Iterator[Sink]:
    """Answer at a port of this machine with the numbers of the last look."""
    from hdh_migrate.session.verbs.loopback import HERE, LoopbackServer  # dear: an HTTP server

    try:
        server = LoopbackServer(port)
    except OSError as error:
        raise Refused(
            f"metrics port {port} of {HERE}: cannot be had: {_why(error)}",
            hint="nothing was moved; another run may have it: give the plan another `metrics.port`",
        ) from error
    threading.Thread(
        target=server.serve_forever, args=(_LOOK_SECONDS,), name="metrics-port", daemon=True
    ).start()
    try:
        yield server.take
    finally:
        server.shutdown()
        server.server_close()


def _why(error: OSError) -> str:
    return os.strerror(error.errno).lower() if error.errno else type(error).__name__
