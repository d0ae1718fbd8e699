"""The two verifiers agree on the statement beside its journal: one broken rule of 8.3 each."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest

from hdh_migrate.plan.sides import SOURCES, kind_of
from tests.unit.evidence.forgery import Desk, digest_of
from tests.unit.evidence.worlds import (
    URL,
    A,
    C,
    Change,
    World,
    body,
    both,
    hour,
    in_keyed_names,
    insert,
    judged,
    moved_event,
    planned,
    predicate,
    put,
    refused,
    tell,
    timed,
    traffic,
    untold,
    without,
    world,
)

pytestmark = pytest.mark.slow


def entry_of(number: int = 0, **values: Any) -> Change:
    """Change one entry of the first run's traffic."""
    return lambda w: body(w, "run-ended")["traffic"][number].update(values)


def entry_more(side: str, many: int, *addresses: str, **values: Any) -> Change:
    return lambda w: body(w, "run-ended")["traffic"].append(
        {**traffic(side, many, [*addresses]), **values}
    )


def clock(offset: Any) -> Change:
    """Let one clock be this far off, in the journal and in the statement."""
    return both(entry_of(clock_offset=offset), put("times", clock_offsets={URL["source"]: offset}))


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
        "the largest clock": clock(2**63 - 1),
        "the least clock": clock(1 - 2**63),
        "a larger decimal": clock(2.0**63),
        "a far larger decimal": clock(1e300),
        "addresses of this machine": local_target("127.0.0.1", "::1%lo"),
    }  # fmt: skip
    assert judged(desk, world(), good) == [*good]
    here = "endpoints: addresses of another machine"
    cases: dict[str, tuple[Change, str]] = {
        "no endpoint": (lambda w: body(w, "run-ended")["traffic"][0].pop("endpoint"), "endpoint"),
        "an empty endpoint": (entry_of(endpoint=""), "traffic's endpoint"),
        "an address that is none": (entry_of(addresses=["1.2.3"]), "an address that is none"),
        "an IPv4 address with a zone": (
            entry_of(addresses=["1.2.3.4%eth0"]), "an address that is none",
        ),
        "a zone that is none": (entry_of(addresses=["2a01::1%"]), "an address that is none"),
        "a zone that is no text": (
            entry_of(addresses=["2a01::1%\ud800"]), "run-ended: addresses",
        ),
        "a host for an address": (entry_of(addresses=["a.example"]), "an address that is none"),
        "a clock that is text": (entry_of(clock_offset="1"), "clock_offset"),
        "a clock that is null": (entry_of(clock_offset=None), "clock_offset"),
        "a clock that is true": (entry_of(clock_offset=True), "clock_offset"),
        "a clock that is too large": (clock(2**63), "not number"),
        "a clock that is too low": (clock(-(2**63)), "not number"),
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


def test_what_connections_were_secured_with_is_judged_alike(desk: Desk) -> None:
    one, two = (f"TLSv1.{number} TLS_AES_256_GCM_SHA384 sha256:{'0f' * 32}" for number in (2, 3))
    told: Change = both(entry_of(tls=[two]), put("endpoints", 0, tls=[two]))
    good: dict[str, Change] = {
        "one": told,
        "twice and in another order": both(
            entry_of(tls=[two, one, two]), entry_more("source", 0, tls=[one]),
            put("endpoints", 0, tls=[one, two]),
        ),
        "of one entry, not of the other": both(told, entry_more("source", 0)),
        "of an identity": entry_more("identity", 9, A, tls=[one]),
    }  # fmt: skip
    assert judged(desk, world(), good) == [*good]
    wrong = "run-ended: a handshake"
    spelled = (
        two.replace("1.3", "1.1"), two.replace("TLSv1.3", "tlsv1.3"), two.replace("_AES", "_aes"),
        two.replace("TLS_AES_256_GCM_SHA384", "A" * 65), two.replace(" TLS_AES", "  TLS_AES"),
        two.replace("0f", "0F"), two[:-1], two + "0", two + "\n", " " + two, two + " x",
        two.replace("sha256", "sha512"), "", None, 3,
    )  # fmt: skip
    cases: dict[str, tuple[Change, str]] = {
        f"spelled {number}": (both(entry_of(tls=[text]), put("endpoints", 0, tls=[two])), wrong)
        for number, text in enumerate(spelled)
    }
    for number, text in enumerate(spelled):
        cases[f"stated {number}"] = (
            both(entry_of(tls=[two]), put("endpoints", 0, tls=[text])), "endpoints",
        )  # fmt: skip
    cases |= {
        "an empty list": (entry_of(tls=[]), "run-ended: tls"),
        "no list": (entry_of(tls=two), "run-ended: tls"),
        "null": (entry_of(tls=None), "run-ended: tls"),
        "without encryption": (
            entry_more("identity", 9, A, endpoint="http://x.example", tls=[two]), "without https"
        ),
        "told and not stated": (entry_of(tls=[two]), "endpoints: tls"),
        "stated and not told": (put("endpoints", 0, tls=[two]), "endpoints: tls"),
        "stated as nothing": (put("endpoints", 0, tls=[]), "endpoints: tls"),
        "stated as null": (both(told, put("endpoints", 0, tls=None)), "endpoints"),
        "another": (both(entry_of(tls=[two]), put("endpoints", 0, tls=[one])), "handshakes"),
        "one too few": (
            both(entry_of(tls=[one, two]), put("endpoints", 0, tls=[one])), "handshakes"
        ),
        "one twice": (both(told, put("endpoints", 0, tls=[two, two])), "handshakes"),
        "out of order": (
            both(entry_of(tls=[one, two]), put("endpoints", 0, tls=[two, one])), "handshakes"
        ),
        "of the other side": (
            both(entry_of(tls=[two]), put("endpoints", 1, tls=[two])), "endpoints: tls"
        ),
    }  # fmt: skip
    refused(desk, world(), cases)


ALONE = [str(kind_of(section)) for section in SOURCES if section.traits.address is None]
"""The kinds of source that contact nobody; both verifiers know each (docs/architecture.md)."""


@pytest.mark.parametrize("kind", ALONE)
def test_a_source_that_contacts_nobody_has_no_traffic(desk: Desk, kind: str) -> None:
    nothing = {"addresses": [], "bytes_read": 0, "bytes_written": 0, "requests": 0}

    def alone(made: World) -> None:
        plan = made["predicate"]["plan"]["canonical"]
        plan["source"]["kind"] = kind
        place = {"kind": kind, "url": f"{kind}:", "local": True, **nothing}
        made["predicate"]["endpoints"][0].update(place)
        made["exclusions.jsonl"][2].update(rule="exclude dir", reason="x")
        plan["datasets"][0]["exclude"].append({"glob": "dir", "reason": "x"})
        for event in made["journal.jsonl"]:
            if event[0] == "run-ended":
                kept = [one for one in event[2]["traffic"] if one["side"] != "source"]
                event[2]["traffic"] = kept

    assert judged(desk, world(), {kind: alone}) == [kind]
    told = lambda w: body(w, "run-ended")["traffic"].append(  # noqa: E731
        {"side": "source", "endpoint": f"{kind}:", **nothing}
    )
    refused(desk, world(), {"traffic": (both(alone, told), "traffic with another one")})


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


def drilled(*told: str) -> Change:
    def edit(made: World) -> None:
        events = [["drilled", hour(18), {"fingerprint": one, "user": "u"}] for one in told]
        made["journal.jsonl"][-1:-1] = events

    return edit


def stored_drilled(name: str, stored: Any) -> Change:
    def edit(made: World) -> None:
        told = {"fingerprint": name, "user": "u", "stored": stored}
        made["journal.jsonl"][-1:-1] = [["drilled", hour(18), told]]

    return edit


def test_keys_are_proved_as_the_drills_tell(desk: Desk) -> None:
    first, second = world()["predicate"]["seal"]["recipients"]
    one, two = ({"recipient": name, "at": hour(18)} for name in (first, second))
    good: dict[str, Change] = {
        "both": both(drilled(second, first), put("seal", proved=[one, two])),
        "one, twice": both(drilled(second, second), put("seal", proved=[two])),
        "a stranger's": drilled("c4gh:" + "9" * 16),
    }
    assert judged(desk, world(), good) == [*good]
    other, lacks = "seal: other proofs than the drills", "seal: proved"
    cases: dict[str, tuple[Change, str]] = {
        "not said": (drilled(first), lacks),
        "not told": (put("seal", proved=[one]), lacks),
        "another order": (both(drilled(first, second), put("seal", proved=[two, one])), other),
        "another time": (
            both(drilled(first), put("seal", proved=[{**one, "at": hour(17)}])),
            other,
        ),
        "one more": (both(drilled(first), put("seal", proved=[one, two])), other),
        "a number": (drilled(7), "drilled: fingerprint"),  # type: ignore[arg-type]
    }
    refused(desk, world(), cases)
    assert judged(desk, world(), {"none of them": put("seal", proved=[])}) == []
    drill = {"objects": 4, "opened": 3, "whole": 2, "bytes": 9}
    on_stored = {**one, "stored": {**drill, "at": hour(18)}}
    more = {**one, "stored": {**drill, "at": hour(18), "opened": 4}}
    tried = stored_drilled(first, {**drill, "sent": 1})
    good = {
        "what is stored": both(tried, put("seal", proved=[on_stored])),
        "all that was sent": both(
            stored_drilled(first, {**drill, "objects": 7}),
            put("seal", proved=[{**one, "stored": {**drill, "objects": 7, "at": hour(18)}}]),
        ),
        "and an envelope since": both(tried, drilled(first), put("seal", proved=[on_stored])),
    }
    assert judged(desk, world(), good) == [*good]
    cases = {
        "not of what is stored": (both(tried, put("seal", proved=[one])), other),
        "of what nobody tried": (both(drilled(first), put("seal", proved=[on_stored])), other),
        "more of them": (both(tried, put("seal", proved=[more])), other),
        "at another time": (
            both(tried, put("seal", proved=[{**one, "stored": {**drill, "at": hour(17)}}])),
            other,
        ),
        "more than was drawn": (stored_drilled(first, {**drill, "opened": 5}), "drilled: more"),
        "more read than opened": (stored_drilled(first, {**drill, "whole": 4}), "drilled: more"),
        "more than were sent": (
            both(
                stored_drilled(first, {**drill, "objects": 8}),
                put("seal", proved=[{**one, "stored": {**drill, "objects": 8, "at": hour(18)}}]),
            ),
            "drilled: more",
        ),
        "before they were sent": (
            both(
                insert(1, "drilled", hour(0), fingerprint=first, stored=drill),
                put("seal", proved=[{**on_stored, "at": hour(0),
                                     "stored": {**drill, "at": hour(0)}}]),
            ),
            "drilled: more",
        ),
        "nothing drawn": (
            stored_drilled(first, {"objects": 0, "opened": 0, "whole": 0, "bytes": 0}),
            "drilled: nothing",
        ),
        "a text": (stored_drilled(first, {**drill, "bytes": "9"}), "drilled: stored"),
        "no object": (stored_drilled(first, [4, 3, 2, 9]), "drilled: stored"),
    }  # fmt: skip
    refused(desk, world(), cases)
    keyed: dict[str, Change] = {"nothing of it": insert(1, "drilled", hour(0))}
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
        "a number that is too large": (slices(1, 6, seconds=2**63), "not number"),
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


def under_way(when: str, step: str = "transfer", **values: Any) -> Change:
    """Tell of a large object before the first receipts, and let the pace begin there."""
    what = {"step": step, "ids": [1], "bytes": [4], **values}
    number, bins = (0, [0, 7]) if step == "transfer" else (1, [0, 6])
    slices = [{"objects": many, "bytes": 0 if many else 4} for many in bins]
    begins = {"started": when} if when < hour(5) or step == "verify" else {}
    return both(
        lambda made: made["journal.jsonl"].insert(6, ["under-way", when, {**what}]),
        put("paces", number, bins=slices, seconds=1, **begins),
    )


def test_bytes_of_large_objects_count_where_the_journal_tells_of_them(desk: Desk) -> None:
    large = under_way(hour(4))
    good: dict[str, Change] = {
        "a large object": large,
        "that began anew": both(
            large, insert(7, "under-way", hour(4), step="transfer", ids=[1], bytes=[0])
        ),
        "of which less is counted": both(
            large, put("paces", 0, bins=[*bins_of(3), *bins_of(0, 7)])
        ),
        "whose bytes count at its end": both(
            large, put("paces", 0, bins=[*bins_of(0), *bins_of(4, 7)])
        ),
        "that says more": under_way(hour(4), attempt=3),
        "of keyed names": both(
            in_keyed_names, under_way(hour(4), objects=1, bytes=4), untold("under-way", 0, "ids")
        ),
    }
    assert judged(desk, world(), good) == [*good]
    beginning, early = "transfer's beginning", "bytes without objects"
    cases: dict[str, tuple[Change, str]] = {
        "more than was told": (both(large, tell("under-way", bytes=[3])), early),
        "only told of the other step": (
            both(large, tell("under-way", step="verify"), put("paces", 0, started=hour(5)),
                 put("paces", 1, started=hour(4))), early,
        ),
        "a pace that begins with the receipts": (
            both(large, put("paces", 0, started=hour(5), seconds=0.5)), beginning,
        ),
        "a pace that ends with it": (
            both(large, insert(10, "under-way", hour(7), step="transfer", ids=[1], bytes=[1]),
                 put("paces", 0, ended=hour(7), seconds=1.5)), beginning,
        ),
        "before the first run": (
            both(insert(0, "under-way", hour(0), step="transfer", ids=[1], bytes=[0]),
                 put("paces", 0, started=hour(0), seconds=2)), "before any run",
        ),
        "another step": (under_way(hour(4), step="inventory"), "under-way: step"),
        "no step": (both(large, untold("under-way", 0, "step")), "under-way: step"),
        "bytes of more": (under_way(hour(4), bytes=[4, 1]), "under-way: bytes of each"),
        "bytes of fewer": (under_way(hour(4), bytes=[]), "under-way: bytes of each"),
        "an id twice": (under_way(hour(4), ids=[1, 1], bytes=[4, 1]), "under-way: ids"),
        "negative bytes": (under_way(hour(4), bytes=[-1]), "under-way: bytes"),
        "a sum": (under_way(hour(4), bytes=4), "under-way: bytes"),
        "ids beside keyed names": (
            both(in_keyed_names, under_way(hour(4), objects=1, bytes=4)), "ids beside keyed",
        ),
        "a list beside keyed names": (
            both(in_keyed_names, under_way(hour(4), objects=1), untold("under-way", 0, "ids")),
            "under-way: bytes",
        ),
    }  # fmt: skip
    refused(desk, world(), cases)


def bins_of(size: int, objects: int = 0) -> list[dict[str, int]]:
    return [{"objects": objects, "bytes": size}]
