"""Every code that a finding can have has words in both languages, and a row for operators."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

import hdh_migrate
from hdh_migrate.evidence.codes import CODES, meaning
from hdh_migrate.pipeline import perform, rechecking, selecting
from hdh_migrate.pipeline.dispatch import UNANSWERED
from hdh_migrate.sources import azure_listing, folder

PACKAGE = Path(hdh_migrate.__file__).parent
PLACES = {
    "finding": (0,), "_finding": (1,), "refuse": (2,), "failed": (0, 1, 2), "_failed": (0,),
}  # fmt: skip
"""Which arguments of a call may be a code: the first of them that is a text."""


def in_calls() -> Iterator[str]:
    """Give what stands as a code in the steps: in calls, in receipts, and in pairs with a text."""
    for path in sorted((PACKAGE / "pipeline").rglob("*.py")):
        name = ".".join(("hdh_migrate", *path.relative_to(PACKAGE).with_suffix("").parts))
        module = importlib.import_module(name.removesuffix(".__init__"))
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                called = node.func
                what = called.attr if isinstance(called, ast.Attribute) else ""
                what = called.id if isinstance(called, ast.Name) else what
                there = [
                    node.args[place] for place in PLACES.get(what, ()) if place < len(node.args)
                ]
                yield from islice((text for one in there for text in text_of(one, module)), 1)
            elif isinstance(node, ast.Dict):
                for key, value in zip(node.keys, node.values, strict=True):
                    if isinstance(key, ast.Constant) and key.value == "code":
                        yield from text_of(value, module)
            elif isinstance(node, ast.Return) and path.name == "beside.py":
                found = node.value
                if isinstance(found, ast.IfExp):
                    found = found.orelse
                if isinstance(found, ast.Tuple):
                    yield from text_of(found.elts[0], module)


def text_of(node: ast.expr, module: object) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.Name) and isinstance(getattr(module, node.id, None), str):
        yield getattr(module, node.id)


def kinds() -> Iterator[str]:
    """Give every kind of thing that a source can list, but the plain object."""
    for module, function in ((folder, "_kind"), (azure_listing, "kind_of")):
        (found,) = (
            node
            for node in ast.walk(ast.parse(Path(module.__file__).read_text()))
            if isinstance(node, ast.FunctionDef) and node.name == function
        )
        for node in ast.walk(found):
            if isinstance(node, ast.Return):
                yield from (
                    one.value
                    for one in ast.walk(node)
                    if isinstance(one, ast.Constant)
                    and isinstance(one.value, str)
                    and re.fullmatch("[a-z]+(-[a-z]+)*", one.value)
                )
    yield from azure_listing._KINDS.values()


def every() -> list[str]:
    judged = {code for _, code, _ in perform._CODES} | {UNANSWERED}
    return sorted(
        {
            *in_calls(),
            *selecting.REFUSALS,
            *selecting.LOSSES,
            *(f"kind-{kind}" for kind in kinds() if kind != "object"),
            *judged,
            *(f"verify-{code}" for code in judged),
            *(f"decommission-{what}" for what in rechecking.TOLD),
        }
    )


def test_the_codes_are_found() -> None:
    """One of each way in which a code comes to be; less would mean that the search is blind."""
    assert {
        "batch-held-back", "collision", "drifted", "kind-page-blob", "kind-special-file", "leased",
        "metadata-renamed", "prefix-open", "retention-differs", "source-changed", "tags-unread",
        "upload-dropped", "vanished", "verify-missing", "worker-lost", "decommission-target-gone",
    } <= set(every())  # fmt: skip


@pytest.mark.parametrize("code", every())
def test_a_code_has_words_in_both_languages(code: str) -> None:
    told = meaning(code)
    assert told is not None
    assert told.fr
    assert told.en
    assert told.fr != told.en


@pytest.mark.parametrize("code", sorted({*CODES, *every()}))
def test_a_code_has_a_row_for_operators(code: str) -> None:
    page = (PACKAGE.parent / "docs" / "operations.md").read_text()
    rows = page.partition("## Findings")[2].partition("\n\n")[0]
    told = {f"`{code}`", f"`verify-{code}`"}
    assert any(one in rows for one in told) or f"`{code.removeprefix('verify-')}`" in rows
