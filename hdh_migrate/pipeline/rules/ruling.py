"""Which rule decides about an object: one evaluator for inventory, `explain` and `validate`.

What a listing does not say leaves nothing behind: under a rule about dates, an object without one
is taken by `include`, and not left out by `exclude`.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from hashlib import blake2b
from itertools import accumulate
from typing import Final, NamedTuple

from hdh_migrate.clocks import seconds_of
from hdh_migrate.frozen import frozen
from hdh_migrate.model import SIDECAR, ObjectInfo
from hdh_migrate.plan.globs import compiled

Test = Callable[[str, ObjectInfo], bool]
"""Asked with the key without the dataset's prefix, and the object as it was listed."""

Keys = Iterable[tuple[int, bytes]]
"""Keys of a list, each with its place in it, from 1."""

DIGEST: Final = 16

DIRECTORY: Final = "directory"
"""The kind of a folder's marker, and why it is left behind where it is."""

RELATIVE: Final = frozenset({"older_than", "newer_than"})
"""What counts from an instant."""

LABELS: Final = RELATIVE | {"modified_before", "modified_since", "tier", "tags"}
"""What is asked of more than key, size and type."""


class KeyList:
    """A list of keys that is read when it is first asked, and kept in 16 bytes a key."""

    def __init__(self, read: Callable[[], Keys]) -> None:
        """`read` gives the list's keys each time it is called, and may refuse to."""
        self._read = read
        self._digests: bytes | None = None
        self._begins = array("Q")
        """Where the digests begin whose first two bytes are this number."""

    def find(self, key: bytes) -> int | None:
        """Return the number of a key among the list's; None: it is none of them."""
        digests = self._digests
        if digests is None:
            digests = self._digests = self._take()
        wanted = _digest(key)
        first = wanted[0] << 8 | wanted[1]
        at, end = self._begins[first], self._begins[first + 1]
        while (at := digests.find(wanted, at, end)) % DIGEST:
            if at < 0:
                return None
            at += 1  # it stood across two of them
        return at // DIGEST

    def _take(self) -> bytes:
        ordered = sorted({_digest(key) for _, key in self._read()})
        many = [0] * (1 << 16)
        for digest in ordered:
            many[digest[0] << 8 | digest[1]] += DIGEST
        self._begins = array("Q", accumulate(many, initial=0))
        return b"".join(ordered)

    def lacking(self, seen: Collection[int], wanted: Callable[[bytes], bool]) -> list[int]:
        """Return the places of `wanted` keys whose numbers were not seen; one key, one place."""
        counts: dict[int, int] = {}
        for place, key in self._read():
            number = self.find(key)
            if number is not None and number not in seen and wanted(key):
                counts.setdefault(number, place)
        return sorted(counts.values())


def _digest(key: bytes) -> bytes:
    return blake2b(key, digest_size=DIGEST).digest()


@frozen
class Rule:
    """One rule, compiled: all its tests must hold."""

    tests: tuple[Test, ...]
    keys: KeyList | None = None
    expects: Callable[[bytes], bool] = lambda _key: True
    """Which keys of its list are to be in this dataset."""
    asks: frozenset[str] = frozenset({"glob"})
    """The fields of the plan's rule."""

    def match(self, name: str, obj: ObjectInfo) -> bool:
        """Return whether it takes an object, given the key without the dataset's prefix too."""
        tests = self.tests
        if len(tests) == 1:  # nearly all rules, and asked of every object
            return tests[0](name, obj)
        return all(test(name, obj) for test in tests)


def by_glob(glob: str) -> Rule:
    """Return the rule of a glob alone."""
    match = compiled(glob).match
    return Rule(tests=(lambda name, _: match(name) is not None,))


def by_age(test: Callable[[float], bool], *, unknown: bool) -> Test:
    """Return a test of when an object was last changed, in seconds; `unknown`: without a date."""

    def holds(_: str, obj: ObjectInfo) -> bool:
        return unknown if obj.modified is None else test(seconds_of(obj.modified))

    return holds


class Decided(NamedTuple):
    """Which rule decided about an object, and how."""

    place: str
    """`include[0]`, `exclude[2]`, `include` (none of it matches), `directory`, or empty."""
    reason: str | None
    """Why it is left behind, as the ledger writes it; None: it is not."""


@frozen
class Rules:
    """A dataset's choice of objects, compiled."""

    include: tuple[Rule, ...]
    exclude: tuple[Rule, ...]
    fold: bool
    allowed_unused: frozenset[str] = frozenset()
    """Places of rules that may match nothing."""
    moment: str | None = None
    """The instant that relative ages count from; None: no rule asks for one."""
    keep_directories: bool = False
    """Whether folder markers are moved, as objects without content."""
    allow_leased: bool = False
    """Whether objects are moved that somebody holds for ever."""
    placed: Mapping[str, Rule] = field(init=False, default_factory=dict)
    """Every rule by its place."""

    def __post_init__(self) -> None:
        places = {f"include[{n}]": rule for n, rule in enumerate(self.include)}
        places |= {f"exclude[{n}]": rule for n, rule in enumerate(self.exclude)}
        object.__setattr__(self, "placed", places)

    @property
    def asks(self) -> frozenset[str]:
        """All that some rule asks about."""
        return frozenset().union(*(rule.asks for rule in self.placed.values()))

    def decide(self, name: str, obj: ObjectInfo) -> Decided:
        """Return which rule decides about an object, given the key without the prefix too."""
        if obj.kind == SIDECAR:  # no rule is about what the tool adds
            return Decided("", None)
        if obj.kind == DIRECTORY and not self.keep_directories:
            return Decided(DIRECTORY, DIRECTORY)
        place = ""
        if self.include:
            for number, rule in enumerate(self.include):
                if rule.match(name, obj):
                    place = f"include[{number}]"
                    break
            else:
                return Decided("include", "not-included")
        for number, rule in enumerate(self.exclude):
            if rule.match(name, obj):
                return Decided(f"exclude[{number}]", f"exclude-{number}")
        return Decided(place, None)


def compile_rules(
    include: Sequence[str | Rule],
    exclude: Sequence[str | Rule],
    *,
    fold: bool,
    allowed_unused: Collection[str] = (),
    moment: str | None = None,
    keep_directories: bool = False,
    allow_leased: bool = False,
) -> Rules:
    """Compile a dataset's rules; a text is a glob, for the key without the dataset's prefix."""
    return Rules(
        include=tuple(_compiled(include)),
        exclude=tuple(_compiled(exclude)),
        fold=fold,
        allowed_unused=frozenset(allowed_unused),
        moment=moment,
        keep_directories=keep_directories,
        allow_leased=allow_leased,
    )


def _compiled(rules: Sequence[str | Rule]) -> Iterator[Rule]:
    for rule in rules:
        yield by_glob(rule) if isinstance(rule, str) else rule
