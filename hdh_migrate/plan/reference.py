"""Writes what can be generated from the plan's model and the findings' codes; says what is stale.

`python -m hdh_migrate.plan.reference` writes plans/schema.json (for editors and CI),
docs/plan-reference.md (for people) and the table of findings in docs/operations.md below the
current directory; `--check` writes nothing and exits 1 when one differs from what the code says.
"""

from __future__ import annotations

import argparse
import inspect
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from pydantic.json_schema import GenerateJsonSchema

from hdh_migrate import codes
from hdh_migrate.plan import rules, source_rules
from hdh_migrate.plan.model import Plan

SCHEMA: Final = Path("plans/schema.json")
REFERENCE: Final = Path("docs/plan-reference.md")
OPERATIONS: Final = Path("docs/operations.md")
BEGIN: Final = (
    "<!-- begin: written by `python -m hdh_migrate.plan.reference` from hdh_migrate/codes.py -->\n"
)
END: Final = "<!-- end -->\n"

_INTRO: Final = """\
# Plan reference

Generated from the models in `hdh_migrate/plan/` by `python -m hdh_migrate.plan.reference`: change
it there. `plans/schema.json` says the same to editors; `plans/` holds examples to start from.

- A **reference** is `env:NAME` (an environment variable) or `file:PATH` (a file that only you can
  read). Secrets never stand in a plan; what looks like one is refused and not repeated.
- A **path** is relative to the plan, or absolute. `~` is not expanded, nor is anything else.
- A **size** is a number with KiB, MiB, GiB, KB, MB or GB; a **rate** is a size with `/s`; a
  **duration** is a whole number with `s`, `m` or `h`; a **period** may have `d` (days), too.
- A **glob** matches the whole key without its dataset's prefix; keys have no leading slash. `*`
  and `?` stay within a folder, `**` crosses folders, `**/` is any number of whole folders, none
  too: `*.csv` is at the top only, `**/*.csv` anywhere, `2024/**` all below `2024/`. A backslash
  takes the next character as it is: `\\[`. There are no `{a,b}`, no `[ab]` and no leading `!` as
  other tools have them: they are refused, write one glob for each. It has at most 8,192
  characters. A rule that matches none of
  the dataset's objects is a finding (`rule-unused`); rules that leave nothing are refused.
- A **URL** is https; plain http is accepted on loopback (127.0.0.1, ::1, localhost) only.

The file is UTF-8 YAML of at most 1 MiB: one document without anchors, aliases, merge keys and
tags, no key twice, at most 16 levels and 20,000 values and keys. Words mean what they mean in
YAML 1.2: only `true` and `false` are truth values, and `no` is text; a number with a leading zero
is refused. Every problem is reported at once, as `file:line:column: place: what is wrong`.
"""


class _Untitled(GenerateJsonSchema):
    """Only the titles that we gave: a field's name says enough."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ANN401 - pydantic's type
        """Say no: never the field's name again."""
        del schema
        return False


def schema() -> dict[str, Any]:
    """Return the JSON Schema of a plan."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Plan.model_json_schema(schema_generator=_Untitled),
        "title": "hdh-migrate plan",
    }


def reference() -> str:
    """Return the reference for people, in Markdown.

    Raises:
        ValueError: a field has no description.
    """
    whole = schema()
    lines = [_INTRO, *_section("The plan", whole, whole)]
    for heading, section in _sections(whole, whole, ""):
        lines.extend(_section(heading, section, whole))
    lines.extend(["## Rules across fields", ""])
    lines.extend(f"- {_first_line(rule.__doc__)}" for rule in (*rules.RULES, *source_rules.RULES))
    return "\n".join(lines) + "\n"


def operations(page: str) -> str:
    """Return the page for operators with the table of findings as it is to be.

    Raises:
        ValueError: it does not say where the table begins and ends.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"{OPERATIONS} must hold the lines {BEGIN!r} and {END!r}")
    # An empty line on either side: a table that follows a comment would be part of it.
    return "\n".join((before + begin, *codes.table(), "", end + after))


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the files, or say which of them is stale; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m hdh_migrate.plan.reference")
    parser.add_argument("--check", action="store_true", help="write nothing, exit 1 when stale")
    check = parser.parse_args(arguments).check
    stale = False
    schema_text = json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"
    page = operations(OPERATIONS.read_text(encoding="utf-8"))
    for path, text in ((SCHEMA, schema_text), (REFERENCE, reference()), (OPERATIONS, page)):
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        elif not path.is_file() or path.read_text(encoding="utf-8") != text:
            stale = True
            sys.stderr.write(f"{path} is stale: run python -m hdh_migrate.plan.reference\n")
    return int(stale)


