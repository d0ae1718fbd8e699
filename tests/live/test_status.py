"""Whatever `status` says, the ledger says too: counted here by SQL of its own, at every moment."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from hdh_migrate.clocks import Moment
from hdh_migrate.errors import Exit, MigrateError, UsageError
from hdh_migrate.evidence.signatures.signing import load_signer, new_report_key
from hdh_migrate.model import Step
from hdh_migrate.pipeline.looks.look_again import Choice
from hdh_migrate.results.looks import Status
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.policy import waivers
from hdh_migrate.session.verbs.dry_run import forecast
from hdh_migrate.session.verbs.look_again import look_again
from hdh_migrate.session.verbs.run import perform
from hdh_migrate.session.views.status import status
from hdh_migrate.telemetry import SystemClock
from tests.support.errand import BUCKET, MIB, Errand, errand
from tests.support.fixtures import s3_client
from tests.support.here import HERE
from tests.support.quiet import Notes
from tests.support.strict_s3 import Manner, StrictS3

pytestmark = pytest.mark.live

NEEDS = {"first": (), "second": ("first",), "third": ()}
PLAN = """\
datasets:
  - name: tables
    source: {path: data/tables}
    target: {bucket: landing, prefix: in/tables/}
    exclude: [{glob: "tmp/**", reason: "scratch"}]
  - name: notes
    source: {path: data/notes}
    target: {bucket: landing, prefix: in/notes/}
  - name: scans
    source: {path: data/scans}
    target: {bucket: landing, prefix: in/scans/}
  - name: rest
    source: {path: data/rest}
    target: {bucket: landing, prefix: in/rest/}
batches:
  - {name: first, datasets: [tables, notes]}
  - {name: second, datasets: [scans], needs: [first]}
  - {name: third, datasets: [rest]}
"""


class Story:
    """A plan of three batches, and somebody who looks at each word of its runs."""

    def __init__(self, job: Errand, server: StrictS3) -> None:
        self.job, self.server = job, server
        self.looked = 0

    @property
    def ledger(self) -> Path:
        return self.job.folder / ".hdh-migrate" / "errand" / "ledger.db"

    def desk(self, progress: Notes | None = None) -> Desk:
        return Desk.open(self.job.plan, None, progress or Notes(), threading.Event(), HERE)

    def run(self, *steps: Step, at: Callable[[Desk, Status], None] | None = None) -> Exit:
        """Run steps; whatever is said on the way is compared, and handed to `at`."""
        desk = self.desk(Comparing(self, at))
        desk.progress.desk = desk  # type: ignore[attr-defined] # it is ours
        try:
            return perform(desk, steps or list(Step), ())[0]
        except MigrateError as error:
            return error.exit_code

    def run_only(self, *batches: str) -> Exit:
        """Run some batches, without looking."""
        try:
            return perform(self.desk(), list(Step), batches)[0]
        except MigrateError as error:
            return error.exit_code

    def agrees(self, *, alive: bool = False) -> Status:
        """Compare everything that is counted with what the ledger's rows give."""
        told = status(self.desk())
        self.looked += 1
        assert told["run"]["alive"] is alive
        with closing(sqlite3.connect(f"file:{self.ledger}?mode=ro", uri=True)) as con:
            verified = {name: _unverified(con, name) == 0 for name in NEEDS}
            total = dict.fromkeys(told["total"], (0, 0))
            for batch in told["batches"]:
                held = not all(verified[need] for need in NEEDS[batch["batch"]])
                for name, counted in _amounts(con, batch["batch"], held=held).items():
                    assert _pair(batch["amounts"][name]) == counted, (batch, name)  # type: ignore[literal-required]
                    total[name] = (total[name][0] + counted[0], total[name][1] + counted[1])
                _compare_steps(con, batch)
            assert {name: _pair(one) for name, one in told["total"].items()} == total  # type: ignore[arg-type]
            assert _findings(con) == sorted(
                (found["code"], found["severity"], found["dataset"], found["count"])
                for found in told["findings"]
                if "count" in found
            )
            (word,) = con.execute(
                "SELECT max(at) FROM (SELECT at FROM event UNION ALL SELECT at FROM sample)"
            ).fetchone()
            assert told["run"]["last_word"] == word
        return told


class Comparing(Notes):
    def __init__(self, story: Story, at: Callable[[Desk, Status], None] | None) -> None:
        super().__init__()
        self.story, self.at = story, at
        self.desk: Desk

    def step(self, batch: str, step: str, *, objects: int, size: int) -> None:
        self._look()

    def advance(self, objects: int, size: int) -> None:
        self._look()

    def note(self, text: str) -> None:
        super().note(text)

    def _look(self) -> None:
        told = self.story.agrees(alive=True)
        if self.at is not None:
            self.at(self.desk, told)


