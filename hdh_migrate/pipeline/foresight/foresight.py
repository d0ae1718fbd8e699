"""What a run would come to, batch by batch, without a write on either side.

What an earlier run has listed stands in its ledger, which is only read; everything else is listed
into a ledger that leaves nothing behind, by the code that a run lists with. What a store will say
nobody can foresee: objects that wait are taken to be moved and verified, but for those whose key
somebody else has taken.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from typing import Final, Literal

from hdh_migrate.codes import Code, Severity, exit_of, gravest
from hdh_migrate.errors import Exit, LedgerBehind, ListingBroken, NotAsPlanned, Refused
from hdh_migrate.frozen import mutable
from hdh_migrate.model import DatasetRow, Step
from hdh_migrate.pipeline.context import Context
from hdh_migrate.pipeline.excused import left
from hdh_migrate.pipeline.foresight.forecast import Fits, Forecast
from hdh_migrate.pipeline.foresight.leftover import Leftover, leftover
from hdh_migrate.pipeline.inventory.inventory import Inventory
from hdh_migrate.pipeline.needs import UNFINISHED
from hdh_migrate.pipeline.pace.fitting import fitted
from hdh_migrate.pipeline.planning import QUOTA_HINT, PlannedPace, brought, over_quota
from hdh_migrate.pipeline.rules.placing import FeatureCounts
from hdh_migrate.pipeline.runner import BatchOrder
from hdh_migrate.pipeline.transfer.known import demand_adopted
from hdh_migrate.results.moves import BatchForecast
from hdh_migrate.telemetry import counted

Would = Literal["nothing to do", "moved", "held back", "refused", "not reached"]

_TOLD_BEFOREHAND: Final = (
    Code.RULE_UNUSED, Code.KEYS_LACKING, Code.PREFIX_OPEN, Code.AS_OF, Code.AS_OF_UNDELETED,
    Code.ALL_VERSIONS, Code.VERSIONS_UNDELETED,
)  # fmt: skip
"""Findings of an inventory that a dry run shows: who reads them may have meant other objects."""


@mutable
class Ahead:
    """One batch as a run would find it."""

    batch: BatchOrder
    left: list[Leftover] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    """Why its inventory would be refused."""
    alone: bool = False
    """Whether that holds up no batch that does not need it."""
    would: Would = "moved"
    why: list[str] = field(default_factory=list)

    @property
    def waits(self) -> int:
        """How many objects a run would send or read back."""
        return sum(one.send.objects + one.prove.objects for one in self.left)

    @property
    def stays(self) -> int:
        """How many objects would not be verified in the end."""
        stays = sum(one.stays for one in self.left)
        return stays if self.would in {"moved", "nothing to do"} else stays + self.waits


class Foresight:
    """Looks once, batch by batch in their order."""

    def __init__(
        self, fresh: Context, kept: Context | None, batches: Sequence[BatchOrder],
        selected: Sequence[str], pace: PlannedPace, refused: Mapping[str, NotAsPlanned],
    ) -> None:  # fmt: skip
        """`fresh` has a ledger of what no run has listed; `kept`, if any, that of the others.

        The source of batches that are `refused` is not asked.
        """
        self._refused = refused
        self._fresh, self._kept = fresh, kept
        self._selected = selected
        self._batches = [one for one in batches if not selected or one.name in selected]
        self._waivers = fresh.waivers if kept is None else kept.waivers
        self._forecast = Forecast(fresh, pace, fits_of(kept))
        if kept is not None:
            kept.pins = kept.ledger.pins()

    def look(self) -> tuple[list[BatchForecast], Exit, list[str]]:
        """Return each batch, the exit code that a run would end with, and why that one."""
        found = {batch.name: self._ahead(batch) for batch in self._batches}
        self._judge(list(found.values()))
        batches = [self._forecast_of(one) for one in found.values()]
        refused = [one for one in found.values() if one.would == "refused"]
        if refused:
            return batches, Exit.REFUSED, [line for one in refused for line in one.why]
        ends = self._findings(list(found.values()))
        code = gravest(exit_of(name, Severity.FINDING) for name in ends)
        if code is Exit.OK and any(one.would == "held back" for one in found.values()):
            code = Exit.FINDINGS
        return batches, code, [f"{count} x {name}" for name, count in sorted(ends.items())]

    # --- what there is -----------------------------------------------------------------------

    def _ahead(self, batch: BatchOrder) -> Ahead:
        ahead = Ahead(batch=batch)
        try:
            if (known := self._refused.get(batch.name)) is not None:
                raise known
            if self._fresh.ledger.datasets(batch.name):
                Inventory(self._fresh).run(batch.name)
        except (Refused, ListingBroken) as error:
            ahead.refused += [*str(error).splitlines(), *([error.hint] if error.hint else [])]
            ahead.alone = isinstance(error, NotAsPlanned | ListingBroken)
        if self._kept is not None:
            for row in self._sealed(batch.name):
                decide = Inventory(self._kept).decide
                ahead.left.append(leftover(self._kept, row, decide, sealed=True))
        for row in self._fresh.ledger.datasets(batch.name):
            decide = Inventory(self._fresh).decide
            ahead.left.append(leftover(self._fresh, row, decide, sealed=False))
        blocked = sum(one.refused for one in ahead.left if one.sealed)
        if blocked:
            ahead.alone = ahead.alone or not ahead.refused
            ahead.refused.append(
                f"batch {batch.name}: {counted(blocked, 'object')} cannot be moved as planned"
            )
        elif not ahead.refused and (what := self._too_much()) is not None:
            ahead.refused += [f"batch {batch.name}: {what}", QUOTA_HINT]
        if not ahead.refused and (behind := self._behind(ahead)) is not None:
            ahead.refused += [str(behind), behind.hint or ""]
        return ahead

    def _behind(self, ahead: Ahead) -> LedgerBehind | None:
        """Return the refusal to send what was moved already with a ledger that knows more."""
        try:
            if self._kept is not None:
                demand_adopted(self._kept, ahead.batch.name)
        except LedgerBehind as error:
            return error
        unknown = sum(one.unknown for one in ahead.left)
        if not unknown:
            return None
        return LedgerBehind(
            f"batch {ahead.batch.name}: the target holds objects of this migration that this"
            f" ledger does not know ({unknown} of those that were asked for)"
        )

    def _sealed(self, batch: str) -> list[DatasetRow]:
        assert self._kept is not None
        fresh = {row.name for row in self._fresh.ledger.datasets()}
        return [
            row for row in self._kept.ledger.datasets(batch)
            if row.sealed and row.name not in fresh
        ]  # fmt: skip

    def _too_much(self) -> str | None:
        """Return why all that is listed so far is more than the target may hold."""
        ctx = self._fresh
        if self._kept is None or ctx.limits.quota_bytes is None:
            return None  # the inventory has said so
        ledgers = (self._kept.ledger, ctx.ledger)
        stored = brought(ledgers, header=ctx.header, sealed=ctx.sealed)
        return over_quota(ctx.limits, stored)

    # --- what becomes of it ------------------------------------------------------------------

    def _judge(self, found: list[Ahead]) -> None:
        """Say what becomes of each batch, as the runner goes through them."""
        by_name = {one.batch.name: one for one in found}
        # What needs a batch that is left out is refused before anything is listed; and with a
        # quota all inventories come before the first transfer.
        left_out = [one for one in found if self._lacks(one, set(one.batch.needs) - set(by_name))]
        early = self._fresh.limits.quota_bytes is not None and any(
            one.refused and not one.alone for one in found
        )
        ended = False
        for one in found:
            refused = self._lacks(one, set(one.batch.needs) - set(by_name))
            if not left_out and (early or not self._unmet(one, by_name)):
                refused = one.refused
            if refused and not ended:
                one.would, one.why, ended = "refused", refused, not one.alone or bool(left_out)
            elif ended or early or left_out:
                one.would, one.why = "not reached", refused
            elif unmet := self._unmet(one, by_name):
                one.would, one.why = "held back", unmet
            elif not one.waits:
                one.would = "nothing to do"

    def _lacks(self, one: Ahead, needs: Iterable[str]) -> list[str]:
        """Return what a batch lacks because this run leaves out a batch that it needs."""
        found = ((need, self._unverified(need)) for need in sorted(needs))
        return [_line(one, need, left) for need, left in found if left != 0]

    def _unmet(self, one: Ahead, found: Mapping[str, Ahead]) -> list[str]:
        """Return what a batch would lack of the needs that come before it."""
        needs = [(need, found[need]) for need in one.batch.needs if need in found]
        lefts = [(need, ahead.stays or (None if ahead.refused else 0)) for need, ahead in needs]
        return [_line(one, need, left) for need, left in lefts if left != 0]

    def _unverified(self, need: str) -> int | None:
        """Return how many objects of a batch that is not asked for are not verified now."""
        if self._kept is None:
            return None
        rows = self._kept.ledger.datasets(need)
        if not rows or not all(row.sealed for row in rows):
            return None
        return left(self._kept.ledger, rows, UNFINISHED, self._kept.waivers)

    # --- what is said ------------------------------------------------------------------------

    def _findings(self, found: list[Ahead]) -> Counter[str]:
        """Count the findings that would be open in the end and that nobody has waived, by code."""
        counts: Counter[str] = Counter()
        moved = [part for one in found if one.would == "moved" for part in one.left]
        ids = {number for part in moved if part.sealed for number in part.again}
        ids |= {number for one in found for part in one.left for number in part.mended}
        names = {one.batch.name for one in found}
        for code, number in self._open(self._kept, names):
            counts[code] += number not in ids
        counts.update(code for code, _ in self._open(self._fresh, names))
        if conflicts := sum(part.conflicts for part in moved):
            counts[Code.CONFLICT] += conflicts
        return +counts

    def _open(self, ctx: Context | None, names: set[str]) -> Iterator[tuple[str, int | None]]:
        """Yield code and object of the open findings that would count for the exit code."""
        waived = None
        for found in () if ctx is None else ctx.ledger.findings(severity=Severity.FINDING):
            if self._selected and found["batch"] not in names:
                continue
            waived = waived or self._waivers()
            if not waived(found):
                yield found["code"], found["object"]

    def _forecast_of(self, one: Ahead) -> BatchForecast:
        forecast = self._forecast.batch(one.batch.name, one.left)
        rules = [
            f"dataset {found['dataset']}: {found['detail']} [{found['code']}]"
            for found in self._fresh.ledger.findings()
            if found["batch"] == one.batch.name and found["code"] in _TOLD_BEFOREHAND
        ]
        batch: BatchForecast = {**forecast, "would": one.would, "why": one.why}
        batch["notes"] += rules
        batch["notes"] += self._fidelity(one)
        return batch

    def _fidelity(self, one: Ahead) -> Iterator[str]:
        """Say what of the objects that no run has listed would not stay beside them."""
        ctx = self._fresh
        for row in ctx.ledger.datasets(one.batch.name):
            contract = ctx.rules[row.name].contract
            counts = FeatureCounts.of(ctx.ledger.beside(row.id), ctx.limits, contract)
            yield from (f"dataset {row.name}: {line}" for line in counts.lines())


def _line(one: Ahead, need: str, left: int | None) -> str:
    if left is None:
        return f"batch {one.batch.name} needs batch {need}, of which not everything is listed"
    return (
        f"batch {one.batch.name} needs batch {need}, of which {counted(left, 'object')} would not"
        " be verified"
    )


def fits_of(kept: Context | None) -> Fits:
    """Return what objects and bytes cost in the steps that earlier runs went through."""
    paces = {} if kept is None else kept.ledger.paces()
    steps = (Step.TRANSFER, Step.VERIFY)
    return {step: fit for step in steps if (fit := fitted(paces.get(step))) is not None}
