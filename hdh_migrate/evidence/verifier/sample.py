"""Read some objects' stored bytes at the target and compare them with a bundle's manifest.

Used by verify.py (which see) with --sample. This is the only file of a bundle that opens a
connection: to the target that the signed statement names, with an access key that you bring; a
key that may only read is enough. It needs Python 3.9 and nothing else.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import heapq
import hmac
import http.client
import json
import os
import secrets
import stat
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Optional
from urllib.parse import quote, urlsplit

TIMEOUT = 60
ENOUGH = 0.05
"""One minus the confidence with which the bound on bad objects is told."""

SAMPLED = (
    "11 {} of {} stored objects, drawn with nonce {}, are what was stored: with 95 % confidence"
    " fewer than {:.2%} are bad"
)
SAMPLED_ALL = "11 all {} stored objects were read at the target and are what was stored"


class SampleCheck:
    """Draws `count` objects by lot and reads them.

    The lot depends on the manifest's root and on a nonce of the auditor's: neither side alone can
    choose it, and whoever knows both can repeat it.
    """

    def __init__(self, count: int, credentials: Path | None, nonce: Optional[str] = None) -> None:  # noqa: UP045 - Python 3.9
        """Take the access key from a file with its id, its secret and maybe a session token.

        Raises ValueError when there is no such file or nothing to draw.
        """
        if count < 1 or credentials is None:
            raise ValueError("--sample: at least 1, and with --target-credentials FILE")
        words = _words(credentials)
        if len(words) not in (2, 3):
            raise ValueError(f"{credentials}: give id and secret of an access key, a line each")
        self.count = count
        self.nonce = nonce or secrets.token_hex(16)
        self._key_id, self._secret, self._token = (*words, "")[:3]

    def draw(self, folder: Path, outcome: Any) -> None:  # noqa: ANN401 - verify.Outcome
        """Read the drawn objects of a bundle that has been checked; return the outcome."""
        predicate, digest = outcome.predicate, hashlib.sha256()
        seed = f"{predicate['manifest']['merkle_root']} {self.nonce}".encode()
        lots = (
            (hmac.digest(hashlib.sha256(seed).digest(), b"%d" % number, "sha256"), number, line)
            for number, line in _stored(folder, digest)
        )
        drawn = heapq.nsmallest(self.count, lots, key=lambda lot: lot[0])
        if outcome.statement["subject"][0]["digest"]["sha256"] != digest.hexdigest():
            outcome.problems.append("manifest.jsonl: changed since it was checked")
            return
        whole = predicate["manifest"]["digests"]["stored_sha256"]
        place = next(each for each in predicate["endpoints"] if each["side"] == "target")
        for _, number, line in drawn:
            try:
                found = self.read(place, line)
            except (OSError, http.client.HTTPException, ValueError) as error:
                problem = f"cannot be read at the target: {str(error) or type(error).__name__}"
            else:
                if found == (line["stored_size"], line["stored_sha256"]):
                    continue
                problem = "the target holds other bytes than were stored"
            outcome.problems.append(f"manifest.jsonl line {number}: {problem}")
        outcome.checked.append(self._confidence(len(drawn), whole))
        outcome.open = [what for what in outcome.open if "--sample" not in what]

    def _confidence(self, drawn: int, whole: int) -> str:
        """Say what so many good objects mean for the others."""
        if drawn == whole:
            return SAMPLED_ALL.format(whole)
        # If a share p were bad, n draws would all be good with probability (1 - p)^n.
        bound = 1 - ENOUGH ** (1 / drawn)
        return SAMPLED.format(drawn, whole, self.nonce, bound)

    def read(self, place: Mapping[str, Any], line: Mapping[str, Any]) -> tuple[int, str]:
        """Return size and SHA-256 of what the target gives for one object (S3, path style)."""
        base = urlsplit(place["url"])
        key: Any = line["target_key"]
        if "target_key_b64" in line:
            key = base64.b64decode(line["target_key_b64"])
        path = (
            f"{base.path.rstrip('/')}/{quote(line['bucket'], safe='')}/{quote(key, safe='/-_.~')}"
        )
        kind = http.client.HTTPSConnection if base.scheme == "https" else http.client.HTTPConnection
        with contextlib.closing(kind(base.netloc, timeout=TIMEOUT)) as connection:
            connection.request("GET", path, headers=self._signed(base.netloc, path, place))
            reply = connection.getresponse()
            if reply.status != 200:
                raise ValueError(f"HTTP {reply.status}")
            digest, size = hashlib.sha256(), 0
            while data := reply.read(1 << 20):
                digest.update(data)
                size += len(data)
        return size, digest.hexdigest()

    def _signed(self, host: str, path: str, place: Mapping[str, Any]) -> dict[str, str]:
        """Return the headers of AWS Signature Version 4 for a GET without a body."""
        at = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%SZ")  # noqa: TID251, UP017
        empty = hashlib.sha256(b"").hexdigest()
        headers = {"host": host, "x-amz-content-sha256": empty, "x-amz-date": at}
        if self._token:
            headers["x-amz-security-token"] = self._token
        names = ";".join(sorted(headers))
        listed = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
        request = hashlib.sha256(f"GET\n{path}\n\n{listed}\n{names}\n{empty}".encode()).hexdigest()
        scope = f"{at[:8]}/{place['region'] or 'us-east-1'}/s3/aws4_request"
        key = f"AWS4{self._secret}".encode()
        for part in (*scope.split("/"), f"AWS4-HMAC-SHA256\n{at}\n{scope}\n{request}"):
            key = hmac.digest(key, part.encode(), "sha256")
        headers["authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={self._key_id}/{scope}, SignedHeaders={names},"
            f" Signature={key.hex()}"
        )
        return headers


def _words(path: Path) -> list[str]:
    """Return the words of a plain file; from a pipe may never come an end."""
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    with open(handle, encoding="utf-8") as file:  # noqa: PTH123 - a descriptor
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise ValueError(f"{path}: not a regular file")
        return file.read(1 << 16).split()


def _stored(folder: Path, digest: Any) -> Iterator[tuple[int, dict[str, Any]]]:  # noqa: ANN401
    """Yield number and line of each object of which the manifest knows the stored bytes.

    The `digest` gets all that was read.
    """
    with (folder / "manifest.jsonl").open("rb") as file:
        for number, raw in enumerate(file, start=1):
            digest.update(raw)
            line = json.loads(raw)
            if line["stored_sha256"] is not None:
                yield number, line
