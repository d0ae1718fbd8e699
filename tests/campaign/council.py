"""Those who approve: their signatures are real, and judged by the code that judges them in a run.

What the session asks of a plan, `session.policy.consents` and `session.verbs.approve`, is asked
here of the setting. Beside it stands a second count, made without that code: which approvals were
signed for what, and when.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass

from hdh_migrate.clocks import later
from hdh_migrate.evidence.signatures.approval_forms import (
    Subject,
    approval,
    withdrawal,
)
from hdh_migrate.evidence.signatures.approval_stages import ApprovalStage
from hdh_migrate.evidence.signatures.approvals import judge
from hdh_migrate.evidence.signatures.dsse import SignedEnvelope
from hdh_migrate.evidence.signatures.signing import Signer
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.pipeline.cutover.scene import Consent
from hdh_migrate.pipeline.projections.standing import standing
from hdh_migrate.session.policy.approval_subjects import subject_of
from tests.campaign.desks import desk_of
from tests.campaign.setting import Setting
from tests.campaign.signers import DPO
from tests.support.cutover import BATCH

DAYS_30 = 30 * 86_400.0


@dataclass(slots=True)
class RememberedApproval:
    """One approval as an outsider remembers it."""

    stage: str
    root: str | None
    """None: whatever is moved, nobody writes."""
    step: int
    """When it was signed."""
    envelope: SignedEnvelope
    ends: float
    """When it counts for nothing any more, in seconds of the life's clock."""
    withdrawn: bool = False


class Council:
    """Signs, withdraws, holds; and says what was agreed to."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self.signed: list[RememberedApproval] = []
        self._shelf: list[tuple[str, SignedEnvelope]] = []
        self.changed = 0
        """The step at which somebody last changed their mind."""
        self._asked = 0.0
        """When approvals were last asked for, in seconds of the life's clock."""

    # --- what people do ------------------------------------------------------------------------

    def approve(self, stage: str, *, seconds: float = DAYS_30, signer: Signer = DPO) -> None:
        """Sign for a stage, for the manifest as it is now."""
        setting = self._setting
        ledger = setting.world.open()
        try:
            root = setting.affair.root(ledger)
            subject = self._subject(ledger, stage, root)
        finally:
            ledger.close()
        now = setting.clock.now()
        envelope = approval(signer, subject, made_at=now, expires=later(now, seconds))
        self._shelf.append((f"{len(self._shelf)}.json", envelope))
        if signer is not DPO:
            setting.life.tell(f"somebody without that right tries to approve {stage}")
            return
        ends = setting.clock.seconds + seconds
        self.signed.append(
            RememberedApproval(stage, subject.root, setting.script.step, envelope, ends)
        )
        setting.life.tell(f"people: approve {stage}")

    def withdraw(self) -> None:
        """Take one approval back."""
        setting = self._setting
        valid = [one for one in self.signed if not one.withdrawn]
        if not valid:
            return
        self._take_back(setting.dice.choice(valid))

    def withdraw_last(self) -> None:
        """Take back what was approved last."""
        self._take_back(self.signed[-1])

    def _take_back(self, one: RememberedApproval) -> None:
        setting = self._setting
        one.withdrawn, self.changed = True, setting.script.step
        digest = hashlib.sha256(_payload(one.envelope)).hexdigest()
        back = withdrawal(DPO, digest, batch=BATCH, stage=one.stage, made_at=setting.clock.now())
        self._shelf.append((f"{len(self._shelf)}.json", back))
        setting.life.tell(f"people: an approval of {one.stage} is withdrawn")

    def hold(self, *, held: bool) -> None:
        """Hold the switch, or let it go."""
        self._setting.affair.holder = "by ward 3" if held else None
        self.changed = self._setting.script.step
        self._setting.life.tell("people: the switch is " + ("held" if held else "free"))

    # --- what a verb asks ----------------------------------------------------------------------

    def consent(self, ledger: SqliteLedger, stage: str, root: str) -> Consent:
        """Return what the approvals of a stage for a manifest root come to."""
        with self._setting.script.call("consent"):
            self._asked = self._setting.clock.seconds
            subject = self._subject(ledger, stage, root)
            found = judge(
                self._shelf,
                subject,
                keys=[DPO.verifier],
                threshold=1,
                goes_on=ledger.goes_on_from,
                now=self._setting.world.context(ledger).judge.now(),
            )
        return Consent(
            given=not found.missing,
            keys=tuple(one.fingerprint for one in found.accepted),
            reasons=() if not found.missing else tuple(str(one) for one in found.refused),
            terms=subject.terms,
            signed=tuple(one.envelope for one in found.accepted),
            begins=min((one.begins for one in found.accepted if one.begins), default=None),
        )

    def _subject(self, ledger: SqliteLedger, stage: str, root: str) -> Subject:
        now = standing(ledger.cutovers(), BATCH)
        return subject_of(desk_of(self._setting), ledger, now, ApprovalStage(stage), root)

    # --- what an outsider knows ------------------------------------------------------------------

    def agreed(self, stage: str, root: str | None, since: int, *, still: bool = True) -> bool:
        """Return whether somebody agreed to a stage of this manifest after a step, and still does.

        Whoever changed their mind after the process began, and after the last time that they were
        asked, is not heard yet. Without `still` it is of a stage that is over: it was judged then.
        """
        asked = self._setting.script.last.get("consent", 0)
        unheard = self.changed > max(asked, self._setting.began)
        now = self._asked if asked > self._setting.began else self._setting.clock.seconds
        return any(
            one.stage == stage
            and one.root == root
            and one.step >= since
            and (unheard or not still or not one.withdrawn)
            and (not still or one.ends + self._setting.slack >= now)
            for one in self.signed
        )

    def holds(self) -> bool:
        """Return whether somebody holds the switch, and said so before they were last asked.

        Or before the process began: it should have asked.
        """
        asked = self._setting.script.last.get("held", 0)
        heard = self.changed <= max(asked, self._setting.began)
        return self._setting.affair.holder is not None and heard


def _payload(envelope: SignedEnvelope) -> bytes:
    return base64.b64decode(str(envelope["payload"]))
