"""What trusted bundles say of objects that are to be adopted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field
from typing import Protocol

from hdh_migrate.frozen import frozen
from hdh_migrate.model import (
    Stored,
    key_bytes,
)


@frozen
class AdoptionProof:
    """What a trusted bundle says of one object that was verified then."""

    key: str = field(repr=False)
    size: int
    version: str
    modified: str | None
    md5: str | None
    sha256: str
    stored_size: int
    stored_sha256: str
    etag: str
    statement: str
    """Of the bundle: the SHA-256 of its statement."""
    here: bool = True
    """Whether the object lay then where it is looked for now."""

    def of_stored(self, stored: Stored) -> bool:
        """Return whether it is about what the target holds now, as far as can be known unread.

        At another place an object has another ETag: its size alone is compared.
        """
        return self.stored_size == stored.size and (not self.here or self.etag == stored.etag)


class Proofs(Protocol):
    """What trusted bundles say; the newest is asked first."""

    def of(self, dataset: str) -> Iterator[AdoptionProof]:
        """Return what they say of a dataset's objects, in key order, the newest of a key first."""


class ProofsInStep:
    """Looks proofs up in step with a walk over keys in ascending order."""

    def __init__(self, proofs: Iterator[AdoptionProof]) -> None:
        self._proofs = proofs
        self._next = next(proofs, None)

    def of(self, key: str) -> list[AdoptionProof]:
        """Return the proofs of a key, the newest first; those before it are over."""
        wanted, found = key_bytes(key), list[AdoptionProof]()
        while self._next is not None and key_bytes(self._next.key) <= wanted:
            if self._next.key == key:
                found.append(self._next)
            self._next = next(self._proofs, None)
        return found
