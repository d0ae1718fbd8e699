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

from hdh_migrate.evidence.lines.facts import DatasetFacts, Endpoint, Facts, Loss, StepPace
from hdh_migrate.evidence.lines.recount import RecordSums, Recount
from hdh_migrate.evidence.signatures.dsse import STATEMENT
from hdh_migrate.evidence.verifier.counts import SIZES, judged, totals
from hdh_migrate.evidence.verifier.members import (
    BatchSection,
    DatasetSection,
    Predicate,
    SealSection,
    StatedEndpoint,
    StatedLoss,
    StatedOpening,
    StatedPace,
)

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


def predicate_of(facts: Facts, recount: Recount, journal: tuple[int, str]) -> Predicate:
    """Return our predicate: the facts, the recount of the lines, the journal's length and head.

    Its shape is docs/schemas/evidence-v2.json, explained in docs/evidence-format.md.
    """
    sums = recount.records
    datasets = [_dataset(dataset, sums) for dataset in facts.datasets]
    batches = dict.fromkeys(dataset.batch for dataset in facts.datasets)
    said: Predicate = {
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
            "clock_offsets": dict(facts.clock_offsets),
        },
        "endpoints": [_endpoint(endpoint) for endpoint in facts.endpoints],
        "attestation": _copied(facts.attestation),
        "profile": _copied(facts.profile),
        "capabilities": _copied(facts.capabilities),
        "waivers": [{**waiver} for waiver in facts.waivers],
        "cutovers": [dict(cutover) for cutover in facts.cutovers],
        "openings": [_opening(opening, facts.names) for opening in facts.openings],
        "seal": _seal(facts),
        "verification": {
            "level": facts.verify_level,
            "sha256_taken_in_transfer": facts.sha256_in_transfer,
            "sha256_taken_in_verify": facts.sha256_in_verify,
        },
        "losses": [_loss(loss) for loss in facts.losses],
        "paces": [_pace(pace) for pace in facts.paces],
        "journal": {"events": journal[0], "head": journal[1]},
        "previous_statement": facts.previous_statement,
        "manifest": {
            "records": recount.tree.count,
            "merkle_root": recount.tree.root(),
            "tree": TREE,
            "digests": sums.digests,
            "claimed": sums.claimed,
            "sizes": [
                {"below": bound, **sums}
                for bound, sums in zip((*SIZES, None), sums.sizes, strict=True)
            ],
            "largest": sums.largest,
        },
        "datasets": datasets,
        "batches": [_batch(name, datasets, recount, sums.levels[name]) for name in batches],
        "outcome": {
            **judged(datasets, set(sums.by_level), FORMAT),
            "states": totals([dataset["tally"] for dataset in datasets]),
            "verdicts": sums.by_verdict,
            "levels": sums.by_level,
        },
        "exclusions": [
            {"dataset": dataset, "rule": rule, "reason": reason, **sums}
            for (dataset, rule, reason), sums in sorted(recount.by_rule.items())
        ],
        "findings": {"total": recount.by_code.total(), "codes": dict(recount.by_code)},
    }
    if facts.fences is not None:
        said["fences"] = facts.fences
    if facts.looks:
        said["looks"] = list(facts.looks)
    if facts.rotations:
        said["rotations"] = list(facts.rotations)
    if facts.erasures:
        said["erasures"] = list(facts.erasures)
    if facts.signing_keys:
        said["signing_keys"] = list(facts.signing_keys)
    return said


def _opening(opening: StatedOpening, names: str) -> StatedOpening:
    """Return an opening as a statement tells it; whose names are keyed gives no words away."""
    return opening if names == "plain" else {**opening, "object": None, "reason": None}


def _seal(facts: Facts) -> SealSection:
    seal: SealSection = {"format": facts.seal, "recipients": list(facts.recipients)}
    if facts.proved:
        seal["proved"] = list(facts.proved)
    if facts.files:
        seal["files"] = list(facts.files)
    if facts.headers is not None:
        seal["headers"] = facts.headers
    return seal


def _loss(loss: Loss) -> StatedLoss:
    return {
        "dataset": loss.dataset, "what": loss.what, "objects": loss.objects, "kept": loss.kept,
    }  # fmt: skip


def _pace(pace: StepPace) -> StatedPace:
    return {
        "step": pace.step,
        "started": pace.started,
        "ended": pace.ended,
        "seconds": pace.seconds,
        "bins": [{"objects": one.objects, "bytes": one.bytes} for one in pace.bins],
    }


def _batch(
    name: str, datasets: Sequence[DatasetSection], recount: Recount, levels: set[str]
) -> BatchSection:
    """Return one batch: its own root, which approvals bind, and the strong words about it."""
    own = [dataset for dataset in datasets if dataset["batch"] == name]
    return {
        "name": name,
        "records": recount.trees[name].count,
        "merkle_root": recount.trees[name].root(),
        **judged(own, levels, FORMAT),
    }


def _dataset(dataset: DatasetFacts, sums: RecordSums) -> DatasetSection:
    return {
        "name": dataset.name,
        "batch": dataset.batch,
        "closed": dataset.closed,
        "source": {"bucket": dataset.source.bucket, "prefix": dataset.source.prefix},
        "target": {"bucket": dataset.target.bucket, "prefix": dataset.target.prefix},
        "own": sums.own[dataset.name],
        "own_verified": sums.own_verified[dataset.name],
        "tally": sums.tally(dataset.name, dataset.inventoried),
    }


def _copied(section: Mapping[str, object] | None) -> dict[str, object] | None:
    return None if section is None else dict(section)


def _endpoint(endpoint: Endpoint) -> StatedEndpoint:
    said: StatedEndpoint = {
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
    if endpoint.tls:
        said["tls"] = list(endpoint.tls)
    return said
