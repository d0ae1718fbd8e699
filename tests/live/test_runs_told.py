"""What a run says of itself, against a server: its ends, what it moved, and what it did not."""

from __future__ import annotations

import json
import re
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hdh_migrate.errors import Exit
from hdh_migrate.model import Step
from tests.support import lies
from tests.support.errand import BUCKET, Errand, errand
from tests.support.fixtures import s3_client
from tests.support.processes import LONG
from tests.support.proxy import Proxy
from tests.support.strict_s3 import Manner, StrictS3
from tests.support.wire import Request

pytestmark = [pytest.mark.live, pytest.mark.waits]


@pytest.fixture
def server() -> Iterator[StrictS3]:
    with StrictS3(Manner()) as started:
        client = s3_client(started)
        client.create_bucket(Bucket=BUCKET)
        client.close()
        yield started


@pytest.fixture
def line(server: StrictS3) -> Iterator[Proxy]:
    """What lies between us and the server."""
    with Proxy(server.endpoint) as proxy:
        yield proxy


@pytest.fixture
def job(tmp_path: Path, server: StrictS3, line: Proxy) -> Errand:
    return errand(
        tmp_path, endpoint=line.url, access_key=server.access_key,
        secret_key=server.secret_key, big=100,
        fetch=lambda key: server.store.buckets[BUCKET].version(key, None).body,
    )  # fmt: skip


RATE = 2 << 20


@pytest.mark.slow
def test_a_bandwidth_holds_for_both_ways_over_all_processes(
    tmp_path: Path, server: StrictS3
) -> None:
    """The source alone was throttled, and each process had an equal share, used or not."""
    job = errand(
        tmp_path, endpoint=server.endpoint, access_key=server.access_key,
        secret_key=server.secret_key, big=2 * RATE, fetch=lambda _: b"",
    )  # fmt: skip
    text = job.plan.read_text()
    job.plan.write_text(
        text.replace("processes: 1", "processes: 2").replace(
            "limits: {", "limits: {bandwidth: 2MiB/s, "
        )
    )
    for verb in ("transfer", "verify"):
        began = time.monotonic()
        process = job.begin(verb)
        out, err = process.communicate()
        assert process.returncode == 0, err
        assert json.loads(out)["exit"] == 0
        assert time.monotonic() - began >= 2 * 0.95


def test_verify_before_anything_is_no_success_and_leaves_no_trace(job: Errand) -> None:
    """It ended with 0, "all gates met", and had bound a ledger to the plan."""
    code, told = job.call("verify")
    assert (code, told["error"]["kind"]) == (Exit.USAGE, "UsageError")
    assert not (job.folder / ".hdh-migrate").exists()


def test_a_refusal_of_a_later_run_does_not_say_that_nothing_was_moved(job: Errand) -> None:
    """ "nothing was moved" stood under a plan of which 63 objects were."""
    assert job.run_here()[0] == Exit.OK
    (job.folder / "keys" / "report.key").unlink()
    code, told = job.call("run")
    assert code == Exit.REFUSED
    assert told["error"]["hint"] == (
        "this command moved nothing; what earlier ones moved is untouched"
    )


def test_a_transfer_and_a_verify_of_their_own_end_well(job: Errand) -> None:
    for step in (Step.INVENTORY, Step.TRANSFER, Step.VERIFY):
        assert job.call(str(step))[0] == Exit.OK
    job.check_stored()


def test_a_store_that_is_away_when_a_run_starts_ends_it_resumable(job: Errand, line: Proxy) -> None:
    """It was refused at once with 3, as if the plan were wrong."""
    rule = line.rule(action=lies.hang_up())
    code, told = job.call("run")
    assert (code, told["error"]["kind"]) == (Exit.STOPPED, "ConnectionLost")
    assert rule.used > 2
    code, told = job.call("run", "--dry-run")
    assert code == Exit.STOPPED
    line.clear()
    assert job.run_here()[0] == Exit.OK


def test_a_store_that_comes_back_within_the_budget_is_waited_for(job: Errand, line: Proxy) -> None:
    line.rule(action=lies.status(503, {"Retry-After": "0"}), times=3)
    assert job.call("run")[0] == Exit.OK
    job.check_stored()


