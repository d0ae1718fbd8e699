"""Signature Version 4 by hand, for access keys that libcurl does not write as they are.

libcurl percent-encodes a user's name before it stands in `Credential=`. Some hosts have a project
named behind an access key (`KEY@PROJECT`), others a user behind an account (`ACCOUNT:USER`): such a
key would arrive as another one. All others are signed by libcurl, which is quicker.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from collections.abc import Mapping
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

_AS_IT_IS: Final = re.compile(r"[A-Za-z0-9._~-]*", re.ASCII)
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


def is_needed(access_key: str) -> bool:
    """Return whether libcurl would write an access key otherwise than it is."""
    return _AS_IT_IS.fullmatch(access_key) is None


def signature(
    method: str,
    url: str,
    headers: Mapping[str, str],
    *,
    region: str,
    access_key: str,
    secret_key: str,
    now: float | None = None,
) -> dict[str, str]:
    """Return the headers that sign a request to S3: the time, and who asks.

    `url` is percent-encoded as it is sent; `headers` name the digest of the body, and everything
    of `x-amz-` that goes with them. `now`: in seconds since 1970; by this machine's clock, as
    libcurl has it, without.
    """
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
    parts = urlsplit(url)
    usual = parts.port in {None, _DEFAULT_PORTS.get(parts.scheme)}
    signed = {name.lower(): " ".join(value.split()) for name, value in headers.items()}
    signed = {name: value for name, value in signed.items() if name.startswith("x-amz-")}
    signed |= {"host": (parts.hostname or "") if usual else parts.netloc, "x-amz-date": stamp}
    names = sorted(signed)
    pairs = [pair if "=" in pair else f"{pair}=" for pair in parts.query.split("&") if pair]
    request = "\n".join((
        method, parts.path or "/", "&".join(sorted(pairs)),
        *(f"{name}:{signed[name]}" for name in names), "",
        ";".join(names), signed.get("x-amz-content-sha256", ""),
    ))  # fmt: skip
    scope = f"{stamp[:8]}/{region}/s3/aws4_request"
    digest = hashlib.sha256(request.encode()).hexdigest()
    told = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{digest}"
    proof = hmac.new(_key(secret_key, stamp[:8], region), told.encode(), hashlib.sha256).hexdigest()
    return {
        "x-amz-date": stamp,
        "Authorization": f"AWS4-HMAC-SHA256 Credential={access_key}/{scope},"
        f" SignedHeaders={';'.join(names)}, Signature={proof}",
    }


@lru_cache(maxsize=8)
def _key(secret_key: str, date: str, region: str) -> bytes:
    key = f"AWS4{secret_key}".encode()
    for word in (date, region, "s3", "aws4_request"):
        key = hmac.new(key, word.encode(), hashlib.sha256).digest()
    return key
