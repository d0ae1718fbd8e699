"""Rules tried on some objects: which rule took or left how many, and which of them did nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import field

from hdh_migrate.frozen import mutable
from hdh_migrate.model import Listed, ObjectInfo, State, Tally, key_bytes
from hdh_migrate.model.naming import name_in
from hdh_migrate.pipeline.rules.ruling import Rules


@mutable
class RuleTrial:
    """One dataset's objects as its rules judge them."""

    rules: Rules
    prefix: str
    decided: dict[str, Tally] = field(default_factory=dict)
    """By the place of the rule that decided; empty: none did."""
    matched: Counter[str] = field(default_factory=Counter)
    """Objects that each rule matches, whichever rule decided."""
    states: dict[State, Tally] = field(default_factory=dict)
    codes: Counter[str] = field(default_factory=Counter)
    """Objects by the codes of what a run would find or note."""
    objects: Tally = field(default_factory=Tally)
    _seen: dict[str, set[int]] = field(default_factory=dict)
    """Of each list of keys the numbers of those that were there."""

    def take(self, objects: Iterable[ObjectInfo], decide: Callable[[ObjectInfo], Listed]) -> None:
        """Judge some more objects."""
        for obj in objects:
            one = Tally(objects=1, size=obj.size)
            whole = name_in(obj.key)  # rules are about names, whichever version of one it is
            name = whole.removeprefix(self.prefix)
            place = self.rules.decide(name, obj).place
            listed = decide(obj)
            self.objects += one
            self.decided[place] = self.decided.get(place, Tally()) + one
            self.states[listed.state] = self.states.get(listed.state, Tally()) + one
            self.matched.update(
                at for at, rule in self.rules.placed.items() if rule.match(name, obj)
            )
            self._see(key_bytes(whole))
            if listed.reason is not None and listed.state is not State.EXCLUDED:
                self.codes.update(listed.reason.split(","))

    def lacking(self, place: str) -> int:
        """Return how many keys of a rule's list were not there; of a rule without one, 0."""
        rule = self.rules.placed[place]
        if rule.keys is None or place in self.rules.allowed_unused:
            return 0
        return len(rule.keys.lacking(self._seen.get(place, set()), rule.expects))

    def _see(self, key: bytes) -> None:
        for place, rule in self.rules.placed.items():
            if rule.keys is not None and (number := rule.keys.find(key)) is not None:
                self._seen.setdefault(place, set()).add(number)
