"""What notices say of a migration, one document for each thing, and what came of sending them."""

from __future__ import annotations

from typing import Literal, TypeAlias

from typing_extensions import TypedDict

from hdh_migrate.results.looks import Amounts

NoticeType: TypeAlias = Literal[
    "batch-done", "blocked", "findings", "ends-soon", "date-missed", "run-ended", "test"
]


class Summary(TypedDict):
    """One line for people, in both languages; it names no object."""

    en: str
    fr: str


class NoticeFindings(TypedDict):
    """Open findings of one code in one dataset."""

    code: str
    severity: str
    dataset: str | None
    count: int


class NoticeEnd(TypedDict):
    """What is to end, or to be done, and when: RFC 3339 in UTC."""

    what: str
    at: str


class Notice(TypedDict):
    """One document. The same thing has the same `id`, however often it is sent."""

    version: Literal[1]
    id: str
    type: NoticeType
    timestamp: str
    """When it was noticed: RFC 3339 in UTC."""
    migration: str
    batch: str | None
    exit: int | None
    """`run-ended`: how; None: it was killed."""
    summary: Summary
    amounts: Amounts | None
    """Of the batch, or of all: objects and bytes by what is to be done with them."""
    findings: list[NoticeFindings]
    ends: NoticeEnd | None


class NoticeChannel(TypedDict):
    """What came of telling one channel of the plan."""

    name: str
    sent: int
    waiting: int
    given_up: int
    """Documents that were not taken for too long: they are not sent again."""
    why: str | None
    """Why the last try did not succeed; None: it did, or none was made."""


class Notified(TypedDict):
    """What `notify` did; `exit` is 4 when one waits, was given up, or a trial did not arrive."""

    test: bool
    noticed: int
    """New documents."""
    channels: list[NoticeChannel]
    exit: int
