"""The two verifiers agree where one rule of section 8 is broken: what the journal tells."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest

from tests.support.second_journal import leaf
from tests.unit.evidence.forgery import Desk, digest_of
from tests.unit.evidence.test_second_opinion import DRAWS, changes_of, drawn
from tests.unit.evidence.worlds import (
    FREEZE,
    MD5,
    NOTHING,
    URL,
    A,
    C,
    Change,
    World,
    body,
    both,
    desk_in,
    hour,
    in_keyed_names,
    insert,
    judged,
    laid,
    line,
    manifest,
    of_an_older_ledger,
    planned,
    predicate,
    put,
    refused,
    tell,
    told,
    traffic,
    without,
    world,
)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return desk_in(tmp_path_factory.mktemp("told"))


def test_both_take_the_worlds_as_they_are(desk: Desk) -> None:
    for made in (world(), in_keyed_names(world()), of_an_older_ledger(world())):
        assert desk.judge(laid(desk, made)) == ([], [])
    both_ways = in_keyed_names(of_an_older_ledger(world()))
    assert desk.judge(laid(desk, both_ways)) == ([], [])


# --- 8 --------------------------------------------------------------------------------------------


def moved_event(at: int, to: int) -> Change:
    return lambda made: made["journal.jsonl"].insert(to, made["journal.jsonl"].pop(at))


def timed(at: int, when: str) -> Change:
    return lambda made: made["journal.jsonl"][at].__setitem__(1, when)


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


# --- one broken rule each, named by what the second says ------------------------------------------


def entry_of(number: int = 0, **values: Any) -> Change:
    """Change one entry of the first run's traffic."""
    return lambda w: body(w, "run-ended")["traffic"][number].update(values)


def entry_more(side: str, many: int, *addresses: str, **values: Any) -> Change:
    return lambda w: body(w, "run-ended")["traffic"].append(
        {**traffic(side, many, [*addresses]), **values}
    )


def local_target(*addresses: str) -> Change:
    """Let the target be on this machine, and have been contacted at these addresses."""
    url = "http://localhost:9"
    return both(
        planned("target", endpoint=url),
        put("endpoints", 1, url=url, local=True, addresses=[*addresses]),
        put("capabilities", endpoint=url),
        put(attestation=None),
    )


def test_traffic_and_clocks_are_judged_alike(desk: Desk) -> None:
    end = "endpoints: traffic with another one"
    skewed: Change = both(
        entry_of(clock_offset=0.5), entry_of(1, clock_offset=-1e-07),
        put("times", clock_offsets={URL["source"]: 0.5, URL["target"]: -1e-07}),
    )  # fmt: skip
    good: dict[str, Change] = {
        "names before the host": entry_of(endpoint="https://b.c.a.example"),
        "clocks": skewed,
        "the last of two clocks": both(
            skewed, entry_more("source", 0, clock_offset=3),
            put("times", clock_offsets={URL["source"]: 3, URL["target"]: -1e-07}),
        ),
        "the clock of a third": both(
            entry_more("key", 9, clock_offset=2), put("times", clock_offsets={
                "https://x.example": 2}),
        ),
        "the clock of an identity": entry_more("identity", 9, A, clock_offset=2),
        "addresses of this machine": local_target("127.0.0.1", "::1%lo"),
    }  # fmt: skip
    assert judged(desk, world(), good) == [*good]
    here = "endpoints: addresses of another machine"
    cases: dict[str, tuple[Change, str]] = {
        "no endpoint": (lambda w: body(w, "run-ended")["traffic"][0].pop("endpoint"), "endpoint"),
        "an empty endpoint": (entry_of(endpoint=""), "traffic's endpoint"),
        "an address that is none": (entry_of(addresses=["1.2.3"]), "an address that is none"),
        "a host for an address": (entry_of(addresses=["a.example"]), "an address that is none"),
        "a clock that is text": (entry_of(clock_offset="1"), "clock_offset"),
        "a clock that is null": (entry_of(clock_offset=None), "clock_offset"),
        "a clock that is true": (entry_of(clock_offset=True), "clock_offset"),
        "another host": (entry_of(endpoint="https://b.example"), end),
        "a host that ends alike": (entry_of(endpoint="https://ba.example"), end),
        "a host that begins alike": (entry_of(endpoint="https://a.example.org"), end),
        "another scheme": (entry_of(endpoint="http://a.example"), end),
        "another port": (entry_of(endpoint="https://a.example:8443"), end),
        "a path": (entry_of(endpoint="https://b.example/.a.example"), end),
        "a query": (entry_of(endpoint="https://b.example?.a.example"), end),
        "more than host and port": (entry_of(endpoint="https://a.example/"), end),
        "a side's bytes": (entry_more("target", 1, C), "endpoints: bytes_read"),
        "a side's address": (entry_more("target", 0, A), "endpoints: addresses"),
        "a clock that is not told": (
            put("times", clock_offsets={URL["source"]: 0.5}), "times: clock_offsets"
        ),
        "a clock that is told": (entry_of(clock_offset=0.5), "times: clock_offsets"),
        "another clock": (
            both(skewed, entry_of(clock_offset=0.25)), "times: clock_offsets"
        ),
        "a clock of another type": (
            both(skewed, entry_of(clock_offset=1), put("times", clock_offsets={
                URL["source"]: 1.0, URL["target"]: -1e-07})), "times: clock_offsets"
        ),
        "a local target elsewhere": (local_target("127.0.0.1", A), here),
        "this machine behind an address": (
            both(entry_of(1, addresses=["127.0.0.1"]), put("endpoints", 1,
                                                           addresses=["127.0.0.1"])), here
        ),
        "this machine in IPv6": (
            both(entry_of(1, addresses=["::ffff:127.0.0.1"]),
                 put("endpoints", 1, addresses=["::ffff:127.0.0.1"])), here
        ),
        "no address": (
            both(entry_of(1, addresses=[]), put("endpoints", 1, addresses=[])),
            "endpoints: nobody talked to it",
        ),
        "no request": (
            both(entry_of(1, requests=0), put("endpoints", 1, requests=0)),
            "endpoints: nobody talked to it",
        ),
    }  # fmt: skip
    refused(desk, world(), cases)


