"""What each verb says where an older copy of the state folder was put back.

Every example of `--help` that is given in a state with a ledger is given where the ledger went on
since, and the state folder of before was put in its place. It refuses, or says so: a verb that has
no answer fails here, be it a new one.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping

import pytest

from hdh_migrate.errors import Exit
from tests.cli.test_examples import (
    APART,
    ASKED,
    ERASE,
    LEAVES,
    STATES,
    TYPED,
    apart,
    approved,
    asked,
    final,
    fresh,
    granted,
    lost,
    moved,
    opened,
    proved,
    reported,
    resealing,
    rotating,
    switched,
    without_keys,
)
from tests.support import sandbox as support
from tests.support.sandbox import Sandbox

pytestmark = [pytest.mark.live, pytest.mark.slow]

bucket, sandbox = support.bucket, support.sandbox

NO_LEDGER = {fresh, without_keys, lost, opened, proved}
"""States whose ledger is none, or that another state has, too."""

USES_NONE: Mapping[str, str] = {
    "validate": "judges a plan offline",
    "waive": "signs beside the plan, where there may be no ledger; who counts it asks",
    "providers show": "shows a profile",
    "audit journal": "offline, as its group promises",
    "audit open": "offline, as its group promises",
}
"""Verbs that take a plan and ask nobody, and why."""

REFUSED = frozenset(
    {
        "run plan.yaml --dry-run",
        "run plan.yaml --batch pilot --refresh --out evidence-2026-11",
        "transfer plan.yaml",
        "transfer plan.yaml --batch pilot --no-progress",
        "verify plan.yaml --again --older-than 30d",
        "rehydrate plan.yaml --batch imaging --execute",
        "forecast plan.yaml --dossier claim-2027-01",
        ASKED,
        "cutover start plan.yaml --batch pilot",
        "cutover start plan.yaml --batch pilot --json --no-progress",
        "cutover finalize plan.yaml --batch pilot",
        'cutover finalize plan.yaml --batch pilot --reason "window shortened by the DPO"',
        "cutover rollback plan.yaml --batch pilot",
        "cutover rollback plan.yaml --batch pilot --show-names",
        ERASE,
        "report plan.yaml --out evidence-2026-11",
        "report plan.yaml --names keyed --out for-outsiders",
        "fence plan.yaml",
        "cleanup plan.yaml --older-than 7d --execute",
        "reseal plan.yaml --execute",
        "keys rotate plan.yaml --from old.pub --to new.pub --identity old.sec --execute",
    }
)
"""What does nothing there, and shows nothing; all else says that it is of an older copy."""

STOPS_NOBODY = frozenset(
    {
        'hold plan.yaml --reason "ward 3 still writes"',
        "pause plan.yaml",
        'pause plan.yaml --reason "the line is needed for a transfer of scans"',
        "limit plan.yaml 200MiB/s --for 2h",
    }
)
"""What is done, and is no success: whoever was meant goes on by the newest copy."""

WORDS = (
    "the ledger here is not the newest",
    "another copy of this ledger writes there",
    "what only the other ledger was told is not known here",  # who takes over is the newest then
)


def put_back(box: Sandbox, state: str, bound: str) -> None:
    """Let the ledger of a state go on by the plan as it is bound, and put the one before back."""
    box.enter(state)
    folder, plan = box.folder / ".hdh-migrate", box.folder / "plan.yaml"
    shutil.copytree(folder, box.folder / "before")
    changed = plan.read_text()
    plan.write_text(bound)
    box.give("fence plan.yaml --release", expect=Exit.OK)
    plan.write_text(changed)
    shutil.rmtree(folder)
    (box.folder / "before").rename(folder)
    shutil.rmtree(box.folder / "copies-of-the-ledger", ignore_errors=True)  # they burned, too


def given(come_to: Callable[[Sandbox], None]) -> Iterator[tuple[str, str]]:
    """Yield each verb and example of a state; those of no state yet are given once there is one."""
    chosen = dict(next(examples for one, examples in STATES if one is come_to))
    if come_to is moved:
        chosen |= dict(next(examples for one, examples in STATES if one is fresh))
    for names, leaf in LEAVES.items():
        verb = " ".join(names)
        for example in leaf.verb.examples:
            if example in chosen and "plan.yaml" in example and verb not in USES_NONE:
                yield verb, example


@pytest.mark.parametrize(
    "come_to",
    [moved, reported, asked, granted, resealing, rotating, approved, switched, final, apart],
)
def test_each_verb_refuses_or_says_so(sandbox: Sandbox, come_to: Callable[[Sandbox], None]) -> None:
    bound = ""
    for state in _way_to(come_to):
        state(sandbox)
        sandbox.keep(state.__name__)
        if state is not rotating:  # whose plan has a key that no run has seen
            bound = (sandbox.folder / "plan.yaml").read_text()
    put_back(sandbox, come_to.__name__, bound)
    sandbox.keep("older")
    silent, refused, examples = [], set(), set()
    for _, example in given(come_to):
        sandbox.enter("older")
        done = sandbox.give(example, typed=TYPED.get(example, ""))
        if not any(words in done.err + done.out for words in WORDS):
            silent.append((example, done.code, done.err[-600:]))
        examples.add(example)
        if done.code == Exit.LOCKED:
            refused.add(example)
    assert silent == [], "\n".join(map(str, silent))
    assert refused == (REFUSED | STOPS_NOBODY) & examples


def test_a_pause_that_stops_a_run_lets_it_contact_nobody(sandbox: Sandbox) -> None:
    for state in _way_to(moved):
        state(sandbox)
        sandbox.keep(state.__name__)
    put_back(sandbox, "moved", (sandbox.folder / "plan.yaml").read_text())
    told = sandbox.give("pause plan.yaml", expect=Exit.LOCKED).err
    assert WORDS[0] in told
    assert "no run is under way here" in told

    stopped = sandbox.give("run plan.yaml", expect=Exit.STOPPED)

    assert not any(words in stopped.err for words in WORDS)


def test_what_is_stopped_by_an_older_copy_alone_is_no_success(sandbox: Sandbox) -> None:
    """A hold, and a withdrawal, ended with 0 while the newest copy went on to switch."""
    for state in _way_to(approved):
        state(sandbox)
        sandbox.keep(state.__name__)
    put_back(sandbox, "approved", (sandbox.folder / "plan.yaml").read_text())
    made = next(sandbox.folder.glob(".hdh-migrate/*/approvals/cutover-*.json"))
    named = made.relative_to(sandbox.folder)
    withdrawal = f"approve plan.yaml --withdraw {named} --key keys/dpo.key"

    for given, done in (
        ("hold plan.yaml", "it holds from now on"),
        (withdrawal, "that approval counts no more"),
        ("hold plan.yaml --release", "nobody holds it from now on"),
    ):
        told = sandbox.give(given, expect=Exit.LOCKED).err
        assert f"{done}, on this machine alone" in told
        assert told.count(WORDS[0]) == 1


def test_a_monitor_is_told_by_its_code_and_whoever_looks_what_to_do(sandbox: Sandbox) -> None:
    """`--check` ended with 0 and a note, which no monitor reads."""
    for state in _way_to(moved):
        state(sandbox)
        sandbox.keep(state.__name__)
    put_back(sandbox, "moved", (sandbox.folder / "plan.yaml").read_text())

    told = sandbox.give("status plan.yaml --check --batch pilot", expect=Exit.FINDINGS)
    fence = sandbox.give("fence plan.yaml", expect=Exit.LOCKED)

    assert (told.out + told.err).count(WORDS[0]) == 1
    assert '"hdh-migrate fence plan.yaml --take-over --reason TEXT"' in fence.err


def test_no_older_copy_leads_consumers_back_until_it_is_taken_over(sandbox: Sandbox) -> None:
    """From before the switch was final it led them to a source that was deleted since."""
    for state in _way_to(switched):
        state(sandbox)
        sandbox.keep(state.__name__)
    put_back(sandbox, "switched", (sandbox.folder / "plan.yaml").read_text())

    refused = sandbox.give("cutover rollback plan.yaml --batch pilot", expect=Exit.LOCKED)

    assert "it does not know what was done since" in refused.err
    sandbox.give('fence plan.yaml --take-over --reason "the newest copy burned"', expect=Exit.OK)
    back = sandbox.give("cutover rollback plan.yaml --batch pilot", expect=Exit.OK)
    assert "the pointer has its old value" in back.out


def _way_to(come_to: Callable[[Sandbox], None]) -> list[Callable[[Sandbox], None]]:
    """Return the states that one is come to by, itself the last."""
    before = {
        moved: fresh, reported: moved, asked: moved, granted: moved, resealing: moved,
        rotating: moved, approved: moved, switched: approved, final: switched, apart: fresh,
    }  # fmt: skip
    way = [come_to]
    while way[0] in before:
        way.insert(0, before[way[0]])
    return way


def test_every_verb_with_a_plan_has_an_answer() -> None:
    answered = {
        verb for come_to, _ in STATES if come_to not in NO_LEDGER for verb, _ in given(come_to)
    }
    asked_of = {
        " ".join(names)
        for names, leaf in LEAVES.items()
        if any("plan.yaml" in one and one not in APART for one in leaf.verb.examples)
    }
    assert asked_of - answered - USES_NONE.keys() == set()
