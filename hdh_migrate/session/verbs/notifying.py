"""Tell those whom the plan names: look, let wait, send, and try again; never in a run's way.

Documents wait in files beside the ledger (`notices.queue`), so that a kill loses none; each
channel has a thread of its own, so that none waits for another. The journal records what came of
them by the next verb that holds the ledger: it is never opened for their sake.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final

from hdh_migrate.clocks import seconds_of
from hdh_migrate.errors import Exit, MigrateError, Refused
from hdh_migrate.fixity import canonical_json
from hdh_migrate.notices.queue import WAITING_MAX, NoticeQueue, WaitingNotice
from hdh_migrate.plan.notices import NotifyChannel
from hdh_migrate.ports.notices import Channel
from hdh_migrate.results.notices import Notice, NoticeChannel, Notified
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.policy.reachable import demand_reachable
from hdh_migrate.session.views import noticing
from hdh_migrate.session.views.endings import BatchEndings
from hdh_migrate.session.views.last_run import is_over_here
from hdh_migrate.session.views.notice_words import notices
from hdh_migrate.wiring.notices import open_channel
from hdh_migrate.wiring.vault import Vault

LOOK_SECONDS: Final = 10.0
"""Between two looks of a run."""

FIRST_WAIT, LONGEST_WAIT = 5.0, 300.0
"""Seconds between two tries: twice as many each time, up to the longest."""

LAST_SECONDS, STOPPED_SECONDS = 10.0, 1.0
"""How long a run waits at its end for what is to be sent; the less when it was asked to stop."""

_LOCK_FLAGS: Final = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK

CLOSE_SECONDS: Final = 0.3
"""How long it may take until what was ended is known to be."""


@contextmanager
def notified(desk: Desk) -> Iterator[None]:
    """Tell of what is inside, from before it to after its end; where nobody is named, do nothing.

    A disk that does not keep what is to be sent is said, and stops nothing.

    Raises:
        Refused, KeyUnavailable: one cannot be notified (`demand_reachable`); nothing was begun.
    """
    if not desk.loaded.plan.notify:
        yield
        return
    post = _Post(desk)
    with ExitStack() as stack:
        try:
            held = stack.enter_context(post.lock())
        except Refused as error:
            post.say(f"{error}; no notices of this run are sent meanwhile")
            held = False
        if not held:  # another command of this plan tells meanwhile, and this one will not have
            yield  # the ledger
            return
        post.begin()
        try:
            yield
        finally:
            post.end(STOPPED_SECONDS if desk.stop.is_set() else LAST_SECONDS)


def notify(desk: Desk) -> Notified:
    """Look now, send all that waits once, and say what came of it.

    Raises:
        Refused, KeyUnavailable: somebody cannot be told.
    """
    post = _Post(desk)
    with post.lock() as held:
        new = post.look(over=True) if held else 0
        sent = Counter[str]()
        for sender in post.senders if held else ():
            sent[sender.name] = sender.send_all()
        channels = [post.told_of(sender, sent[sender.name]) for sender in post.senders]
        missed = any(one["waiting"] or one["given_up"] for one in channels)
        return {
            "test": False,
            "noticed": new,
            "channels": channels,
            "exit": int(Exit.FINDINGS if missed else Exit.OK),
        }


def trial(desk: Desk) -> Notified:
    """Send every channel a document that says that it is a trial; it waits for nobody.

    Raises:
        Refused, KeyUnavailable: somebody cannot be told.
    """
    document, channels = noticing.trial(desk), list[NoticeChannel]()
    for sender in _Post(desk).senders:
        why = sender.try_once(document["id"], canonical_json(document))
        channels.append({
            "name": sender.name, "sent": int(why is None), "waiting": 0, "given_up": 0, "why": why,
        })  # fmt: skip
    failed = any(one["why"] is not None for one in channels)
    return {
        "test": True, "noticed": 1, "channels": channels,
        "exit": int(Exit.FINDINGS if failed else Exit.OK),
    }  # fmt: skip


class _Post:
    """Everything that one plan sends."""

    def __init__(self, desk: Desk) -> None:
        demand_reachable(desk)
        self._desk = desk
        self._queue = NoticeQueue.beside(desk.ledger_path)
        vault = Vault.open(desk.loaded.base)
        self.senders = [
            _Sender(desk, one, open_channel(one, vault), self._queue)
            for one in desk.loaded.plan.notify
        ]
        self._over = threading.Event()
        self._said = set[str]()
        self._endings = BatchEndings(desk)
        self._thread = threading.Thread(target=self._look_on, name="notices", daemon=True)

    @contextmanager
    def lock(self) -> Iterator[bool]:
        """Say whether this command may look and send; another one may be at it.

        Raises:
            Refused: nobody can know that here.
        """
        handle = self._lock_file()
        try:
            yield _locked(handle, self._queue.folder)
        finally:
            os.close(handle)

    def _lock_file(self) -> int:
        self._queue.make()
        try:
            return os.open(self._queue.folder / "lock", _LOCK_FLAGS, 0o600)
        except OSError as error:
            raise _no_lock(self._queue.folder, error) from error

    def begin(self) -> None:
        """Look how the last run ended, before this one writes its own beginning; then go on."""
        self._look_safely(over=False)
        self._thread.start()
        for sender in self.senders:
            sender.start()

    def end(self, seconds: float) -> None:
        self._over.set()
        self._thread.join()
        self._look_safely(over=True)
        until = time.monotonic() + seconds
        for sender in self.senders:
            sender.finish(until)
        until = time.monotonic() + CLOSE_SECONDS
        for sender in self.senders:
            sender.ended(until)
        waiting = self._queue.waiting()
        for name in sorted({one.channel for one in waiting}):
            many = [one for one in waiting if one.channel == name]
            why = next((f" ({one.why})" for one in many if one.why is not None), "")
            self.say(
                f"{notices(len(many))} for {name} did not arrive yet{why}; the next run, or"
                ' "hdh-migrate notify PLAN", sends what waits'
            )
        for sender in self.senders:
            if sender.given_up:
                self.say(
                    f"{notices(len(sender.given_up))} for {sender.name} not taken in time, and"
                    f" not sent again ({sender.given_up[-1]})"
                )

    def look(self, *, over: bool) -> int:
        """Look once, let wait what is new; return how many documents that are."""
        found = noticing.look(self._desk, self._queue.memory(), over=over, endings=self._endings)
        waiting = Counter(one.channel for one in self._queue.waiting())
        senders = {sender.name: sender for sender in self.senders}
        for only, document in found.documents:
            for channel in self._desk.loaded.plan.notify:
                if noticing.wanted(channel, document, only):
                    sender = senders[channel.name]
                    waiting[channel.name] += self._add(sender, document, waiting)
        if found.memory != self._queue.memory():
            self._queue.remember(found.memory)
        for sender in self.senders:
            sender.wake.set()
        return len(found.documents)

    def _add(self, sender: _Sender, document: Notice, waiting: Counter[str]) -> int:
        one = WaitingNotice(
            channel=sender.name, notice=document["id"], noticed=document["timestamp"],
            document=canonical_json(document),
        )  # fmt: skip
        if waiting[sender.name] >= WAITING_MAX:
            sender.give_up(one, "too many documents wait for it")
            return 0
        return int(self._queue.add(one))

    def told_of(self, sender: _Sender, sent: int) -> NoticeChannel:
        waiting = [one for one in self._queue.waiting() if one.channel == sender.name]
        whys = [*(one.why for one in waiting if one.why is not None), *sender.given_up]
        return {
            "name": sender.name, "sent": sent, "waiting": len(waiting),
            "given_up": len(sender.given_up), "why": next(iter(whys), None),
        }  # fmt: skip

    def _look_on(self) -> None:
        while not self._over.wait(LOOK_SECONDS):
            self._look_safely(over=is_over_here(self._desk))

    def _look_safely(self, *, over: bool) -> None:
        try:
            self.look(over=over)
        except MigrateError as error:
            self.say(str(error))
        except Exception as error:  # noqa: BLE001 - a notice must not end the run
            self.say(type(error).__name__)

    def say(self, why: str) -> None:
        """Say once what does not arrive, and why."""
        if why not in self._said:
            self._said.add(why)
            self._desk.progress.note(f"notify: {why}")


def _locked(handle: int, folder: Path) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:  # a file system without locks
        raise _no_lock(folder, error) from error
    return True


def _no_lock(folder: Path, error: OSError) -> Refused:
    why = os.strerror(error.errno).lower() if error.errno else type(error).__name__
    return Refused(
        f"{folder / 'lock'}: cannot be locked: {why}",
        hint="what waits there is untouched; it must be a file of yours on a disk that supports"
        ' locks: mend that, then "hdh-migrate notify PLAN" sends what waits',
    )


class _Sender:
    """One channel: sends what waits for it, the oldest first, in a thread of its own."""

    def __init__(
        self, desk: Desk, section: NotifyChannel, channel: Channel, queue: NoticeQueue
    ) -> None:
        self.name = section.name
        self._desk, self._section, self._channel, self._queue = desk, section, channel, queue
        self.wake = threading.Event()
        self._taken = set[str]()
        """Documents that were taken: while the disk is full they go on waiting, and only there."""
        self.given_up = list[str]()
        """Why, of each document that is not sent again."""
        self._closing = threading.Event()
        self._wait = FIRST_WAIT
        self._thread = threading.Thread(
            target=self._serve, name=f"notify {section.name}", daemon=True
        )

    def start(self) -> None:
        self._thread.start()

    def finish(self, until: float) -> None:
        """Send what waits now once more, for as long as there is time."""
        self._closing.set()
        self.wake.set()
        self._thread.join(max(0.0, until - time.monotonic()))
        if self._thread.is_alive():
            self._channel.close()

    def ended(self, until: float) -> None:
        """Wait until what was closed is known to have ended, for as long as there is time."""
        self._thread.join(max(0.0, until - time.monotonic()))

    def send_all(self) -> int:
        """Send what waits until something is not taken; return how many were."""
        sent = 0
        for one in self._mine():
            if one.notice in self._taken:
                self._queue.ended(one, None)
                continue
            if (why := self.try_once(one.notice, one.document)) is None:
                self._taken.add(one.notice)
                self._queue.ended(one, None)
                sent += 1
                continue
            again = self._queue.failed(one, why)
            if not self._is_patient(again):
                self.give_up(again, why)
                continue
            break  # what it does not take now, it will hardly take of the next
        return sent

    def give_up(self, one: WaitingNotice, why: str) -> None:
        """Send a document no more, for a reason that is told."""
        self._queue.ended(one, why)
        self.given_up.append(why)

    def try_once(self, notice: str, document: bytes) -> str | None:
        """Return why a document was not taken; None: it was."""
        try:
            self._channel.deliver(notice, document)
        except MigrateError as error:
            return str(error)
        except Exception as error:  # noqa: BLE001 - a channel must not end the loop
            return f"notify {self.name}: {type(error).__name__}"
        return None

    def _serve(self) -> None:
        while True:
            closing = self._closing.is_set()
            self.wake.clear()
            with suppress(OSError):
                self.send_all()
            failing = any(one.why is not None for one in self._mine())
            if closing:
                return
            if not failing:
                self._wait = FIRST_WAIT
                self.wake.wait()
                continue
            self._closing.wait(self._wait)
            self._wait = min(2 * self._wait, LONGEST_WAIT)

    def _mine(self) -> Sequence[WaitingNotice]:
        return [one for one in self._queue.waiting() if one.channel == self.name]

    def _is_patient(self, one: WaitingNotice) -> bool:
        age = seconds_of(self._desk.clock.now()) - seconds_of(one.noticed)
        return age < self._section.patience_seconds
