"""Amend a bound batch: show what the plan as it is now would mean for it, or make it so.

The rows of the ledger are judged; nothing but the time is asked of source or target. Made, it is a
new revision of the batch: approvals of the one before are void, for the plan and the manifest are
other ones.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, field
from typing import Final

from hdh_migrate.errors import Refused, UsageError
from hdh_migrate.events.batches import BatchAmended, BatchAmending
from hdh_migrate.fixity import canonical_json
from hdh_migrate.frozen import mutable
from hdh_migrate.jsonform import ABSENT
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.model import Listed, ObjectInfo, Ruled
from hdh_migrate.pipeline.binding import Binding, adopt, bindings, fix_moment, keep_binding
from hdh_migrate.pipeline.binding import moments as known_moments
from hdh_migrate.pipeline.context import DatasetRules
from hdh_migrate.pipeline.inventory.amending import Amending, Meaning
from hdh_migrate.pipeline.planning import paced
from hdh_migrate.pipeline.projections.standing import standing
from hdh_migrate.pipeline.rules.selecting import decide
from hdh_migrate.pipeline.workers.work import Route
from hdh_migrate.plan.classes import what_of
from hdh_migrate.results.plans import AmendedDataset, AmendedObject, Amendment
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.operator import operator
from hdh_migrate.session.policy.binding import bound_recipients, fingerprints
from hdh_migrate.session.policy.bound_ledger import bind, journal_of
from hdh_migrate.session.policy.changing import (
    RECIPIENT,
    Change,
    amendments,
    is_followed,
    judged,
)
from hdh_migrate.session.policy.dating import dating_judge
from hdh_migrate.session.policy.newest import demand_newest
from hdh_migrate.session.policy.timekeeping import offline
from hdh_migrate.session.verbs.backup import copied_after
from hdh_migrate.wiring import header_size_of, moments_of, pace_of, routes_of, rules_of
from hdh_migrate.wiring.sealing import load_recipients

SHOWN: Final = 1_000
"""Objects that are named at most."""

REASON_MAX: Final = 500


def amend(desk: Desk, batch: str, reason: str, *, execute: bool, show_names: bool) -> Amendment:
    """Return what an amendment of a batch means; with `execute` make it so, in one transaction.

    The same command again finds nothing to amend.

    Raises:
        UsageError: no run has begun, the batch has not, or there is no such batch or reason.
        Refused: something of it can never change, or the batch is switched; or the ledger here is
            not the newest.
        LedgerLocked: another command holds the ledger, which `execute` writes.
    """
    desk.batches([batch])
    if not 0 < len(reason.strip()) <= REASON_MAX:
        raise UsageError(f"--reason: 1 to {REASON_MAX} characters; the journal keeps it")
    desk.read_ledger().close()  # a ledger is never made by an amendment
    if not execute:
        ledger = desk.read_ledger()
        try:
            with ledger.snapshot():
                return _Case.of(desk, ledger, batch).amendment(apply=False, show_names=show_names)
        finally:
            ledger.close()
    with copied_after(desk), journal_of(desk, dating_judge(desk)) as ledger:
        demand_newest(desk, ledger)  # told to an old copy, it would be lost with it
        adopt(ledger)
        case = _Case.of(desk, ledger, batch)
        if not case.changes:
            return case.amendment(apply=False, show_names=show_names)
        ledger.event(case.intent(reason))
        ledger.commit()
        with ledger.whole():
            amendment = case.amendment(apply=True, show_names=show_names)
            ledger.event(case.receipt(amendment))
            keep_binding(ledger, case.after)
            amendment["refused"] = case.refused()
            ledger.commit()
        ledger.reconcile()
        if not amendment["refused"]:
            bind(desk, ledger)
        return amendment


@mutable
class _Case:
    """One batch, what it is bound to, and what the plan would now make of it."""

    desk: Desk
    ledger: SqliteLedger
    before: Binding
    after: Binding
    changes: list[Change]
    recipients: Sequence[str] | None
    """All for whom is sealed, where somebody comes to them."""
    added: Sequence[str]
    objects: list[AmendedObject] = field(default_factory=list)

    @classmethod
    def of(cls, desk: Desk, ledger: SqliteLedger, batch: str) -> _Case:
        """Return the case of a batch, if it may be amended.

        Raises:
            UsageError, Refused: it may not.
        """
        plan = json.loads(desk.loaded.canonical)
        changes = amendments(ledger, batch, plan)
        refused = [one.line for one in changes if one.verb is None]
        if refused:
            raise Refused(
                f"batch {batch} cannot be amended so",
                blockers=refused,
                hint="nothing was changed; source and target place, format, suffix and level never"
                " change: what is to go elsewhere is another dataset, in another batch",
            )
        if any(one.difference.path != RECIPIENT for one in changes):
            _demand_open(ledger, batch)
        before, what = bindings(ledger)[batch], what_of(plan, batch)
        assert what is not None, "the plan has the batch"
        now = load_recipients(desk.loaded.plan, desk.loaded.base)
        was = bound_recipients(ledger) or ()
        added = [one for one in now if one not in was]
        if gone := [one for one in was if one not in now and now]:
            raise Refused(
                "recipients may be added, and none taken away",
                blockers=[f"seal.recipients: {name} was there" for name in fingerprints(gone)],
                hint="nothing was changed; put the key files back, or replace a key for good:"
                ' "hdh-migrate keys rotate PLAN --from OLD --to NEW"',
            )
        return cls(
            desk=desk,
            ledger=ledger,
            before=before,
            after=Binding(batch, before.revision + 1, canonical_json(what).decode()),
            changes=changes,
            recipients=now if added else None,
            added=fingerprints(added),
        )

    @property
    def batch(self) -> str:
        return self.before.batch

    def intent(self, reason: str) -> BatchAmending:
        """Return what is written into the journal before anything changes."""
        return BatchAmending(
            batch=self.batch, revision=self.after.revision, was=self.before.digest,
            now=self.after.digest, changes=tuple(one.difference.line for one in self.changes),
            reason=reason.strip(), user=operator(),
        )  # fmt: skip

    def receipt(self, amendment: Amendment) -> BatchAmended:
        """Return what is written into the journal with the change."""
        rows = amendment["datasets"]
        return BatchAmended(
            batch=self.batch,
            revision=self.after.revision,
            digest=self.after.digest,
            excluded={one["dataset"]: one["excluded"] for one in rows if one["excluded"]},
            taken_back={one["dataset"]: one["taken_back"] for one in rows if one["taken_back"]},
            moved_before={one["dataset"]: one["moved_before"] for one in rows if one["judged"]},
            recipients=ABSENT if self.recipients is None else tuple(self.recipients),
        )

    def amendment(self, *, apply: bool, show_names: bool) -> Amendment:
        """Judge every object, and with `apply` let it be what it is judged to be."""
        plan = self.desk.loaded.plan
        limits = paced(self.desk.limits, pace_of(plan))
        header, sealed = header_size_of(plan), plan.seal.encrypts

        def by_plan(obj: ObjectInfo, route: Route, rules: DatasetRules) -> Listed:
            return decide(obj, route, rules.rules, limits, header=header, sealed=sealed)

        planned = next(one.datasets for one in plan.batches if one.name == self.batch)
        now = offline(self.desk.clock, self.desk.ledger_path).unchecked().latest
        moments = moments_of(plan, known_moments(self.ledger), now)
        if apply and self.batch in moments:
            fix_moment(self.ledger, self.batch, moments[self.batch])
        rows = Amending(
            ledger=self.ledger,
            routes=routes_of(plan),
            rules=rules_of(plan, self.desk.loaded.base, moments),
            decide=by_plan,
            touched=sorted(self._touched(planned)),
            resealed=any(one.difference.path.startswith("seal.") for one in self.changes),
            note=self._name if show_names else lambda *_: None,
        ).run(self.batch, planned, apply=apply)
        amendment: Amendment = {
            "batch": self.batch,
            "executed": apply,
            "revision": self.after.revision if apply else self.before.revision,
            "changes": [one.difference.line for one in self.changes],
            "datasets": [_row(one) for one in rows],
            "recipients_added": list(self.added),
            "refused": self.refused(),
        }
        if show_names:
            amendment["objects"] = self.objects[:SHOWN]
            amendment["objects_shown"] = SHOWN
        return amendment

    def refused(self) -> list[str]:
        """Return what else of the plan's changes stands against the next run."""
        changes = judged(self.ledger, json.loads(self.desk.loaded.canonical))
        return [one.line for one in changes if set(one.batches) - {self.batch}]

    def _touched(self, planned: Sequence[str]) -> set[str]:
        """Return the datasets that are judged anew: those whose own fields change, or all."""
        places = [one.difference.place for one in self.changes]
        own = {name for name in planned if any(at.startswith(f"datasets[{name}]") for at in places)}
        whole = [at for at in places if not at.startswith(("datasets[", "batches[", "seal.rec"))]
        return set(planned) if whole else own

    def _name(self, dataset: str, one: Ruled, becomes: str) -> None:
        if len(self.objects) < SHOWN:
            self.objects.append(
                {
                    "dataset": dataset,
                    "id": one.entry.id,
                    "key": one.entry.obj.key,
                    "becomes": becomes,
                }
            )


def _row(one: Meaning) -> AmendedDataset:
    row: AmendedDataset = {**asdict(one)}  # type: ignore[typeddict-item]  # it has these fields
    return row


def _demand_open(ledger: SqliteLedger, batch: str) -> None:
    """Demand that consumers do not follow the batch to the target yet.

    Raises:
        Refused: they do, or somebody is about to let them.
    """
    story = standing(ledger.cutovers(), batch)
    if not is_followed(story):
        return
    raise Refused(
        f"batch {batch} is cut over ({story.stage}): what it is stays as it was approved",
        hint=f'nothing was changed; "hdh-migrate cutover rollback PLAN --batch {batch}" first, or'
        " move what is missing in a batch of its own",
    )
