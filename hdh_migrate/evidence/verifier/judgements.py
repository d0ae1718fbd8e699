"""Judgements of losses that a journal has as they were signed: of what, and by whose key.

Used by verify.py (which see). It needs Python 3.9 and `cryptography` and nothing else.
docs/evidence-format.md, section 8.18, gives the rules in words.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

from hdh_migrate.evidence.verifier import forms
from hdh_migrate.evidence.verifier.accounts import numbers
from hdh_migrate.evidence.verifier.approvals import in_time, signed_by

TYPE = "application/vnd.hdh-migrate.judgement+json"
MEMBERS = {
    "version", "ledger", "looks", "findings", "notified", "reason", "journal", "made_at", "by",
}  # fmt: skip
LOSSES = ("decommission-target-lost", "target-replaced", "vanished-lost")
"""Codes of findings that may be a breach; what a look found gone or damaged may be one, too."""


TELLING = ("looked-again", "findings", "breach-judged")
"""The kinds of events that it looks at."""


class JudgementAccount:
    """Takes the events that tell of losses, and what people judged of them.

    `ended_so` says whether the journal had a digest when it had so many events, `ledger` the
    ledger's name, once an event tells it; `signers` are the keys that were to sign reports, `terms`
    all that are in force of cutovers and rehearsals (None: there are none of one).
    """

    def __init__(
        self,
        ended_so: Callable[[int, str], bool],
        ledger: Callable[[], object],
        signers: Collection[str],
        terms: Callable[[], Iterable[object]],
    ) -> None:
        self._ended_so, self._ledger, self._signers = ended_so, ledger, signers
        self._terms = terms
        self.signed = 0
        """How many judgements the journal has."""
        self._looks: dict[tuple[str, int], list[tuple[int, str, int]]] = {}
        """By batch and number: the events that told of something, when, and how much until then."""
        self._findings: dict[int, tuple[int, str]] = {}
        """By number: the event that opened it, and when."""

    def take(self, kind: str, seq: int, at: str, body: forms.Body) -> None:
        """Take one event; raise ValueError or the like where a judgement does not hold."""
        if kind == "looked-again":
            many = sum(len(numbers(body[name])) for name in ("gone", "damaged"))
            if many:
                look = forms.TEXT.text(body["batch"]), forms.whole(body["number"])
                told = self._looks.setdefault(look, [])
                told.append((seq, at, many + (told[-1][2] if told else 0)))
        elif kind == "findings":
            for one in map(forms.mapping, forms.array(body.get("opened", []))):
                if one["code"] in LOSSES:
                    self._findings[forms.whole(one["number"])] = seq, at
        elif kind == "breach-judged":
            self._judged(seq, at, body)
            self.signed += 1

    def _judged(self, seq: int, at: str, body: forms.Body) -> None:
        """Demand that a key signed exactly this, of what this journal had told it by then."""
        known = forms.mapping(body["key"])
        forms.must(known.keys() == {"fingerprint", "public", "until"})
        forms.must(known["fingerprint"] not in self._signers)
        envelopes = forms.array(body["signed"])
        forms.must(len(envelopes) == 1)
        said = read_judgement(signed_by(known, envelopes[0], TYPE))
        forms.must(in_time(known, forms.string(said["made_at"])))
        for terms in self._terms():
            forms.must(terms is None or names_judge(terms, known, forms.string(said["made_at"])))
        forms.must(body["notified"] is (said["notified"] is not None))
        for name in ("looks", "findings"):
            forms.must(forms.canonical(body[name]) == forms.canonical(said[name]))
        forms.must(self._ledger() in (None, said["ledger"]))
        journal = forms.mapping(said["journal"])
        events = forms.count(journal["events"])
        forms.must(events < seq and self._ended_so(events, forms.string(journal["head"])))
        made_at = forms.seconds(forms.string(said["made_at"]))
        forms.must(made_at <= forms.seconds(at) + forms.AHEAD)
        for then in self._known(said, events):  # to whoever signed, and before
            forms.must(made_at + forms.AHEAD >= forms.seconds(then))

    def _known(self, said: forms.Body, events: int) -> Iterator[str]:
        """Yield when the journal of then told of each thing; raise where it did not."""
        for look in map(forms.mapping, forms.array(said["looks"])):
            name = forms.string(look["batch"]), forms.whole(look["number"])
            told = [one for one in self._looks[name] if one[0] <= events]
            forms.must(bool(told) and told[-1][2] == look["objects"])
            yield told[-1][1]
        for row in forms.array(said["findings"]):
            first, last = numbers(row)
            for number in range(first, last + 1):
                opened, at = self._findings[number]
                forms.must(opened <= events)
                yield at


def names_judge(terms: object, key: forms.Body, made_at: str) -> bool:
    """Say whether terms name a key, as one that approves or waives, and not only until earlier."""
    known = forms.mapping(terms)
    named = [
        forms.mapping(one)
        for name in ("approvers", "waivers")
        for one in forms.array(known.get(name, []))
    ]
    own = [one for one in named if one.get("fingerprint") == key["fingerprint"]]
    return True in [in_time(one, made_at) for one in own]


def read_judgement(payload: bytes) -> forms.Body:
    """Read what was signed; raise ValueError or the like where it is no judgement."""
    said = forms.mapping(json.loads(payload))
    forms.must(forms.canonical(said) == payload and said.keys() == MEMBERS)
    forms.must(type(said["version"]) is int and said["version"] == 1)
    forms.must(all(forms.NAMED.holds(said[name]) for name in ("ledger", "by")))
    forms.must(forms.TIME.holds(said["made_at"]) and forms.is_string(said["reason"]))
    notified = said["notified"]
    if notified is None:
        forms.must(forms.NAMED.holds(said["reason"]))  # who notifies nobody says why
    else:
        told = forms.mapping(notified)
        forms.must(told.keys() == {"on", "reference"})
        forms.must(forms.DAY.holds(told["on"]) and forms.NAMED.holds(told["reference"]))
    forms.must(forms.mapping(said["journal"]).keys() == {"events", "head"})
    looks: Sequence[Mapping[str, object]] = [*map(forms.mapping, forms.array(said["looks"]))]
    forms.must(all(one.keys() == {"batch", "number", "objects"} for one in looks))
    named = [(forms.string(one["batch"]), forms.whole(one["number"])) for one in looks]
    forms.must(named == sorted({*named}) and all(forms.whole(one["objects"]) for one in looks))
    rows = [numbers(one) for one in forms.array(said["findings"])]
    ends = [end for row in rows for end in row]
    forms.must(all(len(row) == 2 for row in rows) and ends == sorted(ends))
    forms.must(all(last + 1 < first for last, first in zip(ends[1::2], ends[2::2])))  # noqa: B905
    forms.must(bool(looks or rows))
    return said
