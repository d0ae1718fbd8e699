"""A blob service that lists made-up blobs at once, so that only the tool that lists is measured.

Azurite takes some 200 µs of its one thread for each blob that it lists, several times what either
tool takes; what is measured against it is Azurite. This one has every entry ready. Each blob is one
byte, which can be read: whoever lists tries that first. `python -m bench.quick_azure COUNT` prints
its address and key, and serves until it is killed.
"""

from __future__ import annotations

import base64
import hashlib
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from hdh_migrate.demo.servers import Azurite

ACCOUNT: Final = "quick"
KEY: Final = base64.b64encode(b"nobody checks what is signed with it").decode()
PAGE_MOST: Final = 5_000
"""Entries of the longest page that the service gives."""

_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})
_NUMBER: Final = re.compile(r"objet-(\d{9})")
_BEGIN: Final = (
    '<?xml version="1.0" encoding="utf-8"?><EnumerationResults ServiceEndpoint="http://{host}/">'
    "<Blobs>"
)
_END: Final = "</Blobs><NextMarker>{marker}</NextMarker></EnumerationResults>"


def _etag(number: int) -> str:
    return f"0x8DC{number:012X}"


def entry(number: int) -> bytes:
    """Return one entry with the elements that the service gives of a plain block blob."""
    digest = hashlib.md5(str(number).encode(), usedforsecurity=False).digest()
    return (
        f"<Blob><Name>part-{number // 1_000:05d}/objet-{number:09d}.dcm</Name><Properties>"
        "<Creation-Time>Thu, 26 Nov 2026 08:00:00 GMT</Creation-Time>"
        f"<Last-Modified>Thu, 26 Nov 2026 08:{number // 60 % 60:02d}:{number % 60:02d} GMT"
        f"</Last-Modified><Etag>{_etag(number)}</Etag>"
        "<Content-Length>1</Content-Length><Content-Type>application/dicom</Content-Type>"
        "<Content-Encoding /><Content-Language /><Content-CRC64 />"
        f"<Content-MD5>{base64.b64encode(digest).decode()}</Content-MD5><Cache-Control />"
        "<Content-Disposition /><BlobType>BlockBlob</BlobType><AccessTier>Hot</AccessTier>"
        "<AccessTierInferred>true</AccessTierInferred><LeaseStatus>unlocked</LeaseStatus>"
        "<LeaseState>available</LeaseState><ServerEncrypted>true</ServerEncrypted></Properties>"
        f"<Metadata><serie>{number // 100}</serie></Metadata><OrMetadata /></Blob>"
    ).encode()


class QuickAzure(ThreadingHTTPServer):
    """Serves one container, whatever it is called; entries stand in the order of their names."""

    daemon_threads = True

    def __init__(self, entries: Sequence[bytes]) -> None:
        """Listen on a port of this machine."""
        super().__init__(("127.0.0.1", 0), _Handler)
        self.entries = entries

    @property
    def url(self) -> str:
        """The account's address."""
        return f"http://127.0.0.1:{self.server_port}/{ACCOUNT}"

    def page(self, first: int, most: int) -> bytes:
        """Return the page that begins with so many entries before it."""
        after = first + most
        marker = str(after) if after < len(self.entries) else ""
        host = f"127.0.0.1:{self.server_port}"
        return b"".join(
            (_BEGIN.format(host=host).encode(), *self.entries[first:after],
             _END.format(marker=marker).encode())
        )  # fmt: skip


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # a reply in one go: what follows alone waits 40 ms for an acknowledgement
    server: QuickAzure

    def do_GET(self) -> None:
        """Give a page, or the byte of one blob."""
        path, asked = urlsplit(self.path).path, dict(parse_qsl(urlsplit(self.path).query))
        if asked.get("comp") == "list":
            most = min(int(asked.get("maxresults", PAGE_MOST)), PAGE_MOST)
            self._answer(200, self.server.page(int(asked.get("marker", "0")), most))
        elif found := _NUMBER.search(path):
            told = {"ETag": f'"{_etag(int(found[1]))}"', "Content-Range": "bytes 0-0/1"}
            self._answer(206, b"x", told)
        else:
            self._answer(404, b"")

    def _answer(
        self, status: int, body: bytes, more: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        self.send_response(status)
        for name, value in more.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Say nothing."""


@contextmanager
def serving(count: int) -> Iterator[Azurite]:
    """Run the server in a process of its own, so that it takes no time of who measures."""
    command = [sys.executable, "-m", "bench.quick_azure", str(count)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            url, key = process.stdout.readline().split()
            yield Azurite(url=url, account=ACCOUNT, key=key, pid=process.pid)
        finally:
            process.kill()


def main() -> None:
    """Serve until killed."""
    with QuickAzure([entry(number) for number in range(int(sys.argv[1]))]) as server:
        sys.stdout.write(f"{server.url} {KEY}\n")
        sys.stdout.flush()
        server.serve_forever()


if __name__ == "__main__":
    main()
