"""What a switch and a deletion ask of the target besides its objects, and what of it has ended."""

from __future__ import annotations

from tests.campaign.life import Life, StepScript

ATTESTED, FIT = "attested", "unfit"
_ENDED = {
    ATTESTED: "the host's attestation has ended",
    FIT: "a lifecycle rule of the target's bucket deletes objects",
}


class Conditions:
    """An attestation that may end, and buckets whose rules may be changed."""

    def __init__(self, life: Life, script: StepScript) -> None:
        self._life, self._script = life, script
        self._ended: dict[str, int] = {}
        """By condition: the step at which it ended."""

    def attested(self) -> list[str]:
        """Say why nothing may be sent to the target."""
        return self._asked(ATTESTED)

    def unfit(self) -> list[str]:
        """Say which rules for health data the target's buckets do not keep to."""
        return self._asked(FIT)

    def end(self, what: str) -> None:
        """Let a condition hold no more."""
        self._ended[what] = self._script.step
        self._life.tell(f"world: {_ENDED[what]}")

    def mend(self) -> None:
        """Let all of them hold again."""
        if self._ended:
            self._ended.clear()
            self._life.tell("people: what the target is to be, it is again")

    def against(self, began: int) -> str | None:
        """Return what had ended before it was last asked, or before the process `began`."""
        for what, step in self._ended.items():
            if step <= max(self._script.last.get(what, 0), began):
                return _ENDED[what]
        return None

    def _asked(self, what: str) -> list[str]:
        with self._script.call(what):
            return [_ENDED[what]] if what in self._ended else []
