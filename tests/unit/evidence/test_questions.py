"""Every question of docs/questions.md has its heading on the page, in both languages."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.unit.evidence.builders import bundle, dataset, facts, record, signer
from tests.unit.evidence.test_chronicle import months

QUESTIONS = Path(__file__).parents[3] / "docs" / "questions.md"
READERS = ("Délégué à la protection des données", "Auditeur", "Acheteur")


class Question(NamedTuple):
    """One row of a table."""

    reader: str
    fr: str
    en: str
    headings: dict[str, str]


class Headings(HTMLParser):
    """The text of a page's headings and of the questions of its first screen.

    What is no question of the first screen is led to from there.
    """

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.led_to: set[str] = set()
        self.below: set[str] = set()
        self._text: str | None = None
        self._below = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in {"h2", "dt", "a"}:
            self._text = ""
            self._below = tag == "h2" and bool(attrs)

    def handle_endtag(self, tag: str) -> None:
        if tag in {"h2", "dt", "a"} and self._text is not None:
            (self.led_to if tag == "a" else self.found).add(plain(self._text))
            if self._below:
                self.below.add(plain(self._text))
            self._text = None

    def handle_data(self, data: str) -> None:
        if self._text is not None:
            self._text += data


def plain(text: str) -> str:
    return re.sub(r"\s+", " ", text.replace("\u2019", "'")).strip()


def questions() -> list[Question]:
    found, reader = list[Question](), ""
    for line in QUESTIONS.read_text().splitlines():
        if line.startswith("## "):
            reader = line.removeprefix("## ").partition(" · ")[0]
        elif line.startswith("| ") and not line.startswith(("| Question |", "| --- |")):
            fr, en, where = (cell.strip() for cell in line.strip("|").split("|"))
            titles = dict(zip(("fr", "en"), where.split(" · "), strict=True))
            found.append(Question(reader, fr, en, titles))
    return found


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Headings]:
    folder = tmp_path_factory.mktemp("questions")
    made = bundle(
        folder / "bundle", [record("a.csv")], about=facts(dataset(1)), signer=signer(folder),
        languages=("fr", "en"), telling=lambda told: [*told, *months()],
    )  # fmt: skip
    return {
        language: Headings((made.folder / f"report.{language}.html").read_text())
        for language in ("fr", "en")
    }


@pytest.mark.parametrize("reader", READERS)
def test_each_reader_has_ten_questions(reader: str) -> None:
    asked = [one for one in questions() if one.reader == reader]
    assert len(asked) == len({one.fr for one in asked}) == len({one.en for one in asked}) == 10


@pytest.mark.parametrize("question", questions(), ids=lambda one: one.en)
@pytest.mark.parametrize("language", ["fr", "en"])
def test_a_question_is_answered_under_a_heading_of_the_page(
    pages: dict[str, Headings], question: Question, language: str
) -> None:
    assert question.headings[language] in pages[language].found


@pytest.mark.parametrize("language", ["fr", "en"])
def test_every_heading_is_led_to_from_the_first_screen(
    pages: dict[str, Headings], language: str
) -> None:
    assert pages[language].below == pages[language].led_to
    assert len(pages[language].below) >= 15
