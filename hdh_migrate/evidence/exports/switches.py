"""A CSV file's row for each cutover: when, from what pointer to what, who agreed, in spite of what.

Texts are in both languages beside each other; `in_french` takes those of the second.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from markupsafe import Markup

from hdh_migrate.evidence.lines.finals import FinalSwitch, finals
from hdh_migrate.evidence.lines.stories import stories
from hdh_migrate.evidence.page.approved import ApprovalLine, agreed, in_order
from hdh_migrate.evidence.page.chronicle import chronicle_of
from hdh_migrate.evidence.page.declared import declared_of
from hdh_migrate.evidence.page.page_words import PageWords
from hdh_migrate.evidence.page.signing_keys import owner_of
from hdh_migrate.evidence.reading import CheckedBundle
from hdh_migrate.evidence.verifier.members import Predicate
from hdh_migrate.results.switches import CutoverFact

_TIMES: Final[Mapping[str, str]] = {
    "frozen_at": "frozen", "switched_at": "switched", "rolled_back_at": "rolled-back",
    "finalized_at": "finalized", "requested_at": "requested", "observed_at": "observed",
}  # fmt: skip
"""Columns with a time, and what the statement calls it."""
SWITCHED: Final = (
    *("batch", "track", "stage", "since", *_TIMES, "window_until"),
    *("pointer", "pointer_before", "pointer_after", "approvals", "in_spite_of", "why"),
)
FRENCH_OF: Final = ".fr"
"""What the French of a column is called behind its name."""


def switches(reading: CheckedBundle) -> Iterator[tuple[int, Mapping[str, object]]]:
    """Yield each cutover and rehearsal of the statement, as it stands."""
    predicate = reading.predicate
    months = chronicle_of(reading.folder / "journal.jsonl")
    ended = {one.batch: one for one in finals(predicate, months.passed.finalized, months.listed)}
    for number, one in enumerate(stories(predicate), start=1):
        pointer, final = one["pointer"], one["finalized"]
        live = one["track"] == "cutover"
        line: dict[str, object] = {
            "batch": one["batch"], "track": one["track"], "stage": one["stage"],
            "since": one["since"], "window_until": one["window_until"],
            **{column: one["times"].get(name) for column, name in _TIMES.items()},
            "pointer": pointer.get("kind"), "pointer_before": pointer.get("old_sha256"),
            "pointer_after": pointer.get("new_sha256"),
            "why": None if final is None else final["reason"],
        }  # fmt: skip
        for suffix, words in (("", PageWords("en")), (FRENCH_OF, PageWords("fr"))):
            end = ended.get(one["batch"]) if live else None
            passed = () if end is None else _passed(end, words)
            line[f"in_spite_of{suffix}"] = "; ".join(passed) or None
            given = _given(one, predicate, months.approvals, words) if live else ()
            line[f"approvals{suffix}"] = "; ".join(given) or None
        yield number, line


def _passed(end: FinalSwitch, words: PageWords) -> Iterator[str]:
    """Yield in spite of what a switch was made final, as the page has it."""
    for what, many in (("source", end.late), ("target", end.let_go)):
        if many:
            yield _plain(words.say(f"final.{what}", many))
    if end.unlisted:
        yield _plain(words.say("final.unlisted"))


def _given(
    story: CutoverFact, predicate: Predicate, approvals: Iterable[ApprovalLine],
    words: PageWords,
) -> Iterator[str]:  # fmt: skip
    """Yield each approval that counted: for what, by which key, whose that is, signed when."""
    declared = declared_of(predicate)
    for stage, keys in in_order(agreed(story)):
        for key in keys:
            owner = owner_of(key, predicate, declared)
            signed = [
                signing.made_at
                for one in approvals
                if (one.kind, one.name, one.stage) == ("batch", story["batch"], stage)
                for by, signing in one.signings.items()
                if by == key
            ]
            said = [_plain(words.word("approval", stage)), f"ed25519:{key[:16]}"]
            said += [owner.person["name"]] if owner.person else []
            yield ", ".join([*said, *signed[-1:]])


def _plain(said: Markup | str) -> str:
    return said.striptags() if isinstance(said, Markup) else said
