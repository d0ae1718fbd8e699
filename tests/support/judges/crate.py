"""roc-validator: what is wrong with this RO-Crate?  usage: crate.py FOLDER CONTEXT

It asks the network for the specification's context; here a file of its terms is given instead, and
nothing else is reached.
"""

from __future__ import annotations

import io
import json
import logging
import sys
import urllib.error
import urllib.request
from email.message import Message
from pathlib import Path
from typing import Any

import requests

context = Path(sys.argv[2]).read_bytes()


class Given(urllib.request.HTTPSHandler, urllib.request.HTTPHandler):
    """Answers for the context alone."""

    def _given(self, request: urllib.request.Request) -> Any:
        if "w3id.org/ro/crate/1.1" not in request.full_url:
            raise urllib.error.URLError(f"not reached: {request.full_url}")
        headers = Message()
        headers["Content-Type"] = "application/ld+json"
        url = request.full_url
        return urllib.response.addinfourl(io.BytesIO(context), headers, url, 200)

    https_open = http_open = _given  # type: ignore[assignment]


def send(_: object, request: requests.PreparedRequest, **__: object) -> requests.Response:
    """Answer for the context alone, in the place of the network."""
    if "w3id.org/ro/crate/1.1" not in (request.url or ""):
        raise requests.ConnectionError(f"not reached: {request.url}")
    reply = requests.Response()
    reply.status_code, reply.raw, reply.request = 200, io.BytesIO(context), request
    reply.url = request.url or ""
    reply.headers["Content-Type"] = "application/ld+json"
    return reply


urllib.request.install_opener(urllib.request.build_opener(Given))
requests.adapters.HTTPAdapter.send = send  # type: ignore[method-assign,assignment]
logging.disable(logging.CRITICAL)

from rocrate_validator import models, services  # noqa: E402

settings = services.ValidationSettings(
    rocrate_uri=sys.argv[1],
    profile_identifier="ro-crate-1.1",
    requirement_severity=models.Severity.RECOMMENDED,
    no_cache=True,
)
result = services.validate(settings)
print(
    json.dumps(
        [
            {"severity": issue.severity.name, "check": issue.check.identifier, "why": issue.message}
            for issue in result.get_issues()
        ]
    )
)
