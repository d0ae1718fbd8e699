"""Ends that are what the documentation says: found early, told in a line, with the right code."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from hdh_migrate.errors import Exit
from hdh_migrate.sealing.keys import new_pair
from tests.cli.test_cli import Desk, document
from tests.support.fixtures import Bucket
from tests.support.inside import inside as command

pytestmark = pytest.mark.live


@pytest.fixture
def desk(tmp_path: Path, bucket: Bucket) -> Desk:
    return Desk(tmp_path, bucket)


def changed(desk: Desk, was: str, now: str) -> None:
    assert was in desk.text
    desk.plan.write_text(desk.text.replace(was, now))


@pytest.mark.parametrize("verb", [("run",), ("preflight",), ("run", "--dry-run")])
@pytest.mark.parametrize(
    ("report", "told"),
    [
        ('{signer: "file:keys/gone.key"}', "report.signer: "),
        ('{signer: "file:keys/report.key", signer_passphrase: "env:NOT_SET"}', "report.signer: "),
        (
            '{signer: "file:keys/report.key", tsa: {url: "https://tsa.example/", trust: gone.pem}}',
            "report.tsa.trust: ",
        ),
        ("{languages: [fr]}\nwaivers: {keys: [keys/steward.pub]}", "waivers.keys[0]: "),
    ],
)
def test_a_key_that_cannot_be_opened_is_found_before_anything_moves(
    desk: Desk, report: str, told: str, verb: tuple[str, ...]
) -> None:
    """It was found when the report was to be signed, after everything had moved."""
    changed(desk, 'report: {signer: "file:keys/report.key", languages: [fr]}', f"report: {report}")
    done = desk.run(*verb, str(desk.plan))
    assert done.returncode == Exit.REFUSED
    assert told in done.stdout + done.stderr
    assert desk.stored() == set()


def test_preflight_opens_the_keys_of_the_verbs_that_come_later_too(desk: Desk) -> None:
    desk.plan.write_text(desk.text + "approvals: {keys: [keys/report.pub, keys/no.pub]}\n")
    done = desk.run("preflight", str(desk.plan))
    assert done.returncode == Exit.REFUSED
    assert "approvals.keys[1]: " in done.stdout
    assert desk.run("run", str(desk.plan), "--dry-run").returncode == Exit.OK


def test_preflight_finds_what_would_refuse_a_run_that_goes_on(desk: Desk) -> None:
    """Files of recipients were exchanged, or a bound batch was changed in the plan."""
    assert desk.run("run", str(desk.plan)).returncode == Exit.OK
    ours, other = desk.folder / "keys" / "escrow.pub", desk.folder / "keys" / "other.pub"
    kept = ours.read_bytes()
    new_pair(desk.folder / "keys", "other", passphrase=None)
    ours.write_bytes(other.read_bytes())
    done = desk.run("preflight", str(desk.plan))
    assert done.returncode == Exit.REFUSED
    assert "recipients are not those" in done.stdout

    ours.write_bytes(kept)
    assert desk.run("preflight", str(desk.plan)).returncode == Exit.OK
    changed(desk, "prefix: a/}", "prefix: c/}")
    done = desk.run("preflight", str(desk.plan))
    assert done.returncode == Exit.REFUSED
    assert "bound by batch pilot" in done.stdout


def test_a_run_whose_words_are_lost_does_its_work_all_the_same(desk: Desk) -> None:
    done = subprocess.run(
        ["sh", "-c", 'exec "$0" "$@" >/dev/full 2>/dev/full', *desk.command("run", str(desk.plan),
                                                                           "--json")],
        env=desk.environ, check=False,
    )  # fmt: skip
    assert done.returncode == Exit.UNEXPECTED
    assert len(desk.stored()) == 3
    assert desk.run("run", str(desk.plan)).returncode == Exit.OK


def test_a_dry_run_tells_of_rules_and_prefixes_that_do_what_nobody_meant(desk: Desk) -> None:
    where = f"    target: {{bucket: {desk.bucket.name}, prefix: a/}}\n"
    changed(desk, where, where + '    exclude: [{glob: "*.cvs", reason: "working copies"}]\n')
    told = document(desk.run("run", str(desk.plan), "--dry-run", "--json"))
    (note,) = [note for note in told["batches"][0]["notes"] if "rule-unused" in note]
    assert note.startswith("dataset tables: exclude[0] matches none of the dataset's objects")
    assert desk.run("inventory", str(desk.plan)).returncode == Exit.FINDINGS


def test_rules_that_leave_nothing_are_refused_before_anything_moves(desk: Desk) -> None:
    where = f"    target: {{bucket: {desk.bucket.name}, prefix: a/}}\n"
    changed(desk, where, where + '    include: ["*.parquet"]\n')
    done = desk.run("run", str(desk.plan))
    assert done.returncode == Exit.REFUSED
    assert "its rules leave none of its 2 objects" in done.stderr
    assert "allow_empty" in done.stderr
    assert desk.stored() == set()


def test_validate_notes_what_is_valid_and_seldom_meant(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "plans" / "azure-to-scaleway.yaml").read_text()
    for was, now in (
        ("{container: snds, prefix: pmsi/}", "{container: snds, prefix: pmsi}"),
        ("{bucket: hds-snds, prefix: dcir/}", "{bucket: hds-snds, prefix: dcir}"),
        ('glob: "**/_SUCCESS"', 'glob: "old/"'),
    ):
        assert was in text
        text = text.replace(was, now)
    (tmp_path / "plan.yaml").write_text(text)
    done = command("validate", str(tmp_path / "plan.yaml"))
    assert done.returncode == Exit.OK, done.stderr
    notes = [line for line in done.stdout.splitlines() if line.startswith("note: dataset")]
    assert [note.split(":")[1].strip() for note in notes] == [
        "dataset pmsi", "dataset pmsi", "dataset dcir",
    ]  # fmt: skip


def test_a_key_to_trust_that_cannot_be_read_is_wrong_usage_as_in_verify_py(desk: Desk) -> None:
    out = desk.folder / "evidence"
    assert desk.run("run", str(desk.plan), "--out", str(out)).returncode == Exit.OK
    for trust in ("nowhere.pub", "keys/report.key", "plan.yaml", "keys"):
        ours = desk.run("audit", "verify", str(out), "--trust", str(desk.folder / trust))
        alone = subprocess.run(
            [sys.executable, str(out / "verify.py"), str(out), "--trust", str(desk.folder / trust)],
            capture_output=True, check=False,
        )  # fmt: skip
        assert (ours.returncode, alone.returncode) == (Exit.USAGE, Exit.USAGE), trust
