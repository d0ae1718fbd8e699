"""What a host calls a refusal decides what is done about it: its words, then its status."""

from __future__ import annotations

import pytest

from hdh_migrate.errors import (
    AccessDenied,
    AuthFailed,
    ClocksDiffer,
    Conflict,
    HostRefused,
    Missing,
    SignatureRefused,
    StorageError,
    TargetFull,
    Throttled,
    TimeRefused,
    Transient,
    Unsupported,
)
from hdh_migrate.targets.s3_endpoint import from_reply
from tests.support.answers import refusal


@pytest.mark.parametrize(
    ("status", "code", "means"),
    [
        (403, "AccessDenied", AccessDenied),
        (403, "Forbidden", AccessDenied),  # Scaleway, of a key whose project is another one
        (403, "InvalidObjectState", Unsupported),  # it was moved into an archive class
        (403, "QuotaExceeded", TargetFull),
        (403, "RequestTimeTooSkewed", TimeRefused),
        (403, "SignatureDoesNotMatch", SignatureRefused),
        (403, "InvalidAccessKeyId", AuthFailed),
        (401, "", AuthFailed),
        (400, "ExpiredToken", AuthFailed),
        (400, "AuthorizationHeaderMalformed", HostRefused),
        (400, "XAmzContentSHA256Mismatch", Transient),
        (404, "NoSuchUpload", Missing),
        (409, "ConditionalRequestConflict", Transient),
        (412, "PreconditionFailed", Conflict),
        (429, "Too Many Requests", Throttled),  # Scaleway's words have spaces
        (501, "NotImplemented", Unsupported),
        (503, "SlowDown", Throttled),
        (507, "", TargetFull),
    ],
)
def test_a_refusal_means(status: int, code: str, means: type[StorageError]) -> None:
    error = from_reply(refusal(code, status), "an object")
    assert type(error) is means
    assert error.code == ("" if " " in code else code)


def test_a_clock_that_is_refused_ends_as_one_that_differs_does() -> None:
    assert TimeRefused("a request").exit_code is ClocksDiffer("clocks", problems=[]).exit_code
