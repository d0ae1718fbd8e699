"""What a journal tells of going over a batch again: listings, looks, what another ledger moved.

Used by verify.py (which see). It needs Python 3.9 and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping

from hdh_migrate.evidence.verifier import forms, shapes
from hdh_migrate.evidence.verifier.members import StatedAbsent, StatedTally

FOUND = ("gone", "damaged", "replaced", "unread")
SOMETIMES = ("lost", "beside")
"""What a look tells of only where there is some."""


APART = 3600.0
"""By how many seconds clocks may differ where nothing but a date rests on them."""


def demand_read_between(since: str, at: object, told: str) -> None:
    """Demand that what was read again was read after that began, and before it was told."""
    moment = forms.seconds(forms.TIME.text(at))
    forms.must(
        forms.seconds(since) <= moment + APART and moment <= forms.seconds(told) + forms.AHEAD
    )


class PassAccount:
    """The passes over one batch's source, told by their events one after another."""

    def __init__(self) -> None:
        self.number, self.ended = 0, True

    def begin(self, body: forms.Body) -> None:
        """Take a `refreshing`."""
        number = forms.whole(body["number"])
        forms.must(number == self.number + self.ended)
        self.number, self.ended = number, False

    def demand_open(self, body: forms.Body) -> None:
        """Demand that an event is of the pass that is under way."""
        forms.must(type(body["number"]) is int and body["number"] == self.number)
        forms.must(not self.ended)

    def end(self, body: forms.Body) -> None:
        """Take a `refresh-ended`."""
        forms.must(shapes.ill_formed(body["listed"], shapes.SUM, "") is None)
        self.demand_open(body)
        self.ended = True


JOURNAL = {
    "ledger": forms.TEXT_OR_NULL, "events": forms.is_count, "head": forms.DIGEST,
    "statement": forms.DIGEST_OR_NULL,
}  # fmt: skip
"""How far the journal of another ledger was seen to go."""


class AdoptionAccount(PassAccount):
    """The adoptions of one batch: what proved good in the end was taken over before."""

    def __init__(self) -> None:
        super().__init__()
        self.taken: dict[str, int] = {}
        """How many objects were taken over, by whose they are."""
        self.seen: set[tuple[object, object]] = set()
        """Of the bundles at hand: which ledger's each is, and its statement."""

    def begin(self, body: forms.Body) -> None:
        """Take an `adopting`."""
        super().begin(body)
        forms.must(shapes.ill_formed(body["journals"], [JOURNAL], "") is None)
        journals = map(forms.mapping, forms.array(body["journals"]))
        self.seen = {(one["ledger"], one["statement"]) for one in journals if one["statement"]}

    def take(self, body: forms.Body) -> list[int]:
        """Take an `adopted`; return the objects that it took over."""
        ledger = forms.TEXT.text(body["ledger"])
        self.demand_open(body)
        statement = body["statement"]
        forms.must(statement is None or statement in {known for _, known in self.seen})
        ids = [forms.whole(one) for one in forms.array(body["ids"])]
        self.taken[ledger] = self.taken.get(ledger, 0) + len(ids)
        return ids

    def close(self, body: forms.Body, ours: Collection[str] | None) -> None:
        """Take an `adopted-batch`; what proved good is of `ours` alone, where that is known."""
        self.demand_open(body)
        known = [many for name, many in self.taken.items() if ours is None or name in ours]
        forms.must(forms.count(body["adopted"]) <= sum(known))
        self.ended, self.taken = True, {}


