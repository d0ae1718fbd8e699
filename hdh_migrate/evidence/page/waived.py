"""Every waiver that ever counted: from when until when, what ended it, what was done meanwhile."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import field
from typing import Any, Literal

from hdh_migrate.events.cutover import RestsOnApprovals, Track
from hdh_migrate.events.event import Event
from hdh_migrate.events.run import PlanRebound
from hdh_migrate.events.waivers import WaiversCounted
from hdh_migrate.evidence.page.text import Text
from hdh_migrate.evidence.verifier.waivers import read_waiver
from hdh_migrate.fixity import sha256_hex
from hdh_migrate.frozen import frozen_row, mutable_row
from hdh_migrate.jsonform import ABSENT


@frozen_row
class ActUnderWaiver:
    """Something that cannot be taken back, and was done while a waiver counted."""

    batch: str
    stage: str
    at: str


@mutable_row
class WaiverLine:
    """One waiver; `since` is None where the statement alone tells of it."""

    what: str
    reason: str
    until: str
    made_at: str
    by: str
    key_id: str
    since: str | None = None
    ended: str | None = None
    """When it ceased to count; None: it does, as far as the journal goes."""
    why: Literal["since", "plan", "day", "taken"] = "since"
    """What ended it: the plan was changed, its last day is over, or it was taken away."""
    acts: list[ActUnderWaiver] = field(default_factory=list)


@mutable_row
class WaiverAccounts:
    """The waivers that a journal tells, by the digest of what was signed."""

    lines: dict[str, WaiverLine] = field(default_factory=dict)

    def take(self, at: str, event: Event) -> None:
        """Take one event; those of a journal come in its order."""
        match event:
            case WaiversCounted():
                self._counted(at, event)
            case PlanRebound():
                for line in self.lines.values():
                    if line.ended is None:
                        line.ended, line.why = at, "plan"
            case RestsOnApprovals() if event.track is Track.CUTOVER and event.waivers is not ABSENT:
                act = ActUnderWaiver(event.batch, event.approved_stage, at)
                for digest in event.waivers:
                    if digest in self.lines:
                        self.lines[digest].acts.append(act)
            case _:
                pass

    def _counted(self, at: str, event: WaiversCounted) -> None:
        for envelope in event.signed:
            with suppress(KeyError, IndexError, TypeError, ValueError):  # then it is no evidence
                payload = base64.b64decode(envelope["payload"])
                said = read_waiver(payload).said
                self.lines[sha256_hex(payload)] = WaiverLine(
                    what=said["what"], reason=said["reason"], until=said["until"],
                    made_at=said["made_at"], by=said["by"],
                    key_id=str(envelope["signatures"][0]["keyid"]), since=at,
                )  # fmt: skip
        for digest, line in self.lines.items():
            if digest in event.counted:
                line.ended, line.why = None, "since"
            elif line.ended is None:
                line.ended, line.why = at, "day" if line.until < at[:10] else "taken"


def waiver_lines(accounts: WaiverAccounts, predicate: Mapping[str, Any]) -> list[WaiverLine]:
    """Return every waiver that journal or statement tells, in the order in which they counted."""
    today = str(predicate["times"]["written"])[:10]
    lines = list(accounts.lines.values())
    for line in lines:
        if line.ended is None and line.until < today:
            line.why = "day"
    told = {(one.what, one.made_at, one.until, one.key_id) for one in lines}
    return [*lines, *_stated(predicate, told)]


def _stated(
    predicate: Mapping[str, Any], told: set[tuple[str, str, str, str]]
) -> Iterator[WaiverLine]:
    for one in predicate["waivers"]:
        if (one["what"], one["made_at"], one["until"], one["key_id"]) not in told:
            yield WaiverLine(
                what=one["what"], reason=one["reason"], until=one["until"],
                made_at=one["made_at"], by=one["by"], key_id=one["key_id"],
            )  # fmt: skip


WAIVED: dict[str, Text] = {
    "waivers.why": Text(
        "Quelqu'un a signé que ces conditions pouvaient ne pas être tenues.",
        "Somebody signed that these conditions need not be met.",
    ),
    "waivers.ever": Text(
        "Celles qui ne comptent plus sont montrées aussi.",
        "Those that count no more are shown, too.",
    ),
    "waiver.since": Text("compte depuis le {since}", "counts since {since}"),
    "waiver.plan": Text(
        "a compté du {since} au {ended} : le plan a changé, et elle valait pour celui d'avant",
        "counted from {since} until {ended}: the plan was changed, and it was for the one before",
    ),
    "waiver.day": Text(
        "a compté à partir du {since} ; son dernier jour est passé",
        "counted from {since} on; its last day is over",
    ),
    "waiver.taken": Text(
        "a compté du {since} au {ended} : elle a été retirée, ou sa clé ne permet plus de déroger",
        "counted from {since} until {ended}: it was taken away, or its key may waive no more",
    ),
    "waiver.acts": Text("Fait pendant qu'elle comptait :", "Done while it counted:"),
}
"""Sentences of the section on waivers."""
