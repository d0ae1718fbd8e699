"""Numbers for Prometheus: well-formed, bounded, told to this machine alone, never in the way."""

from __future__ import annotations

import http.client
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from hdh_migrate.errors import Exit, LedgerDamaged, Refused, UsageError
from hdh_migrate.plan.loader import load
from hdh_migrate.results.looks import Status
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.verbs.loopback import LoopbackServer
from hdh_migrate.session.verbs.measuring import measured, write_metrics
from hdh_migrate.session.views.expiry import Expiry, expiries
from hdh_migrate.session.views.exposition import Metric, MetricPoint, exposition
from hdh_migrate.session.views.last_run import last_run, recording
from hdh_migrate.session.views.metrics import BATCHES_MAX, OTHERS, metrics_of
from tests.support.processes import LONG, free_port
from tests.support.quiet import Notes
from tests.support.serving import serving
from tests.support.standing import BUSY, batch, standing
from tests.unit.cli.test_watch import PLAN, plan

__all__ = ["plan"]

ATTESTATION = """\
version: 1
provider: generic
service: storage
endpoints: [https://s3.example.org]
regions: [us-east-1]
secnumcloud: {reference: "no. 1", valid_from: "2026-01-15", valid_until: "2029-01-14"}
hds: {reference: "no. 2", valid_from: "2025-06-01", valid_until: "2028-02-29"}
contract: "no. 3"
"""


def opened(plan: Path) -> tuple[Desk, Notes]:
    notes = Notes()
    return Desk.open(plan, None, notes, threading.Event(), dry=True), notes


def added(plan: Path, section: str) -> None:
    plan.write_text(PLAN + section + "\n")


def values(text: bytes) -> dict[str, str]:
    lines = [line for line in text.decode().splitlines() if not line.startswith("#")]
    return dict(line.rsplit(" ", 1) for line in lines)


def text_of(told: Status, *ends: Expiry, **batch_of: str) -> bytes:
    return exposition(metrics_of(told, ends, batch_of))


BUSY_ONE: dict[str, Any] = {
    "work": BUSY, "eta": {"low": 60, "high": 7200},
    "findings": [
        {"code": "denied", "severity": "finding", "dataset": "scans", "detail": "x", "count": 3},
        {"code": "prefix-open", "severity": "note", "dataset": None, "detail": "x", "count": 1},
    ],
}  # fmt: skip


def test_what_is_told_is_what_the_status_says() -> None:
    told = standing(batch("pilot", "under way", verified=5, waiting=995), **BUSY_ONE)
    ends = Expiry(what="hds", ends="2028-03-01T00:00:00Z")
    found = values(text_of(told, ends, scans="pilot"))
    named = 'migration="emc2-exit"'
    assert found[f"hdh_migrate_run_active{{{named}}}"] == "1"
    assert found[f'hdh_migrate_objects{{{named},batch="pilot",state="waiting"}}'] == "995"
    assert found[f'hdh_migrate_bytes{{{named},batch="pilot",state="verified"}}'] == "5000"
    assert found[f'hdh_migrate_batch_state{{{named},batch="pilot",state="under_way"}}'] == "1"
    assert found[f'hdh_migrate_batch_state{{{named},batch="pilot",state="done"}}'] == "0"
    pace = f'hdh_migrate_step_bytes_per_second{{{named},batch="pilot",step="verify"}}'
    assert found[pace] == "5000000"
    assert found[f'hdh_migrate_remaining_seconds{{{named},bound="high"}}'] == "7200"
    labels = 'batch="pilot",severity="finding",code="denied"'
    assert found[f"hdh_migrate_findings{{{named},{labels}}}"] == "3"
    assert found[f'hdh_migrate_expiry_timestamp_seconds{{{named},what="hds"}}'] == "1835481600"
    assert "hdh_migrate_run_exit_code" not in "".join(found)


def test_promtool_finds_nothing_wrong_with_names_units_and_form() -> None:
    told = standing(
        batch("pilot", "under way", verified=5, waiting=995), batch("b", "failed", failed=2),
        **BUSY_ONE,
    )  # fmt: skip
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=text_of(told), capture_output=True, check=False
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, b"")


