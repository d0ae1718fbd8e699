"""`report timestamp`: a time-stamping authority's word on a bundle."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Annotated

import typer

from hdh_migrate.cli.command import Task, verb
from hdh_migrate.cli.keyfiles import load_each
from hdh_migrate.cli.output import visible
from hdh_migrate.cli.parameters import Bundle, TsaTrust
from hdh_migrate.errors import Exit, UsageError
from hdh_migrate.results.proofs import Requested, Stamped


@verb(
    examples=(
        "report timestamp evidence-2026-11 --tsa https://tsa.example/stamp --tsa-trust tsa.pem",
        "report timestamp evidence-2026-11 --request request.tsq",
    ),
    exits=(Exit.STOPPED, Exit.DAMAGED),
    result=Requested | Stamped,
)
def timestamp(
    task: Task,
    bundle: Bundle,
    *,
    query: Annotated[
        Path | None,
        typer.Option("--request", metavar="OUT", help="Write the request into a new file."),
    ] = None,
    token: Annotated[
        Path | None,
        typer.Option("--token", metavar="IN", help="Check an answer and put it into the bundle."),
    ] = None,
    tsa: Annotated[
        str | None,
        typer.Option("--tsa", metavar="URL", help="Ask this authority now, by HTTP."),
    ] = None,
    tsa_trust: TsaTrust = None,
) -> None:
    """Have a time-stamping authority (RFC 3161) say that a signed bundle was there; once.

    Offline: --request, hand the file to the authority, --token. Exit 10 when the stamp does not
    check, 7 when the authority does not answer; the bundle is then as it was.
    """
    if sum(option is not None for option in (query, token, tsa)) != 1:
        raise UsageError("give one of --request, --token and --tsa")
    if query is not None:
        asked = _request(bundle, query, tsa_trust)
        text = f"{query}: a request, for the authority; its answer goes to --token"
        task.out.result(asked, text)
    else:
        result = _stamp(bundle, token, tsa, tsa_trust)
        task.out.result(result, stamp_text(result))


def _request(bundle: Path, out: Path, tsa_trust: Path | None) -> Requested:
    from hdh_migrate.evidence.signatures.stamps import request
    from hdh_migrate.folders import unwritten, write_whole
    from hdh_migrate.session.verbs.timestamp import NONCE_BITS

    if tsa_trust is not None:
        raise UsageError("--tsa-trust goes with --token or --tsa")
    made = request(bundle, secrets.randbits(NONCE_BITS))
    try:
        write_whole(out, made, mode=0o644)
    except FileExistsError:
        raise UsageError(f"{out}: exists already and is not overwritten") from None
    except OSError as error:
        raise unwritten(out, error) from None
    return {"request": str(out)}


def _stamp(bundle: Path, token: Path | None, tsa: str | None, tsa_trust: Path | None) -> Stamped:
    from pydantic_core import PydanticCustomError

    from hdh_migrate.evidence.signatures.stamps import add_stamp, load_roots
    from hdh_migrate.plan.fields import authority_url
    from hdh_migrate.session.verbs.timestamp import NONCE_BITS, as_stamped, stamp

    roots = load_each(load_roots, [tsa_trust])[0] if tsa_trust is not None else None
    if tsa is None:
        assert token is not None
        return as_stamped(add_stamp(bundle, _answer(token), roots))
    try:
        authority_url(tsa)
    except PydanticCustomError as error:
        raise UsageError(f"--tsa: {error.message()}") from None
    return as_stamped(stamp(bundle, tsa, roots, nonce=secrets.randbits(NONCE_BITS)))


def _answer(path: Path) -> bytes:
    from hdh_migrate.evidence.verifier.stamp import LARGEST_STAMP

    try:
        with path.open("rb") as file:
            return file.read(LARGEST_STAMP + 1)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None


def stamp_text(stamp: Stamped) -> str:
    """Return for people who stamped when, and what was not checked."""
    text = f"stamped at {stamp['at']} by {visible(stamp['authority'])}"
    if not stamp["trusted"]:
        text += "\nnot checked: whether that authority is one to trust (give --tsa-trust)"
    return text
