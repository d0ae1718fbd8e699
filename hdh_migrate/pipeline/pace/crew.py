"""Who of a cluster works on a step: told to people when it changes, and kept for who looks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from hdh_migrate.model import ClusterWorker

ANSWER_SECONDS: Final = 5.0
"""How long workers may take to answer when a step begins, before it is said that none does."""


def _nowhere(_: object) -> None:
    return


class Crew:
    """Compares each look with the one before. What works on one machine has no crew."""

    def __init__(
        self,
        note: Callable[[str], None] = _nowhere,
        keep: Callable[[Sequence[ClusterWorker]], None] = _nowhere,
    ) -> None:
        """`note` takes a line for people, `keep` everybody who was seen."""
        self._note, self._keep = note, keep
        self._at_work: frozenset[str] | None = None
        """Names of who took orders at the last look; None: nobody has looked."""
        self._since: float | None = None
        """Since when nobody is at work, while that was not reported yet."""
        self._reasons = dict[str, str]()
        """Why somebody takes no orders, by name, as it was reported last."""

    def look(self, seen: Sequence[ClusterWorker] | None, now: float) -> None:
        """Tell who came and who went since the last look; None: there is no cluster.

        `now` is in seconds of a clock that never goes back.
        """
        if seen is None:
            return
        before = self._at_work or frozenset()
        at_work = frozenset(one.name for one in seen if one.state == "works")
        gone = {one.name: one.why or "it has left" for one in seen if one.state == "gone"}
        many = f"{len(at_work)} at work"
        for name in sorted(at_work - before):
            self._note(f"worker {name} takes orders: {many}")
        for name in sorted(before - at_work):
            self._reasons[name] = gone.get(name, "it has left")
            what = f"worker {name} is gone ({self._reasons[name]}): {many}"
            self._note(f"{what}; what it held is handed out again")
        for name, why in gone.items():
            if self._reasons.get(name) != why:
                self._reasons[name] = why
                self._note(f"worker {name} takes no orders: {why}")
        if at_work:
            self._since = None
        elif before:
            self._pause()
        elif self._at_work is None:
            self._since = now
        elif self._since is not None and now - self._since >= ANSWER_SECONDS:
            self._pause()
        self._at_work = at_work
        self._keep(seen)

    def _pause(self) -> None:
        self._since = None
        self._note(
            "paused: no worker of the cluster takes orders; the run goes on as soon as one does"
            ' ("hdh-migrate worker PLAN"), and ends, resumable, if none does within a minute'
        )

    def rest(self) -> None:
        """Note that nothing is handed out for now."""
        if self._at_work is not None:
            self._keep(())
