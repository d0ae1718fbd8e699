"""Who opened which object, when and why: written to a file beside the ledger, then its journal.

A run may hold the ledger for weeks, and somebody may have to read one object back meanwhile. So an
opening is a line of `openings.jsonl` beside the ledger, durable before the object is asked for;
whoever opens the ledger to write takes it into the journal, and a report that cannot is not
written. The lines are a chain of their own, and the ledger remembers where it was taken up to: a
line that is changed or missing in between is seen.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from hdh_migrate.errors import LedgerDamaged, UsageError
from hdh_migrate.events.objects import ObjectOpened
from hdh_migrate.fixity import canonical_json, sha256_hex
from hdh_migrate.folders import sync
from hdh_migrate.jsonform import JsonForm, json_form
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.ledger.holding import withheld

if TYPE_CHECKING:
    from hdh_migrate.evidence.verifier.members import StatedOpening

FILE: Final = "openings.jsonl"
REASON_MAX: Final = 300
LINE_MAX: Final = 8_192

_TAKEN: Final = "openings"
_START: Final = "0" * 64


def reason_of(text: str | None, *, rehearsal: bool) -> str:
    """Return a reason as it is written down, on one line.

    Raises:
        UsageError: there is none, though the object is not a rehearsal's; or it is too long.
    """
    reason = " ".join((text or "").split())
    if not reason and rehearsal:
        return "rehearsal"
    if not reason or len(reason) > REASON_MAX or not reason.isprintable():
        raise UsageError(
            f"say in up to {REASON_MAX} characters why the object is opened",
            hint='add --reason "..."; it goes into the journal and the report, so name nobody',
        )
    return reason


@json_form
class Opening(JsonForm):
    """When and by whom which object, by its id, is opened, and why."""

    at: str
    who: str
    dataset: str
    object: int
    reason: str


@json_form
class Line(Opening):
    """One line of the file; its digest covers the one before it."""

    number: int
    digest: str

    def event(self) -> ObjectOpened:
        """Return what the journal tells of it."""
        return ObjectOpened(
            number=self.number, at=self.at, who=self.who, dataset=self.dataset,
            object=self.object, reason=self.reason,
        )  # fmt: skip


def note(
    ledger_path: Path, taken: str | None, opening: Opening, *, after: str | None = None
) -> str:
    """Write an opening down, durably, before it happens; `taken` is what is `remembered`.

    Return the place of it, which is the next one's `after`: who notes many in a row has what is
    there checked once, as long as nobody else writes in between.

    Raises:
        LedgerDamaged: what was written down before does not check.
        LedgerError: nothing can be written there.
    """
    path = ledger_path.with_name(FILE)
    try:
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        handle = os.open(path, flags, 0o600)
        with os.fdopen(handle, "r+b") as file:
            fcntl.flock(handle, fcntl.LOCK_EX)
            if after is None or not _ends_at(file, after):
                after = _last(path, file, taken)
            number, digest = _place(after)
            number, digest = number + 1, _digest(digest, number + 1, opening)
            line = {"number": number, "digest": digest}
            file.write(canonical_json({**opening.as_json(), **line}) + b"\n")
            file.flush()
            os.fsync(handle)
        sync(path.parent)
    except OSError as error:
        what = "the opening cannot be written down"
        raise withheld(path, what, error, nothing="nothing was opened") from error
    return f"{number} {digest}"


def _last(path: Path, file: IO[bytes], taken: str | None) -> str:
    """Return the place of the last line, after a look at all of them; drop what is not whole.

    Raises:
        LedgerDamaged: what was written down does not check.
    """
    file.seek(0)
    found = _whole(file.read())
    file.truncate(len(found))
    number, digest = _place(taken)
    for one in _checked(path, found, number, digest):
        number, digest = one.number, one.digest
    return f"{number} {digest}"


def _ends_at(file: IO[bytes], place: str) -> bool:
    """Say whether the last line of a file is the whole line at a place in the chain."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - LINE_MAX - 1))
    tail = file.read()
    number, digest = _place(place)
    try:
        line = Line.of_json(json.loads(tail[tail[:-1].rfind(b"\n") + 1 :]))
    except (ValueError, RecursionError):
        return False
    return tail.endswith(b"\n") and (line.number, line.digest) == (number, digest)


