"""What an inventory's rows add up to, and the findings that this makes: at first, and ever after.

Findings of one object are kept by its number, so none is recorded twice; notes count objects.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Self

from hdh_migrate.codes import Code
from hdh_migrate.errors import Refused
from hdh_migrate.fixity import Inventoried, inventory_leaf
from hdh_migrate.model import Claimed, DatasetRow, State, Untagged
from hdh_migrate.pipeline.context import DatasetRules
from hdh_migrate.pipeline.inventory.recounting import element
from hdh_migrate.pipeline.rules.selecting import NOTED, REFUSALS
from hdh_migrate.pipeline.rules.usage import Usage
from hdh_migrate.ports.ledger import Ledger
from hdh_migrate.telemetry import counted

OF_RULES = frozenset({Code.RULE_UNUSED, Code.KEYS_LACKING})
"""What is recorded anew of a dataset's rules."""


class InventorySummary:
    """What the rows of a dataset add up to: digest, root and counts, and what is to be told."""

    def __init__(self, rows: Iterable[Claimed]) -> None:
        self.noted: Counter[Code] = Counter()
        inventoried, total = Inventoried(), 0
        listed, excluded = State.LISTED, State.EXCLUDED
        for _, key, size, version, state, reason, md5, kind, *_ in rows:
            total += element(key, size, version, kind, "" if md5 is None else md5.hex())
            leaf = inventory_leaf(key, size, version)
            inventoried.add(leaf, size, excluded=state == excluded)
            if reason is not None and state == listed:
                self.noted.update(map(Code, reason.split(",")))
        self.digest = (inventoried.tree.count, total)
        self.counts = inventoried.counts()

    @classmethod
    def of(cls, ledger: Ledger, dataset: DatasetRow, usage: Usage) -> Self:
        """Return it of what the ledger holds; `usage` counts meanwhile what each rule matches."""
        return cls(usage.watched(ledger.claims(dataset.id, labelled=usage.labelled)))


def record_kept_back(
    ledger: Ledger, dataset: DatasetRow, *, recorded: Callable[[], None] = lambda: None
) -> None:
    """Record a finding of each object that is not moved, unless it is open already.

    There may be as many as objects: `recorded` is called after each portion, and may commit it.
    """
    for portion in ledger.kept_back(dataset.id):
        known = ledger.told_of(one.id for one in portion)
        for one in portion:
            code = Code.known(one.reason or "")  # None: an earlier version's word for a failure
            if code is None or (one.id, str(code)) in known:
                continue
            if one.state is State.REFUSED:
                ledger.finding(code, REFUSALS[code], dataset=dataset.id, entry=one.id)
            elif code.startswith("kind-"):
                detail = f"not a plain object: {code.removeprefix('kind-')}"
                ledger.finding(code, detail, dataset=dataset.id, entry=one.id)
        recorded()


def record_noted(
    ledger: Ledger, dataset: DatasetRow, noted: Counter[Code], *, more: bool = False
) -> None:
    """Record what is noted of objects that are moved, a note for each code; `more`: of others."""
    for code, count in sorted(noted.items()):
        objects = (
            counted(count, "more object has", "more objects have")
            if more
            else counted(count, "object has", "objects have")
        )
        ledger.finding(code, f"{objects} {NOTED[code]}", dataset=dataset.id)


def record_untagged(ledger: Ledger, dataset: DatasetRow, untagged: Untagged | None) -> None:
    """Record why a listing came without index tags; None: it came with them."""
    match untagged:
        case Untagged.DENIED:
            detail = "the credential may not read index tags (sp=t); they are not moved"
            ledger.finding(Code.TAGS_UNREAD, detail, dataset=dataset.id)
        case Untagged.UNSUPPORTED:
            detail = "the source's account has no index tags, so there are none to move"
            ledger.finding(Code.TAGS_UNSUPPORTED, detail, dataset=dataset.id)
        case None:
            pass


def record_usage(ledger: Ledger, dataset: DatasetRow, usage: Usage) -> None:
    """Record which rules of a dataset match nothing, and whether its prefix is open."""
    for code, detail in usage.findings():
        ledger.finding(code, detail, dataset=dataset.id)
    if (note := usage.open_prefix()) is not None:
        ledger.finding(Code.PREFIX_OPEN, note, dataset=dataset.id)


def close_again(ledger: Ledger, dataset: DatasetRow, rules: DatasetRules, prefix: str) -> None:
    """Close an inventory that was changed: its new root and counts, and the findings that apply.

    Commit together with what changed it.

    Raises:
        Refused: the rules leave nothing, and the plan does not say that this is right.
    """
    usage = Usage(rules.rules, prefix)
    summary = InventorySummary.of(ledger, dataset, usage)
    if not usage.kept and not rules.allow_empty:
        raise Refused(
            f"dataset {dataset.name}: its rules would leave none of its"
            f" {counted(usage.objects, 'object')}",
            hint="nothing was changed; if that is right, set `allow_empty: true` on the dataset",
        )
    renew_findings(ledger, dataset, summary, usage)
    ledger.seal(dataset.id, summary.counts)


def renew_findings(
    ledger: Ledger, dataset: DatasetRow, summary: InventorySummary, usage: Usage
) -> None:
    """Open findings for what is new in an inventory, and close those that no longer apply."""
    unlike = {(str(code), detail) for code, detail in usage.findings()}
    record_kept_back(ledger, dataset)
    mine = (one for one in ledger.findings() if one["dataset"] == dataset.name)
    for found in [one for one in mine if one["code"] in NOTED or one["code"] in OF_RULES]:
        # Notes of objects are counted anew; a rule that something new matches is unused no more.
        if (found["code"], found["detail"]) in unlike:
            unlike.discard((found["code"], found["detail"]))
        else:
            ledger.close_finding(found["id"])
    record_noted(ledger, dataset, summary.noted)
    for name, detail in sorted(unlike):
        ledger.finding(Code(name), detail, dataset=dataset.id)
