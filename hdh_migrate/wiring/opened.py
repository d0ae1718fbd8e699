"""What is opened for one purpose, with the connections that nothing else has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from hdh_migrate.transport import Transport

T = TypeVar("T")
Contact = tuple[str, Transport]
"""A transport with the side on which evidence counts what passes through it: "source", "target",
"identity" (where tokens come from) or "pointer"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened(Generic[T]):
    """A thing and its contacts; `Services.take` adds them to those that evidence tells of."""

    thing: T
    contacts: tuple[Contact, ...] = ()
