"""The consent to each stage of one batch's cutover, judged anew whenever it is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import field

from hdh_migrate.clocks import Judge, seconds_of
from hdh_migrate.errors import ApprovalMissing, Refused
from hdh_migrate.events.consent import (
    ConsentTerms,
    CutoverApprovalWithdrawn,
    CutoverTermsChanged,
    CutoverTermsFixed,
)
from hdh_migrate.events.cutover import CutoverWaits, StoryKey, Track
from hdh_migrate.events.registry import CutoverEvent
from hdh_migrate.evidence.signatures.approval_stages import ApprovalStage
from hdh_migrate.evidence.signatures.approvals import Accepted, Judgement, Why
from hdh_migrate.frozen import mutable_row
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.pipeline.cutover.scene import Consent
from hdh_migrate.pipeline.projections.standing import FINAL, CutoverStanding, standing, standings
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.operator import operator
from hdh_migrate.session.policy.approval_subjects import subject_of
from hdh_migrate.session.policy.contents import signers
from hdh_migrate.session.policy.kept_approvals import judgement
from hdh_migrate.session.policy.terms import (
    apart,
    beside,
    difference,
    highest,
    terms_digest,
    terms_of,
    threshold,
    verifiers,
)

_OTHERS = frozenset({Why.OTHER_BATCH, Why.OTHER_STAGE})


@mutable_row
class Consents:
    """Judges the approvals that lie there now, for the batch as its journal has it."""

    desk: Desk
    ledger: SqliteLedger
    judge: Judge
    batch: str
    writes: bool = True
    """Whether the ledger is open for writing: then withdrawals are journalled when first seen."""
    _final: CutoverStanding | None = field(default=None, init=False)
    _signers: frozenset[str] | None = field(default=None, init=False)

    def __call__(self, stage: str, root: str) -> Consent:
        """Return what the approvals of a stage for a manifest root come to.

        Raises:
            KeyUnavailable: a public key, or the operator's own key, cannot be read.
            ClocksDiffer: it cannot be learned which of them have expired.
        """
        now, terms = self._standing(), terms_of(self.desk.loaded, self.batch)
        if now.terms is not None and terms_digest(now.terms) != terms_digest(terms):
            found = self._judged_change(now, now.terms, terms)
            if found is not None and found.missing:
                lines = _unagreed(found, difference(now.terms, terms))
                why = "the terms differ from those in force (approve --stage terms)"
                return Consent(given=False, reasons=(why, *lines))
            # Agreed to: whoever changes something settles it first, who only looks need not.
            now = copy(now)
            now.terms_since = None if found is None else _signed_last(found.accepted)
        # The key files are read once: what they hold a moment later approves nothing.
        found = self._judged(now, ApprovalStage(stage), root, terms, by=terms)
        more = "approvals are" if found.missing > 1 else "approval is"
        reasons = [f"{found.missing} more {more} needed"] if found.missing else []
        # Those of other batches and stages are kept on the same shelf and say nothing here.
        refused = [one for one in found.refused if one.why not in _OTHERS]
        return Consent(
            given=not found.missing,
            keys=tuple(one.fingerprint for one in found.accepted),
            reasons=(*reasons, *(f"not counted: {one}" for one in refused)),
            terms=terms_digest(terms),
            begins=min(
                (one.begins for one in found.accepted if one.begins is not None),
                key=seconds_of, default=None,
            ),
            signed=tuple(one.envelope for one in found.accepted),
        )  # fmt: skip

    @property
    def anybody_asked(self) -> bool:
        """Whether terms in force, of this batch or another one, ask somebody."""
        return any(
            story.terms is not None and story.terms.approvers
            for (_, track), story in standings(self.ledger.cutovers()).items()
            if track is Track.CUTOVER
        )

    def settle(self) -> None:
        """Fix the terms in the journal; other ones need the consent of those who approve by them.

        Raises:
            ApprovalMissing: they have not agreed; nothing was done.
            KeyUnavailable, ClocksDiffer: as when a consent is judged.
        """
        now, terms = self._standing(), terms_of(self.desk.loaded, self.batch)
        here = tuple(beside(self.desk.loaded))
        if now.terms is None:
            self._demand_same_people(terms)
            # An earlier version fixed none: what is found now was never agreed to by anybody.
            adopted = "switching" in now.times
            self._note(
                CutoverTermsFixed(
                    **self._about, terms=terms, digest=terms_digest(terms), beside=here,
                    adopted=adopted,
                )
            )  # fmt: skip
        elif terms_digest(now.terms) != terms_digest(terms):
            lines = difference(now.terms, terms)
            agreed = self._agreed(now, now.terms, terms, lines)
            self._note(
                CutoverTermsChanged(
                    **self._about, was=terms_digest(now.terms), now=terms_digest(terms),
                    terms=terms, difference=tuple(lines), beside=here,
                    approvals=tuple(one.fingerprint for one in agreed),
                    since=_signed_last(agreed),
                    signed=tuple(one.envelope for one in agreed),
                )
            )  # fmt: skip
        self._final = None

    def inherit(self, terms: ConsentTerms | None) -> None:
        """Fix the terms that an earlier ledger of this migration had; None: it had none.

        Where this ledger knows terms itself, these stay in force.

        Raises:
            Refused: the plan says otherwise; nothing was done.
            KeyUnavailable: a public key cannot be read.
        """
        planned = terms_of(self.desk.loaded, self.batch)
        if terms is None or self._standing().terms is not None:
            return
        if lines := difference(terms, planned):
            raise Refused(
                f"batch {self.batch}: the plan changes the terms of its cutover that the bundle"
                " tells",
                blockers=lines,
                hint="a new ledger has no record of consent to that: undo the change in the plan,"
                " adopt, then have the change approved (approve --stage terms)",
            )
        self._note(
            CutoverTermsFixed(
                **self._about, terms=planned, digest=terms_digest(planned),
                beside=tuple(beside(self.desk.loaded)), adopted=False,
            )
        )  # fmt: skip

    def _demand_same_people(self, terms: ConsentTerms) -> None:
        """Demand of a batch's first terms that they ask whom those of the others ask.

        The plan names them once for all batches; a batch that nobody began yet is no way around
        those who approved another one.

        Raises:
            ApprovalMissing: they do not; nothing was done.
        """
        for (batch, track), story in standings(self.ledger.cutovers()).items():
            if track is not Track.CUTOVER or story.terms is None:
                continue
            if not (lines := apart(story.terms, terms)):
                continue
            self._wait(lines)
            raise ApprovalMissing(
                f"batch {self.batch}: the plan asks others than batch {batch} was begun with:\n"
                + "\n".join(f"  {line}" for line in lines),
                hint=f'have it agreed to for batch {batch} first (--stage terms, then "hdh-migrate'
                f' cutover start PLAN --batch {batch}"), or take the change back; nothing was done',
            )

    def _judged(
        self,
        now: CutoverStanding,
        stage: ApprovalStage,
        root: str | None,
        terms: ConsentTerms,
        *,
        by: ConsentTerms,
    ) -> Judgement:
        """Judge what is kept for a stage by the keys of some terms; tell the withdrawals."""
        if self._signers is None:  # a verb tells its own before it asks for consent
            self._signers = signers(self.ledger)
        subject = subject_of(self.desk, self.ledger, now, stage, root, terms)
        found = judgement(
            self.desk, self.ledger, subject, self.judge,
            keys=verifiers(by.approvers),
            threshold=highest(by) if stage is ApprovalStage.TERMS else threshold(by, stage),
            signers=self._signers, withdrawn=now.withdrawn,
        )  # fmt: skip
        self._record(now, found)
        return found

    def _agreed(
        self, now: CutoverStanding, in_force: ConsentTerms, terms: ConsentTerms, lines: list[str]
    ) -> tuple[Accepted, ...]:
        """Return what those signed who agreed to other terms; nothing where nobody has to."""
        found = self._judged_change(now, in_force, terms)
        if found is None:
            return ()
        if not found.missing:
            return found.accepted
        reasons = _unagreed(found, lines)
        self._wait(reasons)
        raise ApprovalMissing(
            f"batch {self.batch}: the plan changes the terms of its cutover:\n"
            + "\n".join(f"  {line}" for line in reasons),
            hint=f'"hdh-migrate approve PLAN --batch {self.batch} --stage terms --key FILE", by'
            " those who approved before; or take the change back; nothing was done",
        )

    def _judged_change(
        self, now: CutoverStanding, in_force: ConsentTerms, terms: ConsentTerms
    ) -> Judgement | None:
        """Judge what is kept of the consent to other terms; None: nobody has to be asked."""
        if not in_force.approvers and "switching" not in now.times:
            return None  # nobody was asked before, and nothing was done under these terms
        return self._judged(now, ApprovalStage.TERMS, None, terms, by=in_force)

    def _wait(self, told: Sequence[str]) -> None:
        """Write down that nobody agreed to other terms."""
        self._note(CutoverWaits(**self._about, why="terms", told=tuple(told), user=operator()))

    @property
    def _about(self) -> StoryKey:
        return {"batch": self.batch, "track": Track.CUTOVER}

    def _note(self, event: CutoverEvent) -> None:
        self.ledger.event(event)
        self.ledger.commit()

    def _standing(self) -> CutoverStanding:
        """Return how the batch stands; nothing that is asked of it changes once it is final."""
        if self._final is not None:
            return self._final
        now = standing(self.ledger.cutovers(), self.batch)
        if now.stage in FINAL:
            self._final = now
        return now

    def _record(self, now: CutoverStanding, found: Judgement) -> None:
        if not self.writes:
            return
        for approval, key in sorted(found.withdrawn - now.withdrawn):
            self._note(CutoverApprovalWithdrawn(**self._about, approval=approval, key=key))
            now.withdrawn.add((approval, key))


def _signed_last(agreed: Sequence[Accepted]) -> str | None:
    return max((one.made_at for one in agreed), key=seconds_of, default=None)


def _unagreed(found: Judgement, lines: Sequence[str]) -> list[str]:
    """Return, in lines, a change that those who approved before have not all agreed to."""
    return [
        *lines,
        f"{found.missing} of those who approved before must agree to this",
        *(f"not counted: {one}" for one in found.refused if one.why not in _OTHERS),
    ]
