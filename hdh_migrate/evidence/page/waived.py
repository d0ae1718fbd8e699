"""Every waiver that ever counted: from when until when, what ended it, what was done meanwhile."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import field
from typing import Literal

from hdh_migrate.events.cutover import RestsOnApprovals
from hdh_migrate.events.event import Event
from hdh_migrate.events.run import PlanRebound, RunStarted
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
    told: bool = False
    """Whether the journal says on which waivers it rested."""


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
    runs_after: int = 0
    """So many runs were begun then."""
    gap_until: str | None = None
    """When another one of the same condition began to count, where none did in between."""


@mutable_row
class WaiverAccounts:
    """The waivers that a journal tells, by the digest of what was signed."""

    lines: dict[str, WaiverLine] = field(default_factory=dict)
    _begun: bool = False
    """A run was begun, and has not told yet which waivers count."""

    def take(self, at: str, event: Event) -> None:
        """Take one event; those of a journal come in its order."""
        begun, self._begun = self._begun, isinstance(event, RunStarted)
        if begun and not isinstance(event, WaiversCounted):
            self._ran()
        for one in approvals_of(at, event):
            told = isinstance(event, RestsOnApprovals)
            self._acted(event, ActUnderWaiver(one.kind, one.name, one.stage, at, told))
        match event:
            case WaiversCounted():
                self._counted(at, event)
                if begun:
                    self._ran()
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
        for line in self._over(counted):
            line.after.append(act)

    def _ran(self) -> None:
        for line in self._over({one for one, line in self.lines.items() if line.ended is None}):
            line.runs_after += 1

    def _over(self, counted: set[str]) -> Iterator[WaiverLine]:
        """Yield the last waiver of each condition of which none counts."""
        held = {self.lines[digest].what for digest in counted}
        last = {line.what: line for line in self.lines.values()}
        yield from (line for what, line in last.items() if what not in held)

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


def at_once(acts: Iterable[ActUnderWaiver]) -> dict[tuple[str, str], list[tuple[str, str]]]:
    """Return what acts were about (kind and name), by what was done and when."""
    found: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for act in acts:
        found.setdefault((act.stage, act.at), []).append((act.kind, act.name))
    return found


def waiver_lines(accounts: WaiverAccounts, predicate: Predicate) -> list[WaiverLine]:
    """Return every waiver that journal or statement tells, in the order in which they counted."""
    today = str(predicate["times"]["written"])[:10]
    lines = list(accounts.lines.values())
    for line in lines:
        if line.ended is None and line.until < today:
            line.why = "day"
    for line in lines:
        line.gap_until = _counting_again(line, lines)
    told = {(one.what, one.made_at, one.until, one.key_id) for one in lines}
    return [*lines, *_stated(predicate, told)]


def _counting_again(line: WaiverLine, lines: Sequence[WaiverLine]) -> str | None:
    """Return when a waiver of the same condition counted next, if none did when this one ended."""
    if line.ended is None:
        return None
    others = [one for one in lines if one.what == line.what and one is not line]
    later = [one.since for one in others if one.since is not None and one.since > line.ended]
    between = any(
        one.since is not None
        and one.since <= line.ended
        and (one.ended is None or one.ended > line.ended)
        for one in others
    )
    return None if between or not later else min(later)


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
        "Done later, with no waiver of this check in force; whether one was needed, this folder "
        "does not say:",
    ),
    "waiver.after.none": Text(
        "Fait ensuite, sans reposer sur une dérogation de ce contrôle, d'après le journal :",
        "Done later, and according to the journal not resting on a waiver of this check:",
    ),
    "waivers.who": Text(
        "Le journal n'a que le nom de session et l'empreinte de la clé. Si le responsable de "
        "traitement était d'accord, c'est à lui demander.",
        "The journal has only the login and the key's fingerprint. Whether the controller agreed, "
        "ask the controller.",
    ),
    "waivers.who.unnamed": Text(
        "Le journal n'a que le nom de session et l'empreinte de la clé. Si le responsable de "
        "traitement était d'accord, et à qui est une clé sans nom ici, c'est à lui demander.",
        "The journal has only the login and the key's fingerprint. Whether the controller agreed, "
        "and whose a key without a name here is, ask the controller.",
    ),
    "waivers.beside": Text(
        "Des clés privées se trouvaient dans le dossier du plan : voir « Qui a fait quoi ».",
        "Private keys lay in the plan's folder: see “Who did what”.",
    ),
    "waivers.key": Text(
        "Où se trouvait la clé qui les a signées, ce dossier ne le dit pas.",
        "Where the key that signed them lay, this folder does not say.",
    ),
    "banner.waived": Text(
        "{n} contrôle a été écarté sur simple signature ({many}{over}), sans qu'une autorité l'ait "
        "permis : {what}{excused} ; voir « Dérogations »."
        "|{n} contrôles ont été écartés sur simple signature ({many}{over}), sans qu'une autorité "
        "l'ait permis : {what}{excused} ; voir « Dérogations ».",
        "{n} check was set aside by a signature alone ({many}{over}), without any authority's "
        "permission: {what}{excused}; see “Waivers”."
        "|{n} checks were set aside by signatures alone ({many}{over}), without any authority's "
        "permission: {what}{excused}; see “Waivers”.",
    ),
    "banner.waived.each": Text("« {what} »", "“{what}”"),
    "n.waivers": Text("{n} dérogation|{n} dérogations", "{n} waiver|{n} waivers"),
    "n.waivers.all": Text(
        ", qui ne compte plus|, qui ne comptent plus",
        ", no longer in force|, no longer in force",
    ),
    "n.waivers.over": Text(
        ", dont {n} ne compte plus|, dont {n} ne comptent plus",
        ", {n} of them no longer in force|, {n} of them no longer in force",
    ),
    "banner.excused": Text(
        " ; {n} constat passe ainsi| ; {n} constats passent ainsi",
        "; {n} finding passes this way|; {n} findings pass this way",
    ),
    "banner.waived.own": Text(
        "Signé sous le nom de session {login} ; l'outil a été lancé sous ce même nom.",
        "Signed under the login {login}; the tool was run under this name.",
    ),
    "banner.waived.by": Text(
        "Signé sous le nom de session {login}.", "Signed under the login {login}."
    ),
    "waiver.since": Text("compte depuis le {since}", "counts since {since}"),
    "waiver.plan": Text(
        "a compté du {since} au {ended} : le plan a changé, et elle valait pour celui d'avant",
        "counted from {since} until {ended}: the plan was changed, and it was for the one before",
    ),
    "waiver.day": Text(
        "a compté à partir du {since} ; son dernier jour est passé",
        "counted from {since} on; its last day has passed",
    ),
    "waiver.taken": Text(
        "a compté du {since} au {ended} : elle a été retirée, ou sa clé ne permet plus de déroger",
        "counted from {since} until {ended}: it was withdrawn, or its key may no longer waive",
    ),
    "waiver.gap": Text(
        "Du {ended} au {until}, aucune ne comptait pour ce contrôle.",
        "From {ended} until {until} none counted for this check.",
    ),
    "waiver.runs": Text(
        "{n} exécution de l'outil|{n} exécutions de l'outil",
        "{n} run of the tool|{n} runs of the tool",
    ),
    "waiver.acts": Text("Fait pendant qu'elle comptait :", "Done while it counted:"),
}
"""Sentences of the section on waivers."""
