"""Copy the ledger: by hand at any time, and by a run when a batch is done."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hdh_migrate.errors import Exit, MigrateError, UsageError
from hdh_migrate.folders import demand_unshared
from hdh_migrate.ledger.copies import KEPT, Copy, write_copy
from hdh_migrate.results.ledgers import LedgerCopy
from hdh_migrate.session.desk import Desk


def backup(desk: Desk, to: Path | None, keep: int | None) -> LedgerCopy:
    """Copy the ledger, and what lies beside it, into a new folder; a run may be under way.

    Raises:
        UsageError: no run has begun here, or nothing says where copies go.
        Refused: others could exchange what lies there.
        BackupFailed, NoSpace: it cannot be written there.
        LedgerDamaged: what was copied does not check.
    """
    planned = desk.loaded.plan.backup
    folder = to or folder_of(desk)
    if folder is None:
        raise UsageError(
            "nothing says where the copy goes",
            hint="give --to DIR, or name a folder in the plan: `backup: {folder: ...}`",
        )
    if folder.exists() and not folder.is_dir():
        raise UsageError(
            f"{folder}: is no folder, so no copy of the ledger was made",
            hint="name a folder; each copy is a folder of its own in it",
        )
    demand_unshared(folder.absolute(), {desk.loaded.path.stat().st_uid})
    desk.read_ledger().close()
    made = _copied(desk, folder, keep or (KEPT if planned is None else planned.keep))
    return {
        "folder": str(made.folder),
        "ledger": made.standing.ledger,
        "events": made.standing.events,
        "head": made.standing.head,
        "bytes": made.size,
        "removed": [str(one) for one in made.removed],
    }


def folder_of(desk: Desk) -> Path | None:
    """Return where the plan says that copies go, None when it does not."""
    planned = desk.loaded.plan.backup
    return None if planned is None else desk.loaded.base / planned.folder


BEFORE_ANYTHING = frozenset(
    {Exit.USAGE, Exit.REFUSED, Exit.APPROVAL_MISSING, Exit.AUTH, Exit.DAMAGED, Exit.LOCKED}
)
"""How a verb ends that has done nothing which a copy is for."""


@contextmanager
def copied_after(desk: Desk) -> Iterator[None]:
    """Copy the ledger, where the plan says so, when what is done inside has changed it.

    The fences are told, too: a deletion at the source by who holds its credential no more by then.

    Pointer values, consents and what was decided stand in the ledger alone, and a verb other than
    `run` may be the last for months. A copy that cannot be made is reported and changes nothing.
    """
    try:
        yield
    except MigrateError as error:
        if error.exit_code not in BEFORE_ANYTHING:
            _after(desk)
        raise
    _after(desk)


def _after(desk: Desk) -> None:
    from hdh_migrate.session.policy.fence_told import tell_fences  # brings what asks a target

    Backups(desk).take()
    tell_fences(desk)


class Backups:
    """The copies of one run: a copy that cannot be made is reported, and the run goes on."""

    def __init__(self, desk: Desk) -> None:
        self._desk, self._folder = desk, folder_of(desk)
        self.failed = False
        """Whether the last copy could not be made."""
        self.wanted = False
        """Whether there was anything done that a copy at the end is for."""

    @contextmanager
    def at_end(self, *, unless_well: bool) -> Iterator[None]:
        """Make a copy at the end of what is done inside, whatever ended it."""
        try:
            yield
        except MigrateError:
            if self.wanted:
                self.take()
            raise
        if not unless_well:
            self.take()

    def take(self) -> None:
        """Make a copy if the plan asks for them; never raises for what the copy's disk does."""
        planned = self._desk.loaded.plan.backup
        if planned is None or self._folder is None or not self._desk.ledger_path.exists():
            return
        if self._desk.stop.is_set():
            return  # who wants the run to end does not wait for a copy of it
        try:
            _copied(self._desk, self._folder, planned.keep)
        except MigrateError as error:
            self.failed = True
            self._desk.progress.note(f"backup: {error}; what was begun went on without")
        else:
            self.failed = False

    def judged(self, code: Exit) -> Exit:
        """Return a run's exit code: one without a copy that the plan asks for is not all well."""
        return Exit.FINDINGS if self.failed and code is Exit.OK else code


def _copied(desk: Desk, folder: Path, keep: int) -> Copy:
    return write_copy(desk.ledger_path, folder, desk.clock, keep=keep, stopped=desk.stop.is_set)
