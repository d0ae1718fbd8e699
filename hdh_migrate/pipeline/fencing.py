"""Take the fences of a plan's buckets, keep them while a verb lasts, and leave or release them.

Every write of a fence is a compare-and-set. Where the host is not seen to keep such conditions the
fence is written, left alone for a while and read again, and from then on only looked at.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from hdh_migrate.codes import Code, Severity
from hdh_migrate.errors import Conflict, Fenced, MigrateError, Unsupported
from hdh_migrate.events.fence import FenceReleased, FenceReleasing, FenceTaken, FenceTaking
from hdh_migrate.fixity import canonical_json, sha256_hex
from hdh_migrate.jsonform import ABSENT
from hdh_migrate.model import Stamp, Stored
from hdh_migrate.pipeline.fence import (
    FORMAT,
    Known,
    Shown,
    Standing,
    State,
    against,
    epoch_of,
    fence_key,
    holder_of,
    known,
    look,
    plain,
    refusal,
    telling,
    told,
)
from hdh_migrate.pipeline.retrying import Retrying
from hdh_migrate.pipeline.sending import ATTEMPT
from hdh_migrate.ports.ledger import Ledger
from hdh_migrate.ports.run import Clock, Progress
from hdh_migrate.ports.stores import TargetWriter

RENEW_SECONDS: Final = 60.0
"""How often a fence is written, or looked at, while a verb lasts: one request a bucket."""

SETTLE_SECONDS: Final = 2.0
"""How long a fence without conditions is left alone before it is read again."""

JOIN_SECONDS: Final = 5.0
REWRITES_MAX: Final = 3

SOFT: Final = (
    "the host keeps no conditions on writes, so the fence is watched and not enforced: two writers"
    " that begin within seconds may both write until the next look"
)

NO_ETAG: Final = "0" * 32
"""What no object has; a host that replaces it all the same keeps no conditions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """Who takes fences: a ledger, and where its file lies."""

    migration: str
    ledger: str
    place: str
    host: str
    pid: int
    user: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeOver:
    """Somebody says that whoever holds a fence is gone for good."""

    reason: str


@dataclass(slots=True, kw_only=True)
class _Held:
    """One bucket's fence in our hand."""

    nonce: str
    since: str
    stored: Stored
    firm: bool


