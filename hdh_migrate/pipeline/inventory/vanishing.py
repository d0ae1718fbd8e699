"""What a later listing does not have any more: asked about before it is believed, then settled.

A listing that lies would empty a migration. So what it leaves out is asked for by name, or listed a
second time, and an empty listing must be allowed by the plan. Nothing is ever removed from the
target: what was moved stays there, and what was not is left behind (docs/evidence-format.md, 7.6).
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import field
from itertools import chain

from hdh_migrate.codes import Code
from hdh_migrate.errors import Interrupted, ListingBroken, Missing, Refused
from hdh_migrate.events.looks import LookedAgain, ObjectRestored
from hdh_migrate.events.rotation import HeadersExchanged
from hdh_migrate.frozen import mutable_row
from hdh_migrate.model import AT_TARGET, DatasetRow, State, Tally, key_bytes, key_text
from hdh_migrate.pipeline.context import Context
from hdh_migrate.pipeline.projections.seen import SeenIds
from hdh_migrate.telemetry import counted

ASKED_MAX = 1_000
"""Objects that are asked for one by one; for more a second listing is cheaper."""

ASKERS = 8
PORTION = 5_000

UNMOVED = (State.LISTED, State.REFUSED, State.SENDING, State.FAILED)

CODES = (Code.VANISHED, Code.VANISHED_LOST, Code.VANISHED_KEPT)
KEPT = "the source no longer has the object; the target keeps it"
LEFT = "gone from the source before this version of it was moved"
LOST = (
    "the target's verified copy was found gone, damaged or replaced, and the source has the object"
    " no more: neither side is known to hold it as it was verified"
)
UNPROVEN = f"{LEFT}; the target may hold an earlier one, or a copy that was not proven"

ALWAYS = {UNPROVEN: Code.VANISHED, LOST: Code.VANISHED_LOST}
"""Whatever the plan says of what vanishes: of these somebody must know what the target has."""

Settled = Callable[[Tally, Tally], None]
"""Takes what vanished of a portion, and how much of that is left behind; in its transaction."""


@mutable_row
class VanishedObjects:
    """Ids and sizes of objects that a listing left out: 16 bytes each."""

    ids: array[int] = field(default_factory=lambda: array("q"))
    sizes: array[int] = field(default_factory=lambda: array("q"))

    def __len__(self) -> int:
        return len(self.ids)

    def add(self, number: int, size: int) -> None:
        """Take in one object."""
        self.ids.append(number)
        self.sizes.append(size)

    def without(self, back: frozenset[int]) -> VanishedObjects:
        """Return what is left when some are there after all."""
        found = VanishedObjects()
        for number, size in zip(self.ids, self.sizes, strict=True):
            if number not in back:
                found.add(number, size)
        return found

    @property
    def tally(self) -> Tally:
        """Objects and bytes."""
        return Tally(objects=len(self.ids), size=sum(self.sizes))

    def portions(self) -> Iterator[VanishedObjects]:
        """Yield it in pieces, each for one transaction."""
        for start in range(0, len(self.ids), PORTION):
            end = start + PORTION
            yield VanishedObjects(self.ids[start:end], self.sizes[start:end])


class Vanishing:
    """What one whole listing of a dataset left out; `seen` has what it did not."""

    def __init__(self, ctx: Context, dataset: DatasetRow, seen: SeenIds) -> None:
        self._ctx, self._dataset = ctx, dataset
        self.held, self.unmoved = VanishedObjects(), VanishedObjects()
        self._names: list[tuple[int, str, str]] = []
        """Id, key and version of the first of them."""
        self._noted: dict[int, list[int]] = {}
        self._back: list[int] = []
        self._otherwise: list[tuple[int, int, str, Code]] = []
        """Finding, object, detail and code of what the plan calls otherwise by now."""
        for found in ctx.ledger.findings():
            if found["code"] in CODES and found["dataset"] == dataset.name:
                number, detail = found["object"], found["detail"]
                assert number is not None, "what vanished is an object"
                self._noted.setdefault(number, []).append(found["id"])
                right = ALWAYS.get(detail, self._code)
                if found["code"] != right and not (number <= seen.last and seen.has(number)):
                    self._otherwise.append((found["id"], number, detail, right))
        sidecars = key_bytes(ctx.route(dataset).own)
        for number, key, size, version, state, _ in ctx.ledger.listing(dataset.id):
            if number > seen.last or key.startswith(sidecars):
                continue  # it joined by this very listing, or comes from no source
            if seen.has(number):
                self._back += self._noted.get(number, ())
            elif (gone := self._of(number, State(state))) is not None:
                gone.add(number, size)
                if len(self._names) <= ASKED_MAX:
                    self._names.append((number, key_text(key), version))

    def _of(self, number: int, state: State) -> VanishedObjects | None:
        if state in AT_TARGET:
            return None if number in self._noted else self.held
        return self.unmoved if state in UNMOVED else None

    def __len__(self) -> int:
        return len(self.held) + len(self.unmoved)

    # --- before it is believed -----------------------------------------------------------------

    def demand(self, listed: int) -> None:
        """Demand that what a listing of so many objects left out is not at the source.

        Raises:
            Refused: it lists nothing, and the plan does not say that this may be.
            ListingBroken: the source has some of it, as it was.
        """
        if not len(self):
            return
        dataset = self._dataset.name
        if not listed and not self._ctx.rules[dataset].allow_empty:
            raise Refused(
                f"dataset {dataset}: the source lists no object any more, and had {len(self)}",
                hint="nothing was taken for deleted; look whether the place and the credential are"
                " right, and give the same command again. That a dataset may be empty, only"
                " `allow_empty: true` says",
            )
        many = len(self) > ASKED_MAX or len(self) > listed
        there = list(self._listed_again() if many else self._asked())
        omitted = sum(same for _, same in there)
        if omitted:
            raise ListingBroken(
                f"dataset {dataset}: a listing left out {counted(omitted, 'object')} that the"
                " source has",
                hint="none of them was taken for deleted; give the same command again",
            )
        back = frozenset(number for number, _ in there)  # they came back meanwhile
        self.held, self.unmoved = self.held.without(back), self.unmoved.without(back)

    def _listed_again(self) -> Iterator[tuple[int, bool]]:
        """List once more, cut differently; yield what is there, and whether as it was."""
        ctx, place = self._ctx, self._ctx.route(self._dataset).source
        gone = SeenIds(ctx.ledger.last_object())
        for ids in (self.held.ids, self.unmoved.ids):
            for number in ids:
                gone.mark(number)

        def there() -> list[tuple[int, bool]]:
            found = []
            for brief in ctx.source.recount(place):
                known = ctx.ledger.pinned(self._dataset.id, brief.key)
                if known is not None and gone.has(known.number):
                    found.append((known.number, brief.version == known.brief.version))
                if ctx.stop.is_set():
                    raise _stopped()
            return found

        yield from ctx.retry(there)

    def _asked(self) -> Iterator[tuple[int, bool]]:
        ctx, place = self._ctx, self._ctx.route(self._dataset).source

        def ask(one: tuple[int, str, str]) -> tuple[int, bool] | None:
            number, key, version = one
            if ctx.stop.is_set():
                raise _stopped()
            try:
                return number, ctx.retry(lambda: ctx.source.head(place, key)).version == version
            except Missing:
                return None

        with ThreadPoolExecutor(ASKERS) as pool:
            for found in pool.map(ask, self._names):
                if found is not None:
                    yield found

    # --- what becomes of it --------------------------------------------------------------------

    def settle(self, note: Settled) -> None:
        """Keep one open finding, or note, for each; leave behind what was not moved."""
        ledger, lost = self._ctx.ledger, self._lost() if len(self.unmoved) else frozenset()
        for portion in self.held.portions():
            with ledger.whole():
                self._find(dict.fromkeys(portion.ids, KEPT), self._code)
                note(portion.tally, Tally())
                ledger.commit()
        for portion in self.unmoved.portions():
            with ledger.whole():
                left = ledger.leave(portion.ids)
                self._find({n: LEFT for n, unsure in left.items() if not unsure}, self._code)
                for detail, of_them in ((LOST, True), (UNPROVEN, False)):
                    unsure = [n for n in left if left[n] and (n in lost) is of_them]
                    self._find(dict.fromkeys(unsure, detail), ALWAYS[detail])
                note(portion.tally, portion.tally)
                ledger.commit()
        with ledger.whole():
            for finding in self._back:
                ledger.close_finding(finding)
            for finding, number, detail, code in self._otherwise:
                ledger.close_finding(finding)
                self._find({number: detail}, code)
            ledger.commit()

    def _lost(self) -> frozenset[int]:
        """Return what was verified once and then not found at the target as it was.

        Sent and proven anew since, and changed at the source after that, some of it may be there
        in an earlier version all the same: whoever hears too much looks.
        """
        ledger, batch = self._ctx.ledger, self._dataset.batch
        looked = (one for _, one in ledger.events(LookedAgain) if one.batch == batch)
        exchanged = (one for _, one in ledger.events(HeadersExchanged) if one.batch == batch)
        restored = (one.id for _, one in ledger.events(ObjectRestored) if one.batch == batch)
        return frozenset(
            chain(
                chain.from_iterable((*one.gone, *one.damaged) for one in looked),
                chain.from_iterable(one.lost for one in exchanged),
                restored,
            )
        )

    @property
    def _code(self) -> Code:
        kept = self._ctx.rules[self._dataset.name].keep_vanished
        return Code.VANISHED_KEPT if kept else Code.VANISHED

    def _find(self, objects: dict[int, str], code: Code) -> None:
        for number, detail in sorted(objects.items()):
            self._ctx.ledger.finding(code, detail, dataset=self._dataset.id, entry=number)


def _stopped() -> Interrupted:
    return Interrupted("stopped while asking what is gone; start again to go on")
