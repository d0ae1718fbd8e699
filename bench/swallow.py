"""An S3 endpoint that takes everything and keeps nothing, so that only the tool is measured.

A fence alone is kept: whoever finds that his is gone writes no more. Of what came in parts the size
is kept, and as many zeros are given back.

`python -m bench.swallow` prints its address and serves until it is killed.
"""

from __future__ import annotations

import hashlib
import re
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from hdh_migrate.model import FENCES

LISTING = (
    b'<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
    b"<Name>b</Name><KeyCount>0</KeyCount><IsTruncated>false</IsTruncated></ListBucketResult>"
)
UPLOADS = (
    b'<?xml version="1.0"?><ListMultipartUploadsResult><IsTruncated>false</IsTruncated>'
    b"</ListMultipartUploadsResult>"
)
BEGUN = (
    b'<?xml version="1.0"?><InitiateMultipartUploadResult><UploadId>swallowed</UploadId>'
    b"</InitiateMultipartUploadResult>"
)


KEPT: dict[str, tuple[bytes, dict[str, str]]] = {}
"""Bodies and headers of fences, by path."""

BEGUN_WITH: dict[str, dict[str, str]] = {}
PARTS: dict[str, dict[str, int]] = {}
"""What an upload began with, and the sizes of its parts, by path."""

LARGE: dict[str, tuple[int, dict[str, str]]] = {}
"""Sizes and headers of objects that came in parts, by path."""

ZEROS = bytes(1 << 20)


class Handler(BaseHTTPRequestHandler):
    """Answers as S3 does, as far as a transfer asks."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # a reply in one go: what follows alone waits 40 ms for an acknowledgement

    def do_HEAD(self) -> None:
        """Every bucket exists, and of objects a fence."""
        path = urlsplit(self.path).path
        if path in KEPT:
            self._answer(200, *KEPT[path])
            return
        if path in LARGE:
            self._give(*LARGE[path])
            return
        self._answer(200 if path.strip("/").count("/") == 0 else 404)

    def do_GET(self) -> None:
        """List nothing; of a large object give zeros."""
        path = urlsplit(self.path).path
        if path in KEPT:
            self._answer(200, *KEPT[path])
            return
        if path in LARGE and not self._asked():
            self._give(*LARGE[path])
            return
        self._answer(200, UPLOADS if "uploads" in self._asked() else LISTING)

    def do_POST(self) -> None:
        """Begin any upload, and complete any."""
        path = urlsplit(self.path).path
        self._swallow()
        if "uploads" in self._asked():
            PARTS[path] = {}
            BEGUN_WITH[path] = self._beside()
            self._answer(200, BEGUN)
            return
        parts = PARTS.get(path, {})
        etag = f'"{hashlib.sha256(path.encode()).hexdigest()[:32]}-{len(parts)}"'
        LARGE[path] = sum(parts.values()), {**BEGUN_WITH[path], "ETag": etag}
        done = f"<CompleteMultipartUploadResult><ETag>{etag}</ETag></CompleteMultipartUploadResult>"
        self._answer(200, f'<?xml version="1.0"?>{done}'.encode())

    def do_DELETE(self) -> None:
        """Delete what is there or not."""
        KEPT.pop(urlsplit(self.path).path, None)
        self._answer(204)

    def do_PUT(self) -> None:
        """Read the body and forget it, unless it is a fence."""
        path = urlsplit(self.path).path
        if FENCES in path:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            digest = hashlib.sha256(body).hexdigest()[:32]
            KEPT[path] = body, {**self._beside(), "ETag": f'"{digest}"'}
        else:
            digest = self._swallow()
            if number := self._asked().get("partNumber"):
                PARTS[path][number[0]] = int(self.headers.get("Content-Length", 0))
        self._answer(200, headers={"ETag": f'"{digest}"'})

    def _asked(self) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.path).query, keep_blank_values=True)

    def _beside(self) -> dict[str, str]:
        names = self.headers.items()
        return {name: value for name, value in names if name.lower().startswith("x-amz-meta-")}

    def _give(self, size: int, headers: dict[str, str]) -> None:
        """Answer with zeros, or with what is asked of them."""
        first, last = 0, size - 1
        if asked := re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", "")):
            first, last = int(asked[1]), min(int(asked[2]), size - 1)
            headers = {**headers, "Content-Range": f"bytes {first}-{last}/{size}"}
        self.send_response(206 if asked else 200)
        for name, value in headers.items():
            self.send_header(name, value)
        left = last + 1 - first
        self.send_header("Content-Length", str(left))
        self.end_headers()
        while left > 0 and self.command != "HEAD":
            left -= self.wfile.write(ZEROS[:left])

    def _swallow(self) -> str:
        left, digest = int(self.headers.get("Content-Length", 0)), hashlib.sha256()
        while left and (data := self.rfile.read(min(left, 1 << 20))):
            left -= len(data)
        return digest.hexdigest()[:32]

    def _answer(
        self, status: int, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Say nothing."""


class Server(ThreadingHTTPServer):
    """Says nothing of a client that goes away, as whoever measures does when time is up."""

    def handle_error(self, request: object, client_address: object) -> None:
        """Tell of faults alone."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]  # the base's


def main() -> None:
    """Serve until killed."""
    with Server(("127.0.0.1", 0), Handler) as server:
        sys.stdout.write(f"http://127.0.0.1:{server.server_port}\n")
        sys.stdout.flush()
        server.serve_forever()


if __name__ == "__main__":
    main()
