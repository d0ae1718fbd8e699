"""The switch: one pointer, by compare-and-set, between an intent and a receipt.

The hold and the approvals are looked at before the intent and once more after it, right before the
pointer is touched: who changes their mind while the intent is being written is heard.
"""

from __future__ import annotations

from functools import partial

from hdh_migrate.errors import (
    ApprovalMissing,
    ClocksDiffer,
    Fenced,
    PointerMoved,
    StorageError,
    SwitchHeld,
)
from hdh_migrate.events.cutover import (
    CutoverSwitched,
    CutoverSwitching,
    CutoverWithdrawn,
    Track,
)
from hdh_migrate.fixity import text_digest
from hdh_migrate.pipeline.cutover import gates
from hdh_migrate.pipeline.cutover.scene import NOWHERE, Back, Consent, Scene, Story, Tale, telling
from hdh_migrate.pipeline.excused import rested_on
from hdh_migrate.pipeline.projections.standing import (
    BEFORE_SWITCH,
    FINAL,
    CutoverStage,
    CutoverStanding,
)

_WAITS = {SwitchHeld: "held", ApprovalMissing: "approval", ClocksDiffer: "clock"}


def switch(scene: Scene, now: CutoverStanding, root: str) -> None:
    """Give the pointer its new value if it still has the one it had when the cutover began.

    Raises:
        Refused: a finding is not waived any more.
        SwitchHeld: somebody holds it.
        ApprovalMissing: the approvals do not count (any more).
        ClocksDiffer: it cannot be learned whether they still count.
        PointerMoved: the pointer has another value, and is left as it is.
        Fenced: another copy of this ledger writes at the target by now.
        StorageError: it cannot be learned whether it was switched; the next start asks the pointer.
    """
    old = scene.back.led_to()
    if old is None or text_digest(old) != now.old_sha256:
        why = "the pointer is not what it was when the cutover began"
        scene.waits("pointer-moved", [NOWHERE if old is None else why])
        raise _moved()
    scene.judged("cutover")
    if scene.fencing is not None:
        scene.fencing.demand()
    consent, waived = _both(scene, root), scene.waivers()
    gates.demand(scene, [*gates.held_against(scene, waived)])  # a waiver may have ended by now
    scene.back.remember(old)
    scene.note(
        CutoverSwitching(
            **scene.about, old_sha256=text_digest(old), new_sha256=text_digest(scene.value),
            root=root, guard=scene.pointer.guard, approvals=consent.keys, approved_stage="cutover",
            strangers=scene.strangers, terms=consent.terms, signed=consent.signed,
            waivers=rested_on(waived),
        )
    )  # fmt: skip
    try:
        if scene.fencing is not None:
            scene.fencing.demand()  # who has a copy of the ledger from before does nothing more
    except (Fenced, StorageError):
        _withdraw(scene, "the fence could not be told")
        raise
    try:
        _both(scene, root)
    except (SwitchHeld, ApprovalMissing, ClocksDiffer) as error:
        _withdraw(scene, "the door was closed before the pointer was touched")
        scene.waits(_WAITS[type(error)], [str(error)])
        raise
    try:
        scene.ctx.retry(partial(scene.pointer.swap, expected=old, new=scene.value))
    except PointerMoved:
        # Whether it had the new one in between nobody can say: a reply of ours may be lost.
        _withdraw(scene, "somebody else gave the pointer another value")
        scene.waits("pointer-moved", ["the pointer changed at the last moment"])
        raise
    except StorageError as error:
        with telling("whether the pointer was switched is not known: the next start asks it"):
            scene.stopped_by("switch-unknown", error)
        raise
    guard = scene.pointer.guard  # a host that keeps no conditions was found out by now
    with telling("the pointer IS switched, and only its receipt could not be written"):
        scene.note(
            CutoverSwitched(
                **scene.about, found=False, late=False, guard=guard, guard_found=guard
            )
        )  # fmt: skip


def _withdraw(tale: Tale, why: str) -> None:
    tale.note(CutoverWithdrawn(**tale.about, why=why))


def _both(scene: Scene, root: str) -> Consent:
    """Return consent to the switch if whoever stated the freeze still stands by it.

    Raises:
        SwitchHeld, ApprovalMissing: as `let_through`.
    """
    if scene.probe is None:
        let_through(scene, "freeze", root)
    return let_through(scene, "cutover", root)


def resolve(back: Back, now: CutoverStanding) -> CutoverStanding:
    """Ask the pointer what became of a switch that has an intent and no receipt.

    A switch that was withdrawn can land late, when a program that was to make it outlives us. Then
    it is written down as what it is, and must be rolled back: its proofs are old.

    Raises:
        PointerMoved: the pointer has neither value.
    """
    if now.stage is not CutoverStage.SWITCHING and not (
        now.intended and now.stage in BEFORE_SWITCH
    ):
        return now
    value = back.led_to()
    if value == back.value:
        late = now.stage is not CutoverStage.SWITCHING
        back.note(
            CutoverSwitched(
                **back.about, found=True, late=late, guard=back.pointer.guard, guard_found=None
            )
        )
    elif now.stage is not CutoverStage.SWITCHING:
        pass  # nothing of ours came of it
    elif value is not None and text_digest(value) == now.old_sha256:
        _withdraw(back, "the pointer has its old value")
    else:
        why = "the pointer has neither its old value nor the new one"
        back.waits("pointer-moved", [NOWHERE if value is None else why])
        raise _moved()
    return back.standing()


def demand_switched(scene: Scene) -> None:
    """Demand that a pointer which the journal calls switched has the new value.

    Raises:
        PointerMoved: it has not.
    """
    value = scene.back.led_to()
    if value != scene.value:
        why = "the pointer was switched, and does not have the new value any more"
        scene.waits("pointer-moved", [NOWHERE if value is None else why])
        back = f'go back with "hdh-migrate cutover rollback PLAN --batch {scene.batch}"'
        if scene.standing().stage in FINAL:
            back = "see where consumers are led: this batch is final, and no rollback sets it back"
        raise PointerMoved(
            f"{why}: somebody else changed it",
            hint="find out who and why; then set it to the new value and start again, or " + back,
        )


def let_through(scene: Story, stage: str, root: str) -> Consent:
    """Return the consent to a stage while nobody holds the switch.

    Raises:
        SwitchHeld: somebody does.
        ApprovalMissing: the approvals do not suffice now.
    """
    holder = scene.held()
    if holder is not None:
        scene.waits("held", [holder])
        raise SwitchHeld(f"held before the {stage}: {holder}")
    consent = scene.consent(stage, root)
    if not consent.given and scene.track is Track.CUTOVER:
        named = f"{stage}: " if stage == "freeze" else ""  # who is told of it must know which
        scene.waits("approval", [f"{named}{line}" for line in consent.reasons])
        raise ApprovalMissing(
            f"{stage} of batch {scene.batch} is not approved (manifest root {root}):\n"
            + "\n".join(f"  {line}" for line in consent.reasons),
            hint=f'"hdh-migrate approve PLAN --batch {scene.batch} --stage {stage} --key FILE";'
            " nothing was changed",
        )
    return consent


def _moved() -> PointerMoved:
    return PointerMoved(
        "the pointer was changed by somebody else; it is left as it is",
        hint="find out who and why; then restore it and start again, or give this start up with"
        ' "hdh-migrate cutover rollback PLAN --batch NAME" and begin from its value now',
    )
