"""The consent to each stage of one batch's cutover, judged anew whenever it is asked for."""

from __future__ import annotations

from dataclasses import dataclass, field

from hdh_migrate.clocks import Judge
from hdh_migrate.evidence.approvals import Judgement, Stage, Why
from hdh_migrate.ledger import Ledger
from hdh_migrate.pipeline.cutover.scene import Consent
from hdh_migrate.pipeline.cutover.standing import FINAL, KIND, Standing, Track, standing
from hdh_migrate.session.approving import judgement, subject_of
from hdh_migrate.session.run import Desk
from hdh_migrate.session.terms import terms_of, threshold


@dataclass(slots=True)
class Consents:
    """Judges approvals as they are kept at the moment, for the batch as the journal tells it."""

    desk: Desk
    ledger: Ledger
    judge: Judge
    batch: str
    writes: bool = True
    """Whether the ledger is open for writing: then withdrawals are journalled when first seen."""
    _final: Standing | None = field(default=None, init=False)

    def __call__(self, stage: str, root: str) -> Consent:
        """Return what the approvals of a stage for a manifest root come to.

        Raises:
            KeyUnavailable: a public key, or the operator's own key, cannot be read.
            ClocksDiffer: it cannot be told which of them have expired.
        """
        now = self._standing()
        subject = subject_of(self.desk, self.ledger, now, Stage(stage), root)
        asked = threshold(terms_of(self.desk.loaded, self.batch), stage)
        found = judgement(self.desk, subject, self.judge, threshold=asked, withdrawn=now.withdrawn)
        self._tell(now, found)
        more = "approvals are" if found.missing > 1 else "approval is"
        told = [f"{found.missing} more {more} needed"] if found.missing else []
        # Those of other batches and stages are kept on the same shelf and say nothing here.
        others = {Why.OTHER_BATCH, Why.OTHER_STAGE}
        refused = [one for one in found.refused if one.why not in others]
        return Consent(
            given=not found.missing,
            keys=tuple(one.fingerprint for one in found.accepted),
            told=(*told, *(f"not counted: {one}" for one in refused)),
        )

    def _standing(self) -> Standing:
        """Return how the batch stands; nothing that is asked of it changes once it is final."""
        if self._final is not None:
            return self._final
        now = standing(self.ledger.cutovers(), self.batch)
        if now.stage in FINAL:
            self._final = now
        return now

    def _tell(self, now: Standing, found: Judgement) -> None:
        if not self.writes:
            return
        for approval, key in sorted(found.withdrawn - now.withdrawn):
            told = {"batch": self.batch, "track": str(Track.CUTOVER)}
            self.ledger.event(
                KIND + "approval-withdrawn", {**told, "approval": approval, "key": key}
            )
            self.ledger.commit()
            now.withdrawn.add((approval, key))
