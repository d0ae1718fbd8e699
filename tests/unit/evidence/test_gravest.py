"""The banner says the gravest thing first and all others beside it, in every combination."""

from __future__ import annotations

from html import unescape
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from hdh_migrate.evidence.exports.first_screen import FirstScreen, first_screen
from hdh_migrate.evidence.lines.facts import ObjectCounts
from hdh_migrate.evidence.lines.finals import finals
from hdh_migrate.evidence.lines.gravest import (
    GRAVE,
    OutcomeCounts,
    OutcomeState,
    gravest_first,
    not_back,
)
from hdh_migrate.evidence.page.catalogue import LANGUAGES
from hdh_migrate.evidence.page.page_words import PageWords
from hdh_migrate.evidence.reading import read_bundle
from hdh_migrate.evidence.signatures.signing import Signer
from hdh_migrate.session.views.left import grave_facts
from tests.unit.evidence.builders import (
    LOOK,
    bundle,
    dataset,
    facts,
    failed,
    finding,
    pending,
    record,
    signer,
)
from tests.unit.evidence.worlds import entry

SINGLE: dict[OutcomeState, dict[str, Any]] = {
    OutcomeState.UNBALANCED: {"inventoried": 1},
    OutcomeState.LOST: {"findings": ["decommission-target-lost"]},
    OutcomeState.REPLACED: {"findings": ["target-replaced"] * 2},
    OutcomeState.GONE: {
        "looks": [{**LOOK, "gone": 1, "replaced": 0, "unread": 0}],
        "records": [pending("g-gone")],
    },
    OutcomeState.FAILED: {"records": [failed("b-failed")]},
    OutcomeState.OPEN: {"closed": False},
    OutcomeState.PENDING: {"records": [pending("c-pending"), pending("d-pending")]},
    OutcomeState.LATE: {"ended": {"source": {"new": 1, "changed": 2, "gone": 4}}},
    OutcomeState.UNLISTED: {"ended": {"source": None}},
    OutcomeState.LET_GO: {"ended": {"target": {"new": 4, "changed": 1, "gone": 1}}},
    OutcomeState.UNPROVEN: {"records": [record("e-head", level="head")]},
    OutcomeState.ACCEPTED: {"findings": ["target-accepted"]},
    OutcomeState.NOTED: {"findings": ["leased"]},
}
"""What makes each thing so, beside an object that is verified and proven."""

PAIRS = [(one,) for one in SINGLE] + list(combinations(SINGLE, 2))
ORDER = list(OutcomeState)


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    return signer(tmp_path_factory.mktemp("key") / "keys")


def expected(states: tuple[OutcomeState, ...]) -> list[OutcomeState]:
    """A finding is one, whatever else it says."""
    found = {*states}
    if any("findings" in SINGLE[one] for one in states):
        found.add(OutcomeState.NOTED)
    if OutcomeState.GONE in states:
        found.add(OutcomeState.PENDING)
        if OutcomeState.LOST in states:  # one object, of which nobody knows more
            found.remove(OutcomeState.GONE)
    return sorted(found, key=ORDER.index)


def made_final(batch: str, showed: dict[str, Any]) -> dict[str, Any]:
    """Return a switch that is final, and what listings right before it had shown."""
    none = {"new": 0, "changed": 0, "gone": 0}
    said = {"early": True, "reason": "the ward knows", "target": none, "source": none, **showed}
    times = {"finalized": "2026-03-04T08:00:00Z"}
    return entry(batch, stage="finalized", finalized=said, times=times)


def screens(
    folder: Path, key: Signer, states: tuple[OutcomeState, ...]
) -> tuple[dict[str, FirstScreen], list[tuple[OutcomeState, int]]]:
    made = [SINGLE[one] for one in states]
    records = [record("a"), *(line for one in made for line in one.get("records", ()))]
    codes = [code for one in made for code in one.get("findings", ())]
    size = sum(line["size"] for line in records)
    more = sum(one.get("inventoried", 0) for one in made)
    about = facts(
        dataset(
            0,
            inventoried=ObjectCounts(len(records) + more, size + more),
            closed=all(one.get("closed", True) for one in made),
        ),
        looks=tuple(look for one in made for look in one.get("looks", ())),
        cutovers=tuple(
            made_final(f"b{number}", one["ended"])
            for number, one in enumerate(made)
            if "ended" in one
        ),
    )
    bundle(
        folder, sorted(records, key=lambda line: line["key"]), about=about, signer=key,
        findings=[finding(code) for code in codes], languages=LANGUAGES,
    )  # fmt: skip
    reading = read_bundle(folder)
    shown = {one: first_screen(reading, [key.verifier], one) for one in LANGUAGES}
    for language, screen in shown.items():
        page = unescape((folder / f"report.{language}.html").read_text())
        banner = page.partition('<section class="banner')[2].partition("</section>")[0]
        assert screen.verdict in banner
        tone = "bad" if set(states) & GRAVE else "unsure"
        assert expected(states) == [OutcomeState.NOTED] or banner.startswith(f" {tone}")
    return shown, gravest_first(
        OutcomeCounts.of(reading.predicate, list(finals(reading.predicate, {}, ())))
    )


