"""The two verifiers agree where one rule of section 8 is broken: what the journal tells."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.second_story import leaf
from tests.unit.evidence.forgery import Desk
from tests.unit.evidence.test_second_opinion import DRAWS, changes_of, drawn
from tests.unit.evidence.worlds import (
    FREEZE,
    MD5,
    NOTHING,
    A,
    Change,
    World,
    body,
    both,
    hour,
    in_keyed_names,
    insert,
    judged,
    laid,
    line,
    manifest,
    moved_event,
    of_an_older_ledger,
    put,
    tell,
    timed,
    told,
    traffic,
    without,
    world,
)

pytestmark = pytest.mark.slow


def test_both_take_the_worlds_as_they_are(desk: Desk) -> None:
    for made in (world(), in_keyed_names(world()), of_an_older_ledger(world())):
        assert desk.judge(laid(desk, made)) == ([], [])
    both_ways = in_keyed_names(of_an_older_ledger(world()))
    assert desk.judge(laid(desk, both_ways)) == ([], [])


# --- 8 --------------------------------------------------------------------------------------------


GOOD_JOURNALS: dict[str, Change] = {
    "another kind": insert(3, "x", hour(2), any={"a": [1.5]}),
    "run-ended that says more": tell("run-ended", 0, more=1),
    "traffic that says more": lambda w: body(w, "run-ended")["traffic"][0].update(more=1),
    "traffic of a third side": lambda w: body(w, "run-ended")["traffic"].append(
        traffic("third", 9, [A])
    ),
    "sent that says more": tell("sent", 0, more=1),
    "verified that says more": tell("verified", 0, more=1),
    "superseded that says more": tell("superseded", 0, more=1),
    "failed that says more": tell("failed", 0, more=1),
    "a cutover that says more": tell("cutover-done", 0, more=1),
    "counts of none": lambda w: body(w, "verified")["datasets"].update(more=0),
    "nobody retried": insert(-1, "retried", hour(18), ids=[], datasets={}),
    "no findings opened": insert(-1, "findings", hour(18), opened=[]),
    "no findings closed": insert(-1, "findings", hour(18), closed=[]),
    "nothing joined": insert(-1, "inventory-changed", hour(18), dataset="more", joined=[]),
    "there and back": insert(
        -1, "inventory-changed", hour(18), dataset="more",
        changed=[[leaf(manifest()[0]).hex(), "cd" * 32], ["cd" * 32, leaf(manifest()[0]).hex()]],
    ),
    "from itself to itself": insert(
        -1, "inventory-changed", hour(18), dataset="more",
        changed=[[leaf(manifest()[0]).hex(), leaf(manifest()[0]).hex()]],
    ),
    "the last when it was written": timed(-1, hour(30)),
    "a ledger-upgraded at the beginning": lambda w: w["journal.jsonl"].insert(
        0, ["ledger-upgraded", hour(0), {"verified": {}}]
    ),
}  # fmt: skip
CHANGED = "inventory-changed"
BAD_JOURNALS: dict[str, Change] = {
    # forms
    "no traffic": lambda w: body(w, "run-ended").pop("traffic"),
    "traffic of no side": lambda w: body(w, "run-ended")["traffic"][0].update(side=""),
    "negative traffic": lambda w: body(w, "run-ended")["traffic"][0].update(requests=-1),
    "traffic as a float": lambda w: body(w, "run-ended")["traffic"][0].update(requests=1.0),
    "an empty address": lambda w: body(w, "run-ended")["traffic"][0].update(addresses=[""]),
    "inventoried with more": tell("inventoried", 0, more=1),
    "inventoried of no dataset": tell("inventoried", 0, dataset="x"),
    "excluded with more": lambda w: body(w, "inventoried")["excluded"].update(more=1),
    "no root": lambda w: body(w, "inventoried", 2).pop("root"),
    "no root of the excluded": lambda w: body(w, "inventoried", 2)["excluded"].pop("root"),
    "a change of nothing": insert(-1, CHANGED, hour(18), dataset="more"),
    "a change with more": insert(-1, CHANGED, hour(18), dataset="more", joined=[], more=1),
    "a change of no dataset": insert(-1, CHANGED, hour(18), joined=[]),
    "a change of an unknown dataset": insert(-1, CHANGED, hour(18), dataset="x", joined=[]),
    "a change to three": insert(
        -1, CHANGED, hour(18), dataset="more", changed=[["ab" * 32] * 3]
    ),
    "a leaf that is none": insert(-1, CHANGED, hour(18), dataset="more", joined=["x"]),
    "a count for leaves": insert(-1, CHANGED, hour(18), dataset="more", joined=0),
    "ids that are none": tell("sent", 0, ids=["1", 2, 3]),
    "true for an id": tell("sent", 0, ids=[True, 2, 3]),
    "no ids": lambda w: body(w, "sent").pop("ids"),
    "an id twice": tell("verified", 0, ids=[1, 1, 7, 9]),
    "a failed id twice": tell("failed", 0, ids=[3, 3]),
    "a dropped id twice": tell("superseded", 0, dropped=[9, 9], dropped_datasets={"scans": 2}),
    "counts that do not add up": tell("verified", 0, ids=[1, 2, 7]),
    "failures that do not add up": tell("failed", 0, ids=[3]),
    "dropped that do not add up": tell("superseded", 0, dropped=[]),
    "counts of an unknown dataset": lambda w: body(w, "verified")["datasets"].update(x=0),
    "a count below nothing": tell("verified", 0, datasets={"pmsi": 2, "scans": 3, "more": -1}),
    "a count that is a float": tell("verified", 0, datasets={"pmsi": 2.0, "scans": 2}),
    "failed of no dataset": lambda w: body(w, "failed").pop("datasets"),
    "findings of nothing": insert(-1, "findings", hour(18)),
    "findings with more": insert(-1, "findings", hour(18), opened=[], more=1),
    "findings that are no list": insert(-1, "findings", hour(18), opened={}),
    "a finding with more": lambda w: body(w, "findings")["opened"][0].update(more=1),
    "a finding without an object": lambda w: body(w, "findings")["opened"][0].pop("object"),
    "a finding of no severity": lambda w: body(w, "findings")["opened"][0].update(severity="x"),
    "a finding of no code": lambda w: body(w, "findings")["opened"][0].update(code=""),
    "a finding of no moment": lambda w: body(w, "findings")["opened"][0].update(at=None),
    "a cutover of no batch": lambda w: body(w, "cutover-done").pop("batch"),
    "a cutover of no track": lambda w: body(w, "cutover-done").pop("track"),
    "an event that is a list": lambda w: w["journal.jsonl"].append(["x", hour(20), []]),
    # 8.1
    "an event before the last": timed(3, hour(1)),
    "the last after it was written": timed(-1, hour(31)),
    "an event in old form": insert(-1, "superseded", hour(18), what="ever"),
    "an event in old form at first": lambda w: w["journal.jsonl"].insert(
        1, ["inventoried", hour(0), {}]
    ),
    "a ledger-upgraded in the middle": insert(9, "ledger-upgraded", hour(7), verified={}),
    # 8.2
    "other counts of another inventory": tell("inventoried", 3, objects=8),
    "other excluded of another inventory": lambda w: body(w, "inventoried", 3)["excluded"].update(
        objects=2
    ),
    "more superseded than verified": moved_event(12, 9),
    "more retried than failed": moved_event(15, 13),
    "a change before its inventory": moved_event(4, 1),
    "open though it was inventoried": put("datasets", 0, closed=False),
    "closed though it was not": lambda w: w["journal.jsonl"].pop(3),
    "one verified less": tell("verified", 1, ids=[], datasets={}),
    "one failed less": tell("failed", 0, ids=[4], datasets={"pmsi": 1}),
    "one failed more": tell("retried", 0, ids=[], datasets={}),
    "a line verified that is not": line(3, verdict="match"),
    "a verified line less": line(1, verdict="missing"),
    "another tally": put("datasets", 0, "tally", inventoried={"objects": 8, "bytes": 70_035}),
    "another tally in bytes": put(
        "datasets", 0, "tally", inventoried={"objects": 7, "bytes": 70_036}
    ),
    "other bytes": tell("inventoried", 3, bytes=1),
    "other excluded bytes": lambda w: body(w, "inventoried", 3)["excluded"].update(bytes=1),
    "a finding less": lambda w: w["findings.jsonl"].pop(),
    "no finding": lambda w: w["findings.jsonl"].clear(),
    "a closed finding": lambda w: w["findings.jsonl"].insert(
        0, {**told(1), "key": None, "step": None}
    ),
    "numbers that do not ascend": lambda w: (
        body(w, "findings", 1)["opened"][0].update(number=2)
    ),
    "a number that comes again": lambda w: body(w, "findings", 1)["opened"].insert(0, told(1)),
    "a finding closed twice": insert(-1, "findings", hour(18), closed=[1]),
    "a finding closed that was never": insert(-1, "findings", hour(18), closed=[9]),
    "a finding of a key": line(1, "findings.jsonl", key="x"),
    "a finding of no key": line(0, "findings.jsonl", key=None),
    "a finding at another time": line(0, "findings.jsonl", at=hour(8)),
    "a finding with another code": line(0, "findings.jsonl", code="x"),
    "a finding with another severity": line(0, "findings.jsonl", severity="blocker"),
    "a finding of another dataset": line(0, "findings.jsonl", dataset="scans"),
    "a finding with another message": line(0, "findings.jsonl", message="x"),
    "another root": tell("inventoried", 3, root="0" * 64),
    "another root at first": tell("inventoried", 0, root="0" * 64),
    "another root of the excluded": lambda w: body(w, "inventoried", 3)["excluded"].update(
        root="0" * 64
    ),
    "another root of the excluded at first": lambda w: body(w, "inventoried")["excluded"].update(
        root="0" * 64
    ),
    "other counts at first": tell("inventoried", 1, objects=2),
    "another size of a line": line(4, size=10),
    "another version of a line": line(4, source_version="x"),
    "another version of an exclusion": line(0, "exclusions.jsonl", source_version="x"),
    "one joined that is left behind": lambda w: body(w, CHANGED).update(
        joined=body(w, CHANGED)["joined_excluded"], joined_excluded=body(w, CHANGED)["joined"]
    ),
    "one changed that is left behind": lambda w: body(w, CHANGED).update(
        changed=[*body(w, CHANGED)["changed"], *body(w, CHANGED)["changed_excluded"]],
        changed_excluded=[],
    ),
    "changes out of order": lambda w: body(w, CHANGED)["changed"].reverse(),
    "one joined twice": insert(
        -1, CHANGED, hour(18), dataset="more", joined=[leaf(manifest()[0]).hex()]
    ),
    "one joined that is no line": insert(
        -1, CHANGED, hour(18), dataset="more", joined=["cd" * 32]
    ),
    "one changed to another's": insert(
        -1, CHANGED, hour(18), dataset="pmsi",
        changed=[[leaf(manifest()[1]).hex(), leaf(manifest()[2]).hex()]],
    ),
    "one changed from another's": insert(
        -1, CHANGED, hour(18), dataset="pmsi",
        changed=[[leaf(manifest()[1]).hex(), leaf(manifest()[4]).hex()]],
    ),
    "one changed to no line": insert(
        -1, CHANGED, hour(18), dataset="more", changed=[[leaf(manifest()[0]).hex(), "cd" * 32]]
    ),
    # 8.3
    "another start": put("times", started=hour(1)),
    "no start": put("times", started=None),
    "another spelling of the start": put("times", started="2026-03-02T08:00:00.0Z"),
    "another end": put("times", ended=hour(16)),
    "no end": put("times", ended=None),
    "a byte more read": put("endpoints", 0, bytes_read=5),
    "a byte more written": put("endpoints", 1, bytes_written=3),
    "a request more": put("endpoints", 0, requests=5),
    "another address": put("endpoints", 0, addresses=["a", "c"]),
    "addresses out of order": put("endpoints", 0, addresses=["b", "a"]),
    "an address twice": put("endpoints", 0, addresses=["a", "a", "b"]),
    "no transfer": lambda w: w["predicate"]["paces"].pop(0),
    "no verify": lambda w: w["predicate"]["paces"].pop(),
    "a pace twice": lambda w: w["predicate"]["paces"].append(w["predicate"]["paces"][0]),
    "another pace's start": put("paces", 0, started=hour(6)),
    "another pace's end": put("paces", 0, ended=hour(7)),
    "another pace's amount": put("paces", 0, bins=[{"objects": 4, "bytes": 1}]),
    "bytes of none": put("paces", 0, bins=[{"objects": 5, "bytes": 1}, {"objects": 0, "bytes": 1}]),
    "no sent": without("sent"),
    "no verified": without("verified"),
    "no runs": without("run-started"),
}  # fmt: skip


def test_a_journal_that_tells_otherwise_is_judged_alike(desk: Desk) -> None:
    assert judged(desk, world(), GOOD_JOURNALS) == [*GOOD_JOURNALS]
    assert judged(desk, world(), BAD_JOURNALS) == []


def opened_again(name: str) -> Change:
    """Leave out that a dataset was inventoried, and say that it is open."""

    def edit(made: World) -> None:
        kept = [
            event
            for event in made["journal.jsonl"]
            if event[0] not in {"inventoried", CHANGED} or event[2]["dataset"] != name
        ]
        made["journal.jsonl"][:] = kept
        for one in made["predicate"]["datasets"]:
            if one["name"] == name:
                one["closed"] = False

    return edit


def simple(made: World) -> None:
    """Verify each object once, so that the bytes of the bins are known."""
    body(made, "verified").update(ids=[1, 2, 7], datasets={"pmsi": 2, "scans": 1})
    made["journal.jsonl"] = [e for e in made["journal.jsonl"] if e[0] != "superseded"]
    size = sum(one["size"] for one in made["manifest.jsonl"] if one["verdict"] == "match")
    made["predicate"]["paces"][1]["bins"] = [{"objects": 5, "bytes": size}]


def test_open_datasets_and_bytes_of_paces_are_judged_alike(desk: Desk) -> None:
    cases: dict[str, Change] = {
        "open": opened_again("more"),
        "open and other counts": both(
            opened_again("more"),
            put("datasets", 2, "tally", inventoried={"objects": 9, "bytes": 1}),
        ),
        "open and changed": both(
            opened_again("more"), insert(-1, CHANGED, hour(18), dataset="more", joined=[])
        ),
        "open and failed": opened_again("pmsi"),
        "open and lines failed that no event tells": both(
            opened_again("pmsi"), without("failed"), without("retried")
        ),
        "bytes of what was verified": simple,
        "other bytes": both(
            simple, lambda w: w["predicate"]["paces"][1]["bins"][0].update(bytes=1)
        ),
    }
    good = judged(desk, world(), cases)
    assert good == ["open", "open and other counts", "open and lines failed that no event tells",
                    "bytes of what was verified"]  # fmt: skip


def test_an_older_ledger_is_judged_alike(desk: Desk) -> None:
    def upgraded(w: World) -> Any:
        return body(w, "ledger-upgraded")

    old = {"ids": [1], "rows_sha256": "x"}
    cases: dict[str, Change] = {
        "counts that are 0": lambda w: upgraded(w)["verified"].update(scans=0),
        "with more": lambda w: upgraded(w).update(more=1),
        "times before it": timed(4, hour(0)),
        "no counts": lambda w: upgraded(w).pop("verified"),
        "counts of an unknown dataset": lambda w: upgraded(w)["verified"].update(x=0),
        "other counts": lambda w: upgraded(w)["verified"].update(pmsi=1),
        "twice": lambda w: w["journal.jsonl"].insert(6, w["journal.jsonl"][5]),
        "none": lambda w: w["journal.jsonl"].pop(5),
        "old after it": lambda w: w["journal.jsonl"].insert(6, ["verified", hour(1), old]),
        "old inventory after it": lambda w: w["journal.jsonl"].insert(
            6, ["inventoried", hour(1), {}]
        ),
        "new before it": insert(2, "verified", hour(1), ids=[], datasets={}),
        "superseded before it": insert(
            2, "superseded", hour(1), dropped=[], dropped_datasets={}
        ),
        "a finding before it": insert(2, "findings", hour(1), closed=[]),
        "a failure before it": insert(2, "failed", hour(1), ids=[], datasets={}),
        "a retry before it": insert(2, "retried", hour(1), ids=[], datasets={}),
        "a change before it": insert(2, CHANGED, hour(1), dataset="pmsi", joined=[]),
        "an inventory in new form before it": lambda w: w["journal.jsonl"].insert(
            2, w["journal.jsonl"][6]
        ),
        "times before anything that tells its form": timed(1, "2020-01-01T00:00:00Z"),
        "an event before it in time": timed(6, hour(0)),
        "itself before the event before it": timed(5, hour(0)),
        "ids twice in old form": lambda w: body(w, "verified").update(ids=[1, 1]),
        "no ids in old form": lambda w: body(w, "verified").pop("ids"),
        "a cutover before it": lambda w: w["journal.jsonl"].insert(
            2, ["cutover-frozen", hour(1), {"batch": "pilot", "track": "cutover", **FREEZE}]
        ),
    }  # fmt: skip
    good = judged(desk, of_an_older_ledger(world()), cases)
    assert good == [
        "counts that are 0", "with more", "times before it",
        "times before anything that tells its form",
        "itself before the event before it", "a cutover before it",
    ]  # fmt: skip

    def only_old(made: World) -> None:
        del made["journal.jsonl"][5:]

    assert judged(desk, of_an_older_ledger(world()), {"only old": only_old}) == []


def test_keyed_names_are_judged_alike(desk: Desk) -> None:
    cases: dict[str, Change] = {
        "an empty left_out": tell("sent", left_out=[]),
        "a left_out less": lambda w: body(w, "sent").pop("left_out"),
        "a finding's key": lambda w: w["findings.jsonl"][0].update(
            key=w["exclusions.jsonl"][0]["key"]
        ),
        "a finding of no object": line(0, "findings.jsonl", key="x"),
        "cutover times": put("cutovers", 0, times={}),
        "the same name twice at the target": lambda w: w["manifest.jsonl"][0].update(
            target_key=w["manifest.jsonl"][1]["target_key"]
        ),
        "a digest of nothing": lambda w: next(
            one for one in w["manifest.jsonl"] if one["verdict"] == "match"
        ).update(sha256=NOTHING),
        "the rule of another exclusion": line(
            0, "exclusions.jsonl", rule="exclude **/_t/**", reason="scratch"
        ),
        "a key that is no digest": line(3, key="x"),
        "a key in upper case": line(3, key="k:" + "F" * 64),
        "a target key that is none": line(3, target_key="x"),
        "an excluded key that is none": line(0, "exclusions.jsonl", key="x"),
        "an MD5": line(3, source_md5=MD5),
        "another bucket": line(3, bucket="x"),
        "another rule": line(0, "exclusions.jsonl", rule="exclude x"),
        "no objects": lambda w: body(w, "sent").pop("objects"),
        "an amount that does not add up": tell("verified", objects=3),
        "a root": tell("inventoried", root="0" * 64),
        "leaves": tell(CHANGED, joined=["ab" * 32]),
        "an object": lambda w: body(w, "findings")["opened"][0].update(object=None),
        "an inventory of other counts": tell("inventoried", 3, objects=8),
        "a batch that no event tells": without("cutover-done"),
        "no event of a batch": both(without("cutover-done"), without("cutover-frozen")),
        "a track": tell("cutover-done", track="cutover"),
    }  # fmt: skip
    good = judged(desk, in_keyed_names(world()), cases)
    assert good == [
        "an empty left_out", "a left_out less", "a finding's key", "cutover times",
        "the same name twice at the target", "a digest of nothing", "the rule of another exclusion",
        "a batch that no event tells", "a track",
    ]  # fmt: skip


@pytest.mark.parametrize("kind", ["plain", "keyed", "older"])
def test_one_other_value_in_an_event_or_a_plan_is_judged_alike(desk: Desk, kind: str) -> None:
    made = {
        "plain": world,
        "keyed": lambda: in_keyed_names(world()),
        "older": lambda: of_an_older_ledger(world()),
    }[kind]()
    for name in ("journal.jsonl", "plan"):
        whole = made[name] if name == "journal.jsonl" else made["predicate"][name]["canonical"]
        changes = drawn(changes_of(whole), 3 * DRAWS)

        def inside(edit: Change, name: str = name) -> Change:
            if name == "journal.jsonl":
                return lambda made: edit(made[name])
            return lambda made: edit(made["predicate"]["plan"]["canonical"])

        cases = []
        for what, edit in changes:
            try:
                cases.append((what, laid(desk, made, inside(edit))))
            except (TypeError, ValueError, AttributeError):
                continue  # no event at all any more
        desk.agree(cases)
    counted = ("datasets", "names", "plan", "previous_statement", "rehearsal")
    rest = {name: one for name, one in made["predicate"].items() if name not in counted}
    desk.agree(
        (what, laid(desk, made, lambda made, edit=edit: edit(made["predicate"])))
        for what, edit in drawn(changes_of(rest), 3 * DRAWS)
    )


def test_no_event_beside_keyed_names_has_ids(desk: Desk) -> None:
    cases: dict[str, Change] = {
        "ids": tell("sent", ids=[]),
        "ids verified": tell("verified", ids=[1, 2, 3, 4]),
        "ids failed": tell("failed", ids=[1, 2]),
        "dropped": tell("superseded", dropped=[9]),
    }
    assert judged(desk, in_keyed_names(world()), cases) == []
