"""As many sessions as the plan and the server allow, kept while they are of use.

A session is one connection, for many servers count connections. Who refuses another one while some
are open says how many he bears: then those are shared, and more are tried after a while. One
that nobody used for some seconds is closed, so that no process holds what another waits for.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import field
from typing import Final

from hdh_migrate.errors import AccessDenied, AuthFailed, ConnectionLost, Missing, Throttled
from hdh_migrate.frozen import mutable_row
from hdh_migrate.sources.sftp_session import Session

IDLE_SECONDS: Final = 5.0
"""After so long without use a session is closed."""
AGAIN_SECONDS: Final = 30.0
"""After a refusal so long no further session is tried."""
WAIT_SECONDS: Final = 5.0
"""After so long a thread that waits for a session looks whether another may be tried."""


@mutable_row
class Sessions:
    """The sessions of one process; safe to share between threads."""

    connect: Callable[[], Session]
    most: int
    counted: Callable[[Session], object]
    """Told of each session after each use, to count what passed."""
    idle: float = IDLE_SECONDS
    _free: list[tuple[float, Session]] = field(default_factory=list)
    _open: int = 0
    _borne: int | None = None
    """How many the server bears, once it refused one."""
    _again_at: float = 0.0
    _let_in_at: float | None = None
    _holders: Counter[int] = field(default_factory=Counter)
    """How many sessions each thread holds, by its number."""
    _turn: threading.Condition = field(default_factory=threading.Condition)
    _sweeper: threading.Thread | None = None

    @contextmanager
    def one(self, *, keep: bool = True) -> Iterator[Session]:
        """Hold a session; afterwards it is kept for the next who comes, or closed.

        Raises:
            Throttled: the server bears no more, and none is ours.
            ConnectionLost, AuthFailed, HostRefused, Unsupported: no session can be had.
        """
        who = threading.get_ident()
        session = self._taken(nested=self._holders[who] > 0)
        sound = False
        self._holders[who] += 1
        try:
            yield session
        except (Missing, AccessDenied):
            sound = session.is_sound  # an answer about a name leaves nothing open behind it
            raise
        else:
            sound = session.is_sound
        finally:
            self._holders[who] -= 1
            self.counted(session)
            self._returned(session if sound and keep else None)
            if not (sound and keep):
                session.close()

    def close(self) -> None:
        """Close what nobody uses."""
        self._sweep(0.0)

    def _taken(self, *, nested: bool) -> Session:
        while True:
            free = self._turn_of_mine(nested=nested)
            if free is not None:
                return free
            try:
                session = self.connect()
            except (ConnectionLost, AuthFailed) as error:
                self._returned(None)
                if nested or not self._has_enough(error):
                    raise
            except BaseException:
                self._returned(None)
                raise
            else:
                self._let_in_at = time.monotonic()
                return session

    def _turn_of_mine(self, *, nested: bool) -> Session | None:
        """Wait for a free session, or for the right to open one (None), which is taken.

        Who holds one gives it back, since no exchange lasts for ever; but who holds one himself
        (in the middle of a listing) must not wait for it.
        """
        with self._turn:
            while True:
                while self._free:
                    found = self._free.pop()[1]
                    if found.is_sound:
                        return found
                    self._open -= 1
                    found.close()
                if nested or self._open < self._limit():
                    self._open += 1
                    return None
                self._turn.wait(WAIT_SECONDS)

    def _has_enough(self, error: Exception) -> bool:
        """Tell a server at its limit, so that we share, from one that refuses logins.

        Raises:
            Throttled: it let the same login in a moment ago, and no session is left to share.
        """
        with self._turn:
            now = time.monotonic()
            if self._open:
                self._borne = min(self._open, self._borne or self._open)
                self._again_at = now + AGAIN_SECONDS
                return True
            just_now = self._let_in_at is not None and now - self._let_in_at < AGAIN_SECONDS
        if just_now and isinstance(error, AuthFailed):
            raise Throttled(
                "the SFTP server lets no more sessions in",
                hint="nothing is lost; lower `source.sessions` to what it lets in, and run the same"
                " plan again",
            ) from error
        return False

    def _limit(self) -> int:
        """Return how many may be open now; after a refusal twice as many from time to time."""
        if self._borne is None:
            return self.most
        if time.monotonic() >= self._again_at:
            self._borne *= 2
            self._again_at = time.monotonic() + AGAIN_SECONDS
        return min(self.most, self._borne)

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
        """Close idle sessions until there are none left."""
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
