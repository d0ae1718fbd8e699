"""Requests of one thread that wait together: libcurl's multi interface, driven by `Fibers`."""

from __future__ import annotations

import select
import time
from collections.abc import Callable, Iterator
from typing import Final

import pycurl

from hdh_migrate.fibers import Fiber, Fibers

CONNECTIONS_MAX: Final = 256
"""Idle connections that are kept: as many as a plan may ask for, so that none is made anew."""

LOOK_SECONDS: Final = 0.25
"""How often requests are looked at that may take too long, or tell too much. Each byte that comes
turns the thread's fibers, and where none comes libcurl drops the connection."""

_EVENTS: Final = {
    pycurl.POLL_NONE: 0,
    pycurl.POLL_IN: select.POLLIN,
    pycurl.POLL_OUT: select.POLLOUT,
    pycurl.POLL_INOUT: select.POLLIN | select.POLLOUT,
    pycurl.POLL_REMOVE: 0,
}


class Together:
    """The connections of one transport in one thread, for requests of fibers; see `Driver`."""

    def __init__(self) -> None:
        self.due: float | None = None
        self._look = 0.0
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_MAXCONNECTS, CONNECTIONS_MAX)
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, self._watch)
        self._multi.setopt(pycurl.M_TIMERFUNCTION, self._set_due)
        self._waiting: dict[pycurl.Curl, tuple[Fiber, Callable[[], int]]] = {}
        self._fibers: Fibers | None = None

    def perform(self, handle: pycurl.Curl, fiber: Fiber, ends: Callable[[], int]) -> None:
        """Perform what a handle is set up for; other fibers go on meanwhile.

        When `ends`, which is asked now and then, is not 0, the request is ended.

        Raises:
            pycurl.error: as `Curl.perform`.
        """
        self._fibers = fiber.fibers
        self._waiting[handle] = fiber, ends
        self._multi.add_handle(handle)
        try:
            error = self._fibers.wait_for(self)
        finally:
            if self._waiting.pop(handle, None) is not None:  # it is ended before it was done
                self._multi.remove_handle(handle)
        if error is not None:
            raise pycurl.error(*error)

    def ready(self, descriptor: int, events: int) -> None:
        """See `Driver.ready`."""
        seen = 0
        if events & (select.POLLIN | select.POLLHUP):
            seen |= pycurl.CSELECT_IN
        if events & select.POLLOUT:
            seen |= pycurl.CSELECT_OUT
        if events & (select.POLLERR | select.POLLNVAL):
            seen |= pycurl.CSELECT_ERR
        self._multi.socket_action(descriptor, seen)

    def late(self) -> None:
        """See `Driver.late`."""
        self.due = None
        self._multi.socket_action(pycurl.SOCKET_TIMEOUT, 0)

    def ended(self) -> Iterator[tuple[Fiber, object]]:
        """See `Driver.ended`."""
        left = 1
        while left:
            left, done, failed = self._multi.info_read()
            for handle in done:
                yield self._end(handle), None
            for handle, code, text in failed:
                # Bytes of a server's that are no text: as `Curl.perform` tells of them.
                words = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
                yield self._end(handle), (code, words)
        now = time.monotonic()
        if now < self._look:
            return
        self._look = now + LOOK_SECONDS
        for handle in [one for one, (_, ends) in self._waiting.items() if ends()]:
            yield self._end(handle), (pycurl.E_ABORTED_BY_CALLBACK, "ended")

    def _end(self, handle: pycurl.Curl) -> Fiber:
        self._multi.remove_handle(handle)
        return self._waiting.pop(handle)[0]

    def _watch(self, what: int, descriptor: int, multi: object, data: object) -> None:
        del multi, data
        if self._fibers is not None:
            self._fibers.watch(self, descriptor, _EVENTS[what])

    def _set_due(self, milliseconds: int) -> None:
        self.due = None if milliseconds < 0 else time.monotonic() + milliseconds / 1_000
