"""What the journal tells of grants, judged by both verifiers: one broken rule of 8.12 each."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from random import Random
from typing import Any

import pytest

from hdh_migrate.fixity import canonical_json
from tests.unit.evidence.forgery import Desk
from tests.unit.evidence.worlds import (
    Change,
    World,
    both,
    hour,
    in_keyed_names,
    laid,
    world,
)

pytestmark = pytest.mark.slow

KEY, ONE, TWO = "22" * 32, "33" * 32, "44" * 32


def say(what: str, grant: Any = "g1", **values: Any) -> Change:
    """Let the journal end with one more event."""
    return lambda made: made["journal.jsonl"].append(
        [f"grant-{what}", hour(20), {"grant": grant, **values}]
    )


def asked(grant: Any = "g1", *, request: str | None = None, **values: Any) -> Change:
    about = {
        "grant": grant, "dataset": "pmsi", "batch": "pilot", "permit": "P-1", "purpose": "care",
        "reader": "c4gh:" + sha256(bytes.fromhex(KEY)).hexdigest()[:16], "key": KEY,
        "until": "2027-01-31T23:59:59Z", "selection": None, "objects": 2, "bytes": 30,
        "manifest": ONE, **values,
    }  # fmt: skip
    made = request or sha256(canonical_json(about)).hexdigest()
    return say("asked", **{**about, "request": made, "user": "ops@host"})


def given(grant: Any = "g1", **values: Any) -> Change:
    digests = dict.fromkeys(("root", "pack_sha256", "statement_sha256"), ONE)
    return say("given", grant, **{**digests, "approvals": [], "objects": 2, "bytes": 30, **values})


def revoked(grant: Any = "g1", **values: Any) -> Change:
    return say("revoked", grant, **{"reason": "over", "user": "ops@host", **values})


def withdrawn(grant: Any = "g1", found: Any = True) -> Change:
    return say("pack-withdrawn", grant, found=found)


def setting(grant: Any = "g1", **values: Any) -> Change:
    about = {"bucket": "b", "principal": "p", "allowed": True, **values}
    return say("policy-setting", grant, **about)


def done(grant: Any = "g1", **values: Any) -> Change:
    about = {"bucket": "b", "principal": "p", "allowed": True, "sha256": TWO, **values}
    return say("policy-set", grant, **about)


def closed(grant: Any = "g1", **values: Any) -> Change:
    return say("closed-by-hand", grant, **{"how": "key removed", "user": "x", **values})


def stale(grant: Any = "g1", **values: Any) -> Change:
    return say("stale", grant, **{"why": ["rotated"], **values})


def adopted(grant: Any = "g1", **values: Any) -> Change:
    """Let a journal take over what another one told."""

    def adopts(made: World) -> None:
        inner: dict[str, Any] = {}
        for what, change in (("asked", asked(grant)), ("given", given(grant))):
            change(made)
            inner[what] = made["journal.jsonl"].pop()[2]
        entry = {"bucket": "b", "principal": "p", "allowed": True, "sure": True}
        about = {
            **inner, "asked_at": "2026-01-31T23:59:59Z", "given_at": "2026-02-01T00:00:00Z",
            "origin": "g0", "at_host": [entry], "statement": TWO,
        }  # fmt: skip
        for name, value in values.items():
            part, _, member = name.partition("__")
            if member:
                about[part] = {**about[part], member: value}
            else:
                about[part] = value
        say("adopted", grant, **about)(made)

    return adopts


def renewal(grant: Any = "g2", of: Any = "g1", **values: Any) -> Change:
    return asked(grant, **{"renews": of, **values})


def lacking(change: Change, name: str) -> Change:
    def lacks(made: World) -> None:
        change(made)
        del made["journal.jsonl"][-1][2][name]

    return lacks


SHUT: dict[str, Any] = {"allowed": False}
GOOD: dict[str, Change] = {
    "asked": asked(),
    "of some objects": asked(selection=TWO),
    "nothing in it": asked(bytes=0),
    "more beside it": asked(more=1),
    "given": both(asked(), given()),
    "given by two": both(asked(), given(approvals=[ONE, TWO], more=1)),
    "dropped": both(asked(), say("dropped")),
    "revoked before it was given": both(asked(), revoked()),
    "revoked after": both(asked(), given(), revoked(), withdrawn(), withdrawn(found=False)),
    "closed by hand, and again": both(asked(), given(), revoked(), closed(), closed(how="y")),
    "a policy": both(asked(), given(), setting(), done()),
    "a policy that has gone": both(
        asked(), given(), setting(), done(), revoked(), setting(**SHUT), done(**SHUT, sha256=None)
    ),
    "a policy that was not set": both(asked(), given(), setting()),
    "set twice": both(asked(), given(), setting(), done(), done()),
    "stale, and good again": both(asked(), given(), stale(), stale(why=[]), revoked()),
    "stale for two reasons": both(asked(), given(), stale(why=["replaced", "unverified"])),
    "renewed": both(asked(), given(), stale(), renewal(), given("g2"), withdrawn()),
    "renewed with other objects": both(
        asked(),
        given(),
        renewal(objects=3, bytes=31, manifest=TWO, selection=TWO),
        given("g2", objects=3, bytes=31),
    ),
    "a renewal that was dropped": both(
        asked(), given(), renewal(), say("dropped", "g2"), renewal("g3"), given("g3"), revoked("g3")
    ),
    "a renewal that was revoked": both(asked(), given(), renewal(), revoked("g2"), revoked()),
    "renewed twice": both(
        asked(),
        given(),
        renewal(),
        given("g2"),
        renewal("g3", "g2"),
        given("g3"),
        setting("g3"),
        done("g3"),
    ),
    "adopted": both(adopted(), setting(), done(), stale(), revoked(), withdrawn()),
    "adopted and renewed": both(adopted(), renewal(), given("g2"), setting("g2")),
    "adopted with what the host was never told": adopted(at_host=[]),
    "two of them": both(asked(), asked("g2"), given("g2"), given()),
}
BAD: dict[str, Change] = {
    "asked for twice": both(asked(), asked()),
    "no id": asked(None),
    "of a dataset that is none": asked(dataset="x"),
    "of another reader": asked(reader="c4gh:" + "0" * 16),
    "a key that is none": asked(key="22"),
    "until whenever": asked(until="2027-01-31"),
    "of nothing": asked(objects=0),
    "fewer bytes than none": asked(bytes=-1),
    "a selection that is none": asked(selection=""),
    "no selection": lacking(asked(), "selection"),
    "no batch": lacking(asked(), "batch"),
    "no user": lacking(asked(), "user"),
    "no manifest": lacking(asked(), "manifest"),
    "another request": asked(request=TWO),
    "a manifest that is no digest": asked(manifest="m"),
    "given, and nobody asked": given(),
    "another one is given": both(asked(), given("g2")),
    "given twice": both(asked(), given(), given()),
    "given after it was dropped": both(asked(), say("dropped"), given()),
    "given after it was revoked": both(asked(), revoked(), given()),
    "given with more": both(asked(), given(objects=3)),
    "given with other bytes": both(asked(), given(bytes=31)),
    "given with the same bytes, which are no integer": both(asked(), given(bytes=30.0)),
    "given one object, which is no integer": both(asked(objects=1), given(objects=True)),
    "asked of another batch": asked(batch="imaging"),
    "approved by what is no key": both(asked(), given(approvals=["dpo"])),
    "approved by a table": both(asked(), given(approvals={})),
    "approved by a text": both(asked(), given(approvals="")),
    "no approvals": both(asked(), lacking(given(), "approvals")),
    "no pack": both(asked(), lacking(given(), "pack_sha256")),
    "dropped twice": both(asked(), say("dropped"), say("dropped")),
    "dropped after it was given": both(asked(), given(), say("dropped")),
    "dropped after it was revoked": both(asked(), revoked(), say("dropped")),
    "revoked twice": both(asked(), revoked(), revoked()),
    "revoked after it was dropped": both(asked(), say("dropped"), revoked()),
    "revoked without a reason": both(asked(), lacking(revoked(), "reason")),
    "withdrawn, and not revoked": both(asked(), given(), withdrawn()),
    "closed by hand, and not revoked": both(asked(), given(), closed()),
    "closed by hand, nobody says how": both(asked(), given(), revoked(), closed(how="")),
    "closed by hand by nobody": both(asked(), given(), revoked(), lacking(closed(), "user")),
    "withdrawn somehow": both(asked(), revoked(), withdrawn(found="yes")),
    "a policy of what is not given": both(asked(), setting()),
    "a policy that nobody began": both(asked(), given(), done()),
    "of another bucket": both(asked(), given(), setting(), done(bucket="c")),
    "of another principal": both(asked(), given(), setting(), done(principal="q")),
    "the other way round": both(asked(), given(), setting(), done(**SHUT)),
    "of another grant": both(asked(), asked("g2"), given(), given("g2"), setting(), done("g2")),
    "not as it was begun last": both(asked(), given(), setting(), setting(**SHUT), done()),
    "allowed somehow": both(asked(), given(), setting(allowed=1), done(allowed=1)),
    "no digest of a policy": both(asked(), given(), setting(), done(sha256="x")),
    "stale before it was given": both(asked(), stale()),
    "stale after it was revoked": both(asked(), given(), revoked(), stale()),
    "stale after it was renewed": both(asked(), given(), renewal(), given("g2"), stale()),
    "stale for no known reason": both(asked(), given(), stale(why=["bored"])),
    "stale in a word": both(asked(), given(), stale(why="rotated")),
    "no word of why": both(asked(), given(), lacking(stale(), "why")),
    "a renewal of nobody's": both(asked(), given(), renewal(of="g9")),
    "a renewal of no id": both(asked(), given(), renewal(of=None)),
    "a renewal of a table": both(asked(), given(), renewal(of={})),
    "a renewal of itself": renewal(of="g2"),
    "a renewal of what was not given": both(asked(), renewal()),
    "a renewal of what was revoked": both(asked(), given(), revoked(), renewal()),
    "given when the first was revoked": both(asked(), given(), renewal(), revoked(), given("g2")),
    "renewed two times at once": both(
        asked(), given(), renewal(), renewal("g3"), given("g3"), given("g2")
    ),
    "a renewal until later": both(asked(), given(), renewal(until="2028-01-31T23:59:59Z")),
    "a renewal for something else": both(asked(), given(), renewal(purpose="more")),
    "a renewal on another permit": both(asked(), given(), renewal(permit="P-2")),
    "a renewal of another batch": both(asked(), given(), renewal(batch="rest")),
    "a renewal for somebody else": both(
        asked(),
        given(),
        renewal(key=ONE, reader="c4gh:" + sha256(bytes.fromhex(ONE)).hexdigest()[:16]),
    ),
    "revoked after it was renewed": both(asked(), given(), renewal(), given("g2"), revoked()),
    "a policy of what was renewed": both(asked(), given(), renewal(), given("g2"), setting()),
    "withdrawn before the renewal": both(asked(), given(), renewal(), withdrawn()),
    "no word of a policy": both(asked(), given(), setting(), lacking(done(), "sha256")),
    "adopted twice": both(adopted(), adopted()),
    "adopted what was asked for here": both(asked(), adopted()),
    "asked for after it was adopted": both(adopted(), asked()),
    "given after it was adopted": both(adopted(), given()),
    "adopted, and another one inside": adopted(asked__grant="g2"),
    "adopted, and another one was given": adopted(given__grant="g2"),
    "adopted with more": adopted(given__objects=3),
    "adopted with as many, which is no integer": adopted(given__objects=2.0),
    "adopted with another request": adopted(asked__request=ONE),
    "adopted of another reader": adopted(asked__reader="c4gh:" + "0" * 16),
    "adopted of no dataset": adopted(asked__dataset="x"),
    "adopted and approved by no key": adopted(given__approvals=["dpo"]),
    "adopted from nowhere": lacking(adopted(), "statement"),
    "adopted by no digest": adopted(statement="s"),
    "adopted at no time": adopted(asked_at="then"),
    "adopted and given at no time": lacking(adopted(), "given_at"),
    "adopted with no origin": lacking(adopted(), "origin"),
    "adopted with no hosts": lacking(adopted(), "at_host"),
    "adopted with a host that is none": adopted(at_host=[1]),
    "adopted with half a host": adopted(at_host=[{"bucket": "b", "principal": "p"}]),
    "adopted, and nothing asked": lacking(adopted(), "asked"),
    "adopted, and a text inside": adopted(given="yes"),
}


@pytest.mark.parametrize("what", GOOD)
def test_a_grant_that_follows_the_rules_is_believed(desk: Desk, what: str) -> None:
    for made in (world(), in_keyed_names(world())):
        assert desk.judge(laid(desk, made, GOOD[what])) == ([], [])


@pytest.mark.parametrize("what", BAD)
def test_a_grant_that_cannot_be_is_refused_by_both(desk: Desk, what: str) -> None:
    ours, other = desk.judge(laid(desk, world(), BAD[what]))
    assert ours
    assert any("grant-" in one for one in other), other


def test_beside_keyed_names_grants_are_not_looked_at(desk: Desk) -> None:
    bad = ("given, and nobody asked", "of a dataset that is none", "no id")
    for what in bad:
        assert desk.judge(laid(desk, in_keyed_names(world()), BAD[what])) == ([], [])


DRAWN: list[Callable[[Any], Change]] = [
    asked, given, lambda grant: say("dropped", grant), revoked, withdrawn, setting,
    done, lambda grant: setting(grant, allowed=False), lambda grant: done(grant, allowed=False),
    stale, closed, adopted, lambda grant: renewal("g2", grant), lambda grant: given("g2"),
]  # fmt: skip


def test_stories_that_are_drawn_are_judged_alike(desk: Desk) -> None:
    draw, good = Random(812), 0
    for _ in range(60):
        story = [draw.choice(DRAWN)("g1") for _ in range(draw.randint(1, 5))]
        ours, other = desk.judge(laid(desk, world(), both(asked("g1"), *story)))
        assert bool(ours) is bool(other), (ours, other)
        good += not ours
    assert 0 < good < 60
