"""What happens at the n-th call of a port's method: an error before its effect, or after it."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Hashable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Literal

When = Literal["before", "after"]
BEFORE: tuple[When, ...] = ("before",)
BOTH: tuple[When, ...] = ("before", "after")
LOOKS = {
    "check", "check target", "default_retention", "head", "head source", "keeps_versions", "keys",
    "lock", "locks", "now", "open_uploads", "page", "parts", "recount", "tags", "versions",
}  # fmt: skip
"""Methods that change nothing anywhere, and call nothing of ours meanwhile, as `read` does."""


@dataclass(frozen=True, slots=True)
class Point:
    """A moment in a run: before or after the effect of the n-th call (from 1) of a method."""

    method: str
    number: int
    when: When

    def __str__(self) -> str:
        return f"{self.when} {self.method} {self.number}"


class Killed(BaseException):
    """The process is gone. Not an `Exception`: nothing of ours may catch it and go on."""


class Script:
    """Counts the calls of a fake's methods and does what a test asked for at some of them."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.dead = False
        self._acts: dict[Point, Callable[[], None]] = {}
        self._always: dict[str, Callable[[], None]] = {}
        self._lock = threading.Lock()
        self._left: Callable[[], Hashable] | None = None
        self._moments: list[tuple[Point, Hashable]] = []
        self._effects = 0

    def __deepcopy__(self, copied: dict[int, Any]) -> Script:
        """Count on from here; what a test asked for would act on what it was asked of."""
        assert not self._acts, "acts are not copied"
        assert not self._always, "acts are not copied"
        made = copied[id(self)] = Script()
        made.calls, made.dead = self.calls.copy(), self.dead
        return made

    def at(self, method: str, number: int, when: When, act: Callable[[], None]) -> None:
        """Do this at one moment."""
        self._acts[Point(method, number, when)] = act

    def fail(self, method: str, *errors: BaseException, when: When = "before") -> None:
        """Have the next calls of a method raise these, one each; `after` is a lost reply."""
        for number, error in enumerate(errors, self.calls[method] + 1):
            self.at(method, number, when, _raising(error))

    def always(self, method: str, error: BaseException) -> None:
        """Have every call of a method raise this from now on."""
        self._always[method] = _raising(error)

    def heal(self) -> None:
        """Forget every act."""
        self._acts.clear()
        self._always.clear()

    def call(self, method: str) -> AbstractContextManager[None]:
        """Surround the effect of one call."""
        return _Call(self, method)

    def begun(self, method: str) -> int:
        """Do what is to happen before the effect of a call; return the call's number."""
        with self._lock:
            if self.dead:
                raise Killed("nothing happens after a kill")
            self.calls[method] += 1
            number = self.calls[method]
        if self._left is not None:
            self._noted(Point(method, number, "before"))
        if method in self._always:
            self._always[method]()
        self._happen(method, number, "before")
        return number

    def ended(self, method: str, number: int) -> None:
        """Do what is to happen after the effect of a call."""
        if self._left is not None:
            self._noted(Point(method, number, "after"))
        self._happen(method, number, "after")

    def _happen(self, method: str, number: int, when: When) -> None:
        if self._acts and (act := self._acts.get(Point(method, number, when))) is not None:
            act()

    def watch(self, left: Callable[[], Hashable]) -> None:
        """Look from here on at what is left behind, besides the effects of calls that are no looks.

        For one thread: an effect that comes from another one meanwhile is not told apart.
        """
        self._left = left

    def _noted(self, point: Point) -> None:
        assert self._left is not None
        effect = point.method not in LOOKS
        self._effects += effect and point.when == "after"
        self._moments.append((point, (self._effects, self._left())))
        self._effects += effect and point.when == "before"  # which lasts until it is over

    def points(self, asked: Callable[[Point], bool] = lambda _: True) -> list[Point]:
        """Return every moment there was so far, one of those that leave the same behind.

        Whoever dies after a look leaves what it would have left right before it. Who is watched
        leaves the same wherever it dies between two effects and two commits.
        """
        if self._left is not None:
            alike = groupby((one for one in self._moments if asked(one[0])), lambda one: one[1])
            return [next(moments)[0] for _, moments in alike]
        return [
            Point(method, number, when)
            for method, count in sorted(self.calls.items())
            for number in range(1, count + 1)
            for when in (BEFORE if method in LOOKS else BOTH)
            if asked(Point(method, number, when))
        ]


class _Call(AbstractContextManager[None]):
    """One call. Hundreds of thousands are made, so no generator."""

    __slots__ = ("_method", "_number", "_script")

    def __init__(self, script: Script, method: str) -> None:
        self._script, self._method = script, method

    def __enter__(self) -> None:
        self._number = self._script.begun(self._method)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._script.ended(self._method, self._number)


def _raising(error: BaseException) -> Callable[[], None]:
    def act() -> None:
        raise error

    return act
