"""How two plans differ, said for people: what was changed, and from what to what, without JSON.

A line is what `plan.diff` wrote into the journal. One that is not of its form stays as it is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence

from hdh_migrate.evidence.lines.names import visible
from hdh_migrate.evidence.page.formats import LOCALES, NBSP
from hdh_migrate.evidence.page.text import Text
from hdh_migrate.frozen import frozen_row

_DECODER = json.JSONDecoder()
_NAMES = re.compile(r"\[[^\]]*\]")

ABOUT: dict[str, Text] = {
    "approvals": Text("approbations", "approvals"),
    "attestation": Text("attestation de l'hébergeur", "attestation of the host"),
    "batches": Text("lots", "batches"),
    "cutovers": Text("bascule", "cutover"),
    "datasets": Text("jeux de données", "datasets"),
    "datasets.exclude": Text("règles d'exclusion", "rules of exclusion"),
    "datasets.include": Text("règles de sélection", "rules of selection"),
    "engine": Text("machines qui exécutent", "machines that run it"),
    "freeze": Text("gel de la source", "freeze of the source"),
    "legal_basis": Text("base légale", "legal basis"),
    "limits": Text("limites d'exécution", "limits of runs"),
    "limits.bandwidth": Text("débit maximal", "highest rate"),
    "limits.memory": Text("mémoire maximale", "most memory"),
    "limits.retry_budget": Text("temps accordé aux nouveaux essais", "time given to trying again"),
    "notices": Text("notifications", "notices"),
    "prices": Text("prix déclarés", "declared prices"),
    "report": Text("rapport", "report"),
    "report.declared": Text("déclarations du rapport", "what the report declares"),
    "report.declared.keys": Text("détenteurs déclarés des clés", "declared holders of keys"),
    "report.declared.kept": Text("conservation déclarée", "declared keeping"),
    "report.declared.organisations": Text("organismes déclarés", "declared organisations"),
    "report.declared.people": Text("personnes déclarées", "declared people"),
    "report.signer": Text("clé qui signe le rapport", "key that signs the report"),
    "seal": Text("chiffrement", "encryption"),
    "seal.identity": Text("clé privée que l'outil utilise", "private key that the tool uses"),
    "seal.recipients": Text("clés des destinataires", "recipients' keys"),
    "seal.second_copy": Text("seconde copie des en-têtes", "second copy of the headers"),
    "source": Text("source", "source"),
    "source.credential": Text("accès à la source", "access to the source"),
    "target": Text("cible", "target"),
    "target.credential": Text("accès à la cible", "access to the target"),
    "verify": Text("vérification", "verification"),
    "waivers": Text("dérogations", "waivers"),
    "windows": Text("horaires", "hours"),
}
"""What the places of a plan are about; of a place that has no words, the nearest above it."""

FIELDS: dict[str, Text] = {
    "contact": Text("à joindre", "to reach"),
    "contract": Text("contrat", "contract"),
    "country": Text("pays", "country"),
    "escrow": Text("de secours", "escrow"),
    "glob": Text("règle", "rule"),
    "holder": Text("détenteur", "holder"),
    "name": Text("nom", "name"),
    "open": Text("heures ouvertes", "open hours"),
    "organisation": Text("organisme", "organisation"),
    "place": Text("lieu", "place"),
    "reason": Text("motif", "reason"),
    "recipient": Text("clé", "key"),
    "reference": Text("référence", "reference"),
    "role": Text("fonction", "role"),
    "side": Text("côté", "side"),
    "task": Text("tâche", "task"),
    "title": Text("titre", "title"),
    "until": Text("jusqu'au", "until"),
    "valid_until": Text("jusqu'au", "until"),
    "zone": Text("fuseau horaire", "time zone"),
}
"""What the fields of an entry are called; others as the plan calls them."""

_DAYS = dict(
    zip(
        ("mon", "tue", "wed", "thu", "fri", "sat", "sun", "daily"),
        ("lun.", "mar.", "mer.", "jeu.", "ven.", "sam.", "dim.", "tous les jours"),
        strict=True,
    )
)
_DAY = re.compile("|".join(_DAYS))
_HOURS = re.compile(rf"((?:{_DAY.pattern})(?:[-,](?:{_DAY.pattern}))*)( \d\d:\d\d-\d\d:\d\d)?")
_AMOUNT = re.compile(r"(\d{1,12}(?:\.\d{1,3})?)([KMGT]i?)?B(/s)?")
_PERIOD = re.compile(r"(\d{1,6})([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}

_WORDS: dict[str, Text] = {
    "added": Text("ajouté ({now})", "added ({now})"),
    "added.bare": Text("ajouté", "added"),
    "removed": Text("retiré ({was})", "removed ({was})"),
    "removed.bare": Text("retiré", "removed"),
    "changed": Text("{was} → {now}", "{was} → {now}"),
    "order": Text("nouvel ordre : {now}", "order is now: {now}"),
    "yes": Text("oui", "yes"),
    "no": Text("non", "no"),
    "none": Text("rien", "nothing"),
    "field": Text("{name} : {value}", "{name}: {value}"),
}


@frozen_row
class SaidDifference:
    """One place in which two plans differ: what it is about, where, and the changes there."""

    about: str | None
    place: str
    changes: tuple[str, ...]


def said_difference(line: str, language: str) -> SaidDifference:
    """Return a line of `plan.diff` in words; what is not of its form stands there as it is."""
    for at in _colons(line):
        place = line[:at]
        changes = _changes(line[at + 2 :], language, _NAMES.sub("", place).rpartition(".")[2])
        if changes:
            return SaidDifference(_about(place, language), visible(place), tuple(changes))
    return SaidDifference(None, visible(line), ())


def _colons(line: str) -> Iterator[int]:
    """Yield where a place may end: a name in it may have a colon, too."""
    at = line.find(": ")
    while at >= 0:
        yield at
        at = line.find(": ", at + 2)


def _about(place: str, language: str) -> str | None:
    fields = _NAMES.sub("", place).split(".")
    for many in range(len(fields), 0, -1):
        found = ABOUT.get(".".join(fields[:many]))
        if found is not None:
            return found.said(language)
    return None


def _changes(change: str, language: str, field: str) -> list[str]:
    """Return what is said of a place, empty where it is not of the form of `plan.diff`."""
    if change in {"added", "removed"}:
        return [_WORDS[f"{change}.bare"].said(language)]
    if change.startswith("order is now "):
        order = visible(change.removeprefix("order is now "))
        return [_WORDS["order"].said(language).format(now=order)]
    for word, begin, end in (("added", "added (", ")"), ("removed", "removed (was ", ")")):
        if change.startswith(begin) and change.endswith(end):
            whole, value = _value(change[len(begin) : -len(end)])
            said = _said(value, language, field)
            return [_WORDS[word].said(language).format(now=said, was=said)] if whole else []
    return _changed(change, language, field)


def _changed(change: str, language: str, field: str) -> list[str]:
    try:
        was, end = _DECODER.raw_decode(change)
    except ValueError:
        return []
    if not change.startswith(" -> ", end):
        return []
    whole, now = _value(change[end + 4 :])
    if not whole:
        return []
    if isinstance(was, list) and isinstance(now, list):
        return list(_entries(was, now, language))
    return [
        _WORDS["changed"]
        .said(language)
        .format(was=_said(was, language, field), now=_said(now, language, field))
    ]


def _entries(was: Sequence[object], now: Sequence[object], language: str) -> Iterator[str]:
    """Yield which entries of a list went, and which came; their order where that is all."""
    for word, some, others in (("removed", was, now), ("added", now, was)):
        for one in some:
            if one not in others:
                said = _said(one, language)
                yield _WORDS[word].said(language).format(was=said, now=said)
    if all(one in now for one in was) and all(one in was for one in now):
        yield _WORDS["order"].said(language).format(now=_said(now, language))


def _value(text: str) -> tuple[bool, object]:
    """Return a value of JSON, and whether it is one."""
    try:
        return True, json.loads(text)
    except ValueError:
        return False, None


def _said(value: object, language: str, field: str | None = None) -> str:
    """Return a value without the marks of JSON; `field` is what the plan calls it."""
    if isinstance(value, bool) or value is None:
        word = {None: "none", True: "yes", False: "no"}[value]
        return _WORDS[word].said(language)
    if isinstance(value, dict):
        pair = _WORDS["field"].said(language)
        return ", ".join(
            pair.format(name=_field(name, language), value=_said(each, language, name))
            for name, each in value.items()
        )
    if isinstance(value, list):
        return ", ".join(_said(one, language) for one in value) or _WORDS["none"].said(language)
    written = visible(str(value))
    return written if field in FIELDS else _quantity(written, language, named=bool(field))


def _quantity(text: str, language: str, *, named: bool) -> str:
    """Return an amount, a rate, a length of time or hours as a language writes them.

    A length of time only where a field holds it alone: `3d` in a list may well be a name.
    """
    reader = LOCALES[language]
    if amount := _AMOUNT.fullmatch(text):
        number, prefix, rate = amount.groups("")
        unit = f"{'k' if prefix == 'K' else prefix}{reader.units[0]}"
        return f"{number.replace('.', reader.decimal)}{NBSP}{unit}{rate}"
    if named and (period := _PERIOD.fullmatch(text)):
        return reader.length(int(period[1]) * _SECONDS[period[2]])
    if language == "fr" and _HOURS.fullmatch(text):
        return _DAY.sub(lambda day: _DAYS[day[0]], text).replace("-", "\u2013")
    return text


def _field(name: str, language: str) -> str:
    known = FIELDS.get(name)
    return visible(name) if known is None else known.said(language)
