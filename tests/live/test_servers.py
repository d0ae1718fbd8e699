"""The servers that other tests stand on: they serve, they end, and the proxy lies as told."""

from __future__ import annotations

import hashlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
from botocore.exceptions import ClientError

from hdh_migrate.demo import node, servers
from hdh_migrate.demo.node import NoNode
from hdh_migrate.demo.servers import Azurite, ServerFailed
from hdh_migrate.demo.watch import wait_for
from tests.support import lies
from tests.support import servers as test_servers
from tests.support.fixtures import Bucket, Container, ProxyTo, s3_client
from tests.support.processes import LONG
from tests.support.proxy import Action, Proxy

pytestmark = pytest.mark.live

BODY = bytes(range(256)) * 16
ODD = "étude 1/taux 100%+x #&'\"?;=@~ 🩺.txt"


class Got:
    """One reply, read with http.client over a connection of its own."""

    def __init__(self, reply: http.client.HTTPResponse) -> None:
        self.status = reply.status
        self.headers = {name.lower(): value for name, value in reply.headers.items()}
        self.body = reply.read()


Get = Callable[..., Got]


@pytest.fixture
def lying(container: Container, proxy_to: ProxyTo) -> Proxy:
    """A proxy before a container that holds BODY as `blob`."""
    container.client.upload_blob("blob", BODY)
    return proxy_to(container.server)


@pytest.fixture
def get(container: Container, lying: Proxy) -> Get:
    """Ask the lying proxy for the blob (or another path below the container)."""
    host = urlsplit(lying.url).netloc
    base = f"/{container.server.account}/{container.name}"
    token = container.server.sas("rlw")

    def ask(
        method: str = "GET", what: str = "/blob?", body: bytes | None = None, **headers: str
    ) -> Got:
        connection = http.client.HTTPConnection(host, timeout=LONG)
        try:
            sent = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, f"{base}{what}&{token}", body, sent)
            return Got(connection.getresponse())
        finally:
            connection.close()

    return ask


# --- servers ---------------------------------------------------------------------------------


def test_azurite_returns_an_object_under_an_odd_name_with_metadata_and_tags(
    container: Container,
) -> None:
    blob = container.client.upload_blob(ODD, BODY, metadata={"a": "1"}, tags={"t t": "v"})

    assert blob.download_blob().readall() == BODY
    listed = next(iter(container.client.list_blobs(include=["metadata", "tags"])))
    assert (listed.name, listed.metadata, listed.tags) == (ODD, {"a": "1"}, {"t t": "v"})


def test_the_azurite_token_reads_and_lists_but_does_not_write(container: Container) -> None:
    from azure.core.exceptions import HttpResponseError
    from azure.storage.blob import ContainerClient

    container.client.upload_blob("blob", BODY)
    url, token = container.server.url, container.server.sas()
    with ContainerClient(url, container.name, credential=token) as client:
        assert [blob.name for blob in client.list_blobs()] == ["blob"]
        with pytest.raises(HttpResponseError):
            client.upload_blob("other", BODY)


def test_both_s3_servers_return_an_object_under_an_odd_name(any_bucket: Bucket) -> None:
    s3, name = any_bucket.client, any_bucket.name
    s3.put_object(Bucket=name, Key=ODD, Body=BODY, Metadata={"attempt": "x1"})

    reply = s3.get_object(Bucket=name, Key=ODD)
    assert reply["Body"].read() == BODY
    assert {key.lower(): value for key, value in reply["Metadata"].items()} == {"attempt": "x1"}
    assert [found["Key"] for found in s3.list_objects_v2(Bucket=name)["Contents"]] == [ODD]


def test_both_s3_servers_show_open_uploads_and_their_parts(any_bucket: Bucket) -> None:
    s3, name = any_bucket.client, any_bucket.name
    bodies = [b"1" * (5 << 20), b"2" * (5 << 20), b"end"]
    upload = s3.create_multipart_upload(Bucket=name, Key=ODD)["UploadId"]
    where = {"Bucket": name, "Key": ODD, "UploadId": upload}
    tags = [
        s3.upload_part(**where, PartNumber=number, Body=body)["ETag"]
        for number, body in enumerate(bodies, start=1)
    ]

    opened = s3.list_multipart_uploads(Bucket=name)["Uploads"]
    assert [(entry["Key"], entry["UploadId"]) for entry in opened] == [(ODD, upload)]
    parts = s3.list_parts(**where)["Parts"]
    assert [(part["PartNumber"], part["Size"], part["ETag"]) for part in parts] == [
        (number, len(body), tag)
        for number, (body, tag) in enumerate(zip(bodies, tags, strict=True), start=1)
    ]

    made = [{"PartNumber": number, "ETag": tag} for number, tag in enumerate(tags, start=1)]
    s3.complete_multipart_upload(**where, MultipartUpload={"Parts": made})
    assert s3.get_object(Bucket=name, Key=ODD)["Body"].read() == b"".join(bodies)
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=name)


