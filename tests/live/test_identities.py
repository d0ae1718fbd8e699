"""Tokens of a source's identity: whom they are asked of, what is believed, and a whole run."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from hdh_migrate.errors import (
    AuthFailed,
    Exit,
    HostRefused,
    KeyUnavailable,
    PlanInvalid,
    StorageError,
    Throttled,
)
from hdh_migrate.plan.loader import load
from hdh_migrate.plan.sides import (
    AzureIdentity,
    ClientCertificate,
    ClientSecret,
    ManagedIdentity,
    WorkloadIdentity,
)
from hdh_migrate.session.views.outlook import demand_current
from hdh_migrate.sources import azure_proofs as proofs
from hdh_migrate.sources import azure_tokens as tokens
from hdh_migrate.transport import TlsTrust, Transport
from hdh_migrate.wiring.identities import open_identity
from hdh_migrate.wiring.vault import Vault
from tests.support.affair import Affair
from tests.support.proxy import Upstream
from tests.support.tls import Authority, listener
from tests.support.token_server import TokenServer, token_server
from tests.support.wire import Reply, Request

pytestmark = pytest.mark.live

TENANT = "01234567-89ab-cdef-0123-456789abcdef"
CLIENT = "fedcba98-7654-3210-fedc-ba9876543210"
NOW = "2026-11-20T10:00:00Z"
AMBIENT = (
    "IDENTITY_ENDPOINT", "IMDS_ENDPOINT", "MSI_ENDPOINT", "AZURE_AUTHORITY_HOST", "HTTPS_PROXY",
    "https_proxy", "ALL_PROXY", "http_proxy", "AZURE_POD_IDENTITY_AUTHORITY_HOST",
)  # fmt: skip


@pytest.fixture
def server() -> Iterator[TokenServer]:
    with token_server() as serving:
        yield serving


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return Vault.open(tmp_path, {"T_SECRET": "a~secret&of=ours"})


def sent_by(authorizer: tokens.TokenAuthorizer) -> str:
    headers: dict[str, str] = {}
    assert authorizer.apply("comp=list", headers) == "comp=list"
    return headers["Authorization"]


# --- what is asked -------------------------------------------------------------------------


@pytest.mark.parametrize("client_id", [None, CLIENT])
def test_a_managed_identity_asks_the_metadata_service(
    client_id: str | None, server: TokenServer, vault: Vault
) -> None:
    server.says = {  # as that service writes it: numbers as text
        "access_token": "eyJ0.a.b", "expires_in": "3599", "expires_on": "1506484173",
        "token_type": "Bearer", "resource": "https://storage.azure.com/",
    }  # fmt: skip
    section = ManagedIdentity(kind="managed-identity", client_id=client_id, endpoint=server.url)

    assert sent_by(open_identity(section, vault)) == "Bearer eyJ0.a.b"

    [asked] = server.asked
    assert (asked.method, asked.path) == ("GET", "/metadata/identity/oauth2/token")
    assert asked.headers["metadata"] == "true"
    wanted = {"api-version": "2018-02-01", "resource": "https://storage.azure.com/"}
    assert asked.fields == wanted | ({"client_id": client_id} if client_id else {})


def test_a_client_secret_is_sent_in_the_body_alone(server: TokenServer, vault: Vault) -> None:
    section = ClientSecret(
        kind="client-secret", tenant=TENANT, client_id=CLIENT, secret="env:T_SECRET",
        endpoint=server.url,
    )  # fmt: skip

    assert sent_by(open_identity(section, vault)) == "Bearer a.token.of-ours"

    [asked] = server.asked
    assert (asked.method, asked.path) == ("POST", f"/{TENANT}/oauth2/v2.0/token")
    assert asked.fields == {
        "grant_type": "client_credentials", "client_id": CLIENT,
        "scope": "https://storage.azure.com/.default", "client_secret": "a~secret&of=ours",
    }  # fmt: skip


def test_a_federated_token_is_read_anew_each_time(
    server: TokenServer, vault: Vault, tmp_path: Path
) -> None:
    section = WorkloadIdentity(
        kind="workload-identity", tenant=TENANT, client_id=CLIENT, token_file="token",
        endpoint=server.url,
    )  # fmt: skip
    clock = iter(range(0, 10**6, 10_000))
    found = open_identity(section, vault)
    authorizer = tokens.TokenAuthorizer(found._fetch, monotonic=lambda: float(next(clock)))
    server.says = None
    for written in ("first.of.it", "second.of.it"):
        (tmp_path / "token").write_text(written + "\n")
        sent_by(authorizer)

    assert [asked.fields["client_assertion"] for asked in server.asked] == [
        "first.of.it",
        "second.of.it",
    ]
    assert server.asked[0].fields["client_assertion_type"] == proofs.ASSERTION_TYPE


@pytest.mark.parametrize("held", [None, "", "two lines\nof it", "x" * 20_000, "a\r\nb: c"])
def test_a_federated_token_that_is_none_is_told(held: str | None, tmp_path: Path) -> None:
    if held is not None:
        (tmp_path / "token").write_text(held)
    with pytest.raises(AuthFailed, match="federated token"):
        proofs.by_federation(tmp_path / "token")("")


def certificate(key: Any) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "principal")])
    moment = datetime(2026, 11, 1, tzinfo=UTC)
    return (
        x509.CertificateBuilder().subject_name(name).issuer_name(name)
        .public_key(key.public_key()).serial_number(7).not_valid_before(moment)
        .not_valid_after(moment + timedelta(days=90)).sign(key, hashes.SHA256())
    )  # fmt: skip


def pem(key: Any, *certificates: x509.Certificate, phrase: bytes | None = None) -> str:
    protection: Any = serialization.NoEncryption()
    if phrase is not None:
        protection = serialization.BestAvailableEncryption(phrase)
    text = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, protection
    )
    text += b"".join(c.public_bytes(serialization.Encoding.PEM) for c in certificates)
    return text.decode()


@pytest.fixture(scope="module")
def principal() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def decoded(part: str) -> dict[str, Any]:
    return dict(json.loads(base64.urlsafe_b64decode(part + "==")))


def test_a_certificate_signs_an_assertion_that_its_public_key_checks(
    server: TokenServer, principal: rsa.RSAPrivateKey, tmp_path: Path
) -> None:
    other = certificate(rsa.generate_private_key(65537, 2048))
    own = certificate(principal)
    (tmp_path / "p.pem").write_text(pem(principal, other, own, phrase=b"a phrase"))
    (tmp_path / "p.pem").chmod(0o600)
    section = ClientCertificate(
        kind="client-certificate", tenant=TENANT, client_id=CLIENT, certificate="file:p.pem",
        passphrase="env:T_PHRASE", endpoint=server.url,
    )  # fmt: skip

    sent_by(open_identity(section, Vault.open(tmp_path, {"T_PHRASE": "a phrase"})))
    sent_by(open_identity(section, Vault.open(tmp_path, {"T_PHRASE": "a phrase"})))

    identifiers = set()
    for asked in server.asked:
        assert asked.fields["client_assertion_type"] == proofs.ASSERTION_TYPE
        signed, _, signature = asked.fields["client_assertion"].rpartition(".")
        header, claims = map(decoded, signed.split("."))
        der = own.public_bytes(serialization.Encoding.DER)
        thumbprint = base64.urlsafe_b64encode(hashlib.sha256(der).digest()).rstrip(b"=").decode()
        assert header == {"alg": "PS256", "typ": "JWT", "x5t#S256": thumbprint}
        # The audience is Microsoft's, whatever host is asked.
        assert claims["aud"] == f"https://login.microsoftonline.com/{TENANT}/oauth2/v2.0/token"
        assert claims["iss"] == claims["sub"] == CLIENT
        assert 0 < claims["exp"] - claims["nbf"] <= 600
        identifiers.add(claims["jti"])
        scheme = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
        raw = base64.urlsafe_b64decode(signature + "==")
        principal.public_key().verify(raw, signed.encode(), scheme, hashes.SHA256())
        with pytest.raises(InvalidSignature):
            principal.public_key().verify(raw, signed.encode() + b"x", scheme, hashes.SHA256())
    assert len(identifiers) == 2


def test_a_certificate_file_that_cannot_prove_anything_is_told_before_anything_is_sent(
    principal: rsa.RSAPrivateKey,
) -> None:
    curve = ec.generate_private_key(ec.SECP256R1())
    small = rsa.generate_private_key(65537, 1024)
    other = certificate(rsa.generate_private_key(65537, 2048))
    for text, phrase, told in (
        ("nothing", None, "no private key"),
        (pem(principal), None, "no certificate"),
        (pem(principal, other), None, "no certificate"),
        (pem(curve, certificate(curve)), None, "no RSA key"),
        (pem(small, certificate(small)), None, "no RSA key"),
        (pem(principal, certificate(principal), phrase=b"right"), None, "passphrase"),
        (pem(principal, certificate(principal), phrase=b"right"), "wrong", "cannot be opened"),
        (pem(principal, certificate(principal)), "superfluous", "passphrase"),
    ):
        with pytest.raises(KeyUnavailable, match=told) as error:
            proofs.by_certificate(text, phrase, CLIENT, now=lambda: NOW)
        assert "PRIVATE" not in str(error.value)
        assert phrase is None or phrase not in str(error.value)


# --- whom it is asked of -------------------------------------------------------------------


def test_nobody_that_the_environment_names_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """IDENTITY_ENDPOINT=http://... was asked, and its token used."""
    with listener() as elsewhere:
        for name in AMBIENT:
            monkeypatch.setenv(name, f"http://127.0.0.1:{elsewhere.port}")
        monkeypatch.setenv("IDENTITY_HEADER", "a header")
        metadata, login = tokens.metadata_door(None), tokens.login_door(None)
        metadata.resolve = login.resolve = lambda _: ["127.0.0.1"]
        for fetch in (
            tokens.ManagedIdentityTokens(transport=Transport(door=metadata)),
            tokens.ApplicationTokens(
                transport=Transport(door=login), tenant=TENANT, client_id=CLIENT,
                proof=proofs.by_secret("a secret"),
            ),
        ):  # fmt: skip
            with pytest.raises(StorageError) as error:
                fetch()
            assert "a secret" not in str(error.value)
        assert elsewhere.connections == 0