def test_a_plan_of_many_batches_makes_no_more_series_and_loses_no_object() -> None:
    many = [batch(f"b-{number}", verified=2) for number in range(BATCHES_MAX + 50)]
    found = values(text_of(standing(*many)))
    counted = {name: int(one) for name, one in found.items() if name.startswith("hdh_migrate_obj")}
    assert len(counted) == (BATCHES_MAX + 1) * 5
    others = f'hdh_migrate_objects{{migration="emc2-exit",batch="{OTHERS}",state="verified"}}'
    assert counted[others] == 100
    assert sum(counted.values()) == 2 * (BATCHES_MAX + 50)


def test_no_label_can_end_a_line_or_a_value() -> None:
    point = MetricPoint(labels={"a": 'x"} 1\n\\'}, value=0.5)
    text = exposition([Metric(name="m", help="two\nlines", points=(point,))])
    assert text == b'# HELP m two\\nlines\n# TYPE m gauge\nm{a="x\\"} 1\\n\\\\"} 0.5\n'


def test_what_is_attested_ends_when_its_last_day_is_over(plan: Path) -> None:
    (plan.parent / "host.yaml").write_text(ATTESTATION)
    plan.write_text(
        PLAN.replace("region: us-east-1", "region: us-east-1\n  attestation: host.yaml")
    )
    assert expiries(opened(plan)[0]) == [
        Expiry(what="hds", ends="2028-03-01T00:00:00Z"),
        Expiry(what="secnumcloud", ends="2029-01-15T00:00:00Z"),
    ]


# --- the file ------------------------------------------------------------------------------------


def test_the_file_is_whole_readable_by_the_collector_and_alone(plan: Path) -> None:
    desk, _ = opened(plan)
    file = plan.parent / "told" / "m.prom"
    file.parent.mkdir()
    write_metrics(desk, file)
    assert values(file.read_bytes())['hdh_migrate_run_active{migration="watched"}'] == "0"
    assert file.stat().st_mode & 0o777 == 0o644
    assert [one.name for one in file.parent.iterdir()] == ["m.prom"]


def test_before_the_first_run_it_says_that_nobody_works(plan: Path, tmp_path: Path) -> None:
    desk = Desk.open(plan, tmp_path / "empty", Notes(), threading.Event(), dry=True)
    write_metrics(desk, tmp_path / "m.prom")
    found = values((tmp_path / "m.prom").read_bytes())
    assert found['hdh_migrate_run_active{migration="watched"}'] == "0"
    assert not any(name.startswith("hdh_migrate_objects") for name in found)


def test_a_file_that_cannot_be_written_is_refused_before_anything_begins(plan: Path) -> None:
    desk, _ = opened(plan)
    for file in (plan.parent / "nowhere" / "m.prom", plan / "m.prom"):
        with pytest.raises(Refused, match=r"metrics file .*: cannot be written: ") as refused:
            enter(desk, file)
        assert "\n" not in str(refused.value)
    with pytest.raises(UsageError, match=r"must end with \.prom"):
        enter(desk, plan.parent / "m.txt")


def enter(desk: Desk, file: Path) -> None:
    with measured(desk, file):
        pytest.fail("began")


def test_a_file_that_cannot_be_written_any_more_is_said_and_stops_nothing(plan: Path) -> None:
    desk, notes = opened(plan)
    folder = plan.parent / "told"
    folder.mkdir()
    with measured(desk, folder / "m.prom"):
        (folder / "m.prom").unlink()
        folder.rmdir()
    (said,) = notes.lines
    assert said.endswith("cannot be written: no such file or directory; the run goes on")


def test_a_damaged_ledger_is_told_by_the_run_itself(plan: Path) -> None:
    """Its numbers could not be made, so the run never got as far as saying how it ended."""
    added(plan, "metrics: {file: m.prom}")
    desk, _ = opened(plan)
    desk.ledger_path.write_bytes(b"no database" * 1000)
    with pytest.raises(LedgerDamaged), measured(desk), recording(desk, ("transfer",), ()):
        desk.read_ledger()
    kept = last_run(desk)
    assert kept is not None
    assert kept.exit == Exit.DAMAGED


def test_the_plan_names_the_file_from_its_own_folder(plan: Path) -> None:
    added(plan, "metrics: {file: m.prom, every: 1s}")
    with measured(opened(plan)[0]):
        assert (plan.parent / "m.prom").is_file()


