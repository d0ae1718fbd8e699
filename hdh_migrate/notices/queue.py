"""Documents that wait to be delivered, in files beside the ledger: they survive the process.

What stands there was noticed and is to be sent. A document that was taken leaves an outcome in its
place, until the journal has it. Names of files are made of ids, so the same thing waits once.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, Self, TypedDict, TypeGuard

from hdh_migrate.clocks import seconds_of
from hdh_migrate.errors import Refused
from hdh_migrate.fixity import canonical_json
from hdh_migrate.folders import make_private, write_whole
from hdh_migrate.frozen import frozen

FOLDER: Final = "notices"
WAITING_MAX: Final = 1_000
"""So many documents wait for one channel; beyond, new ones are given up at once."""

_BYTES_MAX: Final = 65_536
_FILE: Final = re.compile(r"([a-z0-9-]{1,40})\.([0-9a-f]{32})\.(waits|told)")
_MEMORY: Final = "memory.json"


class NoticeMemory(TypedDict, total=False):
    """What is kept of the last look; nothing of it: nobody has looked yet."""

    standing: list[str]
    """By their keys, what was so then."""
    turn: int
    """How many looks led to something."""


@frozen
class WaitingNotice:
    """One document on its way to one channel."""

    channel: str
    notice: str
    """The id of the document."""
    noticed: str
    """When it was noticed: RFC 3339 in UTC."""
    document: bytes
    tries: int = 0
    why: str | None = None
    """Why the last try failed."""


@frozen
class NoticeOutcome:
    """What came of a document, and is to be journalled."""

    channel: str
    notice: str
    type: str
    tries: int
    why: str | None
    """None: it was taken; else why it was given up."""


class NoticeQueue:
    """The queue of one migration. Only who holds its lock may send from it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @classmethod
    def beside(cls, ledger: Path) -> Self:
        """Return the queue that belongs to a ledger; it makes nothing before something waits."""
        return cls(ledger.with_name(FOLDER))

    @property
    def folder(self) -> Path:
        """The folder in which notices wait."""
        return self._folder

    def make(self) -> None:
        """Make the folder unless it is there.

        Raises:
            Refused: it cannot be made.
        """
        try:
            make_private(self._folder)
        except OSError as error:
            raise self._refusal(error) from error

    def add(self, one: WaitingNotice) -> bool:
        """Have a document wait; return whether it is new. It is on the disk when this returns.

        Raises:
            Refused: it cannot be written.
        """
        self.make()
        try:
            write_whole(self._path(one.channel, one.notice, "waits"), _text(one))
        except FileExistsError:
            return False
        except OSError as error:
            raise self._refusal(error) from error
        return True

    def waiting(self) -> list[WaitingNotice]:
        """Return what waits, the oldest first; what cannot be read is no document."""
        found = [self._read(path) for path, _, _ in self._files("waits")]
        return sorted(
            (one for one in found if one is not None), key=lambda one: (one.noticed, one.notice)
        )

    def failed(self, one: WaitingNotice, why: str) -> WaitingNotice:
        """Keep that a try failed; return the document as it waits now."""
        again = WaitingNotice(
            channel=one.channel, notice=one.notice, noticed=one.noticed, document=one.document,
            tries=one.tries + 1, why=why,
        )  # fmt: skip
        with suppress(OSError):  # then it is tried with what was known before
            write_whole(self._path(one.channel, one.notice, "waits"), _text(again), replace=True)
        return again

    def ended(self, one: WaitingNotice, why: str | None) -> None:
        """Put an outcome in the place of a document: it was taken, or given up for a reason.

        Where the disk does not take that, the document goes on waiting.
        """
        value = {"type": json.loads(one.document)["type"], "tries": one.tries + (why is None),
                "why": why}  # fmt: skip
        with suppress(OSError):
            write_whole(
                self._path(one.channel, one.notice, "told"), canonical_json(value), replace=True
            )
            self._path(one.channel, one.notice, "waits").unlink(missing_ok=True)

    def outcomes(self) -> list[NoticeOutcome]:
        """Return what is to be journalled."""
        found = []
        for path, channel, notice in self._files("told"):
            with suppress(OSError, ValueError, KeyError, TypeError):
                value = json.loads(path.read_bytes())
                why = None if value["why"] is None else str(value["why"])
                found.append(
                    NoticeOutcome(
                        channel=channel,
                        notice=notice,
                        type=str(value["type"]),
                        tries=int(value["tries"]),
                        why=why,
                    )
                )
        return found

    def journalled(self, one: NoticeOutcome) -> None:
        """Forget an outcome that the journal has; one that stays is found to be known again."""
        with suppress(OSError):
            self._path(one.channel, one.notice, "told").unlink(missing_ok=True)

    def memory(self) -> NoticeMemory:
        """Return what was kept of the last look; empty when there is nothing to be read."""
        with suppress(OSError, ValueError):
            value = json.loads((self._folder / _MEMORY).read_bytes())
            if _is_memory(value):
                return value
        return {}

    def remember(self, value: NoticeMemory) -> None:
        """Keep what was looked at, after all that it led to waits.

        Raises:
            Refused: it cannot be written.
        """
        self.make()
        try:
            write_whole(self._folder / _MEMORY, canonical_json(value), replace=True)
        except OSError as error:
            raise self._refusal(error) from error

    def _refusal(self, error: OSError) -> Refused:
        return Refused(f"{self._folder}: cannot be written: {error.strerror}")

    def _files(self, state: str) -> Iterator[tuple[Path, str, str]]:
        with suppress(OSError):  # what cannot be looked at is said when something is to wait there
            for path in sorted(self._folder.iterdir()):
                found = _FILE.fullmatch(path.name)
                if found is not None and found[3] == state:
                    yield path, found[1], found[2]

    def _path(self, channel: str, notice: str, state: str) -> Path:
        return self._folder / f"{channel}.{notice}.{state}"

    def _read(self, path: Path) -> WaitingNotice | None:
        found = _FILE.fullmatch(path.name)
        assert found is not None, "only such files are read"
        try:
            with path.open("rb") as file:
                value = json.loads(file.read(_BYTES_MAX))
            seconds_of(value["noticed"])
            return WaitingNotice(
                channel=found[1], notice=found[2], noticed=str(value["noticed"]),
                document=canonical_json(value["document"]), tries=int(value["tries"]),
                why=None if value["why"] is None else str(value["why"]),
            )  # fmt: skip
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None


def _is_memory(value: object) -> TypeGuard[NoticeMemory]:
    return (
        isinstance(value, dict)
        and isinstance(value.get("standing"), list)
        and all(isinstance(key, str) for key in value["standing"])
        and type(value.get("turn")) is int
    )


def _text(one: WaitingNotice) -> bytes:
    return canonical_json(
        {
            "noticed": one.noticed,
            "document": json.loads(one.document),
            "tries": one.tries,
            "why": one.why,
        }
    )
