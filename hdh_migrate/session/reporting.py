"""From the ledger to a bundle of evidence. The ledger is checked before a line is written."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hdh_migrate import __version__
from hdh_migrate.errors import LedgerDamaged
from hdh_migrate.evidence.bundle import write_bundle
from hdh_migrate.evidence.facts import Counts, DatasetFacts, Endpoint, Facts
from hdh_migrate.evidence.signing import Signer, load_signer
from hdh_migrate.ledger import Ledger
from hdh_migrate.model import State, Verdict
from hdh_migrate.pipeline.work import Route
from hdh_migrate.plan.attestation import load_attestation
from hdh_migrate.plan.fields import is_loopback
from hdh_migrate.plan.sides import AzureBlob, Crypt4gh
from hdh_migrate.sealing.keys import PublicKey
from hdh_migrate.session.run import Desk, operator
from hdh_migrate.wiring import Vault, endpoint_of, identity_path, routes_of

STATEMENTS = "statements.jsonl"

_RULES = {
    "directory": ("directory", "a directory of a hierarchical namespace: it has no content"),
    "not-included": ("not included", "it matches none of the dataset's `include` globs"),
}


def write_report(desk: Desk, out: Path | None) -> dict[str, Any]:
    """Write a bundle of everything the ledger knows and return what it came to, as JSON.

    Raises:
        LedgerDamaged: the ledger does not check; no bundle is made from it.
        UsageError: `out` is in use.
    """
    ledger = desk.read_ledger()
    try:
        if ledger.meta("plan_digest") != desk.loaded.digest:
            # Raises PlanChanged with the differences.
            from hdh_migrate.plan.diff import changes

            ledger.start(desk.loaded.digest, desk.loaded.canonical, (), diff=changes)
        ledger.check()
        ledger.check_receipts()
        folder = out or _default_folder(desk)
        bundle = write_bundle(
            folder,
            records=_records(desk, ledger),
            facts=_facts(desk, ledger),
            findings=_findings(ledger),
            exclusions=_exclusions(desk, ledger),
            journal=ledger.journal(),
            signer=_signer(desk),
            languages=desk.loaded.plan.report.languages,
        )
    finally:
        ledger.close()
    _remember(desk, bundle.statement_sha256)
    return {
        "folder": str(bundle.folder),
        "objects": bundle.count,
        "root": bundle.root,
        "manifest_sha256": bundle.manifest_sha256,
        "statement_sha256": bundle.statement_sha256,
        "complete": bundle.complete,
        "proven": bundle.proven,
        "signed": bundle.signed,
    }


def _default_folder(desk: Desk) -> Path:
    stamp = desk.clock.now().replace("-", "").replace(":", "").replace(".", "")
    return desk.ledger_path.parent / "reports" / stamp


def _signer(desk: Desk) -> Signer | None:
    report = desk.loaded.plan.report
    if report.signer is None:
        return None
    vault = Vault.open(desk.loaded.base)
    phrase = report.signer_passphrase
    return load_signer(
        identity_path(report.signer, vault),
        vault.reveal(phrase).encode() if phrase is not None else None,
    )


def _records(desk: Desk, ledger: Ledger) -> Iterator[dict[str, Any]]:
    routes = routes_of(desk.loaded.plan)
    for dataset in sorted(ledger.datasets(), key=lambda row: row.name):
        route = routes[dataset.name]
        for row in ledger.records(dataset.id):
            if row["state"] is not State.EXCLUDED:
                yield _record(dataset.name, route, row)


def _record(dataset: str, route: Route, row: dict[str, Any]) -> dict[str, Any]:
    verdict = row["verdict"]
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
        "target_etag": row["etag"],
        "level": row["level"],
        "verdict": verdict,
        "verified_at": row["verified_at"],
    }


def _exclusions(desk: Desk, ledger: Ledger) -> Iterator[dict[str, Any]]:
    globs = {
        dataset.name: {
            f"exclude-{number}": (f"exclude {rule.glob}", rule.reason)
            for number, rule in enumerate(dataset.exclude)
        }
        for dataset in desk.loaded.plan.datasets
    }
    for dataset in sorted(ledger.datasets(), key=lambda row: row.name):
        rules = {**_RULES, **globs[dataset.name]}
        for row in ledger.records(dataset.id):
            if row["state"] is State.EXCLUDED:
                rule, reason = rules[row["reason"]]
                yield {
                    "dataset": dataset.name,
                    "key": row["key"],
                    "size": row["size"],
                    "rule": rule,
                    "reason": reason,
                }


def _findings(ledger: Ledger) -> Iterator[dict[str, Any]]:
    for found in ledger.findings():
        yield {
            "at": found["at"],
            "code": found["code"],
            "dataset": found["dataset"],
            "key": found["key"],
            "message": found["detail"],
            "step": None,
        }


def _facts(desk: Desk, ledger: Ledger) -> Facts:
    plan, rows = desk.loaded.plan, ledger.datasets()
    started = [at for at, _ in ledger.events("run-started")]
    ended = [at for at, _ in ledger.events("run-ended")]
    verified = sum(ledger.tally(row.id, State.VERIFIED).objects for row in rows)
    whole = ledger.sent_whole()
    routes = routes_of(plan)
    return Facts(
        migration=plan.migration,
        plan=json.loads(desk.loaded.canonical),
        plan_digest=desk.loaded.digest,
        tool_version=__version__,
        written_at=desk.clock.now(),
        endpoints=_endpoints(desk, ledger),
        datasets=tuple(
            DatasetFacts(
                name=row.name,
                batch=row.batch,
                source=routes[row.name].source,
                target=routes[row.name].target,
                inventoried=_counts(ledger, row.id),
            )
            for row in rows
        ),
        verify_level=plan.verify.level,
        inventory_closed=all(row.sealed for row in rows),
        seal=plan.seal.format,
        recipients=_recipients(desk),
        attestation=_attestation(desk),
        started_at=started[0] if started else None,
        ended_at=ended[-1] if ended else None,
        operator=operator(),
        sha256_in_transfer=whole,
        sha256_in_verify=verified - whole,
        previous_statement=_previous(desk),
    )


def _counts(ledger: Ledger, dataset: int) -> Counts:
    tally = ledger.tally(dataset, *State)
    return Counts(objects=tally.objects, bytes=tally.size)


def _recipients(desk: Desk) -> tuple[str, ...]:
    seal = desk.loaded.plan.seal
    if not isinstance(seal, Crypt4gh):
        return ()
    return tuple(PublicKey.load(desk.loaded.base / path).fingerprint for path in seal.recipients)


def _endpoints(desk: Desk, ledger: Ledger) -> tuple[Endpoint, ...]:
    plan = desk.loaded.plan
    address = plan.source.account_url if isinstance(plan.source, AzureBlob) else "folder:"
    told = [entry for _, body in ledger.events("run-ended") for entry in body["traffic"]]
    return (
        Endpoint(side="source", kind=plan.source.kind, url=address, **_passed(told, "source")),
        Endpoint(
            side="target", kind=plan.target.provider, url=endpoint_of(plan),
            region=plan.target.region, **_passed(told, "target"),
        ),
    )  # fmt: skip


def _passed(told: Sequence[Mapping[str, Any]], side: str) -> dict[str, Any]:
    """Return what passed through one side, over all runs that ended."""
    entries = [entry for entry in told if entry["side"] == side]
    sums = {
        name: sum(entry[name] for entry in entries)
        for name in ("bytes_read", "bytes_written", "requests")
    }
    seen = {address for entry in entries for address in entry["addresses"]}
    return {**sums, "addresses": tuple(sorted(seen))}


def _attestation(desk: Desk) -> dict[str, Any] | None:
    reference = desk.loaded.plan.target.attestation
    if reference is None or is_loopback(endpoint_of(desk.loaded.plan)):
        return None  # a rehearsal is not attested, so nothing has judged the file
    loaded = load_attestation(desk.loaded.base / reference)
    return {
        "reference": reference,
        "sha256": loaded.sha256,
        **loaded.attestation.model_dump(mode="json"),
    }


def _previous(desk: Desk) -> str | None:
    path = desk.ledger_path.with_name(STATEMENTS)
    if not path.exists():
        return None
    lines = path.read_text().splitlines()
    try:
        return str(json.loads(lines[-1])["statement_sha256"]) if lines else None
    except (ValueError, KeyError, TypeError) as error:
        raise LedgerDamaged(f"{path}: its last line is not a statement's digest") from error


def _remember(desk: Desk, statement: str) -> None:
    """Append the statement's digest, so that the next bundle names it."""
    path = desk.ledger_path.with_name(STATEMENTS)
    line = json.dumps({"at": desk.clock.now(), "statement_sha256": statement}) + "\n"
    with path.open("a") as file:
        path.chmod(0o600)
        file.write(line)
