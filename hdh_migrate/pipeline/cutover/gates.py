"""The gates before a switch: every reason at once why the batch may not be cut over now."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import partial

from hdh_migrate.codes import Severity
from hdh_migrate.errors import Refused, StorageError
from hdh_migrate.events.cutover import Track
from hdh_migrate.model import DatasetRow, Problem, State
from hdh_migrate.pipeline.cutover import holdings, smoke
from hdh_migrate.pipeline.cutover.holdings import Holdings
from hdh_migrate.pipeline.cutover.scene import Scene
from hdh_migrate.pipeline.excused import Waived
from hdh_migrate.pipeline.needs import lack
from hdh_migrate.pipeline.projections.standing import (
    FINAL,
    CutoverStage,
    CutoverStanding,
    standings,
)
from hdh_migrate.telemetry import counted

UNMOVED = (State.LISTED, State.REFUSED, State.SENDING, State.SENT)
CUT_OVER = FINAL | {CutoverStage.OPEN}


def demand(scene: Scene, reasons: list[str]) -> None:
    """Raise unless there is no blocker at all.

    Raises:
        Refused: with every blocker.
    """
    if reasons:
        scene.waits("blocked", reasons)
        raise Refused(
            f"batch {scene.batch} cannot be cut over yet",
            blockers=reasons,
            hint="nothing was switched; fix these, then start again",
        )


def blockers(scene: Scene, now: CutoverStanding) -> list[str]:
    """Return everything that stands against a switch, besides approvals and the freeze proof.

    What a delta that was cut short left in the ledger is not held against it: it goes on.

    Raises:
        LedgerDamaged: the rows are not as the journal tells them.
    """
    scene.ctx.ledger.reconcile()
    closed = scene.attested()
    reasons = [*_moved(scene, now), *held_against(scene), *closed, *_needs(scene)]
    reasons += _pointer(scene, now)
    moved = not now.moving and not any(_unmoved(scene, row) for row in scene.datasets())
    if moved and not closed:  # not even a credential is sent to a host that is not attested
        reasons += [*unfit(scene), *_target(scene), *_smoke(scene)]
    return reasons


def _moved(scene: Scene, now: CutoverStanding) -> Iterator[str]:
    if scene.ctx.level != "full":
        yield f"verify.level is {scene.ctx.level}: only full verification unlocks a cutover"
    for dataset in scene.datasets():
        if not dataset.sealed:
            yield f"dataset {dataset.name}: there is no finished inventory; run the plan first"
        elif not now.moving and (left := _unmoved(scene, dataset)):
            many = counted(left, "object is", "objects are")
            yield f"dataset {dataset.name}: {many} not verified; run the plan first"
    ledger, rows = scene.ctx.ledger, scene.datasets()
    if not now.moving and not any(ledger.tally(row.id, State.VERIFIED).objects for row in rows):
        yield "no object of the batch is verified: there is nothing to switch to"


def _unmoved(scene: Scene, dataset: DatasetRow) -> int:
    return scene.ctx.ledger.tally(dataset.id, *UNMOVED).objects


def held_against(scene: Scene, waived: Waived | None = None) -> Iterator[str]:
    """Say which findings, and which failures, nobody waived.

    What is `waived` is asked once, and only when there is something to waive, unless it is given.
    """
    names = {dataset.name for dataset in scene.datasets()}
    open_ones = Counter[tuple[str, str]]()
    excused = set[int | None]()
    for found in scene.ctx.ledger.findings():
        if found["severity"] == Severity.NOTE or found["dataset"] not in names:
            continue
        waived = waived or scene.waivers()
        if waived(found):
            excused.add(found["object"])
        else:
            open_ones[found["dataset"], found["code"]] += 1
    for (dataset, code), count in sorted(open_ones.items()):
        many = counted(count, "open finding")
        yield f"dataset {dataset}: {many} without a signed waiver [{code}]"
    for row in scene.datasets():
        if any(name == row.name for name, _ in open_ones):
            continue
        left = [one for one in scene.ctx.ledger.failed_objects(row.id) if one not in excused]
        if left:
            yield f"dataset {row.name}: {counted(len(left), 'object')} failed"


def _needs(scene: Scene) -> Iterator[str]:
    stories = standings(scene.ctx.ledger.cutovers())
    for need in scene.needs:
        lacking = lack(scene.ctx.ledger, need.batch, scene.ctx.waivers)
        if lacking is not None:
            yield f"it needs batch {need.batch}, {lacking}"
        elif need.cut_over:
            story = stories.get((need.batch, Track.CUTOVER))
            if story is None or story.stage not in CUT_OVER:
                stage = CutoverStage.NONE if story is None else story.stage
                yield f"it needs batch {need.batch}, which is not cut over ({stage})"


def _pointer(scene: Scene, now: CutoverStanding) -> Iterator[str]:
    try:
        problems = scene.ctx.retry(scene.pointer.check)
        yield from (_shown(problem) for problem in problems)
        if not problems and not now.intended:
            value = scene.ctx.retry(scene.pointer.read)
            if value == scene.value:
                yield "the pointer has the new value already, and this ledger did not set it"
    except StorageError as error:
        yield f"the pointer cannot be read: {error.journalled or error}"


def _shown(problem: Problem) -> str:
    """Return a problem as the journal may keep it: what a program said is left to preflight."""
    if problem.journalled is None:
        return str(problem)
    return f'{problem.journalled}: "hdh-migrate preflight PLAN" shows it'


MEND = ': "hdh-migrate verify PLAN --again" tells which, and lets the next run mend it'


def unfit(scene: Scene) -> Iterator[str]:
    """Say what is wrong with the target's buckets as such: they may have been changed since."""
    try:
        yield from scene.ctx.retry(scene.unfit)
    except StorageError as error:
        yield f"the target's buckets cannot be looked at: {error}"


def _target(scene: Scene) -> Iterator[str]:
    """Verified objects must still be at the target: a verdict does not outlive its object."""
    try:
        found = scene.ctx.retry(lambda: holdings.look(scene))
    except StorageError as error:
        yield f"the target cannot be listed: {error}"
        return
    scene.strangers = found.new
    yield from differing(found)


_CHANGED = "object at the target is not the one that was verified"
_ALL_CHANGED = "objects at the target are not those that were verified"


def differing(found: Holdings) -> list[str]:
    """Say what the target lacks of what was verified, or holds otherwise."""
    reasons = []
    if found.changed:
        reasons.append(f"{counted(found.changed, _CHANGED, _ALL_CHANGED)}{MEND}")
    if found.gone:
        many = counted(found.gone, "verified object is", "verified objects are")
        reasons.append(f"{many} gone from the target{MEND}")
    return reasons


def unsettled(scene: Scene, now: CutoverStanding) -> list[str]:
    """Return what is not verified, or is held against the batch, after objects were sent anew."""
    return [*_moved(scene, now), *held_against(scene)]


def _smoke(scene: Scene) -> Iterator[str]:
    """Smoke tests must be possible: a missing key must show before the switch, not after."""
    reasons = scene.lacking()
    yield from reasons
    if reasons:
        return
    for dataset, key in smoke.sample(scene, "")[:1]:
        route = scene.ctx.route(dataset)
        look = partial(scene.consumer().reader.head, route.target.bucket, route.target_key(key))
        try:
            if scene.ctx.retry(look) is None:
                yield "smoke tests: the consumer's credential does not see an object that is there"
        except StorageError as error:
            yield f"smoke tests: the consumer's credential may not read: {error}"
