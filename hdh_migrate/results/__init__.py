"""What every verb prints under `--json`: one type for each, published as JSON Schema.

`hdh_migrate.cli.reference` writes docs/schemas/verbs/ from these types, and `hdh-migrate docs
--schema VERB` prints one of them. What stands here is a contract: a key stays, with its meaning,
and new keys are `NotRequired` where an earlier ledger or record cannot have them.

A type is named after what it says. Where the code has a class of its own for that, the type that is
printed ends in `Fact`: `CutoverFact` is what is printed of a `Cutover`.
"""

from __future__ import annotations

from typing_extensions import TypedDict


class Amount(TypedDict):
    """Objects and their bytes."""

    objects: int
    bytes: int


class ErrorFact(TypedDict):
    """What went wrong: `kind` is a class of errors, `exit` the command's exit code."""

    kind: str
    message: str
    hint: str | None
    exit: int


class FailedVerb(TypedDict):
    """What every verb prints instead of its result when it cannot give one."""

    error: ErrorFact
