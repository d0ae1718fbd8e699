"""A report for outsiders from a real run: no name in it, and one name opened with proof."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hdh_migrate.errors import Exit
from hdh_migrate.evidence.reading import open_bundle
from hdh_migrate.evidence.signatures.signing import load_trusted_key
from tests.cli.test_cli import CANARY_NAME, Desk
from tests.support.fixtures import new_bucket
from tests.support.strict_s3 import StrictS3

pytestmark = pytest.mark.live

KEY = f"{CANARY_NAME}.dcm"
ODD = "=1;é\u202e.csv"


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, credulous_server: StrictS3) -> Desk:
    """A finished run, in which one object is excluded; its bundle is in `plain`."""
    folder = tmp_path_factory.mktemp("finished")
    desk = Desk(folder, new_bucket(credulous_server))
    desk.write(f"b/{ODD}", b"1")
    desk.write(f"b/tmp/{CANARY_NAME}.tmp", b"scratch")
    exclude = '    exclude: [{glob: "tmp/**", reason: scratch}]\nbatches:'
    desk.plan.write_text(desk.text.replace("batches:", exclude))
    done = desk.run("run", str(desk.plan), "--out", str(folder / "plain"))
    assert done.returncode == Exit.OK, done.stderr
    return desk


class Office:
    """The finished run's plan with a state directory of its own, and room for reports."""

    def __init__(self, desk: Desk, folder: Path) -> None:
        self.desk, self.folder, self.state = desk, folder, folder / "state"
        self.plain = desk.folder / "plain"
        shutil.copytree(desk.folder / ".hdh-migrate", self.state)
        self.secret = self.state / "essai" / "names.key"

    def run(self, *verb: str) -> subprocess.CompletedProcess[str]:
        return self.desk.run(*verb, "--state-dir", str(self.state))

    def report(self, *arguments: str) -> dict[str, Any]:
        return told(self.run("report", str(self.desk.plan), "--json", *arguments))

    def keyed(self, name: str = "keyed") -> Path:
        self.report("--names", "keyed", "--out", str(self.folder / name))
        return self.folder / name

    def predicate(self, folder: Path) -> dict[str, Any]:
        trusted = [load_trusted_key(self.desk.folder / "keys" / "report.pub")]
        return dict(open_bundle(folder, trusted).predicate)

    def open(self, dataset: str, key: str, bundle: Path) -> subprocess.CompletedProcess[str]:
        out = str(self.folder / "opening.json")
        names = (dataset, key, "--bundle", str(bundle), "--out", out, "--json")
        return self.run("audit", "open", str(self.desk.plan), *names)

    def check(self, root: str) -> subprocess.CompletedProcess[str]:
        opening = str(self.folder / "opening.json")
        return self.desk.run("audit", "check-opening", opening, "--root", root, "--json")


@pytest.fixture
def office(finished: Desk, tmp_path: Path) -> Office:
    return Office(finished, tmp_path)


