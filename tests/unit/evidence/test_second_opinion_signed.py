"""The two verifiers agree on approvals as they were signed, 8.15: one broken rule each.

The first tests are an insider's: who holds the report key and the ledger, and not the approvers'
keys, names them for what they never signed.
"""

from __future__ import annotations

import json
import os
import random
from base64 import b64decode, b64encode
from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any

import pytest

from hdh_migrate.evidence.signatures.signing import Signer
from hdh_migrate.fixity import sha256_hex
from tests.support.second_batches import digest_of_batch
from tests.unit.evidence.builders import signer
from tests.unit.evidence.forgery import Desk
from tests.unit.evidence.worlds import (
    Change,
    World,
    accepted,
    body,
    hour,
    place_of,
    tell,
)
from tests.unit.evidence.worlds_signed import (
    PILOT,
    Payload,
    Sign,
    approved,
    digest,
    signed,
    stated,
    terms,
)

pytestmark = pytest.mark.slow

DRAWN = int(os.environ.get("HDH_TEST_HUNT", "2"))
"""Events that are changed in one way each: a draw, the same each time. Whole hunts ask for 10."""
RESTING = (
    ("cutover-frozen", 0), ("cutover-terms-changed", 0), ("cutover-switching", 0),
    ("cutover-switching", 1), ("cutover-finalized", 0), ("cutover-agreed", 0),
    ("keys-rotating", 0), ("data-keys-rotating", 0), ("grant-given", 0), ("headers-erasing", 0),
)  # fmt: skip
"""Every event of the world that rests on approvals."""


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    return signer(tmp_path_factory.mktemp("stranger"), "eve")


def good(people: Sequence[Signer]) -> World:
    return signed(approved(people), people)


def drawn(*about: object) -> list[tuple[str, int]]:
    """Return some of these events, others for each of what they are drawn for."""
    return random.Random(str(about)).sample(RESTING, min(DRAWN, len(RESTING)))


def every(what: Any) -> list[tuple[list[Any], int]]:
    """Return each place of an event where an envelope lies."""
    lists = what["signed"].values() if isinstance(what["signed"], dict) else [what["signed"]]
    return [(one, number) for one in lists for number in range(len(one))]


def test_approvals_that_were_signed_are_taken(desk: Desk, people: Sequence[Signer]) -> None:
    assert accepted(desk, {"as it is": good(people)}) == ["as it is"]


# an insider ---------------------------------------------------------------------------------------


def test_nobody_is_named_for_what_he_did_not_sign(
    desk: Desk, people: Sequence[Signer], stranger: Signer
) -> None:
    """The insider signs in the approvers' place, with a key of his own."""
    worlds = {
        f"{kind} {number}": signed(approved(people), people, only(kind, number, by=stranger))
        for kind, number in RESTING
    }
    assert accepted(desk, worlds) == []


@pytest.mark.parametrize(
    "how",
    [
        {"kind": "denied-write", "trials": [{"dataset": "pmsi", "told": "403"}]},
        {"kind": "hope", "keys": []}, "x", None,
    ],
)  # fmt: skip
def test_a_freeze_that_nobody_signed_is_called_by_no_other_name(
    desk: Desk, people: Sequence[Signer], how: Any
) -> None:
    """The insider calls it a write that was refused, which nobody signs, or nothing at all."""
    made = approved(people)
    body(made, "cutover-frozen").pop("signed")
    body(made, "cutover-frozen").update(how=how)
    assert accepted(desk, {"renamed": signed(made, people)}) == []


def only(kind: str, number: int, by: Signer | None = None, **members: Any) -> Sign:
    """Change one event's approvals: who signs, and what."""
    seen: dict[str, list[Any]] = {}

    def sign(told: str, payload: Payload, who: Signer) -> tuple[Payload, Signer]:
        turns = seen.setdefault(told, [])
        if payload["journal"]["events"] not in turns:
            turns.append(payload["journal"]["events"])
        if told != kind or len(turns) != number + 1:
            return payload, who
        return {**payload, **members}, by or who

    return sign


