"""Adopt objects that a lost ledger, or a newer copy of this one, moved: mark as sent and verify.

Nothing at the target is believed for the tag that it carries. Each object of ours is read back,
opened and compared: with the digests of a bundle that a trusted key has signed, where it holds this
very object of this very version, else with the source, which is read once for it. What does not
prove good waits, and is sent anew under the usual rules: ours is replaced by compare-and-set,
somebody else's is a conflict. docs/decisions/0048-adoption.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import replace

from hdh_migrate.errors import Interrupted
from hdh_migrate.events.adoption import JournalSeen
from hdh_migrate.frozen import frozen
from hdh_migrate.model import (
    SEGMENT,
    DatasetRow,
    Entry,
    Listed,
    ObjectInfo,
    Origin,
    Role,
    State,
    Stored,
    is_reserved,
)
from hdh_migrate.orders import DigestOrder, OrderItem
from hdh_migrate.pipeline.adoption.adoption_journal import AdoptionJournal, AdoptionTally
from hdh_migrate.pipeline.adoption.adoption_proofs import AdoptionProof, Proofs, ProofsInStep
from hdh_migrate.pipeline.adoption.earlier_sidecar import EarlierSidecar
from hdh_migrate.pipeline.context import Context
from hdh_migrate.pipeline.cutting import SEALED_OVERHEAD
from hdh_migrate.pipeline.dispatch import Dispatcher
from hdh_migrate.pipeline.excused import retry
from hdh_migrate.pipeline.inventory.inventory import Inventory
from hdh_migrate.pipeline.looks.look_again import Choice, LookAgain
from hdh_migrate.pipeline.projections.undeleted import demand_undeleted
from hdh_migrate.pipeline.queue import Queue
from hdh_migrate.pipeline.tags import Tag
from hdh_migrate.pipeline.transfer.uploads import TargetSurvey
from hdh_migrate.pipeline.verify.verify import ORDER_BYTES, Verification
from hdh_migrate.pipeline.working_set import working_set
from hdh_migrate.receipts import Digested, Lost, ObjectReceipt, Returned, Sent
from hdh_migrate.telemetry import counted

STEP = "adopt"
RESIZED = (
    "batch {batch}: {objects} not the size that the plan's seal gives: sealed for more or for fewer"
    " recipients, or cut short; the next run sends anew what has it not, sealed for"
    " all whom the plan names. To keep it, adopt into a new state folder with the recipients of"
    ' then, and add the others afterwards with "hdh-migrate amend PLAN --batch {batch}'
    ' --reason TEXT"'
)
"""What is said of objects that cannot be adopted for their size alone."""

EXCHANGED = (
    "batch {batch}: {objects} adopted into a ledger that has exchanged keys: who stored them may"
    " have sealed them for the key of before, or under a data key of before, which no read with"
    " this plan's own shows. They count as left by that exchange: the same {command} goes through"
    " them"
)
"""What is said of objects that another ledger stored, where this one has exchanged keys."""

SHUT = (
    "dataset {name}: {files} of its sidecar cannot be opened with this key; what is said there of"
    " objects that the source has no more is lost when the next run makes the sidecar anew: copy"
    " these files first"
)
"""What is said of a sidecar that another ledger left, where it tells nothing."""

UNLISTED = (
    "dataset {name}: the target holds {count} more under its prefix that the source does not list"
    " (deleted there since, or by a decommission; or somebody else's); they stay as they are, and"
    " only a bundle that tells of them lets them be adopted: --bundle DIR"
)
"""What is said of objects at the target that nothing tells of."""

PORTION = 1_000
"""Objects that are asked for at once: so many rows are held."""

ASKERS = 8
"""Requests at once."""


@frozen
class Candidate:
    """A waiting object that the target may hold already."""

    entry: Entry
    stored: Stored
    tag: Tag

    @property
    def id(self) -> int:
        """The object's number in the ledger."""
        return self.entry.id

    @property
    def attempt(self) -> int:
        """The ledger's, which fences receipts."""
        return self.entry.attempt

    @property
    def dataset(self) -> int:
        """The ledger's number of the object's dataset."""
        return self.entry.dataset

    @property
    def size(self) -> int:
        """Bytes at the source."""
        return self.entry.size


