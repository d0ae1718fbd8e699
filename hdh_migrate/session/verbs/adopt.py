"""Adopt what the target holds already: for a ledger that is lost, or that is an old copy."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

from hdh_migrate.errors import AuthFailed, Exit, Refused, UsageError
from hdh_migrate.events.adoption import JournalSeen
from hdh_migrate.events.grants import GrantAdopted, HostStanding
from hdh_migrate.evidence.lines.granted import GrantAccount
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.model import is_reserved, key_bytes
from hdh_migrate.pipeline.adoption.adopting import Adopt
from hdh_migrate.pipeline.adoption.adoption_journal import AdoptionTally
from hdh_migrate.pipeline.fences.fence import Shown, read_fence
from hdh_migrate.pipeline.inventory.inventory import Inventory
from hdh_migrate.pipeline.runner import Runner, summary
from hdh_migrate.pipeline.tags import mark_of, marks
from hdh_migrate.pipeline.workers.work import Route
from hdh_migrate.ports.stores import TargetReader
from hdh_migrate.results import ledgers
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.operator import operator
from hdh_migrate.session.policy import gate, granting
from hdh_migrate.session.policy.binding import fingerprints
from hdh_migrate.session.policy.buckets import buckets_of
from hdh_migrate.session.policy.bundles import Bundles, trusted_bundles
from hdh_migrate.session.policy.consents import Consents
from hdh_migrate.session.policy.fencing import held_by_another
from hdh_migrate.session.policy.newest import copies_seen
from hdh_migrate.session.policy.signposted import demand_sealed_for, demand_signposts_known
from hdh_migrate.session.policy.unswitched import demand_not_switched, demand_pointers_unmoved
from hdh_migrate.session.verbs.backup import copied_after
from hdh_migrate.session.verbs.grant_policy import sid_of
from hdh_migrate.session.verbs.report import remember_statement
from hdh_migrate.session.verbs.run import Turn, at_work
from hdh_migrate.wiring import Services, routes_of

RUN = "hdh-migrate run PLAN"
TAKING_OVER = f"{RUN} --take-over --reason TEXT"
"""Where another ledger holds the target's fence, as that does which moved what was adopted."""


def forecast(desk: Desk, selected: Sequence[str], folders: Sequence[Path]) -> ledgers.AdoptForecast:
    """Return what an adoption would read; the target is listed, and nothing is written.

    Raises:
        Refused, EvidenceDamaged: as `adopt`, as far as bundles and the target tell.
        MigrateError: the target cannot be listed.
    """
    chosen = _chosen(desk, selected)
    bundles = _bundles(desk, chosen, folders)
    services = desk.services(write=False)
    gate.admitted(desk, services)
    with closing(_known(desk)) as ledger:
        _demand_as_told(desk, ledger, services, bundles, chosen)
    retry, routes = desk.retrying(), routes_of(desk.loaded.plan)
    batches = {one.name: one.datasets for one in desk.loaded.plan.batches}
    rows: list[ledgers.AdoptionAhead] = []
    for batch in chosen:
        row = ledgers.AdoptionAhead(batch=batch, objects=0, bytes=0, by_bundle=0)
        for name in batches[batch]:
            objects, size = retry(partial(_stored, services.reader, routes[name]))
            told = len({key_bytes(one.key) for one in bundles.of(name)})
            row["objects"] += objects
            row["bytes"] += size
            row["by_bundle"] += min(told, objects)
        rows.append(row)
    return {"batches": rows}


def _known(desk: Desk) -> SqliteLedger:
    """Open the ledger for looking, or an empty one where there is none yet."""
    try:
        return desk.read_ledger()
    except UsageError:
        return SqliteLedger.temporary(desk.clock)


def _stored(reader: TargetReader, route: Route) -> tuple[int, int]:
    """Return how many objects lie at a dataset's place, and their bytes, without our own files."""
    objects = size = 0
    for stored in reader.keys(route.target):
        key = route.source_key(stored.key)
        if key is not None and not is_reserved(stored.key) and not route.is_sidecar(key):
            objects, size = objects + 1, size + stored.size
    return objects, size


def _chosen(desk: Desk, selected: Sequence[str]) -> list[str]:
    """Return the batches that are adopted.

    Raises:
        Refused: one cannot be.
    """
    batches = desk.batches(selected)
    chosen = [one.name for one in batches if not selected or one.name in selected]
    _demand_single_versions(desk, chosen)
    return chosen