def test_moto_honours_create_only_writes(moto_bucket: Bucket) -> None:
    moto_bucket.client.put_object(Bucket=moto_bucket.name, Key="k", Body=b"1", IfNoneMatch="*")
    with pytest.raises(ClientError, match="PreconditionFailed"):
        moto_bucket.client.put_object(Bucket=moto_bucket.name, Key="k", Body=b"2", IfNoneMatch="*")


def test_rclone_overwrites_where_create_only_was_asked(rclone_bucket: Bucket) -> None:
    s3, name = rclone_bucket.client, rclone_bucket.name
    for body in (b"1", b"2"):
        s3.put_object(Bucket=name, Key="k", Body=body, IfNoneMatch="*")
    assert s3.get_object(Bucket=name, Key="k")["Body"].read() == b"2"


def test_rclone_answers_a_range_with_200_and_a_content_range(rclone_bucket: Bucket) -> None:
    s3, name = rclone_bucket.client, rclone_bucket.name
    s3.put_object(Bucket=name, Key="k", Body=BODY)
    reply = s3.get_object(Bucket=name, Key="k", Range="bytes=4-7")
    assert reply["Body"].read() == BODY[4:8]
    assert reply["ContentRange"] == f"bytes 4-7/{len(BODY)}"
    assert reply["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_rclone_refuses_a_wrong_signature(rclone_bucket: Bucket) -> None:
    import dataclasses

    server = dataclasses.replace(rclone_bucket.server, secret_key="not the secret key")
    client = s3_client(server)
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        client.list_objects_v2(Bucket=rclone_bucket.name)
    client.close()


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with (
        pytest.raises(ServerFailed, match=r"ended with code 2(.|\n)*unknown flag: --nonsense"),
        test_servers.rclone_s3(tmp_path / "data", log, options=["--nonsense"]),
    ):
        pass


def test_servers_are_gone_after_their_block_and_after_an_error(tmp_path: Path) -> None:
    with servers.moto_s3(tmp_path / "log") as first:
        assert _listens(first.endpoint)
    assert not _listens(first.endpoint)

    with pytest.raises(ZeroDivisionError), servers.moto_s3(tmp_path / "log", keep=True) as second:
        raise ZeroDivisionError
    assert not _listens(second.endpoint)


def test_a_server_that_is_kept_outlives_its_owner(tmp_path: Path) -> None:
    done = _owner(tmp_path / "log", keep=True, end="pass")
    url, pid = done.stdout.split()
    try:
        assert done.returncode == 0, done.stderr
        assert _listens(url)
    finally:
        os.killpg(int(pid), signal.SIGKILL)


def test_servers_are_gone_when_their_owner_is_killed(tmp_path: Path) -> None:
    done = _owner(tmp_path / "log", keep=True, end="os.kill(os.getpid(), 9)")
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert wait_for(lambda: not _listens(done.stdout.split()[0]), 10)


def test_no_secret_of_a_server_is_in_its_repr_or_in_a_command_line(
    azurite: Azurite, rclone_bucket: Bucket
) -> None:
    rclone = rclone_bucket.server
    assert azurite.key not in repr(azurite)
    assert rclone.secret_key not in repr(rclone)
    for pid, secret in ((azurite.pid, azurite.key), (rclone.pid, rclone.secret_key)):
        assert secret.encode() not in Path(f"/proc/{pid}/cmdline").read_bytes()


def test_without_the_node_package_the_hint_is_the_folder_source(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(node, "find_spec", lambda _: None)
    with pytest.raises(NoNode) as caught:
        node.azurite_program()
    assert "--source folder" in (caught.value.hint or "")
    assert caught.value.exit_code == 3


def test_a_failed_installation_says_so_and_leaves_nothing_behind(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:1/")
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "npm"))
    monkeypatch.setenv("npm_config_fetch_retries", "0")
    leftover = tmp_path / "hdh-migrate" / f"azurite-{node._lock_digest()[:12]}.new-dead"
    leftover.mkdir(parents=True)

    with pytest.raises(NoNode, match="npm could not install azurite"):
        node.azurite_program()

    assert [path.suffix for path in (tmp_path / "hdh-migrate").iterdir()] == [".lock"]


# --- the honest proxy ------------------------------------------------------------------------


def test_the_proxy_passes_signed_requests_with_odd_names_through(
    any_bucket: Bucket, proxy_to: ProxyTo
) -> None:
    with proxy_to(any_bucket.server) as proxy:
        s3 = s3_client(any_bucket.server, proxy.url)
        s3.put_object(Bucket=any_bucket.name, Key=ODD, Body=BODY)
        assert s3.get_object(Bucket=any_bucket.name, Key=ODD)["Body"].read() == BODY
        s3.close()

    assert [(seen.method, seen.status) for seen in proxy.requests] == [("PUT", 200), ("GET", 200)]
    assert {seen.path for seen in proxy.requests} == {f"/{any_bucket.name}/{quote(ODD, '/~')}"}
    assert proxy.traffic["PUT"].received == len(BODY)
    assert proxy.traffic["GET"].sent == len(BODY)


def test_the_proxy_passes_shared_key_requests_to_azurite_through(
    container: Container, proxy_to: ProxyTo
) -> None:
    from azure.storage.blob import ContainerClient

    server = container.server
    proxy = proxy_to(server)
    with ContainerClient(proxy.url, container.name, credential=server.key) as client:
        client.upload_blob(ODD, BODY)
        assert client.download_blob(ODD).readall() == BODY
        assert [blob.name for blob in client.list_blobs()] == [ODD]
    assert {seen.touched for seen in proxy.requests} == {False}
    assert proxy.requests[-1].params["comp"] == "list"


def test_the_proxy_keeps_connections_open_and_serves_many_at_once(
    container: Container, proxy_to: ProxyTo
) -> None:
    container.client.upload_blob("blob", BODY)
    proxy = proxy_to(container.server)
    host, token = urlsplit(proxy.url).netloc, container.server.sas()
    path = f"/{container.server.account}/{container.name}/blob?{token}"

    def read_five(_: int) -> set[str]:
        connection = http.client.HTTPConnection(host, timeout=LONG)
        digests = set()
        for _ in range(5):
            connection.request("GET", path)
            digests.add(hashlib.sha256(connection.getresponse().read()).hexdigest())
            assert connection.sock is not None  # http.client drops it when told to close
        connection.close()
        return digests

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(read_five, range(8)))

    assert results == [{hashlib.sha256(BODY).hexdigest()}] * 8
    assert proxy.traffic["GET"].requests == 40
    assert proxy.traffic["GET"].sent == 40 * len(BODY)


