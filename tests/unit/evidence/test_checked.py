"""What a check came to is said in French as well."""

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
from hdh_migrate.evidence.page.messages.problems import OF_CHECKS, problem_in_french
from hdh_migrate.evidence.verifier import outcome, sample, signatures
from hdh_migrate.evidence.verifier.outcome import Outcome
from tests.support.every import every
from tests.support.written_messages import FOUND_IN, Problem, written_problems
from tests.unit.evidence.test_messages import ENGLISH

SENTENCE = re.compile(r"[A-Z][A-Z_]+")
TREE = Path(hdh_migrate.evidence.__file__).parent


def sentences() -> Iterator[str]:
    """Yield everything that can be added to an outcome, its places filled in."""
    for module in (outcome, sample, signatures, pages):
        for value in constants(module):
            yield value.format(*[7.25] * value.count("{"))


def constants(module: ModuleType) -> Iterator[str]:
    for name, value in vars(module).items():
        if SENTENCE.fullmatch(name):
            yield from (value,) if isinstance(value, str) else ()
            yield from (one for one in value if isinstance(one, str)) if name in {
                "CHECKED", "OPEN",
            } else ()  # fmt: skip


@every("sentence", sorted({*sentences()}))
def test_each_sentence_has_its_french(sentence: str) -> None:
    (french,) = said([sentence], "fr")

    assert french != sentence
    assert ENGLISH.search(french.replace("audit verify", "")) is None
    assert french.count("7.25") + french.count("725,00 %") == (
        sentence.count("7.25") + sentence.count("725.00%")
    )
    assert french.split()[0] == sentence.split(maxsplit=1)[0] or not sentence[0].isdecimal()
    assert said([sentence], "en") == [sentence]


@pytest.mark.slow
def test_nothing_else_is_added_to_an_outcome() -> None:
    """Sentences that are made where they are added would have no French, unseen."""
    for path in sorted(TREE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and re.fullmatch(
                r"outcome\.(checked|open)\.append", ast.unparse(node.func)
            ):
                added = ast.unparse(node.args[0])
                assert re.match(r"[A-Z_]+(\.format\(|$)|self\._confidence\(", added), added


def in_french(problem: Problem) -> tuple[str, str] | None:
    """Return an example of a problem and its French."""
    said = ((one, problem_in_french(one)) for one in problem.examples())
    return next(((one, french) for one, french in said if french is not None), None)


@pytest.mark.slow
def test_each_problem_has_its_french() -> None:
    assert len(written_problems()) > 160
    lacking = [f"{one.where}: {one.text}" for one in written_problems() if in_french(one) is None]
    assert not lacking, (
        "give each a form with its French in hdh_migrate/evidence/page/messages/problems.py:\n"
        + "\n".join(lacking)
    )


def test_no_problem_is_english_in_french_and_no_form_is_of_nothing() -> None:
    for one in written_problems():
        found = in_french(one)
        assert found is not None, one
        said = re.sub(rf"\b({'|'.join(map(re.escape, FOUND_IN))})\b", "", found[1])
        assert ENGLISH.search(said) is None, found
    written = "\n".join(one.text for one in written_problems())
    assert {form.en for form in OF_CHECKS if not form.kinds and form.en not in written} == {
        "the journal knows of other exchanges of keys",
        "the journal knows of other erasures of headers",  # one sentence with a place, above
    }


def test_what_is_wrong_is_said_in_french_with_its_place() -> None:
    came_to = Outcome()
    assert text_of(came_to, "fr").splitlines()[-1] == "le dossier est conforme"
    came_to.problems += [
        "manifest.jsonl line 1204: the same object twice",
        "statement.json: only 1 of 2 trusted keys signed the statement",
        "statement.json: erasure of nuit: it is of another batch",
        "plan: not the plan",
    ]

    assert text_of(came_to, "fr").splitlines() == [
        "FAUX     manifest.jsonl, ligne 1 204 : le même objet deux fois",
        "FAUX     statement.json : 1 clé de confiance sur les 2 demandées a signé l\u2019énoncé",
        "FAUX     statement.json : effacement de « nuit » : le jeu est d\u2019un autre lot",
        "FAUX     plan: not the plan",
        "ce dossier ne prouve rien",
    ]
    assert (
        text_of(came_to, "en").splitlines()[0].removeprefix("WRONG").strip() == came_to.problems[0]
    )
