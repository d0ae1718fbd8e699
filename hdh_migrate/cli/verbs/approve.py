"""`approve`: sign, keep or withdraw an approval of a stage."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hdh_migrate.cli.command import AsJson, PassphraseFrom, Plan, StateDir, Task, verb
from hdh_migrate.cli.keyfiles import given
from hdh_migrate.errors import Exit, UsageError
from hdh_migrate.results.switches import ApprovalKept, ApprovalMade, Withdrawn

if TYPE_CHECKING:
    from hdh_migrate.clocks import Moment
    from hdh_migrate.evidence.signatures.approvals import ApprovalStage, Subject
    from hdh_migrate.evidence.signatures.signing import Signer
    from hdh_migrate.session.desk import Desk
    from hdh_migrate.session.policy.selections import SelectionProof

_FOR = re.compile(r"([1-9][0-9]{0,4})([mhd])")


_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


_LONGEST = timedelta(days=366)


_USUAL = timedelta(days=7)
_SHOWN = (
    "withdrawn", "batch", "stage", "difference", "plan_digest", "root", "ledger", "attempt",
    "terms", "from", "expires", "approval", "by", "written", "time",
)  # fmt: skip
"""The order in which people are told."""
_DIFFERENCE = "difference: "


class ApprovableStage(StrEnum):
    """What is approved."""

    FREEZE = "freeze"
    CUTOVER = "cutover"
    FINALIZE = "finalize"
    DECOMMISSION = "decommission"
    TERMS = "terms"
    GRANT = "grant"
    ROTATE = "rotate"
    RESEAL = "reseal"
    ERASE = "erase"


@verb(
    examples=(
        "approve plan.yaml --batch pilot --stage cutover --key keys/dpo.key --for 7d",
        'approve plan.yaml --grant g-3f9a0c5e7b21 --include "a/**" --key keys/dpo.key',
    ),
    exits=(Exit.OK, Exit.USAGE, Exit.REFUSED, Exit.DAMAGED),
    result=ApprovalMade | ApprovalKept | Withdrawn,
)
def approve(
    plan: Plan,
    *,
    batch: Annotated[
        str | None, typer.Option("--batch", metavar="NAME", help="Which batch.")
    ] = None,
    stage: Annotated[
        ApprovableStage | None,
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
    key: Annotated[
        Path | None, typer.Option("--key", metavar="FILE", help="The approver's private key.")
    ] = None,
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
    comment: Annotated[str, typer.Option(metavar="TEXT", help="Printed in the report.")] = "",
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
    as_json: AsJson = False,
    state_dir: StateDir = None,
) -> None:
    """Sign that a stage of a batch's cutover may go on, or that somebody is let read.

    It counts for this plan and this manifest, until then.
    """
    task = Task(as_json=as_json)

    def body() -> None:
        from hdh_migrate.session.verbs import approve as approving

        desk = task.desk(plan, state_dir)
        if take is not None:
            if key is not None or bundle is not None or out is not None or withdraw is not None:
                raise UsageError("--import adds a ready approval: leave the other options out")
            path = approving.keep(desk, approving.load_envelope(take))
            kept: ApprovalKept = {"kept": str(path)}
            task.out.result(kept, f"kept {path}")
            return
        if withdraw is not None:
            if key is None or bundle is not None or stage is not None:
                raise UsageError("--withdraw needs the --key that approved, and no --stage")
            withdrawn = _withdrawn(
                desk, withdraw, key=key, phrase_from=passphrase_from, comment=comment, out=out
            )
            task.out.result(withdrawn, _lines(withdrawn))
            return
        _demand_words(grant, stage, include or (), salt)
        if (dataset is None) != (stage is not ApprovableStage.ERASE) or (
            although and dataset is None
        ):
            raise UsageError("--stage erase and --dataset NAME belong together, with --although")
        named = batch is not None or dataset is not None
        if key is None or (grant is None and (not named or stage is None)):
            raise UsageError("--batch, --stage and --key are needed", hint="or --import FILE")
        if (bundle is None) != (not trust):
            raise UsageError("--bundle and --trust belong together")
        if bundle is not None and out is None:
            raise UsageError("--bundle needs --out: there is no ledger here to keep it beside")
        result = _made(
            desk, task.out.say, batch=batch or "", stage=str(stage or ApprovableStage.GRANT),
            grant=grant, key=key, phrase_from=passphrase_from,
            until=until, lasting=lasting, begins=begins, comment=comment, bundle=bundle,
            trust=trust or [], out=out, include=tuple(include or ()), salt=salt,
            dataset=dataset, although=tuple(although or ()),
        )  # fmt: skip
        task.out.result(result, _lines(result))

    task.run(body)


def _demand_words(
    grant: str | None, stage: ApprovableStage | None, include: Sequence[str], salt: Path | None
) -> None:
    if (grant is None) != (stage is not ApprovableStage.GRANT) and stage is not None:
        raise UsageError("--stage grant and --grant ID belong together")
    if grant is None and (include or salt is not None):
        raise UsageError("--include and --salt belong to --grant ID")


def _made(
    desk: Desk,
    say: Callable[[str], None],
    *,
    batch: str,
    stage: str,
    grant: str | None,
    key: Path,
    phrase_from: str | None,
    until: str | None,
    lasting: str | None,
    begins: str | None,
    comment: str,
    bundle: Path | None,
    trust: list[Path],
    out: Path | None,
    include: tuple[str, ...],
    salt: Path | None,
    dataset: str | None,
    although: tuple[str, ...],
) -> ApprovalMade:
    from hdh_migrate.clocks import ALONE, length, seconds_of
    from hdh_migrate.evidence.signatures import approvals
    from hdh_migrate.evidence.signatures.signing import claims_of
    from hdh_migrate.fixity import canonical_json, sha256_hex
    from hdh_migrate.session.policy.may_approve import demand_may_approve
    from hdh_migrate.session.policy.selections import SelectionProof
    from hdh_migrate.session.policy.timekeeping import offline
    from hdh_migrate.session.verbs import approve as approving

    _demand_comment(comment)
    if begins is not None and stage != "freeze":
        raise UsageError("--from is for a freeze")
    now = offline(desk.clock, desk.ledger_path).now()
    made_at = now.earliest
    wanted = approvals.ApprovalStage(stage)
    proof = SelectionProof(include=include, salt=salt)
    subject, shown = _subject(
        desk, batch, wanted, grant, bundle, trust, now, proof, dataset, although
    )
    for line in shown:  # before a passphrase is asked for: who signs has read it
        say(line)
    signer = _signer(desk, key, phrase_from)
    demand_may_approve(desk, signer.verifier)
    first = made_at if begins is None else _moment(begins, "--from")
    usual = _USUAL if subject.longest is None else timedelta(seconds=subject.longest)
    expires = expiry(first, until, lasting or min(usual, _LONGEST))
    if subject.longest is not None and seconds_of(expires) - seconds_of(first) > subject.longest:
        raise UsageError(
            f"the plan lets a freeze be stated for {length(subject.longest)} at most",
            hint="give a shorter --for, and state it again when it is over",
        )
    envelope = approvals.approval(
        signer, subject, made_at=made_at, begins=first, expires=expires, comment=comment
    )
    if out is not None:
        approving.write_new(out, canonical_json(envelope) + b"\n")
    path = out or approving.keep(desk, envelope)
    approval: ApprovalMade = {
        "batch": subject.batch,
        "stage": stage,
        "plan_digest": subject.plan_digest,
        "root": subject.root,
        "ledger": subject.ledger,
        "attempt": subject.attempt,
        "terms": subject.terms,
        "expires": expires,
        "approval": sha256_hex(claims_of(envelope, approvals.APPROVAL_TYPE)[0]),
        "by": signer.key_id,
        "written": str(path),
        "time": ALONE,
    }
    if wanted is approvals.ApprovalStage.TERMS:
        approval["difference"] = [line.removeprefix(_DIFFERENCE) for line in shown]
    if subject.longest is not None:
        approval["from"] = first
    return approval


def _subject(
    desk: Desk,
    batch: str,
    stage: ApprovalStage,
    grant: str | None,
    bundle: Path | None,
    trust: list[Path],
    now: Moment,
    proof: SelectionProof,
    dataset: str | None,
    although: Sequence[str],
) -> tuple[Subject, list[str]]:
    """Return what is approved, and in lines what whoever signs must have read."""
    from hdh_migrate.evidence.signatures.approvals import ApprovalStage as Stage
    from hdh_migrate.evidence.signatures.signing import load_trusted_key
    from hdh_migrate.session.verbs import approve as approving
    from hdh_migrate.session.verbs import approve_erasure, approve_grant, approve_rotation

    trusted = given(load_trusted_key, trust)
    if grant is not None:
        if bundle is None:
            return approve_grant.grant_here(desk, grant, proof)
        return approve_grant.grant_of_bundle(desk, grant, bundle, trusted, now, proof)
    if stage is Stage.ROTATE:
        return approve_rotation.rotation_here(desk, batch, bundle)
    if stage is Stage.RESEAL:
        return approve_rotation.resealing_here(desk, batch, bundle)
    if stage is Stage.ERASE:
        return approve_erasure.erasure_here(desk, dataset or "", although, bundle)
    difference: list[str] = []
    if bundle is not None:
        subject, difference = approving.subject_of_bundle(desk, batch, stage, bundle, trusted, now)
    else:
        subject = approving.subject_here(desk, batch, stage)
        if stage is Stage.TERMS:
            difference = approving.difference_here(desk, batch)
    return subject, [f"{_DIFFERENCE}{line}" for line in difference]


def _lines(payload: Mapping[str, object]) -> str:
    lines = []
    for name in sorted(payload, key=_SHOWN.index):
        value = payload[name]
        lines += [f"{name}: {one}" for one in (value if isinstance(value, list) else [value])]
    return "\n".join(lines)


def _withdrawn(
    desk: Desk,
    named: str,
    *,
    key: Path,
    phrase_from: str | None,
    comment: str,
    out: Path | None,
) -> Withdrawn:
    from hdh_migrate.evidence.signatures import approvals
    from hdh_migrate.fixity import canonical_json
    from hdh_migrate.session.policy.timekeeping import offline
    from hdh_migrate.session.verbs import approve as approving

    _demand_comment(comment)
    signer = _signer(desk, key, phrase_from)
    digest, approval = approving.kept_approval(desk, named, signer.verifier)
    envelope = approvals.withdrawal(
        signer, digest, batch=approval["batch"], stage=approval["stage"],
        made_at=offline(desk.clock, desk.ledger_path).now().earliest, comment=comment,
    )  # fmt: skip
    if out is not None:
        approving.write_new(out, canonical_json(envelope) + b"\n")
    return {
        "withdrawn": digest,
        "batch": approval["batch"],
        "stage": approval["stage"],
        "by": signer.key_id,
        "written": str(out or approving.keep(desk, envelope)),
    }


def _signer(desk: Desk, key: Path, phrase_from: str | None) -> Signer:
    from hdh_migrate.evidence.signatures.signing import load_signer
    from hdh_migrate.wiring import Vault

    phrase = Vault.open(Path()).reveal(phrase_from).encode() if phrase_from else None
    signer = load_signer(key, phrase)
    if signer.weakness is not None:
        desk.progress.note(signer.weakness)
    return signer


def _demand_comment(comment: str) -> None:
    from hdh_migrate.evidence.signatures.approvals import MAX_COMMENT

    if len(comment) > MAX_COMMENT or not comment.isprintable():
        raise UsageError("a comment is one line of at most 500 characters")


def _moment(text: str, option: str) -> str:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{option} is a time such as 2026-12-24T18:00:00Z") from None
    if found.tzinfo is None:
        raise UsageError(f"{option} needs its zone, such as the Z of 2026-12-24T18:00:00Z")
    return found.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def expiry(now: str, until: str | None, lasting: str | timedelta) -> str:
    """Return when an approval expires, as RFC 3339 in UTC; `lasting` as it was given, or known."""
    start = datetime.fromisoformat(now)
    if until is not None:
        end = datetime.fromisoformat(_moment(until, "--until"))
    elif isinstance(lasting, timedelta):
        end = start + lasting
    else:
        found = _FOR.fullmatch(lasting)
        if found is None:
            raise UsageError("--for is a length such as 90m, 12h or 7d")
        end = start + timedelta(**{_UNITS[found[2]]: int(found[1])})
    if not start < end <= start + _LONGEST:
        raise UsageError("an approval expires in the future, and within 366 days")
    return end.astimezone(start.tzinfo).isoformat(timespec="seconds").replace("+00:00", "Z")