def test_what_was_signed_for_one_thing_serves_for_no_other(
    desk: Desk, people: Sequence[Signer]
) -> None:
    """Each event with the envelopes of each other one, keys and counts as they were."""
    source = good(people)
    worlds = {}
    for kind, number in RESTING:
        for other, second in drawn(kind, number):
            if (kind, number) == (other, second):
                continue
            made = deepcopy(source)
            lying = every(body(made, other, second))
            for (place, at), (from_, there) in zip(every(body(made, kind, number)), lying):  # noqa: B905
                place[at] = from_[there]
            worlds[f"{kind} {number} with {other} {second}"] = made
    assert len(worlds) > 10
    assert accepted(desk, worlds) == []


OTHER: dict[str, Any] = {
    "version": 2, "plan_digest": "0" * 64, "ledger": "another", "batch": "imaging",
    "stage": "freeze", "attempt": 7, "root": "0" * 64, "terms": "0" * 64,
    "journal": {"events": 0, "head": "1" * 64}, "made_at": "yesterday", "from": "x",
    "expires": "never", "comment": None,
}  # fmt: skip


@pytest.mark.parametrize("member", OTHER)
def test_each_member_of_what_is_signed_counts(
    desk: Desk, people: Sequence[Signer], member: str
) -> None:
    """Signed with the approvers' own keys, but of something else: as an earlier approval is."""
    worlds = {
        f"{kind} {number}": signed(
            approved(people), people, only(kind, number, **{member: OTHER[member]})
        )
        for kind, number in drawn(member)
        if (kind, member) != ("cutover-frozen", "stage")
    }
    told_later = {"cutover-terms-changed 0", "keys-rotating 0"} & worlds.keys()
    any_will_do = told_later if member == "plan_digest" else set[str]()
    assert {*accepted(desk, worlds)} == any_will_do


def test_what_is_signed_has_these_members_in_one_spelling(
    desk: Desk, people: Sequence[Signer]
) -> None:
    """The approver himself signs what is otherwise the same."""

    class Loose:
        def __init__(self, by: Signer) -> None:
            self.by = by

        def sign(self, kind: str, payload: bytes) -> Any:
            return self.by.sign(kind, json.dumps(json.loads(payload)).encode())

    def loosely(_: str, payload: Payload, by: Signer) -> tuple[Payload, Any]:
        return payload, Loose(by)

    def journal(**members: Callable[[Any], Any]) -> Sign:
        def sign(_: str, payload: Payload, by: Signer) -> tuple[Payload, Signer]:
            seen = payload["journal"]
            other = {name: change(seen) for name, change in members.items()}
            return {**payload, "journal": {**seen, **other}}, by

        return sign

    def without(name: str) -> Sign:
        return lambda _, payload, by: ({one: payload[one] for one in payload if one != name}, by)

    worlds = {
        "another spelling": signed(approved(people), people, loosely),
        "no plan's digest": signed(
            approved(people), people, only("keys-rotating", 0, plan_digest="plan")
        ),
        "a journal of more": signed(approved(people), people, journal(more=lambda _: 1)),
        "a decimal": signed(
            approved(people), people, journal(events=lambda seen: float(seen["events"]))
        ),
        "a later event": signed(
            approved(people), people, journal(events=lambda seen: seen["events"] + 1)
        ),
        "a member more": signed(approved(people), people, only("grant-given", 0, more=1)),
        **{
            f"without {name}": signed(approved(people), people, without(name))
            for name in ("comment", "from", "expires", "ledger")
        },
        "long": signed(approved(people), people, only("grant-given", 0, comment="x" * 8192)),
    }
    assert accepted(desk, worlds) == []


