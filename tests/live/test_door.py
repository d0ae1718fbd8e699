"""Nothing is said to a host that is not the right one: both ways of asking, on real sockets.

A name that looks public is led to this machine by a resolver of the test's own.
"""

from __future__ import annotations

import os
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

from hdh_migrate.door import Addresses, Door
from hdh_migrate.errors import ConnectionLost, Permanent, StorageError
from hdh_migrate.model import Place
from hdh_migrate.targets.profiles import load
from hdh_migrate.targets.s3 import S3Writer
from hdh_migrate.targets.s3_endpoint import S3Endpoint
from hdh_migrate.transport import SigV4, TlsTrust, Transport
from tests.support.tls import Authority, Heard, Identity, https, listener

pytestmark = pytest.mark.live

HOST = "s3.fr-par.example.com"
LISTING = (
    b'<?xml version="1.0"?><ListBucketResult><KeyCount>0</KeyCount>'
    b"<IsTruncated>false</IsTruncated></ListBucketResult>"
)
HERE = Addresses(loopback=True)
PUBLIC = Addresses()


def here(host: str) -> Sequence[str]:
    assert host.endswith(HOST)
    return ["127.0.0.1"]


def target(
    port: int,
    *,
    tls: TlsTrust | None = None,
    addresses: Addresses = HERE,
    admitted: bool = True,
    addressing: str = "path",
    resolve: Callable[[str], Sequence[str]] = here,
    url: str | None = None,
    pace: Callable[[str, str], None] | None = None,
) -> S3Writer:
    url = url or f"https://{HOST}:{port}"
    sign = SigV4(region="fr-par", access_key="an id", secret_key="a secret")
    door = Door(
        endpoint=url, addresses=addresses, admitted=admitted, resolve=resolve,
        buckets_in_front=addressing == "virtual",
    )  # fmt: skip
    transport = Transport(sign=sign, tls=tls, door=door)
    endpoint = S3Endpoint(url, addressing=addressing, sign=sign, transport=transport, pace=pace)
    return S3Writer(endpoint, load("generic").limits)


def by_data(s3: S3Writer) -> None:
    s3.head("bucket", "key")


def by_control(s3: S3Writer) -> None:
    list(s3.keys(Place(bucket="bucket")))


WAYS = pytest.mark.parametrize("ask", [by_data, by_control])
Ask = Callable[[S3Writer], None]


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def identity(authority: Authority) -> Identity:
    return authority.issue(HOST, f"bucket.{HOST}")


@pytest.fixture
def server(identity: Identity) -> Iterator[Heard]:
    with https(identity, body=LISTING) as heard:
        yield heard


def trusting(authority: Authority, *pins: str) -> TlsTrust:
    return TlsTrust(ca_file=str(authority.bundle), pins=pins)


def refused(ask: Ask, s3: S3Writer, told: str) -> StorageError:
    with pytest.raises(Permanent) as error:
        ask(s3)
    assert told in str(error.value)
    return error.value


# --- the right one, so that the others can fail -------------------------------------------------


@WAYS
@pytest.mark.parametrize("addressing", ["path", "virtual"])
def test_the_right_host_is_asked(
    ask: Ask, addressing: str, authority: Authority, identity: Identity, server: Heard
) -> None:
    ask(target(server.port, tls=trusting(authority, identity.pin), addressing=addressing))
    assert len(server.requests) == 1


@WAYS
def test_every_way_of_asking_is_counted_with_its_address(
    ask: Ask, authority: Authority, server: Heard
) -> None:
    s3 = target(server.port, tls=trusting(authority))
    ask(s3)
    traffic = s3._endpoint.transport.traffic[f"https://{HOST}:{server.port}"]
    assert (traffic.requests, traffic.addresses) == (1, {"127.0.0.1"})


