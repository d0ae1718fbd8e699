"""`cutover finalize`: the point of no return, with approvals of its own."""

from __future__ import annotations

from hdh_migrate.errors import Refused
from hdh_migrate.events.cutover import CutoverFinalized
from hdh_migrate.pipeline.cutover.scene import Scene
from hdh_migrate.pipeline.cutover.standing import FINAL, CutoverStage, CutoverStanding
from hdh_migrate.pipeline.cutover.switch import let_through


def finalize(scene: Scene, reason: str | None) -> CutoverStanding:
    """End the fallback window for good; from then on there is no rollback.

    Before the window has passed a reason must be given; it stands in the journal.

    Raises:
        Refused: with every blocker.
        ApprovalMissing, SwitchHeld: it may not be, or not now.
        LedgerDamaged: the rows are not as the journal tells them.
        ClocksDiffer: it cannot be learned whether the window has passed.
    """
    now = scene.standing()
    if now.stage in FINAL:
        return now
    scene.ctx.ledger.reconcile()
    if now.stage is not CutoverStage.OPEN or now.window_until is None:
        raise Refused(
            f"batch {scene.batch} is not in its fallback window ({now.stage})",
            hint="finish what was begun first; nothing was changed",
        )
    early = not scene.judged("finalize").passed(now.window_until)
    reasons = []
    if early and not (reason or "").strip():
        reasons.append(f"the fallback window is open until {now.window_until}; or give --reason")
    if scene.ctx.retry(scene.pointer.read) != scene.value:
        reasons.append("the pointer does not have the new value: somebody else changed it")
    root = scene.root()
    if root != now.root:
        reasons.append("the manifest is not the one that was cut over")
    if reasons:
        scene.waits("blocked", reasons)
        raise Refused(
            f"batch {scene.batch} cannot be finalized yet", blockers=reasons,
            hint="nothing was changed; a rollback is still possible",
        )  # fmt: skip
    consent = let_through(scene, "finalize", root)
    scene.note(
        CutoverFinalized(
            **scene.about, early=early, reason=reason, root=root, user=scene.user,
            approvals=consent.keys, approved_stage="finalize", terms=consent.terms,
        )
    )  # fmt: skip
    return scene.standing()
