"""Carry out the end of a batch at the source: evidence, approvals and the eraser put together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from hdh_migrate.clocks import Judge
from hdh_migrate.errors import EvidenceDamaged, KeyUnavailable, Refused, UsageError
from hdh_migrate.events.cutover import Track
from hdh_migrate.events.decommission import PresentedEvidence
from hdh_migrate.evidence.check import examine
from hdh_migrate.evidence.signatures.signing import load_trusted_key
from hdh_migrate.fixity import canonical_json, sha256_hex
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.pipeline.context import Context
from hdh_migrate.pipeline.decommission import decommission as story
from hdh_migrate.pipeline.decommission.undertaking import ShownEvidence, Undertaking
from hdh_migrate.pipeline.projections.standing import standing
from hdh_migrate.plan.cutover import Cutover, Decommission
from hdh_migrate.ports.switching import Eraser
from hdh_migrate.results.switches import Decommissioned, DecommissionForecast
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.operator import operator
from hdh_migrate.session.policy import gate, health
from hdh_migrate.session.policy.binding import untried_recipients
from hdh_migrate.session.policy.bound_ledger import held_ledger
from hdh_migrate.session.policy.buckets import buckets_of
from hdh_migrate.session.policy.consents import Consents
from hdh_migrate.session.policy.erased import erasures, left_alone
from hdh_migrate.session.policy.fencing import not_the_writer
from hdh_migrate.session.policy.rotating import demand_no_rotation
from hdh_migrate.session.policy.shared_sources import wanted_elsewhere
from hdh_migrate.session.policy.terms import verifiers
from hdh_migrate.session.policy.timekeeping import dated_ahead, judge_for
from hdh_migrate.session.verbs import hold as holding
from hdh_migrate.session.verbs.backup import copied_after
from hdh_migrate.session.verbs.cutover import entry_of
from hdh_migrate.session.verbs.run import Turn, self_test
from hdh_migrate.session.views.proved import key_trials
from hdh_migrate.session.views.records import batch_root
from hdh_migrate.telemetry import counted
from hdh_migrate.wiring import Services, open_eraser, open_pointer


def forecast(
    desk: Desk, batch: str, bundle: Path | None, *, quick: bool = False
) -> DecommissionForecast:
    """Return what would be deleted and what stands against it; nothing is written anywhere.

    The target is read again for it, unless it is `quick`.

    Raises:
        UsageError: the plan has no such batch, or does not say how it is decommissioned.
        MigrateError: a side could not be asked; see `pipeline.decommission.decommission.forecast`.
    """
    entry, section = _section(desk, batch)
    services = _services(desk, section, reads=not quick)
    judge = judge_for(desk.clock, [services], desk.ledger_path)
    gate.opened(services, desk.loaded.plan, judge)
    ledger = desk.read_ledger()
    try:
        ctx = desk.context(services, ledger, judge, dry=True)
        # What could delete is not even built.
        undertaking = _undertaking(desk, services, ctx, ledger, entry, section, None, bundle)
        against = _alone(desk, ledger, batch)
        _note_untried(desk, ledger, services)
        found = story.forecast(undertaking, quick=quick)
    finally:
        ledger.close()
    return {**found, "blockers": [*against, *found["blockers"]]}


def execute(
    desk: Desk, batch: str, bundle: Path | None, typed: Sequence[str], *, keep_going: bool = False
) -> Decommissioned:
    """Delete the batch's verified objects at the source, each at its inventoried version.

    `typed` are the names that `names_of` gives, as somebody typed them. With `keep_going` what
    the target does not hold any more stays and the rest goes.

    Raises:
        UsageError: they are not.
        MigrateError: see `pipeline.decommission.decommission.execute`.
    """
    _section(desk, batch)
    names = names_of(desk, batch)
    if sorted(typed) != sorted(names):
        raise UsageError(
            "the names that were typed are not those of the batch's datasets",
            hint=f"there are {len(names)} to type, one at a time; nothing was deleted",
        )
    with copied_after(desk), _opened(desk, batch, bundle, reads=True) as undertaking:
        return story.execute(undertaking, keep_going=keep_going)


def observe(desk: Desk, batch: str) -> Decommissioned:
    """List what the source still shows of the batch, in any form, and write it down.

    Raises:
        MigrateError: see `pipeline.decommission.decommission.observe`.
    """
    with copied_after(desk), _opened(desk, batch, None, reads=False) as undertaking:
        return story.observe(undertaking)


def _alone(desk: Desk, ledger: SqliteLedger, batch: str) -> list[str]:
    """Say which datasets stay at the source, for their headers were erased; return what is against.

    Something is: one is still being erased, or nothing is left of the batch.
    """
    try:
        for line in left_alone(ledger, [batch]):
            desk.progress.note(f"{line}, and so is whatever its source holds of it")
    except Refused as why:
        return [str(why)]
    return []


def _note_untried(desk: Desk, ledger: SqliteLedger, services: Services) -> None:
    """Say how many keys would stand alone if this machine's were lost, and the source is gone.

    One that opened something once may be lost since: so when that was is said, too.
    """
    own = services.envelopes.identity
    tried = [f"{one['recipient']} on {one['proved'][:10]}" for one in key_trials(ledger)
             if one["proved"] is not None and one["recipient"] != own]  # fmt: skip
    if tried:
        desk.progress.note(
            f"recipients' private keys were last seen to open anything: {', '.join(tried)}; where"
            ' that is long ago, try them again: "hdh-migrate keys drill PLAN --key FILE"'
        )
    untried = [one for one in untried_recipients(ledger) if one != own]
    if untried:
        keys = counted(len(untried), "recipient's private key was", "recipients' private keys were")
        desk.progress.note(
            f"{keys} never seen to open anything ({', '.join(untried)}); before the source is gone,"
            ' try each: "hdh-migrate keys drill PLAN --key FILE"'
        )


def names_of(desk: Desk, batch: str) -> list[str]:
    """Return the names of a batch's datasets but of those whose headers were erased: they stay.

    Raises:
        UsageError: there is no such batch.
        Refused: one is still being erased, or nothing is left of the batch.
    """
    desk.batches([batch])
    ledger = desk.read_ledger()
    try:
        left_alone(ledger, [batch])
        gone = erasures(ledger)
    finally:
        ledger.close()
    planned = next(one.datasets for one in desk.loaded.plan.batches if one.name == batch)
    return [name for name in planned if name not in gone]


def shown(
    desk: Desk,
    ledger: SqliteLedger,
    judge: Judge,
    section: Decommission,
    bundle: Path | None,
    batch: str,
    root: str,
) -> ShownEvidence:
    """Return which bundle this is, and what it lacks to prove a batch with this manifest root.

    The terms in force tell whose signatures count: a key file may hold another key by now.
    """
    if bundle is None:
        return ShownEvidence(["none was given: --evidence BUNDLE"])
    terms = standing(ledger.cutovers(), batch).terms
    fixed = None if terms is None else terms.decommission
    try:
        if fixed is not None:
            trusted, signatures = verifiers(fixed.trust), fixed.signatures
        else:  # a dry run before anything was fixed; an execution fixes it first
            trusted = [load_trusted_key(desk.loaded.base / path) for path in section.trust]
            signatures = section.signatures
        outcome = examine(bundle, trusted, signatures)
        if outcome.problems:
            return ShownEvidence(outcome.problems)
        predicate = outcome.predicate  # not read again: it may be another one by now
    except (KeyUnavailable, EvidenceDamaged) as error:
        return ShownEvidence([str(error)])
    ahead = dated_ahead(bundle, predicate, judge.now())
    if predicate["plan"]["digest"]["sha256"] != desk.loaded.digest:
        ahead.append("it is of another plan, or the plan was changed since")
    journal = predicate["journal"]
    if not ledger.goes_on_from(journal["events"], journal["head"]):
        ahead.append(
            "its journal is not the beginning of the ledger's: an older copy was put back, or the"
            " ledger was written anew since"
        )
    found = next((one for one in predicate["batches"] if one["name"] == batch), None)
    if found is None or not found["proven"]:
        ahead.append(
            f"it does not prove batch {batch}: not every object is verified at level full. A waived"
            ' object is not proven: fix its cause, "run PLAN --retry-failed", and write a new'
            " report"
        )
    elif found["merkle_root"] != root:
        ahead.append("its manifest is not the one of the ledger: write a new report")
    presented = PresentedEvidence(
        # The payload that was signed: it is in its one spelling, or nothing was judged.
        statement=sha256_hex(canonical_json(outcome.statement)),
        written=predicate["times"]["written"], events=journal["events"], head=journal["head"],
    )  # fmt: skip
    return ShownEvidence(ahead, presented)


def _section(desk: Desk, batch: str) -> tuple[Cutover, Decommission]:
    entry = entry_of(desk, batch)
    if entry.decommission is None:
        raise UsageError(
            f"the plan does not say how batch {batch} is decommissioned",
            hint="give its entry in `cutovers` a `decommission`; until then nothing can be deleted",
        )
    return entry, entry.decommission


@contextmanager
def _opened(desk: Desk, batch: str, bundle: Path | None, *, reads: bool) -> Iterator[Undertaking]:
    entry, section = _section(desk, batch)
    desk.read_ledger().close()  # a ledger is never made here
    services = _services(desk, section, reads=reads)
    eraser = services.take(open_eraser(desk.loaded.plan, section, services.vault, services.sources))
    judge = judge_for(desk.clock, [services], desk.ledger_path)
    gate.opened(services, desk.loaded.plan, judge)  # asks for the time, see `cutover._scene`
    with (
        held_ledger(desk, judge) as ledger,
        Turn(desk=desk, opened=[services], ledger=ledger, judge=judge) as turn,
    ):
        against = _alone(desk, ledger, batch)
        if reads:  # what is only observed was agreed to before
            demand_no_rotation(ledger)
            if against:
                raise Refused(against[0], hint="nothing was deleted")
            _note_untried(desk, ledger, services)
            Consents(desk, ledger, judge, batch).settle()
        yield _undertaking(desk, services, turn.ctx, ledger, entry, section, eraser, bundle)


def _services(desk: Desk, section: Decommission, *, reads: bool) -> Services:
    # Who may delete at the source could not write the target as well.
    services = desk.services(write=False, looks=False)
    if reads and section.recheck == "full":
        self_test(services)  # a key that opens nothing would call every object a wrong one
    return services


def _undertaking(
    desk: Desk,
    services: Services,
    ctx: Context,
    ledger: SqliteLedger,
    entry: Cutover,
    section: Decommission,
    eraser: Eraser | None,
    bundle: Path | None,
) -> Undertaking:
    plan = desk.loaded.plan
    pointer = plan.pointer(entry.batch)
    assert pointer is not None, "the loader demands a pointer of every batch that is cut over"
    buckets = buckets_of(plan, [entry.batch])
    return Undertaking(
        ctx=ctx,
        batch=entry.batch,
        track=Track.CUTOVER,
        user=operator(),
        root=lambda: batch_root(desk, ledger, entry.batch),
        consent=Consents(desk, ledger, ctx.judge, entry.batch, writes=eraser is not None),
        held=lambda: holding.holder(desk),
        eraser=eraser,
        pointer=services.take(open_pointer(plan, pointer, services.vault, desk.ledger_path.parent)),
        attested=lambda: [str(one) for one in gate.opened(services, plan, ctx.judge)],
        unfit=partial(desk.retrying(), partial(health.unfit, services, plan, buckets, ctx.judge)),
        wanted=partial(wanted_elsewhere, desk, ledger, entry.batch),
        fenced=not_the_writer(desk, ledger, services.reader, [entry.batch]),
        level=section.recheck,
        reason=section.recheck_reason,
        within_seconds=section.recheck_within_seconds,
        evidence=partial(shown, desk, ledger, ctx.judge, section, bundle, entry.batch),
        cooling_seconds=section.cooling_seconds,
        connections=plan.engine.connections,
    )
