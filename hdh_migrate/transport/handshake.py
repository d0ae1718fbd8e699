"""What a connection was secured with; libcurl is asked once for each endpoint.

What libcurl tells of a handshake comes with everything else that passes, credentials included; one
line of it is kept. Later requests to the endpoint do not ask, so nothing is shown to anybody.
"""

from __future__ import annotations

import binascii
import re
from hashlib import sha256
from typing import Final

import pycurl

_SECURED: Final = re.compile(
    rb"SSL connection using (TLSv1\.[23]) / ([0-9A-Z_-]{1,64})(?: / .*)?\s*", re.DOTALL
)
_BEGIN: Final = "-----BEGIN CERTIFICATE-----"
_END: Final = "-----END CERTIFICATE-----"


class Handshake:
    """The last handshake of one request."""

    def __init__(self) -> None:
        self._secured: re.Match[bytes] | None = None

    def watch(self, handle: pycurl.Curl) -> None:
        """Ask libcurl to tell of the request that this handle is about to make."""
        handle.setopt(pycurl.VERBOSE, 1)
        handle.setopt(pycurl.DEBUGFUNCTION, self._heard)
        handle.setopt(pycurl.OPT_CERTINFO, 1)

    def read(self, handle: pycurl.Curl) -> str | None:
        """Return version, suite and the server's certificate, None when any of it is not known.

        As evidence has it: `TLSv1.3 TLS_AES_256_GCM_SHA384 sha256:` and the SHA-256 of the DER
        of the server's own certificate, in hexadecimal.
        """
        digest = _certificate(handle)
        if self._secured is None or digest is None:
            return None
        version, suite = self._secured[1].decode(), self._secured[2].decode()
        return f"{version} {suite} sha256:{digest}"

    def _heard(self, kind: int, data: bytes) -> None:
        if kind == pycurl.INFOTYPE_TEXT and (found := _SECURED.fullmatch(data)) is not None:
            self._secured = found


def _certificate(handle: pycurl.Curl) -> str | None:
    """Return the digest of the first certificate of the server's chain, which is its own."""
    chain = handle.getinfo_raw(pycurl.INFO_CERTINFO)  # raw: names may be in any encoding
    for name, value in chain[0] if chain else ():
        if name == b"Cert":
            body = value.decode("ascii", "replace").strip()
            body = body.removeprefix(_BEGIN).removesuffix(_END)
            try:
                return sha256(binascii.a2b_base64(body)).hexdigest()
            except binascii.Error:
                return None
    return None
