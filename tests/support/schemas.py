"""Holds every document that a command of a test prints against the published schema of its verb."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from hdh_migrate.cli.verbs import GROUPS, SECTIONS

SCHEMAS = Path(__file__).parents[2] / "docs" / "schemas" / "verbs"
ALWAYS_JSON = {"audit-prove", "audit-journal"}


def hold(arguments: Sequence[str], code: int, out: str) -> None:
    """Fail if a command printed under --json what its schema does not allow; a killed one may."""
    name = verb_of(arguments)
    if code < 0 or name is None or ("--json" not in arguments and name not in ALWAYS_JSON):
        return
    for line in out.splitlines():
        wrong = best_match(validator(name).iter_errors(json.loads(line)))
        assert wrong is None, f"{name} --json: {wrong.json_path}: {wrong.message}: {line}"


def verb_of(arguments: Sequence[str]) -> str | None:
    """Return what the schema of the verb that is called is named, None when none is."""
    first, second = [*arguments, "", ""][:2]
    if not any(first in lines for lines in SECTIONS.values()):
        return None
    group = GROUPS.get(first)
    if group is None:
        return first
    if second in group.verbs:
        return f"{first}-{second}"
    return first if group.default else None


@cache
def validator(name: str) -> Any:
    return Draft202012Validator(json.loads((SCHEMAS / f"{name}.json").read_text()))
