"""The sidecar of a dataset: what its contract wants kept and no target holds beside an object.

JSON Lines, cut into files that are objects of the dataset like all others (`own_files`).
docs/fidelity.md tells the form of a line.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from hdh_migrate.fidelity import Contract, Way, of_object
from hdh_migrate.fixity import canonical_json
from hdh_migrate.model import SIDECAR, DatasetRow, Ruled, State, key_bytes
from hdh_migrate.pipeline.line_names import key_of, named
from hdh_migrate.pipeline.own_files.own_files import FLUSH, OwnFiles
from hdh_migrate.pipeline.rules.placing import Placing
from hdh_migrate.pipeline.rules.ruling import DIRECTORY

__all__ = ["FLUSH", "FORMAT", "RENEWED", "Sidecars", "key_of", "named"]

FORMAT: Final = "urn:hdh-migrate:sidecar:v1"
RENEWED: Final = "sidecar/"
"""How the ledger's memory begins the name of the last event that a dataset's sidecar knows."""


class Sidecars(OwnFiles):
    """Makes the sidecars of datasets, and keeps them what the ledger's rows say."""

    def prefix(self, dataset: DatasetRow) -> str:
        """Return how the keys begin of the files of a dataset's sidecar."""
        return self._ctx.route(dataset).sidecar(dataset.name)

    def renew(self, dataset: DatasetRow) -> bool:
        """Let every file wait whose bytes are to be other ones than were sent; False: none does.

        Reads the rows only if the inventory changed since it did so last.
        """
        ledger, contract = self._ctx.ledger, self._ctx.contracts.get(dataset.name)
        if contract is None or not _wants(contract):
            return False
        known = ledger.meta(RENEWED + dataset.name)
        if known is not None and not ledger.changed_after(dataset.name, int(known)):
            return False
        waits = self.pin_all(dataset)
        ledger.set_meta(RENEWED + dataset.name, str(ledger.length()))
        ledger.commit()
        return waits

    def head(self, dataset: DatasetRow) -> bytes:
        """Return the first line of each file."""
        return canonical_json({"dataset": dataset.name, "format": FORMAT}) + b"\n"

    def lines(self, dataset: DatasetRow, start: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Yield (key, line) of each object of which something is kept here."""
        placing = self._ctx.placing(dataset)
        for portion in self._ctx.ledger.ruled(dataset.id, start):
            for one in portion:
                if (line := self._line(one, placing)) is not None:
                    yield key_bytes(one.entry.obj.key), line

    def _line(self, one: Ruled, placing: Placing) -> bytes | None:
        """Return the line of an object, None where there is nothing to keep of it here."""
        obj = one.entry.obj
        if obj.kind == SIDECAR:
            return None
        line: dict[str, object] = {"version": obj.version}
        if one.state is State.EXCLUDED:
            if one.reason != DIRECTORY or placing.contract.directories is not Way.SIDECAR:
                return None
            line["directory"] = True
            line["features"] = {feature.name: dict(one) for feature, one in of_object(obj)}
        else:
            sidecar = placing.of(obj).sidecar
            if not sidecar:
                return None
            line["features"] = {name: dict(fields) for name, fields in sidecar.items()}
        return canonical_json(line | named(obj.key)) + b"\n"


def _wants(contract: Contract) -> bool:
    """Say whether a contract may put anything into a sidecar."""
    return Way.SIDECAR in {*contract.ways.values(), contract.directories, contract.overflow}
