"""The command as operators run it: a folder to a real S3 server, mistakes and stops included."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from hdh_migrate.errors import Exit
from hdh_migrate.evidence.signatures.signing import new_report_key
from hdh_migrate.model import FENCES
from hdh_migrate.sealing.keys import new_pair
from tests.support.command import command as started
from tests.support.fixtures import Bucket, s3_client
from tests.support.processes import LONG

ROOT = Path(__file__).parents[2]
CANARY_SECRET = "cAnArY0secret0value0never0to0be0seen"
CANARY_NAME = "DUPONT-Jeanne-1961-IRM"

pytestmark = pytest.mark.live


class Desk:
    """A folder with data, keys and a plan, and the command to run on it."""

    def __init__(self, folder: Path, bucket: Bucket) -> None:
        self.folder, self.bucket = folder, bucket
        (folder / "keys").mkdir()
        for name in ("steward", "escrow"):
            new_pair(folder / "keys", name, passphrase=None)
        new_report_key(folder / "keys", "report", None)
        self.plan = folder / "plan.yaml"
        self.write("a/one.csv", b"1,2,3\n" * 100)
        self.write("a/é two%.csv", b"")
        self.write(f"b/{CANARY_NAME}.dcm", b"DICM" * 5000)
        self.text = f"""\
version: 1
migration: essai
source: {{kind: folder}}
target:
  provider: generic
  endpoint: {bucket.server.endpoint}
  region: {bucket.server.region}
  credential: {{kind: access-key, id: "env:T_ID", secret: "env:T_SECRET"}}
seal:
  format: crypt4gh
  recipients: [keys/steward.pub, keys/escrow.pub]
  identity: "file:keys/steward.sec"
datasets:
  - name: tables
    source: {{path: data/a}}
    target: {{bucket: {bucket.name}, prefix: a/}}
  - name: scans
    source: {{path: data/b}}
    target: {{bucket: {bucket.name}, prefix: b/}}
batches:
  - {{name: pilot, datasets: [tables]}}
  - {{name: imaging, datasets: [scans], needs: [pilot]}}
