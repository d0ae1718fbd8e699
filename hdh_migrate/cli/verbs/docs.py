"""`docs`: the pages and schemas that belong to this version, wherever it was installed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from textwrap import wrap
from typing import Annotated

import typer

import hdh_migrate
from hdh_migrate.cli.command import Task, verb
from hdh_migrate.cli.output import table
from hdh_migrate.errors import UsageError
from hdh_migrate.results.plans import Contents, PageName, PageText, Schema

_WIDTH = 78
_PACKAGES = Path(hdh_migrate.__file__).parents[1]
_CARRIED = _PACKAGES / "hdh_migrate_docs"
"""What a wheel carries (setup.py); in a checkout the same pages are in docs/."""


@verb(
    examples=(
        "docs operations",
        "docs --schema status",
    ),
    exits=(),
    result=Contents | PageText | Schema,
)
def docs(
    task: Task,
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="A page.")] = None,
    *,
    schema: Annotated[
        str | None,
        typer.Option(
            metavar="WHAT", help="The JSON Schema of a verb's --json, such as run, or of plan."
        ),
    ] = None,
) -> None:
    """Print a page of the documentation, or a JSON Schema; without a name, list what there is.

    The schema of a verb of a group is named with a dash: `--schema cutover-start`.
    """
    if name is not None and schema is not None:
        raise UsageError("a page or a schema, one at a time")
    if schema is not None:
        path = _one(dict(_schemas()), "-".join(schema.split()), "schema")
        found: Schema = {"name": path.stem, "schema": json.loads(path.read_text("utf-8"))}
        task.out.result(found, path.read_text("utf-8").rstrip("\n"))
    elif name is not None:
        page = _one(dict(_pages()), name.removeprefix("docs/").removesuffix(".md"), "page")
        text = page.read_text("utf-8")
        read: PageText = {"name": page.stem, "title": _title(page), "text": text}
        task.out.result(read, text.rstrip())
    else:
        listed = _listed()
        task.out.result(listed, _text(listed))


def _home() -> Path:
    """Return where the pages are.

    Raises:
        UsageError: nowhere: this is neither a wheel nor a checkout.
    """
    for folder in (_CARRIED, _PACKAGES / "docs"):
        if (folder / "operations.md").is_file():
            return folder
    raise UsageError("this installation carries no pages", hint="install the wheel")


def _pages() -> Iterator[tuple[str, Path]]:
    home = _home()
    for path in (*sorted(home.glob("*.md")), *sorted(home.glob("decisions/*.md"))):
        yield path.relative_to(home).with_suffix("").as_posix(), path


def _schemas() -> Iterator[tuple[str, Path]]:
    home = _home()
    for path in (_PACKAGES / "plans" / "schema.json", home / "schemas" / "plan.json"):
        if path.is_file():
            yield "plan", path
    for path in (*sorted(home.glob("schemas/*.json")), *sorted(home.glob("schemas/verbs/*.json"))):
        yield path.stem, path


def _one(known: dict[str, Path], name: str, what: str) -> Path:
    if name not in known:
        raise UsageError(f"no {what} {name}", hint='"hdh-migrate docs" lists what there is')
    return known[name]


def _listed() -> Contents:
    pages: list[PageName] = [{"name": name, "title": _title(path)} for name, path in _pages()]
    return {"pages": pages, "schemas": sorted(dict(_schemas()))}


def _title(page: Path) -> str:
    with page.open(encoding="utf-8") as file:
        return file.readline().removeprefix("#").strip()


def _text(listed: Contents) -> str:
    first = [page for page in listed["pages"] if "/" not in page["name"]]
    return "\n".join(
        (
            table(first, {"name": "PAGE", "title": "TITLE"}),
            "",
            f"and {len(listed['pages']) - len(first)} decisions, which docs index names",
            *wrap(
                "schemas: " + ", ".join(listed["schemas"]),
                _WIDTH,
                subsequent_indent="  ",
                break_on_hyphens=False,
            ),
        )
    )
