"""Look, before anything moves, whether everything a run needs is there; changes nothing."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

from hdh_migrate.clocks import ALONE, Judge
from hdh_migrate.errors import (
    IF_IT_HAS,
    AccessDenied,
    AuthFailed,
    Interrupted,
    KeyUnavailable,
    MigrateError,
    Stopped,
    StorageError,
    Transient,
    of_access,
)
from hdh_migrate.folders import ledger_path
from hdh_migrate.model import Place, Problem, Untagged
from hdh_migrate.pipeline.workers import unchanged
from hdh_migrate.plan.datasets import Batch, Dataset
from hdh_migrate.plan.model import Plan
from hdh_migrate.ports.stores import TargetWriter
from hdh_migrate.results.moves import Check
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.policy import (
    cluster_keys,
    gate,
    health,
    keyring,
    lasting,
    own_places,
    quota,
    second_copies,
    waivers,
)
from hdh_migrate.session.policy.alike import SOURCE, TARGET, of_batch, together
from hdh_migrate.session.policy.fencing import held_by_another
from hdh_migrate.session.policy.places import keeps, keeps_versions, tried
from hdh_migrate.session.views.outlook import outlook
from hdh_migrate.session.views.probed import missing, notes, probe_facts, unproved
from hdh_migrate.telemetry import duration_text
from hdh_migrate.wiring import Services, open_pointer, open_rehydrator
from hdh_migrate.wiring.sources.kind import CredentialClaims

SPACE_MIN = 64 << 20


def at_the_gate(services: Services, plan: Plan, judge: Judge) -> list[Problem]:
    """Open the gate to the target, or return why nothing may begin, keys that are missing too.

    A target that the gate refuses is not contacted at all, and one whose clock is not ours is
    sent no credential.
    """
    closed = gate.opened(services, plan, judge)
    return [*closed, *keyring.problems(plan, services.vault, later=False)] if closed else []


def blockers(
    services: Services, plan: Plan, selected: Sequence[str], judge: Judge, *,
    writes: bool = True, unread: Collection[str] = (),
) -> list[Problem]:  # fmt: skip
    """Return what would stop a run of the selected batches once the gate is open; empty: go.

    What keeps new objects from being deleted is asked for who `writes` some. Nothing is asked of
    the source of batches in which it is `unread`: it may be gone for good.

    Raises:
        Transient: a side did not answer, so it is not known; asked later it may be.
    """
    keys = [
        *keyring.problems(plan, services.vault, later=False),
        *keyring.ended(plan, services.vault, judge.unchecked()),
    ]
    lasts = lasting.problems(_claims(services, plan, selected, unread), judge.unchecked().latest)
    base, latest = services.vault.base, judge.unchecked().latest
    beside = [*cluster_keys.problems(plan, base, latest), *second_copies.problems(plan, base)]
    sides = _reached(services, plan, selected, demand=True, writes=writes, unread=unread)
    if lasts:  # what a credential says of itself is why the source refuses it, in each container
        sides = [one for one in sides if not (one.auth and one.where.startswith(SOURCE.strip()))]
    reached, apart = [*keys, *lasts, *beside, *sides], judge.objections()
    if apart:  # no waiver can be judged
        return [*reached, *apart]
    return [*reached, *health.problems(services, plan, _buckets(plan, selected), judge.now())]


def answered(
    desk: Desk, services: Services, selected: Sequence[str], judge: Judge, *,
    writes: bool = True, unread: Collection[str] = (),
) -> list[Problem]:  # fmt: skip
    """Return the blockers as `blockers` does; a side that is away is asked until it answers.

    Raises:
        Transient: it did not answer for as long as the retry budget lasts.
        Interrupted: told to stop while waiting.
    """
    waits, own = False, own_places.problems(desk.loaded, desk.state_dir, selected)
    look = partial(
        blockers, services, desk.loaded.plan, selected, judge, writes=writes, unread=unread
    )

    def ask() -> list[Problem]:
        nonlocal waits
        try:
            return [*own, *look()]
        except Transient as error:
            if not waits:
                waits = True
                budget = duration_text(desk.loaded.plan.limits.retry_budget_seconds)
                desk.progress.note(f"{error}; asking again for up to {budget}")
            raise

    try:
        return desk.retrying()(ask)
    except Stopped as error:
        raise Interrupted("stopped while waiting for a store; nothing was begun") from error


def _reached(
    services: Services, plan: Plan, selected: Sequence[str], *,
    demand: bool = False, writes: bool = True, unread: Collection[str] = (),
) -> list[Problem]:  # fmt: skip
    """Try both sides of every dataset but sources that are `unread`; an answer may be demanded.

    Raises:
        Transient: none came, and it was demanded.
    """
    found: dict[str, Problem] = {}

    def looked(place: Place) -> Sequence[Problem]:
        return services.source.check(place, checked=plan.verify.source == "range-md5")

    batch_of = {name: one.name for one in plan.ordered_batches() for name in one.datasets}
    for dataset in _datasets(plan, selected):
        for problem in (
            *(() if batch_of[dataset.name] in unread else
              of_batch(batch_of[dataset.name],
                       tried(SOURCE + dataset.source.place.bucket,
                              looked, dataset.source.place, demand=demand))),
            *tried(TARGET + dataset.target.place.bucket,
                    services.reader.check, dataset.target.place, demand=demand),
            *(keeps(services, dataset, demand=demand) if writes else ()),
            *keeps_versions(services, dataset, demand=demand),
        ):  # fmt: skip
            known = found.get(str(problem), problem)
            found[str(problem)] = replace(problem, batches=problem.batches | known.batches)
    return together(found.values())


def _source_notes(services: Services, plan: Plan, selected: Sequence[str]) -> list[str]:
    """Return what inventory will note: index tags that it does without, how a source is read."""
    words = {
        Untagged.DENIED: "the credential may not read index tags (sp=t)",
        Untagged.UNSUPPORTED: "the account has no index tags",
    }
    untagged, details = [], []
    for place in dict.fromkeys(dataset.source.place for dataset in _datasets(plan, selected)):
        with suppress(StorageError):  # "rights and places" tells it
            if (why := services.source.untagged(place)) is not None:
                untagged.append(f"source container {place.bucket}: {words[why]}; none are moved")
            details += [note.detail for note in services.source.notes(place)]
    return [*untagged, *dict.fromkeys(details)]


def _claims(
    services: Services, plan: Plan, selected: Sequence[str], unread: Collection[str]
) -> CredentialClaims | None:
    """Return what the source's credential says of itself, if a chosen batch's source is read."""
    reads = any(one.name not in unread for one in _batches(plan, selected))
    return services.source_claims() if reads else None


def _buckets(plan: Plan, selected: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(d.target.bucket for d in _datasets(plan, selected)))


def report(
    services: Services, plan: Plan, state_dir: Path, selected: Sequence[str], judge: Judge, *,
    unread: Collection[str] = (),
) -> list[Check]:  # fmt: skip
    """Return every check with its outcome, for people and for CI to compare."""
    base, vault = services.vault.base, services.vault
    closed, apart = gate.opened(services, plan, judge), judge.objections()
    claims = _claims(services, plan, selected, unread)
    clocks = {problem.where for problem in apart}
    ahead = outlook(plan, base)
    checks: list[Check] = [
        _outcome(
            "keys",
            [
                *_keys(services),
                *keyring.problems(plan, vault, later=True),
                *keyring.ended(plan, vault, judge.unchecked()),
            ],
        ),
        {**_outcome("clock", apart), "notes": _clock_notes(judge), "offsets": judge.ahead()},
        _outcome("attestation", [one for one in closed if one.where not in clocks]),
        _outcome("room for the ledger", _room(state_dir)),
        {**_outcome("pace of the target", []), "notes": ahead["notes"], "target": ahead},
    ]
    if plan.seal.second_copy is not None:
        checks.append(_outcome("second copy of header packs", second_copies.problems(plan, base)))
    now = None if apart else judge.now()
    if now is not None:
        checks += cluster_keys.checks(plan, base, now.latest)
    if now is not None and (waived := waivers.waiver_facts(plan, base, now)):
        checks.append({**_outcome("waivers", []), "waivers": waived,
                       "notes": [waivers.waiver_line(waiver) for waiver in waived]})  # fmt: skip
    if not closed:
        checks += [
            *([] if now is None else lasting.checks(claims, now.latest)),
            {
                **_outcome("rights and places", _reached(services, plan, selected, unread=unread)),
                "notes": _source_notes(services, plan, selected),
            },
            _write_right(services, plan, selected),
            _outcome(
                "one writer",
                held_by_another(
                    services, plan, ledger_path(state_dir, plan.migration), selected, silence=True
                ),
            ),
            *([] if now is None else health.checks(services, plan, _buckets(plan, selected), now)),
        ]
        if plan.rehydrate is not None:
            checks.append(
                _outcome("right to ask for archived objects", list(_asks(services, plan, selected)))
            )
        kept = ledger_path(state_dir, plan.migration).parent
        pointed = [batch for batch in _batches(plan, selected) if batch.pointer is not None]
        if pointed:
            checks.append(_outcome("pointers", list(_pointers(services, plan, pointed, kept))))
    checks.append(_outcome("quota of the target", quota.problems(plan, state_dir, services.limits)))
    record = probe_facts(state_dir, plan, base)
    if record is not None:
        doubts = unproved(plan, record, services.vault.reveal(plan.target.credential.id))
        found = _outcome(f"probe of {record['at'][:10]}", missing(plan, record))
        checks.append({**found, "notes": doubts} if doubts else found)
    if known := notes(plan, base, record):
        checks.append({**_outcome("what the target changes", []), "notes": known})
    unprotected = services.unprotected_keys()
    if unprotected:
        checks.append({"check": "key protection", "ok": True, "warnings": unprotected})
    return checks


def _outcome(check: str, problems: Sequence[Problem]) -> Check:
    return {
        "check": check,
        "ok": not problems,
        "problems": [str(problem) for problem in problems],
        "auth": any(problem.auth for problem in problems),
    }


def _batches(plan: Plan, selected: Sequence[str]) -> list[Batch]:
    return [b for b in plan.ordered_batches() if not selected or b.name in selected]


def _pointers(
    services: Services, plan: Plan, batches: Sequence[Batch], kept: Path
) -> Iterator[Problem]:
    """Look at each pointer as cutover would, and change none."""
    for batch in batches:
        assert batch.pointer is not None
        try:
            opened = open_pointer(plan, batch.pointer, services.vault, kept)
            yield from services.take(opened).check()
        except KeyUnavailable as error:
            yield Problem(where=f"pointer of batch {batch.name}", what=str(error), hint=error.hint)


def _asks(services: Services, plan: Plan, selected: Sequence[str]) -> Iterator[Problem]:
    """Try the credential that only `rehydrate` uses, in each container, and change nothing."""
    where, section = "rehydrate.credential", plan.rehydrate
    assert section is not None
    try:
        opened = open_rehydrator(plan, section, services.vault, services.sources)
    except KeyUnavailable as error:
        yield Problem(where=where, what=str(error), hint=error.hint)
        return
    rehydrator = services.take(opened)
    places = {one.source.place.bucket: one.source.place for one in _datasets(plan, selected)}
    for place in places.values():
        yield from tried(where, rehydrator.check, place, demand=False)


def _datasets(plan: Plan, selected: Sequence[str]) -> Iterator[Dataset]:
    wanted = {name for batch in _batches(plan, selected) for name in batch.datasets}
    return (dataset for dataset in plan.datasets if dataset.name in wanted)


def _clock_notes(judge: Judge) -> list[str]:
    offsets = judge.ahead()
    if not offsets:
        return [ALONE]
    return [
        f"{abs(seconds):.1f} s {'ahead of' if seconds > 0 else 'behind'} {endpoint}"
        for endpoint, seconds in offsets.items()
    ]


def _keys(services: Services) -> list[Problem]:
    try:
        services.envelopes.self_test()
    except MigrateError as error:
        return [Problem(where="seal", what=str(error), hint=error.hint)]
    return []


def _room(state_dir: Path) -> list[Problem]:
    existing = next(p for p in (state_dir, *state_dir.absolute().parents) if p.exists())
    free = shutil.disk_usage(existing).free
    if free < SPACE_MIN:
        what = f"only {free >> 20} MiB are free for the ledger"
        return [Problem(where=str(state_dir), what=what)]
    return []


def _write_right(services: Services, plan: Plan, selected: Sequence[str]) -> Check:
    """Return whether the target lets write; a trial that shows neither is told of, as a note."""
    writer, unknown = services.writer, list[str]()
    places = dict.fromkeys(dataset.target.place for dataset in _datasets(plan, selected))
    tried = () if writer is None else (_may_write(writer, one, unknown) for one in places)
    check = _outcome("write right", [problem for some in tried for problem in some])
    return {**check, "notes": list(dict.fromkeys(unknown))} if unknown else check


def _may_write(writer: TargetWriter, place: Place, unknown: list[str]) -> Iterator[Problem]:
    """Try what changes nothing, and is denied to who may not write.

    Some hosts answer that as if they failed, so no answer is no problem: it joins the `unknown`.
    """
    where = f"target bucket {place.bucket}"
    try:
        unchanged.try_to_write(writer, place)
        unchanged.try_to_list(writer, place)
    except AuthFailed as error:
        yield Problem(where=where, what=str(error), hint=error.hint, auth=of_access(error))
    except AccessDenied as error:
        needed = f"the credential needs s3:PutObject and s3:AbortMultipartUpload; {IF_IT_HAS}"
        hint = error.hint or needed
        yield Problem(where=where, what=f"no right to write: {error}", hint=hint, auth=True)
    except Transient as error:
        unknown.append(f"{where}: not known: {error}")
