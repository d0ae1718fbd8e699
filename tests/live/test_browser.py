"""The report as a person meets it: in a real browser, on screens and paper, light and dark."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from hdh_migrate.evidence.lines.facts import Loss, ObjectCounts, StepPace
from hdh_migrate.evidence.lines.left import LeftTask, LeftToDo
from hdh_migrate.evidence.page.left import told
from hdh_migrate.evidence.page.page_words import PageWords
from tests.support.browser import Browser, browser
from tests.unit.evidence.builders import (
    bundle,
    dataset,
    exclusion,
    facts,
    finding,
    record,
    signer,
)
from tests.unit.evidence.hostile import HOSTILE
from tests.unit.evidence.rich import rich

pytestmark = pytest.mark.live

A4 = (595, 842)
"""Points."""

OVERFLOW = """
const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
return wide > 1 ? wide : 0;
"""
CONTRAST = """
const even = v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
const light = c => { const [r, g, b] = c.map(v => even(v / 255));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
const parse = s => s.match(/[0-9.]+/g).map(Number);
const paper = e => { for (; e; e = e.parentElement) {
  const c = parse(getComputedStyle(e).backgroundColor);
  if (c.length < 4 || c[3] > 0) return c.slice(0, 3); } return [255, 255, 255]; };
const poor = [];
for (const e of document.querySelectorAll("body *")) {
  const own = [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
  if (!own || e.closest(".watermark")) continue;
  const [a, b] = [light(parse(getComputedStyle(e).color).slice(0, 3)), light(paper(e))];
  const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  if (ratio < 4.5) poor.push(e.tagName + " " + e.className + " " + ratio.toFixed(2));
}
return [...new Set(poor)];
"""
OUT_OF_SIGHT = """
return [...document.querySelectorAll("table, pre, td, th, dd, li, p")]
  .filter(t => t.scrollWidth > t.parentElement.clientWidth + 1)
  .map(t => t.tagName + " " + t.className + " " + t.scrollWidth);
"""
SPLIT = r"""
const found = [];
const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
for (let node; (node = walk.nextNode());) {
  if (PASSES_OVER(node.parentElement)) continue;
  for (const word of node.data.matchAll(WORD)) {
    const range = document.createRange();
    range.setStart(node, word.index);
    range.setEnd(node, word.index + word[0].length);
    const lines = new Set([...range.getClientRects()].map(r => Math.round(r.top)));
    if (lines.size > 1) found.push(word[0]);
  }
}
return found;
"""
"""Words that stand on more than one line."""
BROKEN = (
    r"""
const PASSES_OVER = e => e.closest("code, pre, style, small, .name, .watermark");
const WORD = /[\p{L}\p{N}\u00a0\u202f.,:%]+/gu;
"""
    + SPLIT
)
"""Words and quantities of our own that stand on more than one line."""
TORN = (
    r"""
const PASSES_OVER = e => !e.closest("code, pre");
const WORD = /(?<![\w-])(?:hdh-migrate|--?[a-z][a-z-]*)/g;
"""
    + SPLIT
)
"""Options of commands that stand on more than one line, as `-` and `-refresh`."""
PLACES = """
const row = document.querySelector("table.sums tbody tr:nth-child(2)");
const top = e => e.getBoundingClientRect().top;
return [top(row.querySelector("td.first")), top(row.querySelector("td:not(.first)"))];
"""
IN_ORDER = """
return [...document.querySelectorAll("dl.answers dt")]
  .sort((a, b) => a.getBoundingClientRect().top - b.getBoundingClientRect().top)
  .map(e => e.textContent.replaceAll("\u00a0", " ").replaceAll("\u202f", " "));
"""
"""The questions as they stand on the page from its top down."""
DECIDED = {
    "fr": ("À faire, à décider", "Est-ce complet ?", "Est-ce intact ?"),
    "en": ("To do, to decide", "Is it complete?", "Is it intact?"),
}
FIRST_SCREEN = """
return [...document.querySelectorAll(".banner, dl.answers dt")]
  .filter(e => e.getBoundingClientRect().bottom <= innerHeight)
  .map(e => (e.querySelector("h2") ?? e).textContent.trim());
"""


@pytest.fixture(scope="module")
def window() -> Iterator[Browser]:
    with browser() as one:
        yield one


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A signed report with every kind of section, and names that attack whatever shows them."""
    folder = tmp_path_factory.mktemp("report")
    records = [record(f"2024/{number:03}.csv", size=17**number) for number in range(9)]
    made = bundle(
        folder / "bundle",
        records,
        about=facts(
            dataset(10, sum(17**number for number in range(9)) + 10),
            operator="<b>claire</b>@ops",
            losses=(Loss(dataset="pmsi", what="modified", objects=9, kept="manifest"),),
            paces=(
                StepPace(
                    step="transfer", started="2026-03-01T22:00:00Z", ended="2026-03-01T23:00:00Z",
                    seconds=60.0, bins=tuple(ObjectCounts(n % 7, n % 7 << 30) for n in range(60)),
                ),
            ),
        ),
        signer=signer(folder),
        exclusions=[exclusion("x", rule="<img src=x onerror=alert(1)>")],
        findings=[finding("made-up", key=name, message="a name") for name in HOSTILE],
        languages=("fr", "en"),
    )  # fmt: skip
    return made.folder


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("language", ["fr", "en"])
def test_a_page_fits_its_screen_and_can_be_read(
    window: Browser, report: Path, language: str, scheme: str, width: int
) -> None:
    window.size(width)
    window.scheme(scheme)
    window.open(report / f"report.{language}.html")

    assert window.run(OVERFLOW) == 0
    assert window.run(CONTRAST) == []


@pytest.mark.parametrize("language", ["fr", "en"])
def test_on_a_telephone_no_column_is_out_of_sight_and_failures_come_first(
    window: Browser, report: Path, language: str
) -> None:
    window.size(400)
    window.open(report / f"report.{language}.html")

    assert window.run(OUT_OF_SIGHT) == []
    failed, inventoried = window.run(PLACES)
    assert failed < inventoried


@pytest.mark.parametrize("language", ["fr", "en"])
def test_on_a_telephone_the_command_of_each_thing_left_to_do_is_in_sight(
    window: Browser, report: Path, language: str
) -> None:
    window.size(360)
    window.open(report / f"report.{language}.html")
    words, at = PageWords(language), "2026-11-28"
    tasks = [
        told(LeftToDo(task, ("conflict",), 1, at=at, acts=("run",)), words) for task in LeftTask
    ]
    items = json.dumps("".join(f"<li>{one}</li>" for one in tasks))
    window.run(f"document.querySelector('dd.left ol').innerHTML = {items}")

    assert window.run("return document.querySelector('dd.left ol').children.length") == len(tasks)
    assert window.run(OVERFLOW) == 0


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of months, with every section."""
    folder = tmp_path_factory.mktemp("rich")
    return rich(folder / "bundle", signer(folder)).folder


@pytest.mark.parametrize("width", [360, 400, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("language", ["fr", "en"])
def test_a_page_that_has_everything_shows_all_of_it_and_breaks_no_word(
    window: Browser, everything: Path, language: str, scheme: str, width: int
) -> None:
    window.size(width)
    window.scheme(scheme)
    window.open(everything / f"report.{language}.html")

    assert window.run(OVERFLOW) == 0
    assert window.run(CONTRAST) == []
    assert window.run(OUT_OF_SIGHT) == []
    assert window.run(BROKEN) == []
    assert window.run(TORN) == []


@pytest.mark.parametrize("language", ["fr", "en"])
def test_the_first_screen_of_a_small_desk_says_what_to_decide_on_and_whether_it_is_whole(
    window: Browser, report: Path, everything: Path, language: str
) -> None:
    window.size(1280, 800)
    window.scheme("light")
    for folder in (report, everything):
        window.open(folder / f"report.{language}.html")

        seen = window.run(FIRST_SCREEN)
        assert [one.replace("\u202f", " ").replace("\u00a0", " ") for one in seen[1:4]] == [
            *DECIDED[language]
        ]


@pytest.mark.parametrize("language", ["fr", "en"])
def test_a_page_prints_on_numbered_a4(window: Browser, report: Path, language: str) -> None:
    window.open(report / f"report.{language}.html")

    pdf = window.pdf()

    sheets = re.findall(rb"/MediaBox \[0 0 ([0-9.]+) ([0-9.]+)\]", pdf)
    assert 3 <= len(sheets) <= 12
    assert {(round(float(w)), round(float(h))) for w, h in sheets} == {A4}
    rules = "return [...document.styleSheets[0].cssRules].map(r => r.cssText).join()"
    footers = window.run(rules)
    assert "counter(pages)" in footers
    when = re.search(
        r"@bottom-left *{ *content: \"[^\"]+ · [^\"]+ · [^\"]*UTC · [^\"]+ ([0-9a-f]{16})\"",
        footers,
    )
    assert when is not None  # sheets of two reports are not mixed up
    told = window.run("return document.querySelector('meta[name^=statement]').content")
    assert told.startswith(when[1])
    window.medium("print")
    try:  # paper has what a screen folds
        assert window.run("return document.querySelector('details table').clientHeight") > 99
        assert window.run("return document.querySelector('details summary').clientHeight") == 0
    finally:
        window.medium("")


@pytest.mark.parametrize("medium", ["print", "screen"])
def test_what_is_to_be_done_comes_before_what_can_wait_on_paper_too(
    window: Browser, report: Path, medium: str
) -> None:
    window.size(1280)  # whatever the test before left
    window.open(report / "report.en.html")
    window.medium(medium)
    try:
        asked = window.run(IN_ORDER)
    finally:
        window.medium("")

    assert asked[:3] == list(DECIDED["en"])
    assert asked[3:6] == ["What moved?", "When?", "From where to where?"]
    assert asked[6] == "What is left to do?"
    assert "still" in asked[7]
    assert asked[8:10] == ["What is not proven?", "Encrypted for whom, read by whom?"]


def test_nothing_that_a_name_says_becomes_part_of_the_page(window: Browser, report: Path) -> None:
    window.open(report / "report.en.html")

    assert (
        window.run("return document.querySelectorAll('script, img, iframe, b, link').length") == 0
    )
    assert window.run("return performance.getEntriesByType('resource').length") == 0
    text = window.run("return document.body.innerText")
    assert "<script>alert(1)</script>" in text
    assert not {"\u202e", "\u200b", "\x1b", "\x00"} & set(text)
    assert window.run("return document.title").startswith("Migration report")


def test_an_unsigned_page_is_marked_on_screen_and_on_every_sheet(
    window: Browser, tmp_path: Path
) -> None:
    made = bundle(tmp_path / "draft", [record("a")], about=facts(dataset(1)), languages=("fr",))
    window.open(made.folder / "report.fr.html")

    assert "Brouillon, sans valeur de preuve" in window.run("return document.body.innerText")
    fixed = "return getComputedStyle(document.querySelector('.watermark')).position"
    assert window.run(fixed) == "fixed"  # which browsers repeat on each printed page
