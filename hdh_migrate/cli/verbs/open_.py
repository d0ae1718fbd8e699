"""`open`: a reader's view of a grant, without plan or ledger."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hdh_migrate.cli import environment
from hdh_migrate.cli.command import Task, verb
from hdh_migrate.cli.output import visible
from hdh_migrate.cli.parameters import PassphraseFrom, key_option
from hdh_migrate.errors import Exit, Interrupted, UsageError
from hdh_migrate.results.grants_read import Downloaded, GrantedLine, GrantFact
from hdh_migrate.telemetry import counted, size_text

if TYPE_CHECKING:
    from hdh_migrate.access.opened import OpenedGrant
    from hdh_migrate.access.settings import ReaderSettings

_LINES_AT_ONCE = 500


@verb(
    examples=(
        "open grants/4711 --identity keys/me.sec --trust keys/office.pub --list",
        'open grants/4711 --identity keys/me.sec --get "2024/**" --out data --sealed',
    ),
    exits=(
        Exit.REFUSED, Exit.VERIFICATION_FAILED, Exit.STOPPED, Exit.AUTH, Exit.DAMAGED,
        Exit.INTERRUPTED,
    ),
    result=GrantFact | GrantedLine | Downloaded,
    options=("no_progress", "as_json"),
)  # fmt: skip
def open_granted(
    task: Task,
    grant: Annotated[Path, typer.Argument(metavar="GRANT", help="The folder of a grant.")],
    *,
    identity: Annotated[Path, key_option("The reader's private key.", "--identity")],
    passphrase_from: PassphraseFrom = None,
    trust: Annotated[
        list[Path] | None,
        typer.Option(
            "--trust", metavar="KEY", help="A public key that must have signed; one of several."
        ),
    ] = None,
    show: Annotated[
        bool,
        typer.Option(
            "--list",
            help="Names, sizes, digests; names may identify patients. Under --json one a line.",
        ),
    ] = False,
    get: Annotated[
        list[str] | None,
        typer.Option("--get", metavar="GLOB", help="Download what fits; repeatable."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Where downloads go; nothing is overwritten."),
    ] = None,
    sealed: Annotated[
        bool, typer.Option("--sealed", help="As .c4gh files for any Crypt4GH tool, not in clear.")
    ] = False,
    credential_id: Annotated[
        str,
        typer.Option(metavar="REF", help="Where the id of the host's access key stands."),
    ] = f"env:{environment.READER_ID}",
    credential_secret: Annotated[
        str, typer.Option(metavar="REF", help="Where its secret half stands.")
    ] = f"env:{environment.READER_SECRET}",
    session_token: Annotated[
        str | None, typer.Option(metavar="REF", help="Where a temporary key's token stands.")
    ] = None,
    ca_file: Annotated[
        Path | None,
        typer.Option(metavar="PEM", help="Authorities for the host, not the system's."),
    ] = None,
    patience: Annotated[
        float,
        typer.Option(min=0.0, metavar="SECONDS", help="How long a host that fails is asked again."),
    ] = 60.0,
) -> None:
    """Open a grant: what it is, what it is of, and its objects, each checked whole.

    Needs neither plan nor ledger. Without --list or --get nothing is asked of the host. A download
    that was stopped goes on when the same command is run again.
    """
    from hdh_migrate.access.opened import open_grant
    from hdh_migrate.access.settings import ReaderSettings

    _demand_sense(show=show, get=get, out=out, sealed=sealed)
    settings = ReaderSettings(
        grant=grant, identity=identity, passphrase_from=passphrase_from,
        credential_id=credential_id, credential_secret=credential_secret,
        session_token=session_token, trust=tuple(trust or ()), ca_file=ca_file,
        patience=patience,
    )  # fmt: skip
    opened = open_grant(settings, stop=task.stop)
    if not trust:
        task.out.warn("nobody's signature was asked for: name the grant's signer with --trust")
    if get and out is not None:
        _download(task, opened, get, out, sealed=sealed)
    elif show:
        task.out.stream(_listed(task, opened))
    else:
        _describe(task, opened, settings)


def _demand_sense(*, show: bool, get: list[str] | None, out: Path | None, sealed: bool) -> None:
    """Refuse options that mean nothing together.

    Raises:
        UsageError: they do not.
    """
    if show and get:
        raise UsageError("--list and --get are two things: give one of them")
    if bool(get) != (out is not None):
        raise UsageError("--get says what is downloaded and --out where to: give both")
    if sealed and not get:
        raise UsageError("--sealed says how --get downloads: give both")


def _describe(task: Task, opened: OpenedGrant, settings: ReaderSettings) -> None:
    given, host = opened.given, opened.catalogue.head.endpoint.url
    fact: GrantFact = {
        "grant": given.grant, "migration": given.migration, "dataset": given.dataset,
        "whole": given.whole, "permit": given.permit, "purpose": given.purpose,
        "reader": given.reader, "until": given.until, "made_at": given.made_at,
        "objects": given.objects, "bytes": given.bytes, "endpoint": host,
        "trusted": bool(settings.trust),
    }  # fmt: skip
    of = "all" if given.whole else "part"
    amount = f"{counted(given.objects, 'object')}, {size_text(given.bytes)}"
    lines = (
        f"grant {given.grant}: {amount}, {of} of {given.dataset} of {given.migration}",
        f"for {given.reader}, on permit {given.permit}, until {given.until}",
        f"purpose: {given.purpose}",
        f"host: {host}",
        "the host's credential enforces the date, mathematics who reads; what was read stays read",
    )
    task.out.result(fact, "\n".join(lines))
    task.out.say('hint: --list names the objects; --get "**" --out DIR downloads all of them')


def _listed(task: Task, opened: OpenedGrant) -> Iterator[bytes]:
    portion: list[str] = []
    for found in opened.catalogue.starting():
        of = found.of
        line: GrantedLine = {"name": of.name, "bytes": of.length, "sha256": of.sha256}
        if task.out.as_json:
            portion.append(json.dumps(line, ensure_ascii=True, sort_keys=True))
        else:
            portion.append(f"{of.length:>15}  {of.sha256}  {visible(of.name)}")
        if len(portion) == _LINES_AT_ONCE:
            yield _text(portion)
            portion = []
            _demand_going(task)
    yield _text(portion)


def _text(lines: list[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()


def _download(task: Task, opened: OpenedGrant, get: list[str], out: Path, *, sealed: bool) -> None:
    from hdh_migrate.access.saving import save

    progress = task.progress()
    progress.step(opened.given.dataset, "get", objects=0, size=0)
    try:
        saved = save(
            opened, get, out,
            sealed=sealed, done=progress.advance, halted=lambda: _demand_going(task),
        )  # fmt: skip
    finally:
        progress.close()
    result: Downloaded = {
        "grant": opened.given.grant, "out": str(out), "sealed": sealed,
        "objects": saved.objects, "bytes": saved.bytes, "already": saved.already,
        "received": opened.received,
    }  # fmt: skip
    already = f", {saved.already} of them there before" if saved.already else ""
    kind = "sealed for your key" if sealed else "in clear"
    task.out.result(
        result,
        f"{out}: {counted(saved.objects, 'object')}, {size_text(saved.bytes)}, {kind}, each"
        f" whole{already}",
    )


def _demand_going(task: Task) -> None:
    if task.stop.is_set():
        raise Interrupted(
            "stopped; what is whole stays", hint="the same command goes on where this one stopped"
        )
