"""What is written for people: pages that are found, links that lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [*ROOT.glob("*.md"), *DOCS.rglob("*.md")]
_LINK = re.compile(r"\]\(([^)#\s]+)(#[^)\s]*)?\)")


def test_every_link_to_a_file_leads_to_one() -> None:
    for page in PAGES:
        links = [found[1] for found in _LINK.finditer(page.read_text())]
        local = [link for link in links if "://" not in link and not link.startswith("mailto:")]
        assert [link for link in local if not (page.parent / link).exists()] == [], page


def test_the_index_names_every_page_and_every_decision_by_its_title() -> None:
    index = (DOCS / "index.md").read_text()
    for page in DOCS.rglob("*.md"):
        name = str(page.relative_to(DOCS))
        if name == "index.md":
            continue
        assert f"]({name})" in index, f"docs/index.md has no line for {name}"
        if page.parent.name == "decisions":
            title = page.read_text().splitlines()[0].removeprefix("# ")
            assert f"[{title}]({name})" in index


def test_the_site_has_every_page_and_fails_for_one_that_it_has_not() -> None:
    nav = (ROOT / "mkdocs.yml").read_text()
    for page in DOCS.glob("*.md"):
        assert f": {page.name}\n" in nav, f"mkdocs.yml has no line for {page.name}"
    (site,) = re.findall(r"^\t(.*mkdocs build.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert "--strict" in site
    assert "--quiet" not in site, "strict counts warnings that are printed, and no others"


def test_decisions_are_numbered_without_a_gap() -> None:
    pages = sorted((DOCS / "decisions").glob("*.md"))
    numbers = [int(page.name[:4]) for page in pages]
    assert numbers == list(range(1, len(pages) + 1))
    for number, page in zip(numbers, pages, strict=True):
        assert page.read_text().startswith(f"# {number}. "), page.name


FRENCH = {page.name: page for page in DOCS.glob("*.fr.md")}
_BLOCK = re.compile(r"^```\w*\n(.*?)^```", re.MULTILINE | re.DOTALL)


def shape(page: Path) -> dict[str, list[str]]:
    """Return what a page and its translation have in common."""
    text = page.read_text()
    blocks = "".join(_BLOCK.findall(text)).splitlines()
    rest = _BLOCK.sub("", text)
    opening = [re.match(r"(#+ |\| |- |[0-9]+\. |\S)", line) for line in rest.splitlines()]
    marks = [found[1] for found in opening if found is not None]
    return {
        "headings, rows, items": [mark for mark in marks if mark.endswith(" ")],
        "commands": [line.partition(" #")[0].rstrip() for line in blocks],
        "links": sorted(link.replace(".fr.", ".") for link in re.findall(r"\]\((\S+?)\)", rest)),
        "code": sorted({" ".join(word.split()) for word in re.findall(r"`([^`]+)`", rest)}),
    }


@pytest.mark.parametrize("name", FRENCH)
def test_a_page_in_french_says_what_the_english_one_does(name: str) -> None:
    english = DOCS / name.replace(".fr.md", ".md")
    here, there = shape(FRENCH[name]), shape(english)
    assert f"]({english.name})" in FRENCH[name].read_text().splitlines()[2]
    assert f"]({name})" in english.read_text().splitlines()[2]
    for page, other in ((here, "report.fr.html"), (there, "report.en.html")):
        page["code"] = [word for word in page["code"] if word != other]
    assert here == there


def test_auditors_and_those_who_decide_read_french() -> None:
    assert set(FRENCH) >= {"choosing.fr.md", "timestamps.fr.md", "verification.fr.md"}
