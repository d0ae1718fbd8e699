"""The file beside the ledger through which people tell a run something while it holds the ledger.

Whoever writes holds a lock of its own for a moment; who reads needs none, for the file is replaced
as a whole. It stays when a run is killed. The journal tells of each instruction once a run has
taken it in (`pipeline.pace.course`); what it has told, and counts no more, is then taken out.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NotRequired, TypedDict

from hdh_migrate.clocks import utc_seconds_of
from hdh_migrate.errors import LedgerDamaged, Refused
from hdh_migrate.folders import make_private, write_whole
from hdh_migrate.jsonform import typed_dict
from hdh_migrate.ledger.holding import opened, withheld
from hdh_migrate.model import Instruction, InstructionKind

FILE: Final = "instructions.json"
LOCK: Final = "instructions.lock"
BYTES_MAX: Final = 1_000_000
WAITING_MAX: Final = 200
"""Instructions that no run has taken in."""
RATE_MAX: Final = 10**12
TEXT_MAX: Final = 1000


class _InstructionKept(TypedDict):
    id: str
    kind: InstructionKind
    user: str
    at: str
    rate: NotRequired[int | None]
    until: NotRequired[str | None]
    reason: NotRequired[str | None]


class _InstructionsKept(TypedDict):
    version: int
    instructions: list[_InstructionKept]


class InstructionFile:
    """The instructions of one migration, in the order in which they were given."""

    def __init__(self, ledger: Path) -> None:
        """The file stands beside the ledger; nothing is read yet."""
        self._path = ledger.with_name(FILE)
        self._seen: tuple[int, int, int] | None = None
        self._read: tuple[Instruction, ...] = ()

    def read(self) -> tuple[Instruction, ...]:
        """Return what was said; costs no more than a look at the file while nobody says more.

        Raises:
            LedgerDamaged: the file is not as it was written.
        """
        try:
            seen = self._path.stat()
        except FileNotFoundError:
            self._seen, self._read = None, ()
            return ()
        except OSError as error:
            raise self._broken(error.strerror or "") from error
        stamp = (seen.st_ino, seen.st_mtime_ns, seen.st_size)
        if stamp != self._seen:
            self._read, self._seen = self._parsed(), stamp
        return self._read

    def add(self, said: Instruction) -> None:
        """Say something; it is on the disk when this returns.

        Raises:
            LedgerError: the file cannot be written.
            Refused: too many instructions wait for a run.
        """
        with self._locked():
            before = self.read()
            if len(before) >= WAITING_MAX:
                raise Refused(
                    f"{WAITING_MAX} instructions wait for a run to take them in",
                    hint="nothing was said; start a run, which journals them",
                )
            self._write([*before, said])

    def forget(self, ids: Collection[str]) -> None:
        """Take out what the journal tells of and what counts no more.

        Raises:
            LedgerError: the file cannot be written.
        """
        with self._locked():
            before = self.read()
            left = [one for one in before if one.id not in ids]
            if len(left) < len(before):
                self._write(left)

    def redate(self, heard: Instruction) -> None:
        """Keep an instruction as it was heard; see `Instruction.heard`.

        Raises:
            LedgerError: the file cannot be written.
        """
        with self._locked():
            before = self.read()
            self._write([heard if one.id == heard.id else one for one in before])

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            make_private(self._path.parent)
        except OSError as error:
            raise withheld(self._path.parent, "cannot be made", error) from error
        lock = self._path.with_name(LOCK)
        handle = opened(lock)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX)
            except OSError as error:
                raise withheld(
                    lock, "cannot be locked", error, nothing="nothing was said"
                ) from error
            yield
        finally:
            os.close(handle)

    def _write(self, all_of_them: Sequence[Instruction]) -> None:
        value = _InstructionsKept(version=1, instructions=list(map(_as_json, all_of_them)))
        try:
            write_whole(self._path, json.dumps(value, indent=1).encode() + b"\n", replace=True)
        except OSError as error:
            raise withheld(
                self._path, "cannot be written", error, nothing="nothing was said"
            ) from error

    def _parsed(self) -> tuple[Instruction, ...]:
        try:
            with self._path.open("rb") as file:
                text = file.read(BYTES_MAX + 1)
            if len(text) > BYTES_MAX:
                raise self._broken("it is longer than we write it")
            value = typed_dict(_InstructionsKept, json.loads(text))
            if value["version"] != 1:
                raise self._broken("it is of another version")
            return tuple(map(_read, value["instructions"]))
        except OSError as error:
            raise self._broken(error.strerror or "") from error
        except (ValueError, RecursionError):
            raise self._broken("it is not of its form") from None

    def _broken(self, why: str) -> LedgerDamaged:
        return LedgerDamaged(
            f"{self._path}: cannot be read: {why}",
            hint="nothing more is begun while it is not known who paused this; look at the file,"
            " and move it away when nobody did: pauses and limits in it are void then",
        )


def _as_json(said: Instruction) -> _InstructionKept:
    found = _InstructionKept(id=said.id, kind=said.kind, user=said.user, at=said.at)
    if said.rate is not None:
        found["rate"] = said.rate
    if said.until is not None:
        found["until"] = said.until
    if said.reason is not None:
        found["reason"] = said.reason
    return found


def _read(said: _InstructionKept) -> Instruction:
    """Take an instruction from the file."""
    found = Instruction(**said)
    texts = (found.id, found.user, found.at, found.until or "", found.reason or "")
    if max(map(len, texts)) > TEXT_MAX:
        raise ValueError("a text is too long")
    utc_seconds_of(found.at)
    if found.until is not None:
        utc_seconds_of(found.until)
    limits = found.kind is InstructionKind.LIMIT
    if limits is not (found.rate is not None and 0 < found.rate <= RATE_MAX):
        raise ValueError("a limit, and nothing else, has a rate")
    return found
