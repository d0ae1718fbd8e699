"""What one seed drew and how far it came; what breaks it; and the count of its steps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.support.script import Script


class Broken(AssertionError):
    """An invariant does not hold; the story says what came before."""


class SimulatorFailed(Exception):
    """The simulator itself did not work: nothing was found out about the code by this life."""


@dataclass(slots=True)
class Life:
    """What one seed drew, and how far it came."""

    seed: int
    story: list[str] = field(default_factory=list)
    processes: int = 0
    kills: int = 0
    cuts: int = 0
    """Kills that took the power with them."""
    faults: Counter[str] = field(default_factory=Counter)
    verbs: Counter[str] = field(default_factory=Counter)
    """How often each verb came to its end, whatever end that was."""

    def tell(self, line: str) -> None:
        """Go on with the story."""
        self.story.append(line)


class StepScript(Script):
    """A script that knows the order of all calls: which came last, and when."""

    def __init__(self) -> None:
        super().__init__()
        self.step = 1
        self.last: dict[str, int] = {}
        """The step of each method's newest call."""

    @contextmanager
    def call(self, method: str) -> Iterator[None]:
        """Surround the effect of one call."""
        self.step += 1
        with super().call(method):
            yield
        self.last[method] = self.step

    @contextmanager
    def undisturbed(self) -> Iterator[None]:
        """Let nothing that was planned happen to who acts inside."""
        acts, self._acts = self._acts, {}
        try:
            yield
        finally:
            self._acts = acts
