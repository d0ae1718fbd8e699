"""The numbers of a page: a total is the sum of its lines, and one thing has one number everywhere.

One world that has everything at once that was counted twice, or not at all: a dataset whose header
pack was erased, a source of which something is left, looks that missed objects, notes.
"""

from __future__ import annotations

import json
import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from hdh_migrate.events.erasure import HeadersErasing
from hdh_migrate.evidence.exports.first_screen import first_screen
from hdh_migrate.evidence.lines.gravest import OutcomeCounts
from hdh_migrate.evidence.reading import read_bundle
from hdh_migrate.evidence.signatures.signing import Signer
from tests.unit.evidence.builders import (
    LOOK,
    exclusion,
    failed,
    finding,
    pending,
    record,
    signer,
)
from tests.unit.evidence.test_html import ERASURE, kept_at_the_source, own, written

Pages = dict[str, str]

PACK = 700
RECORDS = [
    {**own(0), "size": PACK, "stored_size": PACK},
    *(record(name, size=1024) for name in "abcd"),
    failed("e"),
    pending("f"),
    pending("g"),
]
ERASED = {
    **ERASURE, "dataset": "pmsi", "batch": "pilot", "objects": 3, "bytes": 3 * 1024,
    "began": "2026-11-23T11:00:00Z", "ended": "2026-11-23T11:00:01Z",
}  # fmt: skip
MISSED = {
    **LOOK, "objects": 5, "gone": 2, "damaged": 1, "replaced": 0, "unread": 0,
    "absent": {"objects": 3, "back": 2, "missing": 1},
}  # fmt: skip
BEGUN = HeadersErasing(
    dataset="pmsi", batch="pilot", request="22" * 32, objects=3, bytes=3 * 1024, packs=1,
    pack_bytes=PACK, root="11" * 32, versions=2, copies=1, headers=5, although=(), approvals=(),
    user="x", reason="as the board decided",
)  # fmt: skip


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    return signer(tmp_path_factory.mktemp("key") / "keys")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sums") / "out"


@pytest.fixture(scope="module")
def pages(folder: Path, key: Signer) -> Pages:
    made = written(
        folder, sorted(RECORDS, key=lambda one: str(one["key"])), signer=key,
        exclusions=[exclusion("x"), exclusion("y")], looks=(MISSED,), erasures=(ERASED,),
        findings=[finding("conflict"), finding("conflict"), finding("leased")],
        cutovers=(kept_at_the_source(changed=1),),
        months=[("2026-11-23T11:00:00Z", BEGUN.kind, BEGUN.as_json())],
    )  # fmt: skip
    return {
        language: flat(re.sub(r"<[^>]+>", " ", without_links(made[language].source)))
        for language in made
    }


def without_links(source: str) -> str:
    """Return a page whose sentences are whole: a link stands within its quotation marks."""
    return re.sub(r"</?a\b[^>]*>", "", source)


def flat(said: str) -> str:
    """Return text with plain spaces and apostrophes."""
    return re.sub(r"\s+", " ", unescape(said)).replace("\u2019", "'").strip()


