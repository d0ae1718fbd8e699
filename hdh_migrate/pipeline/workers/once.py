"""One plaintext at one place under one data key: checked before sealed bytes leave the process.

The nonce of a segment follows from its place, so two plaintexts at one place under one key would
betray both (docs/decisions/0026-sealed-once.md). What is sealed is therefore recorded by its
digest, durably, before its first byte is sent; whoever seals that part again, in this process or
in another one a month later, must have the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from hdh_migrate.errors import BytesChanged, Stopped
from hdh_migrate.orders import PartItem
from hdh_migrate.ports.work import Record
from hdh_migrate.receipts import SealIntent


class Once:
    """The plaintext of one part that was sealed, or is about to be, under its object's data key.

    It is known as the SHA-256 of the part's first so many bytes; `part.sealed` is what the ledger
    knows.
    """

    def __init__(self, part: PartItem, record: Record) -> None:
        self._part, self._record = part, record
        self._known = dict(part.sealed)

    def steps(self, sizes: Iterable[int]) -> list[int]:
        """Return these sizes and those that are known, in order, each once."""
        return sorted({*sizes, *self._known})

    def in_steps(self, size: int) -> bool:
        """Return whether less than the whole part of this size is known."""
        return any(known < size for known in self._known)

    def foresees(self, sizes: Iterable[int]) -> bool:
        """Return whether each step up to one of these sizes can be judged before it leaves."""
        last = max(self._known, default=0)
        return all(size in self._known for size in sizes if size < last)

    def foresee(self, found: Mapping[int, str]) -> None:
        """Demand these digests from now on, once what is known is found among them.

        Raises:
            BytesChanged: it is not.
        """
        for size, sha256 in self._known.items():
            if found.get(size) != sha256:
                raise _changed()
        self._known = dict(found)

    def demand(self, size: int, sha256: str) -> None:
        """Return when the part may leave up to this size.

        Raises:
            BytesChanged: other plaintext was sealed here, or may have been.
            Stopped: the coordinator expects this part no more.
        """
        known = self._known.get(size)
        if known is None:
            self._keep(size, sha256)
            self._known[size] = sha256
        elif known != sha256:
            raise _changed()

    def _keep(self, size: int, sha256: str) -> None:
        part = self._part
        intent = SealIntent(
            id=part.id, attempt=part.attempt, number=part.number, size=size, sha256=sha256
        )
        if not self._record(intent):
            raise Stopped("the coordinator expects this part no more")


def _changed() -> BytesChanged:
    return BytesChanged("the source gave other bytes under the same version")
