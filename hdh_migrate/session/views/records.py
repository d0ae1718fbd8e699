"""The lines of a bundle, from the ledger: records, exclusions and findings, in their order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from hdh_migrate.codes import Code
from hdh_migrate.errors import LedgerDamaged
from hdh_migrate.evidence.lines.records import manifest_line
from hdh_migrate.evidence.verifier.members import ExclusionRecord, FindingRecord, ManifestRecord
from hdh_migrate.fixity import MerkleTree, leaf_digest
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.model import VANISHED, ObjectRecord, OpenFinding, State, Step, Verdict
from hdh_migrate.model.naming import is_version
from hdh_migrate.pipeline.workers.work import Route
from hdh_migrate.plan.datasets import Dataset
from hdh_migrate.session.desk import Desk
from hdh_migrate.wiring import routes_of

_RULES = {
    "directory": ("directory", "a directory of a hierarchical namespace: it has no content"),
    VANISHED: ("vanished", "gone from the source before this version of it was moved"),
}
_LOST = (
    "vanished",
    "lost at the target after it was moved, and gone from the source before it could be sent again",
)
_NOT_INCLUDED = "it matches none of the dataset's `include` {}"
_LATER = ("sha256", "stored_size", "stored_sha256", "etag", "level", "verified_at")


def batch_root(desk: Desk, ledger: SqliteLedger, batch: str) -> str:
    """Return the RFC 9162 root over a batch's manifest lines: what approvals of it are bound to.

    The same root stands in a bundle's statement, under `batches`.
    """
    tree = MerkleTree()
    for record in records(desk, ledger, batch):
        tree.append(leaf_digest(manifest_line(record)[:-1]))
    return tree.root()


def records(desk: Desk, ledger: SqliteLedger, batch: str | None = None) -> Iterator[ManifestRecord]:
    """Return the manifest's records of one batch, or of all, in the manifest's order."""
    routes = routes_of(desk.loaded.plan)
    for dataset in sorted(ledger.datasets(batch), key=lambda row: row.name):
        route = routes[dataset.name]
        for row in ledger.records(dataset.id):
            if row["state"] is not State.EXCLUDED:
                yield _record(dataset.name, route, row)


def _record(dataset: str, route: Route, row: ObjectRecord) -> ManifestRecord:
    verdict = row["verdict"]
    if verdict is None and row["state"] not in {State.FAILED, State.REFUSED}:
        row = _without_end(row)  # of an attempt whose end is not known, or before
    if verdict is None and row["state"] in {State.FAILED, State.REFUSED}:
        verdict = str(Verdict.UNVERIFIABLE)
    return {
        "dataset": dataset,
        "key": row["key"],
        "size": row["size"],
        "source_version": row["version"],
        "source_modified": row["modified"],
        "source_md5": row["md5"],
        "sha256": row["sha256"],
        "bucket": route.target.bucket,
        "target_key": route.target_key(row["key"]),
        "stored_size": row["stored_size"],
        "stored_sha256": row["stored_sha256"],
        "target_etag": _etag(row),
        "level": row["level"],
        "verdict": verdict,
        "verified_at": row["verified_at"],
    }


def _etag(row: ObjectRecord) -> str | None:
    """Return the ETag of what is stored; of one version of a name with its id at the target."""
    if row["etag"] is None or not is_version(row["key"]):
        return row["etag"]
    return f"{row['etag']};versionid={row['version_id'] or 'null'}"


def _without_end(row: ObjectRecord) -> ObjectRecord:
    """Return a record without what an attempt left that nobody saw end."""
    return cast("ObjectRecord", {**row, **dict.fromkeys(_LATER)})


def exclusions(desk: Desk, ledger: SqliteLedger) -> Iterator[ExclusionRecord]:
    """Yield every object that the plan leaves behind, with its rule and reason.

    Raises:
        LedgerDamaged: one is left behind for something that is no rule of the plan.
    """
    names = {dataset.name: _names_of(dataset) for dataset in desk.loaded.plan.datasets}
    lost = {one["object"] for one in ledger.findings() if one["code"] == Code.VANISHED_LOST}
    for dataset in sorted(ledger.datasets(), key=lambda row: row.name):
        rules = {**_RULES, **names[dataset.name]}
        for row in ledger.excluded(dataset.id):
            if row.reason not in rules:
                raise LedgerDamaged(f"object {row.number} is left out for no rule of the plan")
            is_lost = row.reason == VANISHED and row.number in lost
            rule, reason = _LOST if is_lost else rules[row.reason]
            yield {
                "dataset": dataset.name,
                "key": row.key,
                "size": row.size,
                "source_version": row.version,
                "rule": rule,
                "reason": reason,
            }


def _names_of(dataset: Dataset) -> dict[str, tuple[str, str]]:
    """Return what evidence calls each rule of a dataset, and its reason, by the ledger's word."""
    what = "globs" if all(isinstance(rule, str) for rule in dataset.include) else "rules"
    return {
        "not-included": ("not included", _NOT_INCLUDED.format(what)),
        **{
            f"exclude-{number}": (rule.said, rule.reason)
            for number, rule in enumerate(dataset.exclude)
        },
    }


def findings(ledger: SqliteLedger) -> Iterator[FindingRecord]:
    """Return every open finding, oldest first."""
    for found in ledger.findings():
        yield {
            "number": found["id"],
            "at": found["at"],
            "severity": found["severity"],
            "code": found["code"],
            "dataset": found["dataset"],
            "key": found["key"],
            "message": found["detail"],
            "step": _step(found),
        }


def _step(found: OpenFinding) -> str | None:
    """Return which step found it; None when the code is of another version."""
    code = Code.known(found["code"])
    if code is not None and code.startswith("kind-") and found["verdict"] is not None:
        return Step.TRANSFER  # listed as a plain object, and seen to be none when it was read
    return None if code is None else code.about.found
