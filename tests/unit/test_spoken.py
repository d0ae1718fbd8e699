"""What is logged of a request names nothing and reveals nothing."""

from __future__ import annotations

import logging

import pytest

from hdh_migrate.transport.spoken import Spoken, kind_of


@pytest.mark.parametrize(
    ("method", "url", "kind"),
    [
        ("GET", "https://s3/b/th%C3%A9o%20dupont.csv", "GET"),
        ("PUT", "https://s3/b/k?partNumber=3&uploadId=abc", "PUT partNumber uploadId"),
        ("GET", "https://s3/b?list-type=2&prefix=dupont%2F&max-keys=1", "GET list-type"),
        ("GET", "https://a/c?comp=list&restype=container&sig=SECRET&prefix=x",
         "GET comp=list restype=container"),
        ("GET", "https://a/c?comp=dupont&sv=2024&sig=SECRET", "GET"),
        ("POST", "https://s3/b?delete", "POST delete"),
    ],
)  # fmt: skip
def test_a_kind_says_what_is_asked_and_not_of_what(method: str, url: str, kind: str) -> None:
    assert kind_of(method, url) == kind


def test_requests_are_summed_up_by_kind_and_status(caplog: pytest.LogCaptureFixture) -> None:
    spoken = Spoken()
    with caplog.at_level(logging.INFO, logger="hdh_migrate.transport.spoken"):
        for status in (200, 200, 503, 0):
            spoken.add("PUT", "https://u:p@s3/b/k", status=status, seconds=0.5, received=1, sent=7)
        assert caplog.messages == []
        spoken.log()
    assert [line.partition(" in ")[0] for line in caplog.messages] == [
        "s3 PUT: 200, 2", "s3 PUT: 503, 1", "s3 PUT: no answer, 1",
    ]  # fmt: skip
    assert caplog.messages[0].endswith("500 ms each, 500 ms at most, 2 bytes in, 14 bytes out")


def test_nothing_is_kept_where_nobody_asked(caplog: pytest.LogCaptureFixture) -> None:
    spoken = Spoken()
    with caplog.at_level(logging.WARNING, logger="hdh_migrate.transport.spoken"):
        spoken.add("PUT", "https://s3/b/k", status=200, seconds=0.5, received=1, sent=7)
    with caplog.at_level(logging.INFO, logger="hdh_migrate.transport.spoken"):
        spoken.log()
    assert caplog.messages == []
