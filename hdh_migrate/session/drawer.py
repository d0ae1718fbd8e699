"""Files beside the ledger that may name objects or hold a pointer's values: their owner's only."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from hdh_migrate.folders import make_private, sync


class Drawer:
    """Keeps them in one folder; see `pipeline.cutover.scene.Drawer`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def open(self, name: str) -> Iterator[TextIO]:
        """Write a file with mode 0600 that takes its name when it is whole."""
        make_private(self._folder)
        partial = self._folder / f".{name}.partial"
        partial.unlink(missing_ok=True)
        handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8", errors="surrogateescape") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.rename(self._folder / name)
        sync(self._folder)

    def path(self, name: str) -> str:
        """Return where a file of this name is kept."""
        return str(self._folder / name)