report: {{signer: "file:keys/report.key", languages: [fr]}}
"""
        self.plan.write_text(self.text)
        self.environ = os.environ | {"T_ID": "AKIACANARYCANARY", "T_SECRET": CANARY_SECRET}

    def write(self, name: str, data: bytes) -> None:
        path = self.folder / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "hdh_migrate", *arguments]

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        done = started(*arguments, env=self.environ)
        assert "Traceback" not in done.stderr, done.stderr
        assert CANARY_SECRET not in done.stdout + done.stderr
        assert CANARY_NAME not in done.stdout + done.stderr
        return done

    def stored(self) -> set[str]:
        found = self.bucket.client.list_objects_v2(Bucket=self.bucket.name)
        keys = {entry["Key"] for entry in found.get("Contents", ())}
        return {key for key in keys if not key.startswith(FENCES)}

    def etag(self, key: str) -> str:
        return str(self.bucket.client.head_object(Bucket=self.bucket.name, Key=key)["ETag"])


@pytest.fixture
def desk(tmp_path: Path, bucket: Bucket) -> Desk:
    return Desk(tmp_path, bucket)


def document(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    lines = done.stdout.splitlines()
    assert len(lines) == 1
    return dict(json.loads(lines[0]))


def test_help_lists_the_verbs() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "hdh_migrate", "--help"], capture_output=True, text=True, check=True
    )
    for verb in ("init", "validate", "preflight", "run", "status", "report", "fetch", "keys"):
        assert verb in done.stdout


def test_the_readme_gives_the_exit_codes_as_they_are() -> None:
    cells = re.findall(r"\| (\d+) \| [a-z]", (ROOT / "README.md").read_text())
    assert sorted(map(int, cells)) == sorted(int(code) for code in Exit)


def test_init_gives_a_plan_that_validates_and_is_never_overwritten(tmp_path: Path) -> None:
    def run(*arguments: str) -> int:
        return started(*arguments).returncode

    assert run("init", str(tmp_path / "new")) == Exit.OK
    assert run("validate", str(tmp_path / "new" / "plan.yaml")) == Exit.OK
    before = (tmp_path / "new" / "plan.yaml").read_text()
    assert run("init", str(tmp_path / "new")) == Exit.USAGE
    assert (tmp_path / "new" / "plan.yaml").read_text() == before


def test_a_passphrase_that_nobody_types_is_said_so_and_no_key_is_made(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "hdh_migrate", "keys", "new", "steward", "--passphrase"],
        cwd=tmp_path, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
        start_new_session=True,  # or it would ask at the terminal of whoever runs the tests
    )  # fmt: skip
    assert done.returncode == Exit.USAGE
    assert "error: nobody typed a passphrase, so nothing was written" in done.stderr
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_dossier_that_is_not_there_is_no_damaged_one(tmp_path: Path) -> None:
    new_report_key(tmp_path, "report", None)
    done = started("audit", "dossier", "claim", "--trust", "report.pub", cwd=tmp_path)
    assert done.returncode == Exit.USAGE
    assert "error: claim: there is no dossier here" in done.stderr


def test_validate_reports_every_mistake_with_its_place(desk: Desk) -> None:
    desk.plan.write_text(
        desk.text.replace("version: 1", "version: 2").replace("kind: folder", "kind: floppy")
    )
    done = desk.run("validate", str(desk.plan))
    assert done.returncode == Exit.REFUSED
    assert len(re.findall(r"plan\.yaml:\d+:\d+: ", done.stderr)) >= 2


@pytest.mark.parametrize("plan", sorted((ROOT / "plans").glob("*.yaml")), ids=lambda p: p.stem)
def test_every_example_plan_validates(plan: Path) -> None:
    assert started("validate", str(plan)).returncode == Exit.OK


def test_a_dry_run_forecasts_and_leaves_no_trace(desk: Desk) -> None:
    done = desk.run("run", str(desk.plan), "--dry-run", "--json")
    told = document(done)
    assert done.returncode == Exit.OK
    assert sum(batch["objects"] for batch in told["batches"]) == 3
    assert desk.stored() == set()
    assert not (desk.folder / ".hdh-migrate").exists()


def test_two_batches_move_and_come_back(desk: Desk) -> None:
    assert desk.run("preflight", str(desk.plan)).returncode == Exit.OK
    done = desk.run("run", str(desk.plan), "--json", "--out", str(desk.folder / "evidence"))
    assert done.returncode == Exit.OK, done.stderr
    assert document(done)["report"]["proven"]
    assert desk.stored() == {
        "a/one.csv.c4gh", "a/é two%.csv.c4gh", f"b/{CANARY_NAME}.dcm.c4gh",
    }  # fmt: skip

    told = document(desk.run("status", str(desk.plan), "--json"))
    assert all(batch["steps"]["verify"]["done"] for batch in told["batches"])

    holder = next(desk.folder.glob(".hdh-migrate/*/lock")).open()
    fcntl.flock(holder, fcntl.LOCK_EX)  # another command of this plan is under way
    out = desk.folder / "back.csv"
    fetched = ("fetch", str(desk.plan), "tables", "one.csv", "--out", str(out))
    done = desk.run(*fetched, "--reason", "ticket 4711", "--json")
    assert done.returncode == Exit.OK, done.stderr
    assert out.read_bytes() == b"1,2,3\n" * 100
    assert "the next one lets the journal tell" in done.stderr

    again = desk.folder / "again"
    refused = desk.run("report", str(desk.plan), "--out", str(again))
    assert refused.returncode == Exit.LOCKED, refused.stderr
    assert not again.exists()
    holder.close()
    assert desk.run("report", str(desk.plan), "--out", str(again)).returncode == Exit.OK
    payload = json.loads((again / "statement.json").read_text())["payload"]
    (opening,) = json.loads(base64.b64decode(payload))["predicate"]["openings"]
    assert (opening["dataset"], opening["reason"]) == ("tables", "ticket 4711")
    assert "ticket 4711" in (again / "report.fr.html").read_text()
    checked = desk.run("audit", "verify", str(again), "--trust", str(desk.folder / "report.pub"))
    assert "openings" not in checked.stdout + checked.stderr

    lines = (desk.folder / "evidence" / "manifest.jsonl").read_text().splitlines()
    assert [json.loads(line)["verdict"] for line in lines] == ["match"] * 3
    for path in desk.folder.rglob("*"):
        if path.is_file():
            assert CANARY_SECRET.encode() not in path.read_bytes(), path


def test_running_again_changes_nothing(desk: Desk) -> None:
    desk.run("run", str(desk.plan))
    client = s3_client(desk.bucket.server)

    def there() -> list[Any]:
        found = client.list_objects_v2(Bucket=desk.bucket.name)["Contents"]
        return [entry for entry in found if not entry["Key"].startswith(FENCES)]

    before = there()
    assert desk.run("run", str(desk.plan)).returncode == Exit.OK
    assert there() == before


def test_an_existing_different_object_is_a_conflict_and_is_not_touched(desk: Desk) -> None:
    client = s3_client(desk.bucket.server)
    client.put_object(Bucket=desk.bucket.name, Key="a/one.csv.c4gh", Body=b"somebody else's")
    done = desk.run("run", str(desk.plan))
    assert done.returncode == Exit.FINDINGS
    body = client.get_object(Bucket=desk.bucket.name, Key="a/one.csv.c4gh")["Body"].read()
    assert body == b"somebody else's"
    assert f"b/{CANARY_NAME}.dcm.c4gh" not in desk.stored(), "imaging needs pilot"


def test_of_a_dataset_that_no_run_knows_yet_nothing_is_given_or_approved(desk: Desk) -> None:
    new_report_key(desk.folder / "keys", "dpo", None)
    asked = "approvals: {keys: [keys/dpo.pub], threshold: 1}\n"
    desk.plan.write_text(desk.text + asked)
    plan, keys, bundle = str(desk.plan), desk.folder / "keys", str(desk.folder / "bundle")
    done = desk.run("run", plan, "--batch", "pilot", "--out", bundle)
    assert done.returncode == Exit.OK, done.stderr
    more = f"  - {{name: more, source: {{path: data/c}}, target: {{bucket: {desk.bucket.name}}}}}\n"
    text = desk.text.replace(
        "batches:\n", f"{more}batches:\n  - {{name: last, datasets: [more]}}\n"
    )
    desk.plan.write_text(text + asked)

    out = ("--out", str(desk.folder / "out"))
    for done in (
        desk.run("fetch", plan, "more", "x.dcm", "--reason", "ticket 4711", *out),
        desk.run("audit", "open", plan, "more", "x.dcm", "--bundle", bundle, *out),
    ):
        assert done.returncode == Exit.USAGE, done.stderr
        assert "nothing of dataset more was moved" in done.stderr
    done = desk.run(
        "approve", plan, "--batch", "last", "--stage", "terms", "--key", f"{keys}/dpo.key",
        "--bundle", bundle, "--trust", f"{keys}/report.pub", *out,
    )  # fmt: skip
    assert done.returncode == Exit.REFUSED, done.stderr
    assert "the bundle does not prove batch last" in done.stderr


def test_a_changed_plan_is_refused_with_the_differences(desk: Desk) -> None:
    desk.run("run", str(desk.plan), "--until", "inventory")
    desk.plan.write_text(desk.text.replace("prefix: a/", "prefix: z/"))
    done = desk.run("run", str(desk.plan))
    assert done.returncode == Exit.REFUSED
    assert '"a/" -> "z/"' in done.stderr
    assert desk.stored() == set()


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("path: data/a", "path: data/nowhere", Exit.REFUSED),
        ("bucket: ", "bucket: no-such-bucket-", Exit.REFUSED),
        ("keys/escrow.pub", "keys/nobody.pub", Exit.REFUSED),
        ("[keys/steward.pub, keys/escrow.pub]", "[keys/steward.pub]", Exit.REFUSED),
        ('  identity: "file:keys/steward.sec"\n', "", Exit.REFUSED),
        ("env:T_SECRET", "env:NOT_THERE", Exit.REFUSED),
        ("endpoint: http://127.0.0.1", "endpoint: http://192.0.2.1", Exit.REFUSED),
    ],
)
def test_what_is_missing_is_refused_before_a_byte_moves(
    desk: Desk, old: str, new: str, code: Exit
) -> None:
    assert old in desk.text
    desk.plan.write_text(desk.text.replace(old, new))
    done = desk.run("run", str(desk.plan))
    assert done.returncode == code, done.stderr
    assert desk.stored() == set()


def test_names_that_s3_cannot_hold_are_all_listed_before_transfer(desk: Desk) -> None:
    desk.write("a/line\nbreak.csv", b"x")
    desk.write(
        "a/" + "é" * 120 + "/" + "ü" * 120 + "/" + "à" * 120 + "/" + "ô" * 120 + "/" + "û" * 120,
        b"x",
    )
    desk.write("a/ONE.csv", b"x")
    done = desk.run("run", str(desk.plan))
    assert done.returncode == Exit.REFUSED
    for code in ("key-control", "key-too-long", "collision"):
        assert code in done.stderr
    assert desk.stored() == set()


def test_a_second_run_says_who_holds_the_ledger(desk: Desk) -> None:
    desk.run("run", str(desk.plan), "--until", "inventory")
    holder = (
        "import sys, time; from pathlib import Path;"
        "from hdh_migrate.ledger.holding import RunLock;"
        "lock = RunLock(Path(sys.argv[1])); print('held', flush=True); time.sleep(900)"
    )
    path = desk.folder / ".hdh-migrate" / "essai" / "lock"
    with subprocess.Popen(
        [sys.executable, "-c", holder, str(path)], stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        other.stdout.readline()
        done = desk.run("run", str(desk.plan))
        other.kill()
    assert done.returncode == Exit.LOCKED
    assert str(other.pid) in done.stderr


def test_an_interrupted_run_ends_with_130_and_the_next_one_completes(desk: Desk) -> None:
    for number in range(100):
        desk.write(f"a/many/{number:04d}.csv", b"x" * 20_000)
    # Twenty seconds of work: it is interrupted before its end, however late.
    desk.plan.write_text(desk.text + 'limits: {bandwidth: "100KiB/s"}\n')
    process = subprocess.Popen(
        desk.command("run", str(desk.plan), "--no-progress"),
        env=desk.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    deadline = time.monotonic() + LONG
    while not desk.stored() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=LONG)
    assert process.returncode == Exit.INTERRUPTED
    desk.plan.write_text(desk.text)
    assert desk.run("run", str(desk.plan)).returncode == Exit.OK


def test_a_reader_that_goes_away_does_not_break_a_command(desk: Desk) -> None:
    command = " ".join(desk.command("status", str(desk.plan), "--json"))
    desk.run("run", str(desk.plan))
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command} | true"],
        env=desk.environ, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr


def test_objects_and_causes_are_told_without_a_name(desk: Desk) -> None:
    assert desk.run("run", str(desk.plan)).returncode == Exit.OK
    lines = [
        json.loads(line) for line in desk.run("ls", str(desk.plan), "--json").stdout.splitlines()
    ]
    assert [line["state"] for line in lines] == ["verified"] * 3
    assert desk.run("errors", str(desk.plan)).returncode == Exit.OK


def test_parts_too_large_for_memory_are_streamed_and_verified(desk: Desk) -> None:
    desk.write("a/large.bin", os.urandom(20 << 20))
    desk.plan.write_text(desk.text + "limits: {memory: 16MiB}\n")
    done = desk.run("run", str(desk.plan), "--json", "--out", str(desk.folder / "evidence"))
    assert done.returncode == Exit.OK, done.stderr
    assert document(done)["report"]["proven"]
    out = desk.folder / "large.bin"
    assert desk.run(
        "fetch", str(desk.plan), "tables", "large.bin", "--out", str(out)
    ).returncode == Exit.OK  # fmt: skip
    assert out.read_bytes() == (desk.folder / "data/a/large.bin").read_bytes()


def test_the_same_run_with_the_same_out_puts_the_earlier_report_aside(desk: Desk) -> None:
    out = desk.folder / "evidence"
    assert desk.run("run", str(desk.plan), "--out", str(out)).returncode == Exit.OK
    (desk.folder / "data/a/late.bin").write_bytes(b"something to tell")

    again = desk.run("run", str(desk.plan), "--refresh", "--out", str(out))

    assert again.returncode == Exit.OK, again.stderr
    assert len(list(desk.folder.glob("evidence-*/statement.json"))) == 1
    assert (out / "statement.json").exists()


def test_an_out_that_holds_something_else_is_refused_before_a_byte_moves(desk: Desk) -> None:
    out = desk.folder / "evidence"
    out.mkdir()
    (out / "statement.json").write_text("[]")

    done = desk.run("run", str(desk.plan), "--out", str(out))

    assert done.returncode == Exit.USAGE
    assert not desk.stored()
    assert (out / "statement.json").read_text() == "[]"


def test_a_second_ledger_of_the_same_plan_overwrites_nothing(desk: Desk) -> None:
    assert desk.run("run", str(desk.plan)).returncode == Exit.OK
    before = {key: desk.etag(key) for key in desk.stored()}

    other = ("run", str(desk.plan), "--state-dir", str(desk.folder / "other"))
    assert desk.run(*other).returncode == Exit.LOCKED
    done = desk.run(*other, "--take-over", "--reason", "the first ledger is lost")

    assert done.returncode == Exit.REFUSED
    assert {key: desk.etag(key) for key in desk.stored()} == before
    assert "objects of this migration that this ledger does not know" in done.stderr
    assert f"hdh-migrate adopt {desk.plan} --state-dir" in done.stderr


@pytest.mark.parametrize("verb", [("run",), ("run", "--dry-run"), ("preflight",), ("transfer",)])
def test_a_host_that_nobody_attests_gets_nothing(desk: Desk, verb: tuple[str, ...]) -> None:
    lines = [line for line in desk.text.splitlines() if not line.startswith("  endpoint:")]
    text = "\n".join(lines).replace("provider: generic", "provider: scaleway")
    desk.plan.write_text(re.sub(r"region: .*", "region: fr-par", text))

    done = desk.run(verb[0], str(desk.plan), *verb[1:])

    assert done.returncode == Exit.REFUSED
    assert "https://s3.fr-par.scw.cloud is not attested" in done.stdout + done.stderr
