"""What the sidecar that another ledger left says of objects, for the one that adopts them.

Of an object that the source lists no more nothing else says it; and a sidecar's files are made anew
of the ledger's rows, so what these do not know would be gone for good.
"""

from __future__ import annotations

from typing import Final

from hdh_migrate.fidelity import described
from hdh_migrate.model import DatasetRow, ObjectInfo, Place, Stored
from hdh_migrate.pipeline.context import Context
from hdh_migrate.pipeline.own_files.sidecar_lines import UNREADABLE, SidecarLines

FILE_MAX: Final = 64 << 20
"""Stored bytes; a file has some 4 MiB."""


class EarlierSidecar:
    """The sidecar of one dataset, as it lies at the target; nothing is written."""

    def __init__(self, ctx: Context, dataset: DatasetRow) -> None:
        """Read where each file begins and ends.

        Raises:
            StorageError: the target does not answer, or refuses.
        """
        self._ctx, self._route = ctx, ctx.route(dataset)
        self._lines = SidecarLines[Stored](dataset.name, self._opened)
        self._shut = 0
        begins = self._route.target_key(self._route.sidecar(dataset.name))
        place = Place(
            bucket=self._route.target.bucket, prefix=begins.removesuffix(self._route.suffix)
        )
        for stored in ctx.retry(lambda: list(ctx.reader.keys(place))):
            try:
                for _ in self._lines.learn(stored):
                    pass  # folder markers are no objects
            except UNREADABLE:
                self._shut += 1

    @property
    def unreadable(self) -> int:
        """How many files do not open, or are no files of it."""
        return self._shut + self._lines.unreadable

    def completed(self, obj: ObjectInfo) -> ObjectInfo:
        """Return an object with what the sidecar says of this version of it; each is asked once."""
        line = self._lines.line(obj.key)
        if line is None or line.get("version") != obj.version:
            return obj
        return described(obj, line["features"])

    def _opened(self, stored: Stored) -> bytes:
        if stored.size > FILE_MAX:
            raise ValueError("more than a file of a sidecar has")
        body = bytearray()

        def read() -> Stored:
            body.clear()
            return self._ctx.reader.read(self._route.target.bucket, stored, None, body.extend)

        self._ctx.retry(read)
        return self._ctx.envelopes.own.whole(bytes(body))
