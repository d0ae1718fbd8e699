"""An S3 service of sealed objects that answers as quickly as one thread of Python can.

`python -m bench.quick_s3 FOLDER` prints its address and serves until it is killed. FOLDER has the
headers of all objects, one behind the other (`headers`; none where objects are stored without), and
the bodies that they share in turn (`bodies`); an object is found by the number in its key. What is
put in their place is kept, as is everything else; a body that is there already is kept once.
Conditions are looked at, signatures are not, and no version is kept.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit

HEADER: Final = 16 + 2 * 108
"""Bytes of a header for two recipients."""
WRITERS: Final = 16
"""Bodies that the objects share."""

_NUMBER: Final = re.compile(r"object-(\d{9})\.dcm")
_LISTING: Final = (
    b'<?xml version="1.0"?><ListBucketResult><IsTruncated>false</IsTruncated><KeyCount>0</KeyCount>'
    b"</ListBucketResult>"
)
_UPLOADS: Final = (
    b'<?xml version="1.0"?><ListMultipartUploadsResult><IsTruncated>false</IsTruncated>'
    b"</ListMultipartUploadsResult>"
)
_PLAIN: Final = b'<?xml version="1.0"?><VersioningConfiguration/>'
_TAGS: Final = b'<?xml version="1.0"?><Tagging><TagSet/></Tagging>'
_MISSING: Final = b'<?xml version="1.0"?><Error><Code>NoSuchKey</Code></Error>'
_REFUSED: Final = b'<?xml version="1.0"?><Error><Code>PreconditionFailed</Code></Error>'
_WORDS: Final = {200: "OK", 204: "No Content", 206: "Partial Content", 404: "Not Found",
                 412: "Precondition Failed"}  # fmt: skip

Kept = tuple[bytes, bytes, str, Mapping[str, str]]
"""The front of an object, the rest of it, its ETag, and what stands beside it."""


class Objects:
    """All that is there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._headers, self._bodies = b"", list[bytes]()
        self._known = dict[bytes, bytes]()
        self._new = dict[str, Kept]()

    def _read(self) -> None:
        """Read what there is, once somebody asks for an object: it is made after the address."""
        headers = self._folder / "headers"
        self._headers = headers.read_bytes() if headers.exists() else b""
        bodies = (self._folder / "bodies").read_bytes()
        size = len(bodies) // WRITERS
        self._bodies = [bodies[at * size : (at + 1) * size] for at in range(WRITERS)]
        self._known = {body: body for body in self._bodies}

    def find(self, path: str) -> Kept | None:
        """Return what is under a path."""
        if path in self._new:
            return self._new[path]
        found = _NUMBER.search(path)
        number = -1 if found is None else int(found[1])
        if number >= 0 and not self._bodies:
            self._read()
        if number < 0 or 0 < len(self._headers) <= number * HEADER:
            return None
        header = self._headers[number * HEADER : (number + 1) * HEADER]
        body = self._bodies[number % WRITERS]
        return header, body, etag(header + body), {}

    def put(self, path: str, data: bytes, beside: Mapping[str, str]) -> str:
        """Keep something under a path; return its ETag."""
        front, rest = data[:HEADER], data[HEADER:]
        self._new[path] = front, self._known.get(rest, rest), etag(data), beside
        return self._new[path][2]

    def remove(self, path: str) -> None:
        """Let go of what was put."""
        self._new.pop(path, None)


def etag(data: bytes) -> str:
    """Return the ETag of an object that was put whole."""
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


class Service(asyncio.Protocol):
    """One connection."""

    def __init__(self, objects: Objects) -> None:
        self._objects, self._came = objects, bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection."""
        assert isinstance(transport, asyncio.Transport)
        self._out = transport

    def data_received(self, data: bytes) -> None:
        """Answer every request that is whole."""
        self._came += data
        while (end := self._came.find(b"\r\n\r\n")) >= 0:
            head, *lines = self._came[:end].decode("latin-1").split("\r\n")
            named = (line.split(":", 1) for line in lines)
            headers = {name.lower(): value.strip() for name, value in named}
            size = int(headers.get("content-length", 0))
            if len(self._came) < end + 4 + size:
                if headers.get("expect"):
                    self._out.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                return
            body = bytes(self._came[end + 4 : end + 4 + size])
            del self._came[: end + 4 + size]
            method, target, _ = head.split(" ", 2)
            self._answer(method, target, headers, body)

    def _answer(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> None:
        parts = urlsplit(target)
        path, asked = unquote(parts.path), parse_qs(parts.query, keep_blank_values=True)
        if method == "GET" and path.strip("/").count("/") == 0:
            self._say(200, _UPLOADS if "uploads" in asked else _PLAIN if "versioning" in asked
                      else _LISTING)  # fmt: skip
        elif "tagging" in asked:
            self._say(200, _TAGS)
        elif method == "PUT":
            self._put(path, headers, body)
        elif method == "DELETE":
            self._objects.remove(path)
            self._say(204)
        else:
            self._give(path, headers, whole=method == "GET")

    def _put(self, path: str, headers: Mapping[str, str], body: bytes) -> None:
        there = self._objects.find(path)
        wanted = headers.get("if-match")
        if (wanted is not None and (there is None or wanted.strip('"') != there[2])) or (
            headers.get("if-none-match") == "*" and there is not None
        ):
            self._say(412, _REFUSED)
            return
        beside = {n: v for n, v in headers.items() if n.startswith("x-amz-meta-")}
        self._say(200, b"", {"ETag": f'"{self._objects.put(path, body, beside)}"'})

    def _give(self, path: str, headers: Mapping[str, str], *, whole: bool) -> None:
        there = self._objects.find(path)
        if there is None:
            bucket = path.strip("/").count("/") == 0
            self._say(200 if bucket else 404, b"" if bucket or not whole else _MISSING)
            return
        front, rest, tag, beside = there
        if headers.get("if-match", tag).strip('"') != tag:
            self._say(412, _REFUSED if whole else b"")
            return
        more = {**beside, "ETag": f'"{tag}"', "Last-Modified": "Thu, 26 Nov 2026 08:00:00 GMT"}
        data, total, status = front + rest, len(front) + len(rest), 200
        if whole and (span := headers.get("range")):
            first, last = span.removeprefix("bytes=").split("-")
            data, status = data[int(first) : int(last) + 1], 206
            more["Content-Range"] = f"bytes {first}-{int(first) + len(data) - 1}/{total}"
        self._say(status, data, more, whole=whole)

    def _say(
        self, status: int, body: bytes = b"", more: Mapping[str, str] | None = None, *,
        whole: bool = True,
    ) -> None:  # fmt: skip
        lines = [f"HTTP/1.1 {status} {_WORDS[status]}", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in (more or {}).items()]
        head = "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"
        self._out.write(head + body if whole else head)


async def serve(folder: Path) -> None:
    """Serve until killed."""
    objects = Objects(folder)
    server = await asyncio.get_running_loop().create_server(
        lambda: Service(objects), "127.0.0.1", 0
    )
    sys.stdout.write(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))
