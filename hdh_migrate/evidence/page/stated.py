"""What a page shows of a statement alone, for its templates."""

from __future__ import annotations

from hdh_migrate.clocks import seconds_of
from hdh_migrate.codes import LOST_OBJECTS, Code, how_many
from hdh_migrate.evidence.lines.planned import plan_of
from hdh_migrate.evidence.lines.recount import add_up
from hdh_migrate.evidence.lines.stories import after_deletion, cutovers, stories
from hdh_migrate.evidence.page.ahead import ahead
from hdh_migrate.evidence.page.bases import ended_bases
from hdh_migrate.evidence.page.charts import pace_bars, size_bars
from hdh_migrate.evidence.page.declared import declared_of, reachable, stamp_trust
from hdh_migrate.evidence.page.erased import originals_of, pack_erased
from hdh_migrate.evidence.page.findings import gravest_codes
from hdh_migrate.evidence.page.gone import (
    changed_since,
    expected,
    gone_of,
    own_files,
    own_verified,
    told_apart,
)
from hdh_migrate.evidence.page.holders import held_keys
from hdh_migrate.evidence.page.leaving import leaving_prices
from hdh_migrate.evidence.page.standing import (
    all_back,
    missed_in,
    tallies_of,
    whole_again,
)
from hdh_migrate.evidence.verifier.addresses import UNCONTACTED
from hdh_migrate.evidence.verifier.counts import gone_in
from hdh_migrate.evidence.verifier.members import (
    DatasetSection,
    Predicate,
    StatedLook,
    StatedLoss,
)
from hdh_migrate.evidence.verifier.selection import VANISHED
from hdh_migrate.fixity import canonical_json, sha256_hex
from hdh_migrate.results.hosts import ObservationFact

SHOWN_DATASETS = 6
"""Datasets on the first screen; the table below has all of them."""

SHOWN_REASONS = 3
"""Rules whose reasons stand on the first screen; of more, the section on exclusions has them."""


def shown_of(predicate: Predicate) -> dict[str, object]:
    """Return what a page shows of the statement alone."""
    declared, codes = declared_of(predicate), predicate["findings"]["codes"]
    gone = gone_of(predicate)
    return {
        "p": predicate,
        "source_here": all(
            one["kind"] in UNCONTACTED for one in predicate["endpoints"] if one["side"] == "source"
        ),
        "SHOWN_DATASETS": SHOWN_DATASETS,
        "SHOWN_REASONS": SHOWN_REASONS,
        "predicate_sha256": sha256_hex(canonical_json(predicate)),
        "states": predicate["outcome"]["states"],
        "proven_objects": proven_objects(predicate),
        "in_the_way": _in_the_way(predicate),
        "replaced": how_many(codes, Code.TARGET_REPLACED, Code.TARGET_ACCEPTED),
        "lost": how_many(codes, *LOST_OBJECTS),
        "since": changed_since(predicate),
        "own": own_files(predicate),
        "own_there": own_verified(predicate) or own_files(predicate),
        "expected": expected(predicate),
        "gone": gone,
        "apart": told_apart(predicate["outcome"]["states"], gone),
        "apart_of": lambda one: told_apart(one["tally"], gone_of(predicate, one["name"])),
        "declared": declared,
        "reachable": reachable(declared),
        "stamped": stamp_trust(predicate),
        "titles": {one["name"]: one["title"] for one in declared.get("datasets", ())},
        "held_keys": held_keys(predicate, declared),
        "escrow": sum(bool(one["escrow"]) for one in declared.get("keys", ())),
        "losses": _losses(predicate),
        "beside": _beside(predicate),
        "packs_gone_since": lambda look: _packs_gone_since(predicate, look),
        "mended": lambda look: _is_mended(predicate, look),
        "gravest_codes": gravest_codes(codes),
        "retained": [one for one in plan_of(predicate).get("datasets", ()) if one.get("retention")],
        "erased": _erased(predicate),
        "paces": [pace_bars(pace) for pace in predicate["paces"]],
        "ahead": ahead(predicate["paces"]),
        "prices": leaving_prices(predicate),
        "sizes": size_bars(predicate["manifest"]["sizes"]),
        "bases_ended": ended_bases(predicate),
        "packs_erased": pack_erased(predicate),
        "originals": originals_of(predicate),
        "all_versions": any(
            (one.get("source") or {}).get("versions") == "all"
            for one in plan_of(predicate).get("datasets", ())
        ),
        **_cutovers(predicate),
        "missed": missed_in,
        "after_deletion": after_deletion,
        "still_there": _still_there,
        "unsafe": _unsafe(predicate),
        "uncontacted": UNCONTACTED,
        "vanished_rule": VANISHED[0],
        "shortfalls": _shortfalls(predicate),
        "undated": _undated(predicate),
        "claims": _claims(predicate),
        "batches": _batches(predicate),
    }


