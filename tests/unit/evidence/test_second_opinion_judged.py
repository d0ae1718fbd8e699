"""The two verifiers agree on judgements of losses, 8.18: one broken rule each.

Most are an insider's: who holds the report key and the ledger, and no key of who judges.
"""

from __future__ import annotations

from typing import Any

import pytest

from hdh_migrate.evidence.check import examine
from hdh_migrate.evidence.signatures.signing import Signer
from hdh_migrate.evidence.verifier.outcome import JUDGED
from hdh_migrate.fixity import canonical_json
from tests.unit.evidence.builders import signer
from tests.unit.evidence.forgery import Desk
from tests.unit.evidence.worlds import World, accepted, body, desk_in, hour, in_keyed_names, laid
from tests.unit.evidence.worlds_judged import KIND, harmed, judged_world, judgement, told_of
from tests.unit.evidence.worlds_signed import digest, stated
from tests.unit.evidence.worlds_waived import key

pytestmark = pytest.mark.slow

TOLD = {"on": "2026-03-03", "reference": "CNIL-2026-0417"}
LOOK = {"batch": "imaging", "number": 2, "objects": 1}


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return desk_in(tmp_path_factory.mktemp("judged"))


@pytest.fixture(scope="module")
def dpo(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    return signer(tmp_path_factory.mktemp("dpo"), "dpo")


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    return signer(tmp_path_factory.mktemp("stranger"), "eve")


def with_body(dpo: Signer, **members: Any) -> World:
    made = judged_world(dpo)
    body(made, "breach-judged").update(members)
    return made


def test_a_judgement_that_was_signed_is_taken(desk: Desk, dpo: Signer) -> None:
    worlds = {
        "as it is": judged_world(dpo),
        "somebody was notified": judged_world(dpo, notified=TOLD, reason=""),
        "of a finding alone": judged_world(dpo, looks=[], findings=[[11, 11]]),
        "of a look alone": judged_world(dpo, findings=[]),
        "of two looks": judged_world(dpo, looks=[{**LOOK, "number": 1}, LOOK]),
        "a minute ahead": judged_world(dpo, made_at="2026-03-02T08:01:22Z"),
        "with a key on its last day": with_body(dpo, key=key(dpo, "2026-03-02")),
        "an event that says more": with_body(dpo, more=1),
        "with keyed names": in_keyed_names(judged_world(dpo)),
    }
    twice = judged_world(dpo, findings=[])
    event = told_of(judgement(twice, looks=[]), dpo)
    twice["journal.jsonl"].append(["breach-judged", hour(23), event])
    worlds["the rest after it"] = twice
    assert accepted(desk, worlds) == [*worlds]
    desk.lay(laid(desk, judged_world(dpo)))
    outcome = examine(desk.folder, [desk.keys[0].verifier])
    assert JUDGED.format(1) in outcome.checked


def test_a_judgement_is_signed_by_who_it_says(desk: Desk, dpo: Signer, stranger: Signer) -> None:
    made = harmed()
    said = judgement(made)
    by_another = with_body(dpo, **told_of(said, dpo, signer=stranger))
    reporting = judged_world(dpo)
    fingerprint = f"ed25519:{dpo.verifier.fingerprint}"
    files = {"report.signer": fingerprint}
    before = [one[0] for one in reporting["journal.jsonl"]].index("contents")
    reporting["journal.jsonl"].pop()
    reporting["journal.jsonl"][before][2]["files"] = files
    event = told_of(judgement(reporting), dpo)
    reporting["journal.jsonl"].append(["breach-judged", hour(22), event])
    worlds = {
        "by somebody else": by_another,
        "by who signs reports": reporting,
        "by two": with_body(dpo, signed=[*body(judged_world(dpo), "breach-judged")["signed"]] * 2),
        "by nobody": with_body(dpo, signed=[]),
        "with a key that ended": with_body(dpo, key=key(dpo, "2026-03-01")),
        "with a key that says more": with_body(dpo, key={**key(dpo), "name": "dpo"}),
        "with another key's digest": with_body(
            dpo, key={**key(dpo), "public": key(stranger)["public"]}
        ),
        "another kind of envelope": with_body(
            dpo, signed=[dpo.sign("application/json", canonical_json(said))]
        ),
        "not as it is written": with_body(
            dpo, signed=[dpo.sign(KIND, canonical_json(said) + b"\n")]
        ),
    }
    assert accepted(desk, worlds) == []


def under_terms(
    by: Signer, *terms: dict[str, Any] | None, track: str = "cutover", **said: Any
) -> World:
    """Return the world in which batches had these terms, one after another, when it was judged."""
    made = harmed()
    for number, one in enumerate(terms):
        kind = "cutover-terms-changed" if number else "cutover-terms"
        change = {"was": "x", "now": "y", "difference": [], "approvals": []} if number else {}
        where: dict[str, Any] = {"batch": "pilot", "track": track, "terms": one, "beside": []}
        made["journal.jsonl"].append([kind, hour(20), {**where, **change}])
    made["journal.jsonl"].append(["breach-judged", hour(22), told_of(judgement(made, **said), by)])
    return stated(made)


def test_a_judgement_is_by_whom_the_terms_name(desk: Desk, dpo: Signer, stranger: Signer) -> None:
    """Whoever holds ledger and report key makes a key of his own, and calls it anybody's."""
    mine, other = key(dpo), key(stranger)
    nobody: dict[str, Any] = {"approvers": [other], "thresholds": {}, "waivers": []}
    approves, waives = {**nobody, "approvers": [other, mine]}, {**nobody, "waivers": [mine]}
    good = {
        "of who approves": under_terms(dpo, approves),
        "of who waives": under_terms(dpo, waives),
        "of who does by terms without waivers": under_terms(
            dpo, {"approvers": [mine], "thresholds": {}}
        ),
        "on the last day": under_terms(dpo, {**nobody, "waivers": [key(dpo, "2026-03-02")]}),
        "for good, though another list says until when": under_terms(
            dpo, {**waives, "approvers": [key(dpo, "2026-03-01")]}
        ),
        "of a rehearsal": under_terms(dpo, waives, track="rehearsal"),
        "of terms that are none": under_terms(dpo, None),
    }
    bad = {
        "whom no terms name": under_terms(dpo, nobody),
        "whom no terms of a rehearsal name": under_terms(dpo, nobody, track="rehearsal"),
        "after the last day by the terms": under_terms(
            dpo, {**nobody, "waivers": [key(dpo, "2026-03-01")]}
        ),
        "of terms of another form": under_terms(dpo, {**waives, "approvers": None}),
        "of keys of another form": under_terms(dpo, {**waives, "approvers": ["x"]}),
        "of a last day of another form": under_terms(
            dpo, {**waives, "approvers": [{**mine, "until": 1}]}
        ),
        "of no last day": under_terms(dpo, {**waives, "approvers": [{"fingerprint": by_id(dpo)}]}),
    }
    beside = under_terms(dpo, nobody)
    first = [one[0] for one in beside["journal.jsonl"]].index("cutover-terms")
    beside["journal.jsonl"][first:first] = [
        ["cutover-terms", hour(20), {
            "batch": "imaging", "track": "cutover", "terms": waives, "beside": [],
        }]
    ]  # fmt: skip
    event = told_of(judgement({**beside, "journal.jsonl": beside["journal.jsonl"][:-1]}), dpo)
    beside["journal.jsonl"][-1][2] = event
    bad["whom the terms of one batch alone name"] = stated(beside)
    assert accepted(desk, {**good, **bad}) == [*good]


def by_id(one: Signer) -> str:
    return one.verifier.fingerprint


def test_terms_of_then_name_whoever_judged(desk: Desk, dpo: Signer, stranger: Signer) -> None:
    named: dict[str, Any] = {"approvers": [], "thresholds": {}, "waivers": [key(dpo)]}
    gone = {**named, "waivers": [key(stranger)]}
    change = {"was": digest(named), "now": digest(gone)}
    worlds = {}
    for name, order in (("before", 1), ("after", -1)):
        made = under_terms(dpo, named, gone)
        body(made, "cutover-terms-changed").update(change)
        events = made["journal.jsonl"]
        if order > 0:  # it is judged before they change
            events[-2:] = [events[-1], ["cutover-terms-changed", hour(23), events[-2][2]]]
            events[-2][2] = told_of(judgement({**made, "journal.jsonl": events[:-2]}), dpo)
        else:
            events[-1][2] = told_of(judgement({**made, "journal.jsonl": events[:-1]}), dpo)
        worlds[name] = stated(made)
    assert accepted(desk, worlds) == ["before"]


def test_the_event_says_what_was_signed(desk: Desk, dpo: Signer) -> None:
    worlds = {
        "more findings": with_body(dpo, findings=[[9, 11]]),
        "fewer looks": with_body(dpo, looks=[]),
        "an outcome": with_body(dpo, notified=True),
        "an outcome that is a number": with_body(dpo, notified=0),
    }
    for name in ("looks", "findings", "notified", "key", "signed"):
        worlds[f"no {name}"] = judged_world(dpo)
        body(worlds[f"no {name}"], "breach-judged").pop(name)
    assert accepted(desk, worlds) == []


def test_a_judgement_is_of_this_form(desk: Desk, dpo: Signer) -> None:
    forms: dict[str, dict[str, Any]] = {
        "of nothing": {"looks": [], "findings": []},
        "for no reason": {"reason": ""},
        "a reason that is none": {"reason": None},
        "notified on no day": {"notified": {**TOLD, "on": "March"}},
        "notified without a reference": {"notified": {**TOLD, "reference": ""}},
        "notified, and more": {"notified": {**TOLD, "by": "x"}},
        "of version two": {"version": 2},
        "of version true": {"version": True},
        "by nobody": {"by": ""},
        "more than there is": {"comment": "x"},
        "of another ledger": {"ledger": "another"},
        "at no moment": {"made_at": "2026-03-02"},
        "at a moment of another zone": {"made_at": hour(21).replace("Z", "+01:00")},
        "notified, for a reason that is a number": {"notified": TOLD, "reason": 1},
        "a row that begins below all numbers": {"findings": [[-1, 0]]},
        "a reference that is a number": {"notified": {**TOLD, "reference": 1}},
        "a row the wrong way round": {"findings": [[11, 10]]},
        "rows that touch": {"findings": [[10, 10], [11, 11]]},
        "a row of three": {"findings": [[10, 11, 12]]},
        "a row of floats": {"findings": [[10.0, 11.0]]},
        "a look twice": {"looks": [LOOK, LOOK]},
        "looks out of order": {"looks": [LOOK, {**LOOK, "number": 1}]},
        "a look that says more": {"looks": [{**LOOK, "level": "full"}]},
        "a look whose number is true": {"looks": [{**LOOK, "number": True}]},
    }
    assert accepted(desk, {name: judged_world(dpo, **said) for name, said in forms.items()}) == []


def test_what_is_judged_was_known_to_whoever_signed(desk: Desk, dpo: Signer) -> None:
    events = len(harmed()["journal.jsonl"])
    worlds = {
        "another number of objects": judged_world(dpo, looks=[{**LOOK, "objects": 2}]),
        "none at all": judged_world(dpo, looks=[{**LOOK, "number": 1, "batch": "pilot",
                                                 "objects": 0}]),
        "a look that nobody began": judged_world(dpo, looks=[{**LOOK, "number": 3}]),
        "a finding that nobody opened": judged_world(dpo, findings=[[10, 12]]),
        "a finding of another kind": judged_world(dpo, findings=[[4, 4]]),
        "a journal before it": judged_world(dpo, events=events - 1),
        "another journal": judged_world(dpo, journal={"events": events, "head": "0" * 64}),
        "a journal that says more": judged_world(
            dpo, journal={**judgement(harmed())["journal"], "root": "0"}
        ),
        "a journal of its future": judged_world(
            dpo, journal={**judgement(harmed())["journal"], "events": events + 1}
        ),
        "signed before": judged_world(dpo, made_at="2026-03-02T07:59:19.999Z"),
        "signed after": judged_world(dpo, made_at="2026-03-02T08:01:22.001Z"),
    }  # fmt: skip
    assert accepted(desk, worlds) == []
    just = judged_world(dpo, made_at="2026-03-02T07:59:20Z")
    assert accepted(desk, {"a clock that is a minute behind": just}) == [
        "a clock that is a minute behind"
    ]


def test_what_a_look_found_later_is_not_judged(desk: Desk, dpo: Signer) -> None:
    """Whoever says that the one object which he knew of is two, by then, is not believed."""
    made = harmed()
    body(made, "sent")["ids"].append(12)
    said = judgement(made)
    more = [
        ["superseded", hour(21), {"dropped": [9], "dropped_datasets": {"scans": 1}}],
        ["looked-again", hour(21), {**body(made, "looked-again", 3), "replaced": [], "unread": [],
                                    "objects": 1, "damaged": [], "gone": [9]}],
        ["verified", hour(21), {"ids": [9], "datasets": {"scans": 1}}],
    ]  # fmt: skip
    looks = made["predicate"]["looks"][0]
    made["journal.jsonl"] += more
    looks.update(objects=6, gone=1)
    sending, verifying = made["predicate"]["paces"]
    sending["bins"][0]["objects"] += 1
    verifying.update(ended=hour(21), seconds=13, bins=[{"objects": 9, "bytes": 1}])
    made["journal.jsonl"].append(["breach-judged", hour(22), told_of(said, dpo)])
    later = {**said, "looks": [{**LOOK, "objects": 2}]}
    other = {**made, "journal.jsonl": [*made["journal.jsonl"][:-1],
             ["breach-judged", hour(22), told_of(later, dpo)]]}  # fmt: skip
    assert accepted(desk, {"what he knew": made, "what came later": other}) == ["what he knew"]
