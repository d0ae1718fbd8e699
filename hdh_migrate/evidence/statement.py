"""The in-toto statement: what the bundle's files are, and what they add up to.

The predicate repeats the facts and everything that `recount` found. Its strong words are computed
here and nowhere else, from the counts alone:

- `counts_close`: in every dataset inventoried = verified + failed + pending + excluded, in
  objects and in bytes;
- `complete`: the inventory is closed and not empty, the counts close, nothing failed or is pending;
- `proven`: complete, and every verified object was re-read whole from the target, unsealed and
  compared (level "full").
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hdh_migrate.evidence.facts import DatasetFacts, Endpoint, Facts
from hdh_migrate.evidence.recount import Recount, add_up

STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "urn:hdh-migrate:evidence:v1"
TREE = "rfc9162-sha256"
"""Leaves are the manifest's lines without their line feed."""


def statement(subjects: Mapping[str, str], predicate: Mapping[str, Any]) -> dict[str, Any]:
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
    """Return our predicate: the facts, the recount of the lines, the journal's length and head."""
    datasets = [_dataset(dataset, recount) for dataset in facts.datasets]
    return {
        "migration": facts.migration,
        "rehearsal": facts.rehearsal,
        "plan": {"digest": {"sha256": facts.plan_digest}, "canonical": dict(facts.plan)},
        "tool": {"name": "hdh-migrate", "version": facts.tool_version},
        "operator": facts.operator,
        "times": {
            "started": facts.started_at,
            "ended": facts.ended_at,
            "written": facts.written_at,
        },
        "endpoints": [_endpoint(endpoint) for endpoint in facts.endpoints],
        "attestation": None if facts.attestation is None else dict(facts.attestation),
        "seal": {"format": facts.seal, "recipients": list(facts.recipients)},
        "verification": {
            "level": facts.verify_level,
            "digests": {
                "sha256": {
                    "computed_by_us_reading_the_source": facts.sha256_in_transfer,
                    "computed_by_us_reading_back": facts.sha256_in_verify,
                },
                "source_md5": "claimed_by_the_source",
                "stored_sha256": "computed_by_us_reading_back",
            },
        },
        "datasets": datasets,
        "journal": {"events": journal[0], "head": journal[1]},
        "previous_statement": facts.previous_statement,
        **counted(recount, datasets, inventory_closed=facts.inventory_closed),
    }


def counted(
    recount: Recount, datasets: Sequence[Mapping[str, Any]], *, inventory_closed: bool
) -> dict[str, Any]:
    """Return the predicate's parts that follow from the lines and the datasets' inventories."""
    return {
        "manifest": {
            "records": recount.tree.count,
            "merkle_root": recount.tree.root(),
            "tree": TREE,
        },
        "outcome": _outcome(recount, datasets, inventory_closed=inventory_closed),
        "exclusions": [
            {"dataset": dataset, "rule": rule, "reason": reason, **sums}
            for (dataset, rule, reason), sums in sorted(recount.by_rule.items())
        ],
        "findings": {
            "total": recount.by_code.total(),
            "codes": dict(sorted(recount.by_code.items())),
        },
    }


def summary_of(predicate: Mapping[str, Any], key_id: str | None) -> dict[str, Any]:
    """Return the short form for programs: what the predicate counts, without plan and journal."""
    names = ("migration", "rehearsal", "tool", "times", "verification", "manifest", "datasets")
    return {
        "version": 1,
        "draft": key_id is None,
        "signed_by": key_id,
        "plan_digest": predicate["plan"]["digest"]["sha256"],
        **{name: predicate[name] for name in (*names, "outcome", "exclusions", "findings")},
    }


def _outcome(
    recount: Recount, datasets: Sequence[Mapping[str, Any]], *, inventory_closed: bool
) -> dict[str, Any]:
    total = add_up(dataset["tally"] for dataset in datasets)
    counts_close = total.pop("closes")
    complete = (
        inventory_closed
        and counts_close
        # An empty listing is never silently believed (DESIGN section 2, invariant 5).
        and total["inventoried"]["objects"] > 0
        and total["failed"]["objects"] == total["pending"]["objects"] == 0
    )
    return {
        "inventory_closed": inventory_closed,
        "counts_close": counts_close,
        "complete": complete,
        "proven": complete and recount.by_level.keys() == {"full"},
        "states": total,
        "verdicts": dict(sorted(recount.by_verdict.items())),
        "levels": dict(sorted(recount.by_level.items())),
    }


def _dataset(dataset: DatasetFacts, recount: Recount) -> dict[str, Any]:
    return {
        "name": dataset.name,
        "batch": dataset.batch,
        "source": {"bucket": dataset.source.bucket, "prefix": dataset.source.prefix},
        "target": {"bucket": dataset.target.bucket, "prefix": dataset.target.prefix},
        "tally": recount.tally(dataset.name, dataset.inventoried),
    }


def _endpoint(endpoint: Endpoint) -> dict[str, Any]:
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
    }