@pytest.mark.parametrize(
    ("newest", "told"),
    [
        (None, "TLSv1.3 TLS_AES_256_GCM_SHA384"),
        (ssl.TLSVersion.TLSv1_2, "TLSv1.2 ECDHE-ECDSA-AES256-GCM-SHA384"),
    ],
)
def test_what_the_first_connection_was_secured_with_is_told(
    newest: ssl.TLSVersion | None, told: str, authority: Authority, identity: Identity
) -> None:
    certificate = x509.load_pem_x509_certificate(identity.path.read_bytes())
    with https(identity, body=LISTING, newest=newest) as heard:
        transport = target(heard.port, tls=trusting(authority))._endpoint.transport
        endpoint = f"https://{HOST}:{heard.port}"
        assert transport._counted.is_new(endpoint)
        for _ in range(2):
            transport.request("GET", f"{endpoint}/bucket", {})
            assert not transport._counted.is_new(endpoint)
        expected = f"{told} sha256:{certificate.fingerprint(SHA256()).hex()}"
        assert transport.traffic[endpoint].totals("target", endpoint, 0.0, 0.0).tls == (expected,)
        assert heard.connections == 1


def test_nothing_is_told_of_tls_that_was_refused_or_was_none(
    authority: Authority, server: Heard
) -> None:
    pin = authority.issue(HOST).pin
    s3 = target(server.port, tls=trusting(authority, pin))
    refused(by_data, s3, "none of the pinned ones")
    (traffic,) = s3._endpoint.transport.traffic.values()
    assert not traffic.tls
    with listener() as plain:
        url = f"http://{HOST}:{plain.port}"
        s3 = target(plain.port, url=url)
        assert not s3._endpoint.transport._counted.is_new(url)
        with pytest.raises(ConnectionLost):
            by_data(s3)
    (traffic,) = s3._endpoint.transport.traffic.values()
    assert not traffic.totals("target", "https://h", 0.0, 0.0).tls


def test_asking_what_secures_a_connection_shows_nothing(
    authority: Authority, server: Heard, capfd: pytest.CaptureFixture[str]
) -> None:
    by_data(target(server.port, tls=trusting(authority)))
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("addressing", ["path", "virtual"])
def test_every_request_waits_for_its_bucket_before_it_is_sent(
    addressing: str, authority: Authority, server: Heard
) -> None:
    held: list[tuple[str, str, int]] = []

    def pace(method: str, bucket: str) -> None:
        held.append((method, bucket, len(server.requests)))

    s3 = target(server.port, tls=trusting(authority), addressing=addressing, pace=pace)
    by_data(s3)
    by_control(s3)
    s3.abort(_upload())
    assert held == [("HEAD", "bucket", 0), ("GET", "bucket", 1), ("DELETE", "bucket", 2)]


# --- certificates -------------------------------------------------------------------------------


@WAYS
def test_an_unknown_authority_is_told_nothing(ask: Ask, server: Heard, tmp_path: Path) -> None:
    other = Authority(tmp_path, "other")
    refused(
        ask, target(server.port, tls=trusting(other)), "no authority that is trusted here signed it"
    )
    refused(ask, target(server.port), "certificate does not verify")
    assert server.requests == []


@WAYS
def test_a_certificate_of_another_host_is_told_nothing(ask: Ask, authority: Authority) -> None:
    with https(authority.issue("s3.nl-ams.example.com"), body=LISTING) as heard:
        refused(
            ask,
            target(heard.port, tls=trusting(authority)),
            "certificate does not verify: it is that of another host name",
        )
        assert heard.requests == []


@WAYS
def test_an_expired_certificate_is_told_nothing(ask: Ask, authority: Authority) -> None:
    with https(authority.issue(HOST, days=-1), body=LISTING) as heard:
        refused(
            ask,
            target(heard.port, tls=trusting(authority)),
            "certificate does not verify: it has expired",
        )
        assert heard.requests == []


@WAYS
def test_a_key_that_is_not_pinned_is_told_nothing(
    ask: Ask, authority: Authority, identity: Identity, server: Heard
) -> None:
    pin = authority.issue(HOST).pin
    s3 = target(server.port, tls=trusting(authority, pin))
    refused(ask, s3, "the server's key is none of the pinned ones")
    assert server.requests == []
    ask(target(server.port, tls=trusting(authority, pin, identity.pin)))
    assert len(server.requests) == 1


