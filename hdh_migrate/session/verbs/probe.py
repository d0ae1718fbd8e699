"""Probe a plan's target: try it under one throw-away prefix, remove that, and keep the record.

The prefix is in the journal before anything is written, so that what a killed probe left behind
is found and removed by the next one.
"""

from __future__ import annotations

import secrets

from hdh_migrate import __version__
from hdh_migrate.errors import Exit, Interrupted, UsageError
from hdh_migrate.events.run import ProbeEnded, ProbeStarted, TargetProbed
from hdh_migrate.evidence.signatures.dsse import STATEMENT, STATEMENT_TYPE
from hdh_migrate.fixity import canonical_json, sha256_hex
from hdh_migrate.jsonform import ABSENT
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.results.hosts import Probed, ProbeIntention, ProbeRecord
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.policy import keyring
from hdh_migrate.session.policy.bound_ledger import journal_of
from hdh_migrate.session.policy.target_alone import admitted, judge_of
from hdh_migrate.session.views.probed import keep_probe, missing, notes, probed_by
from hdh_migrate.targets.probing.bench import ROOT, Bench
from hdh_migrate.targets.probing.keeping import LOCK_SECONDS, ahead, lock_claims
from hdh_migrate.targets.probing.prober import CHECKS, NOT_TRIED, look, observe
from hdh_migrate.targets.probing.record import FORMAT, differences
from hdh_migrate.targets.s3_endpoint import S3Endpoint
from hdh_migrate.telemetry import counted
from hdh_migrate.wiring import Vault
from hdh_migrate.wiring.chosen import endpoint_of, profile_of

COMPLIANCE = (
    "where the bucket has object lock and the profile claims the mode, one object of 4 bytes is put"
    f" under a compliance lock of {LOCK_SECONDS} s: it stays until that ends, and nobody can remove"
    " it before; a host that counts in days keeps it for a day"
)
"""Said before a compliance lock is tried."""


def probe(
    desk: Desk, bucket: str | None, *, dry_run: bool, compliance: bool = False
) -> tuple[Exit, Probed | ProbeIntention]:
    """Find out what the plan's target does; return the exit code and the record.

    With `compliance` a lock is tried that nobody can lift before it ends.

    Raises:
        Refused: the target is not attested, or what is written there could not be removed.
        UsageError: the bucket is not one of the plan's, or the plan has several.
        Interrupted: told to stop; what was written is removed, and no record is kept.
    """
    plan = desk.loaded.plan
    chosen = _bucket(desk, bucket)
    if dry_run:
        return Exit.OK, _intention(desk, chosen, compliance=compliance)
    endpoint = admitted(desk)
    with journal_of(desk, judge_of(desk, endpoint)) as ledger:
        swept = _sweep(desk, endpoint, ledger)
        prefix = f"{ROOT}{secrets.token_hex(8)}/"
        bench = _bench(desk, endpoint, chosen, prefix, compliance=compliance)
        if compliance:
            desk.progress.note(COMPLIANCE)
        record = _observed(desk, bench, ledger, endpoint, swept)
        signer = keyring.signer_of(plan, Vault.open(desk.loaded.base))
        envelope = None
        if signer is not None:
            statement = canonical_json(_statement(desk, record))
            envelope = signer.sign(STATEMENT_TYPE, statement)
        # Told first: a report takes a record only if the journal knows of it.
        ledger.event(TargetProbed(record_sha256=sha256_hex(canonical_json(record))))
        ledger.commit()
        kept = keep_probe(desk.state_dir, plan, record, envelope)
    refusals = [str(problem) for problem in missing(plan, record)]
    worse = record["differences"] or record["left"] != 0 or refusals
    code = Exit.FINDINGS if worse else Exit.OK
    probed: Probed = {
        **record,
        "kept": str(kept),
        "signed": signer is not None,
        "refusals": refusals,
        "notes": notes(plan, desk.loaded.base, record),
        "exit": int(code),
    }
    return code, probed


def _bucket(desk: Desk, wanted: str | None) -> str:
    buckets = list(dict.fromkeys(dataset.target.bucket for dataset in desk.loaded.plan.datasets))
    if wanted is not None:
        return wanted
    if len(buckets) > 1:
        raise UsageError(
            f"the plan has {counted(len(buckets), 'target bucket')}",
            hint=f"say which one may be written to, such as --bucket {buckets[0]}",
        )
    return buckets[0]


