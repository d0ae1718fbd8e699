"""What a journal tells of sources that were listed again, and what it cannot tell of them."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hdh_migrate.evidence.signatures.signing import Signer
from hdh_migrate.evidence.verifier.selection import VANISHED
from tests.unit.evidence.builders import (
    Told,
    covered,
    dataset,
    exclusion,
    facts,
    leaf_of,
    record,
    signer,
)
from tests.unit.evidence.test_contradictions import of, problems

A, GONE, BACK = record("a"), record("b"), record("c", source_version="0x2")
WAS = record("c")
NOTHING = {"objects": 0, "bytes": 0}


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    return signer(tmp_path_factory.mktemp("key"))


def left_behind(**changes: Any) -> dict[str, Any]:
    """Return the line of an object that vanished before it was moved."""
    about = {name: GONE[name] for name in ("dataset", "key", "size", "source_version")}
    return {**about, "rule": VANISHED[0], "reason": VANISHED[1], **changes}


def leaf(line: Any) -> str:
    return leaf_of(line).hex()


class Weeks:
    """Two objects vanish before they are moved; one of them comes back as another version."""

    def __init__(self) -> None:
        self.left: Any = [[leaf(one), leaf(one)] for one in (GONE, WAS)]
        self.back: Any = [[leaf(WAS), leaf(BACK)]]
        one = {"objects": 1, "bytes": 1000}
        two = {"objects": 2, "bytes": 2000}
        about = {"batch": "pilot", "number": 1}
        self.passes: list[tuple[str, dict[str, Any]]] = [
            ("refreshing", {**about, "user": "ops"}),
            ("refreshed", {
                **about, "dataset": "pmsi", "new": NOTHING, "changed": NOTHING, "vanished": two,
                "left": two,
            }),
            ("refresh-ended", {**about, "listed": one}),
            ("refreshing", {**about, "number": 2, "user": "ops"}),
            ("refreshed", {
                **about, "number": 2, "dataset": "pmsi", "new": one, "changed": NOTHING,
                "vanished": NOTHING, "left": NOTHING,
            }),
            ("refresh-ended", {**about, "number": 2, "listed": two}),
            ("failed", {"ids": [9], "datasets": {"pmsi": 1}, "rows_sha256": "00" * 32}),
            ("retrying", {"batch": "pilot", "asked": [], "reasons": {"conflict": 1}, "user": "o"}),
            ("retried", {"ids": [9], "datasets": {"pmsi": 1}}),
        ]  # fmt: skip

    def told(self, events: list[Told]) -> list[Told]:
        seal = of(events, "inventoried")
        now, at = copy.deepcopy(seal), events[1][0]
        seal.update(covered([A, GONE, WAS]), excluded=covered([]))
        between = [(at, kind, body) for kind, body in self.passes]
        between.insert(2, (at, "inventory-changed", {
            "dataset": "pmsi", "changed_excluded": self.left,
        }))  # fmt: skip
        between.insert(6, (at, "inventory-changed", {
            "dataset": "pmsi", "changed_included": self.back,
        }))  # fmt: skip
        return [*events[:2], *between, (at, "inventoried", now), *events[2:]]


def found(tmp_path: Path, key: Signer, weeks: Weeks, *exclusions: Any) -> list[str]:
    return problems(
        tmp_path, key, [A, BACK], about=facts(dataset(3, 3000)),
        exclusions=list(exclusions) or [left_behind()], telling=weeks.told,
    )  # fmt: skip


def test_what_vanished_unmoved_is_left_behind_and_may_come_back(
    tmp_path: Path, key: Signer
) -> None:
    assert found(tmp_path, key, Weeks()) == []


def test_what_is_called_vanished_must_be_told_so(tmp_path: Path, key: Signer) -> None:
    made = problems(
        tmp_path, key, [A], about=facts(dataset(2, 2000)), exclusions=[left_behind()],
    )  # fmt: skip
    assert made == ["exclusions.jsonl line 1: the journal does not tell that it vanished"]


@pytest.mark.parametrize(
    "line",
    [left_behind(reason="scratch"), left_behind(rule="not included"), exclusion("b", key="b")],
    ids=["reason", "rule", "glob"],
)
def test_no_other_rule_leaves_it_behind(tmp_path: Path, key: Signer, line: Any) -> None:
    assert found(tmp_path, key, Weeks(), line)


CHANGES: dict[str, Callable[[Weeks], object]] = {
    "nothing went": lambda weeks: weeks.left.pop(0),
    "it went as another version": lambda weeks: weeks.left[0].__setitem__(1, "11" * 32),
    "nothing came back": lambda weeks: weeks.back.clear(),
    "what was never left behind came back": lambda weeks: weeks.back.append([leaf(A), leaf(A)]),
    "another one came back": lambda weeks: weeks.back[0].__setitem__(0, "11" * 32),
    "it went twice": lambda weeks: weeks.left.append(weeks.left[0]),
    "the number is skipped": lambda weeks: weeks.passes[3][1].update(number=3),
    "a portion of an ended pass": lambda weeks: weeks.passes[4][1].update(number=1),
    "an end of another pass": lambda weeks: weeks.passes[5][1].update(number=1),
    "more left than vanished": lambda weeks: weeks.passes[4][1].update(
        left={"objects": 1, "bytes": 1}
    ),
    "more bytes left than vanished": lambda weeks: weeks.passes[1][1].update(
        left={"objects": 2, "bytes": 2001}
    ),
    "a portion of nothing": lambda weeks: weeks.passes[4][1].update(new=NOTHING),
    "more new than came": lambda weeks: weeks.passes[4][1].update(
        new={"objects": 2, "bytes": 2000}
    ),
    "more left than went": lambda weeks: weeks.passes[1][1].update(
        vanished={"objects": 3, "bytes": 3000}, left={"objects": 3, "bytes": 3000}
    ),
    "a portion of an unknown dataset": lambda weeks: weeks.passes[1][1].update(dataset="other"),
    "more tried again than failed": lambda weeks: weeks.passes[7][1].update(
        reasons={"conflict": 2}
    ),
    "nothing tried again": lambda weeks: weeks.passes[7][1].update(reasons={}),
}


@pytest.mark.parametrize("what", CHANGES)
def test_passes_that_cannot_have_been(tmp_path: Path, key: Signer, what: str) -> None:
    weeks = Weeks()
    CHANGES[what](weeks)
    assert found(tmp_path, key, weeks), what


def test_a_pass_that_was_stopped_goes_on_under_its_number(tmp_path: Path, key: Signer) -> None:
    weeks = Weeks()
    weeks.passes.insert(2, weeks.passes[0])
    assert found(tmp_path, key, weeks) == []