def remembered(ledger: SqliteLedger) -> str | None:
    """Return up to where the ledger took openings in."""
    return ledger.meta(_TAKEN)


def take_in(ledger: SqliteLedger, ledger_path: Path) -> None:
    """Take into the journal what was written down since; commits.

    Raises:
        LedgerDamaged: what was written down does not check.
    """
    number, digest = _place(remembered(ledger))
    with ledger.whole():
        for line in _lines(ledger_path.with_name(FILE), number, digest):
            ledger.event(line.event())
            number, digest = line.number, line.digest
        ledger.set_meta(_TAKEN, f"{number} {digest}")
    ledger.commit()


def is_behind(ledger: SqliteLedger, ledger_path: Path) -> bool:
    """Return whether the file has an opening that the journal does not have yet.

    Raises:
        LedgerDamaged: what is written down does not check.
    """
    place = _place(remembered(ledger))
    return next(_lines(ledger_path.with_name(FILE), *place), None) is not None


def opening_facts(ledger: SqliteLedger) -> Iterator[StatedOpening]:
    """Return every opening in the journal, the oldest first."""
    for _, event in ledger.events(ObjectOpened):
        yield {
            "at": event.at, "who": event.who, "dataset": event.dataset, "object": event.object,
            "reason": event.reason,
        }  # fmt: skip


def _place(taken: str | None) -> tuple[int, str]:
    number, _, digest = (taken or f"0 {_START}").partition(" ")
    return int(number), digest


def _lines(path: Path, number: int, digest: str) -> Iterator[Line]:
    """Yield the lines that follow on a place in the chain."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return  # what was there is in the journal, or nothing ever was
    except OSError as error:
        raise LedgerDamaged(f"{path}: cannot be read: {error.strerror}") from error
    with os.fdopen(handle, "rb") as file:
        fcntl.flock(handle, fcntl.LOCK_SH)
        found = _whole(file.read())
    yield from _checked(path, found, number, digest)


def _whole(found: bytes) -> bytes:
    """Leave out a last line that was not written whole: that opening did not happen."""
    return found[: found.rfind(b"\n") + 1]


def _checked(path: Path, found: bytes, number: int, digest: str) -> Iterator[Line]:
    """Yield the lines after a place in the chain; those up to it must lead there.

    The file begins at the start of the chain, or later, if some of what the ledger took in was put
    away.
    """
    before: tuple[int, str] | None = None
    for raw in found.splitlines():
        line = _line(path, raw)
        if before is None and 1 < line.number <= number:
            pass  # those before it were put away; the place judges where this one leads
        else:
            start = (number, digest) if line.number == number + 1 else (0, _START)
            last = before or start
            if line.number != last[0] + 1 or line.digest != _digest(last[1], line.number, line):
                raise _damaged(path)
        before = line.number, line.digest
        if before[0] == number and before[1] != digest:
            raise _damaged(path)
        if before[0] > number:
            yield line
    if before is not None and before[0] < number:
        raise _damaged(path)


def _line(path: Path, raw: bytes) -> Line:
    try:
        line = Line.of_json(json.loads(raw))
        if len(raw) <= LINE_MAX and line.more is None and canonical_json(line.as_json()) == raw:
            return line
    except (ValueError, RecursionError) as error:
        raise _damaged(path) from error
    raise _damaged(path)


def _digest(previous: str, number: int, opening: Opening) -> str:
    values = [number, opening.at, opening.who, opening.dataset, opening.object, opening.reason]
    return sha256_hex(bytes.fromhex(previous) + canonical_json(values))


def _damaged(path: Path) -> LedgerDamaged:
    return LedgerDamaged(f"{path}: a line was changed or is missing")
