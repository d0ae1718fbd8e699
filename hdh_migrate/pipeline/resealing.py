"""Close an inventory again after it has changed, with the findings that now apply."""

from __future__ import annotations

from hdh_migrate.codes import Code
from hdh_migrate.errors import Refused
from hdh_migrate.model import DatasetRow
from hdh_migrate.pipeline.context import DatasetRules
from hdh_migrate.pipeline.inventory import Frozen
from hdh_migrate.pipeline.selecting import LOSSES, REFUSALS
from hdh_migrate.pipeline.usage import Usage
from hdh_migrate.ports.ledger import Ledger
from hdh_migrate.telemetry import counted

OF_RULES = frozenset({Code.RULE_UNUSED, Code.KEYS_LACKING})
"""What is recorded anew of a dataset's rules."""


def reseal(ledger: Ledger, dataset: DatasetRow, rules: DatasetRules, prefix: str) -> None:
    """Tell what is inventoried now, open findings that are new, and close those that are over.

    Commit together with what changed it.

    Raises:
        Refused: the rules leave nothing, and the plan does not say that this is right.
    """
    usage = Usage(rules.rules, prefix)
    frozen = Frozen(usage.watched(ledger.claims(dataset.id, labelled=usage.labelled)))
    if not usage.kept and not rules.allow_empty:
        raise Refused(
            f"dataset {dataset.name}: its rules would leave none of its"
            f" {counted(usage.objects, 'object')}",
            hint="nothing was changed; if that is right, set `allow_empty: true` on the dataset",
        )
    renew_findings(ledger, dataset, frozen, usage)
    ledger.seal(dataset.id, frozen.counts)


def renew_findings(ledger: Ledger, dataset: DatasetRow, frozen: Frozen, usage: Usage) -> None:
    """Open findings for what is new in an inventory, and close those that no longer apply."""
    unlike = {(str(code), detail) for code, detail in usage.findings()}
    mine = (one for one in ledger.findings() if one["dataset"] == dataset.name)
    known = {(one["object"], Code.known(one["code"])) for one in mine}
    for entry, code in frozen.refused:
        if (entry, code) not in known:
            ledger.finding(code, REFUSALS[code], dataset=dataset.id, entry=entry)
    for entry, code in frozen.failed:
        if code.startswith("kind-") and (entry, code) not in known:
            detail = f"not a plain object: {code.removeprefix('kind-')}"
            ledger.finding(code, detail, dataset=dataset.id, entry=entry)
    mine = (one for one in ledger.findings() if one["dataset"] == dataset.name)
    for found in [one for one in mine if one["code"] in LOSSES or one["code"] in OF_RULES]:
        # Losses are counted anew; a rule that something new matches is unused no more.
        if (found["code"], found["detail"]) in unlike:
            unlike.discard((found["code"], found["detail"]))
        else:
            ledger.close_finding(found["id"])
    for code, count in sorted(frozen.losses.items()):
        detail = f"{counted(count, 'object has', 'objects have')} {LOSSES[code]}"
        ledger.finding(code, detail, dataset=dataset.id)
    for name, detail in sorted(unlike):
        ledger.finding(Code(name), detail, dataset=dataset.id)
