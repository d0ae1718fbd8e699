"""What ends by itself: credentials, attestations, approvals, keys, the legal basis, promised days.

Each is held against the latest moment at which the forecast needs it. Nobody is contacted; of an
approval or a waiver its own words are taken, which the step that needs it judges again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from hdh_migrate.clocks import Moment, day_over, seconds_of, utc_seconds_of
from hdh_migrate.errors import EvidenceDamaged, KeyUnavailable, PlanInvalid, UsageError
from hdh_migrate.events.cutover import Track
from hdh_migrate.evidence.signatures.approval_forms import (
    APPROVAL_TYPE,
    read_approval,
    read_withdrawal,
)
from hdh_migrate.evidence.signatures.dsse import claims_of
from hdh_migrate.evidence.signatures.signing import load_trusted_key
from hdh_migrate.fixity import sha256_hex
from hdh_migrate.pipeline.pace.until import DAY, moment_text
from hdh_migrate.pipeline.projections.standing import CutoverStanding, standings
from hdh_migrate.plan.attestation import load_attestation
from hdh_migrate.plan.model import Plan
from hdh_migrate.results.forecasts import EndingFact
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.policy.kept_approvals import kept_approvals, shelf
from hdh_migrate.session.policy.waivers import in_force
from hdh_migrate.session.views.credentials import UNREADABLE, credential_ends
from hdh_migrate.session.views.grant_ends import grant_ends
from hdh_migrate.wiring import Vault, identity_path
from hdh_migrate.wiring.chosen import is_rehearsal


class Ending(NamedTuple):
    """Something that ends at a moment (seconds since 1970); None: it is not known."""

    what: str
    ends: float | None
    batch: str | None = None
    note: str = ""
    relied: bool = True
    """Whether the migration needs it; otherwise it never ends too early."""


def endings(desk: Desk) -> list[Ending]:
    """Return everything of a plan that ends by itself."""
    plan = desk.loaded.plan
    return [
        *(Ending(one.called, one.ends, one.batch, one.why) for one in credential_ends(desk)),
        *_attested(desk),
        *(
            Ending(f"legal basis: {one.reference}", day_over(one.valid_until))
            for one in plan.legal_basis
        ),
        *_planned(plan),
        *_promised(plan),
        *_waived(desk),
        *_keys(desk),
        *_approved(desk),
        *(
            Ending(
                f"grant {one.grant} of dataset {one.dataset}",
                seconds_of(one.ends),
                note="the migration needs it for nothing",
                relied=False,
            )
            for one in grant_ends(desk)
        ),
    ]


def held_against(
    found: Sequence[Ending], now: float, latest: float | None, of_batch: Mapping[str, float | None]
) -> list[EndingFact]:
    """Hold each against when it is needed, the one with the least margin first.

    `latest` is when all ends at the latest, `of_batch` when a batch does; None: nobody can tell.
    """

    def needed(one: Ending) -> float | None:
        if not one.relied:
            return None
        return of_batch.get(one.batch) if one.batch else latest

    return sorted((_fact(one, now, needed(one)) for one in found), key=_urgency)


def _fact(one: Ending, now: float, needed: float | None) -> EndingFact:
    margin = None
    if one.ends is not None and needed is not None:
        margin = round((one.ends - needed) / DAY, 1)
    ending: EndingFact = {
        "what": one.what,
        "batch": one.batch,
        "ends": None if one.ends is None else moment_text(one.ends),
        "needed_until": None if needed is None else moment_text(needed),
        "margin_days": margin,
        "too_early": one.relied
        and one.ends is not None
        and one.ends < (now if needed is None else needed),
        "ended": one.ends is not None and one.ends <= now,
    }
    if one.note:
        ending["note"] = one.note
    return ending


def _urgency(one: EndingFact) -> tuple[bool, bool, float, str]:
    margin = float("inf") if one["margin_days"] is None else one["margin_days"]
    return one["ends"] is None, not one["too_early"], margin, one["ends"] or ""


# --- what there is -------------------------------------------------------------------------------


def _attested(desk: Desk) -> Iterator[Ending]:
    plan, base = desk.loaded.plan, desk.loaded.base
    reference = plan.target.attestation
    if reference is None or is_rehearsal(plan, base):
        return
    try:
        attested = load_attestation(base / reference).attestation
    except PlanInvalid as error:
        yield Ending("attestation of the target", None, note=UNREADABLE.format(error.problems[0]))
        return
    for name, one in (("SecNumCloud", attested.secnumcloud), ("HDS", attested.hds)):
        yield Ending(
            f"attestation of the target: {name}, {one.reference}", day_over(one.valid_until)
        )


def _planned(plan: Plan) -> Iterator[Ending]:
    if plan.planned is not None:
        yield Ending(
            "the days that the plan is for (planned.last_day)", day_over(plan.planned.last_day)
        )


def _promised(plan: Plan) -> Iterator[Ending]:
    for batch in plan.batches:
        if (end := plan.done_by(batch)) is not None:
            yield Ending("its day (done_by)", end, batch=batch.name)


def _waived(desk: Desk) -> Iterator[Ending]:
    try:
        counted, _ = in_force(desk.loaded.plan, desk.loaded.base, Moment.at(desk.clock.now()))
    except KeyUnavailable as error:
        yield Ending("waivers", None, note=UNREADABLE.format(error))
        return
    for one in counted:
        yield Ending(f"waiver of {one.what}", day_over(one.until))


def _keys(desk: Desk) -> Iterator[Ending]:
    plan, vault = desk.loaded.plan, Vault.open(desk.loaded.base)
    if plan.report.signer is not None:  # the day stands in the public key's file beside it
        yield from _of_key("key of the report", identity_path(plan.report.signer, vault), own=True)
    for path in () if plan.approvals is None else plan.approvals.keys:
        yield from _of_key(f"key of an approver: {path}", vault.base / path)


def _of_key(what: str, path: Path, *, own: bool = False) -> Iterator[Ending]:
    public = path.with_suffix(".pub") if own else path
    if own and not public.is_file():
        return
    try:
        key = load_trusted_key(public)
    except KeyUnavailable as error:
        yield Ending(what, None, note=UNREADABLE.format(error))
        return
    if key.until is not None:
        yield Ending(what, day_over(key.until))


def _approved(desk: Desk) -> Iterator[Ending]:
    """Yield the approvals of this plan that a step to come needs, by their own words.

    Left out are those that were withdrawn, of another attempt, and of a stage that is over.
    """
    plan = desk.loaded.plan
    if not plan.cutovers:
        return
    kept = [envelope for _, envelope in kept_approvals(shelf(desk))]
    stories = _stories(desk) if kept else {}
    gone = {approval["approval"] for one in kept if (approval := read_withdrawal(one)) is not None}
    for envelope in kept:
        try:
            payload, _ = claims_of(envelope, APPROVAL_TYPE)
        except EvidenceDamaged:
            continue
        approval = read_approval(payload)
        if (
            approval is None
            or approval["plan_digest"] != desk.loaded.digest
            or sha256_hex(payload) in gone
        ):
            continue
        story = stories.get((approval["batch"], Track.CUTOVER), CutoverStanding(approval["batch"]))
        if story.is_over(approval["stage"]) or approval.get("attempt", 1) != story.attempt:
            continue
        what = f"approval of {approval['stage']}"
        yield Ending(what, utc_seconds_of(approval["expires"]), batch=approval["batch"])


def _stories(desk: Desk) -> Mapping[tuple[str, Track], CutoverStanding]:
    try:
        ledger = desk.read_ledger()
    except UsageError:
        return {}  # nothing has begun here
    try:
        return standings(ledger.cutovers())
    finally:
        ledger.close()
