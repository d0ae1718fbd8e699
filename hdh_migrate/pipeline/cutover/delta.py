"""The final delta: list the frozen source against the ledger and move what differs, until it fits.

What is new or has another version is moved and verified by the ordinary steps. What is gone from
the source stays at the target and becomes a finding: nobody but people may decide about it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from hdh_migrate.clocks import seconds_of
from hdh_migrate.codes import Code
from hdh_migrate.errors import Interrupted, SourceWritten
from hdh_migrate.events.cutover import (
    CutoverDelta,
    CutoverMoved,
    CutoverRelisting,
    CutoverSettled,
)
from hdh_migrate.model import DatasetRow, Listed, ObjectInfo, Pinned, State, key_bytes
from hdh_migrate.pipeline.cutover.freeze import Listing
from hdh_migrate.pipeline.cutover.scene import Scene
from hdh_migrate.pipeline.cutover.seen import Seen
from hdh_migrate.pipeline.inventory import Frozen, Inventory, KeyOrder, demand_total, element
from hdh_migrate.pipeline.selecting import LOSSES, REFUSALS
from hdh_migrate.pipeline.transfer import Transfer
from hdh_migrate.pipeline.usage import Usage
from hdh_migrate.pipeline.verify import Verify

PENDING = (State.LISTED, State.SENDING, State.SENT)
AT_TARGET = (State.SENT, State.VERIFIED)
FLUSH_OBJECTS = 5_000


@dataclass(slots=True)
class Difference:
    """What one listing of the source found against the ledger."""

    new: int = 0
    changed: int = 0
    vanished: int = 0

    @property
    def any(self) -> bool:
        """Whether there is something to move, or to decide."""
        return bool(self.new or self.changed or self.vanished)


@dataclass(slots=True)
class _Found:
    new: list[Listed] = field(default_factory=list)
    changed: list[tuple[int, Listed]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.new) + len(self.changed)


class Delta:
    """Brings ledger and target up to the source as it stands."""

    def __init__(self, scene: Scene) -> None:
        self._scene, self._ctx = scene, scene.ctx
        self._stated: str | None = None
        """From when somebody has signed that nobody writes; None: nobody, or it was disproved."""

    def settle(self, frozen: Listing) -> int:
        """List and move until a listing equals the ledger; return how many listings it took.

        Raises:
            SourceWritten: a listing is not the one that stood still, or it never settles.
        """
        scene = self._scene
        if scene.probe is None:
            self._stated = scene.consent("freeze", "").begins
        for number in range(1, scene.terms.rounds + 1):
            scene.note(CutoverRelisting(**scene.about, round=number))
            found = self.compare(frozen, apply=True)
            if found.any:
                scene.note(
                    CutoverDelta(
                        **scene.about, round=number,
                        new=found.new, changed=found.changed, vanished=found.vanished,
                    )
                )  # fmt: skip
            if self._pending():
                Transfer(self._ctx, scene.batch).run()
                Verify(self._ctx, scene.batch).run()
                scene.note(CutoverMoved(**scene.about, round=number))
            elif not found.new + found.changed:
                scene.note(CutoverSettled(**scene.about, rounds=number))
                return number
        raise self._written(f"{scene.terms.rounds} listings in a row found something to move")

    def compare(self, frozen: Listing | None, *, apply: bool) -> Difference:
        """Compare one listing with the ledger; with `apply`, bring the ledger up to it.

        Raises:
            SourceWritten: the listing is not the frozen one.
        """
        total = Difference()
        for dataset in self._scene.datasets():
            digest = self._compare(dataset, total, apply=apply)
            if frozen is not None and digest != frozen[dataset.id]:
                raise self._written(f"dataset {dataset.name} changed after two equal listings")
        return total

    def _compare(self, dataset: DatasetRow, total: Difference, *, apply: bool) -> tuple[int, int]:
        ctx, inventory = self._ctx, Inventory(self._ctx)
        seen, order, found = Seen(ctx.ledger.last_object()), KeyOrder(None), _Found()
        count = digest = size = 0
        before = total.new, total.changed
        ctx.progress.step(self._scene.batch, f"relist {dataset.name}", objects=0, size=0)
        for page in inventory.pages(dataset):
            for obj in order.checked(page):
                count, size = count + 1, size + obj.size
                md5 = obj.md5 or ""
                digest += element(key_bytes(obj.key), obj.size, obj.version, obj.kind, md5)
                known = ctx.ledger.pinned(dataset.id, obj.key)
                if known is None:
                    found.new.append(inventory.decide(dataset, obj))
                    continue
                seen.mark(known.number)
                if _differs(known, obj):
                    found.changed.append((known.number, inventory.decide(dataset, obj)))
            demand_total(dataset, size)
            ctx.progress.advance(len(page.objects), 0)
            if len(found) >= FLUSH_OBJECTS:
                found = self._flush(dataset, found, total, apply=apply)
            if ctx.stop.is_set():
                raise Interrupted("stopped while listing the source again; start again to go on")
        self._flush(dataset, found, total, apply=apply)
        total.vanished += self._vanished(dataset, seen, apply=apply)
        if apply:
            self._seal(dataset, moved=(total.new, total.changed) != before)
        return count, digest

    def _flush(
        self, dataset: DatasetRow, found: _Found, total: Difference, *, apply: bool
    ) -> _Found:
        total.new += sum(one.state is not State.EXCLUDED for one in found.new)
        total.changed += len(found.changed)
        if apply and len(found):
            self._disprove(dataset, found)
            self._ctx.ledger.update(dataset.id, found.new, found.changed)
        return _Found()

    def _disprove(self, dataset: DatasetRow, found: _Found) -> None:
        """Void a stated freeze when the source says that it was written since.

        It is moved all the same, and whoever stated it is asked again at the door.
        """
        if self._stated is None:
            return
        stated = seconds_of(self._stated)
        listed = (*found.new, *(one for _, one in found.changed))
        times = (one.obj.modified for one in listed)
        if any(at is not None and seconds_of(at) > stated for at in times):
            told = f"dataset {dataset.name} was written after somebody signed that nobody writes"
            self._scene.waits("source-written", [told])
            self._stated = None

    def _vanished(self, dataset: DatasetRow, seen: Seen, *, apply: bool) -> int:
        """Count what the source no longer has, and keep one open finding for each."""
        ledger = self._ctx.ledger
        told = {
            found["object"]: found["id"]
            for found in ledger.findings()
            if found["code"] == Code.VANISHED and found["dataset"] == dataset.name
        }
        fresh = [
            number
            for number, _, _, _, state, _ in ledger.listing(dataset.id)
            if state in AT_TARGET and not seen.has(number) and number not in told
        ]
        if apply:
            detail = "the source no longer has the object; the target keeps it"
            for number in fresh:
                ledger.finding(Code.VANISHED, detail, dataset=dataset.id, entry=number)
            for number, finding in told.items():
                if seen.has(number):
                    ledger.close_finding(finding)
            ledger.commit()
        return len(fresh)

    def _seal(self, dataset: DatasetRow, *, moved: bool) -> None:
        """Seal the inventory again if it grew or changed, with what there is to say of it."""
        ledger = self._ctx.ledger
        usage = Usage(self._ctx.rules[dataset.name].rules, self._ctx.route(dataset).source.prefix)
        frozen = Frozen(usage.watched(ledger.claims(dataset.id)))
        if frozen.told.root == dataset.root and not moved:
            return
        with ledger.whole():
            self._tell(dataset, frozen, usage)
            ledger.seal(dataset.id, frozen.told)
            ledger.commit()
        Inventory(self._ctx).collisions()

    def _tell(self, dataset: DatasetRow, frozen: Frozen, usage: Usage) -> None:
        """Open the findings of what is new, and close those that no longer hold."""
        ledger = self._ctx.ledger
        open_ones = list(ledger.findings())
        told = {(found["object"], Code.known(found["code"])) for found in open_ones}
        for entry, code in frozen.refused:
            if (entry, code) not in told:
                ledger.finding(code, REFUSALS[code], dataset=dataset.id, entry=entry)
        for entry, code in frozen.failed:
            if code.startswith("kind-") and (entry, code) not in told:
                detail = f"not a plain object: {code.removeprefix('kind-')}"
                ledger.finding(code, detail, dataset=dataset.id, entry=entry)
        for found in (one for one in open_ones if one["dataset"] == dataset.name):
            # Losses are counted anew; a rule that something new matches is unused no more.
            over = found["code"] == Code.RULE_UNUSED and found["detail"] not in usage.unused()
            if found["code"] in LOSSES or over:
                ledger.close_finding(found["id"])
        for code, count in sorted(frozen.losses.items()):
            detail = f"{count} objects have {LOSSES[code]}"
            ledger.finding(code, detail, dataset=dataset.id)

    def _pending(self) -> bool:
        ledger = self._ctx.ledger
        return any(ledger.tally(row.id, *PENDING).objects for row in self._scene.datasets())

    def _written(self, told: str) -> SourceWritten:
        self._scene.waits("source-written", [told])
        return SourceWritten(f"the source is still being written: {told}")


def _differs(known: Pinned, obj: ObjectInfo) -> bool:
    """Say whether the source lists an object otherwise than it was pinned.

    A rule leaves an object out by its name, whatever it became; that it is a folder's marker is
    what a listing said.
    """
    told = known.told
    if known.state is State.EXCLUDED:
        return told.kind == "directory" != obj.kind
    if (told.size, told.version, told.md5) != (obj.size, obj.version, obj.md5):
        return True
    # What was moved stays moved when the source archives it: a tier is no part of the content.
    return told.kind not in {"object", obj.kind}
