"""`rehearse`: the whole cutover on a canary pointer, then back, with a comparison before and after.

Nothing is tried on the source and no byte is moved: writers may still be at work. What a start
would find missing (approvals, a freeze, a delta) is said, not demanded.
"""

from __future__ import annotations

from functools import partial

from hdh_migrate.errors import SmokeFailed
from hdh_migrate.fixity import text_digest
from hdh_migrate.model import Place
from hdh_migrate.pipeline.cutover import gates, holdings, smoke
from hdh_migrate.pipeline.cutover.rollback import roll_back
from hdh_migrate.pipeline.cutover.scene import Scene, begun
from hdh_migrate.pipeline.cutover.switch import switch
from hdh_migrate.pipeline.inventory.recounting import listing_digest
from hdh_migrate.pipeline.inventory.refresh import Refresh
from hdh_migrate.pipeline.projections.facts import smoke_of
from hdh_migrate.pipeline.projections.standing import BEFORE_SWITCH, CutoverStage
from hdh_migrate.results.switches import RehearsalScene, Rehearsed


def rehearse(scene: Scene) -> Rehearsed:
    """Switch the canary, test, switch it back; return what was the same before and after.

    Raises:
        Refused: a gate is shut; the canary was not touched.
    """
    if scene.standing().stage not in {CutoverStage.NONE, CutoverStage.ROLLED_BACK}:
        roll_back(scene)  # an earlier rehearsal that was cut short
    gates.demand(scene, gates.blockers(scene, scene.standing()))
    root = scene.root()
    before = _seen(scene)
    found = Refresh(scene.ctx, scene.batch, user=scene.user).compare(scene.datasets())
    old = scene.ctx.retry(scene.pointer.read)
    scene.note(begun(scene, old))
    switch(scene, scene.standing(), root)
    failed = _tested(scene, root)
    written = roll_back(scene)["written"]
    after = _seen(scene)
    consent = scene.consent("cutover", root)
    return {
        "batch": scene.batch,
        "ok": failed is None and before["pointer"] == after["pointer"],
        "smoke": smoke_of(scene.standing()),
        "failed": failed,
        "before": before,
        "after": after,
        "same": {
            "pointer": before["pointer"] == after["pointer"],
            "source": before["source"] == after["source"],
            "target": before["target"] == after["target"],
        },
        "written": written,
        "a_start_would_find": {
            "approved": consent.given,
            "approvals": list(consent.reasons),
            "to_move": {
                "new": found.new.objects,
                "changed": found.changed.objects,
                "vanished": found.vanished.objects,
            },
        },
    }


def _tested(scene: Scene, root: str) -> str | None:
    assert scene.standing().stage not in BEFORE_SWITCH
    try:
        smoke.test(scene, root)
    except SmokeFailed as error:
        return str(error)
    return None


def _seen(scene: Scene) -> RehearsalScene:
    """Return what must be the same before and after, in digests."""
    ctx = scene.ctx
    listed = [
        ctx.retry(partial(_listed, scene, ctx.route(dataset).source))
        for dataset in scene.datasets()
    ]
    held = ctx.retry(partial(holdings.look, scene))
    return {
        "pointer": text_digest(ctx.retry(scene.pointer.read)),
        "source": {
            "objects": sum(count for count, _ in listed),
            "digest": f"{sum(total for _, total in listed):x}",
        },
        "target": {"objects": held.objects, "digest": held.digest},
    }


def _listed(scene: Scene, place: Place) -> tuple[int, int]:
    return listing_digest(scene.ctx.source.recount(place))
