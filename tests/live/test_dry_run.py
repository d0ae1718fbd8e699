"""A dry run says what the run then does: the same objects, refusals and exit code."""

from __future__ import annotations

import shutil
from typing import Any

import pytest

from hdh_migrate.cli.verbs.run import _forecast_lines
from hdh_migrate.errors import Exit, Fenced, Interrupted, PlanChanged, Refused
from hdh_migrate.ledger.holding import RunLock
from hdh_migrate.model import Step
from hdh_migrate.pipeline.looks.look_again import Choice
from hdh_migrate.results.looks import Status
from hdh_migrate.results.moves import DryRun
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.verbs.adopt import adopt
from hdh_migrate.session.verbs.dry_run import forecast
from hdh_migrate.session.verbs.fence import take_over
from hdh_migrate.session.verbs.look_again import look_again, restore
from hdh_migrate.session.views.status import status
from tests.live.test_status import Story, occupy, remove, story

pytestmark = pytest.mark.live

__all__ = ["story"]


def foreseen(story: Story, *selected: str) -> DryRun:
    """Look ahead; nothing changes on any side."""
    before = everything(story)
    told = forecast(story.desk(), selected)
    assert everything(story) == before
    return told


def everything(story: Story) -> tuple[Any, ...]:
    state = story.ledger.parent
    kept = {path.name: path.read_bytes() for path in state.glob("*")} if state.exists() else None
    for name in ("ledger.db-shm", "ledger.db-wal"):  # SQLite's own, of whoever reads
        if kept is not None:
            kept.pop(name, None)
    bucket = story.server.store.buckets["landing"]
    return (
        kept,
        {key: list(versions) for key, versions in bucket.objects.items()},
        dict(bucket.uploads),
    )


def would(told: DryRun) -> list[str]:
    return [batch["would"] for batch in told["batches"]]


def to_send(told: DryRun) -> list[int]:
    return [batch["objects"] for batch in told["batches"]]


def test_it_foretells_each_run_of_a_story(story: Story) -> None:
    occupy(story, "in/tables/b.csv.c4gh")
    told = foreseen(story)
    assert not told["ledger"]
    assert would(told) == ["moved", "held back", "moved"]
    assert [batch["conflicts"] for batch in told["batches"]] == [1, 0, 0]
    assert told["batches"][0]["assumed"]["measured"] is False
    assert (told["exit"], told["why"]) == (4, ["1 x conflict"])
    assert story.run_only() is Exit.FINDINGS

    # Nobody has taken the object away: the run tries it again, and ends the same.
    told = foreseen(story)
    assert told["ledger"]
    assert would(told) == ["moved", "held back", "nothing to do"]
    assert (told["batches"][0]["again"], told["batches"][0]["conflicts"]) == (1, 1)
    assert to_send(told) == [1, 3, 0]
    assert told["exit"] == Exit.FINDINGS
    assert story.run_only() is Exit.FINDINGS

    remove(story, "in/tables/b.csv.c4gh")
    told = foreseen(story)
    assert would(told) == ["moved", "moved", "nothing to do"]
    assert (told["exit"], told["why"]) == (0, [])
    assert all(batch["assumed"]["measured"] for batch in told["batches"])

    def stop(desk: Desk, status: Status) -> None:
        if status["batches"][1]["steps"]["transfer"]["arrived"]["parts"]:
            desk.stop.set()

    assert story.run(at=stop) is Exit.INTERRUPTED
    there = story.agrees()["batches"][1]["steps"]["transfer"]["arrived"]["bytes"]
    told = foreseen(story)
    assert would(told) == ["nothing to do", "moved", "nothing to do"]
    second = told["batches"][1]
    assert second["arrived_bytes"] == there > 0
    assert second["egress_bytes"] == second["bytes"] - there
    assert second["requests"]["target"]["put"] < second["parts"]
    assert told["exit"] == 0
    assert story.run(Step.TRANSFER) is Exit.OK

    # Everything is sent, and waits to be read back.
    told = foreseen(story)
    assert would(told) == ["nothing to do", "moved", "nothing to do"]
    assert (to_send(told), told["batches"][1]["sent"]["objects"]) == ([0, 0, 0], 3)
    assert story.run_only() is Exit.OK
    told = foreseen(story)
    assert would(told) == ["nothing to do"] * 3
    assert (told["exit"], sum(batch["verified"]["objects"] for batch in told["batches"])) == (0, 8)


