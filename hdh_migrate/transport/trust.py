"""Which server is trusted, and what libcurl says when it is not that one."""

from __future__ import annotations

import ssl
from pathlib import Path
from urllib.parse import urlsplit

import pycurl

from hdh_migrate.errors import ConnectionLost, HostRefused, ShortRead, StorageError
from hdh_migrate.frozen import frozen

CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""Of TLS 1.2: forward secrecy and AEAD only; every suite of TLS 1.3 has both."""

_TLS_ERRORS = frozenset(
    (pycurl.E_PEER_FAILED_VERIFICATION, pycurl.E_SSL_CACERT_BADFILE, pycurl.E_SSL_ISSUER_ERROR)
)
_WHY = {
    "expired": "it has expired",
    "not yet valid": "it is not valid yet",
    "self-signed": "an authority that is not trusted here signed it, or it signed itself",
    "issuer": "no authority that is trusted here signed it",
    "subject name": "it is that of another host name",
    "trust anchors": "the file of trusted authorities cannot be read",
}
"""What is wrong, by a word of what libcurl says: versions and TLS libraries say it differently."""
_CA_FILES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt")


@frozen
class TlsTrust:
    """Who is trusted: a file of certification authorities instead of the system's, pinned keys.

    A pin is `sha256//` and the base64 of the SHA-256 of a public key (SPKI); with any, the
    server's own key must be one of them, whoever signed its certificate.
    """

    ca_file: str | None = None
    pins: tuple[str, ...] = ()


def secure(handle: pycurl.Curl, tls: TlsTrust, ca_file: str | None) -> None:
    """Set what a connection's certificate and ciphers must be."""
    handle.setopt(pycurl.SSLVERSION, pycurl.SSLVERSION_TLSv1_2)
    handle.setopt(pycurl.SSL_CIPHER_LIST, CIPHERS)
    handle.unsetopt(pycurl.CAPATH)  # the file alone: a directory built into libcurl is no choice
    if ca_file is not None:
        handle.setopt(pycurl.CAINFO, ca_file)
    if tls.pins:
        handle.setopt(pycurl.PINNEDPUBLICKEY, ";".join(tls.pins))


def default_ca_file() -> str | None:
    """Return the system's bundle of certification authorities, or certifi's."""
    # Not `cafile`: that one listens to SSL_CERT_FILE of the environment.
    paths = ssl.get_default_verify_paths()
    for candidate in (paths.openssl_cafile, *_CA_FILES):
        if candidate and Path(candidate).is_file():
            return candidate
    import certifi

    return certifi.where()


def translated(error: pycurl.error, url: str, status: int) -> StorageError:
    """Return the error that an end of libcurl's means, `status` (0: none) being heard by then."""
    code, text = error.args[0], error.args[1]
    host = urlsplit(url).netloc
    if code in _TLS_ERRORS:
        return HostRefused(
            f"{host}: the server's certificate does not verify{_why(text)}",
            hint="nothing was sent; check the endpoint, the clock and the CA bundle",
        )
    if code == pycurl.E_SSL_PINNEDPUBKEYNOTMATCH:
        return HostRefused(
            f"{host}: the server's key is none of the pinned ones",
            hint="nothing was sent; ask the host whether it renewed its key before you pin another",
        )
    if code == pycurl.E_PARTIAL_FILE and status >= 500:  # a server in trouble is no liar
        return ConnectionLost(f"{host}: HTTP {status}, and the reply ended early")
    if code == pycurl.E_PARTIAL_FILE:
        return ShortRead(f"{host}: the reply ended early")
    return ConnectionLost(f"{host}: {text or 'connection failed'} (libcurl {code})")


def _why(text: str) -> str:
    """Return what is wrong with a certificate, in words of ours; nothing where it is not told."""
    heard = text.lower().replace("self signed", "self-signed")
    return next((f": {words}" for word, words in _WHY.items() if word in heard), "")
