"""Who has to do what is left to do, and by when, as far as a bundle knows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

from markupsafe import Markup

from hdh_migrate.evidence.lines.left import LeftTask, LeftToDo
from hdh_migrate.evidence.page.declared import StatedByPeople
from hdh_migrate.evidence.page.text import Text

BREACH_HOURS: Final = 72
"""Within which a breach is to be notified, where feasible, by article 33 of the GDPR."""

OWNERS: Final[Mapping[LeftTask, str]] = {
    **dict.fromkeys(
        (
            LeftTask.BREACH,
            LeftTask.PLAIN,
            LeftTask.HOLDER,
            LeftTask.BASIS,
            LeftTask.ATTESTATION,
            LeftTask.WAIVER,
            LeftTask.SOURCE,
        ),
        "controller",
    ),
    **dict.fromkeys((LeftTask.SWITCH, LeftTask.SWITCHING, LeftTask.FINALIZE), "approved"),
    LeftTask.KEY: "holders",
    **dict.fromkeys((LeftTask.GRANT_OPEN, LeftTask.GRANT_UNSET, LeftTask.GRANT_LASTS), "host"),
    LeftTask.SIGN: "signer",
    LeftTask.WITNESS: "witness",
}
"""Whose matter a task is; of those that are not named here it is the operator's."""


class Sayings(Protocol):
    """What says a sentence of the catalogue, and a time, in one language."""

    def say(self, key: str, n: int | None = None, /, **values: object) -> Markup:
        """Return a sentence with its values."""
        ...

    def moment(self, value: str) -> Markup:
        """Return a time."""
        ...


def owner_of(
    one: LeftToDo, declared: StatedByPeople, logins: Sequence[str], words: Sayings
) -> Markup:
    """Return who has to do a thing, with the names that the plan or the journal has, and by when.

    `declared` is the plan's `report.declared`, `logins` who ran the tool.
    """
    kind = OWNERS.get(one.task, "operator")
    names = _names(kind, declared, logins)
    said = words.say(f"owner.{kind}")
    if names:
        said = words.say("owner.named", who=said, names=", ".join(names))
    if one.task is LeftTask.BREACH and one.at is not None:
        until = datetime.fromisoformat(one.at).astimezone(UTC) + timedelta(hours=BREACH_HOURS)
        return words.say("owner.until", who=said, at=words.moment(until.isoformat()))
    return words.say("owner.who", who=said)


def _names(kind: str, declared: StatedByPeople, logins: Sequence[str]) -> list[str]:
    if kind == "operator":
        return list(logins)
    if kind == "controller":
        return [
            one["name"]
            for one in declared.get("organisations", ())
            if one["role"] in {"controller", "joint-controller"}
        ]
    if kind == "holders":
        return list(dict.fromkeys(one["holder"] for one in declared.get("keys", ())))
    return []


OWNING: dict[str, Text] = {
    "left.dates": Text(
        "Là où aucune date n'est donnée, ce dossier n'en connaît pas.",
        "Where no date is given, this folder knows of none.",
    ),
    "owner.who": Text("À faire par {who}.", "To be done by {who}."),
    "owner.until": Text(
        "À faire par {who}, avant le {at} si le délai part de ce constat.",
        "To be done by {who}, before {at} if the time runs from this finding.",
    ),
    "owner.named": Text("{who} ({names})", "{who} ({names})"),
    "owner.operator": Text("l'opérateur de l'outil", "the operator of the tool"),
    "owner.approved": Text(
        "l'opérateur de l'outil, avec l'accord de ceux qui approuvent",
        "the operator of the tool, with the consent of those who approve",
    ),
    "owner.controller": Text("le responsable de traitement", "the controller"),
    "owner.holders": Text("ceux qui détiennent ces clés", "those who hold these keys"),
    "owner.host": Text(
        "qui administre les droits chez l'hébergeur", "who administers access at the host"
    ),
    "owner.signer": Text("qui détient la clé du rapport", "who holds the report's key"),
    "owner.witness": Text(
        "une personne qui ne soit ni l'opérateur ni le signataire",
        "somebody who is neither the operator nor the signer",
    ),
}
