"""What a journal tells was passed over, not done, or seen by nobody, and that no finding says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import field
from typing import Final, Protocol

from markupsafe import Markup

from hdh_migrate.events.cutover import CutoverFinalized, OfCutover, Track
from hdh_migrate.events.decommission import CutoverRequested
from hdh_migrate.events.event import Event
from hdh_migrate.events.hold import HoldNoticed
from hdh_migrate.events.notices import NoticeGivenUp
from hdh_migrate.events.objects import CleanupAbort
from hdh_migrate.events.run import BucketProvisioned, ClocksCompared, ProbeEnded
from hdh_migrate.evidence.page.text import Text
from hdh_migrate.frozen import mutable_row

PASSING: Final[tuple[type[Event], ...]] = (
    BucketProvisioned, CleanupAbort, ClocksCompared, CutoverFinalized, CutoverRequested,
    HoldNoticed, NoticeGivenUp, ProbeEnded,
)  # fmt: skip
"""The events that tell of it."""

_HOLDS: Final = 20
"""Of holds so many are shown, the last ones."""


class PassingWords(Protocol):
    """What says a sentence of the catalogue in one language."""

    def say(self, key: str, n: int | None = None, /, **values: object) -> Markup:
        """Return a sentence with its values."""
        ...

    def word(self, group: str, value: str) -> Markup | str:
        """Return what a word of a plan or a journal is called."""
        ...

    def moment(self, value: str) -> Markup:
        """Return a time."""
        ...


@mutable_row
class PassedOver:
    """What of that a journal tells, event by event."""

    finalized: dict[str, CutoverFinalized] = field(default_factory=dict)
    """By batch: how its switch was made final, and so in spite of what."""
    alone: dict[tuple[str, str], str] = field(default_factory=dict)
    """By batch and stage: when its last step had the time of this machine's clock alone."""
    kept_on: dict[str, str] = field(default_factory=dict)
    """By batch: when its source was deleted though the target did not show all as verified."""
    holds: list[tuple[str, HoldNoticed]] = field(default_factory=list)
    given_up: Counter[str] = field(default_factory=Counter)
    """By channel: documents that nobody took."""
    provisioned: dict[tuple[str, str], bool] = field(default_factory=dict)
    """By bucket and step: whether it was as the plan wants it, as it was last seen."""
    aborted: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By login and reason: uploads of others that were ended."""
    probes: dict[tuple[str, str], int | None] = field(default_factory=dict)
    """By bucket and prefix: what a probe left there; None: it is not known."""

    def take(self, at: str, event: Event) -> None:
        """Take one event; those of a journal come in its order."""
        match event:
            case OfCutover():
                if event.track is Track.CUTOVER:
                    self._switched(at, event)
            case ClocksCompared():
                self.alone.pop((event.batch, event.stage), None)
                if event.alone:
                    self.alone[event.batch, event.stage] = at
            case HoldNoticed():
                self.holds.append((at, event))
            case NoticeGivenUp():
                self.given_up[event.channel] += 1
            case _:
                self._left(event)

    def _switched(self, at: str, event: OfCutover) -> None:
        match event:
            case CutoverFinalized():
                self.finalized[event.batch] = event
            case CutoverRequested():
                self.kept_on.pop(event.batch, None)
                if event.keep_going:
                    self.kept_on[event.batch] = at
            case _:
                pass

    def _left(self, event: Event) -> None:
        match event:
            case BucketProvisioned():
                self.provisioned[event.bucket, event.step] = event.ok
            case CleanupAbort() if event.reason:
                self.aborted[event.user or "", event.reason] += 1
            case ProbeEnded():
                self.probes[event.bucket, event.prefix] = event.left
            case _:
                pass

    @property
    def some(self) -> bool:
        """Whether there is something to say."""
        told = (self.alone, self.kept_on, self.holds, self.given_up, self.aborted)
        left = any(many != 0 for many in self.probes.values())
        return any(told) or left or not all(self.provisioned.values())

    def lines(self, words: PassingWords) -> Iterator[Markup]:
        """Yield a sentence for each."""
        for (batch, stage), at in self.alone.items():
            what = words.word("approval", stage)
            yield words.say("passed.alone", name=batch, stage=what, when=words.moment(at))
        for batch, at in self.kept_on.items():
            yield words.say("passed.kept-on", name=batch, when=words.moment(at))
        for at, one in self.holds[-_HOLDS:]:
            key = "passed.held" if one.held else "passed.released"
            yield words.say(key, when=words.moment(at), user=one.user)
        for channel, many in self.given_up.items():
            yield words.say("passed.notice", many, channel=channel)
        yield from self._at_target(words)

    def _at_target(self, words: PassingWords) -> Iterator[Markup]:
        for (user, reason), many in self.aborted.items():
            yield words.say("passed.aborted", many, user=user, reason=reason)
        for (bucket, step), as_wanted in self.provisioned.items():
            if not as_wanted:
                yield words.say("passed.provisioned", bucket=bucket, step=step)
        for (bucket, prefix), left in self.probes.items():
            if left is None:
                yield words.say("passed.probe.unknown", bucket=bucket, prefix=prefix)
            elif left:
                yield words.say("passed.probe", left, bucket=bucket, prefix=prefix)


PASSED: dict[str, Text] = {
    "passed": Text(
        "Ce qui a été passé outre, n'a pas été fait, ou que personne n'a vu",
        "What was passed over, was not done, or was seen by nobody",
    ),
    "passed.alone": Text(
        "Lot {name}, {stage}, le {when} : l'heure était celle de cette machine seule, aucun "
        "hébergeur ne l'a donnée.",
        "Batch {name}, {stage}, {when}: the time was that of this machine alone, no host gave it.",
    ),
    "passed.kept-on": Text(
        "Lot {name}, le {when} : la suppression à la source a été demandée sans s'arrêter aux "
        "objets que la cible ne montrerait pas tels que vérifiés (--keep-going).",
        "Batch {name}, {when}: deletion at the source was asked for without a stop at objects that "
        "the target would not show as verified (--keep-going).",
    ),
    "passed.held": Text(
        "Le {when}, sous le nom de session {user} : constaté que toute bascule et toute "
        "suppression est retenue.",
        "{when}, under the login {user}: found that every switch and deletion is held.",
    ),
    "passed.released": Text(
        "Le {when}, sous le nom de session {user} : constaté que rien ne les retient plus. Qui a "
        "levé la retenue, ce journal ne le dit pas.",
        "{when}, under the login {user}: found that nothing holds them any more. Who let go, this "
        "journal does not say.",
    ),
    "passed.notice": Text(
        "{n} avis n'a été remis à personne par la voie « {channel} », et ne sera plus envoyé."
        "|{n} avis n'ont été remis à personne par la voie « {channel} », et ne seront plus "
        "envoyés.",
        "{n} notice reached nobody through channel “{channel}”, and is not sent any more."
        "|{n} notices reached nobody through channel “{channel}”, and are not sent any more.",
    ),
    "passed.aborted": Text(
        "Sous le nom de session {user}, {n} envoi que ce registre n'avait pas commencé a été "
        "abandonné sur la cible. Motif : {reason}"
        "|Sous le nom de session {user}, {n} envois que ce registre n'avait pas commencés ont été "
        "abandonnés sur la cible. Motif : {reason}",
        "Under the login {user}, {n} upload that this ledger had not begun was ended at the "
        "target. Reason: {reason}"
        "|Under the login {user}, {n} uploads that this ledger had not begun were ended at the "
        "target. Reason: {reason}",
    ),
    "passed.provisioned": Text(
        "Compartiment {bucket}, réglage « {step} » : la dernière fois que l'outil l'a posé, il "
        "n'était pas comme le plan le veut.",
        "Bucket {bucket}, setting “{step}”: when the tool last set it, it was not as the plan "
        "wants it.",
    ),
    "passed.probe": Text(
        "Un essai de l'hébergeur a laissé {n} objet dans {bucket}, sous {prefix}."
        "|Un essai de l'hébergeur a laissé {n} objets dans {bucket}, sous {prefix}.",
        "A probe of the host left {n} object in {bucket}, under {prefix}."
        "|A probe of the host left {n} objects in {bucket}, under {prefix}.",
    ),
    "passed.probe.unknown": Text(
        "Ce qu'un essai de l'hébergeur a laissé dans {bucket}, sous {prefix}, n'est pas connu.",
        "What a probe of the host left in {bucket}, under {prefix}, is not known.",
    ),
    # --- in the section on cutovers --------------------------------------------------------------
    "cutover.strangers": Text("Déjà sur la cible", "At the target already"),
    "cutover.strangers.value": Text(
        "à la bascule, {n} objet qui n'est pas de ce lot était à l'un de ses emplacements"
        "|à la bascule, {n} objets qui ne sont pas de ce lot étaient à ses emplacements",
        "at the switch {n} object that is not of this batch stood in its places"
        "|at the switch {n} objects that are not of this batch stood in its places",
    ),
    "cutover.waits": Text("Arrêté par", "Stopped by"),
    "cutover.waits.value": Text("{why} (le {when})", "{why} ({when})"),
    "waits.blocked": Text("une condition qui n'est pas remplie", "a condition that does not hold"),
    "waits.approval": Text("une approbation qui manque", "an approval that is missing"),
    "waits.not-frozen": Text(
        "une source où l'on a pu écrire malgré le gel", "a source that took a write though frozen"
    ),
    "waits.source-written": Text(
        "une source où quelqu'un a écrit malgré le gel",
        "a source that somebody wrote to though frozen",
    ),
    "waits.terms": Text(
        "un changement des conditions que personne n'a approuvé",
        "a change of the terms that nobody agreed to",
    ),
    "waits.held": Text("une retenue posée par quelqu'un", "a hold that somebody put there"),
    "waits.pointer-moved": Text(
        "un pointeur que quelqu'un d'autre a changé", "a pointer that somebody else changed"
    ),
    "waits.switch-unknown": Text(
        "un pointeur qui n'a pas répondu : changé ou non, ce n'est pas connu",
        "a pointer that did not answer: whether it was changed is not known",
    ),
    "waits.smoke-failed": Text("un essai qui a échoué", "a smoke test that failed"),
    "waits.target-differs": Text(
        "une cible qui ne montre pas tout tel que vérifié",
        "a target that does not show all as verified",
    ),
    "waits.rollback-failed": Text(
        "un retour en arrière qui n'a pas abouti", "a rollback that did not succeed"
    ),
    "waits.clock": Text("des horloges qui ne s'accordent pas", "clocks that do not agree"),
    "waits.not-counted": Text(
        "une cible dont on n'a pas pu compter ce que les utilisateurs y ont écrit",
        "a target of which it could not be counted what consumers wrote there",
    ),
}
"""Sentences that say it."""