WORDS: dict[str, dict[str, str]] = {
    "fr": {
        "out": r"À ressortir (\d+) objets?, ([\d,]+) (\w+)",
        "own out": r"Y (?:est|sont) compris (\d+) fichier",
        "erased out": r"Dont (\d+) objets? \([^)]*\) du jeu",
        "opens": r"Reste(?:nt)? (\d+) objets? qui s'ouvre",
        "packs": r"(\d+) fichiers? de l'outil, vérifiés?, (?:a|ont) été effacé",
        "look since": r"Dernier contrôle.*?(\d+) fichier de l'outil, compté ici, a été effacé",
        "source": r"ancien hébergeur \? (?:Au moins )?(\d+) objet",
        "unmoved": r"(\d+) objets? que ce lot n'a pas déplacés? y (?:est|sont) encore",
        "changed": r"(\d+) objets? y a été modifié depuis son déplacement",
        "all findings": r"(\d+) constats? en tout, notes comprises",
        "target findings": r"Cible Constats ouverts (\d+)|Cible (\d+)",
        "notes": r"(\d+) note est à lire",
        "absent": r"(\d+) objets? absents? ou altérés? à un contrôle",
        "gone": r"la cible n'avait plus (\d+) objet",
        "back": r"(\d+) objets? vérifiés? manqu",
        "back by side": r"(\d+) objets? absents? ou altérés?, de nouveau",
        "sought": r"cherché, et non trouvé : ([^.]*?versions antérieures)",
        "without own": r"comme eux ; à la source : (\d+) objets",
        "failed": r"(\d+) (?:autre )?objet n'est pas arrivé sur la cible, ou pas intact",
    },
    "en": {
        "out": r"To be taken out (\d+) objects?, ([\d.]+) (\w+)",
        "own out": r"That includes (\d+) file",
        "erased out": r"Of these (\d+) objects? \([^)]*\) of dataset",
        "opens": r"That leaves (\d+) objects? that open",
        "packs": r"(\d+) verified files? of the tool has since been erased",
        "look since": r"Last check.*?(\d+) file of the tool, counted here, has since been erased",
        "source": r"former host\? (?:At least )?(\d+) object",
        "unmoved": r"(\d+) objects? that this batch did not move (?:is|are) still there",
        "changed": r"(\d+) objects? changed there since it was moved",
        "all findings": r"(\d+) findings? in all, notes included",
        "target findings": r"Target (\d+)",
        "notes": r"(\d+) note is under",
        "absent": r"(\d+) objects? gone or damaged at a check",
        "gone": r"the target no longer held (\d+) verified object",
        "back": r"(\d+) verified objects? w\w+ missing at the target",
        "back by side": r"(\d+) objects? gone or damaged, verified again",
        "sought": r"looked for, and not found: (earlier versions)",
        "without own": r"verified like them; at the source: (\d+) objects",
        "failed": r"(\d+) (?:other )?object did not arrive at the target, or did not arrive intact",
    },
}
LANGUAGES = pytest.mark.parametrize("language", sorted(WORDS))


def number(pages: Pages, language: str, what: str) -> int:
    """Return the number that a sentence gives; whoever says it twice says the same."""
    found = re.findall(WORDS[language][what], pages[language])
    said = {next(filter(None, one)) if isinstance(one, tuple) else one for one in found}
    assert len(said) == 1, (what, said)
    return int(said.pop())


@LANGUAGES
def test_what_can_be_taken_out_is_what_is_there_and_its_parts(pages: Pages, language: str) -> None:
    def said(what: str) -> int:
        return number(pages, language, what)

    verified = sum(one["verdict"] == "match" for one in RECORDS)
    assert said("out") == verified - said("packs") == said("erased out") + said("opens") == 4
    assert said("packs") == said("look since") == 1
    assert not re.search(WORDS[language]["own out"], pages[language].split(
        "À ressortir" if language == "fr" else "To be taken out")[-1])  # fmt: skip


@LANGUAGES
def test_what_is_at_the_source_is_the_sum_of_its_batches(pages: Pages, language: str) -> None:
    whole, unmoved, changed = (
        number(pages, language, what) for what in ("source", "unmoved", "changed")
    )
    assert (whole, unmoved, changed) == (6, 5, 1)
    assert len(re.findall(WORDS[language]["sought"], pages[language])) == 1


@LANGUAGES
def test_findings_are_those_of_each_side_and_the_notes(pages: Pages, language: str) -> None:
    whole, target, notes = (
        number(pages, language, what) for what in ("all findings", "target findings", "notes")
    )
    assert (whole, target, notes) == (3, 2, 1)


@LANGUAGES
def test_what_looks_missed_is_what_is_back_and_what_is_not(
    pages: Pages, language: str, folder: Path
) -> None:
    absent, gone, back, again = (
        number(pages, language, what) for what in ("absent", "gone", "back", "back by side")
    )
    assert (absent, gone) == (1, 1)
    assert (back, again) == (2, 2)
    assert OutcomeCounts.of(read_bundle(folder).predicate, ()).gone == gone
    assert number(pages, language, "failed") == 1, "told apart from what was there once"


@LANGUAGES
def test_page_first_screen_and_summary_say_the_same(
    pages: Pages, language: str, folder: Path, key: Signer
) -> None:
    summary = json.loads((folder / "summary.json").read_text())
    screen = first_screen(read_bundle(folder), [key.verifier], language)
    said: list[Any] = [screen.verdict, screen.why, *screen.beside]
    for one in said:
        assert flat(one) in pages[language]
    many = {name: sums["objects"] for name, sums in summary["counts"].items()}
    expected, rest = len(RECORDS), number(pages, language, "without own")
    assert (many["expected"], many["own"], many["by_rule"]) == (expected, 1, 2)
    assert rest == expected + many["by_rule"] - many["own"]
