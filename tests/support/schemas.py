"""Holds what a command of a test ended with against what its verb declares: documents and code."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from hdh_migrate.cli.menu import load
from hdh_migrate.cli.reference import named
from hdh_migrate.cli.verbs import GROUPS, SECTIONS
from hdh_migrate.errors import Exit

SCHEMAS = Path(__file__).parents[2] / "docs" / "schemas" / "verbs"
ALWAYS_JSON = {"audit-prove", "audit-journal"}
ALWAYS_POSSIBLE = {Exit.OK, Exit.UNEXPECTED, Exit.USAGE, Exit.INTERRUPTED}


def hold(arguments: Sequence[str], code: int, out: str) -> None:
    """Fail if a command printed what its schema does not allow, or ended as its help does not say.

    One that was killed may have printed half a line.
    """
    names = called(arguments)
    if code < 0 or names is None:
        return
    assert code in {*load(names).exits, *ALWAYS_POSSIBLE}, f"{names} ended with {code}"
    name = named(names)
    is_text = "--checkpoint" in arguments  # a .tlog-proof is a text of its own
    if "--json" in arguments or (name in ALWAYS_JSON and not is_text):
        lines = out.splitlines()
        by_line = load(names).by_line or not {"--watch", "--list"}.isdisjoint(arguments)
        assert by_line or len(lines) <= 1, f"{name} printed {len(lines)} lines, not one document"
        for line in lines:
            wrong = best_match(validator(name).iter_errors(json.loads(line)))
            assert wrong is None, f"{name} --json: {wrong.json_path}: {wrong.message}: {line}"


def called(arguments: Sequence[str]) -> tuple[str, ...] | None:
    """Return the words of the verb that arguments call, None when they call none."""
    first, second = [*arguments, "", ""][:2]
    if not any(first in lines for lines in SECTIONS.values()):
        return None
    group = GROUPS.get(first)
    if group is None:
        return (first,)
    if second in group.verbs:
        return first, second
    return (first, group.default) if group.default else None


@cache
def validator(name: str) -> Any:
    return Draft202012Validator(json.loads((SCHEMAS / f"{name}.json").read_text()))