def test_the_proxy_passes_chunked_bodies_in_both_directions(get: Get, lying: Proxy) -> None:
    listing = get(what="?restype=container&comp=list")  # Azurite sends these in HTTP chunks
    assert listing.status == 200
    assert listing.body.endswith(b"</EnumerationResults>")
    assert listing.headers.get("transfer-encoding") == "chunked"
    assert lying.requests[-1].sent == len(listing.body)


def test_the_proxy_streams_a_large_body_that_waits_for_100_continue(
    rclone_bucket: Bucket, proxy_to: ProxyTo
) -> None:
    body = BODY * 4096  # 4 MiB
    proxy = proxy_to(rclone_bucket.server)
    s3 = s3_client(rclone_bucket.server, proxy.url)
    s3.put_object(Bucket=rclone_bucket.name, Key="k", Body=body)
    s3.close()
    assert proxy.requests[-1].headers["expect"] == "100-continue"
    assert proxy.requests[-1].received == len(body)
    stored = rclone_bucket.client.get_object(Bucket=rclone_bucket.name, Key="k")["Body"].read()
    assert stored == body


def test_a_closed_proxy_ends_its_threads_and_connections(container: Container) -> None:
    before = threading.active_count()
    with Proxy(container.server.url) as proxy:
        proxy.rule(action=lies.delay(900))
        host = urlsplit(proxy.url)
        idle = socket.create_connection((host.hostname, host.port))
        waiting = socket.create_connection((host.hostname, host.port))
        waiting.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert wait_for(lambda: proxy.requests, LONG)
        began = time.monotonic()

    assert time.monotonic() - began < LONG
    assert threading.active_count() == before
    assert idle.recv(1) == b""
    idle.close()
    waiting.close()