@pytest.mark.slow
@pytest.mark.parametrize("states", PAIRS, ids="-".join)
def test_whatever_is_so_together_is_said_the_gravest_first(
    tmp_path: Path, key: Signer, states: tuple[OutcomeState, ...]
) -> None:
    shown, found = screens(tmp_path / "out", key, states)

    assert [state for state, _ in found] == expected(states)
    for language, screen in shown.items():
        words = PageWords(language)
        (first, count), *others = found
        assert screen.verdict == plain(words.say(first.value, count))
        sentences = [words.say(f"{first}.why", count)]
        for state, many in others:
            beside = f"{state}.beside" if state in {"unproven", "noted"} else f"{state}.why"
            if state == "failed" and first in {"gone", "lost"}:
                beside = "failed.other"  # not those that the verdict speaks of
            twice = state == "let-go" and first in {"gone", "lost", "replaced"}
            said = words.say(beside, many)
            sentences.append(said + " " + words.say("let-go.twice") if twice else said)
        assert [screen.why, *screen.beside] == list(map(plain, sentences))


def test_tasks_have_the_numbers_by_which_the_screen_speaks_of_them(
    tmp_path: Path, key: Signer
) -> None:
    shown, _ = screens(tmp_path / "out", key, (OutcomeState.FAILED, OutcomeState.PENDING))
    for screen in shown.values():
        (tasks,) = [
            one.lines for one in screen.answers
            if one.question in {"Que reste-t-il à faire ?", "What is left to do?"}
        ]  # fmt: skip
        numbers = [line.partition(". ")[0] for line in tasks if line[0].isdigit()]
        assert numbers == [str(number) for number in range(1, len(numbers) + 1)]
        assert len(numbers) > 1
        assert not [line for line in tasks if line.startswith("- ")]


def plain(said: Any) -> str:
    return " ".join(said.unescape().split())


def test_every_subset_is_told_whole_and_in_order() -> None:
    """All of them at once, and none: nothing that is so hides another."""
    bits: dict[OutcomeState, dict[str, Any]] = {
        OutcomeState.UNBALANCED: {"closes": False},
        OutcomeState.LOST: {"lost": 1},
        OutcomeState.REPLACED: {"replaced": 2},
        OutcomeState.GONE: {"gone": 3},
        OutcomeState.FAILED: {"failed": 3},
        OutcomeState.OPEN: {"closed": False},
        OutcomeState.PENDING: {"pending": 4},
        OutcomeState.LATE: {"late": 8},
        OutcomeState.UNLISTED: {"unlisted": 1},
        OutcomeState.LET_GO: {"let_go": 9},
        OutcomeState.UNPROVEN: {"lower": 5},
        OutcomeState.ACCEPTED: {"accepted": 6},
        OutcomeState.NOTED: {"findings": 7},
    }
    for many in range(len(bits) + 1):
        for chosen in combinations(bits, many):
            counts = {name: value for one in chosen for name, value in bits[one].items()}
            told = gravest_first(OutcomeCounts(inventoried=9, verified=9, **counts))
            assert [state for state, _ in told] == (list(chosen) or [OutcomeState.GOOD])


def test_nothing_listed_and_all_left_behind_are_said_for_themselves() -> None:
    assert gravest_first(OutcomeCounts(closed=False)) == [
        (OutcomeState.OPEN, 0), (OutcomeState.EMPTY, 0),
    ]  # fmt: skip
    left = OutcomeCounts(inventoried=3, excluded=3)
    assert gravest_first(left) == [(OutcomeState.NOTHING, 3)]
    unclosed = OutcomeCounts(inventoried=4, excluded=3, closes=False)
    assert gravest_first(unclosed) == [(OutcomeState.UNBALANCED, 0)]


def statement_of(folder: Path, key: Signer, waits: list[Any], look: Any) -> Any:
    """Return what a bundle says of a verified object, of others that wait, and of a look."""
    lines = [record("a"), *waits]
    about = facts(dataset(len(lines), sum(one["size"] for one in lines)), looks=(look,))
    bundle(folder, lines, about=about, signer=key)
    return read_bundle(folder).predicate


def test_what_a_look_missed_is_told_while_so_many_may_still_be_missing() -> None:
    missed = [("pilot", 3), ("scans", 2)]
    assert not_back(missed, {}, 0) == 0, "all of it is verified again"
    assert not_back(missed, {"pilot": 9}, 0) == 3
    assert not_back(missed, {"pilot": 1, "scans": 9}, 0) == 3
    assert not_back(missed, {"pilot": 9}, 4) == 0, "what is lost for good is said as that"


def test_what_was_listed_later_is_not_what_a_look_missed(tmp_path: Path, key: Signer) -> None:
    """A statement of today says how many are missing; one that is silent allows as many as wait."""
    look = {**LOOK, "gone": 2, "replaced": 0, "unread": 0}
    waits = [pending("b"), pending("c")]
    for absent, words in (
        ({}, 2),
        ({"absent": {"objects": 2, "back": 2, "missing": 0}}, 0),
        ({"absent": {"objects": 2, "back": 1, "missing": 1}}, 1),
    ):
        counts = OutcomeCounts.of(
            statement_of(tmp_path / str(words), key, waits, {**look, **absent}), ()
        )
        assert (counts.gone, counts.pending) == (words, 2)


def test_status_says_what_is_grave_in_the_words_of_the_banner() -> None:
    told = grave_facts(OutcomeCounts(lost=1, replaced=2, gone=5, failed=3, pending=4))

    assert [(one["state"], one["objects"]) for one in told] == [
        ("lost", 1), ("replaced", 2), ("gone", 5), ("failed", 3),
    ]  # fmt: skip
    for language, words in ((one, PageWords(one)) for one in ("fr", "en")):
        for one in told:
            said = words.say(f"{one['state']}.why", one["objects"]).unescape()
            assert one[language] == said  # type: ignore[literal-required] # of these two
