"""Erase what opens a dataset: its header packs at both places, and the ledger's headers.

Nothing takes it back. So everything is looked at just before: each pack at the target and its
copy, locks, grants, where the cutover stands, and whether the source still has all of it; and
somebody else has agreed to exactly this.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from hdh_migrate.clocks import Judge
from hdh_migrate.errors import ApprovalMissing, Exit, Refused
from hdh_migrate.events.erasure import HeadersErased, HeadersErasing
from hdh_migrate.evidence.signatures.approval_stages import ApprovalStage
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.pipeline.context import Context
from hdh_migrate.pipeline.cutover.scene import Consent
from hdh_migrate.pipeline.fences.fencing import Fencing
from hdh_migrate.pipeline.fences.signposts import erased, put_up
from hdh_migrate.pipeline.own_files.folder_packs import FolderPacks, named_before
from hdh_migrate.pipeline.rotation.header_erasure import NO_FOLDER, STILL_THERE, HeaderErasure
from hdh_migrate.results.erasure import DatasetErased, ErasureForecast
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.operator import operator
from hdh_migrate.session.policy import gate
from hdh_migrate.session.policy.bound_ledger import held_ledger
from hdh_migrate.session.policy.consents import Consents
from hdh_migrate.session.policy.erased import erasures
from hdh_migrate.session.policy.erasure import (
    ONLY_COPY,
    PlannedErasure,
    erasure_blockers,
    only_copy,
    planned_erasure,
    source_lacks,
    standing_grants,
)
from hdh_migrate.session.policy.meant import demand_meant
from hdh_migrate.session.policy.unswitched import led_to_target
from hdh_migrate.session.verbs import hold as holding
from hdh_migrate.session.verbs.backup import copied_after
from hdh_migrate.session.verbs.run import Turn, fenced_for, self_test
from hdh_migrate.session.views.earlier_copies import earlier_copies
from hdh_migrate.wiring import Services

STEP = "erase"
NOTHING = "nothing was erased"
BOUNDS = (
    (
        "the bodies are at the target as they were, and nobody opens them; their keys, and files of"
        " the sidecar, still tell names and metadata: delete them at the host when you like"
    ),
    (
        "not erased, because nobody here can: what the host keeps of deleted versions, its backups"
        " and its replicas; backups of the second copy's folder; copies of the ledger made"
        " before (destroy them: they open the dataset still); what readers kept"
    ),
)
"""What an erasure does not do, in words."""


def forecast(desk: Desk, dataset: str, although: Sequence[str]) -> ErasureForecast:
    """Return what would be erased and what the ledger has against it; nobody is asked.

    Raises:
        UsageError, Refused: there is no such erasure (see `policy.erasure.planned_erasure`).
    """
    ledger = desk.read_ledger()
    try:
        with ledger.snapshot():
            erasure = planned_erasure(desk, ledger, dataset, although)
            blockers = [*_unasked(desk), *erasure_blockers(desk, ledger, erasure)]
            folders = [_copies(desk).folder / dataset, *_earlier(desk, ledger, dataset)]
    finally:
        ledger.close()
    found = [path for folder in folders if folder.is_dir() for path in folder.iterdir()]
    return {
        "dataset": dataset, "batch": erasure.dataset.batch, "objects": erasure.objects,
        "bytes": erasure.bytes, "packs": erasure.packs, "copies": len(found),
        "request": erasure.request, "although": list(erasure.although), "begun": erasure.begun,
        "ended": erasure.ended,
        "blockers": blockers,
    }  # fmt: skip


def execute(
    desk: Desk, dataset: str, although: Sequence[str], *, reason: str | None, typed: str
) -> tuple[Exit, DatasetErased]:
    """Erase a dataset's packs at both places and its headers; the same command goes on.

    `typed` is the dataset's name, as somebody typed it.

    Raises:
        UsageError: it is not, or there is no reason.
        Refused: something stands against it, all of it said; nothing was erased.
        SwitchHeld: somebody holds it; what was begun goes on afterwards.
        ApprovalMissing: those whom the plan asks have not approved exactly this.
        TargetDiffers: a pack, or its copy, is not as it was verified.
        MigrateError: whatever ended it early.
    """
    why = demand_meant(
        dataset, typed, reason, nothing=NOTHING, kept="why it was erased, for good"
    )  # fmt: skip
    desk.read_ledger().close()  # a ledger is never made here
    services = desk.services(write=True, reads=False)
    judge = gate.admitted(desk, services)
    with copied_after(desk), held_ledger(desk, judge) as ledger:
        erasure = planned_erasure(desk, ledger, dataset, although)
        batch = erasure.dataset.batch
        self_test(services)
        with (
            fenced_for(desk, [services], ledger, [batch], write=True) as fencing,
            Turn(
                desk=desk, opened=[services], ledger=ledger, judge=judge, fencing=fencing,
                work=STEP, batch=batch,
            ) as turn,
        ):  # fmt: skip
            _demand_unled(desk, services, erasure)
            free = partial(_demand_free, desk, fencing)
            remaining = carry_out(desk, turn.ctx, ledger, judge, erasure, why, demand_free=free)
        told = _result(ledger, dataset, remaining)
        told["remains"] += earlier_copies(desk, ledger)
        return (Exit.FINDINGS if remaining else Exit.OK), told


def _demand_unled(desk: Desk, services: Services, erasure: PlannedErasure) -> None:
    """Demand that consumers are not led to what is erased, unless that was agreed to by name.

    Raises:
        Refused: they are, or nobody can tell; nothing was erased.
    """
    if erasure.begun or ONLY_COPY in erasure.although:
        return
    if (led := led_to_target(desk, services, erasure.dataset.batch)) is not None:
        name = erasure.dataset.name
        raise Refused(
            f"dataset {name} cannot be erased now", blockers=[only_copy(led)], hint=NOTHING
        )


def carry_out(
    desk: Desk,
    ctx: Context,
    ledger: SqliteLedger,
    judge: Judge,
    erasure: PlannedErasure,
    reason: str,
    *,
    demand_free: Callable[[], None],
) -> Mapping[str, int]:
    """Begin an erasure, or go on with it, to its end; return what is still there, by why.

    `demand_free` raises where somebody holds it, or another ledger writes at the target by now.

    Raises:
        Refused, SwitchHeld, ApprovalMissing, TargetDiffers, MigrateError: as `execute`.
    """
    ledger.reconcile()  # what is erased is what verify wrote
    name, migration = erasure.dataset.name, desk.loaded.plan.migration
    undertaken = HeaderErasure(
        ctx, erasure.dataset, _copies(desk).folder / name, demand_free=demand_free,
        earlier=_earlier(desk, ledger, name),
    )  # fmt: skip
    undertaken.demand_going()
    if not erasure.begun:
        _begin(desk, ctx, ledger, judge, erasure, undertaken, reason)
    post = erased(migration, ctx.run_tag, name, erasures(ledger)[name].began)
    put_up(undertaken.writer, ctx.retry, [undertaken.bucket], post)
    remaining = undertaken.run()
    ledger.event(HeadersErased(dataset=name, request=erasure.request, remaining=dict(remaining)))
    ledger.commit()
    return remaining


def _begin(
    desk: Desk,
    ctx: Context,
    ledger: SqliteLedger,
    judge: Judge,
    erasure: PlannedErasure,
    undertaken: HeaderErasure,
    reason: str,
) -> None:
    """Look at everything, and tell what is erased; from then on it is as good as gone."""
    name = erasure.dataset.name
    blockers = [*_unasked(desk), *erasure_blockers(desk, ledger, erasure)]
    folder = _copies(desk).folder / name
    if not folder.is_dir():
        blockers.append(f"{folder}: {NO_FOLDER}")
    if not blockers and ONLY_COPY not in erasure.although:
        lacks = source_lacks(ctx, erasure.dataset)
        blockers += [] if lacks is None else [only_copy(lacks)]
    if blockers:
        raise Refused(f"dataset {name} cannot be erased now", blockers=blockers, hint=NOTHING)
    _copies(desk).demand_dataset(ctx, erasure.dataset)
    seen = undertaken.look(judge.now(), erasure.packs)
    consent = _approved(desk, ledger, judge, erasure)
    with ledger.whole():
        ledger.event(
            HeadersErasing(
                dataset=name, batch=erasure.dataset.batch, request=erasure.request,
                objects=erasure.objects, bytes=erasure.bytes, packs=erasure.packs,
                pack_bytes=erasure.pack_bytes, root=erasure.root, versions=seen.versions,
                copies=seen.copies, headers=ledger.headers_of(erasure.dataset.id),
                although=erasure.although, reason=reason, approvals=consent.keys, user=operator(),
                signed=consent.signed,
            )
        )  # fmt: skip
        ledger.commit()


def _demand_free(desk: Desk, fencing: Fencing | None) -> None:
    """Demand that nobody holds it, and that this ledger writes: before each thing that goes.

    Raises:
        SwitchHeld: somebody does.
        Fenced: another ledger, or another copy of this one, writes at the target by now.
        StorageError: that cannot be learned.
    """
    holding.demand_unheld(desk)
    assert fencing is not None, "who erases at the target holds its fences"
    fencing.demand()


def _unasked(desk: Desk) -> list[str]:
    """Nobody erases a dataset alone."""
    if desk.loaded.plan.approvals is not None:
        return []
    return ["the plan asks nobody to approve: an erasure takes somebody else's key (`approvals`)"]


def _approved(desk: Desk, ledger: SqliteLedger, judge: Judge, erasure: PlannedErasure) -> Consent:
    batch, name = erasure.dataset.batch, erasure.dataset.name
    consents = Consents(desk, ledger, judge, batch)
    consents.settle()
    consent = consents(ApprovalStage.ERASE, erasure.request)
    if consent.given and consent.keys:
        return consent
    said = "".join(f" --although {word}" for word in erasure.although)
    raise ApprovalMissing(
        f"erasure of dataset {name} is not approved: " + "; ".join(consent.reasons),
        hint=f'"hdh-migrate approve PLAN --stage erase --dataset {name}{said} --key FILE", then'
        " the same command again; nothing was erased",
    )


def _copies(desk: Desk) -> FolderPacks:
    place = desk.loaded.plan.seal.second_copy
    assert place is not None, "the loader demands one where headers are apart"
    return FolderPacks(desk.loaded.base / place.path / desk.loaded.plan.migration)


def _earlier(desk: Desk, ledger: SqliteLedger, dataset: str) -> list[Path]:
    """Return where second copies of a dataset were made while the plan named other folders."""
    here, loaded = _copies(desk).folder.resolve(), desk.loaded
    before = (loaded.base / one / loaded.plan.migration for one in named_before(ledger))
    return [one / dataset for one in before if one.resolve() != here]


def _result(ledger: SqliteLedger, dataset: str, remaining: Mapping[str, int]) -> DatasetErased:
    event = erasures(ledger)[dataset].event
    return {
        "dataset": dataset, "batch": event.batch, "objects": event.objects,
        "bytes": event.bytes, "packs": event.packs, "versions": event.versions,
        "copies": event.copies, "headers": event.headers, "approvals": list(event.approvals),
        "remaining": dict(remaining), "remains": _remains(ledger, event, remaining),
    }  # fmt: skip


def _remains(
    ledger: SqliteLedger, event: HeadersErasing, remaining: Mapping[str, int]
) -> list[str]:
    """Say what is still there, and what nobody here can see."""
    lines = [f"{count} {STILL_THERE[why]}" for why, count in sorted(remaining.items())]
    if grants := standing_grants(ledger, event.dataset):
        lines.append(f"grants that stand: {grants}; their readers open what was granted to them")
    return [*lines, *BOUNDS]
