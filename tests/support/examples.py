"""How many examples a test makes up that has its own opinion of it."""

from __future__ import annotations

from hypothesis import settings

USUAL = 100
"""Examples of a test that says nothing, in `make test`."""


def many(examples: int) -> int:
    """Return as many examples, or fewer or more as the profile of this run makes up of the usual.

    `make quick` takes a quarter, `make test` all; a profile is chosen before tests are imported.
    """
    return max(1, examples * settings().max_examples // USUAL)
