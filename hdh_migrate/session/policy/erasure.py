"""What an erasure of a dataset's headers is, and what stands against it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from hdh_migrate.errors import Refused, StorageError, UsageError
from hdh_migrate.evidence.lines.granted import GRANT_EVENTS, GrantAccounts
from hdh_migrate.fixity import canonical_json, sha256_hex
from hdh_migrate.frozen import frozen
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.model import DatasetRow, State, Verified
from hdh_migrate.pipeline.context import Context
from hdh_migrate.pipeline.inventory.key_order import KeyOrder
from hdh_migrate.pipeline.own_files.folder_packs import PackSums
from hdh_migrate.pipeline.projections.standing import BEFORE_SWITCH, CutoverStage, standing
from hdh_migrate.pipeline.projections.undeleted import deletions
from hdh_migrate.ports.ledger import Ledger
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.policy.erased import erasures
from hdh_migrate.session.policy.freshness import standing_accounts
from hdh_migrate.session.policy.rotating import demand_no_rotation
from hdh_migrate.telemetry import counted
from hdh_migrate.wiring import routes_of

ONLY_COPY: Final = "only-copy"
GRANTS: Final = "grants"
ALTHOUGH: Final = (GRANTS, ONLY_COPY)
"""What may stand against an erasure, and is agreed to by name."""

_ALL: Final = 1 << 40
_MOVING: Final = frozenset(
    {CutoverStage.PREPARING, CutoverStage.SWITCHING, CutoverStage.ROLLING_BACK}
)


@frozen
class PlannedErasure:
    """One dataset's erasure, as the ledger has it now, or as it was begun."""

    dataset: DatasetRow
    objects: int
    bytes: int
    packs: int
    pack_bytes: int
    root: str
    although: tuple[str, ...]
    begun: bool
    ended: bool

    @property
    def request(self) -> str:
        """What an approval of it is bound to: what goes, and in spite of what."""
        return sha256_hex(
            canonical_json(
                {
                    "dataset": self.dataset.name, "batch": self.dataset.batch,
                    "objects": self.objects, "bytes": self.bytes, "packs": self.packs,
                    "pack_bytes": self.pack_bytes, "root": self.root,
                    "although": list(self.although),
                }
            )
        )  # fmt: skip


def planned_erasure(
    desk: Desk, ledger: SqliteLedger, name: str, although: Sequence[str]
) -> PlannedErasure:
    """Return what the erasure of a dataset is: a new one, or the one that was begun.

    Raises:
        UsageError: there is no such dataset, or a word that nothing is called by.
        Refused: the plan's headers stand in front of their objects.
    """
    if unknown := sorted(set(although) - set(ALTHOUGH)):
        raise UsageError(
            f"--although {unknown[0]}: nothing is called so", hint=f"give {' or '.join(ALTHOUGH)}"
        )
    if not desk.loaded.plan.seal.apart:
        raise Refused(
            "this plan has inline headers: there is nothing whose erasure would close a dataset",
            hint="nothing was changed; such objects can only be deleted at the host",
        )
    desk.demand_datasets([name])
    row = next((one for one in ledger.datasets() if one.name == name), None)
    if row is None:
        raise UsageError(
            f"nothing of dataset {name} was moved, so there is nothing to erase",
            hint='"hdh-migrate status PLAN" says which batches have begun; nothing was changed',
        )
    if (begun := erasures(ledger).get(name)) is not None:
        event = begun.event
        return PlannedErasure(
            dataset=row, objects=event.objects, bytes=event.bytes, packs=event.packs,
            pack_bytes=event.pack_bytes, root=event.root, although=event.although, begun=True,
            ended=begun.ended is not None,
        )  # fmt: skip
    sums, own = PackSums(), own_files(ledger, row)
    for one in ledger.packs(row.id, routes_of(desk.loaded.plan)[name].header_packs(name)):
        if one.state is State.VERIFIED:
            sums.add(one.stored_size or 0, one.stored_sha256)
    verified = ledger.tally(row.id, State.VERIFIED)
    return PlannedErasure(
        dataset=row, objects=verified.objects - len(own),
        bytes=verified.size - sum(one.size for one in own),
        packs=sums.packs, pack_bytes=sums.bytes, root=sums.tree.root(),
        although=tuple(sorted(set(although))), begun=False, ended=False,
    )  # fmt: skip