def _bundles(desk: Desk, chosen: Sequence[str], folders: Sequence[Path]) -> Bundles:
    """Return what trusted bundles say, if it does not stand against an adoption.

    Raises:
        Refused, EvidenceDamaged: it does, or one is not to be trusted, or does not check.
    """
    bundles = trusted_bundles(desk, folders)
    demand_not_switched(desk, bundles, chosen)
    _demand_nothing_erased(bundles, chosen)
    return bundles


def adopt(desk: Desk, selected: Sequence[str], folders: Sequence[Path]) -> ledgers.Adopted:
    """Make the ledger know what it, or a lost one, has moved; nothing is written at the target.

    Raises:
        Refused: a bundle is not to be trusted here, or tells other terms of a cutover than the
            plan; or consumers follow a batch to the target; or the target tells of an erasure, or
            of a key that was replaced, and this ledger does not know.
        EvidenceDamaged: a bundle does not check.
        MigrateError: whatever ended it early, with its exit code; the same command goes on.
    """
    batches, chosen = desk.batches(selected), _chosen(desk, selected)
    bundles = _bundles(desk, chosen, folders)
    journals = (*(one.seen for one in bundles.found), *copies_seen(desk))
    with (
        copied_after(desk),
        at_work(desk, ("adopt",), selected, write=False, newest=False) as turn,
    ):
        demand_pointers_unmoved(desk, turn.opened[-1], turn.ledger, chosen)
        newest = turn.opened[-1]
        _demand_as_told(desk, turn.ledger, newest, bundles, chosen)
        for name in chosen:
            Consents(desk, turn.ledger, turn.judge, name).inherit(bundles.terms(name))
        _take_grants(turn, bundles)
        rows = [_row(name, _adopted(turn, name, bundles, journals)) for name in chosen]
        if not bundles.found and any(one["adopted"] for one in rows):
            _note_unseen(turn, newest)
        refused = [name for name in chosen if _is_refused_next(turn, name)]
        held = held_by_another(newest, desk.loaded.plan, desk.ledger_path, chosen)
        code = Runner(turn.ctx, batches, renewed=turn.renewed).exit_code(selected)
        states = summary(turn.ctx)
    if bundles.found:
        remember_statement(desk, bundles.found[0].bundle.statement_sha256)
    open_ends = refused or any(one["unproved"] or one["foreign"] for one in rows)
    return {
        "exit": int(Exit.FINDINGS if open_ends and code is Exit.OK else code),
        "plan_digest": desk.loaded.digest,
        "datasets": states,
        "batches": rows,
        "next": [RUN if all(one.auth for one in held) else TAKING_OVER],
    }


def _demand_as_told(
    desk: Desk,
    ledger: SqliteLedger,
    services: Services,
    bundles: Bundles,
    batches: Sequence[str],
) -> None:
    """Demand that a ledger may adopt as the target tells: signposts, and fences.

    Raises:
        Refused: it tells of an erasure, or of another key, that the ledger or the plan has not.
        StorageError: it cannot be learned.
    """
    reader, recipients = services.reader, services.recipients
    posts = demand_signposts_known(desk, ledger, reader, recipients, batches)
    fences = _fences(desk, reader, batches)
    demand_sealed_for(next(iter(bundles.found), None), fences, posts, recipients)


def _fences(desk: Desk, reader: TargetReader, batches: Sequence[str]) -> list[Shown]:
    """Return what the fences of some batches' buckets say of who wrote there last."""
    plan, retry = desk.loaded.plan, desk.retrying()
    found = [
        retry(partial(read_fence, reader, bucket, plan.migration))
        for bucket in buckets_of(plan, batches)
    ]
    return [one.shown for one in found if one is not None and one.shown is not None]