def test_a_folder_has_no_traffic(desk: Desk) -> None:
    nothing = {"addresses": [], "bytes_read": 0, "bytes_written": 0, "requests": 0}

    def folder(made: World) -> None:
        plan = made["predicate"]["plan"]["canonical"]
        plan["source"]["kind"] = "folder"
        place = {"kind": "folder", "url": "folder:", "local": True, **nothing}
        made["predicate"]["endpoints"][0].update(place)
        made["exclusions.jsonl"][2].update(rule="exclude dir", reason="x")
        plan["datasets"][0]["exclude"].append({"glob": "dir", "reason": "x"})
        for event in made["journal.jsonl"]:
            if event[0] == "run-ended":
                kept = [one for one in event[2]["traffic"] if one["side"] != "source"]
                event[2]["traffic"] = kept

    assert judged(desk, world(), {"a folder": folder}) == ["a folder"]
    told = lambda w: body(w, "run-ended")["traffic"].append(  # noqa: E731
        {"side": "source", "endpoint": "folder:", **nothing}
    )
    refused(desk, world(), {"traffic": (both(folder, told), "traffic with another one")})


R, S = "ab" * 32, "cd" * 32


def bound(*recipients: Any, at: int = 1) -> Change:
    return insert(at, "bound", hour(0), recipients=[*recipients])


def sealed_for(*recipients: str) -> Change:
    found = [sha256(bytes.fromhex(one)).hexdigest()[:16] for one in recipients]
    return put("seal", recipients=[f"c4gh:{one}" for one in found])


def test_recipients_are_those_that_were_bound(desk: Desk) -> None:
    good: dict[str, Change] = {
        "bound": both(sealed_for(R, S), bound(R, S)),
        "in upper case": both(sealed_for(R, S), bound(R.upper(), S)),
        "and more": both(sealed_for(R, S), insert(1, "bound", hour(0), recipients=[R, S], x=1)),
    }
    assert judged(desk, world(), good) == [*good]
    others = "seal: others than those bound"
    cases: dict[str, tuple[Change, str]] = {
        "others": (bound(R, S), others),
        "in another order": (both(sealed_for(S, R), bound(R, S)), others),
        "one less": (both(sealed_for(R, S), bound(R)), others),
        "twice": (both(sealed_for(R, S), bound(R, S), bound(R, S)), "bound: twice"),
        "no list": (insert(1, "bound", hour(0), recipients=R), "bound: recipients"),
        "none": (insert(1, "bound", hour(0)), "bound: recipients"),
        "a short key": (both(sealed_for(R, S), bound(R[:-2], S)), "bound: recipients"),
        "a key that is no text": (both(sealed_for(R, S), bound(1, S)), "bound: recipients"),
    }
    refused(desk, world(), cases)
    keyed: dict[str, Change] = {
        "nothing of it": insert(1, "bound", hour(0)),
        "its list left out": insert(1, "bound", hour(0), left_out=["recipients"]),
    }
    assert judged(desk, in_keyed_names(world()), keyed) == [*keyed]


OPENED = {"at": hour(9), "who": "w", "dataset": "pmsi", "object": 7, "reason": "r"}


def opened(*told: dict[str, Any]) -> Change:
    def edit(made: World) -> None:
        made["journal.jsonl"][-1:-1] = [["object-opened", hour(18), one] for one in told]

    return edit


