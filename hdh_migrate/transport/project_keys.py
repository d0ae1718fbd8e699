"""Signature Version 4 for access keys that libcurl does not write as they are.

libcurl percent-encodes a user's name before it stands in `Credential=`. Some hosts have a project
named behind an access key (`KEY@PROJECT`), others a user behind an account (`ACCOUNT:USER`): such a
key would arrive as another one. botocore signs for those; libcurl, which is quicker, for others.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

_AS_IT_IS: Final = re.compile(r"[A-Za-z0-9._~-]*", re.ASCII)
_DIGEST: Final = "x-amz-content-sha256"
_UNSIGNED: Final = "UNSIGNED-PAYLOAD"


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
) -> dict[str, str]:
    """Return the headers that sign a request to S3: the time, and who asks.

    `url` is percent-encoded as it is sent; `headers` name the digest of the body, if its digest is
    to be signed, and everything of `x-amz-` that goes with them.
    """
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    signed = {name: value for name, value in headers.items() if name.startswith("x-amz-")}
    request = AWSRequest(method, url, headers=signed)
    request.context[_DIGEST] = digest = signed.get(_DIGEST, _UNSIGNED)
    _signer()(Credentials(access_key, secret_key), "s3", region).add_auth(request)
    told = {name: request.headers[name] for name in ("X-Amz-Date", "Authorization")}
    return {**told, _DIGEST: digest}


@cache
def _signer() -> Any:  # noqa: ANN401 - botocore has no types
    from botocore.auth import S3SigV4Auth

    class SignsByDigest(S3SigV4Auth):  # type: ignore[misc]
        """Signs a body by its digest, which is known: the body is not there to be read."""

        def payload(self, request: Any) -> str:  # noqa: ANN401 - botocore has no types
            digest: str = request.context[_DIGEST]
            return digest

    return SignsByDigest
