"""A certification authority, https servers and plain listeners of the tests' own, on loopback."""

from __future__ import annotations

import base64
import hashlib
import http.client
import socket
import ssl
import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509.oid import NameOID

from tests.support.serving import AnsweringHandler, AnsweringServer, serving


class Authority:
    """Signs certificates for the servers of one test."""

    def __init__(self, folder: Path, name: str = "authority") -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.bundle = folder / f"{name}.pem"
        self.bundle.write_bytes(self._signed(self._name, self._key, (), days=30, is_authority=True))

    def issue(self, *names: str, days: int = 30) -> Identity:
        """Return a key and a certificate for the names; expired when `days` is negative."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
        spki = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        digest = hashlib.sha256(spki)
        path = self._folder / f"{names[0]}-{digest.hexdigest()[:16]}.pem"
        path.write_bytes(
            key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            + self._signed(subject, key, names, days=days)
        )
        pin = base64.b64encode(digest.digest()).decode()
        return Identity(path=path, pin=f"sha256//{pin}")

    def _signed(
        self, subject: x509.Name, key: Any, names: tuple[str, ...], *, days: int,
        is_authority: bool = False,
    ) -> bytes:  # fmt: skip
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=60))
            .not_valid_after(now + timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        )
        if names:
            alternatives = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
            builder = builder.add_extension(alternatives, critical=False)
        return builder.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM)


@dataclass(frozen=True, slots=True)
class Identity:
    """A server's key and certificate in one file, and the pin of its key."""

    path: Path
    pin: str


@dataclass(slots=True)
class Heard:
    """What arrived at a port: connections, and what was said on them."""

    port: int
    connections: int = 0
    requests: list[str] = field(default_factory=list)
    received: int = 0


@contextmanager
def https(
    identity: Identity,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    newest: ssl.TLSVersion | None = None,
    ciphers: str = "ALL:@SECLEVEL=0",
    before: str | None = None,
) -> Iterator[Heard]:
    """Answer every request alike, or as the http server behind does (`before` is its address).

    What is heard is what came through a whole handshake.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(identity.path)
    if newest is not None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = ssl.TLSVersion.TLSv1
            context.maximum_version = newest
        context.set_ciphers(ciphers)

    class Handler(AnsweringHandler):
        def handle(self) -> None:
            heard.connections += 1
            try:
                self.request.do_handshake()
                super().handle()
            except OSError:
                return

        def answer(self) -> None:
            heard.requests.append(f"{self.command} {self.path}")
            sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            heard.received += len(sent)
            if before is not None:
                self.pass_on(before, sent)
                return
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def pass_on(self, before: str, sent: bytes) -> None:
            connection = http.client.HTTPConnection(urlsplit(before).netloc, timeout=30)
            try:
                told = {k: v for k, v in self.headers.items() if k.lower() != "host"}
                connection.request(self.command, self.path, body=sent or None, headers=told)
                reply = connection.getresponse()
                data = reply.read()
            finally:
                connection.close()
            self.send_response_only(reply.status)
            for name, value in reply.getheaders():
                if name.lower() not in {"content-length", "transfer-encoding", "connection"}:
                    self.send_header(name, value)
            length = reply.headers.get("Content-Length") if self.command == "HEAD" else None
            self.send_header("Content-Length", length or str(len(data)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data)

    for method in ("GET", "HEAD", "PUT", "POST", "DELETE"):
        setattr(Handler, f"do_{method}", Handler.answer)
    server = AnsweringServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.socket = context.wrap_socket(
        server.socket, server_side=True, do_handshake_on_connect=False
    )
    heard = Heard(port=server.server_address[1])
    with serving(server):
        yield heard


@contextmanager
def listener() -> Iterator[Heard]:
    """Listen on a port and answer nothing: whoever connects, or says a word, is counted."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.05)
        heard = Heard(port=server.getsockname()[1])
        done = threading.Event()

        def listen() -> None:
            while not done.is_set():
                try:
                    connection, _ = server.accept()
                except TimeoutError:
                    continue
                heard.connections += 1
                with connection:
                    connection.settimeout(0.5)
                    try:
                        heard.received += len(connection.recv(4096))
                    except OSError:
                        continue

        thread = threading.Thread(target=listen)
        thread.start()
        try:
            yield heard
        finally:
            done.set()
            thread.join()