def test_the_doors_lead_to_one_host_each() -> None:
    metadata, login = tokens.metadata_door(None), tokens.login_door(None)
    assert metadata.objection("169.254.169.254") is None
    for address in ("127.0.0.1", "169.254.169.253", "20.190.1.1", "10.0.0.4"):
        assert metadata.objection(address) is not None
    assert login.objection("20.190.159.1") is None
    for address in ("127.0.0.1", "169.254.169.254", "10.0.0.4"):
        assert login.objection(address) is not None
    for door in (metadata, login):
        with pytest.raises(HostRefused):
            door.demand("https://login.example.com/x")
    with pytest.raises(HostRefused):
        login.demand("http://login.microsoftonline.com/x")


def test_a_login_without_a_certificate_that_verifies_hears_no_secret(tmp_path: Path) -> None:
    ours, theirs = Authority(tmp_path), Authority(tmp_path, "other")
    with token_server(theirs.issue("localhost").path) as server:

        def fetch(authority: Authority) -> tokens.Token:
            door = tokens.login_door(server.url)
            transport = Transport(door=door, tls=TlsTrust(ca_file=str(authority.bundle)))
            return tokens.ApplicationTokens(
                transport=transport, endpoint=server.url, tenant=TENANT, client_id=CLIENT,
                proof=proofs.by_secret("a secret"),
            )()  # fmt: skip

        with pytest.raises(HostRefused, match="certificate does not verify"):
            fetch(ours)
        assert not server.asked
        assert fetch(theirs).value == "a.token.of-ours"
        assert len(server.asked) == 1


