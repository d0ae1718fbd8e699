"""Header packs: what opens the objects of a dataset whose headers are detached, as files of it.

JSON Lines, cut into files that are objects of the dataset like all others (`own_files`): each is
sealed alone for the stewards, sent, read back and listed in the manifest. A line wraps nothing: it
has the data key itself, for the file around it is sealed. docs/header-packs.md tells the form.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence

from hdh_migrate.fixity import canonical_json
from hdh_migrate.model import DatasetRow, PackedObject, key_bytes
from hdh_migrate.pipeline.line_names import named
from hdh_migrate.pipeline.own_files.own_files import OwnFiles
from hdh_migrate.pipeline.packed import FORMAT


class HeaderPacks(OwnFiles):
    """Makes the header packs of datasets, and keeps them what the ledger's headers are."""

    def prefix(self, dataset: DatasetRow) -> str:
        """Return how the keys begin of a dataset's packs."""
        return self._ctx.route(dataset).header_packs(dataset.name)

    def renew(self, dataset: DatasetRow) -> bool:
        """Let every pack wait that would be another one now; False: none does.

        Reads the rows only if an object has a header that no pack was made of; where headers stand
        in front of their objects none ever has.
        """
        ledger = self._ctx.ledger
        if not ledger.has_unpacked(dataset.id):
            return False
        waits = self.pin_all(dataset)
        ledger.note_packed(dataset.id)
        ledger.commit()
        return waits

    def renew_near(self, dataset: DatasetRow, keys: Sequence[bytes]) -> None:
        """Let the packs wait that hold these keys, which are all that have other headers now."""
        self.pin_near(dataset, sorted(keys))
        self._ctx.ledger.note_packed(dataset.id)
        self._ctx.ledger.commit()

    def renew_all(self, dataset: DatasetRow) -> None:
        """Let every pack wait that would be another one now, whatever was noted."""
        self.pin_all(dataset)
        self._ctx.ledger.note_packed(dataset.id)
        self._ctx.ledger.commit()

    def head(self, dataset: DatasetRow) -> bytes:
        """Return the first line of each pack."""
        target = self._ctx.route(dataset).target
        return (
            canonical_json({"bucket": target.bucket, "dataset": dataset.name, "format": FORMAT})
            + b"\n"
        )

    def lines(self, dataset: DatasetRow, start: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Yield (key, line) of each object at the target that has a detached header."""
        for portion in self._ctx.ledger.packable(dataset.id, start):
            for one in portion:
                yield key_bytes(one.key), self._line(dataset, one)

    def _line(self, dataset: DatasetRow, one: PackedObject) -> bytes:
        line = {
            "data_key": base64.b64encode(self._ctx.envelopes.data_key(one.header)).decode(),
            "etag": one.etag, "length": one.size, "sealed": one.stored_size,
            "target_key": self._ctx.route(dataset).target_key(one.key),
            "version": one.version_id,
        }  # fmt: skip
        return canonical_json(line | named(one.key)) + b"\n"
