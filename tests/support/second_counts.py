"""Sections 7.1 and 7.2 for the second verifier: what the lines give, and the summary."""

from __future__ import annotations

from collections.abc import Callable

from tests.support.second_forms import Json, canonical, merkle_root, need, same
from tests.support.second_statement import LONGEST_STATEMENT, Signature


def total(lines: list[Json]) -> dict[str, int]:
    return {"objects": len(lines), "bytes": sum(line["size"] for line in lines)}


def added(sums: list[dict[str, int]]) -> dict[str, int]:
    return {name: sum(one[name] for one in sums) for name in ("objects", "bytes")}


def grouped(lines: list[Json], by: Callable[[Json], Json]) -> dict[Json, list[Json]]:
    groups: dict[Json, list[Json]] = {}
    for line in lines:
        groups.setdefault(by(line), []).append(line)
    return groups


def state(line: Json) -> str:
    return {None: "pending", "match": "verified"}.get(line["verdict"], "failed")


def is_own(line: Json) -> bool:
    """Whether a line is of a file of the tool's own, and of none at the source (7.1)."""
    return bool(line["source_version"].startswith("sidecar:"))


def check_counts(
    predicate: Json, lines: dict[str, list[Json]], manifest: bytes, head: str, first: bool
) -> None:
    """Sections 7.1 and 7.2: make every counted member from the lines, and compare."""
    names = [one["name"] for one in predicate["datasets"]]
    need(len(set(names)) == len(names), "a dataset twice")
    for line in [*lines["manifest.jsonl"], *lines["exclusions.jsonl"]]:
        need(line["dataset"] in names, "a line of no dataset")
    for member, found in counted(predicate, lines, manifest, head, first=first).items():
        need(same(predicate[member], found), f"{member}: not what the lines give")


def counted(
    predicate: Json,
    lines: dict[str, list[Json]],
    manifest: bytes,
    head: str,
    *,
    first: bool = False,
) -> Json:
    """Return the members that follow from the lines and from what the datasets say of inventory."""
    moved, left = lines["manifest.jsonl"], lines["exclusions.jsonl"]
    findings, leaves = lines["findings.jsonl"], manifest.split(b"\n")[:-1]
    states = {
        "excluded": left,
        "verified": [line for line in moved if state(line) == "verified"],
        "failed": [line for line in moved if state(line) == "failed"],
        "pending": [line for line in moved if state(line) == "pending"],
    }

    datasets = []
    for one in predicate["datasets"]:
        tally = {
            name: total([line for line in found if line["dataset"] == one["name"]])
            for name, found in states.items()
        }
        own = [line for line in moved if line["dataset"] == one["name"] and is_own(line)]
        need(not (first and {"own", "own_verified"} & one.keys()), "datasets: own, in format 1")
        tools = {"own": total(own)} if "own" in one else {}
        if "own_verified" in one:
            tools["own_verified"] = total([line for line in own if state(line) == "verified"])
        inventoried = one["tally"]["inventoried"]
        closes = added(list(tally.values())) == inventoried
        datasets.append(
            one | tools | {"tally": tally | {"inventoried": inventoried, "closes": closes}}
        )

    batches = []
    for batch, members in grouped(datasets, lambda one: one["batch"]).items():
        names = {one["name"] for one in members}
        own = [at for at, line in enumerate(moved) if line["dataset"] in names]
        root = merkle_root([leaves[at] for at in own]).hex()
        words = four_words(members, [moved[at] for at in own], first)
        batches.append({"name": batch, "records": len(own), "merkle_root": root} | words)

    levels = grouped(states["verified"], lambda line: line["level"])
    verdicts = grouped(moved, lambda line: line["verdict"] or "none")
    outcome = four_words(datasets, moved, first) | {
        "states": {name: total(found) for name, found in states.items()}
        | {"inventoried": added([one["tally"]["inventoried"] for one in datasets])},
        "verdicts": {verdict: total(found) for verdict, found in verdicts.items()},
        "levels": {level: total(found) for level, found in levels.items()},
    }

    reasons = grouped(left, lambda line: (line["dataset"], line["rule"], line["reason"]))
    codes = grouped(findings, lambda line: line["code"])
    return {
        "journal": {"events": len(lines["journal.jsonl"]), "head": head},
        "manifest": manifest_member(moved, leaves)
        | ({} if first else {"claimed": claimed(moved, predicate)})
        | ({} if first or "largest" not in predicate["manifest"] else {"largest": largest(moved)}),
        "datasets": datasets,
        "batches": batches,
        "outcome": outcome,
        "exclusions": [
            {"dataset": about[0], "rule": about[1], "reason": about[2], **total(reasons[about])}
            for about in sorted(reasons)
        ],
        "findings": {
            "total": len(findings),
            "codes": {code: len(found) for code, found in codes.items()},
        },
    }