def test_who_signed_saw_this_journal(desk: Desk, people: Sequence[Signer]) -> None:
    """What came before an approval is told otherwise: the insider chains it anew, and signs."""
    source = good(people)
    worlds = {}
    many = len(source["journal.jsonl"])
    for number, event in enumerate(source["journal.jsonl"]):
        if number + 4 < many and number % max(1, 10 // DRAWN):
            continue
        made = deepcopy(source)
        made["journal.jsonl"][number][2]["aside"] = "another word"
        worlds[f"{number} {event[0]}"] = made
    last = place_of(source, "headers-erasing")
    taken = accepted(desk, worlds)
    assert taken == [name for name in worlds if int(name.split()[0]) >= last]


def test_a_journal_without_its_signatures_says_so_or_is_refused(
    desk: Desk, people: Sequence[Signer]
) -> None:
    source = good(people)
    worlds = {}
    for kind, number in drawn("lacking"):
        made = deepcopy(source)
        del body(made, kind, number)["signed"]
        worlds[f"without those of {kind} {number}"] = made
        made = deepcopy(source)
        body(made, kind, number)["signed"] = None
        worlds[f"null for those of {kind} {number}"] = made
    none = deepcopy(source)
    for kind, number in RESTING:
        del body(none, kind, number)["signed"]
    worlds["without any, of a ledger that keeps them"] = none
    assert accepted(desk, worlds) == []

    early = deepcopy(none)
    del body(early, "ledger-named")["approvals"]
    late = deepcopy(early)
    body(late, "headers-erasing").update(signed=body(source, "headers-erasing")["signed"])
    assert accepted(desk, {"an early ledger": early}) == ["an early ledger"]
    assert accepted(desk, {"signed before that journal": late}) == []


@pytest.mark.parametrize(("kind", "number"), drawn("form"))
def test_the_form_of_what_is_kept(
    desk: Desk, people: Sequence[Signer], kind: str, number: int
) -> None:
    source = good(people)

    def each(change: Callable[[Any], Any]) -> World:
        made = deepcopy(source)
        place, at = every(body(made, kind, number))[0]
        place[at] = change(place[at])
        return made

    def again(text: str) -> str:
        """The payload as an equal value that is spelled otherwise."""
        return b64encode(json.dumps(json.loads(b64decode(text))).encode()).decode()

    one = {"keyid": "ed25519:" + "0" * 16, "sig": b64encode(bytes(64)).decode()}
    worlds = {
        name: each(change)
        for name, change in {
            "a member more": lambda it: {**it, "more": 1},
            "another kind": lambda it: {**it, "payloadType": "text/plain"},
            "no payload": lambda it: {**it, "payload": None},
            "payload of another spelling": lambda it: {**it, "payload": again(it["payload"])},
            "base64 with a line": lambda it: {**it, "payload": it["payload"] + "\n"},
            "nobody signed": lambda it: {**it, "signatures": []},
            "one more signed": lambda it: {**it, "signatures": [*it["signatures"], one]},
            "another key's name": lambda it: {
                **it, "signatures": [{**it["signatures"][0], "keyid": one["keyid"]}],
            },
            "no name of a key": lambda it: {
                **it, "signatures": [{"sig": it["signatures"][0]["sig"]}],
            },
            "another signature": lambda it: {
                **it, "signatures": [{**it["signatures"][0], "sig": one["sig"]}],
            },
            "a number": lambda _: 7,
            "a list": lambda _: [],
        }.items()
    }  # fmt: skip
    made = deepcopy(source)
    for lists in {id(one): one for one, _ in every(body(made, kind, number))}.values():
        lists.append(lists[0])
    worlds["one envelope more"] = made
    made = deepcopy(source)
    for lists in {id(one): one for one, _ in every(body(made, kind, number))}.values():
        lists.pop()
    worlds["one envelope less"] = made
    if len(every(body(source, kind, number))) > 1:
        made = deepcopy(source)
        lists = every(body(made, kind, number))[0][0]
        lists.reverse()
        worlds["in another order"] = made
    assert accepted(desk, worlds) == []


# terms --------------------------------------------------------------------------------------------


def test_they_are_as_many_as_the_terms_ask(
    desk: Desk, people: Sequence[Signer], stranger: Signer
) -> None:
    one, two = (each.verifier.fingerprint for each in people)
    outside = stranger.verifier.fingerprint
    by = [*people, stranger]
    cases: dict[str, Change] = {
        "one erases": tell("headers-erasing", approvals=[one]),
        "nobody erases": tell("headers-erasing", approvals=[]),
        "nobody grants": tell("grant-given", approvals=[]),
        "somebody else grants": tell("grant-given", approvals=[outside]),
        "nobody replaces a key": tell("keys-rotating", approvals={"pilot": []}),
        "somebody else replaces one": tell("keys-rotating", approvals={"pilot": [outside]}),
        "nobody renews": tell("data-keys-rotating", approvals={"pilot": []}),
        "one key twice": tell("grant-given", approvals=[one, one]),
        "one freezes for nobody": tell(
            "cutover-frozen", how={"kind": "statement", "keys": []}
        ),
        "one switches": tell("cutover-switching", approvals=[two]),
        "one changes terms": tell("cutover-terms-changed", approvals=[one]),
    }  # fmt: skip
    worlds = {}
    for name, change in cases.items():
        made = approved(people)
        change(made)
        worlds[name] = signed(made, by)
    assert accepted(desk, worlds) == []
    fewer = approved(people)
    tell("grant-given", approvals=[two])(fewer)
    tell("keys-rotating", approvals={"pilot": [one]})(fewer)
    worlds = {"as many as for a freeze": signed(fewer, people)}
    assert accepted(desk, worlds) == [*worlds]


def test_a_number_of_its_own_goes_before(desk: Desk, people: Sequence[Signer]) -> None:
    made = approved(people)
    more = terms(people, 2, grant=2)
    change = body(made, "cutover-terms-changed")
    change.update(terms=more, now=digest(more))
    for kind, number in RESTING:
        if kind in {"cutover-switching", "cutover-finalized", "cutover-agreed"}:
            body(made, kind, number)["terms"] = digest(more)
    few = deepcopy(made)
    tell("grant-given", approvals=body(made, "grant-given")["approvals"][:1])(few)
    worlds = {"two grant": signed(made, people), "one grants": signed(few, people)}
    assert accepted(desk, worlds) == ["two grant"]


def test_without_terms_nobody_is_named(desk: Desk, people: Sequence[Signer]) -> None:
    """Where nobody was asked, nobody is told to have agreed."""
    made = approved(people)
    tell("grant-asked", dataset="scans", batch="imaging")(made)
    asked = body(made, "grant-asked")
    about = {name: one for name, one in asked.items() if name not in ("request", "user")}
    asked["request"] = digest(about)
    silent = deepcopy(made)
    tell("grant-given", approvals=[], signed=[])(silent)
    evaded = deepcopy(silent)  # the dataset is still of the batch that asks two
    tell("grant-asked", dataset="pmsi")(evaded)
    about = {**about, "dataset": "pmsi"}
    tell("grant-asked", request=digest(about))(evaded)
    worlds = {
        "nobody": signed(silent, people), "somebody": signed(made, people),
        "of a batch that asks nobody": signed(evaded, people),
    }  # fmt: skip
    assert accepted(desk, worlds) == ["nobody"]


def test_what_was_withdrawn_or_came_after_a_keys_last_day(
    desk: Desk, people: Sequence[Signer]
) -> None:
    source = good(people)
    envelope = body(source, "headers-erasing")["signed"][0]
    who = body(source, "headers-erasing")["approvals"][0]
    about = {"approval": sha256_hex(b64decode(envelope["payload"])), "key": who}
    gone, other = deepcopy(source), deepcopy(source)
    for made, key in ((gone, who), (other, "0" * 64)):
        event = ["cutover-approval-withdrawn", hour(20), {**PILOT, **about, "key": key}]
        made["journal.jsonl"].insert(place_of(made, "headers-erasing"), event)
        stated(made)
    worlds = {"withdrawn": gone, "another key's withdrawal": other}
    assert accepted(desk, worlds) == ["another key's withdrawal"]

    over, last = approved(people), approved(people)
    for made, day in ((over, "2026-03-01"), (last, "2026-03-02")):
        for each in (body(made, "cutover-terms"), body(made, "cutover-terms-changed")):
            each["terms"]["approvers"][0]["until"] = day
        change = body(made, "cutover-terms-changed")
        change["was"] = digest(body(made, "cutover-terms")["terms"])
        change["now"] = digest(change["terms"])
        for kind in ("cutover-switching", "cutover-finalized", "cutover-agreed"):
            for _, _, what in [one for one in made["journal.jsonl"] if one[0] == kind]:
                what["terms"] = change["now"]
    worlds = {"a day late": signed(over, people), "on its last day": signed(last, people)}
    assert accepted(desk, worlds) == ["on its last day"]


def granting_alone(people: Sequence[Signer]) -> World:
    """Of everything that rests on approvals a grant alone, so that no other rule looks at keys."""
    made = approved(people)
    apart = ("cutover-", "headers-erasing")
    made["journal.jsonl"] = [
        event
        for event in made["journal.jsonl"]
        if event[0] == "cutover-terms" or not event[0].startswith(apart)
    ]
    for kind in ("keys-rotating", "data-keys-rotating"):
        tell(kind, approvals={}, signed={})(made)
    return made


class Forger:
    """A key of small order, under which one signature holds for every message."""

    public = bytes([1, *bytes(31)])
    fingerprint = sha256_hex(public)

    def sign(self, kind: str, payload: bytes) -> dict[str, Any]:
        signature = {"keyid": f"ed25519:{self.fingerprint[:16]}",
                     "sig": b64encode(self.public + bytes(32)).decode()}  # fmt: skip
        return {"payload": b64encode(payload).decode(), "payloadType": kind,
                "signatures": [signature]}  # fmt: skip


def test_a_fingerprint_is_that_of_the_key_beside_it(
    desk: Desk, people: Sequence[Signer], stranger: Signer
) -> None:
    """The insider names an approver, and puts a key of his own, or of nobody, beside the name."""
    good = granting_alone(people)
    lying, weak = deepcopy(good), deepcopy(good)
    approver = body(lying, "cutover-terms")["terms"]["approvers"][0]
    approver["public"] = stranger.verifier.public.public_bytes_raw().hex()
    keyid = people[0].key_id

    class Named:
        def sign(self, kind: str, payload: bytes) -> dict[str, Any]:
            envelope = stranger.sign(kind, payload)
            return {**envelope, "signatures": [{**envelope["signatures"][0], "keyid": keyid}]}

    forger: Any = Forger()
    named: Any = Named()
    nobody = {"fingerprint": forger.fingerprint, "public": forger.public.hex(), "until": None}
    body(weak, "cutover-terms")["terms"]["approvers"][0] = nobody
    keys = [forger.fingerprint, people[1].verifier.fingerprint]
    body(weak, "grant-given")["approvals"] = keys
    turns = iter((named, people[1]))
    others = iter((forger, people[1]))
    worlds = {
        "as it is": signed(good, people),
        "another key": signed(lying, people, lambda _, payload, by: (payload, next(turns))),
        "nobody's key": signed(
            weak, [*people], lambda _, payload, by: (payload, next(others)),
            known={forger.fingerprint: forger},
        ),
    }  # fmt: skip
    assert accepted(desk, worlds) == ["as it is"]


def test_a_ledger_keeps_signatures_or_does_not(desk: Desk, people: Sequence[Signer]) -> None:
    worlds = {}
    for value in ("no", None, True, ["signed"]):
        made = approved(people)
        body(made, "ledger-named")["approvals"] = value
        worlds[str(value)] = signed(made, people)
    assert accepted(desk, worlds) == []


def test_every_batch_that_was_begun_is_asked_about_keys(
    desk: Desk, people: Sequence[Signer]
) -> None:
    """A rotation that leaves out a batch whose terms name approvers is refused."""
    made = approved(people)
    plan = made["predicate"]["plan"]["canonical"]
    plan["version"] = 1
    for kind, _, what in made["journal.jsonl"]:
        if kind == "run-started":
            what["plan_digest"] = digest(plan)
    bound = {"batch": "pilot", "revision": 1, "digest": digest_of_batch(plan, "pilot")}
    made["journal.jsonl"].insert(1, ["batch-bound", hour(0), bound])
    worlds = {"as it is": signed(deepcopy(made), people)}
    for kind in ("keys-rotating", "data-keys-rotating"):
        silent = deepcopy(made)
        tell(kind, approvals={}, signed={})(silent)
        worlds[f"nobody is asked about {kind}"] = signed(silent, people)
    assert accepted(desk, worlds) == ["as it is"]