def _is_mended(p: Predicate, look: StatedLook) -> bool:
    """Say whether all that a look did not find as it was verified is verified again."""
    if not look["ended"] or look["unread"] or look.get("lost") or look.get("beside"):
        return False
    found = look["gone"] + look["damaged"] + look["replaced"]
    settled = not look["replaced"] or _is_ours_again(p, look["batch"])
    return found > 0 and settled and all_back(p, look["batch"])


def _is_ours_again(p: Predicate, batch: str) -> bool:
    """Say whether nothing stands in the place of a batch's objects, by what all findings show."""
    own = {one["name"] for one in p["datasets"] if one["batch"] == batch}
    vanished = any(one["dataset"] in own and one["rule"] == VANISHED[0] for one in p["exclusions"])
    open_ = how_many(p["findings"]["codes"], Code.TARGET_REPLACED, Code.TARGET_ACCEPTED)
    return not open_ and not vanished and whole_again(tallies_of(p, batch))


def _cutovers(predicate: Predicate) -> dict[str, object]:
    """Return the cutovers there is something to tell of, and the batches that have none.

    `cutover_ahead` are those that the plan has one for, `cutover_unplanned` the others.
    """
    planned = {one["batch"] for one in plan_of(predicate).get("cutovers") or ()}
    told = [
        one
        for one in stories(predicate)
        if one["track"] != "cutover" or one["stage"] != "not started" or one["batch"] in planned
    ]
    begun = {one["batch"] for one in told if one["track"] == "cutover"}
    left = [one["name"] for one in predicate["batches"] if one["name"] not in begun]
    return {
        "cutovers": sorted(told, key=lambda one: (one["batch"], one["track"] == "cutover")),
        "cutover_ahead": [name for name in left if name in planned],
        "cutover_unplanned": [name for name in left if name not in planned],
        "switching": planned,
    }


def _in_the_way(predicate: Predicate) -> bool:
    """Say whether all that failed did because others stood under the names at the target."""
    failed = predicate["outcome"]["states"]["failed"]["objects"]
    return 0 < failed == how_many(predicate["findings"]["codes"], Code.CONFLICT)


def proven_objects(predicate: Predicate) -> int:
    """Return how many objects were read back whole, decrypted and compared."""
    return int(predicate["outcome"]["levels"].get("full", {"objects": 0})["objects"])


def _losses(predicate: Predicate) -> dict[str, object]:
    """Return what is lost as one table: a row for each dataset, a column for each property.

    With each property stand the places where it is kept. The tool's own files were never at the
    source: the statement counts their time of the last change, and this does not.
    """
    own = {
        one["name"]: sums["objects"]
        for one in predicate["datasets"]
        if (sums := one.get("own_verified") or one.get("own"))
    }
    rows: dict[str, dict[str, list[StatedLoss]]] = {}
    properties: dict[str, list[str]] = {}
    for stated in predicate["losses"]:
        less = own.get(stated["dataset"], 0) if stated["what"] == "modified" else 0
        if stated["objects"] <= less:
            continue
        loss: StatedLoss = {**stated, "objects": stated["objects"] - less}
        kept = properties.setdefault(loss["what"], [])
        kept += [] if loss["kept"] in kept else [loss["kept"]]
        rows.setdefault(loss["dataset"], {}).setdefault(loss["what"], []).append(loss)
    return {"properties": properties, "rows": rows}


