"""One writer: two machines with copies of one state folder, on real servers."""

from __future__ import annotations

import base64
import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from hdh_migrate.demo.servers import S3Server
from hdh_migrate.errors import Exit
from hdh_migrate.evidence.signatures.signing import new_report_key
from tests.support.agreed import agreed
from tests.support.errand import BUCKET, ODD, Errand, errand
from tests.support.fixtures import s3_client
from tests.support.inside import inside as started
from tests.support.strict_s3 import StrictS3

pytestmark = [pytest.mark.live, pytest.mark.slow]

FENCE = ".hdh-migrate-fence/errand.json"


@dataclass(slots=True, kw_only=True)
class Machines:
    """One errand and the state folders of the machines that have a copy of it."""

    job: Errand
    client: Any = field(repr=False)
    folder: Path

    def call(self, machine: str, *words: str) -> tuple[int, dict[str, Any]]:
        state = self.folder / machine
        verb, *more = words
        done = started(
            verb, str(self.job.plan), "--json", "--state-dir", str(state), *more,
            env=self.job.environ,
        )  # fmt: skip
        assert "Traceback" not in done.stderr, done.stderr
        return done.returncode, json.loads(done.stdout)

    def said(self, machine: str, verb: str, *more: str) -> str:
        """Return what a verb that ends well says to people."""
        state = ("--state-dir", str(self.folder / machine))
        done = started(verb, str(self.job.plan), *state, *more, env=self.job.environ)
        assert done.returncode == Exit.OK, done.stderr
        return done.stderr

    def copy(self, machine: str, to: str) -> None:
        shutil.rmtree(self.folder / to, ignore_errors=True)
        shutil.copytree(self.folder / machine, self.folder / to)

    def fences(self, machine: str, *words: str) -> dict[str, int]:
        """Write a report and return what it says of the fences."""
        code, told = self.call(machine, *words)
        assert code == Exit.OK, told
        envelope = json.loads((Path(told["folder"]) / "statement.json").read_bytes())
        said = json.loads(base64.b64decode(envelope["payload"]))["predicate"]["fences"]
        return dict(said)

    def keys(self) -> set[str]:
        listed = self.client.list_objects_v2(Bucket=BUCKET).get("Contents", ())
        return {one["Key"] for one in listed}

    def fence(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(
            self.client.get_object(Bucket=BUCKET, Key=FENCE)["Body"].read()
        )
        return told

    def held(self) -> dict[str, bytes]:
        """Return the objects of the plan, by key."""
        listed = self.client.list_objects_v2(Bucket=BUCKET, Prefix="in/").get("Contents", ())
        return {
            one["Key"]: self.client.get_object(Bucket=BUCKET, Key=one["Key"])["Body"].read()
            for one in listed
        }


@pytest.fixture(params=["strict", "moto"])
def two(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Machines]:
    with ExitStack() as stack:
        server: S3Server | StrictS3 = (
            stack.enter_context(StrictS3())
            if request.param == "strict"
            else request.getfixturevalue(request.param)
        )
        client = s3_client(server)  # type: ignore[arg-type]  # it has what is asked of a server
        client.create_bucket(Bucket=BUCKET)
        stack.callback(_emptied, client)
        job = errand(
            tmp_path, endpoint=server.endpoint, access_key=server.access_key,
            secret_key=server.secret_key, region=server.region,
            fetch=lambda key: client.get_object(Bucket=BUCKET, Key=key)["Body"].read(),
        )  # fmt: skip
        yield Machines(job=job, client=client, folder=tmp_path)


def _emptied(client: Any) -> None:
    for one in client.list_objects_v2(Bucket=BUCKET).get("Contents", ()):
        client.delete_object(Bucket=BUCKET, Key=one["Key"])
    client.delete_bucket(Bucket=BUCKET)
    client.close()


def test_a_copy_of_the_state_folder_does_not_overwrite_what_the_other_verified(
    two: Machines,
) -> None:
    assert two.call("one", "inventory")[0] == Exit.OK
    two.copy("one", "two")
    assert two.call("one", "run")[0] == Exit.OK
    verified = two.held()

    codes = [two.call("two", "run")[0] for _ in range(2)]

    assert two.held() == verified
    assert codes == [Exit.LOCKED, Exit.LOCKED]


def test_where_the_fence_is_gone_a_look_reads_and_says_so_and_a_run_waits_for_people(
    two: Machines,
) -> None:
    """It only reads, and what was removed beside the fence is what somebody wants to know then."""
    assert two.call("one", "run")[0] == Exit.OK
    two.client.delete_object(Bucket=BUCKET, Key=FENCE)

    said = two.said("one", "verify", "--again")

    assert "the fence that this ledger left there is gone" in said
    assert "a run sends nothing anew before the fence is taken over" in said
    assert FENCE not in two.keys()  # noqa: SIM118 - no mapping
    assert (
        two.call("one", "verify", "--again", "--accept", "all", "--reason", "x")[0] == Exit.LOCKED
    )
    assert two.call("one", "run")[0] == Exit.LOCKED


def test_a_killed_run_is_gone_on_with_at_its_place_and_a_copy_of_it_is_refused(
    two: Machines,
) -> None:
    job = two.job
    text = job.plan.read_text()  # half a minute of work: it is killed before its end, however late
    job.plan.write_text(text.replace("limits: {", "limits: {bandwidth: 256KiB/s, "))
    nowhere = Path(os.devnull)
    process = job.begin("run", "--state-dir", str(two.folder / "one"), out=nowhere, err=nowhere)
    while FENCE not in two.keys():  # noqa: SIM118 - no mapping
        assert process.poll() is None
        time.sleep(0.002)
    process.kill_all()
    job.plan.write_text(text)
    assert two.fence()["state"] == "running"
    two.copy("one", "two")

    code, told = two.call("two", "run")

    assert code == Exit.LOCKED
    assert "has not said that it ended" in told["error"]["message"]
    assert two.call("two", "fence")[0] == Exit.LOCKED
    assert two.call("one", "run")[0] == Exit.OK
    assert two.fence()["state"] == "idle"
    assert two.call("one", "fence")[1]["fences"][0]["ours"] is True


def test_no_report_is_written_from_an_older_copy_of_the_ledger(two: Machines) -> None:
    """It was signed, called complete, and knew nothing of what was done since."""
    with two.job.plan.open("a") as plan:
        plan.write("claim: {provider: them, customer: us, contract: one}\n")
    assert two.call("one", "run")[0] == Exit.OK
    two.copy("one", "two")
    assert two.fences("two", "report") == {"ours": 1, "unknown": 0}  # as new as the other one
    assert two.call("one", "run")[0] == Exit.OK

    code, told = two.call("two", "report")

    assert code == Exit.LOCKED
    assert "the ledger here is not the newest" in told["error"]["message"]
    claim = ("forecast", "--dossier", str(two.folder / "claim"))  # signed, too: of what was read
    assert two.call("two", *claim)[0] == Exit.LOCKED
    assert two.call("one", *claim)[0] == Exit.OK
    assert two.fences("two", "report", "--offline") == {"ours": 0, "unknown": 1}
    assert two.fences("one", "report") == {"ours": 1, "unknown": 0}
    two.client.delete_object(Bucket=BUCKET, Key=FENCE)  # as when the migration is over
    assert two.fences("one", "report") == {"ours": 0, "unknown": 1}
    said = two.said("one", "report")  # nothing was said of a bucket that was deleted with it all
    assert "who wrote last at the target is not known" in said
    assert "the fence that this ledger left there is gone" in said
    assert '--again" says what the target still holds' in said


def test_a_copy_from_before_a_verb_that_writes_nothing_at_the_target_is_refused_too(
    two: Machines,
) -> None:
    """A look, a rollback, a revocation: the fence was not told, and let the older copy in."""
    assert two.call("one", "run")[0] == Exit.OK
    two.copy("one", "two")
    before = two.fence()
    assert two.call("two", "verify", "--again")[0] == Exit.OK
    assert two.fence() == before  # who looks from elsewhere shuts nobody out

    assert two.call("one", "verify", "--again")[0] == Exit.OK

    assert two.fence()["nonce"] == before["nonce"]
    assert two.fence()["events"] > before["events"]
    code, told = two.call("two", "run")
    assert (code, "an older copy" in told["error"]["message"]) == (Exit.LOCKED, True)
    assert two.call("two", "report")[0] == Exit.LOCKED
    code, held = two.call("two", "hold")  # it asks no fence before, and what it did is lost
    assert (code, "is not the newest" in held["error"]["message"]) == (Exit.LOCKED, True)
    assert "not the newest" not in two.said("one", "hold")
    assert "not the newest" not in two.said("one", "hold", "--release")
    assert two.call("one", "run")[0] == Exit.OK


def test_a_hold_is_not_lost_with_an_older_copy_of_the_state_folder(two: Machines) -> None:
    """It is a file beside the ledger: put back from before, nothing was held, and nobody knew."""
    assert two.call("one", "run")[0] == Exit.OK
    two.copy("one", "two")
    assert two.call("one", "hold", "--reason", "ward 3 still writes")[0] == Exit.OK

    code, told = two.call("two", "run")

    assert (code, "an older copy" in told["error"]["message"]) == (Exit.LOCKED, True)
    assert two.call("one", "hold", "--release")[0] == Exit.OK
    (two.folder / "one" / "errand" / "hold").touch()  # put there with any tool
    assert two.call("one", "run")[0] == Exit.OK
    journal = started(
        "audit", "journal", str(two.job.plan), "--json", "--state-dir", str(two.folder / "one"),
        env=two.job.environ,
    ).stdout  # fmt: skip
    events = [json.loads(line) for line in journal.splitlines() if "hold-noticed" in line]
    assert [json.loads(one["body"])["held"] for one in events] == [True, False, True]
    assert "ward" not in journal


def with_approver(two: Machines) -> tuple[str, str]:
    """Let the plan name somebody who approves; return the option that signs as them."""
    new_report_key(two.folder / "keys", "dpo", None)
    with two.job.plan.open("a") as plan:
        plan.write("approvals: {keys: [keys/dpo.pub], threshold: 1}\n")
    return "--key", str(two.folder / "keys" / "dpo.key")


def test_a_withdrawal_is_not_lost_with_an_older_copy_of_the_state_folder(two: Machines) -> None:
    """It is a file beside the ledger: put back from before, what was taken back counted again."""
    folder, dpo = two.folder, with_approver(two)
    assert two.call("one", "run")[0] == Exit.OK
    stage = ("--batch", "all", "--stage", "cutover")
    told = two.call("one", "approve", *stage, *dpo)[1]
    two.copy("one", "two")
    assert two.call("one", "approve", "--withdraw", told["approval"], *dpo)[0] == Exit.OK

    code, refused = two.call("two", "run")

    assert (code, "an older copy" in refused["error"]["message"]) == (Exit.LOCKED, True)
    code, report = two.call("one", "report")
    assert code == Exit.OK
    journal = (Path(report["folder"]) / "journal.jsonl").read_text()
    assert journal.count("cutover-approval-withdrawn") == 1
    signed_by = folder / "keys" / "report.pub"
    agreed(Path(report["folder"]), signed_by)
    checked = started("audit", "verify", report["folder"], "--trust", str(signed_by))
    assert checked.returncode == Exit.OK, checked.stderr
    told = two.call("one", "approve", *stage, *dpo)[1]
    assert two.call("one", "approve", "--withdraw", told["approval"], *dpo)[0] == Exit.OK
    assert two.call("one", "run")[0] == Exit.OK  # it tells of each once


def test_an_approval_by_a_copy_that_went_another_way_is_not_kept(two: Machines) -> None:
    """It was kept without a word, and in the hour of the switch it did not count."""
    folder, dpo = two.folder, with_approver(two)
    assert two.call("one", "run")[0] == Exit.OK
    two.copy("one", "two")
    stage = ("--batch", "all", "--stage", "cutover")
    for machine in ("two", "one"):
        assert two.call(machine, "verify", "--again")[0] == Exit.OK
    for machine, expected in (("two", Exit.REFUSED), ("one", Exit.OK)):
        made = folder / f"by-{machine}"
        assert two.call(machine, "approve", *stage, *dpo, "--out", str(made))[0] == Exit.OK
        code, told = two.call("one", "approve", "--import", str(made))
        assert code == expected
        assert ("would not count" in json.dumps(told)) == (machine == "two")


def test_an_opening_is_not_lost_with_an_older_copy_of_the_state_folder(two: Machines) -> None:
    """Who read what is a line beside the ledger: put back from before, no report told of it."""
    assert two.call("one", "run")[0] == Exit.OK
    two.copy("one", "two")
    before, fetch = two.fence(), ("fetch", "all", ODD, "--out")
    two.said("one", *fetch, str(two.folder / "opened"), "--reason", "ticket 4711")
    assert two.fence()["events"] > before["events"]

    code, told = two.call("two", "report")

    assert (code, "an older copy" in told["error"]["message"]) == (Exit.LOCKED, True)
    late = two.said("two", *fetch, str(two.folder / "late"), "--reason", "in need")
    assert "the ledger here is not the newest" in late
    report = two.call("one", "report")[1]["folder"]
    assert "ticket 4711" in (Path(report) / "journal.jsonl").read_text()


def test_a_take_over_says_why_and_shuts_the_other_out(two: Machines) -> None:
    assert two.call("one", "run")[0] == Exit.OK
    two.copy("one", "two")
    assert two.call("one", "run")[0] == Exit.OK
    assert two.call("two", "run", "--take-over")[0] == Exit.USAGE
    assert two.call("two", "run", "--reason", "none")[0] == Exit.USAGE
    assert two.call("two", "run", "--dry-run")[0] == Exit.LOCKED
    checks = two.call("two", "preflight")[1]["checks"]
    assert [one["ok"] for one in checks if one["check"] == "one writer"] == [False]
    before = two.fence()
    assert two.call("two", "transfer")[0] == Exit.LOCKED
    assert two.call("two", "verify", "--again", "--restore", "all")[0] == Exit.LOCKED
    assert two.call("two", "verify", "--again")[0] == Exit.LOCKED
    assert two.call("two", "cleanup", "--execute", "--older-than", "1s")[0] == Exit.LOCKED
    assert two.fence() == before

    code, told = two.call("two", "fence", "--take-over", "--reason", "one burned")

    assert code == Exit.OK
    assert (told["fences"][0]["epoch"], told["fences"][0]["ours"]) == (1, True)
    code, told = two.call("one", "run")
    assert code == Exit.LOCKED
    assert "epoch 1" in told["error"]["message"]
    assert "--take-over" in told["error"]["hint"]
    two.job.corpus["late"] = b"came late"
    assert two.call("two", "run")[0] == Exit.OK
    journal = started(
        "audit", "journal", str(two.job.plan), "--json", "--state-dir", str(two.folder / "two"),
        env=two.job.environ,
    ).stdout  # fmt: skip
    taken = [json.loads(line) for line in journal.splitlines() if "one burned" in line]
    assert len(taken) == 1
    assert two.call("two", "report")[0] == Exit.OK


def test_a_backup_from_the_middle_of_a_run_is_refused_once_the_run_has_ended(
    two: Machines,
) -> None:
    job = two.job
    text = job.plan.read_text()
    job.plan.write_text(text.replace("limits: {", "limits: {bandwidth: 256KiB/s, "))
    nowhere = Path(os.devnull)
    process = job.begin("run", "--state-dir", str(two.folder / "one"), out=nowhere, err=nowhere)
    while not two.held():
        assert process.poll() is None
        time.sleep(0.002)
    began = two.fence()["nonce"]
    # It waits, and so cannot end meanwhile, however slow we are.
    assert two.call("one", "pause")[0] == Exit.OK
    stick = two.folder / "stick"
    backup = ("ledger", "backup", str(job.plan), "--to", str(stick))
    done = started(*backup, "--state-dir", str(two.folder / "one"), env=job.environ)
    assert done.returncode == Exit.OK, done.stderr
    job.plan.write_text(text)
    assert two.call("one", "resume")[0] == Exit.OK
    assert process.wait() == Exit.OK
    held, fence = two.held(), two.fence()
    (copy,) = stick.iterdir()
    (two.folder / "two").mkdir(mode=0o700)
    shutil.copytree(copy, two.folder / "two" / "errand")
    assert two.call("two", "resume")[0] == Exit.LOCKED  # done: the pause was copied, too

    code, told = two.call("two", "run")

    assert code == Exit.LOCKED, told
    # A run that notices the pause gives its fence back, and takes it anew when it goes on.
    same = fence["nonce"] == began
    words = "an older copy of the ledger" if same else "another copy of this ledger writes there"
    assert words in told["error"]["message"]
    assert two.call("two", "run", "--dry-run")[0] == Exit.LOCKED
    assert two.call("two", "fence")[0] == Exit.LOCKED
    assert two.call("two", "verify", "--again")[0] == Exit.LOCKED
    assert (two.held(), two.fence()) == (held, fence)
    # What the message names goes on: nothing that the other verified is sent again.
    assert two.call("two", "adopt")[0] == Exit.OK
    assert two.call("two", "fence", "--take-over", "--reason", "one burned")[0] == Exit.OK
    assert two.call("two", "run")[0] == Exit.OK
    assert two.held() == held
    assert two.call("one", "run")[0] == Exit.LOCKED


def test_a_state_folder_that_was_moved_goes_on(two: Machines) -> None:
    assert two.call("one", "transfer")[0] == Exit.OK
    two.copy("one", "two")  # on another disk, and the first is gone
    shutil.rmtree(two.folder / "one")
    assert "the ledger lay elsewhere then" in two.said("two", "hold")
    assert two.call("two", "hold", "--release")[0] == Exit.OK
    assert two.call("two", "run")[0] == Exit.OK
    assert two.fence()["epoch"] == 0


def test_what_is_released_waits_for_the_ledger_that_comes_next(two: Machines) -> None:
    assert two.call("one", "run")[0] == Exit.OK
    assert two.call("one", "fence", "--release")[0] == Exit.OK
    assert two.fence()["state"] == "released"
    code, _ = two.call("other", "run")
    assert code == Exit.REFUSED  # its objects are another ledger's, until it adopts them
    assert two.call("other", "adopt")[0] == Exit.OK
    assert two.call("other", "run")[0] == Exit.OK
    assert two.fence()["epoch"] == 1
    assert two.call("one", "run")[0] == Exit.LOCKED


def test_a_fence_holds_no_secret_and_no_name_of_an_object(two: Machines) -> None:
    assert two.call("one", "run")[0] == Exit.OK
    body = two.client.get_object(Bucket=BUCKET, Key=FENCE)["Body"].read().decode()
    for hidden in (*two.job.corpus, two.job.environ["T_SECRET"], str(two.folder)):
        assert hidden not in body
    assert set(json.loads(body)) == {
        "epoch", "events", "format", "head", "host", "ledger", "migration", "nonce", "pid", "place",
        "recipients", "seen", "since", "state",
    }  # fmt: skip


@pytest.mark.parametrize("two", ["rclone_s3"], indirect=True)
def test_a_host_that_keeps_no_conditions_gets_a_fence_that_is_watched(two: Machines) -> None:
    assert two.call("one", "inventory")[0] == Exit.OK
    two.copy("one", "two")
    run = ("run", str(two.job.plan), "--state-dir", str(two.folder / "one"))
    done = started(*run, env=two.job.environ)
    assert done.returncode == Exit.OK, done.stderr
    assert "watched and not enforced" in done.stderr
    assert "not told of this: the host keeps no conditions" in two.said("one", "hold")
    assert two.said("one", "hold", "--release")
    verified = two.held()
    assert two.call("two", "run")[0] == Exit.LOCKED
    assert two.call("two", "fence", "--take-over", "--reason", "one burned")[0] == Exit.OK
    assert two.call("one", "run")[0] == Exit.LOCKED
    assert two.held() == verified
