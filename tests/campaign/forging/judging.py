"""What both verifiers say of one forged bundle after the other."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from hdh_migrate.fixity import canonical_json
from tests.campaign.forging.insider import Insider
from tests.campaign.forging.walk import (
    ChangedPlace,
    MemberOf,
    Path,
    at,
    changes,
    member_of,
    places,
)
from tests.unit.evidence.forgery import Desk, Files, resummed

Wanted = Callable[[MemberOf, str], bool]
"""Says of a member and a kind of change whether it is to be tried."""
DRAWN_LINES = 3
KEYED = " (keyed names)"
"""Of a bundle with keyed names less can be held, so that it has rows of its own."""
PLACES = 2
"""At how many places of a bundle a member is changed, and in how many ways of one kind."""
BUNDLES = 2
"""In so many bundles a member is changed in one way before it is held for refused."""


@dataclass
class Judged:
    """What came of the members of one bundle, or of many."""

    cases: int = 0
    taken: dict[MemberOf, dict[str, str]] = field(default_factory=dict)
    """By member and kind of change that both verifiers took: in which bundle."""
    tried: Counter[tuple[MemberOf, str]] = field(default_factory=Counter)
    """In how many bundles a member was changed in one way."""
    members: set[MemberOf] = field(default_factory=set)
    """All that were walked."""
    apart: list[str] = field(default_factory=list)
    """What one verifier takes and the other does not, or what stopped one of them."""


class Forger:
    """Changes every member of one bundle, and asks both verifiers."""

    def __init__(self, name: str, desk: Desk, seed: int) -> None:
        self.name, self._desk = name, desk
        self._insider = Insider(desk)
        self._dice = random.Random(f"{seed} {name}")
        self._good = self._insider.good
        self._kept = KEYED if self._good["predicate"]["names"] == "keyed" else ""

    def cases(self, wanted: Wanted, most: int) -> Iterator[tuple[MemberOf, ChangedPlace]]:
        """Yield changes: of each member and each kind of change no more than `most` places."""
        rows = self._good["predicate"]["datasets"]
        names = {one[name] for one in rows for name in ("name", "batch")}
        found: dict[MemberOf, list[Path]] = {}
        for path in places(self._good, DRAWN_LINES, self._dice):
            member = member_of(self._good, path, names)
            found.setdefault(member._replace(where=member.where + self._kept), []).append(path)
        self.members = {*found}
        for member, paths in sorted(found.items()):
            pool = self._pool(paths)
            self._dice.shuffle(paths)
            tried = Counter[str]()
            for path in paths[: PLACES * most]:
                for one in changes(self._good, path, pool, self._dice):
                    if wanted(member, one.how) and tried[one.how] < PLACES * most:
                        tried[one.how] += 1
                        yield member, one

    def _pool(self, paths: list[Path]) -> list[Any]:
        """Return what stands at some places of one member: each is a value of its type."""
        found: list[Any] = []
        for path in paths[:20]:
            if len(path) > 2 or path[0] == "predicate":
                value = at(self._good, path)
                if value not in found and not isinstance(value, dict | list):
                    found.append(value)
        return found

    def judge(self, judged: Judged, wanted: Wanted, most: int = 1) -> None:
        """Try changes, and keep what came of each."""
        before = Counter(judged.tried)
        for member, change in self.cases(wanted, most):
            if change.how in judged.taken.get(member, ()):
                continue  # one that both take is enough
            if before[member, change.how] >= BUNDLES:
                continue
            judged.tried[member, change.how] = before[member, change.how] + 1
            files = self._insider.forged(change)
            if files is None:
                continue
            judged.cases += 1
            said = self._asked(files)
            where = f"{self.name}: {member.where} {member.member} {change.how} at {change.path}"
            if isinstance(said, str):
                judged.apart.append(f"{where} = {change.value!r:.120}: {said}")
            elif said:
                judged.taken.setdefault(member, {})[change.how] = self.name
        judged.members |= self.members

    def outsiders(self, change: ChangedPlace) -> Iterator[Files]:
        """Yield what somebody without the key can make of a change: all but the signature."""
        files = self._insider.forged(change)
        if files is None:
            return
        good, made = (json.loads(one["statement.json"]) for one in (self._desk.files, files))
        for envelope in (good, {**made, "signatures": good["signatures"]}):
            statement = canonical_json(envelope) + b"\n"
            forged = resummed({**files, "statement.json": statement})
            if forged != self._desk.files:
                yield forged

    def _asked(self, files: Files) -> bool | str:
        """Return whether both take a bundle, or how they differ."""
        try:
            first, other = self._desk.judge(files)
        except Exception as error:  # noqa: BLE001 - whatever it is, a verifier may not raise it
            return f"stopped: {type(error).__name__}: {error}"
        if bool(first) != bool(other):
            return f"{first[:2]} / {other[:2]}"
        return not first
