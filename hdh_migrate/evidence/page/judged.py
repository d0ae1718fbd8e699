"""What somebody judged of losses, as sentences: of what, what came of it, and whose key signed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from markupsafe import Markup

from hdh_migrate.evidence.lines.harm import HarmInTurn, JudgementLine
from hdh_migrate.evidence.lines.names import visible
from hdh_migrate.evidence.page.text import Text, Words

SHOWN: Final = 20
"""So many judgements are shown, the last ones; the journal has all."""


def judged(harm: HarmInTurn, words: Words) -> list[Markup]:
    """Return what was judged, each as one item."""
    return [
        Markup(" ").join(_sentences(one, words))
        for one in sorted(harm.judgements[-SHOWN:], key=lambda one: one.at)
    ]


def _sentences(one: JudgementLine, words: Words) -> Iterator[Markup]:
    of = [
        words.say("judged.look", objects, number=number, name=visible(batch))
        for batch, number, objects in one.looks
    ]
    of += [
        words.say("judged.finding", first=first)
        if first == last
        else words.say("judged.findings", first=first, last=last)
        for first, last in one.findings
    ]
    signed, about = one.signed, Markup(", ").join(of)
    if signed is None:
        yield words.say("judged.notified" if one.notified else "judged.none", what=about)
        return
    if signed.on is not None:
        yield words.say(
            "judged.notified.on", what=about, on=words.day(signed.on), reference=signed.reference
        )
        if signed.reason:
            yield words.say("judged.reason", reason=signed.reason)
    else:
        yield words.say("judged.none.why", what=about, reason=signed.reason)
    yield words.say(
        "judged.by",
        made=words.moment(signed.made_at), by=visible(signed.by), key=_code(signed.key_id),
        at=words.moment(one.at),
    )  # fmt: skip


def _code(text: str) -> Markup:
    return Markup('<code class="whole">{}</code>').format(visible(text))


JUDGED: dict[str, Text] = {
    "judged": Text("Ce qui a été jugé (RGPD, art. 33)", "What was judged (GDPR, art. 33)"),
    "banner.judged": Text(
        "Jugé et signé : voir « Ce qui a été jugé (RGPD, art. 33) ».",
        "Judged and signed: see “What was judged (GDPR, art. 33)”.",
    ),
    "judged.word": Text(
        "C'est ce qu'en dit qui a signé : ni l'avis ni l'accusé de réception d'une autorité n'est "
        "dans ce dossier.",
        "This is the word of whoever signed: no authority's opinion or receipt is in this folder.",
    ),
    "judged.look": Text(
        "{n} objet absent ou altéré au contrôle {number} du lot {name}"
        "|{n} objets absents ou altérés au contrôle {number} du lot {name}",
        "{n} object gone or damaged at check {number} of batch {name}"
        "|{n} objects gone or damaged at check {number} of batch {name}",
    ),
    "judged.finding": Text("constat {first}", "finding {first}"),
    "judged.findings": Text("constats {first} à {last}", "findings {first} to {last}"),
    "judged.notified": Text("{what} : notifié.", "{what}: notified."),
    "judged.notified.on": Text(
        "{what} : notifié le {on}, référence « {reference} ».",
        "{what}: notified on {on}, reference “{reference}”.",
    ),
    "judged.none": Text("{what} : non notifié.", "{what}: not notified."),
    "judged.none.why": Text(
        "{what} : non notifié. Motif : « {reason} ».", "{what}: not notified. Reason: “{reason}”."
    ),
    "judged.reason": Text("« {reason} ».", "“{reason}”."),
    "judged.by": Text(
        "Signé le {made} par {key}, sous le nom de session {by} ; au journal le {at}.",
        "Signed on {made} by {key}, under the login {by}; in the journal on {at}.",
    ),
}