class AdoptedLedgers:
    """All that a journal tells of what other ledgers moved, and why it is this one's."""

    def __init__(self, own: Callable[[], object]) -> None:
        """`own` is the journal's own ledger, once an event names it."""
        self._own = own
        self._batches: dict[str, AdoptionAccount] = {}
        self._seen: set[tuple[object, object]] = set()
        self._spans: dict[str, list[list[int]]] = {}
        """By ledger: what was adopted of it, each run of ids as its first and its last."""
        self._ours: set[str] = set()
        self.unsent: set[int] = set()
        """What was adopted, and not told to be sent yet."""

    def take(self, kind: str, body: forms.Body) -> None:
        """Take one of its events."""
        if kind == "ledger-adopted":
            self._named(body)
            return
        account = self._batches.setdefault(forms.TEXT.text(body["batch"]), AdoptionAccount())
        if kind == "adopting":
            account.begin(body)
            self._seen |= account.seen
        elif kind == "adopted":
            spans = self._spans.setdefault(forms.TEXT.text(body["ledger"]), [])
            for number in account.take(body):
                self.unsent.add(number)
                if spans and spans[-1][1] + 1 == number:
                    spans[-1][1] = number
                else:
                    spans.append([number, number])
        else:
            own = self._own()
            account.close(body, {own, *self._ours} if forms.is_string(own) else None)

    def sent(self, ids: Iterable[int]) -> None:
        """Take a `sent`: what was adopted before it is among its objects."""
        if self.unsent:
            forms.must(self.unsent.issubset(ids))
            self.unsent.clear()

    def _named(self, body: forms.Body) -> None:
        """Take a `ledger-adopted`: a bundle names it, or one of its objects proved good."""
        ledger, statement, proved = (
            forms.TEXT.text(body["ledger"]),
            body["statement"],
            body["object"],
        )
        forms.must(ledger not in self._ours)
        self._ours.add(ledger)
        if statement is not None:
            forms.must(proved is None and (ledger, statement) in self._seen)
            return
        number = forms.whole(proved)
        forms.must(any(one <= number <= other for one, other in self._spans.get(ledger, ())))


class LookAccount:
    """The looks at one batch's verified objects, told by their events one after another."""

    def __init__(self, batch: str) -> None:
        self.batch, self.number, self.ended = batch, 0, True
        self.level = ""
        self.look: dict[str, object] = {}
        """The last look that has read something."""
        self._looked, self._first = dict[str, int](), ""
        """What it found, and when it began."""
        self.missed = 0
        """How often a look found something gone or damaged; an object may be it twice."""
        self.absent, self.away = set[int](), set[int]()
        """What looks found so, where names are plain; what of it was not verified since."""
        self._begun = ""
        """When it was last said that it begins, or goes on."""

    def begin(self, at: str, body: forms.Body) -> None:
        """Take a `looking-again`."""
        self._begun = at
        number, level = forms.whole(body["number"]), forms.LEVEL.text(body["level"])
        if number == self.number:
            forms.must(not self.ended and level == self.level)
        else:
            forms.must(number == self.number + 1)
        self.number, self.level, self.ended = number, level, False

    def read(
        self, told: str, body: forms.Body, counts: Mapping[str, int], absent: Collection[int]
    ) -> None:
        """Take a `looked-again`, `told` then: `counts` of what it found, `absent` is harmed."""
        self._demand_open(body)
        demand_read_between(self._begun, body["at"], told)
        at, objects = forms.TIME.text(body["at"]), forms.count(body["objects"])
        forms.must(body["level"] == self.level)
        forms.must(0 < objects >= sum(counts.values()))
        self.missed += counts["gone"] + counts["damaged"]
        self.absent.update(absent)
        self.away.update(absent)
        if self.look.get("number") != self.number:
            self._looked, self._first = {}, at
        self._first = min(self._first, at, key=forms.instant)
        for name, many in {"objects": objects, **counts}.items():
            self._looked[name] = self._looked.get(name, 0) + many
        self.look = {
            "batch": self.batch, "number": self.number, "level": self.level, "ended": False,
            "at": self._first, **self._looked,
        }  # fmt: skip

    def misstated(self, absent: StatedAbsent, tallies: Iterable[StatedTally]) -> bool:
        """Say whether a statement tells otherwise what became of all that looks missed.

        The rows of its datasets count how many may be missing, and how many were left behind.
        """
        rows = [*tallies]
        waiting = sum(one["failed"]["objects"] + one["pending"]["objects"] for one in rows)
        many, back, missing = absent["objects"], absent["back"], absent["missing"]
        behind = many - back - missing
        if self.absent:
            told = (len(self.absent), len(self.absent - self.away)) == (many, back)
        else:
            told = 0 < many <= self.missed
        left = sum(one["excluded"]["objects"] for one in rows)
        return not (told and missing <= waiting and 0 <= behind <= left)

    def end(self, body: forms.Body) -> None:
        """Take a `look-ended`."""
        self._demand_open(body)
        self.ended = True
        if self.look.get("number") == self.number:
            self.look = {**self.look, "ended": True}

    def _demand_open(self, body: forms.Body) -> None:
        forms.must(type(body["number"]) is int and body["number"] == self.number)
        forms.must(not self.ended)
