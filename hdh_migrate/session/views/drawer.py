"""Files beside the ledger that may name objects or hold a pointer's values: their owner's only."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from hdh_migrate.folders import make_private, writing


class FolderDrawer:
    """Keeps such files in one folder; see `pipeline.cutover.scene.Drawer`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def open(self, name: str) -> Iterator[TextIO]:
        """Write a file with mode 0600 that takes its name when it is whole."""
        make_private(self._folder)
        with writing(self._folder / name, replace=True) as file:
            text = io.TextIOWrapper(file, encoding="utf-8", errors="surrogateescape")
            yield text
            text.detach()

    def path(self, name: str) -> str:
        """Return where a file of this name is kept."""
        return str(self._folder / name)
