"""The verifier by a way that is not a bundle's: its files out of this package, and their digest."""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from pathlib import Path

from hdh_migrate.errors import UsageError
from hdh_migrate.evidence.verifier.verify import CODE
from hdh_migrate.folders import unwritten


def verifier_digest() -> str:
    """Return the SHA-256 over the verifier's files, as `sha256sum *.py | sha256sum` prints it.

    It is the same in every release with the same verifier, and is published with each.
    """
    total = hashlib.sha256()
    for name in sorted(CODE):
        total.update(f"{hashlib.sha256(_content(name)).hexdigest()}  {name}\n".encode())
    return total.hexdigest()


_NEW = "name a new folder with --out, where you may write"


def write_verifier(folder: Path) -> list[str]:
    """Write the verifier's files into a new folder and return their names.

    Raises:
        UsageError: the folder exists, or cannot be written.
        NoSpace: the disk is full; no part of a verifier is left there.
    """
    made: list[Path] = []
    try:
        folder.mkdir(parents=True)
        for name in sorted(CODE):
            with (folder / name).open("xb") as file:
                made.append(folder / name)
                file.write(_content(name))
                os.fsync(file.fileno())
    except FileExistsError:
        raise UsageError(f"{folder}: exists", hint=_NEW) from None
    except OSError as error:
        # Half of a verifier is none, and would be in the way of a whole one.
        with suppress(OSError):
            for path in made:
                path.unlink()
            folder.rmdir()
        raise unwritten(folder, error, hint=_NEW) from None
    return sorted(CODE)


def _content(name: str) -> bytes:
    return Path(__file__).with_name(name).read_bytes()
