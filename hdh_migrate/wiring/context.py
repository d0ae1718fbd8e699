"""What the steps of one run share, put together from a plan's adapters."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from functools import partial

from hdh_migrate.clocks import Judge
from hdh_migrate.events.adoption import LedgerAdopted
from hdh_migrate.fixity import sha256_hex
from hdh_migrate.model import Place
from hdh_migrate.pipeline.binding import Binder, moments
from hdh_migrate.pipeline.context import Context, Engines
from hdh_migrate.pipeline.excused import Waivers
from hdh_migrate.pipeline.fences.held_fence import HeldFence
from hdh_migrate.pipeline.pace.course import Course
from hdh_migrate.pipeline.pace.crew import Crew
from hdh_migrate.pipeline.pace.metering import Metering
from hdh_migrate.pipeline.pace.pace_keeping import PaceKeeper
from hdh_migrate.pipeline.planning import paced
from hdh_migrate.pipeline.projections.contracts import contracts
from hdh_migrate.pipeline.retrying import Retrying, SharedPause
from hdh_migrate.pipeline.tags import marks
from hdh_migrate.plan.model import Plan
from hdh_migrate.ports.ledger import Ledger
from hdh_migrate.ports.run import Clock, Progress
from hdh_migrate.ports.stores import ListingDigest
from hdh_migrate.wiring.engines import OpenEngine
from hdh_migrate.wiring.readings import moments_of, pace_of, packs_of, routes_of, rules_of
from hdh_migrate.wiring.services import Services
from hdh_migrate.wiring.workers import config_of

RUN_TAG = "run_tag"
"""What the ledger calls the word that marks every object of ours at the target: its own name."""


def retrying(plan: Plan, clock: Clock, stop: threading.Event) -> Retrying:
    """Return the retry policy of one verb."""
    pause = SharedPause(clock.monotonic, stop)
    return Retrying(budget=plan.limits.retry_budget_seconds, pause=pause, halt=stop)


def _apart(services: Services, place: Place, unwanted: Callable[[], bool]) -> ListingDigest | None:
    """List again in a process of its own; what that needs is imported when a listing is long."""
    from hdh_migrate.wiring.apart import list_apart

    return list_apart(services, place, unwanted)


def context_of(
    services: Services,
    ledger: Ledger,
    judge: Judge,
    *,
    canonical: bytes,
    clock: Clock,
    progress: Progress,
    stop: threading.Event,
    engines: Mapping[str, OpenEngine],
    waivers: Waivers,
    crew: Crew,
    course: Course,
    fence: HeldFence,
    meter: Metering,
    paces: PaceKeeper,
) -> Context:
    """Return what the steps of one run share; its ledger is bound to the plan by now.

    Engines, of `engines` by their kind, are started when there is work for them.
    """
    plan, run_tag = services.plan, ledger.meta(RUN_TAG)
    counted = moments_of(plan, moments(ledger), judge.unchecked().latest)
    rules = rules_of(plan, services.vault.base, counted)
    assert run_tag is not None
    write = services.writer is not None
    adopted = frozenset(event.ledger for _, event in ledger.events(LedgerAdopted))
    return Context(
        ledger=ledger,
        source=services.source,
        reader=services.reader,
        writer=services.writer,
        envelopes=services.envelopes,
        limits=paced(services.limits, pace_of(plan)),
        routes=routes_of(plan),
        rules=rules,
        header=services.envelopes.header_size,
        sealed=plan.seal.encrypts,
        level=plan.verify.level,
        run_tag=run_tag,
        retry=retrying(plan, clock, stop),
        clock=clock,
        judge=judge,
        progress=progress,
        stop=stop,
        crew=crew,
        course=course,
        due={batch.name: day for batch in plan.batches if (day := plan.done_by(batch)) is not None},
        binder=Binder(plan=json.loads(canonical), recipients=services.recipients, moments=counted),
        waivers=waivers,
        packs=packs_of(plan, services.vault.base),
        apart=partial(_apart, services),
        fence=fence,
        adopted=adopted,
        contracts=contracts(ledger),
        meter=meter,
        paces=paces,
        marks=marks(plan.migration, sha256_hex(canonical)),
        engines=Engines(
            lambda role: engines[plan.engine.kind](
                config_of(
                    plan, role, services.vault, run_tag,
                    epoch=fence.epoch, write=write,
                    admitted=services.admitted, limits=services.limits,
                    recipients=services.recipients, adopted=adopted,
                ),
                plan,
            )
        ),
    )  # fmt: skip
