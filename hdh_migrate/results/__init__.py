"""What every verb prints under `--json`: one type for each, published as JSON Schema.

`hdh_migrate.cli.reference` writes docs/schemas/verbs/ from these types, and `hdh-migrate docs
--schema VERB` prints one of them. What stands here is a contract: a key stays, with its meaning,
and new keys are `NotRequired` where an earlier ledger or record cannot have them.
"""

from __future__ import annotations

from typing_extensions import TypedDict


class Amount(TypedDict):
    """Objects and their bytes."""

    objects: int
    bytes: int


class Problem(TypedDict):
    """What went wrong: `kind` is a class of errors, `exit` the command's exit code."""

    kind: str
    message: str
    hint: str | None
    exit: int


class Failed(TypedDict):
    """What every verb prints instead of its result when it cannot give one."""

    error: Problem
