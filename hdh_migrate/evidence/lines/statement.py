"""The in-toto statement: what the bundle's files are, and what they add up to.

The predicate repeats the facts and everything that `recount` found. Its strong words are computed
by the rules of the bundle's verifier (counts.py), from the counts alone:

- `counts_close`: in every dataset inventoried = verified + failed + pending + excluded, in
  objects and in bytes;
- `complete`: the inventory is closed, the counts close, at least one object is verified, nothing
  failed or is pending;
- `proven`: complete, and every verified object was re-read whole from the target, unsealed and
  compared (level "full").

The last three are said of everything and of each batch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from hdh_migrate.evidence.lines.facts import DatasetFacts, Endpoint, Facts
from hdh_migrate.evidence.lines.recount import RecordSums, Recount
from hdh_migrate.evidence.verifier.counts import SIZES, judged, totals

STATEMENT = "https://in-toto.io/Statement/v1"
FORMAT = 2
PREDICATE = f"urn:hdh-migrate:evidence:v{FORMAT}"

TREE = "rfc9162-sha256"
"""Leaves are the manifest's lines without their line feed."""


def statement(subjects: Mapping[str, str], predicate: Mapping[str, object]) -> dict[str, object]:
    """Return an in-toto Statement v1 about files, given as name and SHA-256, manifest first."""
    return {
        "_type": STATEMENT,
        "subject": [
            {"name": name, "digest": {"sha256": digest}} for name, digest in subjects.items()
        ],
        "predicateType": PREDICATE,
        "predicate": dict(predicate),
    }


def predicate_of(facts: Facts, recount: Recount, journal: tuple[int, str]) -> dict[str, Any]:
    """Return our predicate: the facts, the recount of the lines, the journal's length and head.

    Its shape is docs/schemas/evidence-v2.json, explained in docs/evidence-format.md.
    """
    return {
        "migration": facts.migration,
        "rehearsal": facts.rehearsal,
        "names": facts.names,
        "plan": {"digest": {"sha256": facts.plan_digest}, "canonical": dict(facts.plan)},
        "tool": {
            "name": "hdh-migrate",
            "version": facts.tool_version,
            "code": {"sha256": facts.code_sha256},
        },
        "operator": facts.operator,
        "times": {
            "started": facts.started_at,
            "ended": facts.ended_at,
            "written": facts.written_at,
            "clock_offsets": dict(sorted(facts.clock_offsets.items())),
        },
        "endpoints": [_endpoint(endpoint) for endpoint in facts.endpoints],
        "attestation": _copied(facts.attestation),
        "profile": _copied(facts.profile),
        "capabilities": _copied(facts.capabilities),
        "waivers": [dict(waiver) for waiver in facts.waivers],
        "cutovers": [dict(cutover) for cutover in facts.cutovers],
        **({"looks": [dict(look) for look in facts.looks]} if facts.looks else {}),
        **({"rotations": [dict(one) for one in facts.rotations]} if facts.rotations else {}),
        **({"erasures": [dict(one) for one in facts.erasures]} if facts.erasures else {}),
        "openings": [_opening(opening, facts.names) for opening in facts.openings],
        "seal": {
            "format": facts.seal,
            "recipients": list(facts.recipients),
            **({"proved": [dict(one) for one in facts.proved]} if facts.proved else {}),
            **({"files": [dict(one) for one in facts.files]} if facts.files else {}),
            **({"headers": dict(facts.headers)} if facts.headers is not None else {}),
        },
        "verification": {
            "level": facts.verify_level,
            "sha256_taken_in_transfer": facts.sha256_in_transfer,
            "sha256_taken_in_verify": facts.sha256_in_verify,
        },
        "losses": [asdict(loss) for loss in facts.losses],
        "paces": [asdict(pace) for pace in facts.paces],
        "journal": {"events": journal[0], "head": journal[1]},
        "previous_statement": facts.previous_statement,
        **_counted(facts, recount),
    }


def _counted(facts: Facts, recount: Recount) -> dict[str, object]:
    """Return the parts that follow from the lines, the datasets' inventories and their batches."""
    sums = recount.records
    datasets = [_dataset(dataset, sums) for dataset in facts.datasets]
    names = dict.fromkeys(dataset.batch for dataset in facts.datasets)
    return {
        "manifest": {
            "records": recount.tree.count,
            "merkle_root": recount.tree.root(),
            "tree": TREE,
            "digests": dict(sums.digests),
            "claimed": dict(sums.claimed),
            "sizes": [
                {"below": bound, **sums}
                for bound, sums in zip((*SIZES, None), sums.sizes, strict=True)
            ],
            "largest": sums.largest,
        },
        "datasets": datasets,
        "batches": [_batch(name, datasets, recount, sums.levels[name]) for name in names],
        "outcome": {
            **judged(datasets, set(sums.by_level), FORMAT),
            "states": totals(datasets),
            "verdicts": dict(sorted(sums.by_verdict.items())),
            "levels": dict(sorted(sums.by_level.items())),
        },
        "exclusions": [
            {"dataset": dataset, "rule": rule, "reason": reason, **sums}
            for (dataset, rule, reason), sums in sorted(recount.by_rule.items())
        ],
        "findings": {
            "total": recount.by_code.total(),
            "codes": dict(sorted(recount.by_code.items())),
        },
    }


def _opening(opening: Mapping[str, object], names: str) -> dict[str, object]:
    """Return an opening as a statement tells it; whose names are keyed gives no words away."""
    return dict(opening) if names == "plain" else {**opening, "object": None, "reason": None}


def _batch(
    name: str, datasets: Sequence[Mapping[str, object]], recount: Recount, levels: set[str]
) -> dict[str, object]:
    """Return one batch: its own root, which approvals bind, and the strong words about it."""
    own = [dataset for dataset in datasets if dataset["batch"] == name]
    return {
        "name": name,
        "records": recount.trees[name].count,
        "merkle_root": recount.trees[name].root(),
        **judged(own, levels, FORMAT),
    }


def _dataset(dataset: DatasetFacts, sums: RecordSums) -> dict[str, object]:
    return {
        "name": dataset.name,
        "batch": dataset.batch,
        "closed": dataset.closed,
        "source": {"bucket": dataset.source.bucket, "prefix": dataset.source.prefix},
        "target": {"bucket": dataset.target.bucket, "prefix": dataset.target.prefix},
        "own": dict(sums.own[dataset.name]),
        "tally": sums.tally(dataset.name, dataset.inventoried),
    }


def _copied(section: Mapping[str, object] | None) -> dict[str, object] | None:
    return None if section is None else dict(section)


def _endpoint(endpoint: Endpoint) -> dict[str, object]:
    return {
        "side": endpoint.side,
        "kind": endpoint.kind,
        "url": endpoint.url,
        "region": endpoint.region,
        "local": endpoint.is_local,
        "bytes_read": endpoint.bytes_read,
        "bytes_written": endpoint.bytes_written,
        "requests": endpoint.requests,
        "addresses": list(endpoint.addresses),
        **({"tls": list(endpoint.tls)} if endpoint.tls else {}),
    }
