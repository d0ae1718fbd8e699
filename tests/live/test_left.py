"""What is left to do is one list: `status` and the report that is written then give the same."""

from __future__ import annotations

import html
import re

import pytest

from tests.support.finished import prepared
from tests.support.site import Site, moved

pytestmark = pytest.mark.live


def listed(site: Site, language: str) -> list[str]:
    """Return what a report that is written now lists, as its page shows it."""
    number = len(list(site.folder.glob("written-*.checkpoint")))
    out = site.folder / f"written-{number}"
    site.cli("report", site.plan, "--out", str(out), expect=0)
    page = (out / f"report.{language}.html").read_text()
    question = {"fr": "Que reste-t-il à faire\u202f?", "en": "What is left to do?"}[language]
    answer = page.partition(f">{question}</dt>")[2].partition("</dd>")[0]
    # Who has to do it stands before each group, and by when after a thing, on the page alone.
    things = re.findall("<li>(.*?)(?: <strong>.+</strong>)?</li>", answer)
    return [html.unescape(re.sub("<[^>]*>", "", one)) for one in things]


@prepared(moved)
def test_status_and_the_report_give_the_same_list(site: Site) -> None:
    for language in ("fr", "en"):
        of_page = listed(site, language)
        found = site.cli("status", site.plan, "--json", expect=0).json["left"]

        assert sorted(one[language] for one in found) == sorted(of_page)
        assert [one["task"] for one in found] == ["switch", "source", "key", "witness"]
    said = site.cli("status", site.plan, expect=0).out.partition("left to do:\n")[2]
    lines = said.partition("\n\n")[0].splitlines()  # other lists follow
    shown = [line.removeprefix("- ") for line in lines if line.startswith("- ")]
    assert sorted(shown) == sorted(" ".join(one.split()).split(" Command:")[0] for one in of_page)
    commands = [line.split()[0] for line in lines if not line.startswith("- ")]
    assert commands == ["hdh-migrate"] * len([one for one in of_page if "Command:" in one])

    site.approve("cutover")
    site.cutover("start", expect=0)
    after = [one["task"] for one in site.cli("status", site.plan, "--json", expect=0).json["left"]]
    assert after == ["finalize", "source", "key", "keys-beside", "witness"]
    assert len(listed(site, "en")) == len(after)


@prepared(moved)
def test_status_and_the_report_give_the_same_ends(site: Site) -> None:
    site.approve("cutover")
    site.cutover("start", expect=0)
    out = site.folder / "with-ends"
    site.cli("report", site.plan, "--out", str(out), expect=0)
    page = (out / "report.fr.html").read_text().partition('id="ends"')[2].partition("</table>")[0]
    said = site.cli("status", site.plan, expect=0).out.partition("what ends:\n")[2]

    found = site.cli("status", site.plan, "--json", expect=0).json["ends"]

    known = [one for one in found if one["what"] != "relied"]  # a page does not know of those
    assert "window" in [one["what"] for one in known]
    rows = [html.unescape(one) for one in re.findall("<td>(.*?)</td>", page)]
    assert rows == [one["fr"] for one in known]
    for one in found:
        assert f"- {one['at']}: {' '.join(one['en'].split())}" in said