def _rows(con: sqlite3.Connection, batch: str, states: str) -> tuple[int, int]:
    count, size = con.execute(
        "SELECT count(*), coalesce(sum(o.size), 0) FROM object o JOIN dataset d ON d.id = o.dataset"
        f" WHERE d.batch = ? AND o.state IN ({states})",
        (batch,),
    ).fetchone()
    return int(count), int(size)


def _unverified(con: sqlite3.Connection, batch: str) -> int | None:
    (closed, there) = con.execute(
        "SELECT coalesce(sum(state), 0), count(*) FROM dataset WHERE batch = ?", (batch,)
    ).fetchone()
    return _rows(con, batch, "0, 2, 3, 4, 6")[0] if there and closed == there else None


def _amounts(con: sqlite3.Connection, batch: str, *, held: bool) -> dict[str, tuple[int, int]]:
    moving = _rows(con, batch, "0, 3, 4")
    return {
        "verified": _rows(con, batch, "5"),
        "waiting": (0, 0) if held else moving,
        "failed": _rows(con, batch, "2, 6"),
        "held_back": moving if held else (0, 0),
        "excluded": _rows(con, batch, "1"),
    }


def _compare_steps(con: sqlite3.Connection, batch: Any) -> None:
    name, steps = batch["batch"], batch["steps"]
    parts = con.execute(
        "SELECT o.id, o.size, u.segments, p.number FROM part p JOIN object o ON o.id = p.object"
        " JOIN upload u ON u.object = o.id JOIN dataset d ON d.id = o.dataset"
        " WHERE d.batch = ? AND o.state = 3 AND u.attempt = o.attempt",
        (name,),
    ).fetchall()
    arrived = sum(
        min(segments * 65_536, size - (number - 1) * segments * 65_536)
        for _, size, segments, number in parts
    )
    assert steps["transfer"]["arrived"] == {
        "objects": len({row[0] for row in parts}), "parts": len(parts), "bytes": arrived,
    }  # fmt: skip
    sent, verified = _rows(con, name, "4, 5"), _rows(con, name, "5")
    every, failed = _rows(con, name, "0, 2, 3, 4, 5, 6"), _rows(con, name, "2, 6")
    done = _unverified(con, name) == 0
    reading = con.execute(
        "SELECT value ->> '$.objects', value ->> '$.bytes' FROM meta"
        " WHERE name = 'reading' AND value ->> '$.batch' = ?",
        (name,),
    ).fetchone()
    now = steps["verify"]["state"] == "under way"
    read = tuple(reading) if reading and now else (0, 0)
    assert _pair(steps["verify"]["reading"]) == read
    for step, reached, more in (("transfer", sent, arrived), ("verify", verified, read[1])):
        told = steps[step]
        assert (told["objects"], told["bytes"]) == (reached[0], reached[1] + more)
        assert (told["of_objects"], told["of_bytes"]) == every
        assert _pair(told["failed"]) == failed
    assert steps["verify"]["done"] is (done and steps["verify"]["state"] != "under way")
    assert (steps["inventory"]["objects"], steps["inventory"]["bytes"]) == _rows(
        con, name, "0, 1, 2, 3, 4, 5, 6"
    )
    counts = dict(
        con.execute(
            "SELECT o.state, count(*) FROM object o JOIN dataset d ON d.id = o.dataset"
            " WHERE d.batch = ? GROUP BY o.state",
            (name,),
        )
    )
    assert list(batch["states"].values()) == [counts.get(number, 0) for number in range(7)]


def _findings(con: sqlite3.Connection) -> list[tuple[Any, ...]]:
    return sorted(
        con.execute(
            "SELECT f.code, f.severity, d.name, count(*) FROM finding f"
            " LEFT JOIN dataset d ON d.id = f.dataset WHERE f.closed = 0 GROUP BY 1, 2, 3"
        ).fetchall()
    )


def _pair(amount: Any) -> tuple[int, int]:
    return amount["objects"], amount["bytes"]


@pytest.fixture
def story(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Story]:
    with StrictS3(Manner(), region="us-east-1") as server:
        client = s3_client(server)
        client.create_bucket(Bucket=BUCKET)
        client.close()
        job = errand(
            tmp_path, endpoint=server.endpoint, access_key=server.access_key,
            secret_key=server.secret_key,
            fetch=lambda key: server.store.buckets[BUCKET].version(key, None).body,
        )  # fmt: skip
        text = job.plan.read_text()
        cut, end = text.index("datasets:"), text.index("engine:")
        job.plan.write_text(text[:cut] + PLAN + text[end:])
        for name, size in (
            ("tables/a.csv", 10), ("tables/b.csv", 2000), ("tables/tmp/x", 7), ("notes/n", 30),
            ("scans/big.raw", 17 * MIB + 5), ("scans/small.raw", 9), ("rest/r", 100),
        ):  # fmt: skip
            path = tmp_path / "data" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(os.urandom(size))
        for name in ("T_ID", "T_SECRET"):
            monkeypatch.setenv(name, job.environ[name])
        yield Story(job, server)