def told(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.returncode == Exit.OK, done.stdout + done.stderr
    return dict(json.loads(done.stdout))


def test_a_keyed_report_names_no_object_and_checks(office: Office) -> None:
    folder = office.keyed()
    said, plain = office.predicate(folder), office.predicate(office.plain)

    assert (said["names"], plain["names"]) == ("keyed", "plain")
    assert said["outcome"] == plain["outcome"]
    assert said["manifest"]["merkle_root"] != plain["manifest"]["merkle_root"]
    records = [line for _, line in open_bundle(office.plain).manifest()]
    digests = [record["sha256"].encode() for record in records if record["size"]]
    assert digests
    for file in folder.iterdir():
        data = file.read_bytes()
        for hidden in (CANARY_NAME.encode(), b"one.csv", b"two%", ODD.encode(), *digests):
            assert hidden not in data, file.name


def test_a_keyed_report_names_the_plain_chain_and_is_no_part_of_it(office: Office) -> None:
    first = office.report()
    outsiders = office.predicate(office.keyed())
    second = office.report()

    assert outsiders["previous_statement"] == first["statement_sha256"]
    said = office.predicate(Path(second["folder"]))
    assert said["previous_statement"] == first["statement_sha256"]


def test_the_secret_is_made_once_is_private_and_is_demanded_whole(office: Office) -> None:
    folders = [office.keyed(name) for name in "ab"]
    roots = {office.predicate(folder)["manifest"]["merkle_root"] for folder in folders}

    assert len(roots) == 1
    assert office.secret.stat().st_mode & 0o777 == 0o600
    left = {one.name for one in office.secret.parent.glob(".*")}
    assert left <= {".last-run.json.room"}
    text = office.secret.read_bytes().strip()
    assert len(bytes.fromhex(text.decode())) == 32
    assert not [
        file for folder in folders for file in folder.iterdir() if text in file.read_bytes()
    ]

    demand = ("report", str(office.desk.plan), "--names", "keyed")
    office.secret.chmod(0o644)
    assert office.run(*demand).returncode == Exit.REFUSED
    office.secret.chmod(0o600)
    office.secret.write_text("00")
    assert office.run(*demand).returncode == Exit.REFUSED


@pytest.mark.parametrize("key", [KEY, ODD])
def test_one_name_is_opened_and_checked_elsewhere(office: Office, key: str) -> None:
    folder = office.keyed()
    root = office.predicate(folder)["manifest"]["merkle_root"]

    assert told(office.open("scans", key, folder))["root"] == root

    opening = office.folder / "opening.json"
    assert opening.stat().st_mode & 0o777 == 0o600
    assert json.loads(opening.read_bytes())["key"] == key
    assert "key" not in told(office.check(root))["record"]
    assert office.check("00" * 32).returncode == Exit.DAMAGED
    assert office.open("scans", key, folder).returncode == Exit.USAGE  # never overwritten


def test_what_cannot_be_opened_is_said_in_one_line(office: Office) -> None:
    assert office.open("scans", KEY, office.plain).returncode == Exit.USAGE  # no secret as yet
    folder = office.keyed()

    for dataset, key, bundle in (
        ("scans", KEY, office.plain),  # a plain bundle has no such line
        ("scans", KEY, office.folder),
        ("scans", "nothing", folder),
        ("nothing", KEY, folder),
        ("scans", f"tmp/{CANARY_NAME}.tmp", folder),  # excluded: the manifest has no line of it
    ):
        done = office.open(dataset, key, bundle)
        assert (done.returncode, done.stderr[:7]) == (Exit.USAGE, "error: ")
    assert not (office.folder / "opening.json").exists()


def test_a_killed_report_leaves_no_name_outside_the_ledger(office: Office) -> None:
    script = (
        "import os, signal, sys\n"
        "from hdh_migrate.evidence import bundle\n"
        "from hdh_migrate.evidence.lines import sorting\n"
        "sorting.RUN = 1\n"
        "def die(*_): os.kill(os.getpid(), signal.SIGKILL)\n"
        "bundle.summary_of = die\n"
        "from hdh_migrate.cli.app import main\n"
        "main(sys.argv[1:])\n"
    )
    demand = ("report", str(office.desk.plan), "--names", "keyed", "--state-dir", str(office.state))
    done = subprocess.run(
        [sys.executable, "-c", script, *demand, "--out", str(office.folder / "keyed")],
        capture_output=True, check=False, env=office.desk.environ,
    )  # fmt: skip

    assert done.returncode == -signal.SIGKILL
    files = [path for path in office.folder.rglob("*") if path.is_file()]
    assert any(path.name == "manifest.jsonl" for path in files)  # it was killed half-way
    holders = {path.name for path in files if CANARY_NAME.encode() in path.read_bytes()}
    assert {name.partition("-")[0] for name in holders} == {"ledger.db"}
    assert office.predicate(office.keyed())["names"] == "keyed"


def test_who_asks_a_keyed_bundle_for_a_name_is_told_who_can_open_it(office: Office) -> None:
    done = office.desk.run("audit", "prove", str(office.keyed()), KEY, "--json")

    assert done.returncode == Exit.USAGE
    said = json.loads(done.stdout)["error"]
    assert said["message"] == "the manifest has no such object"
    assert "audit open" in said["hint"]
