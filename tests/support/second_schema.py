"""Section 7 for the second verifier: the predicate beside its schema."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from tests.support.second_forms import Json, Refused, is_integer, is_number, matching, need

SCHEMAS = {
    number: json.loads(
        (Path(__file__).parents[2] / "docs" / "schemas" / f"evidence-v{number}.json").read_text(
            "utf-8"
        )
    )
    for number in (1, 2)
}


def check_schema(predicate: Json, first: bool) -> bool:
    schema = SCHEMAS[1 if first else 2]
    obey(predicate, schema, schema["$defs"], "predicate")
    return True


TYPES: dict[str, Callable[[Json], bool]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "integer": is_integer,
    "number": is_number,
}
ABOUT = {"$schema", "$id", "$defs", "title", "description"}


def obey(value: Json, schema: Json, defs: Json, at: str) -> None:
    """Hold a value against the part of JSON Schema 2020-12 that the schema uses."""
    for word, rule in schema.items():
        if word == "$ref":
            obey(value, defs[rule.removeprefix("#/$defs/")], defs, at)
        elif word == "anyOf":
            need(any(obeys(value, one, defs, at) for one in rule), at)
        elif word == "type":
            need(TYPES[rule](value), f"{at}: not {rule}")
        elif word in {"const", "enum"}:
            need(value in ([rule] if word == "const" else rule), at)
        elif word == "minLength":
            need(len(value) >= rule, at)
        elif word == "pattern":
            need(matching(rule.removeprefix("^").removesuffix("$"))(value), at)
        elif word == "minimum":
            need(value >= rule, at)
        elif word == "exclusiveMinimum":
            need(value > rule, at)
        elif word == "required":
            need(set(rule) <= value.keys(), f"{at}: a member is missing")
        elif word == "items":
            for index, one in enumerate(value):
                obey(one, rule, defs, f"{at}[{index}]")
        elif word == "properties":
            for name in rule.keys() & value.keys():
                obey(value[name], rule[name], defs, f"{at}.{name}")
        elif word == "additionalProperties":
            for name in value.keys() - schema.get("properties", {}).keys():
                need(rule is not False, f"{at}: an unknown member")
                obey(value[name], rule, defs, f"{at}.{name!r}")
        else:
            assert word in ABOUT, word


def obeys(value: Json, schema: Json, defs: Json, at: str) -> bool:
    try:
        obey(value, schema, defs, at)
    except Refused:
        return False
    return True