def erasure_blockers(desk: Desk, ledger: SqliteLedger, erasure: PlannedErasure) -> Iterator[str]:
    """Say what the ledger and the plan have against it; nobody is asked."""
    if erasure.begun:
        return
    name, batch = erasure.dataset.name, erasure.dataset.batch
    try:
        demand_no_rotation(ledger)
    except Refused as why:
        yield str(why)
    stage = standing(ledger.cutovers(), batch).stage
    if stage in _MOVING:
        yield f"batch {batch} is being switched ({stage}): finish the cutover, or roll back"
    if stage is CutoverStage.ERASING:
        yield f"batch {batch} is being deleted at the source: finish the decommission first"
    under_way = ledger.tally(erasure.dataset.id, State.SENDING).objects
    if under_way:
        yield (
            f"{counted(under_way, 'object was', 'objects were')} being sent when a command ended:"
            ' "hdh-migrate run PLAN" first'
        )
    unproven = ledger.tally(erasure.dataset.id, State.SENT).objects
    if unproven:
        yield (
            f"{counted(unproven, 'object is', 'objects are')} sent and not verified:"
            ' "hdh-migrate verify PLAN" first'
        )
    route = routes_of(desk.loaded.plan)[name]
    waiting = any(
        one.state is not State.VERIFIED
        for one in ledger.packs(erasure.dataset.id, route.header_packs(name))
    )
    if waiting or ledger.has_unpacked(erasure.dataset.id) or not erasure.packs:
        yield 'header packs are not at the target as the ledger has them: "hdh-migrate run PLAN"'
    if GRANTS not in erasure.although and (grants := standing_grants(ledger, name)):
        yield (
            f"grants of it that stand: {grants}; their readers open what was granted: revoke them,"
            f" or say --although {GRANTS}"
        )
    if ONLY_COPY not in erasure.although and is_only_copy(ledger, batch):
        yield only_copy("the source was deleted, or consumers were switched to the target")


def only_copy(why: str) -> str:
    """Say that nothing else may hold the data, and what lets it go all the same."""
    return (
        f"the target may be the only copy ({why}): after this nobody has the data; if that is"
        f" meant, say --although {ONLY_COPY}, and have it approved so"
    )


def is_only_copy(ledger: SqliteLedger, batch: str) -> bool:
    """Say whether the ledger knows why the source may not be what people rely on any more."""
    stage = standing(ledger.cutovers(), batch).stage
    return bool(deletions(ledger, batch)) or stage not in BEFORE_SWITCH


def standing_grants(ledger: SqliteLedger, dataset: str) -> int:
    """Return how many grants of a dataset stand."""
    standing = standing_accounts(GrantAccounts.of(ledger.told(*GRANT_EVENTS)))
    return sum(one.asked.dataset == dataset for one in standing)


def source_lacks(ctx: Context, dataset: DatasetRow) -> str | None:
    """List the source and say what it lacks of what was verified; None: it has all of it."""
    ledger, order = ctx.ledger, KeyOrder(None)
    seen = 0
    try:
        for page in ctx.source.pages(ctx.route(dataset).source):
            for obj in order.checked(page):  # one that is listed twice stands for no other
                found = ledger.find(dataset.id, obj.key)
                if found is not None and found[1] is State.VERIFIED:
                    seen += found[0].obj.version == obj.version
    except StorageError:
        return "the source could not be listed"
    verified = ledger.tally(dataset.id, State.VERIFIED).objects - len(own_files(ledger, dataset))
    lacking = verified - seen
    return f"the source lacks {lacking} of {verified} objects" if lacking else None


def own_files(ledger: Ledger, dataset: DatasetRow) -> list[Verified]:
    """Return the verified files of the tool's own of a dataset."""
    return [one for one in ledger.own_verified(dataset.batch, 0, _ALL) if one.dataset == dataset.id]