def _take_grants(turn: Turn, bundles: Bundles) -> None:
    """Take over the grants of the lost ledger that stand, so that they are listed and revoked here.

    Of a dataset that the plan does not have any more the journal takes none, and a line says so.
    """
    known, routes = granting.accounts(turn.ledger).by_id, routes_of(turn.desk.loaded.plan)
    unknown = [one for one in bundles.open_grants() if one[0].id not in known]
    for account, statement in unknown:
        if account.asked.dataset in routes:
            turn.ledger.event(_adopted_grant(account, statement))
    turn.ledger.commit()
    left = [one for one, _ in unknown if one.asked.dataset not in routes]
    if left:
        turn.ctx.progress.note(
            "the bundles tell of grants over datasets that the plan does not have:"
            f" {', '.join(one.id for one in left)}; take them back at the host: out of the buckets'"
            f" policies {', '.join(sid_of(one.origin) for one in left)}, and the readers'"
            " credentials"
        )


def _adopted_grant(account: GrantAccount, statement: str) -> GrantAdopted:
    assert account.given is not None, "it stands"
    return GrantAdopted(
        grant=account.id, asked=account.asked, asked_at=account.asked_at, given=account.given,
        given_at=account.given_at or account.asked_at, origin=account.origin,
        at_host=tuple(
            HostStanding(
                bucket=bucket, principal=one.principal, allowed=one.allowed, sure=one.sure
            )
            for bucket, one in sorted(account.at_host.items())
        ),
        statement=statement,
    )  # fmt: skip


def _is_refused_next(turn: Turn, batch: str) -> bool:
    """Say whether the next run refuses a batch as it is planned, and tell people why."""
    try:
        Inventory(turn.ctx).demand(batch)
    except Refused as why:
        turn.ctx.progress.note(f"the next run refuses {str(why).splitlines()[0]}; {why.hint}")
        return True
    return False


def _note_unseen(turn: Turn, services: Services) -> None:
    """Say what could not be looked at: an object does not show for whom it is sealed."""
    own = services.envelopes.identity
    others = [one for one in fingerprints(services.recipients) if one != own]
    if others:
        turn.ctx.progress.note(
            f"what was adopted opens with {own}; that it does with the plan's other recipients"
            f" ({', '.join(others)}) was not seen: only a bundle tells for whom it was sealed"
            " (--bundle DIR)"
        )


def _demand_nothing_erased(bundles: Bundles, chosen: Sequence[str]) -> None:
    """Demand that no dataset of a chosen batch was erased: what the source still has stays there.

    Raises:
        Refused: a bundle tells of one; it would be moved anew.
    """
    for one in bundles.found:
        for gone in one.bundle.predicate.get("erasures", ()):
            if gone["batch"] in chosen:
                raise Refused(
                    f"dataset {gone['dataset']} was erased on {gone['began'][:10]}, as a bundle"
                    " tells: adopting its batch would move it anew",
                    hint="nothing was changed; bring a copy of the ledger back, or name the other"
                    " batches with --batch",
                )


def _demand_single_versions(desk: Desk, chosen: Sequence[str]) -> None:
    """Demand that no chosen batch is moved with all versions.

    Raises:
        Refused: one is: which version is whose, no listing of current objects shows.
    """
    plan = desk.loaded.plan
    for batch in plan.batches:
        names = [name for name in batch.datasets if plan.dataset(name).source.every_version]
        if batch.name in chosen and names:
            raise Refused(
                f"batch {batch.name}: dataset {names[0]} is moved with all versions, which cannot"
                " be adopted",
                hint="nothing was changed; bring a copy of the ledger back, or move the dataset"
                " anew under another target prefix",
            )


def _adopted(
    turn: Turn, batch: str, bundles: Bundles, journals: Sequence[JournalSeen]
) -> AdoptionTally:
    """Adopt one batch; when a credential is refused, look once more whether it was renewed."""
    loaded = turn.desk.loaded
    known = marks(loaded.plan.migration, loaded.digest)
    names = {one.ledger for one in bundles.found}
    while True:
        own = turn.ctx.run_tag
        try:
            return Adopt(
                turn.ctx,
                batch,
                ours=lambda name: name == own or name in names or mark_of(name) in known,  # noqa: B023
                proofs=bundles,
                journals=journals,
                user=operator(),
            ).run()
        except AuthFailed:
            if turn.renewed() is None:
                raise
            turn.ctx.progress.note("a credential was renewed; going on")


def _row(batch: str, tally: AdoptionTally) -> ledgers.AdoptedBatch:
    return {
        "batch": batch, "adopted": tally.adopted, "by_bundle": tally.by_bundle,
        "unproved": tally.unproved, "foreign": tally.foreign, "joined": tally.joined,
    }  # fmt: skip
