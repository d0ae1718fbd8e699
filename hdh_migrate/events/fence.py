"""Who may write at the target: a bucket's fence is about to be, and was, taken or let go."""

from __future__ import annotations

from typing import ClassVar

from hdh_migrate.events.event import Event
from hdh_migrate.jsonform import Absent, JsonForm, json_form


@json_form
class FenceHolder(JsonForm):
    """Who held a fence, as the fence itself told."""

    ledger: str
    epoch: int
    nonce: str
    host: str
    pid: int
    since: str


@json_form
class FenceTaking(Event):
    """A fence is about to be written for this ledger; `nonce` is what it will show from then on."""

    kind: ClassVar[str] = "fence-taking"
    bucket: str
    epoch: int
    """Counts how often somebody took it over, from 0."""
    nonce: str
    user: str
    over: FenceHolder | Absent
    """From whom it is taken over; absent: from nobody, or from nobody who could be read."""
    reason: str | Absent
    """Why it is taken over; absent: it is not."""


@json_form
class FenceTaken(Event):
    """The fence shows what was recorded; who holds an older copy of this ledger writes no more."""

    kind: ClassVar[str] = "fence-taken"
    bucket: str
    epoch: int
    nonce: str
    firm: bool
    """Whether the host was seen to keep the conditions that hold others off."""


@json_form
class FenceReleasing(Event):
    """The fence is about to say that this ledger has no more to write."""

    kind: ClassVar[str] = "fence-releasing"
    bucket: str
    epoch: int
    nonce: str
    user: str


@json_form
class FenceReleased(Event):
    """The fence of a bucket says that this ledger has no more to write there."""

    kind: ClassVar[str] = "fence-released"
    bucket: str
    epoch: int
    nonce: str


FenceEvent = FenceTaking | FenceTaken | FenceReleasing | FenceReleased