def claimed(moved: list[Json], predicate: Json) -> Json:
    """Section 7.1, `claimed`: what was compared with a digest of the source's own."""
    planned = predicate["plan"]["canonical"].get("datasets")
    ignored = []
    for one in planned if isinstance(planned, list) else []:
        if isinstance(one, dict) and one.get("ignore_md5") is not None:
            ignored.append(one.get("name"))
    lines = [
        line for line in moved
        if line["verdict"] == "match" and line["level"] == "full"
        and line["source_md5"] is not None and line["dataset"] not in ignored
    ]  # fmt: skip
    return total(lines)


def largest(moved: list[Json]) -> int | None:
    """Section 7.1, `largest`: null where there is no line."""
    return max((line["size"] for line in moved), default=None)


def manifest_member(moved: list[Json], leaves: list[bytes]) -> Json:
    sizes, low = [], 0
    for below in (*(2**power for power in (12, 16, 20, 24, 28, 32, 36)), None):
        high = 2**64 if below is None else below
        fit = [line for line in moved if low <= line["size"] < high]
        sizes.append({"below": below, **total(fit)})
        low = high
    return {
        "records": len(moved),
        "merkle_root": merkle_root(leaves).hex(),
        "tree": "rfc9162-sha256",
        "digests": {
            name: sum(line[name] is not None for line in moved)
            for name in ("sha256", "source_md5", "stored_sha256")
        },
        "sizes": sizes,
    }


def four_words(datasets: list[Json], moved: list[Json], first: bool) -> dict[str, bool]:
    """Section 7.2, about these datasets and their lines of the manifest."""
    closed = all(one["closed"] for one in datasets)
    closes = all(one["tally"]["closes"] for one in datasets)
    some = any(state(line) == "verified" for line in moved)
    if first:
        some = any(one["tally"]["inventoried"]["objects"] for one in datasets)
    complete = closed and closes and some and all(state(line) == "verified" for line in moved)
    levels = {line["level"] for line in moved if line["verdict"] == "match"}
    return {
        "inventory_closed": closed,
        "counts_close": closes,
        "complete": complete,
        "proven": complete and levels == {"full"},
    }


COPIED = (
    *("migration", "rehearsal", "names", "tool", "times", "verification"),
    *("manifest", "datasets", "batches", "outcome", "exclusions", "findings"),
)


def check_summary(
    content: bytes, predicate: Json, signatures: list[Signature] | None, first: bool
) -> None:
    need(len(content) <= LONGEST_STATEMENT, "summary.json: too long")
    summary = {
        "version": 1,
        "draft": signatures is None,
        "signed_by": signatures[0][0] if signatures else None,
        "plan_digest": predicate["plan"]["digest"]["sha256"],
    } | {name: predicate[name] for name in COPIED}
    forms = [summary]
    if not first:
        forms.append(summary | {"version": 2, "counts": told_apart(predicate)})
    allowed = [canonical(form) + b"\n" for form in forms]
    need(content in allowed, "summary.json: not what the statement says")


def told_apart(predicate: Json) -> Json:
    """The member `counts` of a summary of version 2 (7.3)."""
    left = predicate["exclusions"]
    unruled = [one for one in left if one["rule"] == "vanished"]
    reason = "lost at the target after it was moved, and gone from the source before it could be"
    lost = [one for one in unruled if one["reason"] == f"{reason} sent again"]
    rest = [one for one in unruled if one not in lost]
    by_rule = [one for one in left if one not in unruled]
    waiting = [one["tally"]["inventoried"] for one in predicate["datasets"]]
    whole, vanished, ruled = added(waiting), summed(rest), summed(by_rule)
    return {
        "expected": {
            unit: whole[unit] - vanished[unit] - ruled[unit] for unit in ("objects", "bytes")
        },
        "own": added([one["own"] for one in predicate["datasets"] if "own" in one]),
        "by_rule": ruled,
        "lost": summed(lost),
        "vanished": vanished,
    }


def summed(rules: list[Json]) -> Json:
    """The objects and bytes of some exclusions of the predicate."""
    return added([{"objects": one["objects"], "bytes": one["bytes"]} for one in rules])
