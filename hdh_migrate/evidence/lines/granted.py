"""Grants as a journal tells them: a fold over its events, for reports and for those who look."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import field
from enum import StrEnum
from typing import Final

from hdh_migrate.clocks import seconds_of
from hdh_migrate.events.event import Event
from hdh_migrate.events.grants import (
    GrantAdopted,
    GrantAsked,
    GrantClosedByHand,
    GrantDropped,
    GrantGiven,
    GrantPolicySet,
    GrantPolicySetting,
    GrantRevoked,
    GrantStale,
    PackWithdrawn,
    StaleWhy,
)
from hdh_migrate.frozen import frozen_row, mutable_row

GRANT_EVENTS: Final[tuple[type[Event], ...]] = (
    GrantAsked, GrantAdopted, GrantGiven, GrantDropped, GrantRevoked, GrantStale, PackWithdrawn,
    GrantPolicySetting, GrantPolicySet, GrantClosedByHand,
)  # fmt: skip


class GrantStage(StrEnum):
    """How far a grant has come."""

    ASKED = "asked"
    DROPPED = "dropped"
    GIVEN = "given"
    ENDED = "ended"
    RENEWED = "renewed"
    REVOKED = "revoked"


@frozen_row
class HostEntry:
    """What the host was last told of a grant's reader at one bucket."""

    principal: str
    allowed: bool
    sure: bool
    """Whether it was read back; otherwise the command that told it never ended."""


@mutable_row
class GrantAccount:
    """One grant: what was asked, and what became of it."""

    asked: GrantAsked
    asked_at: str
    given: GrantGiven | None = None
    given_at: str | None = None
    dropped: bool = False
    revoked: GrantRevoked | None = None
    revoked_at: str | None = None
    withdrawn: PackWithdrawn | None = None
    closed: GrantClosedByHand | None = None
    """Who says that the reader's access was closed at the host by other means."""
    closed_at: str | None = None
    seen: GrantClosedByHand | None = None
    """Who else says so: a second person, who looked there."""
    seen_at: str | None = None
    stale: tuple[StaleWhy, ...] = ()
    """Why its pack does not point to what there is, as the journal was last told."""
    renewed_by: str | None = None
    """The grant that was given in its place."""
    renewed_at: str | None = None
    origin: str = ""
    """The first grant that it goes on from by renewals, itself without one: the host's policies
    keep that name, so that a renewal leaves no moment in which the reader is shut out."""
    at_host: dict[str, HostEntry] = field(default_factory=dict)
    """By bucket."""

    @property
    def id(self) -> str:
        """The grant's id."""
        return self.asked.grant

    def stage(self, now: str) -> GrantStage:
        """Return how it stands at a moment, RFC 3339 in UTC."""
        if self.revoked is not None:
            return GrantStage.REVOKED
        if self.renewed_by is not None:
            return GrantStage.RENEWED
        if self.given is None:
            return GrantStage.DROPPED if self.dropped else GrantStage.ASKED
        over = seconds_of(now) > seconds_of(self.asked.until)
        return GrantStage.ENDED if over else GrantStage.GIVEN

    def take(self, at: str, event: Event) -> None:
        """Apply one event about this grant."""
        match event:
            case GrantGiven():
                self.given, self.given_at = event, at
            case GrantDropped():
                self.dropped = True
            case GrantRevoked():
                self.revoked, self.revoked_at = event, at
            case GrantStale():
                self.stale = event.why
            case GrantClosedByHand() if self.closed and _login(event) != _login(self.closed):
                self.seen, self.seen_at = event, at
            case GrantClosedByHand():
                self.closed, self.closed_at = event, at
            case PackWithdrawn():
                self.withdrawn = event
            case GrantPolicySetting():
                self.at_host[event.bucket] = HostEntry(event.principal, event.allowed, sure=False)
            case GrantPolicySet():
                self.at_host[event.bucket] = HostEntry(event.principal, event.allowed, sure=True)
            case _:
                pass


def _login(event: GrantClosedByHand) -> str:
    """Return who says it, on whichever machine."""
    return event.user.partition("@")[0]


class GrantAccounts:
    """Every grant that a journal tells of, in the order in which they were asked for."""

    def __init__(self) -> None:
        self.by_id: dict[str, GrantAccount] = {}

    @property
    def told(self) -> int:
        """How many there are that were not dropped again."""
        return sum(not one.dropped for one in self.by_id.values())

    @property
    def readers(self) -> int:
        """How many keys were ever given what opens objects: no date takes it from them again."""
        return len({one.asked.key for one in self.by_id.values() if one.given is not None})

    @property
    def revoked(self) -> int:
        """How many of these keys have no grant but revoked ones."""
        given = [one for one in self.by_id.values() if one.given is not None]
        return len({one.asked.key for one in given} - {
            one.asked.key for one in given if one.revoked is None
        })  # fmt: skip

    @classmethod
    def of(cls, events: Iterable[tuple[str, Event]]) -> GrantAccounts:
        """Return what events, with their times and in their order, tell."""
        made = cls()
        for at, event in events:
            made.take(at, event)
        return made

    def take(self, at: str, event: Event) -> None:
        """Take one event; what is about a grant that nobody asked for tells nothing."""
        if isinstance(event, GrantAsked):
            self.by_id.setdefault(event.grant, GrantAccount(event, at, origin=event.grant))
            return
        if isinstance(event, GrantAdopted):
            self.by_id.setdefault(event.grant, _adopted(event))
            return
        account = self.by_id.get(getattr(event, "grant", ""))
        if account is not None:
            account.take(at, event)
            before = self.by_id.get(account.asked.renews or "")
            if isinstance(event, GrantGiven) and before is not None:
                _hand_over(before, account)


def _adopted(event: GrantAdopted) -> GrantAccount:
    entries = {
        one.bucket: HostEntry(one.principal, one.allowed, sure=one.sure) for one in event.at_host
    }
    return GrantAccount(
        event.asked, event.asked_at, given=event.given, given_at=event.given_at,
        origin=event.origin, at_host=entries,
    )  # fmt: skip


def _hand_over(before: GrantAccount, account: GrantAccount) -> None:
    """Have a grant take the place of the one that it renews, also in the host's policies."""
    before.renewed_by, before.renewed_at = account.id, account.given_at
    account.origin = before.origin
    account.at_host, before.at_host = before.at_host, {}
