"""Who holds ledger and report key has no rows signed that are not as the journal tells them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hdh_migrate.errors import Exit
from hdh_migrate.evidence.signatures.signing import new_report_key
from hdh_migrate.ledger.database import connect
from tests.cli.test_cli import Desk, document
from tests.support.fixtures import Bucket
from tests.unit.ledger.test_reconcile import FIT, GONE

pytestmark = pytest.mark.live


@pytest.fixture
def desk(tmp_path: Path, bucket: Bucket) -> Desk:
    """Return a plan that was run, with an object that failed and one that is excluded."""
    made = Desk(tmp_path, bucket)
    made.write("a/left-out.tmp", b"scratch")
    (tmp_path / "data" / "a" / "link.csv").symlink_to("one.csv")
    rule = 'target: {bucket: %s, prefix: a/}\n    exclude: [{glob: "*.tmp", reason: scratch}]'
    target = f"target: {{bucket: {bucket.name}, prefix: a/}}"
    made.plan.write_text(made.text.replace(target, rule % bucket.name))
    done = made.run("run", str(made.plan), "--out", str(tmp_path / "first"), "--json")
    assert done.returncode == Exit.FINDINGS, done.stderr
    return made


def tampered(desk: Desk, statements: str) -> None:
    con = connect(desk.folder / ".hdh-migrate" / "essai" / "ledger.db")
    con.execute("PRAGMA foreign_keys = OFF")
    con.execute(statements)
    con.close()


@pytest.mark.parametrize(
    "statements",
    [
        GONE,
        "DELETE FROM finding; UPDATE object SET state = 1, reason = 'exclude-0', verdict = NULL"
        " WHERE state = 6;" + FIT,
        "DELETE FROM finding WHERE dataset = 1; DELETE FROM object WHERE dataset = 1;"
        "DELETE FROM dataset WHERE id = 1;" + FIT,
        "UPDATE dataset SET batch = 'imaging' WHERE batch = 'pilot'",
    ],
    ids=["failed deleted", "failed excluded", "dataset dropped", "dataset in another batch"],
)
def test_a_report_and_an_approval_of_tampered_rows_are_refused(desk: Desk, statements: str) -> None:
    tampered(desk, statements)
    key = str(desk.folder / "keys" / "report.key")
    approve = ("--batch", "pilot", "--stage", "cutover", "--key", key)
    for arguments in (
        ("report", str(desk.plan), "--out", str(desk.folder / "second")),
        ("approve", str(desk.plan), *approve),
    ):
        done = desk.run(*arguments)
        assert done.returncode == Exit.DAMAGED, done.stdout + done.stderr
        assert len(done.stderr.splitlines()) == 2  # what is wrong, and a hint
    assert not (desk.folder / "second").exists()


def test_each_report_leaves_a_checkpoint_that_the_next_journal_extends(desk: Desk) -> None:
    first = desk.folder / "first.checkpoint"
    assert first.read_text().startswith("hdh-migrate/essai/journal\n")

    done = desk.run("report", str(desk.plan), "--out", str(desk.folder / "second"), "--json")
    told = document(done)["checkpoint"]
    assert told["note"] == Path(told["file"]).read_text()
    assert told["file"] == str(desk.folder / "second.checkpoint")
    printed = desk.run("report", str(desk.plan), "--out", str(desk.folder / "third")).stdout
    assert (desk.folder / "third.checkpoint").read_text() in printed + "\n"
    keyed = desk.run("report", str(desk.plan), "--names", "keyed")
    assert "no checkpoint: a keyed bundle's journal has a chain of its own" in keyed.stdout

    desk.write("a/three.csv", b"4,5,6\n")
    again = desk.run("run", str(desk.plan), "--refresh", "--out", str(desk.folder / "first"))
    assert again.returncode == Exit.FINDINGS, again.stderr
    (aside,) = desk.folder.glob("first-*.checkpoint")
    assert aside.read_text() != first.read_text()

    kept = desk.folder / ".hdh-migrate" / "essai" / "checkpoints.jsonl"
    notes = [json.loads(line)["note"] for line in kept.read_text().splitlines()]
    assert notes[-1] == first.read_text()
    root = notes[0].split("\n")[2]
    kept.write_text(kept.read_text().replace(root, root[::-1].strip("=") + "="))
    done = desk.run("report", str(desk.plan), "--out", str(desk.folder / "fourth"))
    assert done.returncode == Exit.DAMAGED
    assert not (desk.folder / "fourth").exists()


def test_a_witness_signs_a_checkpoint(desk: Desk) -> None:
    keys = desk.folder / "keys"
    new_report_key(keys, "witness", None)
    note = desk.folder / "first.checkpoint"
    sign = ("report", "sign", str(note), "--key", str(keys / "witness.key"))
    done = desk.run(*sign, "--trust", str(keys / "report.pub"))
    assert done.returncode == Exit.OK, done.stderr
    assert "the checkpoint has 2 signatures now" in done.stdout
    assert desk.run(*sign, "--trust", str(keys / "report.pub")).returncode == Exit.DAMAGED
    assert desk.run(*sign, "--trust", str(keys / "witness.pub")).returncode == Exit.DAMAGED
    assert len(note.read_text().splitlines()) == 6