def test_a_rule_that_fails_fails_the_test(container: Container) -> None:
    def broken(request: object, upstream: object) -> object:
        raise ZeroDivisionError

    proxy = Proxy(container.server.url)
    proxy.rule(action=broken)  # type: ignore[arg-type]
    connection = http.client.HTTPConnection(urlsplit(proxy.url).netloc, timeout=LONG)
    connection.request("GET", "/")
    with pytest.raises(http.client.RemoteDisconnected):
        connection.getresponse()
    connection.close()
    with pytest.raises(ZeroDivisionError):
        proxy.close()


# --- rules and lies --------------------------------------------------------------------------


def test_a_rule_takes_only_what_matches_and_only_as_often_as_told(get: Get, lying: Proxy) -> None:
    rule = lying.rule(match=lambda req: req.method == "GET", times=2, action=lies.status(503))

    assert get("HEAD").status == 200
    assert [get().status for _ in range(3)] == [503, 503, 200]
    assert rule.used == 2
    assert [seen.touched for seen in lying.requests] == [False, True, True, False]


def test_a_cleared_proxy_is_honest(get: Get, lying: Proxy) -> None:
    lying.rule(action=lies.status(503))
    lying.clear()
    assert get().body == BODY


def test_status_answers_without_the_server(get: Get, lying: Proxy) -> None:
    lying.rule(times=1, action=lies.status(429, {"Retry-After": "7"}, b"slow down"))
    got = get("PUT", "/new?", BODY, x_ms_blob_type="BlockBlob")
    assert (got.status, got.headers["retry-after"], got.body) == (429, "7", b"slow down")
    assert get("HEAD", "/new?").status == 404


def test_cut_after_announces_everything_and_sends_a_part(get: Get, lying: Proxy) -> None:
    lying.rule(action=lies.cut_after(100))
    with pytest.raises(http.client.IncompleteRead) as caught:
        get()
    assert caught.value.partial == BODY[:100]
    assert caught.value.expected == len(BODY) - 100


def test_short_consistent_gives_headers_that_agree_with_too_few_bytes(
    get: Get, lying: Proxy
) -> None:
    lying.rule(action=lies.short_consistent(10))
    ranged = get(Range="bytes=100-199")
    assert (ranged.status, ranged.body) == (206, BODY[100:110])
    assert ranged.headers["content-length"] == "10"
    assert ranged.headers["content-range"] == f"bytes 100-109/{len(BODY)}"
    assert get().body == BODY[:10]


@pytest.mark.parametrize(("first", "given"), [(100, 101), (len(BODY) - 10, len(BODY) - 11)])
def test_wrong_range_gives_other_bytes_under_the_headers_asked_for(
    get: Get, lying: Proxy, first: int, given: int
) -> None:
    lying.rule(action=lies.wrong_range())
    got = get(Range=f"bytes={first}-{first + 9}")
    assert (got.status, got.body) == (206, BODY[given : given + 10])
    assert got.headers["content-range"] == f"bytes {first}-{first + 9}/{len(BODY)}"


def test_wrong_range_can_admit_what_it_gives(get: Get, lying: Proxy) -> None:
    lying.rule(action=lies.wrong_range(50, admits=True))
    got = get(Range="bytes=0-9")
    assert got.body == BODY[50:60]
    assert got.headers["content-range"] == f"bytes 50-59/{len(BODY)}"


def test_as_200_gives_the_whole_object_for_a_range(get: Get, lying: Proxy) -> None:
    lying.rule(action=lies.as_200())
    got = get(Range="bytes=0-9")
    assert (got.status, got.body) == (200, BODY)
    assert "content-range" not in got.headers


def test_ranges_that_were_signed_can_be_lied_about_too(
    any_bucket: Bucket, proxy_to: ProxyTo
) -> None:
    any_bucket.client.put_object(Bucket=any_bucket.name, Key=ODD, Body=BODY)
    proxy = proxy_to(any_bucket.server)
    s3 = s3_client(any_bucket.server, proxy.url)
    ask = {"Bucket": any_bucket.name, "Key": ODD, "Range": "bytes=10-19"}

    proxy.rule(times=1, action=lies.wrong_range(5))
    proxy.rule(times=1, action=lies.as_200())
    assert s3.get_object(**ask)["Body"].read() == BODY[15:25]
    assert s3.get_object(**ask)["Body"].read() == BODY
    assert s3.get_object(**ask)["Body"].read() == BODY[10:20]
    s3.close()