class Adopt:
    """Performs the adoption of one batch; it writes nothing at the target, and may run again."""

    def __init__(
        self,
        ctx: Context,
        batch: str,
        *,
        ours: Callable[[str], bool],
        proofs: Proofs,
        journals: Sequence[JournalSeen],
        user: str,
    ) -> None:
        """`ours` says of a ledger's name whether it is of this migration."""
        self._ctx, self._batch, self._ours, self._proofs = ctx, batch, ours, proofs
        self._journals, self._user = journals, user
        self._journal = AdoptionJournal(ctx.ledger, batch, ctx.run_tag)
        self._dispatch = Dispatcher(ctx, batch, STEP, sampled=False)
        self._queue = Queue[Candidate](self._more, order_bytes=ORDER_BYTES)
        self._datasets = {row.id: row for row in working_set(ctx.ledger, batch)}
        self._tally = AdoptionTally()
        self._portions: Iterator[tuple[DatasetRow, list[Entry], list[list[AdoptionProof]]]] = iter(
            ()
        )
        self._pool: Executor | None = None

    def run(self) -> AdoptionTally:
        """Take for sent what the target holds of ours, and verify it; goes on after any stop.

        What the next run would refuse (an object that cannot be moved as planned, too much for a
        quota) refuses nothing here, where nothing is moved: runs wait until this has ended.

        Raises:
            Refused: the batch is being deleted, or no inventory can be made of it.
            AuthFailed, Interrupted, Transient: it ended early; the same command goes on.
        """
        ctx, ledger = self._ctx, self._ctx.ledger
        demand_undeleted(ledger, self._batch)
        first = self._journal.begin(self._journals, self._user)
        # Nothing can be put beside what stands at the target already.
        ctx.rules = {
            name: replace(rules, contract=rules.contract.of_adopted())
            for name, rules in ctx.rules.items()
        }
        Inventory(ctx).take(self._batch)
        self._datasets = {row.id: row for row in working_set(ledger, self._batch)}
        self._settle(look=first)
        found = 0
        for dataset in self._datasets.values():
            self._join(dataset)
            if unopened := ctx.packs.learn(ctx, dataset):
                packs = counted(unopened, "header pack does", "header packs do")
                ctx.progress.note(
                    f"dataset {dataset.name}: {packs} not open with this key;"
                    " what only they open is sent anew by the next run"
                )
            found += TargetSurvey(ctx).occupy(dataset, most=0)
            self._tally.unlisted += (unlisted := self._unlisted(dataset))
            if unlisted:
                ctx.progress.note(UNLISTED.format(name=dataset.name, count=unlisted))
        self._take(found)
        failed = self._failed()
        Verification(ctx, self._batch).run()
        return self._end(self._failed() - failed)

    # --- what the ledger believes ----------------------------------------------------------------

    def _settle(self, *, look: bool) -> None:
        """Reset to waiting what an old ledger believes sent and the target does not hold so."""
        ctx, ledger = self._ctx, self._ctx.ledger
        verified = ledger.erasable_left(self._batch, 0, whole=True).objects
        if look and verified:
            LookAgain(ctx, self._batch, Choice(level="head"), user=self._user).run()
        Verification(ctx, self._batch).run()
        for row in self._datasets.values():
            retry(ledger, row, ctx.waivers)
            for entry in ledger.todo("sending", row.id):
                ledger.drop_upload(entry.id)  # the next run aborts what is still open of it
                ledger.unclaim(entry)
            ledger.drop_kept(row.id, State.LISTED, State.FAILED)
        ledger.commit()

    def _join(self, dataset: DatasetRow) -> None:
        """Let objects join that were verified once and that the source does not list any more."""
        ledger, decide = self._ctx.ledger, Inventory(self._ctx).decide
        route, gone = self._ctx.route(dataset), list[Listed]()
        last: str | None = None
        sidecar: EarlierSidecar | None = None
        for proof in self._proofs.of(dataset.name):
            if route.is_sidecar(proof.key):
                continue  # it is made anew
            if proof.key == last or ledger.pinned(dataset.id, proof.key) is not None:
                continue
            last = proof.key
            obj = ObjectInfo(
                key=proof.key, size=proof.size, version=proof.version, modified=proof.modified,
                md5=proof.md5,
            )  # fmt: skip
            sidecar = sidecar or EarlierSidecar(self._ctx, dataset)
            listed = decide(dataset, sidecar.completed(obj))
            if listed.state is State.LISTED:
                gone.append(listed)
            if len(gone) >= PORTION:
                self._joined(dataset, gone)
                gone = []
        self._joined(dataset, gone)
        if sidecar is not None and sidecar.unreadable:
            files = counted(sidecar.unreadable, "file")
            self._ctx.progress.note(SHUT.format(name=dataset.name, files=files))

    def _joined(self, dataset: DatasetRow, gone: Sequence[Listed]) -> None:
        if gone:
            self._ctx.ledger.update(dataset.id, gone, [])
            self._tally.joined += len(gone)

    def _unlisted(self, dataset: DatasetRow) -> int:
        """Count what the target holds under the prefix and neither source nor bundle tells of."""
        ctx, route = self._ctx, self._ctx.route(dataset)

        def count() -> int:
            stored = (one.key for one in ctx.reader.keys(route.target))
            keys = (route.source_key(key) for key in stored if not is_reserved(key))
            there = (key for key in keys if key is not None and not route.is_sidecar(key))
            return sum(ctx.ledger.pinned(dataset.id, key) is None for key in there)

        return ctx.retry(count)

    # --- what the target holds -------------------------------------------------------------------

    def _take(self, found: int) -> None:
        ctx = self._ctx
        ctx.progress.step(self._batch, STEP, objects=found, size=0)
        self._portions = self._all_portions()
        with ThreadPoolExecutor(ASKERS) as self._pool:
            self._dispatch.run(Role.MOVE, self._next, self._apply, self._lost)

    def _next(self) -> DigestOrder | None:
        taken = self._queue.take()
        if not taken:
            return None
        dataset = self._datasets[taken[0].dataset]
        about = (self._ctx.about(one.entry, dataset) for one in taken)
        objects = tuple(OrderItem(**one) for one in about)
        return DigestOrder(dataset=dataset.name, objects=objects)

    def _more(self) -> Iterable[Candidate]:
        """Fetch portions until one contains an object whose source must be read."""
        for dataset, entries, proofs in self._portions:
            if self._ctx.stop.is_set():
                raise Interrupted("stopped while adopting; start again to go on")
            left = self._judged(dataset, entries, proofs)
            self._dispatch.commit()
            if left:
                return left
        return ()

    def _all_portions(self) -> Iterator[tuple[DatasetRow, list[Entry], list[list[AdoptionProof]]]]:
        for dataset in self._datasets.values():
            beside, after = ProofsInStep(self._proofs.of(dataset.name)), None
            while entries := self._ctx.ledger.adoptable(dataset.id, after, PORTION):
                after = entries[-1].obj.key
                yield dataset, entries, [beside.of(entry.obj.key) for entry in entries]

    def _judged(
        self, dataset: DatasetRow, entries: list[Entry], proofs: list[list[AdoptionProof]]
    ) -> list[Candidate]:
        """Accept what matches a bundle's digests; return the objects whose source must be read."""
        route, left = self._ctx.route(dataset), []
        assert self._pool is not None

        def look(entry: Entry) -> Stored | None:
            key = route.target_key(entry.obj.key)
            return self._ctx.retry(lambda: self._ctx.reader.head(route.target.bucket, key))

        for entry, stored, known in zip(
            entries, self._pool.map(look, entries), proofs, strict=True
        ):
            tag = None if stored is None else Tag.of(stored)
            if stored is None or tag is None or not self._ours(tag.ledger):
                self._tally.foreign += stored is not None
                self._dispatch.advance(1, 0)
                continue
            one = Candidate(entry=entry, stored=stored, tag=tag)
            proof = next((bundle for bundle in known if bundle.of_stored(stored)), None)
            if stored.size != self._expected(entry.size):
                self._tally.resized += 1
                self._left(one)
            elif not self._ctx.packs.opens(self._ctx, entry.id):
                self._left(one)
            elif proof is None:
                left.append(one)
            elif (proof.version, proof.size) == (entry.obj.version, entry.size):
                self._taken(one, proof.sha256, proof)
            else:
                self._left(one)  # it is an earlier version of it: the next run sends this one
        return left

    def _expected(self, size: int) -> int:
        if not self._ctx.sealed:
            return size
        return self._ctx.header + size + -(-size // SEGMENT) * SEALED_OVERHEAD

    def _apply(self, receipt: ObjectReceipt) -> None:
        receipt = self._dispatch.judged(receipt)
        one = self._queue.landed(receipt)
        if one is None:
            return
        match receipt:
            case Digested():
                self._taken(one, receipt.sha256, None)
            case Returned():
                if not self._ctx.stop.is_set():
                    self._queue.again(one)
            case _:  # whatever else came of it: its bytes are not known, so it is not adopted
                self._left(one)

    def _lost(self, lost: Lost) -> None:
        for one in self._queue.lost(lost):
            self._left(one)

    def _taken(self, one: Candidate, sha256: str, proof: AdoptionProof | None) -> None:
        entry, stored = one.entry, one.stored
        receipt = Sent(
            id=entry.id,
            attempt=entry.attempt,
            stored_size=stored.size,
            etag=stored.etag,
            version_id=stored.version_id,
            sha256=sha256,
            sealed_sha256=proof.stored_sha256
            if proof and proof.here
            else None,  # else it is read whole
        )
        origin = Origin(
            batch=self._batch, number=self._journal.number, ledger=one.tag.ledger,
            statement=None if proof is None else proof.statement,
        )  # fmt: skip
        self._ctx.ledger.taken(entry, receipt, last=self._last(one), of=origin)
        self._dispatch.advance(1, entry.size, of=entry.id)

    def _left(self, one: Candidate) -> None:
        """Leave an object to the next run; it will know that an earlier attempt of ours exists."""
        self._ctx.ledger.knows(one.id, self._last(one))
        self._tally.unproved += 1
        self._dispatch.advance(1, one.size)

    def _last(self, one: Candidate) -> int:
        return one.tag.attempt if one.tag.ledger == self._ctx.run_tag else one.attempt

    # --- the end ---------------------------------------------------------------------------------

    def _failed(self) -> int:
        ledger = self._ctx.ledger
        return sum(ledger.tally(row, State.FAILED).objects for row in self._datasets)

    def _end(self, failed: int) -> AdoptionTally:
        """Let wait what did not prove good, and say whose objects are ours from now on."""
        ledger, tally = self._ctx.ledger, self._tally
        tally.unproved += failed
        if tally.resized:
            objects = counted(tally.resized, "object has", "objects have")
            self._ctx.progress.note(RESIZED.format(batch=self._batch, objects=objects))
        for row in self._datasets.values():
            retry(ledger, row, self._ctx.waivers)
        with ledger.whole():
            self._journal.end(tally)
            exchange = self._journal.tell_exchange()
            ledger.commit()
        if exchange is not None:
            command, left = exchange
            objects = counted(left, "object is", "objects are")
            said = EXCHANGED.format(batch=self._batch, objects=objects, command=command)
            self._ctx.progress.note(said)
        return tally
