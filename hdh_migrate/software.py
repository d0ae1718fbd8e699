"""Which code ran: one digest over the tool's own files; and what installs what it lacks."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import hdh_migrate

_COMPILED = (".pyc", ".pyo")
_AT_ONCE = 1 << 18
_UNQUOTED = str.maketrans("", "", "\"' ")


@cache
def code_digest() -> str:
    r"""Return the SHA-256 over the package's files, as `sha256sum` lists them in path order.

    The same figure, in the folder that holds the package: `find hdh_migrate -type f ! -name
    '*.pyc' | LC_ALL=C sort | xargs -d '\n' sha256sum | sha256sum`.
    """
    package = Path(hdh_migrate.__file__).parent
    above = len(f"{package.parent}/")
    total = hashlib.sha256()
    for path in sorted(_files(str(package))):
        total.update(f"{_digest(path)}  {path[above:]}\n".encode())
    return total.hexdigest()


def _digest(path: str) -> str:
    """Return a file's SHA-256; Python's own files ask for much besides the bytes."""
    digest, file = hashlib.sha256(), os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        while some := os.read(file, _AT_ONCE):
            digest.update(some)
    finally:
        os.close(file)
    return digest.hexdigest()


def _files(folder: str) -> Iterator[str]:
    """Return the paths of a folder's files, in any order; every process does this as it starts.

    As text: five hundred `Path`s would cost a third of what a worker's start costs.
    """
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _files(entry.path)
            elif entry.is_file() and not entry.name.endswith(_COMPILED):
                yield entry.path


def installing(extra: str | None = None) -> str:
    """Return the command that installs what this package, or an extra of it, needs.

    No index need have the package itself: it may be a clone's, or a wheel's.
    """
    from importlib.metadata import PackageNotFoundError, requires  # every process imports this one

    try:
        rows = [one.partition(";") for one in requires("hdh-migrate") or ()]
    except PackageNotFoundError:  # a folder on the path, in which nothing is installed
        return "pip install ." if extra is None else f"pip install '.[{extra}]'"
    whys = ((name.strip(), why.translate(_UNQUOTED)) for name, _, why in rows)
    asked = f"extra=={extra}"
    needs = [name for name, why in whys if (asked in why if extra else "extra==" not in why)]
    return " ".join(["pip install", *(f"'{one}'" for one in needs)])
