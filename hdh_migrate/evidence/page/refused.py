"""What was asked of a cutover and refused: who asked when, and what stood against it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import field
from typing import Final

from markupsafe import Markup

from hdh_migrate.events.cutover import (
    CutoverFinalized,
    CutoverOpen,
    CutoverRolledBack,
    CutoverWaits,
    OfCutover,
    Track,
)
from hdh_migrate.events.event import Event
from hdh_migrate.evidence.page.chronicle_lines import RefusedLine
from hdh_migrate.evidence.page.messages.gates import gate
from hdh_migrate.evidence.page.passed import PassingWords
from hdh_migrate.evidence.page.text import Text
from hdh_migrate.frozen import mutable_row
from hdh_migrate.jsonform import ABSENT

SHOWN: Final = 50
"""So many are shown, the last ones."""
TOLD: Final = frozenset({"blocked"})
"""Of what else it waits for, the word for it says all."""


@mutable_row
class Refusals:
    """The refusals that a journal tells of, the last ones; the same again counts with the first."""

    lines: deque[RefusedLine] = field(default_factory=lambda: deque(maxlen=SHOWN))
    total: int = 0
    _next: dict[str, str] = field(default_factory=dict)
    """By batch: what comes after its switch."""

    def take(self, at: str, event: Event) -> None:
        """Take one event; those of a journal come in its order."""
        if not isinstance(event, OfCutover) or event.track is not Track.CUTOVER:
            return
        match event:
            case CutoverOpen():
                self._next[event.batch] = "finalize"
            case CutoverRolledBack():
                self._next.pop(event.batch, None)
            case CutoverFinalized():
                self._next[event.batch] = "decommission"
            case CutoverWaits():
                self._add(at, event, self._next.get(event.batch, "cutover"))
            case _:
                pass

    def _add(self, at: str, event: CutoverWaits, stage: str) -> None:
        user = None if event.user is ABSENT else event.user
        last = next((one for one in reversed(self.lines) if one.batch == event.batch), None)
        same = (stage, user, event.why, event.told)
        if last is not None and (last.stage, last.user, last.why, last.told) == same:
            last.times, last.last = last.times + 1, at
            return
        self.total += 1
        self.lines.append(RefusedLine(event.batch, stage, at, user, event.why, event.told))


def refused(lines: Iterable[RefusedLine], words: PassingWords, language: str) -> Iterator[Markup]:
    """Yield a sentence for each refusal."""
    for one in lines:
        who = {} if one.user is None else {"user": one.user}
        told = [gate(line, language) for line in one.told] if one.why in TOLD else []
        why: Markup | str = words.word("waits", one.why)
        if told:
            why = words.say("refused.why", why=why, told=words.say("reader.then").join(told))
        said = words.say(
            "refused.by" if who else "refused.unsaid", name=one.batch,
            stage=words.word("approval", one.stage), when=words.moment(one.at), why=why, **who,
        )  # fmt: skip
        if one.times > 1:
            last = words.moment(one.last)
            said = words.say("refused.again", one.times - 1, said=said, last=last)
        yield said


REFUSED: dict[str, Text] = {
    "refused": Text("Ce qui a été demandé et refusé", "What was asked for and refused"),
    "refused.by": Text(
        "Lot {name}, {stage}, le {when}, sous le nom de session {user} : arrêté par {why}.",
        "Batch {name}, {stage}, {when}, under the login {user}: stopped by {why}.",
    ),
    "refused.unsaid": Text(
        "Lot {name}, {stage}, le {when} : arrêté par {why}. Qui le demandait, ce journal ne le dit "
        "pas (version antérieure de l'outil).",
        "Batch {name}, {stage}, {when}: stopped by {why}. Who asked for it, this journal does not "
        "say (an earlier version of the tool).",
    ),
    "refused.why": Text("{why} ({told})", "{why} ({told})"),
    "refused.again": Text(
        "{said} Demandé encore {n} fois, le {last}."
        "|{said} Demandé encore {n} fois, la dernière le {last}.",
        "{said} Asked for {n} more time, on {last}."
        "|{said} Asked for {n} more times, the last on {last}.",
    ),
}
"""Sentences that say it."""
