"""Writes the JSON Schemas of what verbs print under `--json`, and says when one is stale.

`python -m hdh_migrate.cli.reference` writes docs/schemas/verbs/ below the current directory, from
the types that the verbs declare; `--check` writes nothing and exits 1 when a file differs.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

from hdh_migrate.cli.command import Verb
from hdh_migrate.cli.menu import load
from hdh_migrate.cli.verbs import GROUPS, SECTIONS
from hdh_migrate.results import FailedVerb
from hdh_migrate.results.notices import Notice

FOLDER: Final = Path("docs/schemas/verbs")
NOTICE: Final = FOLDER.with_name("notice.json")
"""What channels of a plan's `notify` are sent."""


class _Closed(GenerateJsonSchema):
    """No titles but ours, and no key that is not named: a document with another is not ours."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ANN401 - pydantic's type
        """Leave a field's title out: its name says enough."""
        del schema
        return False

    def typed_dict_schema(self, schema: Any) -> dict[str, object]:  # noqa: ANN401 - pydantic's type
        """Return the schema of an object with exactly these keys."""
        return {**super().typed_dict_schema(schema), "additionalProperties": False}


def leaves() -> Iterator[tuple[str, ...]]:
    """Yield the words of every verb that prints something."""
    for lines in SECTIONS.values():
        for name in lines:
            if (group := GROUPS.get(name)) is None:
                yield (name,)
                continue
            inner = [*group.verbs, *filter(None, [group.default])]
            yield from ((name, one) for one in inner)


def named(names: tuple[str, ...]) -> str:
    """Return what the schema of a verb is called: the verb of a group is named with a dash."""
    default = len(names) > 1 and GROUPS[names[0]].default == names[1]
    return names[0] if default else "-".join(names)


def schema(names: tuple[str, ...], verb: Verb) -> dict[str, object]:
    """Return the JSON Schema of one document that a verb prints."""
    called = " ".join(names[:1] if named(names) == names[0] else names)
    each = ", each line" if verb.by_line else ""
    return _schema(f"hdh-migrate {called} --json{each}", verb.result | FailedVerb)


def _schema(title: str, value: Any) -> dict[str, object]:  # noqa: ANN401 - a type, or a union of them
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title,
        **TypeAdapter(value).json_schema(schema_generator=_Closed),
    }


@cache
def texts() -> Mapping[Path, str]:
    """Return every file as it should be."""
    found = {FOLDER / f"{named(names)}.json": schema(names, load(names)) for names in leaves()}
    found[NOTICE] = _schema("a document of hdh-migrate's notify", Notice)
    return {path: json.dumps(one, indent=2) + "\n" for path, one in found.items()}


def main(arguments: Sequence[str] | None = None) -> int:
    """Write every schema, or say which of them is stale; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m hdh_migrate.cli.reference")
    parser.add_argument("--check", action="store_true", help="write nothing, exit 1 when stale")
    check = parser.parse_args(arguments).check
    wanted = texts()
    stale = [
        path
        for path in sorted({*wanted, *FOLDER.glob("*.json")})
        if not path.is_file() or path.read_text("utf-8") != wanted.get(path)
    ]
    for path in stale:
        if check:
            sys.stderr.write(f"{path} is stale: run python -m hdh_migrate.cli.reference\n")
        elif path in wanted:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(wanted[path], encoding="utf-8")
        else:
            path.unlink()
    return int(check and bool(stale))


if __name__ == "__main__":
    sys.exit(main())
