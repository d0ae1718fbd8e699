"""What a journal says of other ledgers, 8.8 and 8.17, as both verifiers hold it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.evidence.forgery import Desk
from tests.unit.evidence.worlds import (
    Change,
    World,
    both,
    desk_in,
    gone,
    hour,
    in_keyed_names,
    insert,
    judged,
    refused,
    tell,
    untold,
    world,
)

BEGINS, TAKES, ENDS, NAMED = "adopting", "adopted", "adopted-batch", "ledger-adopted"
NOT_OPEN = "not of the one under way"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return desk_in(tmp_path_factory.mktemp("adopted"))


ONE, TWO = "a1" * 32, "b2" * 32
"""Statements of bundles."""


def said(kind: str, number: int = 1, /, **more: Any) -> Any:
    return insert(-1, kind, hour(18), **{"batch": "pilot", "number": number, **more})


def seen(ledger: str | None, statement: str | None) -> dict[str, Any]:
    return {"ledger": ledger, "events": 7, "head": "c3" * 32, "statement": statement}


JOURNALS = [seen("a", ONE), seen(None, TWO), seen("b", None)]


def takes(*ids: int, number: int = 1, ledger: str = "a", **more: Any) -> Change:
    """Take objects over, and tell next that they are sent."""
    told = {"ids": [*ids], "ledger": ledger, "statement": None, **more}
    return both(said(TAKES, number, **told), insert(-1, "sent", hour(18), ids=[*ids]), later(*ids))


def later(*ids: int) -> Change:
    """Let the pace of the statement have these objects, too."""

    def edit(made: World) -> None:
        pace = made["predicate"]["paces"][0]
        pace["bins"] = [{"objects": pace["bins"][0]["objects"] + len(ids), "bytes": 0}]
        if pace["seconds"] == 0.334:
            pace["bins"][0]["objects"] += 3
        pace.update(ended=hour(18), seconds=13)

    return edit


def adopted() -> World:
    made = world()
    for change in (
        said(BEGINS, journals=JOURNALS, user="u"),
        insert(-1, NAMED, hour(18), ledger="a", statement=ONE, object=None),
        takes(1, 2, statement=ONE),
        said(BEGINS, journals=JOURNALS, user="u"), takes(2, 3), takes(4, 5, 9, ledger="x"),
        insert(-1, NAMED, hour(18), ledger="x", statement=None, object=5),
        said(ENDS, adopted=4, unproved=0, foreign=0), said(BEGINS, 2, journals=[]),
    ):  # fmt: skip
        change(made)
    return made


@pytest.mark.slow
def test_what_proved_good_was_taken_over_before(desk: Desk) -> None:
    good = {
        "as it was": lambda _: None,
        "fewer": tell(ENDS, adopted=0),
        "one that never ended": gone(BEGINS, 2),
        "of another batch": both(
            said(BEGINS, batch="imaging", journals=[]), said(TAKES, batch="imaging", **NOTHING)
        ),
        "the next one": both(takes(9, number=2), said(ENDS, 2, adopted=1)),
        "what is looked at no more": tell(ENDS, unproved="x", foreign=None),
    }
    bad = {
        "one more": (tell(ENDS, adopted=8), "too many"),
        "of the next one, without any": (said(ENDS, 2, adopted=1), "too many"),
        "without its beginning": (said(TAKES, batch="imaging", **NOTHING), NOT_OPEN),
        "of the last one": (takes(4, number=1), NOT_OPEN),
        "two at once": (said(BEGINS, 3, journals=[]), NOT_OPEN),
        "no number": (tell(TAKES, number=None), "adopted: number"),
        "a true one": (tell(BEGINS, number=True), "adopting: number"),
        "no batch": (tell(BEGINS, batch=""), "adopting: batch"),
        "no ids": (untold(TAKES, 0, "ids"), "adopted: ids"),
        "ids of no form": (tell(TAKES, ids=[True]), "adopted: ids"),
        "no objects": (untold(ENDS, 0, "adopted"), "adopted-batch: adopted"),
        "less than none": (tell(ENDS, adopted=-1), "adopted-batch: adopted"),
    }
    assert judged(desk, adopted(), good) == [*good]
    refused(desk, adopted(), bad)


NOTHING: dict[str, Any] = {"ids": [], "ledger": "a", "statement": None}


@pytest.mark.slow
def test_what_another_ledger_moved_is_told_as_the_journal_knows_it(desk: Desk) -> None:
    good: dict[str, Change] = {
        "sent with others": both(tell("sent", 2, ids=[1, 2, 6]), later(6)),
        "compared with the source": tell(TAKES, statement=None),
        "by the other bundle": tell(TAKES, statement=TWO),
        "by its last object": tell(NAMED, 1, object=9),
    }
    lone = "adopted: by a bundle that was not there"
    bad: dict[str, tuple[Change, str]] = {
        "one that was not sent": (tell(TAKES, ids=[1, 2, 6]), "adopted: not sent next"),
        "sent, and another one": (tell("sent", 2, ids=[1, 8]), "adopted: not sent next"),
        "never sent": (both(said(TAKES, 2, **NOTHING | {"ids": [1]})), "adopted: never sent"),
        "by a bundle of no adoption": (tell(TAKES, statement="d4" * 32), lone),
        "by a bundle of the last time": (
            both(tell(BEGINS, 1, journals=[]), tell(TAKES, 1, statement=ONE)),
            lone,
        ),
        "by what is no statement": (tell(TAKES, statement=3), lone),
        "a statement that is not told": (untold(TAKES, 0, "statement"), "adopted: statement"),
        "of no ledger": (tell(TAKES, ledger=None), "adopted: ledger"),
        "no journals": (untold(BEGINS, 0, "journals"), "adopting: journals"),
        "a journal with more": (tell(BEGINS, journals=[{**JOURNALS[0], "x": 1}]), "journals"),
        "a journal of no length": (tell(BEGINS, journals=[{**JOURNALS[0], "events": -1}]), "end"),
        "a journal of no end": (tell(BEGINS, journals=[{**JOURNALS[0], "head": "x"}]), "end"),
        "a journal of no name": (tell(BEGINS, journals=[{**JOURNALS[0], "ledger": ""}]), "ledger"),
        "a ledger that no bundle names": (tell(NAMED, ledger="c"), "no bundle names it"),
        "a ledger by another's bundle": (tell(NAMED, statement=TWO), "no bundle names it"),
        "a ledger by nothing": (tell(NAMED, statement=None), "no bundle names it"),
        "a ledger by both": (tell(NAMED, object=1), "two reasons"),
        "a ledger by an object of another": (tell(NAMED, 1, object=3), "no object of its"),
        "a ledger by no object": (tell(NAMED, 1, object=6), "no object of its"),
        "a ledger by a word": (tell(NAMED, 1, object="5"), "ledger-adopted: object"),
        "a ledger twice": (tell(NAMED, 1, ledger="a", object=1), "ledger-adopted: twice"),
        "a ledger without a name": (tell(NAMED, ledger=""), "ledger-adopted: ledger"),
        "a ledger without a reason": (untold(NAMED, 0, "object"), "ledger-adopted: members"),
    }
    assert judged(desk, adopted(), good) == [*good]
    refused(desk, adopted(), bad)


def fence(name: str, epoch: int, nonce: str = "n", bucket: str = "hds", **more: Any) -> Change:
    return insert(
        -1, f"fence-{name}", hour(18), bucket=bucket, epoch=epoch, nonce=nonce, user="u", **more
    )


OVER = {"ledger": "x", "epoch": 3, "nonce": "m", "host": "h", "pid": 1, "since": hour(1)}


def fenced() -> World:
    made = world()
    for change in (
        fence("taking", 0), fence("taken", 0, firm=True), fence("taking", 0, "killed"),
        fence("taking", 4, "o", over=OVER, reason="r"), fence("taking", 4, "p", "other"),
        fence("taken", 4, "o", firm=True), fence("taken", 4, "p", "other", firm=False),
        fence("releasing", 4, "o"), fence("released", 4, "o"), fence("taking", 4, "q"),
    ):  # fmt: skip
        change(made)
    return made


@pytest.mark.slow
def test_a_fence_that_was_taken_is_the_one_that_was_to_be(desk: Desk) -> None:
    taking, taken = "fence-taking", "fence-taken"
    good: dict[str, Change] = {
        "as it was": lambda _: None,
        "over what nobody could read": untold(taking, 2, "over"),
        "over one of long ago": tell(taking, 2, over={"epoch": 0}),
        "never seen to stand": both(gone(taken, 1), gone(taken, 1), tell(taking, 4, epoch=0)),
    }
    other, past = "of another fence", "an epoch that is over"
    bad: dict[str, tuple[Change, str]] = {
        "another epoch": (tell(taken, 1, epoch=5), other),
        "another nonce": (tell(taken, 1, nonce="n"), other),
        "another bucket": (tell(taken, 1, bucket="other"), other),
        "of no intent": (gone(taking, 3), other),
        "let go under another epoch": (tell("fence-released", epoch=0), other),
        "let go under another nonce": (tell("fence-releasing", nonce="n"), other),
        "back to what was": (tell(taking, 4, epoch=3), past),
        "over somebody in the epoch of before": (
            both(tell(taking, 2, epoch=0, over={"epoch": 0}), tell(taken, 1, epoch=0)),
            past,
        ),
        "over a later one": (tell(taking, 2, over={**OVER, "epoch": 4}), "over a later one"),
        "over somebody for no reason": (untold(taking, 2, "reason"), "for no reason"),
        "over nobody": (tell(taking, 2, over=None), "fence-taking: over"),
        "no epoch": (untold(taking, 4, "epoch"), "fence-taking: epoch"),
        "a true epoch": (tell(taken, epoch=False), "fence-taken: epoch"),
        "no bucket": (tell(taking, 4, bucket=""), "fence-taking: members"),
        "no nonce": (untold("fence-released", 0, "nonce"), "fence-released: members"),
    }
    assert judged(desk, fenced(), good) == [*good]
    refused(desk, fenced(), bad)


def test_of_keyed_names_nothing_of_it_is_looked_at(desk: Desk) -> None:
    made = in_keyed_names(world())
    good = {kind: said(kind, adopted=7) for kind in (BEGINS, TAKES, ENDS, NAMED, "fence-taken")}
    assert judged(desk, made, good) == [*good]