def occupy(story: Story, key: str) -> None:
    client = s3_client(story.server)
    client.put_object(Bucket=BUCKET, Key=key, Body=b"somebody else's")
    client.close()


def remove(story: Story, key: str) -> None:
    client = s3_client(story.server)
    client.delete_object(Bucket=BUCKET, Key=key)
    client.close()


def states(told: Status) -> list[str]:
    return [batch["state"] for batch in told["batches"]]


def test_every_number_is_the_ledgers_at_every_moment_of_a_story(story: Story) -> None:
    with pytest.raises(UsageError, match="no run of this plan has begun"):
        status(story.desk())

    # One of the first batch's keys is somebody else's: the second batch is held back for it.
    occupy(story, "in/tables/b.csv.c4gh")
    assert story.run() is Exit.FINDINGS
    told = story.agrees()
    assert states(told) == ["failed", "held back", "done"]
    assert told["batches"][1]["waits"] == [
        "batch second needs batch first, of which 1 object is not verified"
    ]
    assert told["check"]["exit"] == Exit.FINDINGS
    assert (told["run"]["exit"], told["run"]["why"]) == (Exit.FINDINGS, None)

    # The key is free again, and the run is stopped inside the large object.
    remove(story, "in/tables/b.csv.c4gh")
    seen = []

    def stop(desk: Desk, told: Status) -> None:
        arrived = told["batches"][1]["steps"]["transfer"]["arrived"]
        seen.append(arrived["bytes"])
        if arrived["parts"]:
            desk.stop.set()

    assert story.run(at=stop) is Exit.INTERRUPTED
    told = story.agrees()
    assert states(told) == ["done", "begun", "done"]
    assert told["batches"][1]["steps"]["transfer"]["bytes"] >= 8 * MIB
    assert told["check"]["exit"] == Exit.STOPPED
    assert "work is left in second" in told["check"]["why"][0]
    assert (told["run"]["exit"], told["eta"]) == (Exit.INTERRUPTED, None)

    assert story.run() is Exit.OK
    told = story.agrees()
    assert states(told) == ["done"] * 3
    assert told["check"] == {"exit": 0, "why": []}

    # Somebody deletes an object at the target: it waits again, and so does nobody's run.
    remove(story, "in/notes/n.c4gh")
    look_again(story.desk(), ("first",), Choice(level=""), show_names=False)
    told = story.agrees()
    assert states(told) == ["begun", "done", "done"]
    assert told["check"]["exit"] == Exit.STOPPED

    assert story.run() is Exit.OK
    assert states(story.agrees()) == ["done"] * 3
    assert story.looked > 20


def test_what_a_waiver_lets_go_holds_nothing_back_here_either(story: Story) -> None:
    new_report_key(story.job.folder / "keys", "dpo", None)
    plan = story.job.plan
    plan.write_text(plan.read_text() + "waivers: {keys: [keys/dpo.pub]}\n")
    occupy(story, "in/tables/b.csv.c4gh")
    assert story.run() is Exit.FINDINGS
    assert states(story.agrees()) == ["failed", "held back", "done"]
    waivers.make(
        story.desk().loaded, load_signer(story.job.folder / "keys" / "dpo.key", None),
        what="finding.conflict", reason="theirs is the better one", until="2999-12-31",
        now=Moment.at(SystemClock().now()), by="somebody",
    )  # fmt: skip

    told = status(story.desk())
    assert states(told) == ["done", "not begun", "done"]
    assert told["batches"][0]["waived"]["objects"] == 1
    assert told["batches"][0]["amounts"]["failed"]["objects"] == 1
    assert told["batches"][1]["waits"] == []
    assert told["check"]["exit"] == Exit.STOPPED  # the second batch may be moved now
    ahead = forecast(story.desk(), ())
    assert [batch["would"] for batch in ahead["batches"]] == [
        "nothing to do", "moved", "nothing to do",
    ]  # fmt: skip
    assert ahead["exit"] == 0

    assert story.run_only() is Exit.OK
    told = status(story.desk())
    assert states(told) == ["done"] * 3
    assert told["check"] == {"exit": 0, "why": []}
