"""Every waiver that ever counted: from when until when, what ended it, what was done meanwhile."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import field
from typing import Literal

from hdh_migrate.events.cutover import RestsOnApprovals
from hdh_migrate.events.event import Event
from hdh_migrate.events.run import PlanRebound
from hdh_migrate.events.waivers import WaiversCounted
from hdh_migrate.evidence.page.approved import approvals_of
from hdh_migrate.evidence.page.text import Text
from hdh_migrate.evidence.verifier.members import Predicate
from hdh_migrate.evidence.verifier.waivers import read_waiver
from hdh_migrate.fixity import sha256_hex
from hdh_migrate.frozen import frozen_row, mutable_row
from hdh_migrate.jsonform import ABSENT


@frozen_row
class ActUnderWaiver:
    """Something that needed approvals, and was done while a waiver counted, or did no more."""

    kind: str
    """What it was about: batch, dataset or grant."""
    name: str
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
    after: list[ActUnderWaiver] = field(default_factory=list)
    """What was done later, while none of the same condition counted."""


@mutable_row
class WaiverAccounts:
    """The waivers that a journal tells, by the digest of what was signed."""

    lines: dict[str, WaiverLine] = field(default_factory=dict)

    def take(self, at: str, event: Event) -> None:
        """Take one event; those of a journal come in its order."""
        for one in approvals_of(at, event):
            self._acted(event, ActUnderWaiver(one.kind, one.name, one.stage, at))
        match event:
            case WaiversCounted():
                self._counted(at, event)
            case PlanRebound():
                for line in self.lines.values():
                    if line.ended is None:
                        line.ended, line.why = at, "plan"
            case _:
                pass

    def _acted(self, event: Event, act: ActUnderWaiver) -> None:
        """Put an act to the waivers that counted then, or to the last ones that did before."""
        counted = {digest for digest, line in self.lines.items() if line.ended is None}
        if isinstance(event, RestsOnApprovals):
            if event.waivers is ABSENT:
                return  # an early event, which does not tell
            counted = {digest for digest in event.waivers if digest in self.lines}
        for digest in counted:
            self.lines[digest].acts.append(act)
        held = {self.lines[digest].what for digest in counted}
        last = {line.what: line for line in self.lines.values()}
        for what, line in last.items():
            if what not in held:
                line.after.append(act)

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


def waiver_lines(accounts: WaiverAccounts, predicate: Predicate) -> list[WaiverLine]:
    """Return every waiver that journal or statement tells, in the order in which they counted."""
    today = str(predicate["times"]["written"])[:10]
    lines = list(accounts.lines.values())
    for line in lines:
        if line.ended is None and line.until < today:
            line.why = "day"
    told = {(one.what, one.made_at, one.until, one.key_id) for one in lines}
    return [*lines, *_stated(predicate, told)]


def resting_on(lines: Sequence[WaiverLine]) -> dict[str, list[str]]:
    """Return the stages that were done while waivers counted, and those done without them."""
    acts = [act for line in lines for act in line.acts]
    after = [act for line in lines for act in line.after if act not in acts]
    return {
        "acts": list(dict.fromkeys(act.stage for act in acts)),
        "after": list(dict.fromkeys(act.stage for act in after)),
    }


def _stated(predicate: Predicate, told: set[tuple[str, str, str, str]]) -> Iterator[WaiverLine]:
    for one in predicate["waivers"]:
        if (one["what"], one["made_at"], one["until"], one["key_id"]) not in told:
            yield WaiverLine(
                what=one["what"], reason=one["reason"], until=one["until"],
                made_at=one["made_at"], by=one["by"], key_id=one["key_id"],
            )  # fmt: skip


WAIVED: dict[str, Text] = {
    "waivers.why": Text(
        "Une dérogation est ici un contrôle de l'outil écarté par une signature : aucune autorité "
        "ne l'a accordée.",
        "A waiver is a check of the tool that somebody's signature set aside: no authority granted "
        "it.",
    ),
    "waiver.made": Text("signée le {when}", "signed on {when}"),
    "waiver.after": Text(
        "Fait ensuite, sans dérogation en vigueur pour ce contrôle ; si l'acte en demandait une, "
        "ce dossier ne le dit pas :",
        "Done later, with no waiver of this check in force; whether that asked for one, this "
        "folder does not say:",
    ),
    "waivers.who": Text(
        "Le journal a le nom de session et l'empreinte de la clé. Si le responsable de traitement "
        "a donné son accord, ce dossier ne le dit pas.",
        "The journal has the login and the key's fingerprint. Whether the controller agreed, this "
        "folder does not say.",
    ),
    "waivers.key": Text(
        "Où se trouvait la clé qui les a signées, ce dossier ne le dit pas non plus.",
        "Where the key was that signed them, this folder does not say either.",
    ),
    "banner.waived": Text(
        "{n} contrôle a été écarté sur simple signature (dérogation), sans qu'une autorité l'ait "
        "permis : {what} ; voir « Dérogations »."
        "|{n} contrôles ont été écartés sur simple signature (dérogations), sans qu'une autorité "
        "l'ait permis : {what} ; voir « Dérogations ».",
        "{n} check was set aside by a signature alone (a waiver), with no authority's leave: "
        "{what}; see “Waivers”."
        "|{n} checks were set aside by signatures alone (waivers), with no authority's leave: "
        "{what}; see “Waivers”.",
    ),
    "banner.waived.acts": Text("Fait pendant qu'elles comptaient :", "Done while they counted:"),
    "banner.waived.after": Text(
        "Fait entre deux, ou ensuite, sans elles :", "Done between them, or later, without them:"
    ),
    "banner.waived.own": Text(
        "Signé sous {login} ; c'est sous ce nom que l'outil a été lancé.",
        "Signed under {login}; the tool was run under this name.",
    ),
    "banner.waived.by": Text("Signé sous {login}.", "Signed under {login}."),
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
