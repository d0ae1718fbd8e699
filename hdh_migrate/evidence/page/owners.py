"""Who has to do what is left to do, and by when, as far as a bundle knows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from markupsafe import Markup, escape

from hdh_migrate.evidence.lines.left import WORK, LeftTask, LeftToDo
from hdh_migrate.evidence.lines.names import visible
from hdh_migrate.evidence.lines.planned import StatedByPeople
from hdh_migrate.evidence.page.declared import person_of
from hdh_migrate.evidence.page.holders import HeldKey
from hdh_migrate.evidence.page.left import told
from hdh_migrate.evidence.page.text import Text, Words
from hdh_migrate.frozen import frozen_row

BREACH_HOURS: Final = 72
"""Within which a breach is to be notified, where feasible, by article 33 of the GDPR."""

_MAY_BE_BREACHES: Final = frozenset(
    {LeftTask.BREACH, LeftTask.ABSENCE, LeftTask.ABSENT, LeftTask.LET_GO}
)

OWNERS: Final[Mapping[LeftTask, str]] = {
    **dict.fromkeys(
        (
            LeftTask.BREACH,
            LeftTask.ABSENCE,
            LeftTask.ABSENT,
            LeftTask.LET_GO,
            LeftTask.DONE_WITHOUT,
            LeftTask.CLASH,
            LeftTask.PLAIN,
            LeftTask.HOLDER,
            LeftTask.OLD_KEY,
            LeftTask.KEYS_BESIDE,
            LeftTask.LOGIN,
            LeftTask.BASIS,
            LeftTask.ATTESTATION,
            LeftTask.WAIVER,
            LeftTask.SOURCE,
            LeftTask.ORIGINALS,
            LeftTask.CHANGED,
            LeftTask.LATE,
            LeftTask.UNLISTED,
        ),
        "controller",
    ),
    **dict.fromkeys(
        (LeftTask.SWITCH, LeftTask.SWITCHING, LeftTask.GOING_BACK, LeftTask.FINALIZE), "approved"
    ),
    **dict.fromkeys((LeftTask.KEY, LeftTask.KEY_STORED), "holders"),
    **dict.fromkeys(
        (LeftTask.GRANT_OPEN, LeftTask.GRANT_UNSET, LeftTask.GRANT_SEEN, LeftTask.GRANT_LASTS),
        "host",
    ),
    LeftTask.SIGN: "signer",
    LeftTask.WITNESS: "witness",
}
"""Whose matter a task is; of those that are not named here it is the operator's."""


@frozen_row
class OwnedTask:
    """One thing to do as a sentence; by when, where a law sets a time."""

    said: Markup
    until: Markup | None
    works: bool
    """Whether the migration is not over while this is left."""


@frozen_row
class OwnedTasks:
    """What one party has to do, numbered through all of them."""

    kind: str
    who: Markup
    first: int
    tasks: list[OwnedTask]


def owned(
    found: Sequence[LeftToDo],
    declared: StatedByPeople,
    logins: Sequence[str],
    words: Words,
    keys: Sequence[HeldKey] = (),
) -> list[OwnedTasks]:
    """Return what is left to do by who has to do it, in the order of the first task of each.

    `declared` is the plan's `report.declared`, `logins` who ran the tool, `keys` who holds what.
    """
    groups: dict[str, list[LeftToDo]] = {}
    unheld = any(one.task is LeftTask.HOLDER for one in found)
    for one in found:
        groups.setdefault(OWNERS.get(one.task, "operator"), []).append(one)
    asked = {name for one in found if OWNERS.get(one.task) == "holders" for name in one.names}
    holders = [
        one.holder
        for one in keys
        if one.holder is not None and (one.recipient is None or one.recipient in asked)
    ]
    made, first = [], 1
    for kind, several in groups.items():
        tasks = [
            OwnedTask(told(one, words), _until(one, words), one.task in WORK) for one in several
        ]
        made.append(
            OwnedTasks(
                kind, _who(kind, declared, logins, words, holders, unheld=unheld), first, tasks
            )
        )
        first += len(tasks)
    return made


def working(parties: Sequence[OwnedTasks], words: Words) -> list[Markup]:
    """Return the numbers of the tasks that keep it from being over; from three on as a run."""
    return _runs(
        (
            number
            for party in parties
            for number, one in enumerate(party.tasks, party.first)
            if one.works
        ),
        words,
    )


def for_controller(parties: Sequence[OwnedTasks], words: Words) -> Markup:
    """Return how many of the tasks are the controller's, and which; empty if none is."""
    numbers = [
        number
        for party in parties
        if party.kind == "controller"
        for number, _ in enumerate(party.tasks, party.first)
    ]
    if not numbers:
        return Markup()
    points = Markup(", ").join(_runs(numbers, words))
    return words.say("brief.controller", len(numbers), points=points)