@WAYS
def test_an_old_tls_is_told_nothing(ask: Ask, authority: Authority, identity: Identity) -> None:
    with https(identity, body=LISTING, newest=ssl.TLSVersion.TLSv1_1) as heard:
        with pytest.raises(ConnectionLost):
            ask(target(heard.port, tls=trusting(authority)))
        assert heard.connections > 0
        assert heard.requests == []
    with https(identity, body=LISTING, newest=ssl.TLSVersion.TLSv1_2) as heard:
        ask(target(heard.port, tls=trusting(authority)))
        assert len(heard.requests) == 1


@WAYS
@pytest.mark.parametrize(
    "name", ["SSL_CERT_FILE", "AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"]
)
def test_no_setting_of_the_machine_makes_an_authority_trusted(
    ask: Ask, name: str, authority: Authority, server: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, str(authority.bundle))
    monkeypatch.setenv("SSL_CERT_DIR", str(authority.bundle.parent))
    refused(ask, target(server.port), "certificate does not verify")
    assert server.requests == []


@WAYS
@pytest.mark.parametrize("ciphers", ["ECDHE-ECDSA-AES128-SHA256", "ECDHE-ECDSA-AES256-SHA"])
def test_a_suite_that_is_not_aead_is_told_nothing(
    ask: Ask, ciphers: str, authority: Authority, identity: Identity
) -> None:
    newest = ssl.TLSVersion.TLSv1_2
    with https(identity, body=LISTING, newest=newest, ciphers=f"{ciphers}:@SECLEVEL=0") as heard:
        with pytest.raises(ConnectionLost):
            ask(target(heard.port, tls=trusting(authority)))
        assert heard.connections > 0
        assert heard.requests == []
    good = "ECDHE-ECDSA-AES128-GCM-SHA256"
    with https(identity, body=LISTING, newest=newest, ciphers=good) as heard:
        ask(target(heard.port, tls=trusting(authority)))
        assert len(heard.requests) == 1


IN_A_PROCESS_OF_ITS_OWN = """
import sys
from pathlib import Path
from tests.live import test_door as door
way, port, bundle = sys.argv[1:]
getattr(door, way)(door.target(int(port), tls=door.TlsTrust(ca_file=bundle)))
"""


@pytest.mark.parametrize("way", ["by_data", "by_control"])
def test_no_session_key_is_written_to_a_file(
    way: str, authority: Authority, server: Heard, tmp_path: Path
) -> None:
    written = tmp_path / "keys.log"
    arguments = [way, str(server.port), str(authority.bundle)]
    subprocess.run(
        [sys.executable, "-c", IN_A_PROCESS_OF_ITS_OWN, *arguments],
        env={**os.environ, "SSLKEYLOGFILE": str(written)},  # TLS libraries look at their start
        check=True,
    )
    assert len(server.requests) == 1
    assert not written.exists()


# --- where a name leads -------------------------------------------------------------------------


@WAYS
def test_a_name_that_leads_elsewhere_when_contacted_is_told_nothing(ask: Ask) -> None:
    with listener() as heard:
        refused(ask, target(heard.port, addresses=PUBLIC), "leads to 127.0.0.1, no address of")
        refused(
            ask, target(heard.port, addresses=Addresses(private=True)), "leads to 127.0.0.1, no "
        )
        assert heard.connections == 0


@WAYS
def test_a_name_that_changes_its_address_between_two_looks_is_told_nothing(ask: Ask) -> None:
    answers = iter([["51.159.1.1"], ["127.0.0.1"]])
    with listener() as heard:
        s3 = target(heard.port, addresses=PUBLIC, resolve=lambda _: next(answers))
        door = s3._endpoint.transport.door
        assert door.resolve is not None
        assert [door.objection(address) for address in door.resolve(HOST)] == [None]
        refused(ask, s3, "leads to 127.0.0.1")
        assert heard.connections == 0


@WAYS
def test_localhost_that_is_not_this_machine_is_told_nothing(ask: Ask) -> None:
    s3 = target(0, url="http://localhost:5000", resolve=lambda _: ["192.0.2.1"], addresses=HERE)
    refused(ask, s3, "leads to 192.0.2.1, not this machine")


