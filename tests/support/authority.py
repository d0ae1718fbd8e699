"""A time-stamping authority on this machine: OpenSSL's own, with certificates made here."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.support.serving import serving

CONFIG = """\
[tsa]
default_tsa = here
[here]
serial = {folder}/serial
signer_cert = {folder}/signer.pem
signer_key = {folder}/signer.key
certs = {folder}/chain.pem
signer_digest = {digest}
digests = sha256, sha384, sha512
default_policy = 1.3.6.1.4.1.99999.1
accuracy = secs:1
ess_cert_id_alg = {ess}
"""
TIME_STAMPING = ExtendedKeyUsageOID.TIME_STAMPING
NOW = datetime.now(UTC)
USAGES = (
    "digital_signature", "content_commitment", "key_encipherment", "data_encipherment",
    "key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
)  # fmt: skip
YEAR = timedelta(days=365)


def new_key(kind: str = "ec") -> Any:
    if kind == "rsa":
        return rsa.generate_private_key(65537, 2048)
    if kind == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    return ec.generate_private_key(ec.SECP384R1() if kind == "ec384" else ec.SECP256R1())


@dataclass(frozen=True, kw_only=True)
class Issuer:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: Any

    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)


def issue(
    name: str,
    by: Issuer | None = None,
    *,
    kind: str = "ec",
    ca: bool = False,
    path_length: int | None = None,
    uses: Sequence[x509.ObjectIdentifier] = (),
    critical: bool = True,
    lasts: tuple[timedelta, timedelta] = (-YEAR, YEAR),
    strange: bool = False,
    may_issue: bool = True,
    usage: Sequence[str] = (),
) -> Issuer:
    """Issue a certificate, by itself when nobody else does."""
    key = new_key(kind)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by.certificate.subject if by else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW + lasts[0])
        .not_valid_after(NOW + lasts[1])
        .add_extension(x509.BasicConstraints(ca=ca, path_length=path_length), critical=True)
    )
    if ca and not usage:
        usage = ("digital_signature", "crl_sign", *(["key_cert_sign"] if may_issue else []))
    if usage:
        every = dict.fromkeys(USAGES, False) | dict.fromkeys(usage, True)
        builder = builder.add_extension(x509.KeyUsage(**every), critical=True)
    if uses:
        builder = builder.add_extension(x509.ExtendedKeyUsage(uses), critical=critical)
    if strange:
        unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.2"), b"\5\0")
        builder = builder.add_extension(unknown, critical=True)
    signer = by.key if by else key
    how = None if isinstance(signer, ed25519.Ed25519PrivateKey) else SHA256()
    return Issuer(certificate=builder.sign(signer, how), key=key)


class Authority:
    """Answers time-stamp requests as `openssl ts` does; `cms` signs what that would refuse to."""

    def __init__(
        self, folder: Path, signer: Issuer, chain: Sequence[Issuer] = (),
        *, digest: str = "sha256", ess: str = "sha256",
    ) -> None:  # fmt: skip
        folder.mkdir(parents=True)
        self.folder = folder
        (folder / "signer.pem").write_bytes(signer.pem())
        (folder / "signer.key").write_bytes(
            signer.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        )
        (folder / "chain.pem").write_bytes(
            b"".join(issuer.pem() for issuer in chain) or signer.pem()
        )
        (folder / "tsa.cnf").write_text(CONFIG.format(folder=folder, digest=digest, ess=ess))
        (folder / "serial").write_text("01\n")
        self._has_chain = bool(chain)

    def answer(self, request: bytes) -> bytes:
        """Return the TimeStampResp to a TimeStampReq, granted or not."""
        (self.folder / "request.tsq").write_bytes(request)
        return self._openssl("ts", "-reply", "-config", "tsa.cnf", "-queryfile", "request.tsq")

    def sign(self, info: bytes, *options: str) -> bytes:
        """Return a bare token over a TSTInfo, whatever the certificate is for."""
        (self.folder / "info.der").write_bytes(info)
        chain = ("-certfile", "chain.pem") if self._has_chain else ()
        return self._openssl(
            "cms", "-sign", "-binary", "-nodetach", "-nosmimecap", "-in", "info.der",
            "-econtent_type", "1.2.840.113549.1.9.16.1.4", "-signer", "signer.pem",
            "-inkey", "signer.key", "-outform", "DER", *chain, *options,
        )  # fmt: skip

    def token_in(self, answer: bytes) -> bytes:
        """Return the bare token of a TimeStampResp, cut out by OpenSSL."""
        (self.folder / "answer.tsr").write_bytes(answer)
        return self._openssl("ts", "-reply", "-in", "answer.tsr", "-token_out")

    def info_in(self, answer: bytes) -> bytes:
        """Return the TSTInfo of a TimeStampResp, cut out by OpenSSL."""
        (self.folder / "token.der").write_bytes(self.token_in(answer))
        return self._openssl("cms", "-verify", "-noverify", "-inform", "DER", "-in", "token.der")

    def _openssl(self, *arguments: str) -> bytes:
        out = self.folder / "out.der"
        done = subprocess.run(
            ["openssl", *arguments, "-out", str(out)],
            cwd=self.folder, capture_output=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr.decode()
        return out.read_bytes()


@dataclass
class Line:
    """An authority's address, and the requests that came there."""

    url: str
    requests: list[bytes]


@contextmanager
def online(
    answer: Callable[[bytes], bytes], status: int = 200, headers: dict[str, str] | None = None
) -> Iterator[Line]:
    """Serve an authority on loopback; `status` and `headers` make it a bad one."""
    line = Line("", [])

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            line.requests.append(self.rfile.read(int(self.headers["Content-Length"])))
            assert self.headers["Content-Type"] == "application/timestamp-query"
            body = answer(line.requests[-1])
            self.send_response(status)
            for name, value in {
                "Content-Type": "application/timestamp-reply",
                "Content-Length": str(len(body)),
                **(headers or {}),
            }.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
            pass

    class Server(HTTPServer):
        def handle_error(self, request: Any, client_address: Any) -> None:
            pass  # the client hung up on an answer that it did not want

    server = Server(("127.0.0.1", 0), Handler)
    line.url = f"http://127.0.0.1:{server.server_port}/stamp"
    with serving(server):
        yield line
