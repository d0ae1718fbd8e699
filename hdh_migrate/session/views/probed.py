"""What an earlier probe of a plan's target found, for the runs that come after it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from hdh_migrate.errors import LedgerDamaged
from hdh_migrate.fixity import canonical_json, sha256_hex
from hdh_migrate.folders import ledger_path, write_whole
from hdh_migrate.model import Problem, TargetLimits
from hdh_migrate.plan.model import Plan
from hdh_migrate.results.hosts import ProbeRecord
from hdh_migrate.targets.probing.record import FORMAT, lowered, observed
from hdh_migrate.wiring import chosen
from hdh_migrate.wiring.chosen import endpoint_of, profile_of

RECORD = "probe.json"
ENVELOPE = "probe.dsse.json"


def probe_facts(state_dir: Path, plan: Plan, base: Path) -> ProbeRecord | None:
    """Return the record of the last probe of the plan's target host, None when there is none.

    A record of another endpoint or region is not of this host. What a host was seen to lack counts
    for every bucket and credential; what it was seen to do was seen in one bucket, with one: see
    `unproved`.

    Raises:
        LedgerDamaged: there is a record, and it cannot be read.
    """
    path = _path(state_dir, plan, RECORD)
    try:
        record: ProbeRecord = json.loads(path.read_bytes())
        place = record["endpoint"], record["region"]
        names = [(one["name"], one["observed"], one["agrees"]) for one in record["observations"]]
        whole = record["format"] == FORMAT and bool(names) and isinstance(record["bucket"], str)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        whole = False
    if not whole:
        raise LedgerDamaged(
            f"{path}: not a probe's record",
            hint='remove the file, or run "hdh-migrate probe PLAN" again',
        )
    return record if place == (endpoint_of(plan, base), plan.target.region) else None


def probed_by(key_id: str) -> str:
    """Return what a record says of the access key that was used: a digest of its id."""
    return sha256_hex(key_id.encode())


def buckets_of(plan: Plan) -> list[str]:
    """Return the target buckets of a plan, each once."""
    return list(dict.fromkeys(dataset.target.bucket for dataset in plan.datasets))


def unproved(plan: Plan, record: ProbeRecord, key_id: str | None) -> list[str]:
    """Return what a record does not prove for a plan; `key_id` is None where it cannot be read."""
    others = [bucket for bucket in buckets_of(plan) if bucket != record["bucket"]]
    lines = []
    if others:
        lines.append(f"it was made in bucket {record['bucket']}, not in {', '.join(others)}")
    by = {**record}.get("credential")  # records of an earlier version have none
    if by is None:
        lines.append("it does not say which credential it was made with")
    elif key_id is not None and by != probed_by(key_id):
        lines.append("it was made with another access key than the plan's of today")
    hint = 'what it found missing counts all the same; "hdh-migrate probe PLAN" looks anew'
    return [f"{line}: {hint}" for line in lines]


def limits_of(state_dir: Path, plan: Plan, base: Path) -> TargetLimits:
    """Return the profile's limits, with what the last probe of the host found tighter."""
    return lowered(chosen.limits_of(plan, base), probe_facts(state_dir, plan, base))


NEEDED = {
    "metadata": "user metadata is not kept, and by it a resumed run knows its own objects",
    "list_v2": "a listing in pages does not show every object",
}
"""Traits without which no run can keep its promises."""

FOLDING = {
    "keys_case_folded": "keys that differ in case only are one key there",
    "keys_normalised": "keys that differ in Unicode form only are one key there",
}
"""Traits that must not be there for a dataset that keeps colliding keys."""


def missing(plan: Plan, record: ProbeRecord | None) -> list[Problem]:
    """Return what the plan needs and the last probe found missing; unknown is not missing."""
    from hdh_migrate.targets.probing.keeping import lock_trait  # it brings all that probes

    where = "target, as last probed"
    hint = 'if the host was mended since, run "hdh-migrate probe PLAN" again'
    found = [
        Problem(where=where, what=what, hint=hint)
        for name, what in NEEDED.items()
        if observed(record, name) is False
    ]
    locked = [d.target for d in plan.datasets if d.target.retention is not None]
    of = None if record is None else record["bucket"]  # another bucket may have another lock
    modes = {one.retention.mode for one in locked if one.retention and one.bucket == of}
    found += [
        Problem(where=where, what=f"retention in mode {mode} is not kept there", hint=hint)
        for mode in sorted(modes)
        if observed(record, lock_trait(mode)) is False
    ]
    keeping = [dataset.name for dataset in plan.datasets if dataset.collisions == "keep"]
    for name, what in FOLDING.items():
        if keeping and observed(record, name) is True:
            why = f"{what}, so datasets {', '.join(keeping)} cannot keep collisions"
            found.append(Problem(where=where, what=why, hint=hint))
    return found


def notes(plan: Plan, base: Path, record: ProbeRecord | None) -> list[str]:
    """Return what the target is known to change or lack, as probed or else as its profile claims.

    What it lacks is what nothing depends on but the fence.
    """
    return [*_about_names(plan, base, record), *_about_conditions(plan, base, record)]


def _about_conditions(plan: Plan, base: Path, record: ProbeRecord | None) -> list[str]:
    claimed = profile_of(plan, base).value("conditional_put")
    seen = [observed(record, name) for name in ("create_only", "conditional_put")]
    if claimed and False not in seen:
        return []
    what = "the target keeps no conditions on writes: that one ledger writes there is watched"
    return [f"{what}, not enforced"]


def _about_names(plan: Plan, base: Path, record: ProbeRecord | None) -> list[str]:
    known = observed(record, "metadata_names") or profile_of(plan, base).value("metadata_names")
    if known == "exact" or plan.target.metadata_names == "hyphens":
        return []
    what = "writes `_` in names of metadata as `-`" if known == "hyphens" else "loses such names"
    hint = (
        "accept that once with target.metadata_names: hyphens, or it is a finding for each dataset"
        " that has some"
    )
    return [f"the target {what}: {hint}"]


def keep_probe(
    state_dir: Path, plan: Plan, record: ProbeRecord, envelope: Mapping[str, object] | None
) -> Path:
    """Put a record, and its signed statement when there is one, in place of the last."""
    path = _path(state_dir, plan, RECORD)
    signed = _path(state_dir, plan, ENVELOPE)
    # The old signature must not stand beside the new record, whatever happens in between.
    signed.unlink(missing_ok=True)
    _write(path, record)
    if envelope is not None:
        _write(signed, envelope)
    return signed if envelope is not None else path


def _path(state_dir: Path, plan: Plan, name: str) -> Path:
    return ledger_path(state_dir, plan.migration).with_name(name)


def _write(path: Path, value: Mapping[str, object]) -> None:
    write_whole(path, canonical_json(value), replace=True)
