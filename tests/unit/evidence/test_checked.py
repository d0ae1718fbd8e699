"""What a check came to is said in French as well, all of it but what is wrong."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import hdh_migrate.evidence
from hdh_migrate.evidence.page import pages
from hdh_migrate.evidence.page.checked import said, text_of
from hdh_migrate.evidence.verifier import outcome, sample
from hdh_migrate.evidence.verifier.outcome import Outcome
from tests.unit.evidence.test_messages import ENGLISH

SENTENCE = re.compile(r"[A-Z][A-Z_]+")
TREE = Path(hdh_migrate.evidence.__file__).parent


def sentences() -> Iterator[str]:
    """Yield everything that can be added to an outcome, its places filled in."""
    for module in (outcome, sample, pages):
        for value in constants(module):
            yield value.format(*[7.25] * value.count("{"))


def constants(module: ModuleType) -> Iterator[str]:
    for name, value in vars(module).items():
        if SENTENCE.fullmatch(name):
            yield from (value,) if isinstance(value, str) else ()
            yield from (one for one in value if isinstance(one, str)) if name in {
                "CHECKED", "OPEN",
            } else ()  # fmt: skip


@pytest.mark.parametrize("sentence", sorted({*sentences()}))
def test_each_sentence_has_its_french(sentence: str) -> None:
    (french,) = said([sentence], "fr")

    assert french != sentence
    assert ENGLISH.search(french.replace("audit verify", "")) is None
    assert french.count("7.25") + french.count("725,00 %") == (
        sentence.count("7.25") + sentence.count("725.00%")
    )
    assert french.split()[0] == sentence.split(maxsplit=1)[0] or not sentence[0].isdecimal()
    assert said([sentence], "en") == [sentence]


def test_nothing_else_is_added_to_an_outcome() -> None:
    """Sentences that are made where they are added would have no French, unseen."""
    for path in sorted(TREE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and re.fullmatch(
                r"outcome\.(checked|open)\.append", ast.unparse(node.func)
            ):
                added = ast.unparse(node.args[0])
                assert re.match(r"[A-Z_]+(\.format\(|$)|self\._confidence\(", added), added


def test_what_is_wrong_is_said_as_the_verifier_says_it() -> None:
    came_to = Outcome()
    assert text_of(came_to, "fr").splitlines()[-1] == "le dossier est conforme"
    came_to.problems.append("plan: not the plan")

    assert text_of(came_to, "fr").splitlines() == [
        "FAUX     plan: not the plan",
        "ce dossier ne prouve rien",
    ]