class Fencing:
    """This ledger's fences; `epoch` is the one in which it writes, once they are taken.

    The ledger is written to by who takes and releases alone; `renew` touches only the target, so
    that another thread may call it.
    """

    def __init__(
        self,
        ledger: Ledger,
        writer: Callable[[], TargetWriter],
        owner: Owner,
        *,
        clock: Clock,
        retry: Retrying,
        progress: Progress,
        wait: Callable[[float], object],
    ) -> None:
        """Take nothing yet; `writer` gives the one with the newest credential."""
        self._ledger, self._writer, self._owner = ledger, writer, owner
        self._clock, self._retry, self._progress = clock, retry, progress
        self._wait = wait
        self._held: dict[str, _Held] = {}
        self._turn = threading.Lock()
        self.epoch = 0
        self.lost: Fenced | None = None
        """Why nothing may be written any more; None: it may."""

    # --- taking --------------------------------------------------------------------------------

    def look(self, buckets: Sequence[str]) -> Mapping[str, Standing | None]:
        """Read the fences of some buckets.

        Raises:
            StorageError: it cannot be told.
        """
        return {
            bucket: self._retry(partial(look, self._writer(), bucket, self._owner.migration))
            for bucket in buckets
        }

    def take(self, buckets: Sequence[str], over: TakeOver | None = None) -> list[str]:
        """Be the one that writes in these buckets; return those that were taken over.

        Killed at any moment, the same again finds its own fence by the nonce in the journal. With
        `over` a new epoch begins where somebody else holds a fence, and no upload of an earlier one
        goes on: what another copy of this ledger sealed under its data key is not known here.

        Raises:
            Fenced: somebody else writes there; nothing was written.
            StorageError: it cannot be told, or the target cannot be written to.
        """
        try:
            return self._take(buckets, over)
        except MigrateError:
            self.leave()  # of several buckets the first ones may be taken
            raise

    def _take(self, buckets: Sequence[str], over: TakeOver | None) -> list[str]:
        own, found = known(self._ledger), self.look(buckets)
        problems = {
            bucket: why
            for bucket, standing in found.items()
            if (why := self._against(bucket, standing, own)) is not None
        }
        if problems and over is None:
            raise refusal(list(problems.values()))
        was = epoch_of(own)
        self.epoch = self._next_epoch(found, own, rising=set(problems))
        nonces = {bucket: secrets.token_hex(16) for bucket in found}
        for bucket, standing in found.items():
            self._ledger.event(self._intent(bucket, standing, nonces[bucket], over, problems))
        self._ledger.commit()
        for bucket, standing in found.items():
            self._held[bucket] = self._write(bucket, standing, nonces[bucket])
        self._settle()
        with self._ledger.whole():
            if self.epoch > was:
                self._give_up_uploads()
            for bucket, held in self._held.items():
                self._ledger.event(
                    FenceTaken(
                        bucket=bucket, epoch=self.epoch, nonce=held.nonce, firm=held.firm
                    )
                )  # fmt: skip
            self._note_softness()
            self._ledger.commit()
        return list(problems)

    def _against(
        self, bucket: str, standing: Standing | None, own: Mapping[str, Known]
    ) -> str | None:
        return against(
            bucket, standing, own.get(bucket, Known()),
            ledger=self._owner.ledger, place=self._owner.place,
        )  # fmt: skip

    def _next_epoch(
        self,
        found: Mapping[str, Standing | None],
        own: Mapping[str, Known],
        *,
        rising: set[str],
    ) -> int:
        """Return the epoch to write in: a later one than of whom anything is taken over from."""
        shown = {
            bucket: standing.shown
            for bucket, standing in found.items()
            if standing is not None and standing.shown is not None
        }
        ours = [
            one.epoch
            for bucket, one in shown.items()
            if one.nonce in own.get(bucket, Known()).nonces
        ]
        others = [
            one.epoch
            for bucket, one in shown.items()
            if one.nonce not in own.get(bucket, Known()).nonces
        ]
        epoch = max([epoch_of(own), *ours])
        if rising or others:
            epoch = max([epoch, *others]) + 1
        return epoch

    def _intent(
        self,
        bucket: str,
        standing: Standing | None,
        nonce: str,
        over: TakeOver | None,
        problems: Mapping[str, str],
    ) -> FenceTaking:
        rising = bucket in problems and over is not None
        shown = None if standing is None else standing.shown
        return FenceTaking(
            bucket=bucket, epoch=self.epoch, nonce=nonce, user=self._owner.user,
            over=holder_of(shown) if rising and shown is not None else ABSENT,
            reason=over.reason if rising and over is not None else ABSENT,
        )  # fmt: skip

    def _write(self, bucket: str, standing: Standing | None, nonce: str) -> _Held:
        """Put our fence in the place of what was seen, and see whether the host keeps conditions.

        Raises:
            Fenced: it is not what was seen any more.
        """
        since = self._clock.now()
        was = None if standing is None else standing.stored.etag
        held = _Held(
            nonce=nonce, since=since, firm=True,
            stored=Stored(key=fence_key(self._owner.migration), size=0, etag=was or ""),
        )  # fmt: skip
        body = self._body(held, "running")
        try:
            held.stored = self._claim(bucket, held, body, was)
        except Unsupported:
            held.firm = False
        except Conflict:
            now = look(self._writer(), bucket, self._owner.migration)
            if now is not None and now.shown is not None and now.shown.nonce == nonce:
                held.stored = now.stored  # the reply was lost
            elif now is None or standing is None or now.stored.etag != was:
                raise self._overtaken(bucket, now) from None
            else:  # a host that refuses If-Match with the very ETag that it shows
                held.firm = False
        if held.firm:
            held.firm = self._keeps_conditions(bucket, held, body)
        else:
            held.stored = self._put(bucket, held, body, was)
        return held

    def _keeps_conditions(self, bucket: str, held: _Held, body: bytes) -> bool:
        """Try two writes that must fail; what they write if they do not is the same fence."""
        for wrong in (None, NO_ETAG):
            try:
                held.stored = self._claim(bucket, held, body, wrong)
            except Conflict:
                continue
            except Unsupported:
                pass
            return False
        return True

    def _settle(self) -> None:
        soft = [bucket for bucket, held in self._held.items() if not held.firm]
        if not soft:
            return
        self._wait(SETTLE_SECONDS)
        for bucket in soft:
            standing = self._retry(partial(look, self._writer(), bucket, self._owner.migration))
            if standing is None or not _shows(standing, self._held[bucket].nonce):
                raise self._overtaken(bucket, standing)
            self._held[bucket].stored = standing.stored

    def _give_up_uploads(self) -> None:
        for dataset in self._ledger.datasets():
            for entry in self._ledger.todo("sending", dataset.id):
                if entry.parts:
                    self._ledger.drop_upload(entry.id)

    def _note_softness(self) -> None:
        soft = [f"bucket {name}: {SOFT}" for name, held in self._held.items() if not held.firm]
        for detail in soft:
            self._progress.note(detail)
        known = {
            one["detail"]
            for one in (self._ledger.findings(severity=Severity.NOTE) if soft else ())
            if one["code"] == Code.FENCE_SOFT
        }
        for detail in soft:
            if detail not in known:
                self._ledger.finding(Code.FENCE_SOFT, detail)

    # --- keeping -------------------------------------------------------------------------------

    def renew(self) -> None:
        """Say once more that we write, or look whether it still says so; one request a bucket.

        What cannot be told now is told next time: who writes is not decided by time.
        """
        with self._turn:
            for bucket, held in self._held.items():
                if self.lost is None:
                    self._renew(bucket, held)

    def _renew(self, bucket: str, held: _Held) -> None:
        try:
            # Where versions are kept each write would stay for ever.
            if held.firm and held.stored.version_id in {None, "null"}:
                self._rewrite(bucket, held, "running")
            elif not self._is_ours(self._writer().head(bucket, held.stored.key), held):
                self._lose(bucket, look(self._writer(), bucket, self._owner.migration))
        except MigrateError:
            return

    def demand(self) -> None:
        """Look at once, before something that cannot be taken back.

        Raises:
            Fenced: somebody else writes here by now.
            StorageError: it cannot be told.
        """
        for bucket, held in self._held.items():
            key = held.stored.key
            stored = self._retry(partial(self._writer().head, bucket, key))
            if not self._is_ours(stored, held):
                self._lose(bucket, look(self._writer(), bucket, self._owner.migration))
        if self.lost is not None:
            raise self.lost

    def _is_ours(self, stored: Stored | None, held: _Held) -> bool:
        return stored is not None and stored.metadata.get(ATTEMPT) == self._tag(held)

    def _rewrite(self, bucket: str, held: _Held, state: State) -> bool:
        """Write our fence anew in its own place; False: it was not written."""
        for _ in range(REWRITES_MAX):
            try:
                held.stored = self._once(bucket, held, self._body(held, state), held.stored.etag)
            except Conflict:
                now = self._writer().head(bucket, held.stored.key)
                if now is None or not self._is_ours(now, held):
                    self._lose(bucket, look(self._writer(), bucket, self._owner.migration))
                    return False
                if now.etag == held.stored.etag:
                    break  # a host that refuses If-Match with the very ETag that it shows
                held.stored = now  # the reply of an earlier write was lost
            else:
                return True
        held.firm = False
        return False

    def _lose(self, bucket: str, standing: Standing | None) -> None:
        self.lost = self._overtaken(bucket, standing)

    def _overtaken(self, bucket: str, standing: Standing | None) -> Fenced:
        shown = None if standing is None else standing.shown
        who = "it is gone" if shown is None else f"it is held by {told(shown)}"
        return Fenced(f"the fence of bucket {bucket} is not this ledger's any more: {who}")

    # --- leaving -------------------------------------------------------------------------------

    def leave(self) -> None:
        """Say that no run is under way; what cannot be said is taken for a kill."""
        with self._turn:
            try:
                for bucket, held in self._held.items():
                    if self.lost is None:
                        self._say(bucket, held, "idle")
            except MigrateError as error:
                self._progress.note(f"the fence could not be left: {error}")
            finally:
                self._held.clear()

    def release(self, buckets: Collection[str] | None = None) -> None:
        """Say that this ledger has no more to write, in some buckets; None: in all.

        A later run may take them again.

        Nothing is deleted: no host deletes under a condition, and a fence that is gone would
        tell nobody in which epoch to go on.

        Raises:
            Fenced: somebody else holds it by now.
            StorageError: it cannot be written; the same again does it.
        """
        with self._turn:
            for bucket, held in list(self._held.items()):
                if buckets is None or bucket in buckets:
                    self._release(bucket, held)
                    del self._held[bucket]

    def _release(self, bucket: str, held: _Held) -> None:
        ledger, epoch, nonce = self._ledger, self.epoch, held.nonce
        ledger.event(FenceReleasing(bucket=bucket, epoch=epoch, nonce=nonce, user=self._owner.user))
        ledger.commit()
        self._retry(partial(self._say, bucket, held, "released"))
        if self.lost is not None:
            raise self.lost
        ledger.event(FenceReleased(bucket=bucket, epoch=epoch, nonce=nonce))
        ledger.commit()

    def _say(self, bucket: str, held: _Held, state: State) -> None:
        if (held.firm and self._rewrite(bucket, held, state)) or self.lost is not None:
            return
        if not self._is_ours(self._writer().head(bucket, held.stored.key), held):
            self._lose(bucket, look(self._writer(), bucket, self._owner.migration))
            return
        held.stored = self._put(bucket, held, self._body(held, state), held.stored.etag)

    # --- writing -------------------------------------------------------------------------------

    def _body(self, held: _Held, state: State) -> bytes:
        owner = self._owner
        shown = Shown(
            format=FORMAT, migration=owner.migration, ledger=owner.ledger, epoch=self.epoch,
            nonce=held.nonce, place=owner.place, host=plain(owner.host), pid=owner.pid,
            since=held.since, seen=self._clock.now(), state=state,
        )  # fmt: skip
        return canonical_json(shown.as_json())

    def _tag(self, held: _Held) -> str:
        return f"{self._owner.ledger}.fence.{held.nonce}"

    def _claim(self, bucket: str, held: _Held, body: bytes, replaces: str | None) -> Stored:
        return self._retry(partial(self._once, bucket, held, body, replaces))

    def _once(self, bucket: str, held: _Held, body: bytes, replaces: str | None) -> Stored:
        with telling(bucket, "s3:PutObject"):
            return self._writer().claim(
                bucket, held.stored.key, memoryview(body), sha256=sha256_hex(body),
                stamp=Stamp(attempt=self._tag(held)), replaces=replaces,
            )  # fmt: skip

    def _put(self, bucket: str, held: _Held, body: bytes, replaces: str | None) -> Stored:
        def put() -> Stored:
            with telling(bucket, "s3:PutObject"):
                return self._writer().put(
                    bucket, held.stored.key, memoryview(body), sha256=sha256_hex(body),
                    stamp=Stamp(attempt=self._tag(held)), replaces=replaces,
                )  # fmt: skip

        try:
            return self._retry(put)
        except Conflict:
            now = look(self._writer(), bucket, self._owner.migration)
            if now is not None and _shows(now, held.nonce):
                return now.stored
            raise self._overtaken(bucket, now) from None


class Keeper:
    """Renews fences from a thread of its own until it is stopped, and leaves them then.

    Nobody waits for a target that hangs: neither a run that goes on, nor one that ends.
    """

    def __init__(
        self,
        fencing: Fencing,
        *,
        seconds: float = RENEW_SECONDS,
        patience: float = JOIN_SECONDS,
    ) -> None:
        """Begin; `seconds` lie between two renewals, `patience` is for the last request."""
        self._fencing, self._seconds, self._patience = fencing, seconds, patience
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="fence", daemon=True)
        self._thread.start()

    def _keep(self) -> None:
        while not self._over.wait(self._seconds):
            self._fencing.renew()
        self._fencing.leave()

    def stop(self) -> None:
        """Leave the fences and end the thread; a request that hangs is not waited for long."""
        self._over.set()
        self._thread.join(self._patience)


def _shows(standing: Standing, nonce: str) -> bool:
    return standing.shown is not None and standing.shown.nonce == nonce