# --- what is believed ----------------------------------------------------------------------

NO_TOKENS: tuple[Any, ...] = (
    b"", b"<html>", b"[1]", b"[" * 60_000, {}, {"access_token": "a"},
    {"access_token": "a\r\nX-Evil: 1", "expires_in": 3599, "token_type": "Bearer"},
    {"access_token": "a b", "expires_in": 3599, "token_type": "Bearer"},
    {"access_token": "", "expires_in": 3599, "token_type": "Bearer"},
    {"access_token": "a" * 20_000, "expires_in": 3599, "token_type": "Bearer"},
    {"access_token": ["a"], "expires_in": 3599, "token_type": "Bearer"},
    {"access_token": "a", "expires_in": -1, "token_type": "Bearer"},
    {"access_token": "a", "expires_in": 0, "token_type": "Bearer"},
    {"access_token": "a", "expires_in": 1e400, "token_type": "Bearer"},
    {"access_token": "a", "expires_in": "²", "token_type": "Bearer"},
    {"access_token": "a", "expires_in": 10**30, "token_type": "Bearer"},
    {"access_token": "a", "expires_in": 3599, "token_type": "mac"},
    {"access_token": "a", "expires_in": 3599},
)  # fmt: skip


@pytest.mark.parametrize("said", NO_TOKENS, ids=lambda said: repr(said)[:40])
def test_what_is_no_token_is_told_as_that(said: Any, server: TokenServer, vault: Vault) -> None:
    server.says = said
    section = ManagedIdentity(kind="managed-identity", endpoint=server.url)
    with pytest.raises(StorageError):
        sent_by(open_identity(section, vault))


