"""`report` as people run it: a plan's report, and a bundle that is signed and stamped later."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from hdh_migrate.errors import Exit
from hdh_migrate.evidence.signatures.dsse import statement_in
from hdh_migrate.evidence.signatures.signing import new_report_key
from tests.cli.test_cli import ROOT, Desk, document
from tests.support.authority import TIME_STAMPING, Authority, Issuer, issue, online
from tests.support.command import command as started
from tests.support.fixtures import Bucket
from tests.unit.evidence.builders import bundle, dataset, facts, record, signer

TRUST = ("--tsa-trust", "root.pem")


@pytest.fixture(scope="module")
def root() -> Issuer:
    return issue("Root", ca=True)


@pytest.fixture
def tsa(tmp_path: Path, root: Issuer) -> Authority:
    (tmp_path / "root.pem").write_bytes(root.pem())
    return Authority(tmp_path / "tsa", issue("Stamps\x1b[31m", root, uses=[TIME_STAMPING]))


@pytest.fixture
def signed(tmp_path: Path) -> Path:
    key = signer(tmp_path / "keys")
    bundle(tmp_path / "bundle", [record()], about=facts(dataset(1)), signer=key)
    new_report_key(tmp_path / "keys", "witness", None)
    return tmp_path


def report(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    done = started("report", *arguments, cwd=folder)
    assert "Traceback" not in done.stderr, done.stderr
    return done


def test_help_shows_the_report_of_a_plan_and_the_sub_verbs(tmp_path: Path) -> None:
    for asked in ("-h", "--help"):
        told = report(tmp_path, asked).stdout
        assert "hdh-migrate report [OPTIONS] PLAN" in told
        assert "--out DIR" in told
        assert "\n  sign " in told
        assert "\n  timestamp " in told
        assert " write " not in told
    assert "--out DIR" in report(tmp_path, "plan.yaml", "--help").stdout
    assert "--tsa URL" in report(tmp_path, "timestamp", "--help").stdout


@pytest.mark.parametrize(
    "arguments", [(), ("--out", "x"), ("plan.yaml", "more"), ("--nonsense", "plan.yaml"), ("sign",)]
)
def test_what_is_missing_or_too_much_is_told(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    done = report(tmp_path, *arguments)

    assert done.returncode == Exit.USAGE
    assert "hdh-migrate report" in done.stderr


def test_anything_else_is_a_plan_with_options_before_or_after(tmp_path: Path) -> None:
    for arguments in (("plan.yaml", "--json"), ("--json", "plan.yaml"), ("./sign", "--json")):
        done = report(tmp_path, *arguments)
        assert done.returncode == Exit.REFUSED
        assert "no such file" in json.loads(done.stdout)["error"]["message"]


def test_a_stamp_is_fetched_by_hand_and_put_in(signed: Path, tsa: Authority) -> None:
    asked = report(signed, "timestamp", "bundle", "--request", "request.tsq")
    assert asked.returncode == Exit.OK, asked.stderr
    (signed / "answer.tsr").write_bytes(tsa.answer((signed / "request.tsq").read_bytes()))

    done = report(signed, "timestamp", "bundle", "--token", "answer.tsr", *TRUST)

    assert done.returncode == Exit.OK, done.stderr
    assert done.stdout.startswith("stamped at 20")
    assert "CN=Stamps" in done.stdout
    assert "\x1b" not in done.stdout
    assert (signed / "bundle" / "timestamp.tsr").exists()
    again = report(signed, "timestamp", "bundle", "--request", "request.tsq")
    assert again.returncode == Exit.USAGE
    assert "not overwritten" in again.stderr


def test_a_stamped_bundle_is_signed_by_a_witness_and_checked_by_both_verifiers(
    signed: Path, tsa: Authority
) -> None:
    with online(tsa.answer) as line:
        assert report(signed, "timestamp", "bundle", "--tsa", line.url).returncode == Exit.OK
    witness = ("--key", "keys/witness.key", "--trust", "keys/report.pub")
    assert report(signed, "sign", "bundle", *witness).returncode == Exit.OK
    (signed / "other.pem").write_bytes(issue("Root", ca=True).pem())
    keys = ("--trust", "keys/report.pub", "--trust", "keys/witness.pub", "--threshold", "2")

    for command in (("-m", "hdh_migrate", "audit", "verify"), ("bundle/verify.py",)):
        for trust, code, said in (
            ((), Exit.OK, "open    the time-stamp: --tsa-trust"),
            (TRUST, Exit.OK, "ok      10 the signed statement existed on 20"),
            (("--tsa-trust", "other.pem"), Exit.DAMAGED, "WRONG   timestamp.tsr: no valid chain"),
            (("--tsa-trust", "keys/report.pub"), None, "not certificates in PEM"),
        ):
            done = subprocess.run(
                [sys.executable, "-B", *command, "bundle", *keys, *trust],
                cwd=signed, capture_output=True, text=True, check=False,
            )  # fmt: skip
            assert code in {None, done.returncode}, done.stdout + done.stderr
            assert said in done.stdout + done.stderr
            assert "Traceback" not in done.stderr


def test_the_page_tells_how_openssl_checks_a_stamp(signed: Path, tsa: Authority) -> None:
    (signed / "tsa.pem").write_bytes((signed / "root.pem").read_bytes())
    with online(tsa.answer) as line:
        assert report(signed, "timestamp", "bundle", "--tsa", line.url).returncode == Exit.OK
    page = (ROOT / "docs" / "timestamps.md").read_text()
    recipe = next(block for block in page.split("```") if "openssl ts -verify" in block)

    done = subprocess.run(
        ["bash", "-e"], input=recipe, cwd=signed / "bundle", capture_output=True, text=True,
        check=False,
    )  # fmt: skip

    assert "Verification: OK" in done.stdout, done.stderr


def test_a_stamp_of_an_authority_that_nobody_vouched_for_says_so(
    signed: Path, tsa: Authority
) -> None:
    with online(tsa.answer) as line:
        done = report(signed, "timestamp", "bundle", "--tsa", line.url)

    assert done.returncode == Exit.OK
    assert "not checked: whether that authority is one to trust" in done.stdout


def test_an_authority_is_asked_and_its_silence_loses_nothing(signed: Path, tsa: Authority) -> None:
    with online(tsa.answer) as line:
        pass
    silent = report(signed, "timestamp", "bundle", "--tsa", line.url, *TRUST)
    assert silent.returncode == Exit.STOPPED
    assert "nothing is lost" in silent.stderr

    with online(tsa.answer) as line:
        done = report(signed, "timestamp", "bundle", "--tsa", line.url, *TRUST, "--json")

    assert done.returncode == Exit.OK, done.stderr
    told = document(done)
    assert told.keys() == {"at", "authority", "trusted"}
    assert told["trusted"]


def test_a_stamp_that_does_not_check_is_damage(signed: Path, tsa: Authority) -> None:
    (signed / "answer.tsr").write_bytes(b"<html>no</html>")

    done = report(signed, "timestamp", "bundle", "--token", "answer.tsr", *TRUST)

    assert done.returncode == Exit.DAMAGED
    assert done.stderr.startswith("error: the time-stamp does not check: ")
    assert not (signed / "bundle" / "timestamp.tsr").exists()


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("bundle",), Exit.USAGE),
        (("bundle", "--request", "a", "--token", "b"), Exit.USAGE),
        (("bundle", "--request", "a", *TRUST), Exit.USAGE),
        (("bundle", "--request", "no/such/folder/a"), Exit.USAGE),
        (("bundle", "--token", "absent"), Exit.USAGE),
        (("nothing", "--request", "a"), Exit.USAGE),
        (("bundle", "--tsa", "ftp://tsa.example"), Exit.USAGE),
        (("bundle", "--tsa", "https://user:secret@tsa.example"), Exit.USAGE),
        (("bundle", "--token", "root.pem", "--tsa-trust", "absent"), Exit.USAGE),
        (("bundle", "--token", "root.pem", "--tsa-trust", "keys/report.pub"), Exit.USAGE),
    ],
)
def test_mistakes_are_one_line(
    signed: Path, tsa: Authority, arguments: tuple[str, ...], code: Exit
) -> None:
    done = report(signed, "timestamp", *arguments)

    assert done.returncode == code
    assert done.stderr.startswith("error: ")
    assert "secret" not in done.stderr
    assert not (signed / "a").exists()


def test_a_witness_signs(signed: Path) -> None:
    done = report(
        signed, "sign", "bundle", "--key", "keys/witness.key", "--trust", "keys/report.pub"
    )

    assert done.returncode == Exit.OK, done.stderr
    assert "the statement has 2 signatures now" in done.stdout


@pytest.mark.live
def test_the_authority_of_the_plan_stamps_each_report(
    tmp_path: Path, bucket: Bucket, root: Issuer, tsa: Authority
) -> None:
    desk = Desk(tmp_path, bucket)
    with online(tsa.answer) as line:
        named = f"languages: [fr], tsa: {{url: '{line.url}', trust: root.pem}}}}"
        desk.plan.write_text(desk.text.replace("languages: [fr]}", named))
        done = desk.run("run", str(desk.plan), "--out", str(tmp_path / "first"), "--json")
        assert done.returncode == Exit.OK, done.stderr
    assert document(done)["report"]["stamp"]["trusted"]
    assert len(line.requests) == 1
    assert (tmp_path / "first" / "timestamp.tsr").exists()

    done = desk.run("report", str(desk.plan), "--out", str(tmp_path / "second"), "--json")

    assert done.returncode == Exit.OK
    assert document(done)["stamp"].keys() == {"error"}
    assert "note: the report has no time-stamp: 127.0.0.1" in done.stderr
    assert not (tmp_path / "second" / "timestamp.tsr").exists()


def test_a_line_that_a_full_disk_cut_short_stops_no_report(tmp_path: Path, bucket: Bucket) -> None:
    """No report could be written any more, and no verb mended it."""
    desk = Desk(tmp_path, bucket)
    assert desk.run("run", str(desk.plan), "--until", "verify").returncode == Exit.OK
    first = desk.run("report", str(desk.plan), "--out", str(tmp_path / "first"))
    assert first.returncode == Exit.OK, first.stderr
    state = tmp_path / ".hdh-migrate" / "essai"
    kept = [state / "statements.jsonl", state / "checkpoints.jsonl"]
    for file in (*kept, state / "runs.jsonl"):
        with file.open("a") as torn:
            torn.write('{"at": "2026-11-')

    again = desk.run("report", str(desk.plan), "--out", str(tmp_path / "again"))

    assert again.returncode == Exit.OK, again.stderr
    for file in kept:
        assert [json.loads(line)["at"] for line in file.read_text().splitlines()]


def test_no_bundle_is_published_that_the_chain_cannot_take(tmp_path: Path, bucket: Bucket) -> None:
    desk = Desk(tmp_path, bucket)
    assert desk.run("run", str(desk.plan)).returncode == Exit.OK
    chain = tmp_path / ".hdh-migrate" / "essai" / "statements.jsonl"
    chain.unlink()
    chain.mkdir()  # stands for a folder that cannot be written, also by root

    refused = desk.run("report", str(desk.plan), "--out", str(tmp_path / "evidence"))

    assert refused.returncode != Exit.OK
    assert not (tmp_path / "evidence").exists()
    chain.rmdir()
    made = desk.run("report", str(desk.plan), "--out", str(tmp_path / "evidence"))
    assert made.returncode == Exit.OK
    assert chain.stat().st_mode & 0o777 == 0o600
    assert chain.read_text().count('"statement_sha256"') == 1


def test_a_report_that_a_kill_kept_from_being_remembered_is_the_one_before(
    tmp_path: Path, bucket: Bucket
) -> None:
    """It could be handed over, and the next report did not name it."""
    desk = Desk(tmp_path, bucket)
    assert desk.run("run", str(desk.plan)).returncode == Exit.OK
    chain = tmp_path / ".hdh-migrate" / "essai" / "statements.jsonl"
    digests = []
    for name in ("first", "second", "third"):
        made = desk.run("report", str(desk.plan), "--out", str(tmp_path / name), "--json")
        assert made.returncode == Exit.OK
        digests.append(document(made)["statement_sha256"])
        lines = chain.read_text().splitlines(keepends=True)
        assert "statement_sha256" in lines[-1]
        chain.write_text("".join(lines[:-1]))  # as a kill leaves it

    def before(name: str) -> str:
        envelope = json.loads((tmp_path / name / "statement.json").read_bytes())
        return json.loads(statement_in(envelope))["predicate"]["previous_statement"]

    assert [before("second"), before("third")] == digests[:2]
    again = desk.run("run", str(desk.plan), "--out", str(tmp_path / "third"), "--json")
    assert again.returncode == Exit.OK  # what is there is put aside: found first
    assert before("third") == digests[2]
