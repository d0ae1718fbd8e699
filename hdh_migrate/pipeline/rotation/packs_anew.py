"""Make header packs of objects that were sealed anew, before what they were may go.

A pack is written by who seals anew, as any run would write it: intent, write, receipt. Workers that
can only read open it; its second copy is made of what they opened; then both places are read once
more, and what they hold must open what the ledger says. Stopped anywhere, it is done again: which
packs are to be made follows from the ledger's rows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace

from hdh_migrate.errors import Conflict, PackDamaged, Refused, TargetDiffers, UnsealFailed
from hdh_migrate.model import DatasetRow, PackRow, State, Verified, key_bytes
from hdh_migrate.orders import OrderItem
from hdh_migrate.pipeline.context import Context
from hdh_migrate.pipeline.own_files.folder_packs import PACK_MAX
from hdh_migrate.pipeline.own_files.header_packs import HeaderPacks
from hdh_migrate.pipeline.verify.verify import Verification
from hdh_migrate.pipeline.workers.buffers import BufferPool
from hdh_migrate.pipeline.workers.sending import Sending
from hdh_migrate.pipeline.workers.work import Toolbox
from hdh_migrate.pipeline.working_set import working_set


class Unfollowed:
    """Progress that nobody follows: packs are no objects that somebody waits for."""

    def step(self, batch: str, step: str, *, objects: int, size: int) -> None:
        """Begin a step; nothing is shown."""

    def advance(self, objects: int, size: int) -> None:
        """Show nothing of what is done."""

    def note(self, text: str) -> None:
        """Say nothing."""


class PacksAnew:
    """Keeps the packs of one batch what its objects' headers are."""

    def __init__(self, ctx: Context, batch: str) -> None:
        assert ctx.writer is not None, "who makes packs can write"
        self._ctx, self._batch = replace(ctx, progress=Unfollowed()), batch
        self._files = HeaderPacks(ctx)
        self._datasets = working_set(ctx.ledger, batch)
        self._sending = Sending(_box(ctx), ctx.source, ctx.writer, stream_above=PACK_MAX)

    def renew(self, rows: Sequence[Verified]) -> None:
        """Have these objects, and none else, opened anew by packs at both places.

        Raises:
            TargetDiffers: a pack or its copy does not come to be so.
            Refused: somebody else's object is in a pack's place, or the copy cannot be written.
            StorageError: the target does not answer, or refuses.
        """
        of = defaultdict[int, list[bytes]](list)
        for row in rows:
            of[row.dataset].append(key_bytes(row.key))
        for dataset in self._datasets:
            if keys := of.get(dataset.id):
                self._files.renew_near(dataset, keys)
        made = self._sent()
        self._verify()
        self._ctx.packs.copy(self._ctx, self._batch, made)
        self._demand_opened(rows, made)

    def renew_all(self) -> None:
        """Have every pack of the batch as it would be made now, at both places.

        Raises:
            As `renew`.
        """
        ledger = self._ctx.ledger
        for dataset in self._datasets:
            self._files.renew_all(dataset)
        self._sent()
        self._verify()
        if changed := self._changed():
            with ledger.whole():  # somebody changed them since: they are sent again
                ledger.relist(changed)
                ledger.commit()
            self._sent()
            self._verify()
        self._ctx.packs.copy(self._ctx, self._batch)
        if any(self._opened(dataset, pack) is None for dataset, pack in self._packs()):
            raise _lacking()

    # --- steps -----------------------------------------------------------------------------------

    def _changed(self) -> list[int]:
        """Return the packs that the target does not hold as they were verified, or do not open.

        Where it does, a second copy that is not there, or not as it was, is made of it.
        """
        found = []
        for dataset, pack in self._packs():
            with suppress(TargetDiffers):  # which of both it is shows right after
                self._ctx.packs.copy(self._ctx, self._batch, {pack.id})
            if self._opened(dataset, pack) is None:
                found.append(pack.id)
        return found

    def _packs(self) -> Iterator[tuple[DatasetRow, PackRow]]:
        for dataset in self._datasets:
            prefix = self._ctx.route(dataset).header_packs(dataset.name)
            for row in list(self._ctx.ledger.packs(dataset.id, prefix)):
                yield dataset, row

    def _sent(self) -> set[int]:
        """Send what waits, whatever happened to it before; return which are not verified now."""
        ledger, found = self._ctx.ledger, set[int]()
        for dataset, row in self._packs():
            if row.state is State.VERIFIED:
                continue
            found.add(row.id)
            if row.state is State.FAILED:
                ledger.retry_failed(dataset.id, {row.id}.intersection)
            if row.state is not State.SENT:
                self._send(dataset, row.key)
        return found

    def _send(self, dataset: DatasetRow, key: str) -> None:
        ctx, ledger = self._ctx, self._ctx.ledger
        ctx.demand_writer()
        known = ledger.find(dataset.id, key)
        assert known is not None, "it was read from the ledger"
        if known[1] is State.SENDING:  # of a command that was killed: who sends asks first
            ledger.unclaim(known[0])
        entry, body = self._files.fresh(dataset, known[0])
        ledger.claim(entry)
        ledger.commit()
        entry = replace(entry, attempt=entry.attempt + 1)
        order = OrderItem(**ctx.about(entry, dataset), body=body)
        try:
            receipt = self._sending.put(ctx.route(dataset), order)
        except Conflict:
            raise Refused(
                "something that is not ours is in the place of a header pack at the target",
                hint="nothing that packs open was removed; look who put it there, remove it, and"
                " give the same command again",
            ) from None
        ledger.sent(entry, receipt)
        ledger.commit()

    def _verify(self) -> None:
        """Have every pack that was sent opened and compared by who can only read."""
        Verification(self._ctx, self._batch, sampled=False).run()
        self._ctx.ledger.commit()
        if any(row.state is not State.VERIFIED for _, row in self._packs()):
            raise _lacking()

    def _demand_opened(self, rows: Sequence[Verified], made: Collection[int]) -> None:
        """Demand that what was made holds the data keys of these objects, at both places."""
        ledger, envelopes = self._ctx.ledger, self._ctx.envelopes
        wanted = {
            (row.dataset, row.key): envelopes.data_key(header)
            for row in rows
            if (header := ledger.header(row.id)) is not None
        }
        for dataset, pack in self._packs():
            if pack.id in made:
                for key, data_key in (self._opened(dataset, pack) or {}).items():
                    if wanted.get((dataset.id, key)) == data_key:
                        del wanted[dataset.id, key]
        if wanted:
            raise _lacking()

    def _opened(self, dataset: DatasetRow, pack: PackRow) -> dict[str, bytes] | None:
        """Return data keys by the objects' keys, of a pack at both places; None: it is not."""
        try:
            found = self._ctx.packs.opened(self._ctx, dataset, pack)
            return {one.key: one.data_key for one in found}
        except (UnsealFailed, PackDamaged, TargetDiffers):
            return None


def _box(ctx: Context) -> Toolbox:
    """Return what sending takes: this process seals and writes, and reads no source."""
    return Toolbox(
        source=None, reader=ctx.reader, writer=ctx.writer, envelopes=ctx.envelopes,
        routes=ctx.routes, run_tag=ctx.run_tag, epoch=ctx.fence.epoch, adopted=ctx.adopted,
        level=ctx.level, reread=False, checked=False, retry=ctx.retry,
        pool=BufferPool(PACK_MAX), clock=ctx.clock, halt=ctx.stop,
    )  # fmt: skip


def _lacking() -> TargetDiffers:
    return TargetDiffers(
        "a header pack is not at both places as the ledger has it, after it was made anew",
        hint="no earlier version of what it opens was removed, and the ledger has every header;"
        " give the same command again, which makes it once more",
    )