def _sections(
    whole: Mapping[str, Any], section: Mapping[str, Any], where: str
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield every section below one with its heading, depth first."""
    for field, value in section["properties"].items():
        names = list(_refs(value))
        for name in names:
            place = f"{where}.{field}" if where else field
            place += "[]" if value.get("type") == "array" else ""
            inner = whole["$defs"][name]
            heading = f"`{place}`"
            if len(names) > 1:
                heading += f" with `{_mark(inner)}`"
            yield heading, inner
            yield from _sections(whole, inner, place)


def _refs(value: object) -> Iterator[str]:
    """Yield the names of the sections that a field may hold."""
    if isinstance(value, dict):
        if "$ref" in value:
            yield str(value["$ref"]).rsplit("/", 1)[-1]
        for field in ("items", "oneOf", "anyOf"):
            yield from _refs(value.get(field))
    elif isinstance(value, list):
        for item in value:
            yield from _refs(item)


def _mark(section: Mapping[str, Any]) -> str:
    """Return what tells one of several sections from the others."""
    field = section["required"][0]
    const = section["properties"][field].get("const")
    return f"{field}: {const}" if const else field


def _section(heading: str, section: Mapping[str, Any], whole: Mapping[str, Any]) -> Iterator[str]:
    yield from (f"## {heading}", "", section["description"], "")
    yield from ("| Field | Value | Default | Meaning |", "| --- | --- | --- | --- |")
    required = section.get("required", [])
    for field, value in section["properties"].items():
        meaning = _meaning(f"{heading}: {field}", value, whole)
        cells = (f"`{field}`", _kind(value), _default(field, value, required), meaning)
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
    yield ""


def _kind(value: Mapping[str, Any]) -> str:
    words = [value["const"]] if "const" in value else value.get("enum")
    if words:
        return ", ".join(f"`{word}`" for word in words)
    either = value.get("oneOf", [])
    worded = either if any("const" in one for one in either) else []
    if choices := worded or value.get("anyOf"):
        return " or ".join(_kind(one) for one in choices if one.get("type") != "null")
    if any(True for _ in _refs(value)):
        return _mappings(value)
    if "items" in value:
        item = _kind(value["items"])
        return f"list of {item}" if item.endswith("`") else f"list of {item}s"
    if "minimum" in value:
        return f"{value['minimum']} to {value['maximum']}"
    plain = {"boolean": "`true`, `false`", "object": "mapping"}
    return str(value.get("title", plain.get(value["type"], "text")))


def _mappings(value: Mapping[str, Any]) -> str:
    if "items" not in value:
        return "mapping"
    texts = [_kind(one) for one in value["items"].get("oneOf", ()) if "title" in one]
    return f"list of {' or '.join([*(f'{one}s' for one in texts), 'mappings'])}"


def _default(field: str, value: Mapping[str, Any], required: Sequence[str]) -> str:
    if field in required:
        return "*required*"
    default = value.get("default")
    if default is None or default in ({}, [], ""):
        return ""
    return "see below" if isinstance(default, dict) else f"`{_yaml(default)}`"


def _meaning(where: str, value: Mapping[str, Any], whole: Mapping[str, Any]) -> str:
    # Pydantic drops a field's description when its section says the same.
    inherited = (whole["$defs"][name]["description"] for name in _refs(value))
    examples = [f"`{_yaml(example)}`" for example in value.get("examples", [])]
    sentence: str | None = value.get("description") or next(inherited, None)
    if sentence is None:
        raise ValueError(f"{where} has no description")
    return sentence + (f" Example: {' or '.join(examples)}" if examples else "")


def _yaml(value: object) -> str:
    """Return a value as it would stand in a plan."""
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(_yaml(item) for item in value)}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key}: {_yaml(item)}' for key, item in value.items())}}}"
    if isinstance(value, str) and not value.startswith("*") and ":" not in value:
        return value
    return json.dumps(value)


def _first_line(text: str | None) -> str:
    return inspect.cleandoc(text or "").splitlines()[0]


if __name__ == "__main__":
    sys.exit(main())
