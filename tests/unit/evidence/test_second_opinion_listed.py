"""The two verifiers agree on sources listed again, 8.6, and on what vanished meanwhile, 7.6."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.second_plan import LOST
from tests.support.second_story import leaf
from tests.unit.evidence.forgery import Desk
from tests.unit.evidence.test_second_opinion import DRAWS, changes_of, drawn
from tests.unit.evidence.worlds import (
    DIRECTORY,
    Change,
    World,
    both,
    gone,
    hour,
    in_keyed_names,
    insert_before,
    inventory,
    judged,
    laid,
    left,
    line,
    manifest,
    of_an_older_ledger,
    planned,
    put,
    refused,
    tell,
    untold,
    without,
    world,
)
from tests.unit.evidence.worlds_again import (
    C_WAS,
    NOTHING_MOVED,
    VANISHED,
    B,
    C,
    amount,
    listed_again,
    refreshed,
)

pytestmark = pytest.mark.slow

BEGUN, TOLD, ENDED, RETRYING = "refreshing", "refreshed", "refresh-ended", "retrying"
CHANGED = "inventory-changed"
SUM, NOT_OPEN = "refreshed: a sum", "not of the one under way"
UNTOLD = "nothing tells that an object vanished"
LEAF, NEW, WAS = (leaf(one).hex() for one in (B, C, C_WAS))
OTHER = "cd" * 32


def change(number: int, **lists: Any) -> Change:
    """Change what the first or the second pass did to rows."""

    def edit(made: World) -> None:
        own = [event[2] for event in made["journal.jsonl"]
               if event[0] == CHANGED and event[2]["dataset"] == "more"]  # fmt: skip
        own[number].update(lists)

    return edit


def pass_of_imaging(**values: Any) -> Change:
    def edit(made: World) -> None:
        for kind, _, what in made["journal.jsonl"]:
            if kind in {BEGUN, ENDED} and what["batch"] == "imaging":
                what.update(values)

    return edit


def at_first(rows: list[Any], behind: list[Any]) -> Change:
    return tell("inventoried", 2, **inventory("more", rows, behind))


def renumbered(number: int) -> Change:
    """Let the second pass go on, when it is resumed, under another number."""
    return both(*(tell(kind, at, number=number)
                  for kind, at in ((BEGUN, 2), (TOLD, 2), (ENDED, 1))))  # fmt: skip


GOOD: dict[str, Change] = {
    "as it is": lambda _: None,
    "events that say more": both(*(tell(kind, more=1) for kind in (BEGUN, TOLD, ENDED, RETRYING))),
    "another sum that was listed": tell(ENDED, listed=NOTHING_MOVED),
    "all that vanished is left": tell(TOLD, vanished=amount(2, 7)),
    "fewer left than rows": tell(TOLD, left=amount(1, 7)),
    "lost, as it is said since": line(0, "exclusions.jsonl", reason=LOST[1]),
    "no portion told": without(TOLD),
    "more changed than rows": tell(TOLD, 2, changed=amount(99, 6)),
    "more vanished than rows": tell(TOLD, vanished=amount(99, 12)),
    "bytes without objects": tell(TOLD, changed=amount(0, 9)),
    "new that joined": tell(TOLD, 2, new=amount(1, 6)),
    "left that changed at once": tell(TOLD, 2, vanished=amount(1, 6), left=amount(1, 6)),
    "a pass that does not end": gone(ENDED, 1),
    "a pass that ends at once": insert_before(
        RETRYING, 0, ENDED, hour(12), {"batch": "imaging", "number": 1, "listed": NOTHING_MOVED}
    ),
    "gone, back and gone": change(1, changed_included=[[WAS, NEW], [LEAF, LEAF]],
                                  changed_excluded=[[LEAF, LEAF]]),
    "gone, back, changed and gone": change(
        1, changed_included=[[WAS, NEW], [LEAF, OTHER]], changed=[[OTHER, LEAF]],
        changed_excluded=[[LEAF, LEAF]],
    ),
    "back as it was, then another": change(1, changed_included=[[WAS, WAS]], changed=[[WAS, NEW]]),
    "no inventory afterwards": gone("inventoried", 4),
}  # fmt: skip
BAD: dict[str, tuple[Change, str]] = {
    # forms
    "no number": (untold(BEGUN, 0, "number"), "refreshing: number"),
    "a number that is a float": (tell(BEGUN, 3, number=1.0), "refreshing: number"),
    "a pass of no number": (pass_of_imaging(number=0), "refreshing: number"),
    "a batch of no name": (tell(BEGUN, batch=""), "refreshing: batch"),
    "an end of no batch": (untold(ENDED, 0, "batch"), "refresh-ended: batch"),
    "nothing listed": (untold(ENDED, 0, "listed"), "refresh-ended: listed"),
    "a list of what was listed": (tell(ENDED, listed=[]), "refresh-ended: listed"),
    "more than a sum listed": (tell(ENDED, listed={**NOTHING_MOVED, "x": 1}), "listed"),
    "a portion of no dataset": (untold(TOLD, 0, "dataset"), "refreshed: dataset"),
    "a portion of an unknown dataset": (tell(TOLD, dataset="x"), "refreshed: dataset"),
    "a portion of a list": (tell(TOLD, dataset=["more"]), "refreshed: dataset"),
    "a retry of no batch": (untold(RETRYING, 0, "batch"), "retrying: batch"),
    "no reasons": (untold(RETRYING, 0, "reasons"), "retrying: reasons"),
    "an empty object of reasons": (tell(RETRYING, reasons={}), "retrying: reasons"),
    "a list of reasons": (tell(RETRYING, reasons=["c"]), "retrying: reasons"),
    "a reason of nothing": (tell(RETRYING, reasons={"c": 1, "d": 0}), "retrying: reasons"),
    "a reason of a float": (tell(RETRYING, reasons={"c": 1.0}), "retrying: reasons"),
    "a triple": (change(1, changed_included=[[WAS, WAS, NEW]]), f"{CHANGED}: changed_included"),
    "a leaf alone": (change(1, changed_included=[NEW]), f"{CHANGED}: changed_included"),
    "null for pairs": (change(1, changed_included=None), f"{CHANGED}: changed_included"),
    # the plan
    "a portion of another batch's dataset": (
        tell(TOLD, 2, dataset="scans"), "a dataset of another batch"
    ),
    "a batch of no plan": (pass_of_imaging(batch="zz"), "no batch of the plan"),
    "a retry in a batch of no plan": (tell(RETRYING, batch="zz"), "no batch of the plan"),
    # the numbers
    "a pass that is skipped": (pass_of_imaging(number=2), NOT_OPEN),
    "another pass before it ended": (renumbered(3), NOT_OPEN),
    "a pass that ended begun again": (tell(BEGUN, 2, number=1), NOT_OPEN),
    "a portion of another pass": (tell(TOLD, 2, number=1), NOT_OPEN),
    "an end of another pass": (tell(ENDED, 1, number=1), NOT_OPEN),
    "an end of what has ended": (
        insert_before(RETRYING, 0, ENDED, hour(12),
                      {"batch": "pilot", "number": 2, "listed": NOTHING_MOVED}), NOT_OPEN
    ),
    "a portion of what has ended": (
        insert_before(RETRYING, 0, TOLD, hour(12), refreshed(2, "more", changed=amount(1, 1))),
        NOT_OPEN,
    ),
    "no beginning": (gone(BEGUN), NOT_OPEN),
    # what a portion tells
    "a portion of nothing": (tell(TOLD, 2, changed=NOTHING_MOVED), "refreshed: of nothing"),
    "a portion of bytes": (tell(TOLD, 2, changed=amount(0, 6)), "refreshed: of nothing"),
    "left without vanishing": (tell(TOLD, 2, left=amount(1, 0)), "left than vanished"),
    "more left than vanished": (tell(TOLD, vanished=amount(1, 12)), "left than vanished"),
    "more bytes left than vanished": (tell(TOLD, vanished=amount(3, 6)), "left than vanished"),
    "a portion before its inventory": (
        both(insert_before("inventoried", 0, BEGUN, hour(0), {"batch": "q", "number": 1}),
             insert_before("inventoried", 0, TOLD, hour(0),
                           refreshed(1, "more", "q", changed=amount(1, 1)))),
        "refreshed: of no inventory",
    ),
    "more left than rows": (tell(TOLD, left=amount(3, 7)), "more left than went"),
    "more new than rows": (tell(TOLD, 1, new=amount(2, 6)), "more new than came"),
    "more new than joined": (tell(TOLD, 2, new=amount(2, 6)), "more new than came"),
    "left of another dataset's rows": (
        tell(TOLD, 2, vanished=amount(2, 6), left=amount(2, 6)), "more left than went"
    ),
    "more tried again than failed": (tell(RETRYING, reasons={"c": 2}), "more than were retried"),
    "two reasons for one": (tell(RETRYING, reasons={"c": 1, "d": 1}), "more than were retried"),
    # rows that vanish and come back
    "another row came back": (change(1, changed_included=[[OTHER, NEW]]), "of no object, or"),
    "back as what is no line": (change(1, changed_included=[[WAS, OTHER]]), "of no object"),
    "back twice": (
        change(1, changed_included=[[WAS, NEW], [NEW, NEW]]), "inventoried: other counts"
    ),
    "back though it never went": (
        change(1, changed_included=[[WAS, NEW], [leaf(manifest()[0]).hex()] * 2]),
        "inventoried: other counts",
    ),
    "nothing came back": (change(1, changed_included=[]), "inventoried: other counts"),
    "gone twice": (change(1, changed_excluded=[[LEAF, LEAF]]), "inventoried: other counts"),
    "another inventory afterwards": (
        tell("inventoried", 4, **inventory("more", [manifest()[0], B, C], [])),
        "inventoried: other counts",
    ),
    "another order than that of the lists": (
        change(1, changed=[[WAS, WAS]]), "of no object, or of two"
    ),
    # 7.6, rule 4
    "gone as another version": (change(0, changed_excluded=[[OTHER, LEAF], [WAS, WAS]]),
                                "more: an inventory's root"),
    "gone as another version from the first": (
        both(change(0, changed_excluded=[[leaf({**B, "size": 5}).hex(), LEAF], [WAS, WAS]]),
             at_first([manifest()[0], {**B, "size": 5}, C_WAS], [])), UNTOLD
    ),
    "left behind as it joined": (
        both(change(0, changed_excluded=[[WAS, WAS]], joined_excluded=[LEAF]),
             at_first([manifest()[0], C_WAS], []), tell(TOLD, left=amount(1, 3))), UNTOLD
    ),
    "left behind from the first": (
        both(change(0, changed_excluded=[[WAS, WAS]]), at_first([manifest()[0], C_WAS], [B]),
             tell(TOLD, left=amount(1, 3))), UNTOLD
    ),
    "gone, back and gone as another": (
        change(1, changed_included=[[WAS, NEW], [LEAF, OTHER]], changed_excluded=[[OTHER, LEAF]]),
        UNTOLD,
    ),
    "another reason": (line(0, "exclusions.jsonl", reason="x"), "not the rule that applies"),
    "another rule": (line(0, "exclusions.jsonl", rule="not included"), "not the rule"),
    "by a rule that does not tell it": (
        line(1, "exclusions.jsonl", rule=VANISHED[0], reason=VANISHED[1]), "pmsi: nothing tells"
    ),
    "a directory": (
        line(0, "exclusions.jsonl", rule="directory", reason=DIRECTORY), "a directory that has"
    ),
}  # fmt: skip
SUMS = {
    "null": None, "a list": [0, 0], "a float": {"objects": 0.0, "bytes": 0}, "objects": 1,
    "no bytes": {"objects": 0}, "more": {**NOTHING_MOVED, "more": 0},
    "less than nothing": amount(-1, 0), "bytes below nothing": amount(0, -1),
    "true": {"objects": True, "bytes": 1},
}  # fmt: skip
for name in ("new", "changed", "vanished", "left"):
    BAD[f"{name} is not there"] = (untold(TOLD, 0, name), SUM)
    BAD |= {f"{name} is {what}": (tell(TOLD, **{name: one}), SUM) for what, one in SUMS.items()}


def test_sources_listed_again_are_judged_alike(desk: Desk) -> None:
    assert judged(desk, listed_again(), GOOD) == [*GOOD]
    refused(desk, listed_again(), BAD)


def test_what_vanished_is_told_of_its_own_dataset(desk: Desk) -> None:
    """A leaf says nothing of its dataset, so that another one may have the same."""
    twin = {**left("b", 4, *VANISHED), "dataset": "scans"}

    def beside(made: World) -> None:
        made["exclusions.jsonl"].append(twin)
        tell("inventoried", 1, **inventory("scans", made["manifest.jsonl"][6:7], [twin]))(made)
        put("datasets", 1, "tally", inventoried=amount(3, 8))(made)

    refused(desk, listed_again(), {"a twin": (beside, "scans: nothing tells")})


def test_an_object_that_vanished_may_have_a_rule_by_now(desk: Desk) -> None:
    rule = planned("datasets", 2, exclude=[{"glob": "b", "reason": "r"}])
    cases: dict[str, Change] = {
        "as it went": rule,
        "as the rule says": both(
            rule, line(0, "exclusions.jsonl", rule="exclude b", reason="r")
        ),
        "of no include": planned("datasets", 2, include=["a", "c"]),
    }  # fmt: skip
    assert judged(desk, listed_again(), cases) == [*cases]


def test_keyed_names_of_sources_listed_again_are_judged_alike(desk: Desk) -> None:
    made = in_keyed_names(listed_again())
    good: dict[str, Change] = {
        "as it is": lambda _: None,
        "a left_out": both(tell(TOLD, left_out=["x"]), change(1, left_out=["x"])),
        "there and back in one event": insert_before(
            RETRYING, 0, CHANGED, hour(12),
            {"dataset": "scans", "changed_included": 1, "changed_excluded": 1},
        ),
    }  # fmt: skip
    bad: dict[str, tuple[Change, str]] = {
        "leaves": (change(1, changed_included=[[WAS, NEW]]), f"{CHANGED}: changed_included"),
        "less than nothing": (change(1, changed_included=-1), f"{CHANGED}: changed_included"),
        "more came back than went": (change(1, changed_included=3), "fewer left behind"),
        "back before it went": (
            insert_before(RETRYING, 0, CHANGED, hour(12),
                          {"dataset": "scans", "changed_included": 1}), "fewer left behind"
        ),
        "more left than rows": (tell(TOLD, left=amount(3, 7)), "more left than went"),
        "more new than rows": (tell(TOLD, 1, new=amount(2, 6)), "more new than came"),
        "more tried again than failed": (tell(RETRYING, reasons={"c": 2}), "than were retried"),
        "a sum that is null": (tell(TOLD, new=None), SUM),
        "another number": (tell(BEGUN, number=2), NOT_OPEN),
        "another reason": (line(0, "exclusions.jsonl", reason="x"), "not a rule of the dataset"),
    }  # fmt: skip
    assert judged(desk, made, good) == [*good]
    refused(desk, made, bad)


def test_passes_of_an_older_ledger_are_judged_alike(desk: Desk) -> None:
    def earlier(*events: Any) -> Change:
        """Let these stand before the ledger begins to tell everything."""
        told = [[kind, hour(1), what] for kind, what in events]
        return lambda made: made["journal.jsonl"].__setitem__(slice(5, 5), told)

    begun = (BEGUN, {"batch": "pilot", "number": 1})
    portion = (TOLD, refreshed(1, "pmsi", changed=amount(1, 1)))
    retry = {"batch": "pilot", "reasons": {"c": 1}}
    good: dict[str, Change] = {"begun": earlier(begun), "tried again": earlier((RETRYING, retry))}
    assert judged(desk, of_an_older_ledger(world()), good) == [*good]
    old = ("inventoried", {"dataset": "pmsi", "objects": 1})  # of which nothing counts
    bad: dict[str, tuple[Change, str]] = {
        "a portion": (earlier(begun, portion), "of no inventory"),
        "a portion of an inventory in old form": (earlier(old, begun, portion), "of no inventory"),
        "more tried again": (
            earlier((RETRYING, {**retry, "reasons": {"c": 2}})), "more than were retried"
        ),
    }  # fmt: skip
    refused(desk, of_an_older_ledger(world()), bad)


@pytest.mark.parametrize("kind", ["plain", "keyed"])
def test_one_other_value_of_a_pass_is_judged_alike(desk: Desk, kind: str) -> None:
    made = listed_again() if kind == "plain" else in_keyed_names(listed_again())
    told = [number for number, event in enumerate(made["journal.jsonl"])
            if event[0] in {BEGUN, TOLD, ENDED, RETRYING, CHANGED}]  # fmt: skip
    events = [made["journal.jsonl"][number][2] for number in told]

    def inside(edit: Change) -> Change:
        def change(made: World) -> None:
            bodies = [made["journal.jsonl"][number][2] for number in told]
            edit(bodies)
            for number, one in zip(told, bodies, strict=False):
                made["journal.jsonl"][number][2] = one

        return change

    changes = drawn(changes_of(events), 6 * DRAWS)
    taken = desk.agree((what, laid(desk, made, inside(edit))) for what, edit in changes)
    assert set(taken.values()) == {True, False}
