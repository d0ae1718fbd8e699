"""Why an object that was to be written anew stays as it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

GONE: Final = "gone"
REPLACED: Final = "replaced"
UNOPENED: Final = "unopened"
UNPROVEN: Final = "unproven"
DAMAGED: Final = "damaged"
DIFFERS: Final = "differs"
REFUSED: Final = "refused"
HELD: Final = "held"
GIVEN_UP: Final = "given-up"
REASONS: Final[Mapping[str, str]] = {
    GONE: "the target does not hold it any more",
    REPLACED: "something else is in its place at the target",
    UNOPENED: "its header does not open with the identity at hand",
    UNPROVEN: "no digest of the whole object is known to compare it with",
    DAMAGED: "its stored bytes are not those that were verified",
    DIFFERS: "what the host made of it was not the same object, and was taken away again",
    REFUSED: "the host or a worker refused it",
    HELD: "a lock keeps what they are now, so sealed anew they would be there twice; when it is"
    " over, the same command goes on with them",
    GIVEN_UP: "it was given up before them, and the data keys that they had open them;"
    ' "hdh-migrate reseal PLAN --execute" goes on with them',
}
"""Why an object stays as it is."""


class Stays(Exception):
    """An object is left as it is; `why` is one of `REASONS`."""

    def __init__(self, why: str) -> None:
        super().__init__(REASONS[why])
        self.why = why
