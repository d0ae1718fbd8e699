"""`cutover start`: gates, freeze proof, final delta, switch, smoke tests, fallback window.

Started again after any stop it goes on where it was: what was proved about the source before the
switch is proved anew, and nothing is switched twice.
"""

from __future__ import annotations

from hdh_migrate.clocks import later
from hdh_migrate.errors import ApprovalMissing, Refused, SmokeFailed
from hdh_migrate.events.cutover import CutoverOpen
from hdh_migrate.pipeline.cutover import freeze, gates, smoke
from hdh_migrate.pipeline.cutover.delta import Delta
from hdh_migrate.pipeline.cutover.rollback import pointer_now, roll_back
from hdh_migrate.pipeline.cutover.scene import Scene, begun
from hdh_migrate.pipeline.cutover.switch import demand_switched, resolve, switch
from hdh_migrate.pipeline.projections.standing import (
    BEFORE_SWITCH,
    CutoverStage,
    CutoverStanding,
)
from hdh_migrate.telemetry import counted


def start(scene: Scene) -> CutoverStanding:
    """Cut the batch over and open its fallback window; return how it then stands.

    Raises:
        Refused: a gate, with every blocker, or a write went through; nothing was switched.
        ApprovalMissing: nobody agreed, or not to this manifest; nothing was switched.
        SourceWritten: the source is not frozen; nothing was switched.
        SwitchHeld: the switch is held; nothing was switched.
        ClocksDiffer: it cannot be learned which time it is; nothing was switched.
        PointerMoved: somebody else changed the pointer; it was not touched.
        SmokeFailed: the pointer is switched and smoke tests fail.
    """
    now = resolve(scene.back, scene.standing())
    if now.stage in gates.CUT_OVER:
        demand_switched(scene)
        return now
    if now.stage is CutoverStage.ROLLING_BACK:
        raise Refused(
            f"batch {scene.batch}: a rollback is under way",
            hint=f'finish it: "hdh-migrate cutover rollback PLAN --batch {scene.batch}"',
        )
    if now.late:
        raise Refused(
            f"batch {scene.batch}: a switch that had been withdrawn landed late",
            hint=f'go back first: "hdh-migrate cutover rollback PLAN --batch {scene.batch}"',
        )
    if now.stage in BEFORE_SWITCH:
        prepare_and_switch(scene, now)
    demand_switched(scene)
    return open_window(scene)


def prepare_and_switch(scene: Scene, now: CutoverStanding) -> None:
    """Do everything up to and with the switch."""
    scene.judged("start")
    freeze.clear(scene, now)
    root = _gated(scene, now)
    now = _begun(scene, now)
    frozen = freeze.prove(scene, root)
    Delta(scene).settle(frozen)
    gates.demand(scene, gates.blockers(scene, scene.standing()))
    settled = scene.root()
    if settled != root:
        _demand_anew(scene, settled)
    freeze.try_once_more(scene)
    switch(scene, scene.standing(), settled)


def _gated(scene: Scene, now: CutoverStanding) -> str:
    """Return the manifest root if every gate is open; all gates are checked.

    Raises:
        Refused: with every blocker, missing approvals among them.
        ApprovalMissing: nothing but approvals is missing.
    """
    reasons = gates.blockers(scene, now)
    root = scene.root()
    consent = scene.consent("cutover", root)
    if reasons:
        if not consent.given:
            reasons += [f"approval: {line}" for line in consent.reasons]
        reasons += _unstated(scene, root)
    gates.demand(scene, reasons)
    if not consent.given and not now.moving:
        _demand_anew(scene, root)
    return root


def _unstated(scene: Scene, root: str) -> list[str]:
    """Say what a stated freeze lacks: whoever signs it is asked together with who approves."""
    if scene.probe is not None:
        return []
    stated = scene.consent("freeze", root)
    return [] if stated.given else [f"freeze: {line}" for line in stated.reasons]


def _begun(scene: Scene, now: CutoverStanding) -> CutoverStanding:
    if now.stage is CutoverStage.PREPARING:
        return now
    old = scene.ctx.retry(scene.pointer.read)
    scene.note(begun(scene, old))
    return scene.standing()


def _demand_anew(scene: Scene, root: str) -> None:
    """Check approvals again for a manifest root.

    Raises:
        ApprovalMissing: there are none that count.
    """
    consent = scene.consent("cutover", root)
    if consent.given:
        return
    reasons = list(consent.reasons)
    rounds = scene.standing().rounds
    if rounds:
        found = sum(one.new + one.changed for one in rounds)
        reasons.insert(0, f"the final delta found {counted(found, 'object')} new or changed, so the"
                       " manifest is another one now")  # fmt: skip
    unstated = _unstated(scene, root)
    reasons += unstated
    scene.waits("approval", reasons)
    also = ", once the writers are stopped the same with --stage freeze," if unstated else ""
    raise ApprovalMissing(
        f"cutover of batch {scene.batch} is not approved (manifest root {root}):\n"
        + "\n".join(f"  {line}" for line in reasons),
        hint=f'look at the report, then "hdh-migrate approve PLAN --batch {scene.batch} --stage'
        f' cutover --key FILE"{also} and start again; nothing was switched',
    )


def open_window(scene: Scene) -> CutoverStanding:
    """Run the smoke tests behind the switched pointer and open the fallback window.

    Raises:
        ClocksDiffer: it cannot be learned when the window ends; it is not opened.
        PointerMoved: somebody changed the pointer while they ran.
        SmokeFailed: the pointer stays switched, unless the plan says to roll back by itself.
    """
    root = scene.standing().root
    assert root is not None
    try:
        smoke.test(scene, root)
    except SmokeFailed as error:
        if not scene.terms.roll_back:
            raise
        rolled_back = roll_back(scene)
        raise SmokeFailed(
            f"{error}\nrolled back, as the plan says; {pointer_now(scene.back)['told']}",
            hint=rolled_back["hint"],
        ) from error
    demand_switched(scene)  # programs may take an hour, and open nothing but what consumers see
    until = later(scene.judged("window").latest, scene.terms.window_seconds)
    scene.note(CutoverOpen(**scene.about, until=until))
    return scene.standing()
