"""What others did for good is looked at before a fence is taken, and once it stands."""

from __future__ import annotations

import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from hdh_migrate.errors import Refused
from hdh_migrate.events.fence import FenceTaken
from hdh_migrate.pipeline.fences.fence import fence_key
from hdh_migrate.pipeline.fences.fencing import TakeOver
from hdh_migrate.pipeline.fences.signposts import erased, put_up
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.policy.bound_ledger import held_ledger
from hdh_migrate.session.policy.fencing import UNKNOWN_HERE, fenced
from hdh_migrate.session.policy.timekeeping import offline
from tests.support.fakes import FakeTarget
from tests.support.filled import PLAN
from tests.support.quiet import Notes


def test_who_takes_over_hears_what_this_ledger_cannot_know(tmp_path: Path) -> None:
    """A grant that the other copy had revoked was in force again, and nobody was told."""
    (tmp_path / "plan.yaml").write_text(PLAN)
    notes = Notes()
    desk = Desk.open(tmp_path / "plan.yaml", None, notes, threading.Event())
    target = FakeTarget("landing")
    services: Any = [SimpleNamespace(reader=target, writer=target, recipients=())]
    target.keep("landing", fence_key("essai"), b"another's")
    for over, said in ((TakeOver(reason="it burned"), 1), (TakeOver(reason="again"), 1)):
        with (
            held_ledger(desk, offline(desk.clock, desk.ledger_path)) as ledger,
            fenced(desk, services, ledger, over=over, user="u"),
        ):
            pass
        assert notes.lines.count(UNKNOWN_HERE) == said  # the second took nothing over


def test_word_that_is_left_between_the_look_and_the_fence_is_heard(tmp_path: Path) -> None:
    """Another ledger erased meanwhile; with the fence held, nobody looked for that ever again."""
    (tmp_path / "plan.yaml").write_text(PLAN)
    desk = Desk.open(tmp_path / "plan.yaml", None, Notes(), threading.Event())
    target = FakeTarget("landing")
    services: Any = [SimpleNamespace(reader=target, writer=target, recipients=())]

    def erase() -> None:
        assert fence_key("essai") not in target._buckets["landing"]
        post = erased("essai", "another", "tables", "2026-11-28T00:00:00Z")
        put_up(target, desk.retrying(), ["landing"], post)

    target.script.at("keys", 1, "after", erase)
    for left in ("nothing was done but that this ledger's fence was put up", "nothing was done."):
        with (
            held_ledger(desk, offline(desk.clock, desk.ledger_path)) as ledger,
            pytest.raises(Refused, match="what this ledger does not know") as refused,
            fenced(desk, services, ledger, user="u"),
        ):
            pytest.fail("it would write")
        assert "dataset tables was erased on 2026-11-28" in str(refused.value.blockers)
        assert str(refused.value.hint).startswith(left)
    with held_ledger(desk, offline(desk.clock, desk.ledger_path)) as ledger:
        assert list(ledger.events(FenceTaken)) == []
