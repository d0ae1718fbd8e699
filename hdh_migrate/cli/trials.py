"""How rules that were tried are shown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hdh_migrate.cli.output import amount_text
from hdh_migrate.results.plans import TriedDataset, TriedRule
from hdh_migrate.telemetry import counted


def unused(tried: Sequence[TriedDataset]) -> bool:
    """Say whether some rule did not do what it says: it matched nothing, or its list lacks keys."""
    return any(rule["unused"] or rule["keys_lacking"] for one in tried for rule in one["rules"])


def lines_of(one: TriedDataset) -> Iterator[str]:
    """Give what the rules of a dataset did, in lines for people."""
    extent = "all that there is" if one["whole"] else "there are more"
    yield f"dataset {one['dataset']}: looked at {amount_text(one['looked_at'])}; {extent}"
    moved, left = amount_text(one["moved"]), amount_text(one["left_behind"])
    yield f"  taken: {moved}; left behind: {left}"
    for what, amount in (("refused", one["refused"]), ("not moved", one["not_moved"])):
        if amount["objects"]:
            yield f"  {what}: {amount_text(amount)}"
    if one["codes"]:
        yield "  found: " + ", ".join(f"{many} x {code}" for code, many in one["codes"].items())
    yield from (f"  {_rule(rule)}" for rule in one["rules"])
    if one["ages_count_from"] is not None:
        since = "since its batch began" if one["ages_fixed"] else "now: no inventory has begun"
        yield f"  ages count from {one['ages_count_from']} ({since})"


def _rule(rule: TriedRule) -> str:
    name = f"{rule['rule']} ({rule['asks']})"
    if rule["rule"] in {"include", "directory"}:
        name = {"include": "none of include", "directory": "directories"}[rule["rule"]]
    lacks = (
        f"; LACKS {counted(rule['keys_lacking'], 'key')} of its list"
        if rule["keys_lacking"]
        else ""
    )
    if rule["unused"]:
        return f"{name}: MATCHES NOTHING of what was looked at{lacks}"
    does = "takes" if rule["rule"].startswith("include[") else "leaves"
    more = rule["matched"] - rule["decided"]["objects"]
    also = f"; {more} more that another rule decides about" if more > 0 else ""
    return f"{name}: {does} {amount_text(rule['decided'])}{also}{lacks}"
