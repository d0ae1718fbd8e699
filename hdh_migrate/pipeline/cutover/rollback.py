"""`cutover rollback`: the pointer first, then the list of what consumers wrote meanwhile.

The pointer goes back even when the target does not answer: that may be why it goes back. Nothing
that consumers wrote is touched; it is counted, and its names are kept for whoever merges it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import cast

from hdh_migrate.errors import Exit, LedgerDamaged, MigrateError, Missing, Refused, StorageError
from hdh_migrate.events.cutover import CutoverCounted, CutoverRolledBack, CutoverRollingBack
from hdh_migrate.fixity import text_digest
from hdh_migrate.jsonform import ABSENT
from hdh_migrate.model import FREEZE_TRIAL
from hdh_migrate.pipeline.cutover import holdings
from hdh_migrate.pipeline.cutover.gates import MEND
from hdh_migrate.pipeline.cutover.holdings import Holdings
from hdh_migrate.pipeline.cutover.scene import NOWHERE, Back, Scene, Tale, telling
from hdh_migrate.pipeline.cutover.switch import resolve
from hdh_migrate.pipeline.projections.standing import FINAL, CutoverStage, CutoverStanding
from hdh_migrate.results.switches import ConsumerWrites, PointerNow, Written

WRITTEN = "written-since"
RUNBOOK = "runbook"
_AGAIN = "fix this, then run the same command again"


def roll_back(scene: Scene) -> ConsumerWrites:
    """Restore the pointer and count what consumers wrote; safe to call again.

    Raises:
        Refused: nothing was begun, or the cutover is final.
        LedgerDamaged: what the pointer was is not what the journal tells; it was not touched.
        MigrateError: the pointer could not be restored; the message is the manual runbook.
        StorageError: the pointer is restored, but the target could not be listed.
    """
    restore(scene.back)
    with after_restoring(scene.back):
        return count(scene)


def restore(back: Back) -> None:
    """Give the pointer its old value; nothing but the journal and the pointer is asked.

    Raises:
        Refused, MigrateError: as `roll_back`.
    """
    now = back.standing()
    if now.stage in FINAL:
        raise Refused(
            f"batch {back.batch} is {now.stage}: there is no way back by rollback",
            hint="a finalized cutover cannot be undone; if consumers must go back to the source,"
            " cut over to it with a plan of its own",
        )
    if now.stage is CutoverStage.NONE:
        raise Refused(
            f"batch {back.batch}: there is no cutover to roll back",
            hint='nothing was changed; "hdh-migrate status PLAN" says where each batch stands',
        )
    try:
        now = resolve(back, now)
        if now.stage is CutoverStage.ROLLED_BACK:
            return
        if now.stage is CutoverStage.PREPARING:
            back.note(CutoverRolledBack(**back.about, switched=False, guard=ABSENT))
            return
        old = _old_value(back, now)
        if now.stage is not CutoverStage.ROLLING_BACK:
            with telling("the pointer was not touched"):
                back.note(CutoverRollingBack(**back.about, user=back.user))
        back.retry(partial(back.pointer.swap, expected=back.value, new=old))
    except StorageError as error:
        raise _failed(back, error) from error
    with telling("the pointer has its old value, and only its receipt could not be written"):
        back.note(CutoverRolledBack(**back.about, switched=True, guard=back.pointer.guard))


def _old_value(back: Back, now: CutoverStanding) -> str:
    """Return what the pointer is to become: what the journal has the digest of, nothing else.

    Raises:
        LedgerDamaged: the ledger does not keep it any more, and the pointer does not have it.
        StorageError: the pointer cannot be read.
    """
    old = back.remembered(now.old_sha256)
    if old is None:
        old = back.retry(back.pointer.read)  # somebody may have set it by hand
        if text_digest(old) != now.old_sha256:
            raise LedgerDamaged(
                "the ledger does not keep the value that the pointer had before the switch",
                hint="nothing was changed; restore a copy of the ledger, or set the pointer by its"
                " own means to the value before the switch (the journal has its SHA-256:"
                f" {now.old_sha256}), then run the same rollback again",
            )
    return old


def pointer_now(back: Back) -> PointerNow:
    """Return which value the pointer has at this moment, and how to say it; nothing is changed.

    A rollback that is given again, or listed for hours, proves nothing of who set it since.
    """
    now = back.standing()
    try:
        value = back.led_to()
    except StorageError as error:
        return {"has": None, "told": f"which value the pointer has now is not known: {error}"}
    if value is not None and text_digest(value) == now.old_sha256:
        return {"has": "old", "told": "the pointer has its old value"}
    old = back.remembered(now.old_sha256)
    way = (
        ""
        if old is None
        else f"; set it by its own means to {back.shown(old)}, if it is to go back"
    )
    if value is None:
        return {"has": "none", "told": f"{NOWHERE}{way}"}
    if value == back.value:
        return {
            "has": "new",
            "told": "somebody else gave the pointer the value of the switch, and consumers are led"
            f" to the target; it is left as it is{way}",
        }
    return {
        "has": "another",
        "told": f"somebody else changed the pointer: it is {back.shown(value)}; it is left as it"
        f" is{way}",
    }


@contextmanager
def after_restoring(back: Back) -> Iterator[None]:
    """Add to any error of the listing what the pointer is by then."""
    try:
        yield
    except MigrateError as error:
        error.hint = (
            f"{pointer_now(back)['told']}, but what consumers wrote to the target is not"
            f" listed yet: {error.hint or _AGAIN}"
        )
        raise


def count(scene: Scene) -> ConsumerWrites:
    """Count what consumers wrote until the pointer was restored; safe to call again.

    Raises:
        Refused, StorageError: the target may not be asked, or could not be listed.
    """
    now = scene.standing()
    if now.written is None:
        closed = scene.attested()
        if closed:  # not even a credential is sent to a host that is not attested
            scene.waits("not-counted", closed)
            raise Refused(
                "the target may not be asked what consumers wrote", blockers=closed, hint=_AGAIN
            )
        try:
            found = scene.ctx.retry(partial(_listed, scene))
        except StorageError as error:
            scene.stopped_by("not-counted", error)
            error.hint = "run the same command again when the target answers"
            raise
        scene.note(
            CutoverCounted(**scene.about, new=found.new, changed=found.changed, gone=found.gone)
        )
        now = scene.standing()
    assert now.written is not None
    file = scene.drawer.path(_name(scene, WRITTEN)) if any(now.written.values()) else None
    return {"stage": str(now.stage), "written": cast("Written", dict(now.written)), "names": file,
            "hint": _hint(now, file)}  # fmt: skip


def _hint(now: CutoverStanding, file: str | None) -> str | None:
    said = [*_left_of_trials(now), *([] if file is None else [_found(now, file)])]
    return "; ".join(said) or None


def _left_of_trials(now: CutoverStanding) -> Iterator[str]:
    """Say which write trials may have left something: nobody but the next start looks for it."""
    names = sorted({probe.dataset for probe in now.probes})
    if names:
        yield (
            f"a write trial was cut short: dataset {', '.join(names)} may have an empty object at"
            f" the source whose name begins with {FREEZE_TRIAL}; remove it, or the next start does"
        )


def _found(now: CutoverStanding, file: str) -> str:
    counts = now.written or {}
    found = ", ".join(f"{counts[what]} {what}" for what in ("new", "changed", "gone"))
    before = f"; {now.strangers} were there before the switch" if now.strangers else ""
    look = MEND if counts["changed"] or counts["gone"] else ""
    return f"the target is not as it was verified: {found}{before}; the names stand in {file}{look}"


def _listed(scene: Scene) -> Holdings:
    with scene.drawer.open(_name(scene, WRITTEN)) as file:

        def write(what: str, dataset: str, key: str) -> None:
            file.write(json.dumps({"what": what, "dataset": dataset, "target_key": key}) + "\n")

        return holdings.look(scene, write)


def _failed(back: Back, error: MigrateError) -> MigrateError:
    """Stop here: raise an error that says exactly what the state is and what people can do."""
    now = back.standing()
    exact, shown = (_runbook(back, now, error, exact=exact) for exact in (True, False))
    hint = f"this runbook, with exact values, stands in {_where(back)}"
    try:
        with back.drawer.open(_name(back, RUNBOOK)) as file:
            file.write(exact)
        back.stopped_by("rollback-failed", error)
    except (MigrateError, OSError) as unkept:  # a full disk, too, takes it from nobody's eyes
        hint = f"this runbook could not be kept: {unkept}"
    failure = MigrateError(shown, hint=hint)
    failure.exit_code = Exit.REFUSED if isinstance(error, Missing) else error.exit_code
    return failure


def _runbook(back: Back, now: CutoverStanding, error: MigrateError, *, exact: bool) -> str:
    def described(value: str | None) -> str:
        if value is None:
            return "unknown"
        return value if exact else back.shown(value)

    try:
        has = described(back.pointer.read())
    except Missing:
        has = "none: there is no pointer any more"
    except StorageError:
        has = described(None)
    old = back.remembered(now.old_sha256) if now.intended else None
    return "\n".join(
        (
            f"the rollback of batch {back.batch} failed: {error}",
            f"  the journal says: {now.stage}, since {now.since}",
            f"  pointer ({now.pointer and now.pointer.kind}) has now:   {has}",
            f"  before the switch it had:   {described(old)}",
            f"  the switch gave it:         {described(back.value)}",
            "nothing more happens automatically; no object was touched on either side. By hand:",
            "  1. hold everything else: hdh-migrate hold PLAN",
            "  2. find out who changed the pointer, or why it does not answer",
            "  3. set it, by its own means, to the value before the switch",
            "  4. run the same rollback again: it finds the old value and writes its receipt",
        )
    )


def _name(tale: Tale, what: str) -> str:
    return f"{tale.track}-{tale.batch}-{what}" + (".jsonl" if what == WRITTEN else ".txt")


def _where(back: Back) -> str:
    return back.drawer.path(_name(back, RUNBOOK))