def test_openings_are_those_that_were_told(desk: Desk) -> None:
    null = {**OPENED, "object": None, "reason": None}
    good: dict[str, Change] = {
        "two": both(opened(OPENED, {**null, "number": 1}), put(openings=[OPENED, null])),
    }
    assert judged(desk, world(), good) == [*good]
    few = "openings: not as many as told"
    cases: dict[str, tuple[Change, str]] = {
        "one that is not said": (opened(OPENED), few),
        "one that is not told": (put(openings=[OPENED]), few),
        "another order": (
            both(opened(OPENED, null), put(openings=[null, OPENED])), "openings: another"
        ),
        "not told of a reason": (
            both(
                opened({name: one for name, one in null.items() if name != "reason"}),
                put(openings=[null]),
            ), "object-opened: reason",
        ),
        "a float": (
            both(opened({**OPENED, "object": 7.0}), put(openings=[OPENED])), "object-opened: object"
        ),
    }  # fmt: skip
    cases |= {
        f"another {name}": (
            both(opened(OPENED), put(openings=[{**OPENED, name: value}])), f"another {name} told"
        )
        for name, value in {
            "at": hour(8), "who": "x", "dataset": "scans", "object": 8, "reason": None,
        }.items()
    }  # fmt: skip
    refused(desk, world(), cases)
    keyed: dict[str, Change] = {"as many": both(opened({"left_out": []}), put(openings=[null]))}
    assert judged(desk, in_keyed_names(world()), keyed) == [*keyed]
    more = {"one more": (both(opened({}, {}), put(openings=[null])), few)}
    refused(desk, in_keyed_names(world()), more)


def test_the_order_of_runs_plans_and_probes_is_judged_alike(desk: Desk) -> None:
    plan = digest_of(predicate()["plan"]["canonical"])
    other = "0" * 64
    early = "an event before any run"

    def begun_with(digest: str) -> Change:
        return tell("run-started", plan_digest=digest)

    good: dict[str, Change] = {
        "a plan that changed": both(
            begun_with(other), insert(1, "plan-changed", hour(0), was=other, now=plan, why="x")
        ),
        "changed before any run": insert(0, "plan-changed", hour(0), was=other, now=plan),
        "there and back": both(
            insert(1, "plan-changed", hour(0), was=plan, now=other),
            insert(2, "plan-changed", hour(0), was=other, now=plan),
        ),
        "probed twice": insert(1, "probed", hour(0), record_sha256=other),
    }
    assert judged(desk, world(), good) == [*good]
    cases: dict[str, tuple[Change, str]] = {
        "inventoried before any run": (moved_event(1, 0), early),
        "sent before any run": (insert(0, "sent", hour(0), ids=[]), early),
        "verified before any run": (insert(0, "verified", hour(0), ids=[], datasets={}), early),
        "a run with another plan": (
            lambda w: body(w, "run-started", 1).update(plan_digest=other), "of another plan"
        ),
        "another plan from the first": (begun_with(other), "of another plan"),
        "changed from another": (
            insert(1, "plan-changed", hour(0), was=other, now=plan), "of another plan"
        ),
        "changed to another": (insert(99, "plan-changed", hour(19), was=plan, now=other),
                               "plan: not the journal's"),
        "no digest": (lambda w: body(w, "run-started").pop("plan_digest"), "run-started: a digest"),
        "half a digest": (begun_with("ab"), "run-started: a digest"),
        "changed to nothing": (insert(1, "plan-changed", hour(0), was=plan), "a digest"),
        "changed from nothing": (insert(1, "plan-changed", hour(0), now=plan), "a digest"),
        "probed of nothing": (tell("probed", record_sha256=None), "probed: a digest"),
        "probed of another": (
            tell("probed", record_sha256=other), "capabilities: no probe saw them"
        ),
        "never probed": (without("probed"), "capabilities: no probe saw them"),
    }  # fmt: skip
    refused(desk, world(), cases)


def test_paces_are_those_of_the_receipts(desk: Desk) -> None:
    def slices(number: int, *objects: int, **values: Any) -> Change:
        bins = [{"objects": many, "bytes": 0} for many in objects]
        return put("paces", number, bins=bins, **values)

    good: dict[str, Change] = {
        "rounded": slices(0, 7, 0, 0, seconds=0.333),
        "a second at least": both(
            timed(6, hour(6)), timed(7, hour(6)), slices(0, 7, seconds=1),
            put("paces", 0, started=hour(6)),
        ),
        "a thousandth less": slices(1, 6, seconds=1.999),
    }  # fmt: skip
    assert judged(desk, world(), good) == [*good]
    cases: dict[str, tuple[Change, str]] = {
        "longer": (slices(0, 7, 0, 0, seconds=0.335), "transfer's slices"),
        "shorter": (slices(1, 6, seconds=1.998), "verify's slices"),
        "another length": (slices(1, 6, seconds=60), "verify's slices"),
        "too many slices": (slices(1, 6, 0, seconds=2), "verify's slices"),
        "no slices": (put("paces", 1, bins=[]), "verify's objects"),
        "one object less": (slices(1, 5, seconds=2), "verify's objects"),
        "bytes without objects": (
            put("paces", 0, bins=[{"objects": 7, "bytes": 0}, *[{"objects": 0, "bytes": 1}] * 2]),
            "transfer has bytes without objects",
        ),
        "more verified than sent": (
            both(tell("sent", 1, ids=[2]), slices(0, 5, 0, 0)),
            "more was verified than sent",
        ),
    }
    refused(desk, world(), cases)
