"""`cutover finalize`: the point of no return, with approvals of its own."""

from __future__ import annotations

from collections.abc import Iterator

from hdh_migrate.errors import Refused, StorageError
from hdh_migrate.events.cutover import CutoverFinalized, ListingDifferences
from hdh_migrate.pipeline.cutover import gates, holdings
from hdh_migrate.pipeline.cutover.scene import NOWHERE, Scene
from hdh_migrate.pipeline.cutover.source_since import source_since
from hdh_migrate.pipeline.cutover.switch import demand_switched, let_through
from hdh_migrate.pipeline.excused import rested_on
from hdh_migrate.pipeline.projections.standing import FINAL, CutoverStage, CutoverStanding
from hdh_migrate.telemetry import counted

_MEANT = "if it is meant to be so, --as-it-is, with a --reason"


def finalize(scene: Scene, reason: str | None, *, as_it_is: bool = False) -> CutoverStanding:
    """End the fallback window for good; from then on there is no rollback.

    Before the window has passed a reason must be given; it stands in the journal. The target is
    listed once more: what it lacks of what was verified, or holds otherwise, stands against it
    unless somebody says, with a reason, that it is to be final `as_it_is`. So does what the source
    has new or changed: a writer was not stopped, and nothing of it is moved any more. What it is
    final in spite of stands in its event. What was sent anew since the switch is another manifest,
    which those who approve must have approved. Listings may take hours: fence, pointer, hold and
    approvals are looked at after them.

    Raises:
        Refused: with every blocker.
        Fenced: another copy of this ledger writes at the target by now.
        PointerMoved: somebody changed the pointer while the target was listed.
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
            hint='finish what was begun first ("hdh-migrate status PLAN" says by which command);'
            " nothing was changed",
        )
    early = not scene.judged("finalize").passed(now.window_until)
    reasons = list[str]()
    if not (reason or "").strip():
        reasons += _without_reason(now.window_until if early else None, as_it_is=as_it_is)
    if (value := scene.back.led_to()) != scene.value:
        moved = "the pointer does not have the new value: somebody else changed it"
        reasons.append(NOWHERE if value is None else moved)
    root = scene.root()
    if root != now.root:
        reasons += gates.unsettled(scene, now)
    target, against = _target(scene)
    if not as_it_is or target is None:
        reasons += against
    source, against = _source(scene, wanted=as_it_is)
    reasons += against
    if target is not None:
        reasons += gates.unfit(scene)
    if reasons:
        scene.waits("blocked", reasons)
        raise Refused(
            f"batch {scene.batch} cannot be finalized yet", blockers=reasons,
            hint="nothing was changed; a rollback is still possible",
        )  # fmt: skip
    assert target is not None, "what is not known stands against it"
    _demand_still(scene)
    consent = let_through(scene, "finalize", root)
    scene.note(
        CutoverFinalized(
            **scene.about, early=early, reason=reason, root=root, user=scene.user,
            approvals=consent.keys, approved_stage="finalize", terms=consent.terms, target=target,
            source=source, signed=consent.signed, waivers=rested_on(scene.waivers()),
        )
    )  # fmt: skip
    return scene.standing()


def _without_reason(window_until: str | None, *, as_it_is: bool) -> Iterator[str]:
    """Yield what cannot be without a reason; `window_until`: of a window that is still open."""
    if window_until is not None:
        yield f"the fallback window is open until {window_until}; or give --reason"
    if as_it_is:
        yield "to make it final as it is needs a reason: give --reason"


def _source(scene: Scene, *, wanted: bool) -> tuple[ListingDifferences | None, list[str]]:
    """List the source; return how it differs from what was moved, and what is against that.

    None: it is not known. What is `wanted` so is not against it, and is said.
    """
    since, found = source_since(scene), None
    if since["unread"] is not None:
        told = f"the source cannot be listed: {since['unread']}"
    else:
        found = ListingDifferences(new=since["new"], changed=since["changed"], gone=since["gone"])
        if not found.new + found.changed:
            return found, []
        many = counted(found.new + found.changed, "object is", "objects are")
        told = (
            f"{many} new or changed at the source since the last listing before the switch:"
            " somebody writes there still, and nobody moves it"
        )
    if wanted:
        scene.ctx.progress.note(f"{told}; it is made final all the same (--as-it-is)")
        return found, []
    return found, [f"{told}; roll back and start again, or, {_MEANT}"]


def _demand_still(scene: Scene) -> None:
    """Demand that this ledger still writes, and that consumers are still led to the target.

    Raises:
        Fenced, PointerMoved: not since the target was listed.
    """
    if scene.fencing is not None:
        scene.fencing.demand()
    demand_switched(scene)


def _target(scene: Scene) -> tuple[ListingDifferences | None, list[str]]:
    """List the target; return how it differs from what was verified, and what is against that.

    None: it is not known, and nobody can want that.
    """
    closed = scene.attested()
    if closed:  # not even a credential is sent to a host that is not attested
        return None, list(closed)
    try:
        found = scene.ctx.retry(lambda: holdings.look(scene))
    except StorageError as error:
        return None, [f"the target cannot be listed: {error}"]
    against = gates.differing(found)
    if against:
        against.append(
            "what consumers did on purpose since the switch may stay: --as-it-is, with a --reason"
        )
    return ListingDifferences(new=found.new, changed=found.changed, gone=found.gone), against
