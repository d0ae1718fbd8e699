"""Archived objects: what bringing them back takes, and bringing them back until they are moved."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

from hdh_migrate.codes import gravest
from hdh_migrate.errors import Exit, Interrupted, UsageError
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.model import Archived, ArchivedObject, ArchiveFacts, DatasetRow, Place, Step
from hdh_migrate.pipeline.inventory.rehydrating import PORTION, Rehydrating, looked
from hdh_migrate.plan.rehydration import Rehydration
from hdh_migrate.results.archives import (
    ArchivedDataset,
    Rehydrated,
    RehydrationCost,
    RehydrationForecast,
)
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.operator import operator
from hdh_migrate.session.policy.fencing import demand_the_writer
from hdh_migrate.session.verbs.run import at_work, perform
from hdh_migrate.telemetry import counted
from hdh_migrate.wiring import Vault, archive_facts, open_rehydrator

GB: Final = 10**9
ARCHIVED_AGAIN: Final = (
    "a lifecycle rule of the account that archives by the time of the last change would archive"
    " them again, for bringing them back does not change it: switch such rules off, or have them"
    " wait by `daysAfterLastTierChangeGreaterThan`, until the batch is verified"
)


def forecast(desk: Desk, selected: Sequence[str]) -> RehydrationForecast:
    """Say what is archived, and what bringing it back takes; nobody is asked, nothing is written.

    Raises:
        UsageError: no inventory was made here, or there is no such batch.
        Refused: the plan's source has no archive tier.
    """
    facts = archive_facts(desk.loaded.plan, desk.sources)
    desk.batches(selected)
    section = desk.loaded.plan.rehydrate
    ledger = desk.read_ledger()
    try:
        datasets = [
            counted for row in _rows(ledger, selected) if (counted := _counted(ledger, row, facts))
        ]
    finally:
        ledger.close()
    objects, size = sum(one["objects"] for one in datasets), sum(one["bytes"] for one in datasets)
    priority = "standard" if section is None else section.priority
    known = facts.priorities[priority]
    large = sum(one["larger"] for one in datasets)
    hours = None if large else known.hours
    if known.bytes_per_hour and hours is not None:
        hours = max(hours, size / known.bytes_per_hour)
    return {
        "executed": False,
        "datasets": datasets,
        "objects": objects,
        "bytes": size,
        "tier": "hot" if section is None else section.tier,
        "priority": priority,
        "hours_at_most": hours,
        "hours_from": known.hours_from,
        "cost": _cost(facts, section, priority, objects, size),
        "notes": _notes(facts, section, objects, large),
    }


def execute(desk: Desk, selected: Sequence[str], *, wait: bool) -> Rehydrated:
    """Ask for what is archived, wait until it is readable, and send it; the same again goes on.

    Raises:
        UsageError: the plan does not say who may ask.
        Interrupted: asked to stop; what was asked for comes all the same.
        MigrateError: something stands against it, or a side could not be asked.
    """
    section = desk.loaded.plan.rehydrate
    if section is None:
        raise UsageError(
            "the plan does not say who may ask for archived objects",
            hint="give it a `rehydrate` with a credential of its own; nothing was asked for",
        )
    result: Rehydrated = {
        "executed": True, "asked": 0, "coming": 0, "readable": 0, "moot": 0, "refused": {},
        "archived_again": 0, "exit": int(Exit.OK),
    }  # fmt: skip
    refused: Counter[str] = Counter()
    waits: list[tuple[Place, ArchivedObject]] = []
    with at_work(desk, ("rehydrate",), selected, write=False) as turn:
        services = turn.opened[-1]
        # What a newer copy asked for is paid already, and on its way.
        demand_the_writer(desk, turn.ledger, turn.ctx.reader, selected)
        opened = open_rehydrator(desk.loaded.plan, section, services.vault, services.sources)
        rehydrator = services.take(opened)
        asks = Rehydrating(
            ctx=turn.ctx, rehydrator=rehydrator, tier=section.tier, priority=section.priority,
            user=operator(),
        )  # fmt: skip
        for batch in desk.batches(selected):
            if not selected or batch.name in selected:
                found = asks.ask(batch.name)
                result["asked"] += found.asked
                result["readable"] += found.readable
                result["moot"] += found.moot
                refused += found.refused
                waits += found.waits
        asked = counted(result["asked"], "archived object")
        desk.progress.note(f"asked for {asked}, {_coming(waits)}")
    result["refused"], result["coming"] = dict(refused), len(waits)
    codes = [Exit.FINDINGS] if refused else []
    if result["readable"] or result["moot"]:
        codes.append(_move(desk, selected))
    while wait and waits:
        if desk.stop.wait(section.poll_seconds):
            raise Interrupted(
                f"stopped; {_coming(waits, 'archived object')} all the same",
                hint='continue with the same command: "hdh-migrate rehydrate PLAN --execute"',
            )
        came, waits, again = _sorted(desk, section, waits)
        result["readable"] += came
        result["archived_again"] += again
        readable = counted(came, "archived object has", "archived objects have")
        desk.progress.note(f"{readable} become readable, {_coming(waits)}")
        if came:
            codes.append(_move(desk, selected))
    result["coming"] = len(waits)
    if result["archived_again"]:
        codes.append(Exit.FINDINGS)
    result["exit"] = int(gravest(codes))
    return result


def _sorted(
    desk: Desk, section: Rehydration, waits: list[tuple[Place, ArchivedObject]]
) -> tuple[int, list[tuple[Place, ArchivedObject]], int]:
    """Look how far each is, with the credentials of now: what was read hours ago may have ended."""
    came, left, again = 0, [], 0
    plan, vault = desk.loaded.plan, Vault.open(desk.loaded.base)
    rehydrator = open_rehydrator(plan, section, vault, desk.sources).thing
    for place, obj, stands in looked(rehydrator, waits, desk.retrying()):
        match stands:
            case Archived.COMING:
                left.append((place, obj))
            case Archived.ARCHIVED:
                again += 1
            case _:
                came += 1
    return came, left, again


def _move(desk: Desk, selected: Sequence[str]) -> Exit:
    """Look again at what was archived, and send what is readable."""
    return perform(desk, [Step.INVENTORY, Step.TRANSFER], selected)[0]


def _rows(ledger: SqliteLedger, selected: Sequence[str]) -> list[DatasetRow]:
    rows = [row for row in ledger.datasets() if not selected or row.batch in selected]
    return sorted((row for row in rows if row.sealed), key=lambda row: row.name)


def _counted(ledger: SqliteLedger, row: DatasetRow, facts: ArchiveFacts) -> ArchivedDataset | None:
    objects = size = larger = 0
    limit = min(one.of_objects_below for one in facts.priorities.values())
    for portion in ledger.archived(row.id, PORTION):
        objects += len(portion)
        size += sum(one.size for one in portion)
        larger += sum(one.size >= limit for one in portion)
    if not objects:
        return None
    return {
        "dataset": row.name, "batch": row.batch, "objects": objects, "bytes": size,
        "larger": larger,
    }  # fmt: skip


def _cost(
    facts: ArchiveFacts, section: Rehydration | None, priority: str, objects: int, size: int
) -> RehydrationCost:
    listed = facts.priorities[priority]
    own = None if section is None else section.price
    per_gb, per_10000, currency = listed.per_gb, listed.per_10000, listed.currency
    if own is not None:
        per_gb, per_10000 = _number(own.per_gb), _number(own.per_10000)
        currency = own.per_gb.rpartition(" ")[2]
    amount = None
    if per_gb is not None and per_10000 is not None:
        amount = round(size / GB * per_gb + objects / 10_000 * per_10000, 2)
    return {
        "amount": amount,
        "known": amount is not None,
        "currency": currency,
        "per_gb": per_gb,
        "per_10000": per_10000,
        "as_of": facts.as_of if own is None else None,
        "source": listed.price_from if own is None else "the plan (rehydrate.price)",
    }


def _number(money: str) -> float:
    return float(money.partition(" ")[0])


def _coming(waits: Sequence[object], what: str = "") -> str:
    """Say how many are on their way."""
    several = f"{what}s are" if what else "are"
    return f"{counted(len(waits), f'{what} is'.strip(), several)} coming"


def _notes(facts: ArchiveFacts, section: Rehydration | None, objects: int, large: int) -> list[str]:
    if not objects:
        return []
    notes = [
        ARCHIVED_AGAIN,
        (
            f"what was archived less than {counted(facts.early_deletion_days, 'day')} ago costs the"
            " rest of them; from then on each object is stored at the price of its new tier"
        ),
    ]
    if large:
        notes.append(f"of {counted(large, 'large object')} nobody says how long they take")
    if section is None:
        notes.append("the plan has no `rehydrate`: standard priority is assumed, to the hot tier")
    return notes