def _runs(numbers: Iterable[int], words: Words) -> list[Markup]:
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    found: list[Markup] = []
    for run in runs:
        if len(run) > 2:
            found.append(words.say("owner.run", first=run[0], last=run[-1]))
        else:
            found += [escape(number) for number in run]
    return found


def _until(one: LeftToDo, words: Words) -> Markup | None:
    if one.task not in _MAY_BE_BREACHES or one.at is None:
        return None
    began = datetime.fromisoformat(one.known or one.at).astimezone(UTC)
    until = words.moment((began + timedelta(hours=BREACH_HOURS)).isoformat())
    return words.say("owner.until.final" if one.known else "owner.until", at=until)


def _who(
    kind: str,
    declared: StatedByPeople,
    logins: Sequence[str],
    words: Words,
    holders: Sequence[str],
    *,
    unheld: bool,
) -> Markup:
    said = words.say(f"owner.{kind}")
    names: list[object] = []
    if kind == "operator":
        names += [
            one if person_of(one, declared) is None else login_said(one, declared, words)
            for one in logins
        ]
    elif kind == "controller":
        names += [
            one["name"]
            for one in declared.get("organisations", ())
            if one["role"] in {"controller", "joint-controller"}
        ]
    elif kind == "holders":
        names += dict.fromkeys(holders)
        names += [words.say("owner.unheld")] if unheld and names else []
    if not names:
        return words.say("owner.alone", who=said)
    return words.say(
        "owner.named", who=said, names=words.say("reader.then").join(map(_shown, names))
    )


def login_said(login: str, declared: StatedByPeople, words: Words) -> Markup:
    """Return a login with the person whose it is, or that the plan gives it to nobody."""
    person = person_of(login, declared)
    if person is None:
        return words.say("login.nobody", login=login)
    return words.say("login.person", login=login, person=person)


def _shown(value: object) -> Markup:
    return value if isinstance(value, Markup) else escape(visible(str(value)))


OWNING: dict[str, Text] = {
    "q.brief": Text("À faire, à décider", "To do, to decide"),
    "brief.left": Text("Reste à faire : {points}", "Left to do: {points}"),
    "brief.controller": Text(
        ", dont {n} par le responsable de traitement (point {points})"
        "|, dont {n} par le responsable de traitement (points {points})",
        ", {n} of them by the controller (point {points})"
        "|, {n} of them by the controller (points {points})",
    ),
    "brief.source": Text(
        "Encore à la source : {at_least}{objects} ({size}){alone}.",
        "Still at the source: {at_least}{objects} ({size}){alone}.",
    ),
    "brief.least": Text("au moins ", "at least "),
    "brief.alone": Text(
        ", dont {n} n'est que là|, dont {n} ne sont que là",
        ", {n} of which exists only there|, {n} of which exist only there",
    ),
    "left.dates": Text(
        "Là où aucune date n'est donnée, ce dossier n'en connaît pas ; cet outil ne bascule, ne "
        "supprime ni ne ferme rien de lui-même.",
        "Where no date is given, this folder knows of none; this tool switches, deletes or closes "
        "nothing by itself.",
    ),
    "owner.until": Text(
        "Avant le {at}, si le délai de 72\u00a0heures part de ce constat.",
        "Before {at}, if the 72 hours run from this finding.",
    ),
    "owner.until.final": Text(
        "Avant le {at}, si le délai de 72\u00a0heures part du moment où la bascule a été rendue "
        "définitive bien que des objets aient manqué ou différé à la cible.",
        "Before {at}, if the 72 hours run from when the cutover was made final although objects "
        "were missing or different at the target.",
    ),
    "owner.run": Text("{first} à {last}", "{first} to {last}"),
    "owner.alone": Text("{who} :", "{who}:"),
    "owner.named": Text("{who} ({names}) :", "{who} ({names}):"),
    "owner.operator": Text("L'opérateur de l'outil", "The operator of the tool"),
    "owner.approved": Text(
        "L'opérateur de l'outil, avec l'accord de ceux qui approuvent",
        "The operator of the tool, with the consent of those who approve",
    ),
    "owner.controller": Text("Le responsable de traitement", "The controller"),
    "owner.holders": Text("Ceux qui détiennent des clés", "Those who hold keys"),
    "owner.unheld": Text(
        "et qui détient la clé sans détenteur déclaré",
        "and who holds the key that has no declared holder",
    ),
    "owner.host": Text(
        "Qui administre les droits chez l'hébergeur, que le plan ne nomme pas",
        "Who administers access at the host, whom the plan does not name",
    ),
    "owner.signer": Text("Qui détient la clé du rapport", "Who holds the report's key"),
    "owner.witness": Text(
        "Une personne qui n'est ni l'opérateur ni le signataire",
        "Somebody who is neither the operator nor the signer",
    ),
    "login.nobody": Text(
        "{login}, que le plan n'attribue à personne", "{login}, which the plan gives to nobody"
    ),
    "login.person": Text(
        "{login}, que le plan attribue à {person}", "{login}, which the plan gives to {person}"
    ),
}
