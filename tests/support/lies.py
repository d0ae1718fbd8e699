"""What a rule of the proxy can do to a request or its reply. Each lie is one small function.

An action gets the request and the real server, and returns the reply that the client will see.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Literal

from hdh_migrate.demo.servers import S3Server
from tests.support.proxy import Action, Resign, Upstream
from tests.support.wire import Body, Hangup, Headers, Reply, Request

if TYPE_CHECKING:
    from tests.support.strict_s3 import StrictS3

HTML = b"<html><body><h1>Please log in</h1></body></html>"
Side = Literal["reply", "request"]


def status(code: int, headers: Mapping[str, str] | None = None, body: bytes = b"") -> Action:
    """Answer with this; the real server hears nothing."""

    def act(request: Request, upstream: Upstream) -> Reply:
        reply = Reply(code, Headers(list((headers or {}).items())))
        reply.replace_body(body)
        return reply

    return act


def redirect(to: str, code: int = 307) -> Action:
    """Send the client elsewhere."""
    return status(code, {"Location": to})


def empty_200(*, forwarding: bool = False) -> Action:
    """Say yes and nothing else; the real server hears of it only with `forwarding`."""
    return _said_200({}, b"", forwarding)


def html_200(*, forwarding: bool = False) -> Action:
    """Answer as a captive portal does; the real server hears of it only with `forwarding`."""
    return _said_200({"Content-Type": "text/html"}, HTML, forwarding)


def lose_reply() -> Action:
    """Let the real server do it, and close the connection without an answer."""

    def act(request: Request, upstream: Upstream) -> Reply:
        upstream.forward(request).body.drain()
        raise Hangup

    return act


def hang_up() -> Action:
    """Close the connection at once; the real server hears nothing."""

    def act(request: Request, upstream: Upstream) -> Reply:
        raise Hangup

    return act


def delay(seconds: float) -> Action:
    """Wait, then be honest."""

    def act(request: Request, upstream: Upstream) -> Reply:
        upstream.pause(seconds)
        return upstream.forward(request)

    return act


def cut_after(count: int) -> Action:
    """Send the right headers and `count` bytes of the body, then close the connection."""

    def act(request: Request, upstream: Upstream) -> Reply:
        reply = upstream.forward(request)
        reply.cut = count
        return reply

    return act


def short_consistent(count: int) -> Action:
    """Give only the first `count` bytes, under headers that agree with that."""

    def act(request: Request, upstream: Upstream) -> Reply:
        reply = upstream.forward(request)
        if not reply.good:
            return reply
        data = reply.body.whole()[:count]
        total = reply.headers.get("content-range").rpartition("/")[2]
        reply.replace_body(data)
        if total:
            start = request.range[0] if request.range else 0
            reply.headers.set("Content-Range", f"bytes {start}-{start + len(data) - 1}/{total}")
        if "content-md5" in reply.headers:
            md5 = hashlib.md5(data, usedforsecurity=False).digest()
            reply.headers.set("Content-MD5", base64.b64encode(md5).decode())
        return reply

    return act


def wrong_range(shift: int = 1, *, admits: bool = False) -> Action:
    """Give another range of the same length, `shift` bytes later (or earlier, at the end).

    Content-Range says what was asked for; with `admits` it says what is given.
    Replies to requests without a range stay as they are.
    """

    def act(request: Request, upstream: Upstream) -> Reply:
        asked = request.range
        if asked is None:
            return upstream.forward(request)
        reply = upstream.forward(_copy(request))
        given = len(reply.body.whole())
        data = upstream.whole(request)
        start = asked[0] + shift if asked[0] + shift + given <= len(data) else asked[0] - shift
        if start < 0:
            raise AssertionError(f"{len(data)} bytes have no other range of {given}")
        reply.replace_body(data[start : start + given])
        if admits:
            end = start + given - 1
            reply.headers.set("Content-Range", f"bytes {start}-{end}/{len(data)}")
        return reply

    return act


def as_200() -> Action:
    """Answer a request for a range with 200 and the whole object."""

    def act(request: Request, upstream: Upstream) -> Reply:
        if request.range is None:
            return upstream.forward(request)
        reply = upstream.forward(_copy(request))
        reply.body.drain()
        reply.status = 200
        reply.headers.set("Content-Range", None)
        reply.replace_body(upstream.whole(request))
        return reply

    return act


def flip_bit(offset: int, where: Side = "reply") -> Action:
    """Flip the lowest bit of the body's byte `offset` (modulo its length) on its way."""

    def act(request: Request, upstream: Upstream) -> Reply:
        if where == "request":
            data = _flipped(request.body.whole(), offset)
            request.body = Body.of(data)
            request.headers.set("Content-Length", str(len(data)))
            return upstream.forward(request)
        reply = upstream.forward(request)
        if reply.good:
            reply.replace_body(_flipped(reply.body.whole(), offset))
        return reply

    return act


def change_header(name: str, value: str | None, where: Side = "reply") -> Action:
    """Give a header another value, or none."""

    def act(request: Request, upstream: Upstream) -> Reply:
        if where == "request":
            request.headers.set(name, value)
            return upstream.forward(request)
        reply = upstream.forward(request)
        reply.headers.set(name, value)
        return reply

    return act


def edit_body(function: Callable[[bytes], bytes]) -> Action:
    """Give what `function` makes of the body of a good reply: a listing without its end, say."""

    def act(request: Request, upstream: Upstream) -> Reply:
        reply = upstream.forward(request)
        if reply.good:
            reply.replace_body(function(reply.body.whole()))
        return reply

    return act


def resigning(server: S3Server | StrictS3) -> Resign:
    """Return what lets a proxy alter signed requests to this server, for ranges it makes up."""

    def resign(request: Request) -> None:
        from botocore.auth import S3SigV4Auth
        from botocore.awsrequest import AWSRequest
        from botocore.credentials import Credentials

        url = f"http://{request.headers.get('host')}{request.target}"
        signed = AWSRequest(request.method, url, dict(request.headers.end_to_end().lines), b"")
        credentials = Credentials(server.access_key, server.secret_key)
        S3SigV4Auth(credentials, "s3", server.region).add_auth(signed)
        for name, value in signed.headers.items():
            request.headers.set(name, value)

    return resign


def _said_200(headers: Mapping[str, str], body: bytes, forwarding: bool) -> Action:
    say = status(200, headers, body)

    def act(request: Request, upstream: Upstream) -> Reply:
        if forwarding:
            upstream.forward(request).body.drain()
        return say(request, upstream)

    return act


def _copy(request: Request) -> Request:
    return Request(
        request.method, request.target, Headers(list(request.headers.lines)), request.body
    )


def _flipped(data: bytes, offset: int) -> bytes:
    if not data:
        return data
    changed = bytearray(data)
    changed[offset % len(data)] ^= 1
    return bytes(changed)
