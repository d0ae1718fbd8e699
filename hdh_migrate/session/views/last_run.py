"""The last run of a plan, in a file beside the ledger: what it was asked, and how it ended.

A run may end before it has opened its ledger (an expired credential, a target that is refused), and
then the journal cannot tell of it. `status`, metrics and notices read this file; no run depends on
it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import field
from pathlib import Path
from typing import Final

from hdh_migrate.clocks import text_of_seconds
from hdh_migrate.errors import (
    ClocksDiffer,
    Exit,
    LedgerLocked,
    MigrateError,
    NoSpace,
    PlanChanged,
    Starved,
    TargetFull,
    TooEarly,
    Transient,
)
from hdh_migrate.folders import keep, kept, reserve
from hdh_migrate.frozen import mutable
from hdh_migrate.ledger.holding import holder
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.views.past_runs import RunKept, remember
from hdh_migrate.telemetry import redact

FILE: Final = "last-run.json"
BYTES_MAX: Final = 1 << 20
WHY_MAX: Final = 500
ROOM: Final = 8192
"""Bytes, at most, by which the file grows when a run ends: a full disk must not silence that."""


@mutable
class LastRun:
    """What a run was asked and how it ended; `exit` is None while it goes on or when it was killed.

    `began` is None when it was refused before it had the ledger. `until`: when what refused it does
    not hold any more, where that was known. `troubled`: this machine or a store ended it before its
    time, and neither the plan nor people. `unbound`: the plan was not as its ledger binds it.
    """

    pid: int
    steps: Sequence[str]
    batches: Sequence[str]
    began: str | None = None
    ended: str | None = None
    exit: int | None = None
    why: str | None = None
    until: str | None = None
    troubled: bool = False
    unbound: bool = False

    def kept(self) -> RunKept:
        """Return what is kept of it."""
        return {
            "pid": self.pid, "steps": list(self.steps), "batches": list(self.batches),
            "began": self.began, "ended": self.ended, "exit": self.exit, "why": self.why,
            "until": self.until, "troubled": self.troubled, "unbound": self.unbound,
        }  # fmt: skip


@mutable
class LastRunWriter:
    """Writes the file; a failure to write it stops no run."""

    desk: Desk
    run: LastRun
    code: Exit = field(default=Exit.OK)

    def begins(self) -> None:
        """Tell that the ledger is held and the steps begin."""
        self.run.began = self.desk.clock.now()
        self._write()
        reserve(self._path, self._path.stat().st_size + ROOM if self._path.exists() else ROOM)

    def ends(
        self, code: Exit, why: str | None, until: str | None = None, *, troubled: bool = False
    ) -> None:
        """Tell how it ended; of another run under way, the file is left to that one."""
        if self.run.began is None and self._is_anothers():
            return
        self.run.ended, self.run.exit = self.desk.clock.now(), int(code)
        self.run.why = None if why is None else _shortened(redact(why))
        self.run.until, self.run.troubled = until, troubled
        self._write()
        remember(self.desk.ledger_path.parent, self.run.kept())

    def _is_anothers(self) -> bool:
        path = self.desk.ledger_path
        return not path.exists() or holder(path.with_name("lock")) is not None

    def _write(self) -> None:
        keep(self._path, self.run.kept())

    @property
    def _path(self) -> Path:
        return self.desk.ledger_path.with_name(FILE)


@contextmanager
def recording(desk: Desk, steps: Sequence[str], batches: Sequence[str]) -> Iterator[LastRunWriter]:
    """Tell of a run, whatever ends it; its `code` is how it ends when nothing is raised."""
    writer = LastRunWriter(desk=desk, run=LastRun(pid=os.getpid(), steps=steps, batches=batches))
    with _recorded(writer):
        yield writer


@contextmanager
def recording_on(desk: Desk, code: Exit) -> Iterator[LastRunWriter]:
    """Tell how a run ended whose steps ended with a code, once what comes after them is over, too.

    A file that is of another run by now is left to that one.
    """
    known = last_run(desk)
    if known is None or known.pid != os.getpid():
        yield LastRunWriter(desk=desk, run=LastRun(pid=os.getpid(), steps=(), batches=()))
        return
    writer = LastRunWriter(desk=desk, run=known, code=code)
    with _recorded(writer):
        yield writer


@contextmanager
def _recorded(writer: LastRunWriter) -> Iterator[None]:
    try:
        yield
    except LedgerLocked:
        raise
    except MigrateError as error:
        why = "; ".join(line.strip() for line in str(error).splitlines()).replace(":; ", ": ")
        troubled = isinstance(error, (NoSpace, TargetFull, Transient, Starved))
        writer.run.unbound = isinstance(error, PlanChanged)
        writer.ends(error.exit_code, why, _until(error), troubled=troubled)
        raise
    except KeyboardInterrupt:
        writer.ends(Exit.INTERRUPTED, None)
        raise
    except Exception as error:
        writer.ends(Exit.UNEXPECTED, type(error).__name__)  # its words may hold anything
        raise
    writer.ends(writer.code, None)


def _shortened(text: str) -> str:
    """Return a text that says so where its end was left out."""
    return text if len(text) <= WHY_MAX else f"{text[: WHY_MAX - 4].rstrip()} ..."


def _until(error: MigrateError) -> str | None:
    """Return when what refused a run holds no more, where its own words tell that."""
    if isinstance(error, TooEarly):
        return text_of_seconds(error.until)
    return error.until if isinstance(error, ClocksDiffer) else None


def last_run(desk: Desk) -> LastRun | None:
    """Return the last run; None when there was none, or nothing that can be read tells of it."""
    last = kept(desk.ledger_path.with_name(FILE), RunKept, BYTES_MAX)
    if last is None or (last["exit"] is not None and last["exit"] not in set(Exit)):
        return None
    return LastRun(**last)


def is_over_here(desk: Desk) -> bool:
    """Return whether the last run was one of this process, and is over: it writes or waits."""
    last = last_run(desk)
    return last is not None and last.pid == os.getpid() and last.ended is not None
