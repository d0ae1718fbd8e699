"""Who holds ledger and report key changes one place of a bundle, and all that follows from it.

A share of what `python -m tests.campaign.forging` does at length: the two verifiers never differ,
and what both take is what the table "by word alone" in docs/evidence-format.md says, no more and no
less. Who has no key changes nothing at all.
"""

from __future__ import annotations

import json
import random
from dataclasses import fields
from pathlib import Path

import pytest

from hdh_migrate.events.registry import KINDS
from hdh_migrate.fixity import canonical_json
from tests.campaign.forging import corpora, word
from tests.campaign.forging.judging import KEYED, Forger, Judged
from tests.campaign.forging.walk import MemberOf
from tests.unit.evidence.builders import signer
from tests.unit.evidence.forgery import Desk, resummed

pytestmark = pytest.mark.slow

WALK = "python -m tests.campaign.forging --bundle specimens --share 1 --of KIND --write"
SEED = 20
WALKED = (11, 5)
"""Seeds of the walks that the record is of."""
DRAWN = 8
"""Changes of each bundle, and members of the table: the same each time."""
LINES = frozenset(
    f"{name}{kept}"
    for name in (
        "manifest.jsonl (verified)",
        "manifest.jsonl (others)",
        "exclusions.jsonl",
        "findings.jsonl",
    )
    for kept in ("", KEYED)
)
"""Files of which a bundle's lines are drawn, so that not each member of them is there to try."""
ELSEWHERE = "more"
"""The field that has what a newer version wrote: no event of this one has it."""


@pytest.fixture(scope="module")
def record() -> word.Record:
    return word.read()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("forged")


@pytest.mark.parametrize("bundle", corpora.WORLDS)
def test_what_an_insider_changes_is_refused_or_in_the_table(
    folder: Path, record: word.Record, bundle: str
) -> None:
    dice = random.Random(f"{SEED} {bundle}")
    forger = Forger(bundle, corpora.by_hand(folder / bundle, bundle), SEED)
    every = sorted({(member, one.how) for member, one in forger.cases(lambda *_: True, 1)})
    drawn = {*dice.sample(every, DRAWN)}
    judged = Judged()

    forger.judge(judged, lambda member, how: (member, how) in drawn)

    assert judged.cases >= DRAWN // 2
    assert judged.apart == []
    assert word.unlisted(record, judged) == []
    unknown = {
        member for member in judged.members if member.member not in record.get(member.where, {})
    }
    assert unknown == set(), f"walk each: {WALK}"


def test_what_the_table_says_is_taken(folder: Path, record: word.Record) -> None:
    """So that a rule which comes to hold a member takes it out of the table."""
    dice = random.Random(SEED)
    every = word.shown(record, {*corpora.WORLDS})
    assert len(every) > 300
    drawn: dict[str, set[tuple[MemberOf, str]]] = {}
    for member, how, bundle in dice.sample(every, 3 * DRAWN):
        drawn.setdefault(bundle, set()).add((member, how))
    lacking = [one for bundle in sorted(drawn) for one in not_taken(folder, bundle, drawn[bundle])]
    assert lacking == []


def not_taken(
    folder: Path, bundle: str, wanted: set[tuple[MemberOf, str]]
) -> set[tuple[MemberOf, str]]:
    """Return what both verifiers refuse of this, wherever it is tried in the bundle.

    A value is drawn, and not each is taken: that of another seed may be.
    """
    left = set(wanted)

    def asked(member: MemberOf, how: str) -> bool:
        return (member, how) in left

    for seed in (SEED, *WALKED):
        judged = Judged()
        forger = Forger(bundle, corpora.by_hand(folder / f"{bundle}-{seed}", bundle), seed)
        forger.judge(judged, asked, most=4)
        assert judged.apart == []
        left -= {(member, how) for member, hows in judged.taken.items() for how in hows}
        left = {one for one in left if one[0] in judged.members or one[0].where not in LINES}
        if not left:
            break
    return left


def test_every_member_of_every_event_was_changed(record: word.Record) -> None:
    """A new one is named here until it was walked."""
    lacking = {
        f"{kind}: {one.name}"
        for kind, of in KINDS.items()
        for one in fields(of)
        if one.name != ELSEWHERE
        and one.name
        not in {name.partition("[")[0].partition(".")[0] for name in record.get(kind, ())}
    }
    assert lacking == set(), f"walk each: {WALK}"


def test_the_page_has_the_table_of_the_record(record: word.Record) -> None:
    text = word.PAGE.read_text("utf-8")
    table = text.partition(word.BEGIN)[2].partition(word.END)[0]
    assert table.strip().splitlines() == [*word.table(record)]


@pytest.mark.parametrize("bundle", ["looks", "waived", "granted"])
def test_an_outsider_changes_nothing(folder: Path, bundle: str) -> None:
    """He makes all that follows, too, but what is signed: both refuse whatever he changed."""
    desk = corpora.by_hand(folder / f"{bundle}-outside", bundle)
    forger = Forger(bundle, desk, SEED)
    dice = random.Random(f"{SEED} {bundle}")
    every = [one for _, one in forger.cases(lambda *_: True, 1)]
    tried = 0
    for change in dice.sample(every, DRAWN):
        for files in forger.outsiders(change):
            first, other = desk.judge(files)
            assert first, change
            assert other, change
            tried += 1
    assert tried >= DRAWN


def test_what_the_format_lets_an_outsider_do(folder: Path) -> None:
    """A stamp that nobody is asked to judge is not read, and a stranger's signature passed over."""
    desk = corpora.by_hand(folder / "let", "plain")
    stranger = signer(folder, "stranger")
    statement = desk.statement()
    envelope = json.loads(desk.files["statement.json"])
    signed = json.loads(desk.envelope(statement, stranger))["signatures"]
    envelope["signatures"] += signed
    cases = {
        "a stamp": {**desk.files, "timestamp.tsr": b"anything"},
        "a signature more": {
            **desk.files, "statement.json": canonical_json(envelope) + b"\n"
        },
    }  # fmt: skip
    for name, files in cases.items():
        assert desk.judge(resummed(files)) == ([], []), name
    by_another = Desk(desk.folder, desk.files, (stranger,))
    first, other = by_another.judge(by_another.files)
    assert first
    assert other