def test_a_source_that_is_gone_holds_up_its_batch_and_those_that_need_it(story: Story) -> None:
    """It refused the whole run, and nobody was told how to move the other batches."""
    there, away = story.job.folder / "data/tables", story.job.folder / "away"
    there.rename(away)
    told = foreseen(story)
    assert would(told) == ["refused", "held back", "moved"]
    assert (told["exit"], told["why"][0]) == (3, "batch first: its source cannot be read")
    assert story.run_only() is Exit.REFUSED
    stands = [batch["state"] for batch in story.agrees()["batches"]]
    assert stands == ["not begun", "held back", "done"]
    assert would(foreseen(story)) == ["refused", "held back", "nothing to do"]
    with pytest.raises(Refused, match="preflight refuses"):  # nothing else is asked for
        forecast(story.desk(), ("first",))
    away.rename(there)
    assert story.run_only() is Exit.OK


def test_a_batch_whose_needs_are_not_asked_for_is_refused_as_the_run_would(story: Story) -> None:
    told = foreseen(story, "second")
    assert (would(told), told["exit"]) == (["refused"], Exit.REFUSED)
    assert "batch second needs batch first" in told["why"][0]
    assert story.run_only("second") is Exit.REFUSED


def test_what_cannot_be_moved_as_planned_holds_up_its_batch_alone(story: Story) -> None:
    """Every batch after it was left as well, run after run, until somebody had mended it."""
    deep = story.job.folder / "data/scans" / "/".join(["n" * 200] * 6)
    deep.mkdir(parents=True)
    (deep / "long").write_bytes(b"x")  # its key has more than 1,024 bytes
    told = foreseen(story)
    assert would(told) == ["moved", "refused", "moved"]
    assert told["batches"][1]["refused"] == 1
    assert told["exit"] == Exit.REFUSED
    assert "1 object cannot be moved as planned" in told["why"][0]
    words = "\n".join(_forecast_lines(told))
    assert words.count("cannot be moved as planned") == 2  # at its batch, and at the end
    assert words.count("no byte of them was moved") == 1
    assert story.run_only() is Exit.REFUSED
    # The same of the ledger that knows it now.
    told = foreseen(story)
    assert would(told) == ["nothing to do", "refused", "nothing to do"]
    assert told["exit"] == Exit.REFUSED
    assert story.run_only() is Exit.REFUSED


def test_what_is_no_plain_object_is_a_finding_and_holds_back_what_needs_it(story: Story) -> None:
    (story.job.folder / "data/tables/link").symlink_to("a.csv")
    for known in (False, True):
        told = foreseen(story)
        assert told["ledger"] is known
        assert would(told)[1] == "held back"
        assert (told["exit"], told["why"]) == (4, ["1 x kind-symlink"])
        assert story.run_only() is Exit.FINDINGS
    # It becomes a file: every run looks at it again, and so does a dry run.
    (story.job.folder / "data/tables/link").unlink()
    (story.job.folder / "data/tables/link").write_bytes(b"now a file")
    told = foreseen(story)
    assert would(told)[:2] == ["moved", "moved"]
    assert (to_send(told)[0], told["exit"]) == (1, 0)
    assert story.run_only() is Exit.OK


def test_a_plan_that_a_run_would_refuse_is_refused(story: Story) -> None:
    assert story.run(Step.INVENTORY) is Exit.OK
    plan = story.job.plan
    plan.write_text(plan.read_text().replace("prefix: in/rest/", "prefix: in/elsewhere/"))
    with pytest.raises(PlanChanged):
        forecast(story.desk(), ())
    assert story.run_only() is Exit.REFUSED


def test_a_batch_that_is_new_is_listed_and_those_before_are_not_listed_again(story: Story) -> None:
    assert story.run_only() is Exit.OK
    (story.job.folder / "data/late").mkdir()
    (story.job.folder / "data/late/z").write_bytes(b"late")
    plan = story.job.plan
    late = "  - name: late\n    source: {path: data/late}\n"
    late += "    target: {bucket: landing, prefix: in/late/}\nbatches:\n"
    text = plan.read_text().replace("batches:\n", late)
    last = "datasets: [rest]}\n"
    text = text.replace(last, last + "  - {name: fourth, datasets: [late]}\n")
    plan.write_text(text)
    told = foreseen(story)
    assert would(told) == ["nothing to do"] * 3 + ["moved"]
    assert to_send(told) == [0, 0, 0, 1]
    assert [batch["requests"]["source"]["list"] for batch in told["batches"]][:3] == [0, 0, 0]
    assert story.run_only() is Exit.OK