def test_a_source_that_is_refused_is_not_waited_for(job: Errand) -> None:
    job.plan.write_text(job.plan.read_text().replace("bucket: landing", "bucket: elsewhere"))
    code, told = job.call("run")
    assert (code, told["error"]["kind"]) == (Exit.REFUSED, "Refused")
    assert "there is no such bucket" in told["error"]["message"]


def hanging(method: str, listing: bool) -> Callable[[Request], bool]:
    return lambda request: request.method == method and ("list-type" in request.params) == listing


HANGS = 900


@pytest.mark.parametrize(
    ("verb", "method", "listing"),
    [
        pytest.param("run", "GET", True, id="a listing, in the main process"),
        pytest.param("run", "PUT", False, id="an object that is sent, in a worker"),
        pytest.param("run", "GET", False, id="an object that is read back, in a worker"),
    ],
)
@pytest.mark.slow
def test_a_signal_does_not_wait_for_a_call_that_hangs(
    job: Errand, line: Proxy, verb: str, method: str, listing: bool
) -> None:
    """SIGTERM waited for as long as the call hung, up to five minutes."""
    rule = line.rule(action=lies.delay(HANGS), match=hanging(method, listing))
    process = job.begin(verb)
    began = time.monotonic()
    while not rule.used and process.poll() is None and time.monotonic() - began < LONG:
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=LONG)  # 5 s, on a machine that has time for us
    assert rule.used
    assert process.returncode == Exit.INTERRUPTED, err
    assert json.loads(out)["error"]["exit"] == Exit.INTERRUPTED
    assert "Traceback" not in err
    line.clear()
    assert job.run_here()[0] == Exit.OK
    job.check_stored()


def test_a_run_of_a_finished_plan_writes_no_further_bundle(job: Errand) -> None:
    """Every run wrote one, whether anything had changed or not."""
    first = job.call("run")[1]
    again = job.call("run")[1]
    assert (first["report_written"], again["report_written"]) == (True, False)
    assert again["report"] == first["report"]
    (job.folder / "data" / "late").write_bytes(b"late")
    changed = job.call("run", "--refresh")[1]
    assert changed["report_written"]
    assert changed["report"]["objects"] == first["report"]["objects"] + 1
    out = job.folder / "evidence"
    told = job.call("run", "--out", str(out))[1]
    assert told["report_written"]  # there is none in this place yet
    assert not job.call("run", "--out", str(out))[1]["report_written"]
    assert [path.name for path in job.folder.glob("evidence*")] in (
        ["evidence", "evidence.checkpoint"],
        ["evidence.checkpoint", "evidence"],
    )


def test_a_bundle_that_is_gone_or_was_changed_is_written_again(job: Errand) -> None:
    folder = Path(job.call("run")[1]["report"]["folder"])
    (folder / "statement.json").write_bytes(b"{}")
    told = job.call("run")[1]
    assert told["report_written"]
    shutil.rmtree(told["report"]["folder"])
    assert job.call("run")[1]["report_written"]


@pytest.mark.slow
@pytest.mark.parametrize("much", ["-v", "-vv"])
def test_a_verbose_run_tells_of_requests_and_waits_without_names(
    job: Errand, line: Proxy, much: str
) -> None:
    """-v and -vv said nothing on a run."""
    line.rule(
        action=lies.status(503, {"Retry-After": "1"}), times=1, match=hanging("PUT", listing=False)
    )
    process = job.begin("run", much)
    out, told = process.communicate()
    assert process.returncode == 0, told
    json.loads(out)
    host = line.url.removeprefix("http://")
    assert re.search(rf"Z [0-9]+ INFO [a-z_.]*spoken: {host} PUT: 503, 1 in ", told)
    assert re.search(rf"INFO [a-z_.]*spoken: {host} GET: 200, [0-9]+ in ", told)
    assert f"{host} GET list-type: 200" in told
    assert "attempt 1: Throttled: " in told
    assert "everybody waits" in told
    assert bool(re.search(rf"DEBUG [a-z_.]*spoken: {host} PUT: 200, [0-9]+ ms", told)) == (
        much == "-vv"
    )
    for secret in (*job.corpus, "volume", job.environ["T_SECRET"], job.environ["T_ID"], BUCKET):
        assert secret == "empty" or secret not in told, secret