def _intention(desk: Desk, bucket: str, *, compliance: bool) -> ProbeIntention:
    plan = desk.loaded.plan
    return {
        "dry_run": True,
        "endpoint": endpoint_of(plan, desk.loaded.base),
        "region": plan.target.region,
        "bucket": bucket,
        "prefix": f"{ROOT}RANDOM/",
        "would_observe": [name for row in CHECKS for name in row.names],
        "would_not_try": dict(NOT_TRIED),
        "would_note": [COMPLIANCE] if compliance else [],
        "exit": int(Exit.OK),
    }


def _bench(
    desk: Desk, endpoint: S3Endpoint, bucket: str, prefix: str, *, compliance: bool = False
) -> Bench:
    profile = profile_of(desk.loaded.plan, desk.loaded.base)
    claims = {name: claim.value for name, claim in profile.capabilities.items()}
    return Bench(
        endpoint, bucket, prefix, claims | lock_claims(claims),
        wait=desk.stop.wait, consents_to_compliance=compliance,
    )  # fmt: skip


def _sweep(desk: Desk, endpoint: S3Endpoint, ledger: SqliteLedger) -> int:
    """Remove what earlier probes of this ledger left behind; return how many had left something."""
    here = endpoint_of(desk.loaded.plan, desk.loaded.base)
    open_ = {
        (event.bucket, event.prefix)
        for _, event in ledger.events(ProbeStarted)
        if event.endpoint == here
    }
    done = {
        (event.bucket, event.prefix) for _, event in ledger.events(ProbeEnded) if event.left == 0
    }
    left = sorted(open_ - done)
    for bucket, prefix in left:
        remains = _bench(desk, endpoint, bucket, prefix).clear()
        ledger.event(ProbeEnded(bucket=bucket, prefix=prefix, left=remains, swept=True))
        ledger.commit()
        verb = "removed" if remains == 0 else "could not remove all of"
        desk.progress.note(f"{verb} what an earlier probe left in bucket {bucket}")
    return len(left)


def _observed(
    desk: Desk, bench: Bench, ledger: SqliteLedger, endpoint: S3Endpoint, swept: int
) -> ProbeRecord:
    look(bench)
    plan = desk.loaded.plan
    bucket, prefix = bench.bucket, bench.prefix
    here = endpoint_of(plan, desk.loaded.base)
    ledger.event(ProbeStarted(bucket=bucket, prefix=prefix, endpoint=here))
    ledger.commit()
    desk.progress.step("probe", f"{bucket}/{prefix}", objects=0, size=0)
    observations = []
    left: int | None = None
    try:
        for observation in observe(bench, stopped=desk.stop.is_set):
            observations.append(observation)
            desk.progress.advance(1, 0)
        offsets = judge_of(desk, endpoint).ahead().values()
        observations.append(ahead(next(iter(offsets), None)))
    finally:
        left = bench.clear()
        ledger.event(ProbeEnded(bucket=bucket, prefix=prefix, left=left, swept=ABSENT))
        ledger.commit()
    if desk.stop.is_set():
        rest = "is removed" if left == 0 else "could not all be removed; the next probe tries again"
        raise Interrupted(f"stopped; what the probe had written {rest}, and no record is kept")
    profile = profile_of(plan, desk.loaded.base)
    observed = [one.as_json(bench.claims) for one in observations]
    return {
        "format": FORMAT,
        "at": desk.clock.now(),
        "tool": __version__,
        "endpoint": here,
        "region": plan.target.region,
        "provider": plan.target.provider,
        "profile_as_of": profile.as_of,
        "bucket": bucket,
        "credential": probed_by(Vault.open(desk.loaded.base).reveal(plan.target.credential.id)),
        "prefix": prefix,
        "requests": bench.requests,
        "left": left,
        "observations": observed,
        "differences": [one["name"] for one in differences(observed)],
        "swept": swept,
    }


def _statement(desk: Desk, record: ProbeRecord) -> dict[str, object]:
    return {
        "_type": STATEMENT,
        "subject": [{"name": "plan", "digest": {"sha256": desk.loaded.digest}}],
        "predicateType": FORMAT,
        "predicate": dict(record),
    }
