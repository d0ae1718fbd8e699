"""`grant`: let a reader open verified objects where they are; print or set what the host allows."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer

from hdh_migrate.cli.command import Task, verb
from hdh_migrate.cli.parameters import WORKING, CredentialId, CredentialSecret, Plan
from hdh_migrate.errors import Exit, UsageError
from hdh_migrate.results.grants import BOUNDS, GrantMade, GrantPolicy, PolicyAtBucket
from hdh_migrate.telemetry import counted, size_text

_NEEDED = ("--dataset", "--to", "--permit", "--until", "--purpose", "--out")


@verb(
    examples=(
        (
            "grant plan.yaml --dataset pmsi --to lab.pub --permit R-7 --until 2027-12-31"
            ' --purpose "survival after stroke" --out lab'
        ),
        (
            "grant plan.yaml --policy g-3f9a0c5e7b21 --principal arn:aws:iam::123456789012:root"
            " --execute --credential-id env:ADMIN_ID --credential-secret env:ADMIN_SECRET"
        ),
    ),
    exits=(
        Exit.REFUSED, Exit.VERIFICATION_FAILED, Exit.STOPPED, Exit.APPROVAL_MISSING, Exit.AUTH,
        Exit.DAMAGED, Exit.LOCKED, Exit.INTERRUPTED,
    ),
    result=GrantMade | GrantPolicy,
    options=WORKING,
)  # fmt: skip
def grant(
    task: Task,
    plan: Plan,
    *,
    dataset: Annotated[
        str | None, typer.Option("--dataset", metavar="NAME", help="Of which dataset.")
    ] = None,
    include: Annotated[
        list[str] | None,
        typer.Option(metavar="GLOB", help="Only these objects; repeatable. Default: all."),
    ] = None,
    to: Annotated[
        Path | None, typer.Option("--to", metavar="FILE", help="The reader's public key.")
    ] = None,
    permit: Annotated[
        str | None, typer.Option(metavar="REF", help="The permit that it rests on.")
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(metavar="DATE", help="Its last day (UTC), 2027-12-31, or last moment."),
    ] = None,
    purpose: Annotated[
        str | None, typer.Option(metavar="TEXT", help="What for; the report prints it.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="A new folder for pack and statement.")
    ] = None,
    renew: Annotated[
        str | None,
        typer.Option(
            metavar="ID", help="Instead: a new pack for a grant, in the place of its stale one."
        ),
    ] = None,
    policy: Annotated[
        str | None,
        typer.Option(metavar="ID", help="Instead: print the bucket policy of a given grant."),
    ] = None,
    principal: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="Whom the host lets in, as the host writes it."),
    ] = None,
    execute: Annotated[
        bool, typer.Option("--execute", help="Set that policy, and read it back.")
    ] = False,
    credential_id: CredentialId = None,
    credential_secret: CredentialSecret = None,
) -> None:
    """Let one more reader open verified objects where they are: no body moves, no key is shared.

    Writes a pack that only the reader's key opens and a signed statement. The same command goes
    on after any stop. Who may fetch the sealed bytes is the host's to say. With --renew ID the
    same reader gets a new pack on the same permit, until the same day, and the old one goes.
    """
    if policy is not None:
        given = (dataset, include, to, permit, until, purpose, out, renew)
        if any(one is not None for one in given):
            raise UsageError(
                "--policy is about a grant that is given: leave out what makes a new one"
            )
        keys = (credential_id, credential_secret)
        _policy(task, plan, policy, principal, keys, execute=execute)
        return
    if execute or principal or credential_id or credential_secret:
        raise UsageError("--principal, --execute and its credential belong to --policy ID")
    if renew is not None:
        if any(one is not None for one in (dataset, to, permit, until, purpose)):
            raise UsageError(
                "--renew gives the same grant again: leave out what makes a new one",
                hint="it takes --out, and --include where the ledger does not know the globs",
            )
        made = _renewed(task, plan, renew, include or (), out)
    else:
        needed = (dataset, to, permit, until, purpose, out)
        made = _given(task, plan, needed, include or ())
    task.out.result(made, _lines(made))


def _renewed(
    task: Task,
    plan: Path,
    grant: str,
    include: Sequence[str],
    out: Path | None,
) -> GrantMade:
    from hdh_migrate.session.verbs.renew import renew

    if out is None:
        raise UsageError("--out: needed", hint="nothing was granted")
    return task.at_desk(plan, lambda desk: renew(desk, grant, include, out))


def _given(
    task: Task,
    plan: Path,
    words: tuple[str | None, Path | None, str | None, str | None, str | None, Path | None],
    include: Sequence[str],
) -> GrantMade:
    """Give a grant by the words that it needs, in the order of `_NEEDED`."""
    from hdh_migrate.session.policy.granting import wish_of
    from hdh_migrate.session.verbs.grant import grant

    missing = [name for name, word in zip(_NEEDED, words, strict=True) if word is None]
    if missing:
        raise UsageError(f"{', '.join(missing)}: needed", hint="nothing was granted")
    dataset, to, permit, until, purpose, out = words
    assert dataset is not None
    assert to is not None
    assert out is not None
    wish = wish_of(dataset, include, to, permit or "", purpose or "", until or "")
    return task.at_desk(plan, lambda desk: grant(desk, wish, out))


def _policy(
    task: Task,
    plan: Path,
    grant: str,
    principal: str | None,
    keys: tuple[str | None, str | None],
    *,
    execute: bool,
) -> None:
    from hdh_migrate.session.verbs.grant_policy import administrator_of, grant_policy

    administrator = administrator_of(*keys)
    if principal is None:
        raise UsageError("--principal: needed: whom the host is to let in, as it writes that")
    if execute != (administrator is not None):
        raise UsageError(
            "--execute needs --credential-id and --credential-secret, and they need it",
            hint="the credential that sets policies is used for nothing else; nothing was changed",
        )
    result = grant_policy(task.desk(plan), grant, principal, administrator)
    lines = []
    for one in result["buckets"]:
        done = "set, and read back" if one["applied"] else "dry run: --execute sets it"
        ends = "" if one["date"] else "; it does not end by itself here: revoke takes it back"
        lines += [f"bucket {one['bucket']}: {done}{ends}", *_reach(one)]
        lines.append(json.dumps(one["policy"], indent=2))
    task.out.result(result, "\n".join([*lines, BOUNDS]))


def _reach(one: PolicyAtBucket) -> Iterator[str]:
    """Say what more than the dataset is served; headers keep it shut all the same."""
    if others := one["other_datasets"]:
        yield (
            f"it serves the sealed bytes of other datasets, too: {', '.join(others)}; no header of"
            " theirs opens for the reader"
        )
    if one["open_ended"]:
        yield (
            "its prefix ends without a slash: it serves every sealed object whose key begins so,"
            " of other folders, too"
        )


def _lines(made: GrantMade) -> str:
    again = " (given before; nothing was done)" if made["again"] else ""
    if made["renews"] is not None:
        again += f", in the place of {made['renews']}, whose pack was withdrawn"
    amount = (
        f"{counted(made['objects'], 'object')} ({size_text(made['bytes'])}) of {made['dataset']}"
    )
    whom = f"{made['reader']} until {made['until']}"
    return "\n".join(
        (
            f"grant {made['grant']}: {amount} for {whom}{again}",
            f"{made['folder']}: hand it to the reader whole",
            BOUNDS,
        )
    )