@WAYS
def test_who_was_not_admitted_is_told_nothing(ask: Ask) -> None:
    with listener() as heard:
        refused(ask, target(heard.port, admitted=False), "not admitted by the gate")
        assert heard.connections == 0


@pytest.mark.parametrize(
    "url",
    [
        "https://{host}.evil.example/key",
        "https://evil{host}/key",
        "https://{host}:444/key",
        "http://{host}/key",
        "https://bucket.{host}/key",
    ],
)
def test_an_address_beside_the_endpoint_is_told_nothing(url: str) -> None:
    door = Door(endpoint=f"https://{HOST}", addresses=HERE, admitted=True, resolve=here)
    with pytest.raises(Permanent, match="not an address of"):
        Transport(door=door).request("GET", url.format(host=HOST), {})


# --- redirects ----------------------------------------------------------------------------------


@WAYS
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(
    ask: Ask, status: int, authority: Authority, identity: Identity
) -> None:
    with listener() as elsewhere:
        away = {
            "Location": f"http://127.0.0.1:{elsewhere.port}/bucket",
            "x-amz-bucket-region": "nl-ams",
        }
        body = (
            b"<Error><Code>PermanentRedirect</Code><Endpoint>127.0.0.1:%d</Endpoint></Error>"
            % elsewhere.port
        )
        with https(identity, status=status, headers=away, body=body) as heard:
            refused(ask, target(heard.port, tls=trusting(authority)), "redirects elsewhere")
            assert len(heard.requests) == 1
        assert elsewhere.connections == 0


def test_a_part_is_not_sent_on_to_where_a_redirect_leads(
    authority: Authority, identity: Identity
) -> None:
    with listener() as elsewhere:
        away = {"Location": f"http://127.0.0.1:{elsewhere.port}/bucket/key"}
        with https(identity, status=307, headers=away) as heard:
            s3 = target(heard.port, tls=trusting(authority))
            with pytest.raises(Permanent, match="redirects elsewhere"):
                s3.put_part(_upload(), 1, memoryview(b"sealed"), sha256="0" * 64)
        assert elsewhere.connections == 0


def _upload() -> Any:
    from hdh_migrate.model import Upload

    return Upload(bucket="bucket", key="key", upload_id="an id")


# --- ambient settings ---------------------------------------------------------------------------


@WAYS
def test_settings_of_the_machine_lead_nowhere_else(
    ask: Ask, authority: Authority, server: Heard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with listener() as elsewhere:
        proxy = f"http://127.0.0.1:{elsewhere.port}"
        config = tmp_path / ".aws" / "config"
        config.parent.mkdir()
        config.write_text(
            f"[default]\nendpoint_url = {proxy}\nregion = us-east-1\nca_bundle = /nowhere\n"
            f"services = all\n[services all]\ns3 =\n  endpoint_url = {proxy}\n"
        )
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy)
            monkeypatch.setenv(name.lower(), proxy)
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.setenv(name, "")
        for name, value in {
            "HOME": str(tmp_path),
            "AWS_CONFIG_FILE": str(config),
            "AWS_PROFILE": "default",
            "AWS_ENDPOINT_URL": proxy,
            "AWS_ENDPOINT_URL_S3": proxy,
            "AWS_ACCESS_KEY_ID": "another",
            "AWS_SECRET_ACCESS_KEY": "another",
            "AWS_USE_DUALSTACK_ENDPOINT": "true",
            "AWS_USE_FIPS_ENDPOINT": "true",
            "AWS_S3_US_EAST_1_REGIONAL_ENDPOINT": "nonsense",
            "AWS_RETRY_MODE": "nonsense",
            "AWS_MAX_ATTEMPTS": "nonsense",
            "AWS_DEFAULTS_MODE": "nonsense",
            "AWS_REQUEST_CHECKSUM_CALCULATION": "nonsense",
            "AWS_DATA_PATH": str(config.parent),
            "AWS_EC2_METADATA_SERVICE_ENDPOINT": proxy,
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{proxy}/credentials",
        }.items():
            monkeypatch.setenv(name, value)
        ask(target(server.port, tls=trusting(authority)))
        assert len(server.requests) == 1
        assert elsewhere.connections == 0
