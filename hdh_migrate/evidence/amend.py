"""Change one file of a bundle after it was written; a crash leaves the old bundle or the new one.

Two files may change or come later: `statement.json` (a witness signs) and `timestamp.tsr`. With
each goes its line in `SHA256SUMS`. New sums and new file are written beside the old ones, then the
file is renamed into place, then the sums. Whoever holds the bundle next looks at the sums that
were left: if they are those of the files that are there, they move into place, else they go.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hdh_migrate.errors import EvidenceDamaged, NoSpace, UsageError
from hdh_migrate.evidence.archives import no_bundle
from hdh_migrate.evidence.check import sums_text
from hdh_migrate.fixity import sha256_hex
from hdh_migrate.folders import FULL, sync

STATEMENT = "statement.json"
STAMP = "timestamp.tsr"
SUMS = "SHA256SUMS"
LARGEST = 64 << 20

_LATER = (STATEMENT, STAMP)
_LINE = re.compile(r"([0-9a-f]{64})  ([A-Za-z0-9._]+)")


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold a bundle while it is looked at and changed; finish or undo an interrupted change first.

    Raises:
        UsageError: there is no bundle, another command holds it, or it may not be changed.
        NoSpace: the disk is full; the bundle is as it was.
    """
    if not (folder / STATEMENT).is_file() or not (folder / SUMS).is_file():
        raise no_bundle(folder)
    lock = -1
    try:
        lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _settle(folder)
        yield
    except BlockingIOError:
        raise UsageError(
            f"{folder}: another command is changing this bundle", hint="wait for it to end"
        ) from None
    except OSError as error:
        if error.errno in FULL:
            raise NoSpace(
                f"{folder}: no room; the bundle is as it was",
                hint="make room and give the same command again; nothing is lost",
            ) from None
        raise UsageError(f"{folder}: cannot be changed: {error.strerror}") from None
    finally:
        if lock >= 0:
            os.close(lock)


def read_small(path: Path) -> bytes:
    """Return a small file of a bundle.

    Raises:
        EvidenceDamaged: it is larger than such a file can be.
    """
    with path.open("rb") as file:
        data = file.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise EvidenceDamaged(f"{path.name}: too large")
    return data


def amend(folder: Path, name: str, data: bytes) -> None:
    """Put a file into a bundle that is held, with its line in the sums.

    Raises:
        EvidenceDamaged: the sums are not those of a bundle; nothing is changed.
    """
    digests = _sums(read_small(folder / SUMS))
    if digests.get(STATEMENT) != sha256_hex(read_small(folder / STATEMENT)):
        raise EvidenceDamaged(f"{SUMS}: not of this statement, so the bundle is not changed")
    digests[name] = sha256_hex(data)
    try:
        _write(_partial(folder, SUMS), sums_text(digests))
        _write(_partial(folder, name), data)
    except OSError:
        _settle(folder)
        raise
    _partial(folder, name).rename(folder / name)
    sync(folder)
    _settle(folder)


def _settle(folder: Path) -> None:
    for name in _LATER:
        _partial(folder, name).unlink(missing_ok=True)
    partial = _partial(folder, SUMS)
    if not partial.exists():
        return
    try:
        new = _sums(read_small(partial))
    except EvidenceDamaged:  # cut short by the crash
        new = {}
    there = {
        name: sha256_hex(read_small(folder / name)) for name in _LATER if (folder / name).exists()
    }
    if there == {name: digest for name, digest in new.items() if name in _LATER}:
        partial.rename(folder / SUMS)
    else:
        partial.unlink()
    sync(folder)


def _sums(text: bytes) -> dict[str, str]:
    found = [_LINE.fullmatch(line) for line in text.decode("ascii", "replace").splitlines()]
    digests = {match[2]: match[1] for match in found if match is not None}
    if sums_text(digests) != text:
        raise EvidenceDamaged(f"{SUMS}: not the sums of a bundle")
    return digests


def _partial(folder: Path, name: str) -> Path:
    return folder / f".{name}.partial"


def _write(partial: Path, data: bytes) -> None:
    handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
