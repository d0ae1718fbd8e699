"""If-Match, in the form in which a host hears it.

RFC 9110 writes an ETag with its quotes, and most hosts take it with or without. One host's own
guide wants it without; another was seen to refuse it in any form on a PUT (docs/probe.md). So 412
alone proves nothing where the host shows the very ETag that was named.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from hdh_migrate.transport import Reply

IF_MATCH: Final = "If-Match"
COPY_IF_MATCH: Final = "x-amz-copy-source-if-match"

Asks = Callable[[Mapping[str, str]], Reply]
"""Sends one request, with these headers besides its own."""


class Matching:
    """What has been learned of one endpoint; every process learns it for itself."""

    def __init__(self) -> None:
        self._bare = False
        self._heard = True
        """Whether a read under If-Match is answered when it names what is there."""

    def header(self, etag: str, *, other: bool = False, name: str = IF_MATCH) -> dict[str, str]:
        """Return the condition, or the one in the other form."""
        return {name: etag if self._bare is not other else f'"{etag}"'}

    def turn(self) -> None:
        """Use the other form from now on: the host has taken it."""
        self._bare = not self._bare

    def read(self, ask: Asks, etag: str) -> Reply:
        """Read what has this ETag.

        `ask` judges the ETag of a reply before its first byte, so nothing rests on the condition:
        it only saves the sending of another object, and is left away where it is not heard.
        """
        if etag and self._heard:
            reply = ask(self.header(etag))
            if reply.status != 412:
                return reply
            reply = ask({})
            self._heard = not 200 <= reply.status < 300
            return reply
        return ask({})

    def write(
        self, ask: Asks, etag: str, shows: Callable[[], bool], *, name: str = IF_MATCH
    ) -> Reply:
        """Send a write under If-Match, in both forms if the host refuses the very ETag it shows.

        `shows`: whether it does, at this moment.
        """
        reply = ask(self.header(etag, name=name))
        if reply.status != 412 or not shows():
            return reply
        again = ask(self.header(etag, other=True, name=name))
        if again.status == 200:
            self.turn()
        return reply if again.status in {400, 412} else again
