"""`approve`: sign, keep or withdraw an approval of a stage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from hdh_migrate.cli.command import Task, verb
from hdh_migrate.cli.keyfiles import load_each
from hdh_migrate.cli.parameters import AT_PLAN, PassphraseFrom, Plan, key_option
from hdh_migrate.errors import Exit, UsageError
from hdh_migrate.evidence.signatures.approval_stages import ApprovalStage
from hdh_migrate.results.switches import ApprovalKept, ApprovalMade, Withdrawn

_SHOWN = (
    "withdrawn", "batch", "stage", "difference", "plan_digest", "root", "ledger", "attempt",
    "terms", "from", "expires", "approval", "by", "written", "time",
)  # fmt: skip
"""The order in which people read it."""


@verb(
    examples=(
        "approve plan.yaml --batch pilot --stage cutover --key keys/dpo.key --for 7d",
        'approve plan.yaml --grant g-3f9a0c5e7b21 --include "a/**" --key keys/dpo.key',
    ),
    exits=(Exit.REFUSED, Exit.STOPPED, Exit.DAMAGED, Exit.LOCKED),
    result=ApprovalMade | ApprovalKept | Withdrawn,
    options=AT_PLAN,
)
def approve(
    task: Task,
    plan: Plan,
    *,
    batch: Annotated[
        str | None, typer.Option("--batch", metavar="NAME", help="Which batch.")
    ] = None,
    stage: Annotated[
        ApprovalStage | None,
        typer.Option(
            help="What is approved; freeze: a statement that nobody writes any more; terms: what"
            " the plan changes of who approves, and with what delays."
        ),
    ] = None,
    grant: Annotated[
        str | None,
        typer.Option("--grant", metavar="ID", help="Which grant; --batch and --stage follow."),
    ] = None,
    include: Annotated[
        list[str] | None,
        typer.Option(
            metavar="GLOB",
            help="With --grant: what it is to be of, as it was asked for; repeatable. Compared.",
        ),
    ] = None,
    salt: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="With --bundle and --include: the request's salt."),
    ] = None,
    dataset: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="With --stage erase: which dataset; --batch follows."),
    ] = None,
    although: Annotated[
        list[str] | None,
        typer.Option(metavar="WORD", help="With --stage erase: in spite of grants, only-copy."),
    ] = None,
    key: Annotated[Path | None, key_option("The approver's private key.")] = None,
    until: Annotated[
        str | None, typer.Option(metavar="TIME", help="When it expires: 2026-12-24T18:00:00Z.")
    ] = None,
    lasting: Annotated[
        str | None,
        typer.Option(
            "--for",
            metavar="TIME",
            help="Or how long it lasts: 90m, 12h, 7d. Default: 7d; a freeze: `freeze.at_most`.",
        ),
    ] = None,
    begins: Annotated[
        str | None,
        typer.Option("--from", metavar="TIME", help="When a freeze begins. Default: now."),
    ] = None,
    passphrase_from: PassphraseFrom = None,
    comment: Annotated[
        str, typer.Option(metavar="TEXT", help="Signed with it; stands in the evidence.")
    ] = "",
    bundle: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Approve what a bundle proves; no ledger is needed."),
    ] = None,
    trust: Annotated[
        list[Path] | None,
        typer.Option(metavar="KEY", help="With --bundle: the public key of its signer."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write it here, to be carried elsewhere.")
    ] = None,
    take: Annotated[
        Path | None, typer.Option("--import", metavar="FILE", help="Add one made elsewhere.")
    ] = None,
    withdraw: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|DIGITS", help="Take back an approval that the same key has signed."
        ),
    ] = None,
) -> None:
    """Sign that a stage of a batch's cutover may go on, or that somebody is let read.

    It counts for this plan and this manifest, until then.
    """
    from hdh_migrate.evidence.signatures.signing import load_trusted_key
    from hdh_migrate.session.policy.kept_approvals import load_envelope
    from hdh_migrate.session.policy.selections import SelectionProof
    from hdh_migrate.session.verbs import approve as session

    desk = task.desk(plan)
    if take is not None:
        if key is not None or bundle is not None or out is not None or withdraw is not None:
            raise UsageError("--import adds a ready approval: leave the other options out")
        path = session.keep(desk, load_envelope(take))
        kept: ApprovalKept = {"kept": str(path)}
        task.out.result(kept, f"kept {path}")
        return
    if withdraw is not None:
        if key is None or bundle is not None or stage is not None:
            raise UsageError("--withdraw needs the --key that approved, and no --stage")
        by = session.Signature(key=key, phrase_from=passphrase_from, comment=comment, out=out)
        withdrawn = session.withdraw(desk, withdraw, by)
        task.out.result(withdrawn, _lines(withdrawn))
        return
    _demand_words(grant, stage, include or (), salt)
    _demand_erasure(stage, dataset, although or ())
    if key is None or (grant is None and (not (batch or dataset) or stage is None)):
        raise UsageError("--batch, --stage and --key are needed", hint="or --import FILE")
    _demand_bundle(bundle, trust or (), out)
    wish = session.ApprovalWish(
        stage=stage or ApprovalStage.GRANT, batch=batch or "", grant=grant,
        proof=SelectionProof(include=tuple(include or ()), salt=salt),
        dataset=dataset or "", although=tuple(although or ()),
        bundle=bundle, trusted=tuple(load_each(load_trusted_key, trust or [])),
        begins=begins, until=until, lasting=lasting,
    )  # fmt: skip
    by = session.Signature(key=key, phrase_from=passphrase_from, comment=comment, out=out)
    made = session.approve(desk, wish, by, task.out.say)
    task.out.result(made, _lines(made))


def _demand_words(
    grant: str | None, stage: ApprovalStage | None, include: Sequence[str], salt: Path | None
) -> None:
    if (grant is None) != (stage is not ApprovalStage.GRANT) and stage is not None:
        raise UsageError("--stage grant and --grant ID belong together")
    if grant is None and (include or salt is not None):
        raise UsageError("--include and --salt belong to --grant ID")


def _demand_erasure(
    stage: ApprovalStage | None, dataset: str | None, although: Sequence[str]
) -> None:
    if (dataset is None) != (stage is not ApprovalStage.ERASE) or (although and dataset is None):
        raise UsageError("--stage erase and --dataset NAME belong together, with --although")


def _demand_bundle(bundle: Path | None, trust: Sequence[Path], out: Path | None) -> None:
    if (bundle is None) != (not trust):
        raise UsageError("--bundle and --trust belong together")
    if bundle is not None and out is None:
        raise UsageError("--bundle needs --out: there is no ledger here to keep it beside")


def _lines(payload: Mapping[str, object]) -> str:
    lines = []
    for name in sorted(payload, key=_SHOWN.index):
        value = payload[name]
        if value is None:  # a freeze is about no manifest
            continue
        lines += [f"{name}: {one}" for one in (value if isinstance(value, list) else [value])]
    return "\n".join(lines)
