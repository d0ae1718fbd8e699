"""One bucket's fence as its holder sees it: written, renewed and checked by compare-and-set.

Every write is a compare-and-set. Where the host is not seen to keep such conditions the fence is
written, left alone for a while and read again, and from then on only looked at.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import field
from functools import partial
from typing import Final

from hdh_migrate.errors import Conflict, Fenced, Unsupported
from hdh_migrate.fixity import canonical_json, sha256_hex
from hdh_migrate.frozen import frozen, mutable
from hdh_migrate.jsonform import ABSENT
from hdh_migrate.model import JournalEnd, Stamp, Stored
from hdh_migrate.pipeline.fences.fence import (
    FORMAT,
    FenceStanding,
    Known,
    Shown,
    State,
    fence_key,
    naming_right,
    plain,
    read_fence,
    words_of,
)
from hdh_migrate.pipeline.retrying import Retrying
from hdh_migrate.pipeline.tags import ATTEMPT
from hdh_migrate.ports.run import Clock
from hdh_migrate.ports.stores import TargetWriter

TRIES: Final = 3
"""How often a write is tried that met the fence of the same holder, written anew meanwhile."""

STAYS_SECONDS: Final = 3600.0
"""How often a fence is written while a verb lasts where each write stays, as a version of it."""

NO_ETAG: Final = "0" * 32
"""What no object has; a host that replaces it all the same keeps no conditions."""


@frozen
class Owner:
    """Who takes fences: a ledger, and where its file lies."""

    migration: str
    ledger: str
    place: str
    host: str
    pid: int
    user: str
    recipients: tuple[str, ...] = ()
    """Fingerprints of the keys for which it seals."""


@mutable
class Post:
    """Our fence in one bucket; nothing here touches the ledger.

    Whatever finds that it is not ours any more raises `Fenced`.
    """

    bucket: str
    owner: Owner
    epoch: int
    nonce: str
    writer: Callable[[], TargetWriter]
    retry: Retrying
    clock: Clock
    end: Callable[[], JournalEnd | None]
    """How far the ledger's journal goes for certain; None: it cannot be told."""
    firm: bool = True
    """Whether the host was seen to keep conditions."""
    _since: str = field(init=False)
    _stored: Stored = field(init=False)
    """As it was when we wrote it last."""
    _told: JournalEnd | None = field(init=False, default=None)
    """What it told then of the journal's end."""
    _wrote: float = field(init=False, default=-math.inf)
    """When that was, by the monotonic clock."""

    def __post_init__(self) -> None:
        self._since = self.clock.now()
        self._stored = Stored(key=fence_key(self.owner.migration), size=0, etag="")

    # --- putting it up -------------------------------------------------------------------------

    def put_up(self, standing: FenceStanding | None) -> None:
        """Replace the fence that was seen by ours, and find out whether conditions are honoured.

        Raises:
            Fenced: somebody else's stands there by now.
            StorageError: the target cannot be written to.
        """
        for _ in range(TRIES):
            was = None if standing is None else standing.stored.etag
            try:
                self._stored = self.retry(partial(self._claim, "running", was))
                break
            except Unsupported:
                self.firm = False
                break
            except Conflict:
                now = self._look()
                if now is not None and self._shows(now):
                    self._stored = now.stored  # the reply was lost
                    break
                if now is None or standing is None or not _same(now, standing):
                    raise self._overtaken(now) from None
                if now.stored.etag == was:  # If-Match is refused with the very ETag that is shown
                    self.firm = False
                    break
                standing = now  # its holder wrote it anew
        else:
            raise self._overtaken(standing)
        if self.firm:
            self.firm = self._keeps_conditions()
        else:
            self._put("running", was)

    def _keeps_conditions(self) -> bool:
        """Try two writes that must fail, and look that they did; what they write is the same fence.

        Raises:
            Fenced: somebody else's stands there by now.
            StorageError: it cannot be learned.
        """
        for wrong in (None, NO_ETAG):
            try:
                self._stored = self.retry(partial(self._claim, "running", wrong))
            except Conflict:
                continue
            except Unsupported:
                pass
            return False
        was = self._stored.etag
        self.demand()
        return self._stored.etag == was

    def settle(self) -> None:
        """Read again what was written without conditions and then left alone.

        Raises:
            Fenced: somebody else's stands there by now.
        """
        now = self.retry(self._look)
        if now is None or not self._shows(now):
            raise self._overtaken(now)
        self._stored = now.stored

    # --- while it stands -----------------------------------------------------------------------

    def renew(self) -> None:
        """Write it anew, or only look where it was written not long ago; one request.

        Raises:
            Fenced: somebody else's stands there by now.
            StorageError: it cannot be learned.
        """
        # Where versions are kept each write stays for ever.
        stays = self._stored.version_id not in {None, "null"}
        if self.firm and not stays:
            self._rewrite("running")
        elif self.clock.monotonic() - self._wrote < STAYS_SECONDS:
            self._demand()
        else:
            self.tell()

    def tell(self) -> None:
        """Write how far the journal goes; only look where that stands, or without conditions.

        Raises:
            Fenced: somebody else's stands there by now.
            StorageError: it cannot be learned.
        """
        new = self._told != self.end()
        if not (self.firm and new and self._rewrite("running")):
            self._demand()

    def demand(self) -> None:
        """Demand that it stands.

        Raises:
            Fenced: somebody else's stands there by now.
            StorageError: it cannot be learned.
        """
        self.retry(self._demand)

    def say(self, state: State) -> None:
        """Write the fence anew with another state.

        Raises:
            Fenced: somebody else's stands there by now.
            StorageError: it cannot be written.
        """
        if not (self.firm and self._rewrite(state)):
            self._demand()
            self._put(state, self._stored.etag)

    def _rewrite(self, state: State) -> bool:
        """Write it in its own place; False: the host keeps no such condition."""
        for _ in range(TRIES):
            try:
                self._stored = self._claim(state, self._stored.etag)
            except Conflict:
                was = self._stored.etag
                self._demand()
                if self._stored.etag == was:
                    break  # If-Match is refused with the very ETag that is shown
            else:
                return True
        self.firm = False
        return False

    def _demand(self) -> None:
        with naming_right(self.bucket, "s3:GetObject"):
            now = self.writer().head(self.bucket, self._stored.key)
        if now is None or now.metadata.get(ATTEMPT) != self._tag:
            raise self._overtaken(self._look())
        self._stored = now  # of an earlier write of ours the reply may be lost

    # --- reading and writing -------------------------------------------------------------------

    def _look(self) -> FenceStanding | None:
        return read_fence(self.writer(), self.bucket, self.owner.migration)

    def _shows(self, standing: FenceStanding) -> bool:
        return standing.shown is not None and standing.shown.nonce == self.nonce

    def _overtaken(self, standing: FenceStanding | None) -> Fenced:
        shown = None if standing is None else standing.shown
        who = "it is gone" if shown is None else f"it is held by {words_of(shown)}"
        return Fenced(f"the fence of bucket {self.bucket} is not this ledger's any more: {who}")

    def _body(self, state: State, end: JournalEnd | None) -> bytes:
        owner = self.owner
        shown = Shown(
            format=FORMAT, migration=owner.migration, ledger=owner.ledger, epoch=self.epoch,
            nonce=self.nonce, place=owner.place, host=plain(owner.host), pid=owner.pid,
            since=self._since, seen=self.clock.now(), state=state,
            recipients=owner.recipients or ABSENT,
            events=ABSENT if end is None else end.events,
            head=ABSENT if end is None else end.head,
        )  # fmt: skip
        return canonical_json(shown.as_json())

    @property
    def _tag(self) -> str:
        return _tag_of(self.owner.ledger, self.nonce)

    def _claim(self, state: State, replaces: str | None) -> Stored:
        end = self.end()
        body = self._body(state, end)
        with naming_right(self.bucket, "s3:PutObject"):
            stored = self.writer().claim(
                self.bucket, self._stored.key, memoryview(body), sha256=sha256_hex(body),
                stamp=Stamp(attempt=self._tag), replaces=replaces,
            )  # fmt: skip
        self._wrote, self._told = self.clock.monotonic(), end
        return stored

    def _put(self, state: State, replaces: str | None) -> None:
        body = self._body(state, self.end())

        def put() -> Stored:
            with naming_right(self.bucket, "s3:PutObject"):
                return self.writer().put(
                    self.bucket, self._stored.key, memoryview(body), sha256=sha256_hex(body),
                    stamp=Stamp(attempt=self._tag), replaces=replaces,
                )  # fmt: skip

        try:
            self._stored = self.retry(put)
        except Conflict:
            now = self._look()
            if now is None or not self._shows(now):
                raise self._overtaken(now) from None
            self._stored = now.stored


