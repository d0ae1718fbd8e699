"""A real run before a real Prometheus: rules, and every query of the dashboard; and its log."""

from __future__ import annotations

import json
import re
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from hdh_migrate.errors import Exit
from hdh_migrate.session.views.pace_file import FILE, connections_of
from tests.support import lies
from tests.support.affair import Affair
from tests.support.command import begin
from tests.support.command import command as started
from tests.support.errand import BUCKET, Errand, errand
from tests.support.fixtures import s3_client
from tests.support.hooks import SECRET, hooked
from tests.support.processes import LONG, free_port
from tests.support.serving import serving
from tests.support.strict_s3 import StrictS3

pytestmark = [pytest.mark.live, pytest.mark.slow]

DEPLOY = Path(__file__).parents[2] / "deploy"
DASHBOARD = DEPLOY / "grafana" / "dashboard.json"
PATIENT = "théo dupont 1970.csv"


@pytest.fixture
def job(tmp_path: Path) -> Iterator[Errand]:
    """A plan of one batch, with an object that nobody can read and one that names a patient."""
    with StrictS3() as server:
        client = s3_client(server)  # type: ignore[arg-type]  # it has what is asked of a server
        client.create_bucket(Bucket=BUCKET)
        made = errand(
            tmp_path, endpoint=server.endpoint, access_key=server.access_key,
            secret_key=server.secret_key, region=server.region, big=100_000,
            fetch=lambda key: client.get_object(Bucket=BUCKET, Key=key)["Body"].read(),
        )  # fmt: skip
        (made.folder / "data" / PATIENT).write_bytes(b"1,2,3")
        (made.folder / "data" / "link").symlink_to("nowhere")  # a finding: kind-symlink
        yield made
        client.close()


def queries() -> list[str]:
    """Return what the dashboard asks, with all migrations and batches chosen."""
    panels = json.loads(DASHBOARD.read_text())["panels"]
    found = [target["expr"] for panel in panels for target in panel["targets"]]
    return [re.sub(r"\$(migration|batch)", ".*", query) for query in found]


def test_every_query_of_the_dashboard_has_an_answer_after_a_real_run(
    job: Errand, tmp_path: Path
) -> None:
    assert job.call("run", "--metrics-file", str(tmp_path / "m.prom"))[0] == Exit.FINDINGS
    text = (tmp_path / "m.prom").read_bytes()
    assert "dupont" not in text.decode()
    assert "volume" not in text.decode()
    # Pace, time left and ends are told while somebody works, or where something ends: by hand.
    text += b"""\
hdh_migrate_step_bytes_per_second{migration="errand",batch="all",step="verify"} 5
hdh_migrate_step_objects_per_second{migration="errand",batch="all",step="verify"} 5
hdh_migrate_remaining_seconds{migration="errand",bound="low"} 5
hdh_migrate_expiry_timestamp_seconds{migration="errand",what="hds"} 2000000000
"""
    with answering(text) as scraped, prometheus(tmp_path, scraped) as server:
        wait_for_target(server)
        for query in queries():
            assert asked(server, query), query
        alerts = {one["name"] for one in rules(server)}
        assert "HdhMigrateFindings" in alerts
        assert all(one["health"] == "ok" for one in rules(server))
        assert asked(server, 'ALERTS{alertname="HdhMigrateFindings", code="kind-symlink"}')


@contextmanager
def answering(text: bytes) -> Iterator[int]:
    """Serve a text as a target of Prometheus."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    with serving(server):
        yield server.server_port


@contextmanager
def prometheus(folder: Path, scraped: int) -> Iterator[str]:
    """Run a Prometheus with our rules that asks one target each second."""
    rule_file = json.dumps(str(DEPLOY / "prometheus" / "alerts.yaml"))
    (folder / "prometheus.yml").write_text(f"""\
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: [{rule_file}]
scrape_configs:
  - {{job_name: hdh, static_configs: [{{targets: ["127.0.0.1:{scraped}"]}}]}}
