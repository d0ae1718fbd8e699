"""The two verifiers agree on what was approved and when, 8.14 and 8.15: one broken rule each.

Each is an insider's: who holds ledger and report key shows other lines than those that others
signed, or what they signed before it could count.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import pytest

from hdh_migrate.evidence.check import examine
from hdh_migrate.evidence.signatures.signing import Signer
from hdh_migrate.evidence.verifier.outcome import AS_APPROVED, MOVED_ON
from tests.support.second_batches import digest_of_batch
from tests.unit.evidence.forgery import Desk
from tests.unit.evidence.test_second_opinion_signed import accepted, good, only
from tests.unit.evidence.worlds import (
    World,
    body,
    hour,
    laid,
    line,
    place_of,
)
from tests.unit.evidence.worlds_judged import head_of
from tests.unit.evidence.worlds_signed import (
    PILOT,
    Payload,
    approved,
    digest,
    signed,
    stated,
)

pytestmark = pytest.mark.slow

OTHER: dict[str, Any] = {
    "sha256": "ab" * 32, "stored_sha256": "cd" * 32, "target_etag": "another",
    "verified_at": hour(7), "source_modified": "2020-01-01T00:00:00Z",
}  # fmt: skip
"""What no other rule holds: nothing of the journal but the roots that were signed tells it."""
FIRST, LAST = 2, 5
"""A line of the batch that was approved, and one of the other batch."""


def followed(source: World, *events: tuple[str, dict[str, Any]], **changes: Any) -> World:
    """Let a journal end with more events, and a line of the approved batch be another one."""
    made = deepcopy(source)
    made["journal.jsonl"] += [[kind, hour(20), what] for kind, what in events]
    line(FIRST, **changes)(made)
    return stated(made)


# which lines --------------------------------------------------------------------------------------


@pytest.mark.parametrize("member", OTHER)
def test_no_line_of_a_batch_is_another_than_was_approved(
    desk: Desk, people: Sequence[Signer], member: str
) -> None:
    source = good(people)
    ours, others = deepcopy(source), deepcopy(source)
    line(FIRST, **{member: OTHER[member]})(ours)
    line(LAST, **{member: OTHER[member]})(others)
    worlds = {"of the batch": ours, "of another batch": others}
    assert accepted(desk, worlds) == ["of another batch"]


def test_lines_may_be_others_where_the_journal_says_so(
    desk: Desk, people: Sequence[Signer]
) -> None:
    """What it says of another batch, or of no lines, lets none of these be another."""

    def failing(name: str, number: int) -> list[tuple[str, dict[str, Any]]]:
        about = {"ids": [number], "datasets": {name: 1}}
        return [("retried", about), ("failed", about)]

    def sealed(name: str, number: int) -> list[tuple[str, dict[str, Any]]]:
        dropped = {"dropped": [number], "dropped_datasets": {name: 1}}
        exchanged = {"number": 2, "ids": [number], "datasets": {name: 1}, "lost": []}
        return [("superseded", dropped), ("headers-exchanged", exchanged)]

    def relisted(name: str) -> list[tuple[str, dict[str, Any]]]:
        return [("inventory-changed", {"dataset": name, "joined": []})]

    source = good(people)
    said = {
        "failed again": failing("pmsi", 3),
        "sealed anew": sealed("pmsi", 1),
        "listed again": relisted("pmsi"),
        "sealed anew in another batch": sealed("scans", 9),
        "listed again in another batch": relisted("scans"),
        "nothing of lines": [("batch-done", {"batch": "pilot"})],
    }
    others = {name: followed(source, *told, sha256="ab" * 32) for name, told in said.items()}
    same = {f"{name}: the same": followed(source, *told) for name, told in said.items()}
    assert accepted(desk, others | same) == ["failed again", "sealed anew", "listed again", *same]


def test_a_batch_that_was_amended_may_have_other_lines(
    desk: Desk, people: Sequence[Signer]
) -> None:
    made = approved(people)
    plan = made["predicate"]["plan"]["canonical"]
    plan["version"] = 1
    for kind, _, what in made["journal.jsonl"]:
        if kind == "run-started":
            what["plan_digest"] = digest(plan)
    for place, name in ((1, "pilot"), (1, "imaging")):
        bound = {"batch": name, "revision": 1, "digest": digest_of_batch(plan, name)}
        made["journal.jsonl"].insert(place, ["batch-bound", hour(0), bound])
    source = signed(made, people)
    worlds = {
        name: followed(source, ("batch-amended", {
            "batch": name, "revision": 2, "digest": digest_of_batch(plan, name), "moved_before": {},
        }), sha256="ab" * 32)
        for name in ("pilot", "imaging")
    }  # fmt: skip
    assert accepted(desk, worlds) == ["pilot"]


def test_what_is_approved_of_one_manifest_has_one_root(
    desk: Desk, people: Sequence[Signer]
) -> None:
    """An earlier root than the last: of what no bundle shows any more, but of the same lines."""
    worlds = {}
    for kind, number in (("cutover-switching", 0), ("cutover-finalized", 0), ("cutover-agreed", 0)):
        made = approved(people)
        body(made, kind, number)["root"] = "6a" * 32
        told = deepcopy(made)
        about = {"ids": [3], "datasets": {"pmsi": 1}}
        between = [["retried", hour(20), about], ["failed", hour(20), about]]
        at = place_of(told, kind, number) + 1
        told["journal.jsonl"][at:at] = between
        at = place_of(told, kind, number)
        told["journal.jsonl"][at:at] = deepcopy(between)
        worlds[f"{kind}, of other lines"] = signed(made, people)
        worlds[f"{kind}, of other lines, as the journal tells"] = signed(told, people)
    taken = accepted(desk, worlds)
    assert taken == [name for name in worlds if name.endswith("tells")]


def test_it_says_whether_the_manifest_is_what_was_approved(
    desk: Desk, people: Sequence[Signer]
) -> None:
    keys = [key.verifier for key in desk.keys[:1]]
    source = good(people)
    desk.lay(laid(desk, source))
    outcome = examine(desk.folder, keys)
    assert outcome.problems == []
    assert AS_APPROVED.format(1) in outcome.checked
    assert MOVED_ON.format(1) not in outcome.open

    about = {"ids": [3], "datasets": {"pmsi": 1}}
    desk.lay(laid(desk, followed(source, ("retried", about), ("failed", about))))
    outcome = examine(desk.folder, keys)
    assert outcome.problems == []
    assert AS_APPROVED.format(1) not in outcome.checked
    assert MOVED_ON.format(1) in outcome.open


# which erasure ------------------------------------------------------------------------------------


ERASED = {"objects": 2, "bytes": 4, "packs": 1, "pack_bytes": 1, "root": "44" * 32}


@pytest.mark.parametrize("member", ERASED)
def test_an_erasure_is_of_what_the_lines_give(
    desk: Desk, people: Sequence[Signer], member: str
) -> None:
    made = approved(people)
    erasing = body(made, "headers-erasing")
    erasing[member] = ERASED[member]
    asked = ("dataset", "batch", "objects", "bytes", "packs", "pack_bytes", "root", "although")
    erasing["request"] = digest({name: erasing[name] for name in asked})
    source = signed(made, people)
    worlds = {
        "other lines": source,
        "other lines, as the journal tells": followed(
            source, ("inventory-changed", {"dataset": "more", "joined": []})
        ),
        "other lines of another dataset": followed(
            source, ("inventory-changed", {"dataset": "scans", "joined": []})
        ),
    }
    assert accepted(desk, worlds) == ["other lines, as the journal tells"]


def test_what_is_erased_is_at_both_places_and_in_the_ledger(
    desk: Desk, people: Sequence[Signer]
) -> None:
    """Each verified pack has a version and a copy, each object a header."""

    def erased(**counts: int) -> World:
        made = approved(people)
        erasing = body(made, "headers-erasing")
        erasing.update({"packs": 1, "versions": 1, "copies": 1, "headers": 1, **counts})
        asked = ("dataset", "batch", "objects", "bytes", "packs", "pack_bytes", "root", "although")
        erasing["request"] = digest({name: erasing[name] for name in asked})
        changed = ("inventory-changed", {"dataset": "more", "joined": []})
        return followed(signed(made, people), changed)

    worlds = {
        "one of each": erased(),
        **{f"no {name}": erased(**{name: 0}) for name in ("versions", "copies", "headers")},
    }
    assert accepted(desk, worlds) == ["one of each"]


# when ---------------------------------------------------------------------------------------------


def signed_at(people: Sequence[Signer], made: World, moments: dict[tuple[str, int], str]) -> World:
    """Let what some events rest on have been signed at other times."""
    each = [only(kind, number, made_at=at) for (kind, number), at in moments.items()]

    def sign(told: str, payload: Payload, who: Signer) -> tuple[Payload, Signer]:
        for one in each:
            payload, who = one(told, payload, who)
        return payload, who

    return signed(made, people, sign)


def test_nothing_rests_on_what_was_signed_after_it(desk: Desk, people: Sequence[Signer]) -> None:
    """The clock of who approves may be a minute ahead of that of the journal."""
    minute, more = "2026-03-02T08:01:20Z", "2026-03-02T08:01:20.001Z"
    assert hour(20) == "2026-03-02T08:00:20Z"
    events = ("cutover-finalized", "cutover-agreed", "grant-given", "headers-erasing")
    worlds = {
        f"{kind} at {at}": signed_at(people, approved(people), {(kind, 0): at})
        for kind in events
        for at in (minute, more, "2026-02-31T00:00:00Z")
    }
    assert accepted(desk, worlds) == [f"{kind} at {minute}" for kind in events]


def test_what_was_signed_of_another_state_of_things_is_void(
    desk: Desk, people: Sequence[Signer]
) -> None:
    """Before the terms were agreed to, before a rollback, before the switch, before its end."""
    terms_at = {("cutover-terms-changed", 0): hour(19)}
    early = {
        f"{kind} {number} at {at}": signed_at(
            people, approved(people), {**terms_at, (kind, number): hour(at)}
        )
        for kind, number in (
            ("keys-rotating", 0), ("cutover-switching", 0), ("cutover-switching", 1),
            ("cutover-finalized", 0), ("cutover-agreed", 0), ("data-keys-rotating", 0),
            ("grant-given", 0), ("headers-erasing", 0),
        )
        for at in (18, 19)
    }  # fmt: skip
    assert accepted(desk, early) == [
        "keys-rotating 0 at 18", "keys-rotating 0 at 19",  # it came before these terms
        "cutover-switching 0 at 19", "data-keys-rotating 0 at 19", "grant-given 0 at 19",
        "headers-erasing 0 at 19",
    ]  # fmt: skip


def test_a_deletion_rests_on_a_report_of_this_journal(desk: Desk, people: Sequence[Signer]) -> None:
    source = signed(approved(people), people)
    place = place_of(source, "cutover-agreed")
    head = head_of(source["journal.jsonl"][: place - 2])
    shown = {"statement": "ab" * 32, "written": hour(20), "events": place - 2, "head": head}
    last = head_of(source["journal.jsonl"][:place])
    changes: dict[str, Any] = {
        "as it was": {}, "all of it until then": {"events": place, "head": last},
        "another journal": {"head": "0" * 64}, "less of it": {"events": place - 3},
        "nothing of it": {"events": 0, "head": "0" * 64},
        "no number": {"events": str(place - 2)}, "true": {"events": True},
        "what came later": {"events": place + 1}, "no report": {"statement": "ab"},
        "written later": {"written": "2026-03-02T09:00:00Z"},
        "written some day": {"written": "2026-03-02"},
        "more said": {"verdict": "match"},
    }  # fmt: skip
    worlds = {}
    for name, change in changes.items():
        made = deepcopy(source)
        body(made, "cutover-agreed")["evidence"] = {**shown, **change}
        worlds[name] = signed(made, people)
    for name, evidence in (("null", None), ("less said", {"head": head})):
        made = deepcopy(source)
        body(made, "cutover-agreed")["evidence"] = evidence
        worlds[name] = signed(made, people)
    assert accepted(desk, worlds) == ["as it was", "all of it until then"]


@pytest.mark.parametrize("why", ["source-written", "not-frozen", "approval"])
def test_a_freeze_that_was_seen_not_to_hold_is_stated_anew(
    desk: Desk, people: Sequence[Signer], why: str
) -> None:
    worlds = {}
    for at in (12, 13):
        made = approved(people)
        waits = ["cutover-waits", hour(13), {**PILOT, "why": why, "told": []}]
        made["journal.jsonl"].insert(place_of(made, "cutover-frozen"), waits)
        worlds[f"stated at {at}"] = signed_at(people, made, {("cutover-frozen", 0): hour(at)})
    taken = ["stated at 13"] if why != "approval" else [*worlds]
    assert accepted(desk, worlds) == taken


def test_who_agreed_to_terms_once_did_not_agree_to_them_again(
    desk: Desk, people: Sequence[Signer]
) -> None:
    """The terms go back, and come again with what was signed the first time."""
    made = approved(people)
    there = body(made, "cutover-terms-changed")
    first = body(made, "cutover-terms")["terms"]
    back = {**there, "was": there["now"], "now": there["was"], "terms": first}
    at = place_of(made, "cutover-terms-changed") + 1
    more = [["cutover-terms-changed", hour(20), deepcopy(one)] for one in (back, there)]
    made["journal.jsonl"][at:at] = more
    anew = signed_at(people, made, {("cutover-terms-changed", 0): hour(19)})
    again = deepcopy(anew)
    once = body(again, "cutover-terms-changed")["signed"]
    last = place_of(again, "cutover-terms-changed", 2)
    del again["journal.jsonl"][last + 1 :]  # what follows was signed in the other journal
    again["journal.jsonl"][last][2]["signed"] = once
    short = deepcopy(anew)
    del short["journal.jsonl"][last + 1 :]
    worlds = {"signed anew": stated(short), "signed once": stated(again)}
    assert accepted(desk, worlds) == ["signed anew"]


def test_no_end_is_approved_of_what_was_not_switched(desk: Desk, people: Sequence[Signer]) -> None:
    """An approval of the end counts for a switch that stands, one of a deletion after the end."""

    def less(*kinds: str) -> World:
        made = approved(people)
        for kind in kinds:
            places = [at for at, one in enumerate(made["journal.jsonl"]) if one[0] == kind]
            del made["journal.jsonl"][places[-1]]
        return signed(made, people)

    back = approved(people)
    at = place_of(back, "cutover-finalized")
    back["journal.jsonl"].insert(at, ["cutover-rolled-back", hour(20), {**PILOT, "switched": True}])
    opened = ("cutover-open", "cutover-switched")
    worlds = {
        "not switched again, but once before": less(*opened),
        "switched again": less(),
        "final after it went back": signed(back, people),
        "deleted before the end": less("cutover-finalized"),
    }
    assert accepted(desk, worlds) == ["switched again"]