def _packs_gone_since(predicate: Predicate, look: StatedLook) -> int:
    """Return how many header packs of its batch were erased after a look began to read."""
    return sum(
        one["packs"]
        for one in predicate.get("erasures") or ()
        if one["batch"] == look["batch"] and one["ended"] and not one["remaining"]
        if seconds_of(one["began"]) > seconds_of(look["at"])
    )


def _still_there(look: StatedLook) -> int:
    """Return how many objects a look found as they were verified."""
    return look["objects"] - sum(look[kind] for kind in ("gone", "damaged", "replaced", "unread"))


def _unsafe(predicate: Predicate) -> dict[str, bool]:
    """Return the sides that were reached by HTTP without TLS, and whether that was this machine."""
    return {
        one["side"]: one["local"]
        for one in predicate["endpoints"]
        if one["requests"] and one["url"].lower().startswith("http://")
    }


def _beside(predicate: Predicate) -> dict[tuple[str, ...], list[str]]:
    """Return the approvers' keys that lay beside the plan, each set with the batches it is of."""
    found: dict[tuple[str, ...], list[str]] = {}
    for batch, one in cutovers(predicate).items():
        if beside := one.get("keys_beside"):
            found.setdefault(tuple(beside), []).append(batch)
    return found


def _erased(predicate: Predicate) -> dict[str, int]:
    """Return for how many batches a deletion was begun, seen done in part, and seen done.

    Done is what the source was asked about afterwards, and showed nothing of any more.
    """
    found = {"erased": 0, "partly": 0, "observed": 0}
    for one in stories(predicate):
        if not any(name in one["times"] for name in ("erasing", "erased", "requested")):
            continue
        after = after_deletion(one)
        found["observed" if after.over else "partly" if after.observed else "erased"] += 1
    return found


def _shortfalls(predicate: Predicate) -> list[ObservationFact]:
    """Return what a probe saw less of than the profile claims."""
    probed = predicate["capabilities"]
    observations: list[ObservationFact] = [] if probed is None else probed["observations"]
    return [one for one in observations if one["agrees"] is False and not one["better"]]


def _undated(predicate: Predicate) -> list[str]:
    """Return the endpoints that were contacted and never sent a Date."""
    endpoints = tuple(f"{endpoint}/" for endpoint in predicate["times"]["clock_offsets"])
    return [
        one["url"]
        for one in predicate["endpoints"]
        if one["requests"] and not f"{one['url']}/".startswith(endpoints)
    ]


def _claims(predicate: Predicate) -> dict[str, object] | None:
    """Count the objects whose bytes have the source's own digest; say how the others were read.

    None for a bundle that does not tell: of an earlier version, or without the source's digests.
    """
    claimed = predicate["manifest"].get("claimed")
    if claimed is None or predicate["names"] != "plain":
        return None
    verified = predicate["outcome"]["states"]["verified"]
    own = own_verified(predicate) or {"objects": 0, "bytes": 0}
    others = {unit: verified[unit] - claimed[unit] - own[unit] for unit in ("objects", "bytes")}
    asked = plan_of(predicate).get("verify") or {}
    return {"claimed": claimed, "others": others, "how": asked.get("source", "once")}


def _batches(predicate: Predicate) -> list[dict[str, object]]:
    """Group the datasets by batch, in the plan's order, each with its sum."""
    grouped: dict[str, list[DatasetSection]] = {}
    left = predicate["exclusions"]
    for dataset in predicate["datasets"]:
        grouped.setdefault(dataset["batch"], []).append(dataset)
    return [
        {
            "name": name,
            "datasets": datasets,
            "tally": told_apart(
                add_up(item["tally"] for item in datasets),
                gone_in(
                    one for one in left if one["dataset"] in {item["name"] for item in datasets}
                ),
            ),
        }
        for name, datasets in grouped.items()
    ]
