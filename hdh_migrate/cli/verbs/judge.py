"""`judge`: whether a loss is a breach that must be notified, signed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from hdh_migrate.cli.command import Task, verb
from hdh_migrate.cli.parameters import AT_PLAN, PassphraseFrom, Plan, key_option
from hdh_migrate.errors import Exit, UsageError
from hdh_migrate.results.proofs import JudgementMade, JudgementsWaiting, LossToJudge


@verb(
    examples=(
        "judge plan.yaml",
        (
            "judge plan.yaml --what look.pilot.2 --notified CNIL-2026-11-0417 --on 2026-11-28"
            " --key keys/dpo.key"
        ),
    ),
    exits=(Exit.REFUSED, Exit.FINDINGS, Exit.STOPPED, Exit.DAMAGED, Exit.LOCKED),
    result=JudgementMade | JudgementsWaiting,
    options=AT_PLAN,
)  # fmt: skip
def judge(
    task: Task,
    plan: Plan,
    *,
    what: Annotated[
        list[str] | None,
        typer.Option(
            "--what",
            metavar="WHAT",
            help="look.BATCH.N or finding.N, as they are shown; repeatable.",
        ),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Everything that waits, as one matter.")
    ] = False,
    notified: Annotated[
        str | None,
        typer.Option(metavar="REFERENCE", help="An authority was notified: its reference."),
    ] = None,
    on: Annotated[
        str | None, typer.Option("--on", metavar="DAY", help="With --notified: on which day.")
    ] = None,
    reason: Annotated[
        str,
        typer.Option(metavar="TEXT", help="Why; the report prints it. Needed without --notified."),
    ] = "",
    key: Annotated[Path | None, key_option("The private key (Ed25519) that signs.")] = None,
    passphrase_from: PassphraseFrom = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Only sign, to be carried elsewhere.")
    ] = None,
    take: Annotated[
        Path | None, typer.Option("--import", metavar="FILE", help="Keep one signed elsewhere.")
    ] = None,
) -> Exit:
    """Judge whether what was lost or damaged is a breach that must be notified (GDPR, art. 33).

    Without --key it shows what waits, and exits with 4 while something does. A judgement stands in
    the journal as it was signed, with a key that the plan names in `waivers` or `approvals`.
    """
    from hdh_migrate.session.policy.kept_approvals import load_envelope
    from hdh_migrate.session.verbs import judge as session

    desk = task.desk(plan)
    said = bool(what) or everything or notified is not None or on is not None or bool(reason)
    if take is not None:
        if said or key is not None or out is not None:
            raise UsageError("--import keeps a ready judgement: leave the other options out")
        return _made(task, session.keep(desk, load_envelope(take, "judgement", "judge")))
    if key is None:
        if said or out is not None:
            raise UsageError("--key is needed to judge", hint="nothing was signed")
        found = session.waiting(desk)
        shown: JudgementsWaiting = {"waiting": found}
        lines = [*_lines(found)] or ["nothing waits for a judgement"]
        task.out.result(shown, "\n".join(lines))
        return Exit.FINDINGS if found else Exit.OK
    if bool(what) == everything:
        raise UsageError("--what WHAT, or --all", hint='"hdh-migrate judge PLAN" shows what waits')
    wish = session.JudgementWish(what=tuple(what or ()), reference=notified, on=on, reason=reason)
    envelope = session.sign(desk, wish, key, passphrase_from)
    return _made(
        task, session.keep(desk, envelope) if out is None else session.write(envelope, out)
    )


def _made(task: Task, made: JudgementMade) -> Exit:
    where = (
        f"written {made['written']}: not in the journal yet" if made["written"] is not None
        else "it is in the journal" if made["kept"] else "it was in the journal already"
    )  # fmt: skip
    outcome = "notified" if made["notified"] else "not notified"
    lines = [
        f"judged ({outcome}): {', '.join(made['judged'])}", f"by {made['by']}; {where}",
        *(f"waits: {line}" for line in _lines(made["waiting"])),
    ]  # fmt: skip
    task.out.result(made, "\n".join(lines))
    return Exit.OK


def _lines(found: Sequence[LossToJudge]) -> list[str]:
    return [
        f"{one['what']}: {one['code'] or 'gone or damaged'}, {one['objects']} object"
        f"{'' if one['objects'] == 1 else 's'}, batch {one['batch'] or 'unknown'}, {one['at']}"
        for one in found
    ]
