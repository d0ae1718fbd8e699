"""As many sessions as the plan and the server allow, kept while they are of use.

A session is one connection, for many servers count connections. Who refuses another one while some
are open says how many he bears: then those are shared, and one more is tried after a while. One
that nobody used for some seconds is closed, so that no process holds what another waits for.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from hdh_migrate.errors import AccessDenied, AuthFailed, ConnectionLost, Missing, Throttled
from hdh_migrate.sources.sftp_session import Session

IDLE_SECONDS: Final = 5.0
"""After so long without use a session is closed."""
AGAIN_SECONDS: Final = 60.0
"""After a refusal so long no further session is tried."""
WAIT_SECONDS: Final = 20.0
"""So long a thread waits for a session before the retry layer looks whether it still should."""


@dataclass(slots=True)
class Sessions:
    """The sessions of one process; safe to share between threads."""

    connect: Callable[[], Session]
    most: int
    counted: Callable[[Session], object]
    """Told of each session after each use, to count what passed."""
    idle: float = IDLE_SECONDS
    wait: float = WAIT_SECONDS
    _free: list[tuple[float, Session]] = field(default_factory=list)
    _open: int = 0
    _borne: int | None = None
    """How many the server bears, once it refused one."""
    _again_at: float = 0.0
    _let_in_at: float | None = None
    _turn: threading.Condition = field(default_factory=threading.Condition)
    _sweeper: threading.Thread | None = None

    @contextmanager
    def one(self, *, keep: bool = True) -> Iterator[Session]:
        """Hold a session; afterwards it is kept for the next who comes, or closed.

        Raises:
            Throttled: all are in use for long, or the server bears no more.
            ConnectionLost, AuthFailed, HostRefused, Unsupported: no session can be had.
        """
        session = self._taken()
        sound = False
        try:
            yield session
        except (Missing, AccessDenied):
            sound = session.is_sound  # what is told of a name leaves nothing open behind it
            raise
        else:
            sound = session.is_sound
        finally:
            self.counted(session)
            self._returned(session if sound and keep else None)
            if not (sound and keep):
                session.close()

    def close(self) -> None:
        """Close what nobody uses."""
        self._sweep(0.0)

    def _taken(self) -> Session:
        until = time.monotonic() + self.wait
        while True:
            with self._turn:
                while (found := self._free.pop()[1] if self._free else None) is not None:
                    if found.is_sound:
                        return found
                    self._open -= 1
                    found.close()
                if self._open < self._limit():
                    self._open += 1
                    break
                if not self._turn.wait(until - time.monotonic()):
                    raise Throttled("every SFTP session is in use", retry_after=0.0)
        try:
            session = self.connect()
        except (ConnectionLost, AuthFailed) as error:
            self._returned(None)
            self._refused(error)
            raise
        except BaseException:
            self._returned(None)
            raise
        self._let_in_at = time.monotonic()
        return session

    def _refused(self, error: Exception) -> None:
        """Tell a server that lets nobody in from one that has enough of us.

        Raises:
            Throttled: the same login holds other sessions, or held one a moment ago.
        """
        with self._turn:
            others, now = self._open, time.monotonic()
            just_now = self._let_in_at is not None and now - self._let_in_at < AGAIN_SECONDS
            if others:
                self._borne = min(others, self._borne or others)
                self._again_at = now + AGAIN_SECONDS
        if others or (just_now and isinstance(error, AuthFailed)):
            raise Throttled(
                "the SFTP server lets no more sessions in",
                hint="nothing is lost; lower `source.sessions` to what it lets in, and run the same"
                " plan again",
            ) from error

    def _limit(self) -> int:
        if self._borne is None:
            return self.most
        if time.monotonic() >= self._again_at:
            self._borne += 1
            self._again_at = time.monotonic() + AGAIN_SECONDS
        return min(self.most, max(1, self._borne))

    def _returned(self, session: Session | None) -> None:
        with self._turn:
            if session is None:
                self._open -= 1
            else:
                self._free.append((time.monotonic(), session))
                if self._sweeper is None:
                    self._sweeper = threading.Thread(target=self._sweeping, daemon=True)
                    self._sweeper.start()
            self._turn.notify()

    def _sweeping(self) -> None:
        """Close what is idle, until there is nothing left to look after."""
        while True:
            time.sleep(self.idle)
            self._sweep(self.idle)
            with self._turn:
                if not self._free:
                    self._sweeper = None
                    return

    def _sweep(self, idle: float) -> None:
        with self._turn:
            now = time.monotonic()
            old = [one for one in self._free if now - one[0] >= idle]
            self._free = [one for one in self._free if now - one[0] < idle]
            self._open -= len(old)
            self._turn.notify_all()
        for _, session in old:
            session.close()
