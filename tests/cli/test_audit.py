"""What an auditor does with a bundle: check, prove, countersign; no plan and no cloud needed."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from hdh_migrate.errors import Exit
from hdh_migrate.evidence.signatures.signing import new_report_key
from tests.cli.test_cli import Desk
from tests.support.fixtures import Bucket
from tests.support.inside import inside as started

pytestmark = pytest.mark.live


@pytest.fixture
def bundle(tmp_path: Path, bucket: Bucket) -> Path:
    """A bundle of a real run, on an auditor's desk of its own."""
    work = tmp_path / "work"
    work.mkdir()
    desk = Desk(work, bucket)
    assert desk.run("run", str(desk.plan), "--out", str(work / "report")).returncode == Exit.OK
    journal = desk.run("audit", "journal", str(desk.plan))
    assert journal.returncode == Exit.OK
    assert [json.loads(line)["seq"] for line in journal.stdout.splitlines()][:3] == [1, 2, 3]
    audited = tmp_path / "auditor" / "bundle"
    shutil.copytree(work / "report", audited)
    shutil.copy(work / "keys" / "report.pub", tmp_path / "auditor" / "operator.pub")
    new_report_key(tmp_path / "auditor", "witness", None)
    shutil.rmtree(work)
    return audited


def audit(bundle: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return command(bundle, "audit", *arguments)


def command(bundle: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    done = started(*arguments, cwd=bundle.parent)
    assert "Traceback" not in done.stderr, done.stderr
    return done


def test_a_good_bundle_checks_and_says_what_stays_open(bundle: Path) -> None:
    done = audit(bundle, "verify", "bundle", "--trust", "operator.pub")

    assert done.returncode == Exit.OK, done.stdout + done.stderr
    assert "the bundle checks" in done.stdout
    assert "open    " in done.stdout


def test_a_changed_bundle_is_damaged(bundle: Path) -> None:
    manifest = bundle / "manifest.jsonl"
    manifest.chmod(0o600)
    manifest.write_bytes(manifest.read_bytes().replace(b'"match"', b'"waived"', 1))

    done = audit(bundle, "verify", "bundle", "--trust", "operator.pub", "--json")

    assert done.returncode == Exit.DAMAGED
    told = json.loads(done.stdout)
    assert not told["ok"]
    assert told["problems"]
    french = audit(bundle, "verify", "bundle", "--trust", "operator.pub", "--language", "fr")
    assert (
        "FAUX     manifest.jsonl : n\u2019est pas le fichier dont parle l\u2019énoncé"
        in french.stdout
    )
    assert len(french.stdout.splitlines()) == len(told["problems"]) + 1


def test_a_witness_adds_a_signature_and_two_are_demanded(bundle: Path) -> None:
    both = ("--trust", "operator.pub", "--trust", "witness.pub", "--threshold", "2")
    assert audit(bundle, "verify", "bundle", *both).returncode == Exit.DAMAGED

    signed = command(
        bundle, "report", "sign", "bundle", "--key", "witness.key", "--trust", "operator.pub",
        "--json",
    )  # fmt: skip

    assert signed.returncode == Exit.OK, signed.stderr
    assert audit(bundle, "verify", "bundle", *both).returncode == Exit.OK


def test_one_object_is_proved_without_the_others(bundle: Path) -> None:
    proved = audit(bundle, "prove", "bundle", "one.csv")
    assert proved.returncode == Exit.OK, proved.stderr
    proof = json.loads(proved.stdout)
    (bundle.parent / "proof.json").write_text(proved.stdout)
    root = json.loads((bundle / "summary.json").read_text())["manifest"]["merkle_root"]
    assert proof["root"] == root

    assert (
        audit(bundle, "check-proof", "proof.json", "--root", root, "--json").returncode == Exit.OK
    )
    wrong = audit(bundle, "check-proof", "proof.json", "--root", "00" * 32)
    assert wrong.returncode == Exit.DAMAGED
    absent = audit(bundle, "prove", "bundle", "nothing")
    assert (absent.returncode, absent.stdout) == (Exit.USAGE, ""), "a file gets proofs alone"
    assert "no such object" in absent.stderr
    told = audit(bundle, "prove", "bundle", "nothing", "--json")
    assert json.loads(told.stdout)["error"]["exit"] == Exit.USAGE


def test_a_tlog_proof_is_made_under_a_checkpoint_and_checked_with_keys_alone(
    bundle: Path,
) -> None:
    new_report_key(bundle.parent, "second", None)
    signed = ("report", "sign", "bundle", "--trust", "operator.pub", "--checkpoint", "o.checkpoint")
    for name, has in (("witness", "1 signature now"), ("second", "2 signatures now")):
        done = command(bundle, *signed, "--key", f"{name}.key")
        assert done.returncode == Exit.OK, done.stderr
        assert has in done.stdout
    proved = audit(bundle, "prove", "bundle", "one.csv", "--checkpoint", "o.checkpoint")
    assert proved.stdout.startswith("c2sp.org/tlog-proof@v1\n")
    (bundle.parent / "one.tlog-proof").write_text(proved.stdout)

    both = ("--trust", "second.pub", "--trust", "witness.pub", "--threshold", "2")
    good = audit(bundle, "check-proof", "one.tlog-proof", *both)
    assert good.returncode == Exit.OK
    origin = proved.stdout.partition("\n\n")[2].partition("\n")[0]
    assert good.stdout.endswith(f"\nin      {origin}\n")
    told = json.loads(audit(bundle, "check-proof", "one.tlog-proof", *both, "--json").stdout)
    assert told["log"] == origin
    (bundle.parent / "two.tlog-proof").write_text(proved.stdout.replace("index ", "index 1"))
    wrong = audit(bundle, "check-proof", "two.tlog-proof", *both)
    assert wrong.returncode == Exit.DAMAGED
    for mistaken in ((), (*both, "--root", "00" * 32)):
        assert audit(bundle, "check-proof", "one.tlog-proof", *mistaken).returncode == Exit.USAGE
    asked = audit(bundle, "prove", "bundle", "one.csv", "--checkpoint", "o.checkpoint", "--json")
    assert asked.returncode == Exit.USAGE


def test_a_bundle_that_does_not_check_proves_nothing(bundle: Path) -> None:
    manifest = bundle / "manifest.jsonl"
    manifest.write_bytes(manifest.read_bytes().replace(b'"match"', b'"waived"', 1))

    done = audit(bundle, "prove", "bundle", "one.csv")

    assert done.returncode == Exit.DAMAGED
    assert done.stdout == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ("verify", "bundle", "--trust", "nothing.pub"),
        ("verify", "nothing", "--trust", "operator.pub"),
        ("verify", "bundle", "--trust", "operator.pub", "--threshold", "2"),
        ("prove", "nothing", "key"),
        ("check-proof", "bundle/manifest.jsonl", "--root", "00"),
    ],
)
def test_mistakes_are_one_line(bundle: Path, arguments: tuple[str, ...]) -> None:
    done = audit(bundle, *arguments)
    assert done.returncode in {Exit.USAGE, Exit.REFUSED, Exit.DAMAGED}
    assert done.stdout or done.stderr.startswith("error: ")
