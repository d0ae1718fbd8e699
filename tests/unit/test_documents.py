"""What is written for people: pages that are found, links that lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

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
