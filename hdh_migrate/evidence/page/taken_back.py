"""Why verdicts were taken back: what the journal says next to each that was."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import field
from typing import Final

from hdh_migrate.events.event import Event
from hdh_migrate.events.inventory import InventoryChanged
from hdh_migrate.events.looks import LookedAgain, ObjectRestored
from hdh_migrate.events.objects import ObjectsSuperseded
from hdh_migrate.events.refreshes import Refreshed
from hdh_migrate.events.rotation import HeadersExchanged
from hdh_migrate.evidence.page.text import Text
from hdh_migrate.frozen import mutable_row

TELLING: Final[tuple[type[Event], ...]] = (
    ObjectsSuperseded, LookedAgain, HeadersExchanged, Refreshed, InventoryChanged, ObjectRestored,
)  # fmt: skip
"""What takes verdicts back, and the events of the same transaction that say why."""


@mutable_row
class TakenBackVerdicts:
    """Counts verified objects whose verdict was taken back, by why; the journal's order counts.

    An exchange of keys covers what it wrote and read back in the same transaction: no verdict is
    taken back by it.
    """

    why: Counter[str] = field(default_factory=Counter)
    """By the keys of `TAKEN_BACK`."""
    datasets: Counter[str] = field(default_factory=Counter)
    """By dataset, where the journal says of which they were."""
    _waiting: dict[int, str | None] = field(default_factory=dict)
    """Objects of which nothing said why yet, with their dataset where it is known."""

    @property
    def total(self) -> int:
        """How many there were."""
        return self.why.total() + len(self._waiting)

    @property
    def told(self) -> dict[str, int]:
        """How many there were for each reason, the reasons in the order of `TAKEN_BACK`."""
        counts = self.why + Counter({"unsaid": len(self._waiting)})
        known = (key.removeprefix("back.") for key in TAKEN_BACK if key.startswith("back."))
        return {why: counts[why] for why in known if counts[why]}

    @property
    def by_dataset(self) -> Counter[str]:
        """How many there were of each dataset, where the journal says that of all."""
        waiting = Counter(name for name in self._waiting.values() if name is not None)
        found = self.datasets + waiting
        return found if found.total() == self.total else Counter()

    def take(self, event: Event) -> None:
        """Take one event."""
        match event:
            case ObjectsSuperseded():
                names = event.dropped_datasets or {}
                only = next(iter(names)) if len(names) == 1 else None
                self._waiting.update(dict.fromkeys(event.dropped, only))
            case LookedAgain():
                self._because("gone", event.gone)
                self._because("damaged", event.damaged)
            case HeadersExchanged():
                for number in event.ids:
                    self._waiting.pop(number, None)
                self._because("unopened", event.lost)
            case ObjectRestored():
                self._because("restored", (event.id,))
            case Refreshed():
                if event.changed.objects:
                    self._because("source", tuple(self._waiting))
            case InventoryChanged():
                self._because("own", tuple(self._waiting))
            case _:
                pass

    def _because(self, why: str, ids: Iterable[int]) -> None:
        for number in ids:
            if number in self._waiting:
                self.why[why] += 1
                if (name := self._waiting.pop(number)) is not None:
                    self.datasets[name] += 1


TAKEN_BACK: dict[str, Text] = {
    "runs.unverified": Text(
        "{n} verdict favorable a été retiré :|{n} verdicts favorables ont été retirés :",
        "{n} good verdict was taken back:|{n} good verdicts were taken back:",
    ),
    "back.gone": Text(
        "{n} objet absent de la cible à un contrôle|{n} objets absents de la cible à un contrôle",
        "{n} object gone from the target at a check|{n} objects gone from the target at a check",
    ),
    "back.damaged": Text(
        "{n} objet altéré sur la cible à un contrôle|{n} objets altérés sur la cible à un contrôle",
        "{n} object damaged at the target at a check|{n} objects damaged at the target at a check",
    ),
    "back.unopened": Text(
        "{n} objet qui ne s'ouvrait plus après un remplacement de clés"
        "|{n} objets qui ne s'ouvraient plus après un remplacement de clés",
        "{n} object that did not open after an exchange of keys"
        "|{n} objects that did not open after an exchange of keys",
    ),
    "back.restored": Text(
        "{n} objet remplacé par un autre sur la cible, et renvoyé sur décision"
        "|{n} objets remplacés par d'autres sur la cible, et renvoyés sur décision",
        "{n} object replaced by another one at the target, and sent again as was decided"
        "|{n} objects replaced by others at the target, and sent again as was decided",
    ),
    "back.source": Text(
        "{n} objet modifié à la source|{n} objets modifiés à la source",
        "{n} object changed at the source|{n} objects changed at the source",
    ),
    "back.own": Text(
        "{n} fichier de l'outil, écrit de nouveau|{n} fichiers de l'outil, écrits de nouveau",
        "{n} file of the tool, written anew|{n} files of the tool, written anew",
    ),
    "back.unsaid": Text(
        "{n} objet dont le journal ne dit pas le motif"
        "|{n} objets dont le journal ne dit pas le motif",
        "{n} object of which the journal does not say why"
        "|{n} objects of which the journal does not say why",
    ),
    "runs.unverified.so": Text(
        "Ce qui en est advenu est dans les constats et dans les comptes.",
        "What became of them is in the findings and in the counts.",
    ),
}
"""Why verdicts were taken back, in words; the keys `back.*` are in the order of telling."""