def test_beside_a_run_it_ends_as_another_run_would(story: Story) -> None:
    assert story.run(Step.INVENTORY) is Exit.OK
    lock = RunLock(story.ledger.with_name("lock"))
    told = forecast(story.desk(), ())
    lock.release()
    assert told["exit"] == Exit.LOCKED
    assert would(told) == ["moved", "moved", "moved"]
    assert "another run is under way: pid" in told["why"][0]


def test_a_ledger_that_is_not_the_newest_is_refused_as_the_run_would(story: Story) -> None:
    story.job.plan.write_text(story.job.plan.read_text() + "backup: {folder: copies}\n")
    assert story.run(Step.INVENTORY) is Exit.OK
    old = story.job.folder / "old"
    shutil.copytree(story.ledger.parent, old)
    assert story.run_only() is Exit.OK
    shutil.rmtree(story.ledger.parent)
    for _ in range(2):  # an old copy, and no ledger at all beside copies of one
        with pytest.raises(Refused, match="not the newest of this migration"):
            foreseen(story)
        if story.ledger.exists():
            assert "its journal has" in (status(story.desk())["behind"] or "")
            assert status(story.desk())["check"]["exit"] != Exit.OK
        assert story.run_only() is Exit.REFUSED
        shutil.rmtree(story.ledger.parent, ignore_errors=True)
        shutil.copytree(old, story.ledger.parent)


def test_what_an_unknown_ledger_of_this_migration_moved_is_refused_as_the_run_would(
    story: Story,
) -> None:
    assert story.run_only() is Exit.OK
    shutil.rmtree(story.ledger.parent)
    assert story.run(Step.INVENTORY) is Exit.OK
    with pytest.raises(Fenced):
        foreseen(story)
    take_over(story.desk(), "the machine burned")

    told = foreseen(story)

    assert would(told) == ["refused", "not reached", "not reached"]
    assert "does not know (4 of those that were asked for)" in told["why"][0]
    assert "adopt PLAN" in told["why"][1]
    assert told["exit"] == story.run_only() == Exit.REFUSED


def test_what_is_half_adopted_is_refused_as_the_run_would(story: Story) -> None:
    assert story.run_only() is Exit.OK
    shutil.rmtree(story.ledger.parent)
    assert story.run(Step.INVENTORY) is Exit.OK
    take_over(story.desk(), "the machine burned")
    desk = story.desk()
    desk.stop.set()
    with pytest.raises(Interrupted):
        adopt(desk, ["first"], [])

    told = foreseen(story)

    assert would(told)[0] == "refused"
    assert "is not adopted to its end" in told["why"][0]
    assert told["exit"] == story.run_only() == Exit.REFUSED
    assert adopt(story.desk(), [], [])["exit"] == Exit.OK
    assert foreseen(story)["exit"] == story.run_only() == Exit.OK


def test_what_an_adopted_ledger_left_is_replaced_and_no_conflict(story: Story) -> None:
    assert story.run_only() is Exit.OK
    shutil.rmtree(story.ledger.parent)
    assert story.run(Step.INVENTORY) is Exit.OK
    damaged = story.server.store.buckets["landing"].version("in/tables/b.csv.c4gh", None)
    damaged.body = damaged.body[:-1] + bytes([damaged.body[-1] ^ 1])
    assert adopt(story.desk(), [], [])["exit"] == Exit.FINDINGS
    take_over(story.desk(), "the machine burned")

    told = foreseen(story)

    assert (to_send(told), told["batches"][0]["conflicts"]) == ([1, 0, 0], 0)
    assert told["exit"] == story.run_only() == Exit.OK


def test_what_was_given_up_for_ours_is_replaced_and_no_conflict(story: Story) -> None:
    assert story.run_only() is Exit.OK
    occupy(story, "in/tables/b.csv.c4gh")
    assert look_again(story.desk(), [], Choice(level=""), show_names=False)["exit"] == 5
    assert restore(story.desk(), [], None)["exit"] == Exit.OK

    told = foreseen(story)

    assert (to_send(told), told["batches"][0]["conflicts"]) == ([1, 0, 0], 0)
    assert told["exit"] == story.run_only() == Exit.OK