def tell_later(
    writer: TargetWriter,
    bucket: str,
    standing: FenceStanding | None,
    own: Known,
    end: JournalEnd,
    *,
    place: str,
) -> bool:
    """Let a fence of ours that nobody holds tell how far the journal goes; return whether it does.

    What is not ours, is held, tells it already or changes meanwhile is left as it is; so is one of
    a host that keeps no conditions, or of a ledger that lies at another place: a copy that only
    looked would shut the other one out.

    Raises:
        StorageError: it cannot be written.
    """
    shown = None if standing is None else standing.shown
    if standing is None or shown is None or shown.nonce not in own.nonces:
        return False
    if (shown.events, shown.head) == (end.events, end.head):
        return True
    if shown.state == "running" or shown.place != place or not own.firm:
        return False
    events, head = shown.events, shown.head
    if events is not ABSENT and head is not ABSENT and not own.goes_on_from(events, head):
        return False
    now = {**shown.as_json(), "events": end.events, "head": end.head}
    body = canonical_json(now)
    with suppress(Conflict), naming_right(bucket, "s3:PutObject"):
        writer.claim(
            bucket, standing.stored.key, memoryview(body), sha256=sha256_hex(body),
            stamp=Stamp(attempt=_tag_of(shown.ledger, shown.nonce)), replaces=standing.stored.etag,
        )  # fmt: skip
        return True
    return False


def _tag_of(ledger: str, nonce: str) -> str:
    return f"{ledger}.fence.{nonce}"


def _same(one: FenceStanding, other: FenceStanding) -> bool:
    """Return whether two looks saw the same holder; what cannot be read has none."""
    if one.stored.etag == other.stored.etag:
        return True
    return one.shown is not None and other.shown is not None and (
        one.shown.nonce == other.shown.nonce
    )  # fmt: skip
