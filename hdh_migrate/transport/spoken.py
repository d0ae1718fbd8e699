"""Log requests: their kind, status, time and bytes; never a name or a query's value.

With `-v` each process sums them up now and then and at its end; with `-vv` each is logged. A kind
is the method and those words of the query that say what is asked; all else in it may name or
reveal.
"""

from __future__ import annotations

import atexit
import logging
import threading
import time
from urllib.parse import parse_qsl, urlsplit

EVERY_SECONDS = 30.0

LOG = logging.getLogger(__name__)

_WORDS = frozenset(
    ("acl", "attributes", "cors", "delete", "encryption", "legal-hold", "lifecycle", "list-type",
     "location", "logging", "notification", "object-lock", "ownershipControls", "partNumber",
     "policy", "policyStatus", "publicAccessBlock", "replication", "restore", "retention",
     "tagging", "uploadId", "uploads", "versioning", "versions", "website")
)  # fmt: skip
_SAID = {
    "comp": frozenset(
        ("appendblock", "block", "blocklist", "lease", "list", "metadata", "properties", "tags",
         "undelete", "userdelegationkey")
    ),
    "restype": frozenset(("account", "container", "service")),
}  # fmt: skip
"""Words of a query whose values say what is asked, with those values."""


def kind_of(method: str, url: str) -> str:
    """Return a request's kind: `GET`, `PUT partNumber uploadId`, `GET comp=list`."""
    asked = parse_qsl(urlsplit(url).query, keep_blank_values=True)
    words = {name for name, _ in asked if name in _WORDS}
    words |= {f"{name}={value}" for name, value in asked if value in _SAID.get(name, ())}
    return " ".join((method, *sorted(words)))


class Spoken:
    """Sums up the requests of one process for the log. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._since = time.monotonic()
        self._sums: dict[tuple[str, str, str], list[float]] = {}
        self._ends = False

    @property
    def listens(self) -> bool:
        """Whether anybody asked to be told."""
        return LOG.isEnabledFor(logging.INFO)

    def add(
        self, method: str, url: str, *, status: int, seconds: float, received: int, sent: int
    ) -> None:
        """Log one request, or add it to the next summary; costs nothing when logging is off."""
        if not self.listens:
            return
        host, kind = urlsplit(url).netloc.rpartition("@")[2], kind_of(method, url)
        answer = str(status) if status else "no answer"
        if LOG.isEnabledFor(logging.DEBUG):
            LOG.debug(
                "%s %s: %s, %.0f ms, %d bytes in, %d bytes out",
                host, kind, answer, seconds * 1000, received, sent,
            )  # fmt: skip
        with self._lock:
            if not self._ends:
                self._ends = True
                atexit.register(self.log)
            sums = self._sums.setdefault((host, kind, answer), [0, 0.0, 0.0, 0, 0])
            sums[0] += 1
            sums[1] += seconds
            sums[2] = max(sums[2], seconds)
            sums[3] += received
            sums[4] += sent
            is_due = time.monotonic() - self._since >= EVERY_SECONDS
        if is_due:
            self.log()

    def log(self) -> None:
        """Log the sums since the last time, a line for each kind and status."""
        with self._lock:
            sums, self._sums = self._sums, {}
            took, self._since = time.monotonic() - self._since, time.monotonic()
        for (host, kind, answer), (count, total, longest, received, sent) in sorted(sums.items()):
            LOG.info(
                "%s %s: %s, %d in %.0f s, %.0f ms each, %.0f ms at most, %d bytes in, %d bytes out",
                host,
                kind,
                answer,
                count,
                took,
                total / count * 1000,
                longest * 1000,
                received,
                sent,
            )


SPOKEN = Spoken()
"""The requests of this process."""
