"""Sign requests to S3 with AWS Signature Version 4.

Every header that a request is given is signed, its address and its query as they are sent. The key
of a day is worked out once.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Final

from hdh_migrate.frozen import frozen

PAYLOAD: Final = "x-amz-content-sha256"
"""The header that says what is signed of the body: its SHA-256."""

UNSIGNED: Final = "UNSIGNED-PAYLOAD"
"""What stands there when nothing is."""

_ALGORITHM: Final = "AWS4-HMAC-SHA256"
_DEFAULT_PORTS: Final[Mapping[str, str]] = {"http": ":80", "https": ":443"}


@frozen
class SigV4:
    """What a request is signed with; the secret never shows in a repr."""

    region: str
    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    token: str | None = field(default=None, repr=False)


class SigV4Signer:
    """Signs requests with one credential. Safe to share between threads."""

    def __init__(
        self,
        sign: SigV4,
        now: Callable[[], float] = time.time,  # noqa: TID251 - the host compares it with its own
    ) -> None:
        """`now` is in seconds since 1970."""
        self._sign, self._now = sign, now
        self._stamp = (0, "")
        self._key = ("", b"")

    def signed(
        self, method: str, host: str, target: str, headers: Mapping[str, str]
    ) -> dict[str, str]:
        """Return the headers of a request with those that sign it.

        `host` is as its header says it (`host_of`) if `headers` does not; `target` is the path and
        query, percent-encoded.
        """
        sign, stamp = self._sign, self._moment()
        given = {PAYLOAD: UNSIGNED, **headers, "x-amz-date": stamp}
        if sign.token is not None:
            given["x-amz-security-token"] = sign.token
        lines = [(name.lower(), _trimmed(value)) for name, value in given.items()]
        if "Host" not in given:
            lines.append(("host", host))
        lines.sort()
        path, _, query = target.partition("?")
        names = ";".join([name for name, _ in lines])
        canonical = "\n".join(
            (method, path, _canonical(query), *[f"{name}:{value}" for name, value in lines], "",
             names, given[PAYLOAD])
        )  # fmt: skip
        day = stamp[:8]
        scope = f"{day}/{sign.region}/s3/aws4_request"
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        text = f"{_ALGORITHM}\n{stamp}\n{scope}\n{digest}"
        signature = hmac.digest(self._key_of(day), text.encode(), "sha256").hex()
        given["Authorization"] = (
            f"{_ALGORITHM} Credential={sign.access_key}/{scope}, SignedHeaders={names},"
            f" Signature={signature}"
        )
        return given

    def _moment(self) -> str:
        second = int(self._now())
        known, stamp = self._stamp
        if second != known:
            stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(second))
            self._stamp = (second, stamp)
        return stamp

    def _key_of(self, day: str) -> bytes:
        known, key = self._key
        if day != known:
            key = f"AWS4{self._sign.secret_key}".encode()
            for part in (day, self._sign.region, "s3", "aws4_request"):
                key = hmac.digest(key, part.encode(), "sha256")
            self._key = (day, key)
        return key


def host_of(scheme: str, netloc: str) -> str:
    """Return how a Host header names an address: without the port that its scheme has anyway."""
    return netloc.removesuffix(_DEFAULT_PORTS[scheme])


def _trimmed(value: str) -> str:
    """Return a header's value as it is signed: blanks at its ends and rows of them do not count."""
    plain = "  " not in value and "\t" not in value and value[:1] != " " and value[-1:] != " "
    return value if plain else " ".join(value.split())


def _canonical(query: str) -> str:
    if not query:
        return ""
    pairs = sorted([pair.partition("=") for pair in query.split("&")])
    return "&".join([f"{name}={value}" for name, _, value in pairs])
