"""Results of `open`: what a grant is, what it is of, and what was downloaded."""

from __future__ import annotations

from typing import final

from typing_extensions import TypedDict


@final
class GrantFact(TypedDict):
    """A grant that was opened and found whole; nothing was asked of its host."""

    grant: str
    migration: str
    dataset: str
    whole: bool
    """Whether it is of every object of the dataset."""
    permit: str
    purpose: str
    reader: str
    until: str
    made_at: str
    objects: int
    bytes: int
    endpoint: str
    trusted: bool
    """Whether a key that was named with --trust signed it."""


@final
class GrantedLine(TypedDict):
    """One object of a grant; `bytes` and `sha256` are of what it holds in clear."""

    name: str
    bytes: int
    sha256: str


@final
class Downloaded(TypedDict):
    """What a download left in its folder: every object whole and compared with its digest."""

    grant: str
    out: str
    sealed: bool
    """Whether they are `.c4gh` files, or in clear."""
    objects: int
    bytes: int
    """In clear."""
    already: int
    """Of the objects: those that were there, whole, before."""
    received: int
    """Bytes that the host sent."""