@pytest.mark.parametrize(
    ("status", "said", "kind", "told"),
    [
        (400, {"error": "invalid_request", "error_description": "Identity not found"}, AuthFailed,
         "invalid_request, HTTP 400"),
        (401, {"error": "invalid_client", "error_description": "AADSTS7000215: for app '7'"},
         AuthFailed, "invalid_client, AADSTS7000215, HTTP 401"),
        (403, {"error": "Ünknown\x1b[31m", "error_description": 7}, AuthFailed, "HTTP 403"),
        (302, b"", AuthFailed, "HTTP 302"),
        (429, b"", Throttled, "HTTP 429"),
        (410, b"", StorageError, "HTTP 410"),
        (500, b"", StorageError, "HTTP 500"),
    ],
)  # fmt: skip
def test_a_refusal_says_the_code_and_nothing_that_names_anybody(
    status: int, said: Any, kind: type[Exception], told: str, server: TokenServer, vault: Vault
) -> None:
    server.status, server.says = status, said
    server.headers = {"Location": "http://127.0.0.1:1/"} if status == 302 else {}
    section = ManagedIdentity(kind="managed-identity", endpoint=server.url)
    with pytest.raises(kind) as error:
        sent_by(open_identity(section, vault))
    assert told in str(error.value)
    assert "app" not in str(error.value)
    assert "\x1b" not in str(error.value)


def test_a_token_is_kept_until_shortly_before_its_end_and_outlives_a_failed_renewal(
    server: TokenServer, vault: Vault
) -> None:
    section = ManagedIdentity(kind="managed-identity", endpoint=server.url)
    clock = [0.0]
    fetch = open_identity(section, vault)._fetch
    authorizer = tokens.TokenAuthorizer(fetch, monotonic=lambda: clock[0])
    for clock[0] in (0.0, 1000.0, 3298.0):
        assert sent_by(authorizer) == "Bearer a.token.of-ours"
    assert len(server.asked) == 1
    server.status = 500
    clock[0] = 3300.0
    assert sent_by(authorizer) == "Bearer a.token.of-ours"
    clock[0] = 3598.0
    with pytest.raises(StorageError):
        sent_by(authorizer)
    server.status, server.says = (
        200,
        {"token_type": "Bearer", "expires_in": 60, "access_token": "b"},
    )
    assert sent_by(authorizer) == "Bearer b"


# --- in a plan -----------------------------------------------------------------------------


def test_an_old_plan_still_loads_and_is_told_what_to_name(affair: Affair, vault: Vault) -> None:
    affair.plan('{kind: sas, value: "env:T_SAS"}', "{kind: azure-identity}")
    loaded = load(affair.folder / "plan.yaml")
    with pytest.raises(PlanInvalid, match="managed-identity"):
        demand_current(loaded)
    with pytest.raises(KeyUnavailable, match="no longer used"):
        open_identity(AzureIdentity(kind="azure-identity"), vault)
    assert affair.run() is Exit.REFUSED
    assert "no longer used" in affair.told[-1]


def test_tokens_are_asked_for_elsewhere_in_a_rehearsal_only(affair: Affair) -> None:
    affair.plan(
        '{kind: sas, value: "env:T_SAS"}',
        '{kind: managed-identity, endpoint: "https://login.example.com"}',
    )
    with pytest.raises(PlanInvalid, match="in a rehearsal only"):
        load(affair.folder / "plan.yaml")


def test_a_whole_run_reads_its_source_by_an_identity(affair: Affair, server: TokenServer) -> None:
    """The source lets only our token in; behind it stands the emulator, which wants a SAS."""
    sas = affair.environ("T_SAS")
    section = (
        f"{{kind: client-secret, tenant: {TENANT}, client_id: {CLIENT},"
        f' secret: "env:T_SAS", endpoint: "{server.url}"}}'
    )
    affair.plan('{kind: sas, value: "env:T_SAS"}', section)
    refused = []

    def let_in(request: Request, upstream: Upstream) -> Reply:
        known = request.path == "/"  # the clock, which is asked of anybody's door
        if not known and request.headers.get("Authorization") != "Bearer a.token.of-ours":
            refused.append(request)
        request.headers.set("Authorization", None)
        request.target += ("&" if "?" in request.target else "?") + sas
        return upstream.forward(request)

    affair.source.rule(action=let_in, match=lambda _: True)

    assert affair.run() is Exit.OK
    assert affair.verified() == set(affair.corpus)
    assert not refused
    assert 1 <= len(server.asked) <= 4
