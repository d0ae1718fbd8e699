"""The main job from an SFTP server, end to end: proved, resumed, cut, and told."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from hdh_migrate.demo.watch import wait_for
from hdh_migrate.evidence.check import examine
from hdh_migrate.evidence.signatures.signing import load_trusted_key
from hdh_migrate.model import Step
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.verbs.report import write_report
from tests.support import second_verifier
from tests.support.errand import BUCKET, MIB, Errand, errand
from tests.support.fixtures import s3_client
from tests.support.quiet import Notes
from tests.support.servers import rclone_sftp
from tests.support.sftp import Cutter, section_of
from tests.support.ssh import SshServer, new_key, openssh
from tests.support.strict_s3 import Manner, StrictS3

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshServer]:
    folder = tmp_path_factory.mktemp("sshd")
    with openssh(folder, folder / "log") as server:
        yield server


@pytest.fixture
def store() -> Iterator[StrictS3]:
    with StrictS3(Manner()) as server:
        yield server


def an_errand(folder: Path, store: StrictS3, source: Mapping[str, Any], **more: Any) -> Errand:
    client = s3_client(store)
    client.create_bucket(Bucket=BUCKET)
    return errand(
        folder, endpoint=store.endpoint, access_key=store.access_key,
        secret_key=store.secret_key, region=store.region,
        fetch=lambda key: store.store.buckets[BUCKET].version(key, None).body,
        source=json.dumps(source), place=str(folder / "data"), **more,
    )  # fmt: skip


def desk_of(job: Errand) -> Desk:
    return Desk.open(job.plan, None, Notes(), threading.Event())


def test_it_is_moved_verified_and_proved_to_both_verifiers(
    tmp_path: Path, store: StrictS3, sshd: SshServer
) -> None:
    job = an_errand(tmp_path, store, section_of(sshd, double_read=True))

    assert job.run_here() == (0, "")

    job.check_stored()
    assert sorted(job.findings()) == [("ssh-agreed", None), ("version-by-time", None)]
    desk = desk_of(job)
    report = write_report(desk, tmp_path / "bundle")
    key = load_trusted_key(tmp_path / "keys" / "report.pub")
    assert report["proven"]
    outcome = examine(Path(report["folder"]), [key])
    assert outcome.problems == []
    trusted = {key.fingerprint: (key.public, key.until)}
    assert second_verifier.verify(Path(report["folder"]), trusted, 1) == []
    source = outcome.predicate["endpoints"][0]
    assert (source["kind"], source["local"]) == ("azure-sftp", True)
    assert source["url"] == f"sftp://{sshd.host}:{sshd.port}"
    assert source["requests"] > 0
    # Twice, as `double_read` says: what was sent, and what was read again.
    assert source["bytes_read"] > 2 * sum(map(len, job.corpus.values()))
    journal = (Path(report["folder"]) / "journal.jsonl").read_text()
    assert sshd.host_key.fingerprint in journal
    page = (Path(report["folder"]) / "report.en.html").read_text()
    assert "aes128-gcm@openssh.com" in page
    assert "SFTP tells no version" in page
    assert "owners, modes and empty directories are not read" in page


def test_what_is_killed_goes_on_and_is_cut_ten_times(
    tmp_path: Path, store: StrictS3, sshd: SshServer
) -> None:
    cutter = Cutter(sshd, [(5 + n % 3) * MIB for n in range(10)])
    try:
        job = an_errand(tmp_path, store, section_of(cutter.server), big=90 * MIB)
        job.plan.write_text(job.plan.read_text().replace("retry_budget: 2s", "retry_budget: 10m"))
        uploads = store.store.buckets[BUCKET].uploads
        job.kill_when("run", lambda: bool(uploads) and len(cutter.left) < 7)
        assert job.call("run")[0] == 0
        job.check_stored()
        assert not cutter.left
    finally:
        cutter.close()


@pytest.mark.slow
def test_a_server_that_is_not_openssh_is_read_and_cut_ten_times(
    tmp_path: Path, store: StrictS3
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "ssh").mkdir()
    with rclone_sftp(tmp_path / "ssh", tmp_path / "data", tmp_path / "rclone.log") as server:
        cutter = Cutter(server, [(2 + n % 3) * MIB for n in range(10)])
        try:
            job = an_errand(tmp_path, store, section_of(cutter.server), big=90 * MIB)
            text = job.plan.read_text().replace("retry_budget: 2s", "retry_budget: 10m")
            job.plan.write_text(text.replace(f"path: {tmp_path / 'data'}", 'path: "."'))
            code, told = job.call("run")
            assert code == 0, told
            job.check_stored()
            assert not cutter.left
        finally:
            cutter.close()


def test_another_host_key_stops_the_run_and_blames_no_object(
    tmp_path: Path, store: StrictS3, sshd: SshServer
) -> None:
    job = an_errand(tmp_path, store, section_of(sshd))
    assert job.run_here(Step.INVENTORY)[0] == 0  # all of it is still to be read
    other = new_key(tmp_path / "other").fingerprint
    job.plan.write_text(job.plan.read_text().replace(sshd.host_key.fingerprint, other))

    code, told = job.run_here()

    assert code == 3, told
    assert [code for code, _ in job.findings()] == ["version-by-time", "ssh-agreed"]


def test_preflight_says_what_is_wrong_in_one_line(
    tmp_path: Path, store: StrictS3, sshd: SshServer
) -> None:
    server = sshd
    wrong = section_of(
        server,
        host_keys=[{"fingerprint": server.host_key.fingerprint, "valid_until": "2020-01-01"}],
    )
    job = an_errand(tmp_path, store, wrong)
    code, told = job.call("preflight")
    assert code == 3, told
    (problem,) = [
        line for check in told["checks"] for line in check.get("problems", ()) if "host key" in line
    ]
    assert "until 2020-01-01" in problem
    assert os.sep + "data" not in problem or "source" in problem


def test_a_key_in_the_agent_logs_in_and_is_read_by_two_processes(
    tmp_path: Path, store: StrictS3, sshd: SshServer
) -> None:
    where = tmp_path / "agent.sock"
    with subprocess.Popen(
        ["ssh-agent", "-D", "-a", str(where)], stdout=subprocess.DEVNULL
    ) as agent:
        try:
            wait_for(where.exists, 20)
            environ = {"SSH_AUTH_SOCK": str(where)}
            subprocess.run(
                ["ssh-add", "-q", str(sshd.login.path)], env=os.environ | environ, check=True
            )
            job = an_errand(
                tmp_path, store, section_of(sshd, credential={"kind": "ssh-agent"}, sessions=2)
            )
            job.plan.write_text(job.plan.read_text().replace("processes: 1", "processes: 4"))
            without = job.call("run")
            job.environ = {**job.environ, **environ}
            assert job.call("run")[0] == 0
        finally:
            agent.terminate()
    assert without[0] == 3, without
    assert "SSH_AUTH_SOCK" in str(without)
    job.check_stored()


def test_preflight_says_before_what_a_version_is_worth(
    tmp_path: Path, store: StrictS3, sshd: SshServer
) -> None:
    job = an_errand(tmp_path, store, section_of(sshd))
    code, told = job.call("preflight")
    assert code == 0, told
    notes = [note for check in told["checks"] for note in check.get("notes", ())]
    assert any("SFTP tells no version" in note and "read once" in note for note in notes)
    assert any(sshd.host_key.fingerprint in note for note in notes)
