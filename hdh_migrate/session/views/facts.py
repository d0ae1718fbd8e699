"""What a statement says beyond its lines, gathered from plan, ledger, journal and machine."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from typing import TypedDict, cast

from hdh_migrate import __version__
from hdh_migrate.clocks import Judge
from hdh_migrate.errors import KeyUnavailable
from hdh_migrate.events.batches import BatchAmended
from hdh_migrate.events.run import ExchangeTotal, RunEnded, RunStarted
from hdh_migrate.evidence.lines.facts import (
    DatasetFacts,
    Endpoint,
    Facts,
    Loss,
    ObjectCounts,
    StepPace,
)
from hdh_migrate.evidence.signatures.signing import load_trusted_key
from hdh_migrate.evidence.verifier.members import (
    RecipientFile,
    SigningFile,
    StatedFences,
    StatedLook,
)
from hdh_migrate.fidelity import EARLIER, Contract
from hdh_migrate.jsonform import ABSENT
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.model import DatasetRow, State, TargetLimits
from hdh_migrate.pipeline.projections.contracts import contracts
from hdh_migrate.pipeline.projections.facts import cutover_facts
from hdh_migrate.pipeline.projections.looks import look_facts
from hdh_migrate.pipeline.rules.placing import FeatureCounts
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.operator import operator
from hdh_migrate.session.policy.binding import (
    bound_recipients,
    fingerprint_of,
    recipients_over_time,
)
from hdh_migrate.session.policy.kept_waivers import waivers_kept
from hdh_migrate.session.policy.openings import opening_facts
from hdh_migrate.session.policy.waivers import waiver_facts
from hdh_migrate.session.views.absent import absent_facts
from hdh_migrate.session.views.attested import attestation_of
from hdh_migrate.session.views.capabilities import capabilities
from hdh_migrate.session.views.erasures import erasure_facts
from hdh_migrate.session.views.header_facts import header_facts
from hdh_migrate.session.views.proved import proved_keys
from hdh_migrate.session.views.rotations import rotation_facts
from hdh_migrate.software import code_digest
from hdh_migrate.targets.facts import profile_facts
from hdh_migrate.wiring import routes_of
from hdh_migrate.wiring.chosen import (
    endpoint_of,
    limits_of,
    profile_of,
    shipped_of,
)
from hdh_migrate.wiring.sealing import load_recipients

PACE_BINS = 60
"""Slices of time in a pace; a page of the report has room for so many bars."""

_PACES = {"transfer": "sent", "verify": "verified"}


def facts_of(
    desk: Desk, ledger: SqliteLedger, previous: str | None, fences: StatedFences | None = None
) -> Facts:
    """Return the facts of a report; `previous` is the digest of the statement before it.

    `fences` is what the target shows of who wrote there last.

    Raises:
        ClocksDiffer: this machine's clock is behind the journal, so nothing may be dated by it.
    """
    plan, rows = desk.loaded.plan, ledger.datasets()
    now = Judge(desk.clock, journal=ledger.last_at).now()
    started = [at for at, _ in ledger.events(RunStarted)]
    ended = [at for at, _ in ledger.events(RunEnded)]
    routes = routes_of(plan)
    return Facts(
        migration=plan.migration,
        plan=json.loads(desk.loaded.canonical),
        plan_digest=desk.loaded.digest,
        tool_version=__version__,
        code_sha256=code_digest(),
        written_at=now.latest,
        endpoints=endpoints_reached(desk, ledger),
        datasets=tuple(
            DatasetFacts(
                name=row.name,
                batch=row.batch,
                source=routes[row.name].source,
                target=routes[row.name].target,
                inventoried=_counts(ledger, row.id),
                closed=row.sealed,
            )
            for row in rows
        ),
        verify_level=plan.verify.level,
        seal=plan.seal.format,
        recipients=_recipients(desk, ledger),
        sealed_for=frozenset(map(len, recipients_over_time(ledger))),
        moved_before={
            name: count
            for _, amended in ledger.events(BatchAmended)
            for name, count in amended.moved_before.items()
        },
        headers=header_facts(desk.loaded.plan, ledger),
        proved=tuple(proved_keys(ledger)),
        files=_files(desk, ledger),
        signing_keys=_signing_keys(desk),
        attestation=attestation_of(desk),
        profile=profile_facts(profile_of(plan, desk.loaded.base), shipped_of(plan)),
        capabilities=capabilities(desk, ledger),
        waivers=tuple(waiver_facts(plan, desk.loaded.base, now, waivers_kept(ledger))),
        cutovers=tuple(cutover_facts(ledger)),
        looks=tuple(_looks(ledger)),
        openings=tuple(opening_facts(ledger)),
        rotations=tuple(rotation_facts(ledger)),
        erasures=tuple(erasure_facts(ledger)),
        fences=fences,
        losses=tuple(_losses(desk, ledger)),
        paces=tuple(step_paces(ledger)),
        clock_offsets=_clock_offsets(ledger),
        started_at=started[0] if started else None,
        ended_at=ended[-1] if ended else None,
        operator=operator(),
        sha256_in_transfer=ledger.sent_whole(),
        sha256_in_verify=ledger.read_whole(),
        previous_statement=previous,
    )


def _looks(ledger: SqliteLedger) -> Iterator[StatedLook]:
    """Yield the last look at each batch, with what became of all that its looks missed."""
    absent = absent_facts(ledger)
    for look in look_facts(ledger):
        known = absent.get(look["batch"])
        yield cast("StatedLook", look) if known is None else {**look, "absent": known}


def _counts(ledger: SqliteLedger, dataset: int) -> ObjectCounts:
    tally = ledger.tally(dataset, *State)
    return ObjectCounts(objects=tally.objects, bytes=tally.size)


def _recipients(desk: Desk, ledger: SqliteLedger) -> tuple[str, ...]:
    """Return for whom everything was sealed: as the journal tells, not the files of today."""
    seal = desk.loaded.plan.seal
    if not seal.encrypts:
        return ()
    if (bound := bound_recipients(ledger)) is not None:
        return tuple(fingerprint_of(raw) for raw in bound)
    # An earlier version bound none, and nothing was run since.
    return tuple(map(fingerprint_of, load_recipients(desk.loaded.plan, desk.loaded.base)))


def _files(desk: Desk, ledger: SqliteLedger) -> tuple[RecipientFile, ...]:
    """Return which recipient each file of the plan holds the public key of, none if not all do.

    The journal has keys and no files: a plan may have put them in another order since.
    """
    loaded = desk.loaded
    if not loaded.plan.seal.encrypts:
        return ()
    try:
        keys = [fingerprint_of(raw) for raw in load_recipients(loaded.plan, loaded.base)]
    except KeyUnavailable:  # a file that is not there any more holds nobody's key
        return ()
    if sorted(keys) != sorted(_recipients(desk, ledger)):
        return ()
    pairs = zip(loaded.plan.seal.recipients, keys, strict=True)
    return tuple({"file": file, "recipient": key} for file, key in pairs)


def _signing_keys(desk: Desk) -> tuple[SigningFile, ...]:
    """Return which key each file holds now that the plan names for signatures, by file.

    The terms in force, and the journal, have keys and no files. One that cannot be read is left
    out.
    """
    plan = desk.loaded.plan
    named = {path for one in (plan.approvals, plan.waivers) if one is not None for path in one.keys}
    for entry in plan.cutovers:
        named.update(() if entry.decommission is None else entry.decommission.trust)
    found: list[SigningFile] = []
    for path in sorted(named):
        with suppress(KeyUnavailable):
            key = load_trusted_key(desk.loaded.base / path)
            found.append({"file": path, "fingerprint": key.fingerprint})
    return tuple(found)


def endpoints_reached(desk: Desk, ledger: SqliteLedger) -> tuple[Endpoint, ...]:
    """Return source and target, and what passed to and from each in runs that ended."""
    plan = desk.loaded.plan
    entries = [entry for _, ended in ledger.events(RunEnded) for entry in ended.traffic]
    return (
        Endpoint(
            side="source", kind=plan.source.kind, url=plan.source.address,
            **_passed(entries, "source"),
        ),
        Endpoint(
            side="target", kind=plan.target.provider, url=endpoint_of(plan, desk.loaded.base),
            region=plan.target.region, **_passed(entries, "target"),
        ),
    )  # fmt: skip


class _Passed(TypedDict):
    bytes_read: int
    bytes_written: int
    requests: int
    addresses: tuple[str, ...]
    tls: tuple[str, ...]


def _passed(totals: Sequence[ExchangeTotal], side: str) -> _Passed:
    """Return what passed through one side, over all runs that ended."""
    entries = [entry for entry in totals if entry.side == side]
    return {
        "bytes_read": sum(entry.bytes_read for entry in entries),
        "bytes_written": sum(entry.bytes_written for entry in entries),
        "requests": sum(entry.requests for entry in entries),
        "addresses": tuple(sorted({one for entry in entries for one in entry.addresses})),
        "tls": tuple(sorted({one for entry in entries for one in entry.tls or ()})),
    }


def _losses(desk: Desk, ledger: SqliteLedger) -> Iterator[Loss]:
    """Say, where it applies, what the target does not hold beside sealed bytes."""
    limits, chosen = limits_of(desk.loaded.plan, desk.loaded.base), contracts(ledger)
    for row in ledger.datasets():
        lost = _lost(ledger, row, limits, chosen.get(row.name))
        for what, (objects, kept) in lost.items():
            if objects:
                yield Loss(dataset=row.name, what=what, objects=objects, kept=kept)


def _lost(
    ledger: SqliteLedger, row: DatasetRow, limits: TargetLimits, contract: Contract | None
) -> dict[str, tuple[int, str]]:
    """Return how many objects of a dataset lose what, and where it is kept."""
    counted = ledger.left_behind(row.id)
    # No target has this time for its own; the manifest has it whatever the contract says.
    found = {"modified": (counted.pop("modified"), "manifest")}
    counts = FeatureCounts.of(ledger.beside(row.id), limits, contract or EARLIER)
    if contract is None:
        earlier = {**counted, **{name: counts.dropped[name] for name in ("metadata", "tags")}}
        return {**found, **{name: (count, "ledger") for name, count in earlier.items()}}
    dropped = {name: (count, "ledger") for name, count in counts.dropped.items()}
    sidecar = {name: (count, "sidecar") for name, count in counts.sidecar.items()}
    return {**found, **dropped, **sidecar}


def step_paces(ledger: SqliteLedger) -> Iterator[StepPace]:
    """Slice the time between a step's first and last receipt, and add up what came in each.

    Objects count where they end, bytes of large ones where they passed.
    """
    for step, kind in _PACES.items():
        period = ledger.period(kind)
        if period is None:
            continue
        passed = ledger.passed(step, kind)
        started = min(period[0], passed.since or period[0])
        slices = _Slices(started, period[1])
        for at, objects, size in ledger.receipts(kind):
            slices.add(at, objects, size)
        for piece in passed.pieces:
            slices.add(piece.ended, 0, -piece.size)
            slices.add(piece.at, 0, piece.size)
        yield StepPace(
            step=step, started=started, ended=period[1], seconds=round(slices.seconds, 3),
            bins=tuple(ObjectCounts(*one) for one in slices.sums),
        )  # fmt: skip


class _Slices:
    """The time between two moments in slices of one length, with sums of objects and bytes."""

    def __init__(self, started: str, ended: str) -> None:
        self._first = datetime.fromisoformat(started).timestamp()
        length = datetime.fromisoformat(ended).timestamp() - self._first
        self.seconds = max(length, 1.0) / PACE_BINS
        self.sums = [[0, 0] for _ in range(PACE_BINS)]

    def add(self, at: str, objects: int, size: int) -> None:
        place = int((datetime.fromisoformat(at).timestamp() - self._first) / self.seconds)
        one = self.sums[min(place, PACE_BINS - 1)]  # the last receipt stands on the last one's end
        one[0] += objects
        one[1] += size


def _clock_offsets(ledger: SqliteLedger) -> dict[str, float]:
    """Return by how many seconds our clock was ahead of each endpoint's, as last seen."""
    return {
        entry.endpoint: entry.clock_offset
        for _, ended in ledger.events(RunEnded)
        for entry in ended.traffic
        if entry.clock_offset is not ABSENT and entry.side != "identity"
    }
