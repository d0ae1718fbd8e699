"""Which code ran: one digest over the tool's own files, which anybody can compute again."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

import hdh_migrate

_COMPILED = (".pyc", ".pyo")


@cache
def code_digest() -> str:
    r"""Return the SHA-256 over the package's files, as `sha256sum` lists them in path order.

    The same figure, in the folder that holds the package: `find hdh_migrate -type f ! -name
    '*.pyc' | LC_ALL=C sort | xargs -d '\n' sha256sum | sha256sum`.
    """
    package = Path(hdh_migrate.__file__).parent
    total = hashlib.sha256()
    names = sorted(
        path.relative_to(package.parent).as_posix()
        for path in package.rglob("*")
        if path.is_file() and path.suffix not in _COMPILED
    )
    for name in names:
        digest = hashlib.sha256((package.parent / name).read_bytes()).hexdigest()
        total.update(f"{digest}  {name}\n".encode())
    return total.hexdigest()