""")
    port = free_port()
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(
            ["prometheus", f"--config.file={folder}/prometheus.yml",
             f"--storage.tsdb.path={folder}/tsdb", f"--web.listen-address=127.0.0.1:{port}"],
            stdout=log, stderr=log,
        )  # fmt: skip
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def wait_for_target(server: str) -> None:
    until = time.monotonic() + LONG
    while time.monotonic() < until:
        try:
            if asked(server, "hdh_migrate_build_info") and asked(server, "ALERTS"):
                return
        except OSError:
            pass  # it is about to listen
        time.sleep(0.1)
    pytest.fail("Prometheus did not get the numbers")


def get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=LONG) as reply:
        return json.loads(reply.read())["data"]


def asked(server: str, query: str) -> list[Any]:
    found = get(f"{server}/api/v1/query?" + urllib.parse.urlencode({"query": query}))
    return list(found["result"])


def rules(server: str) -> list[Any]:
    return [rule for group in get(f"{server}/api/v1/rules")["groups"] for rule in group["rules"]]


def test_the_rules_are_well_formed_and_say_what_they_should_when_they_should() -> None:
    folder = DEPLOY / "prometheus"
    for words in (["check", "rules", "alerts.yaml"], ["test", "rules", "alerts.test.yaml"]):
        done = subprocess.run(
            ["promtool", *words], cwd=folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_log_of_a_run_says_what_happened_and_names_nothing(job: Errand, tmp_path: Path) -> None:
    log = tmp_path / "run.log"
    process = job.begin("run", "--log-file", str(log), "-vv")  # with worker processes
    _, err = process.communicate()
    assert process.returncode == Exit.FINDINGS, err
    text = log.read_text()
    told = [json.loads(line) for line in text.splitlines()]
    events = [line["event"] for line in told]
    assert events[0] == "command-began"
    assert [line["exit"] for line in told if line["event"] == "command-ended"] == [4]
    assert {"run-started", "step-begun", "step-ended", "batch-done", "run-ended"} <= {*events}
    codes = [(line["code"], line["count"]) for line in told if line["event"] == "finding"]
    assert ("kind-symlink", 1) in codes
    assert len({line["run"] for line in told}) == 1
    by_workers = {line["step"] for line in told if line["event"] == "log" and line["step"]}
    assert by_workers == {"transfer", "verify"}
    for secret in (*job.corpus, PATIENT, "dupont", "volume", job.environ["T_SECRET"]):
        assert not secret or secret == "empty" or secret not in text, secret


def test_a_log_or_a_file_of_numbers_that_cannot_be_written_begins_nothing(job: Errand) -> None:
    for words, said in (
        (["--log-file", "/nowhere/run.log"], "log file /nowhere/run.log: cannot be written"),
        (["--metrics-file", "/nowhere/m.prom"], "metrics file /nowhere/m.prom: cannot be written"),
    ):
        done = started("run", str(job.plan), *words, env=job.environ)
        assert done.returncode == Exit.REFUSED
        assert said in done.stderr
        assert "Traceback" not in done.stderr
        assert not (job.folder / ".hdh-migrate").exists()


def test_what_is_told_of_a_run_names_nothing_and_comes_from_us(job: Errand) -> None:
    secret = job.folder / "hook.secret"
    secret.touch(0o600)
    secret.write_text(SECRET)
    with hooked() as hook:
        lines = f"""\
notify:
  - {{name: siem, kind: webhook, endpoint: "{hook.url}", secret: "file:hook.secret"}}
"""
        job.plan.write_text(job.plan.read_text() + lines)
        assert job.call("notify", "--test")[0] == Exit.OK
        assert job.call("run")[0] == Exit.FINDINGS
    assert hook.types[0] == "test"
    assert sorted(hook.types[1:]) == ["findings", "run-ended"]
    told = {one["type"]: one for one in hook.taken}
    assert [one["code"] for one in told["findings"]["findings"]] == ["kind-symlink"]
    assert told["run-ended"]["exit"] == Exit.FINDINGS
    text = json.dumps(hook.taken, ensure_ascii=False)
    for name in (PATIENT, "dupont", "volume", job.environ["T_SECRET"], SECRET):
        assert name not in text


def test_a_batch_that_is_verified_is_told_so_with_what_it_holds(job: Errand) -> None:
    (job.folder / "data" / "link").unlink()
    (job.folder / "tell").write_text("#!/bin/sh\n/bin/cat >> told; echo >> told\n")
    (job.folder / "tell").chmod(0o755)
    lines = "notify:\n  - {name: room, kind: command, run: [./tell], on: [batch-done]}\n"
    job.plan.write_text(job.plan.read_text() + lines)
    assert job.call("run")[0] == Exit.OK
    assert job.call("run")[0] == Exit.OK
    (line,) = (job.folder / "told").read_text().splitlines()
    told = json.loads(line)
    assert (told["type"], told["batch"]) == ("batch-done", "all")
    assert told["amounts"]["verified"]["objects"] == len(job.corpus) + 1


@pytest.mark.crash
def test_a_run_that_is_killed_loses_no_notice(job: Errand) -> None:
    secret = job.folder / "hook.secret"
    secret.touch(0o600)
    secret.write_text(SECRET)
    with hooked() as hook:
        lines = f"""\
notify:
  - {{name: siem, kind: webhook, endpoint: "{hook.url}", secret: "file:hook.secret"}}
"""
        job.plan.write_text(job.plan.read_text() + lines)
        hook.answers = [503] * 1000
        waits = job.folder / ".hdh-migrate" / "errand" / "notices"
        job.kill_when("run", lambda: any(waits.glob("*.waits")))
        hook.answers = []
        assert job.call("run")[0] == Exit.FINDINGS
    assert {"findings", "run-ended"} <= {*hook.types}
    ends = [one for one in hook.taken if one["type"] == "run-ended"]
    assert ends[-1]["exit"] == Exit.FINDINGS
    by_id = {one["id"]: one for one in hook.taken}
    assert len({json.dumps(one, sort_keys=True) for one in hook.taken}) == len(by_id)


def test_a_store_that_asks_for_less_shows_in_the_number_of_requests_and_why(affair: Affair) -> None:
    affair.patient()
    slow = affair.target.rule(
        action=lies.status(503, {"Retry-After": "1"}),
        match=lambda one: one.method == "PUT" and "/in/" in one.path,
        times=1,
    )
    process = begin("transfer", str(affair.folder / "plan.yaml"), "--no-progress")
    _, err = process.communicate()
    assert process.returncode == Exit.OK, err
    assert slow.used == 1
    ledger = affair.folder / ".hdh-migrate" / "lies" / "ledger.db"
    pid = json.loads(ledger.with_name(FILE).read_bytes())["pid"]
    found = connections_of(ledger, pid, 16)
    (first, *_) = found["changes"]
    assert first["now"] < found["most"] == 16
    assert first["why"].startswith("the store asks for less")