def test_a_plan_without_metrics_has_the_digest_that_it_had(plan: Path) -> None:
    before = load(plan).digest
    added(plan, "metrics: {port: 9464}")
    assert load(plan).digest != before
    assert b"metrics" not in load_again(plan).canonical


def load_again(plan: Path) -> Any:
    plan.write_text(PLAN)
    return load(plan)


# --- the port ------------------------------------------------------------------------------------


@pytest.fixture
def port() -> int:
    return free_port()


def got(port: int, path: str, host: str | None = None) -> tuple[int, bytes]:
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=LONG)
    try:
        client.request("GET", path, headers={} if host is None else {"Host": host})
        reply = client.getresponse()
        return reply.status, reply.read()
    finally:
        client.close()


def test_the_port_answers_this_machine_while_a_run_goes_on(plan: Path, port: int) -> None:
    added(plan, f"metrics: {{port: {port}}}")
    desk, _ = opened(plan)
    with measured(desk):
        status, text = got(port, "/metrics")
        assert status == 200
        assert values(text)['hdh_migrate_run_active{migration="watched"}'] == "0"
        assert got(port, "/")[0] == 404
        # A page in a browser of this machine that had its own name lead here.
        assert got(port, "/metrics", host=f"rebound.example:{port}")[0] == 403
        with pytest.raises(Refused, match=f"metrics port {port} of 127.0.0.1: cannot be had"):
            enter_again(desk)
    with pytest.raises(ConnectionRefusedError):
        got(port, "/metrics")


@pytest.mark.slow
def test_the_port_goes_on_when_the_file_cannot_be_written_any_more(plan: Path, port: int) -> None:
    """It answered with what it had been told before the disk was full."""
    added(plan, f"metrics: {{file: out/m.prom, port: {port}, every: 1s}}")
    folder = plan.parent / "out"
    folder.mkdir()
    stamp = 'hdh_migrate_status_timestamp_seconds{migration="watched"}'
    with measured(opened(plan)[0]):
        (folder / "m.prom").unlink()
        folder.rmdir()
        first = values(got(port, "/metrics")[1])[stamp]
        until = time.monotonic() + LONG
        while values(got(port, "/metrics")[1])[stamp] == first:
            assert time.monotonic() < until, "the port is silent"
            time.sleep(0.05)


def enter_again(desk: Desk) -> None:
    with measured(desk):
        pytest.fail("began")


# --- clients of the port -------------------------------------------------------------------------


@contextmanager
def served(**bounds: Any) -> Iterator[int]:
    server = LoopbackServer(0, **bounds)
    server.take(b"numbers 1\n")
    with serving(server):
        yield int(server.server_address[1])


def test_a_reply_does_not_say_by_which_software_it_is_made() -> None:
    with served() as port:
        for method, path in (("GET", "/metrics"), ("GET", "/else"), ("PUT", "/metrics")):
            client = http.client.HTTPConnection("127.0.0.1", port, timeout=LONG)
            client.request(method, path)
            reply = client.getresponse()
            text = (str(reply.getheaders()) + reply.read().decode()).lower()
            assert reply.getheader("Server") is None
            assert "python" not in text
            client.close()


@pytest.mark.slow
def test_clients_that_say_nothing_cost_few_threads_and_not_for_long() -> None:
    """Each of them cost the run a thread for as long as it sent a byte now and then."""
    before = threading.active_count()
    with served(clients=3, seconds=0.1) as port:
        slow = [socket.create_connection(("127.0.0.1", port), timeout=LONG) for _ in range(12)]
        for one in slow:
            with suppress(OSError):
                one.sendall(b"GET /metrics HT")  # and no more
        assert all(ended(one) for one in slow)
        assert threading.active_count() <= before + 4
        until = time.monotonic() + LONG
        while True:
            with suppress(OSError, http.client.HTTPException):
                if got(port, "/metrics") == (200, b"numbers 1\n"):
                    break
            assert time.monotonic() < until
        for one in slow:
            one.close()


def ended(client: socket.socket) -> bool:
    """Return whether somebody was let go of, however that was done."""
    try:
        return client.recv(1) == b""
    except ConnectionError:
        return True