def test_flip_bit_changes_one_bit_of_a_reply(get: Get, lying: Proxy) -> None:
    lying.rule(action=lies.flip_bit(7))
    assert get().body == BODY[:7] + bytes([BODY[7] ^ 1]) + BODY[8:]


def test_flip_bit_changes_one_bit_of_a_request(get: Get, lying: Proxy) -> None:
    lying.rule(times=1, action=lies.flip_bit(-1, "request"))
    assert get("PUT", "/new?", BODY, x_ms_blob_type="BlockBlob").status == 201
    assert get(what="/new?").body == BODY[:-1] + bytes([BODY[-1] ^ 1])


def test_change_header_replaces_and_removes(get: Get, lying: Proxy) -> None:
    lying.rule(times=1, action=lies.change_header("ETag", '"other"'))
    lying.rule(times=1, action=lies.change_header("ETag", None))
    assert get().headers["etag"] == '"other"'
    assert "etag" not in get().headers
    lying.rule(times=1, action=lies.change_header("Range", "bytes=0-4", "request"))
    assert get(Range="bytes=0-9").body == BODY[:5]


@pytest.mark.parametrize("forwarding", [False, True])
@pytest.mark.parametrize(
    ("lie", "body"), [(lies.empty_200, b""), (lies.html_200, lies.HTML)], ids=["empty", "html"]
)
def test_an_empty_or_html_200_is_a_lie_or_a_mangled_truth(
    get: Get, lying: Proxy, lie: Callable[..., Action], body: bytes, forwarding: bool
) -> None:
    lying.rule(times=1, action=lie(forwarding=forwarding))
    got = get("PUT", "/new?", BODY, x_ms_blob_type="BlockBlob")
    assert (got.status, got.body) == (200, body)
    assert get("HEAD", "/new?").status == (200 if forwarding else 404)


@pytest.mark.parametrize(("lie", "status"), [(lies.lose_reply, 200), (lies.hang_up, 404)])
def test_a_lost_reply_is_a_deed_done_and_a_hang_up_is_none(
    get: Get, lying: Proxy, lie: Callable[[], Action], status: int
) -> None:
    lying.rule(times=1, action=lie())
    with pytest.raises(http.client.RemoteDisconnected):
        get("PUT", "/new?", BODY, x_ms_blob_type="BlockBlob")
    assert lying.requests[-1].status == 0
    assert get("HEAD", "/new?").status == status


def test_delay_answers_late_but_right(get: Get, lying: Proxy) -> None:
    lying.rule(action=lies.delay(0.3))
    began = time.monotonic()
    assert get().body == BODY
    assert time.monotonic() - began >= 0.3


def test_redirect_points_elsewhere(get: Get, lying: Proxy) -> None:
    lying.rule(action=lies.redirect("http://127.0.0.1:1/", 301))
    got = get()
    assert (got.status, got.headers["location"]) == (301, "http://127.0.0.1:1/")


def test_edit_body_can_take_the_marker_out_of_a_listing(
    get: Get, lying: Proxy, container: Container
) -> None:
    container.client.upload_blob("second", BODY)
    page = "?restype=container&comp=list&maxresults=1"
    assert b"<NextMarker>" in get(what=page).body

    lying.rule(
        match=lambda req: req.params.get("comp") == "list",
        action=lies.edit_body(lambda body: body.partition(b"<NextMarker>")[0] + b"<NextMarker/>"),
    )
    cut = get(what=page)
    assert cut.body.endswith(b"<NextMarker/>")
    assert cut.headers["content-length"] == str(len(cut.body))


def _owner(log: Path, *, keep: bool, end: str) -> subprocess.CompletedProcess[str]:
    """Run a process that starts moto, prints its URL and process number, and ends as told."""
    program = (
        "import os, sys, pathlib\n"
        "from hdh_migrate.demo.servers import moto_s3\n"
        f"with moto_s3(pathlib.Path(sys.argv[1]), keep={keep}) as up:\n"
        "    print(up.endpoint, up.pid, flush=True)\n"
        f"    {end}\n"
    )
    command = [sys.executable, "-c", program, str(log)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def _listens(url: str) -> bool:
    parts = urlsplit(url)
    try:
        socket.create_connection((parts.hostname or "", parts.port or 0), timeout=1).close()
    except OSError:
        return False
    return True


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    before = set(threading.enumerate())  # of other tests' servers, as long as somebody is connected
    yield
    new = set(threading.enumerate()) - before
    names = [thread.name for thread in new if "process_request" in thread.name]
    # Threads of a proxy that this test opened end with `proxy_to`, which is torn down before us.
    assert names == []
