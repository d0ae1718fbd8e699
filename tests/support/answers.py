"""An S3 endpoint without a network: the real adapter and botocore over replies from a script."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast
from urllib.parse import parse_qsl, urlsplit

from hdh_migrate.targets.s3_endpoint import S3Endpoint
from hdh_migrate.transport import Reply, SigV4, Transport

Answer = Callable[[str, str, Mapping[str, str]], Reply]
"""Takes method, path and query, and gives the reply."""


class Answers:
    """Stands where a `Transport` stands, and keeps what it was asked."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self.asked: list[tuple[str, str, dict[str, str]]] = []

    def request(self, method: str, url: str, headers: Mapping[str, str], **more: Any) -> Reply:
        parts = urlsplit(url)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        self.asked.append((method, parts.path, query))
        reply = self._answer(method, parts.path, query)
        if (accept := more.get("accept")) is not None and 200 <= reply.status < 300:
            accept(reply)
        if (sink := more.get("sink")) is not None and 200 <= reply.status < 300:
            sink(reply.body)
        return reply


def xml(body: str, status: int = 200, **headers: str) -> Reply:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status=status, headers=named, body=body.encode())


def refusal(code: str, status: int, **headers: str) -> Reply:
    return xml(f"<Error><Code>{code}</Code></Error>", status, **headers)


def endpoint(answer: Answer) -> tuple[S3Endpoint, Answers]:
    """Return an endpoint that gets these answers, and what it asked."""
    answers = Answers(answer)
    sign = SigV4(region="fr-par", access_key="an id", secret_key="a secret")
    made = S3Endpoint(
        "http://127.0.0.1:1", addressing="path", sign=sign, transport=cast("Transport", answers)
    )
    return made, answers


def said(reply: Reply) -> S3Endpoint:
    """Return an endpoint that says the same to everything."""
    return endpoint(lambda *_: reply)[0]
