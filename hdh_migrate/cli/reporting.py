"""The verb `report`: `report PLAN` writes a bundle; its sub-verbs sign and stamp one later."""

from __future__ import annotations

import secrets
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from hdh_migrate.cli.app import AsJson, Plan, StateDir, Task, Verbose
from hdh_migrate.cli.auditing import Bundle, Trust, TsaTrust
from hdh_migrate.cli.output import visible
from hdh_migrate.cli.trusting import given
from hdh_migrate.errors import UsageError

_HELP = ("-h", "--help")
_WRITE = "write"


class Names(StrEnum):
    """How a report gives object names (`session.names.FORMS`)."""

    PLAIN = "plain"
    KEYED = "keyed"


class PlanOrVerb(TyperGroup):
    """A group of sub-verbs that takes anything else for a plan, and writes its report."""

    def make_context(self, info_name: str | None, args: list[str], *more: Any, **extra: Any) -> Any:  # noqa: ANN401 - as in typer
        """Read the arguments as a sub-verb's, or else as those of the report itself."""
        if args and (args[0] in self.commands or args[0] in _HELP):
            return super().make_context(info_name, args, *more, **extra)
        return self.commands[_WRITE].make_context(info_name, args, *more, **extra)

    def format_help(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401 - as in typer
        """Show both: how a report is written, and the sub-verbs."""
        write = self.commands[_WRITE]
        own = typer.Context(write, info_name=ctx.info_name, parent=ctx.parent)
        write.format_usage(own, formatter)
        formatter.write_usage(ctx.command_path, "COMMAND BUNDLE [ARGS]...", prefix="   or: ")
        write.format_help_text(own, formatter)
        write.format_options(own, formatter)
        self.format_commands(ctx, formatter)


report = typer.Typer(
    cls=PlanOrVerb,
    help="Write the evidence of a plan; sign or time-stamp a bundle later.",
    rich_markup_mode=None,
    context_settings={"help_option_names": list(_HELP)},
)


@report.command(_WRITE, hidden=True)
def write(
    plan: Plan,
    *,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Where it goes; must be new.")
    ] = None,
    names: Annotated[
        Names, typer.Option("--names", help="Object names as they are, or keyed for outsiders.")
    ] = Names.PLAIN,
    as_json: AsJson = False,
    state_dir: StateDir = None,
    verbose: Verbose = 0,
) -> None:
    """Write the evidence: manifest, summary, signed statement, and a page to read.

    With --names keyed every object name is replaced by a digest under a secret that stays in the
    state directory (names.key); `audit open` opens a single name with proof (docs/exports.md).

    Example: hdh-migrate report plan.yaml --out evidence-2026-11
    """
    task = Task(as_json=as_json, verbose=verbose)

    def body() -> None:
        from hdh_migrate.session.stamping import write_stamped_report

        desk = task.desk(plan, state_dir)
        told = write_stamped_report(desk, out, names=names)
        signed = "signed" if told["signed"] else "draft, not evidence: no report.signer in the plan"
        lines = [
            f"report: {told['folder']} ({signed})",
            f"{told['objects']} objects, root {told['root']}",
        ]
        if (stamp := told["stamp"]) is not None and "at" in stamp:
            lines.append(_stamp_text(stamp))
        lines.append(_checkpoint_text(told, names))
        task.out.result(told, "\n".join(lines))

    task.run(body)


def _checkpoint_text(told: dict[str, Any], names: Names) -> str:
    """Return the checkpoint for people to keep, or why there is none."""
    if (made := told["checkpoint"]) is not None:
        return f"checkpoint of the journal, to keep or have signed: {made['file']}\n{made['note']}"
    if names is Names.KEYED:
        return "no checkpoint: a keyed bundle's journal has a chain of its own"
    return "no checkpoint: nobody signs this report"


@report.command()
def sign(
    bundle: Annotated[
        Path, typer.Argument(metavar="BUNDLE", help="A report's folder, or its .checkpoint file.")
    ],
    *,
    key: Annotated[Path, typer.Option("--key", metavar="FILE", help="The witness's key.")],
    trust: Trust,
    passphrase: Annotated[
        str | None,
        typer.Option("--passphrase-from", metavar="REF", help="env:NAME or file:PATH."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check a bundle and add a witness's signature to it, on a machine of the witness's.

    Given the checkpoint of a journal, the witness signs that instead: its length and root.

    Example: hdh-migrate report sign evidence-2026-11 --key witness.key --trust operator.pub
    """
    task = Task(as_json=as_json)

    def body() -> None:
        from hdh_migrate.evidence.checkpoint import add_witness
        from hdh_migrate.evidence.countersign import countersign
        from hdh_migrate.evidence.signing import load_signer, load_verifier
        from hdh_migrate.wiring import Vault

        phrase = Vault.open(Path()).reveal(passphrase).encode() if passphrase else None
        signer, trusted = load_signer(key, phrase), given(load_verifier, trust)
        task.out.warn(signer.weakness)
        what = "checkpoint" if bundle.is_file() else "statement"
        count = (add_witness if bundle.is_file() else countersign)(bundle, signer, trusted)
        task.out.result(
            {"signed_by": signer.key_id, "signatures": count},
            f"signed by {signer.key_id}; the {what} has {count} signatures now",
        )

    task.run(body)


@report.command()
def timestamp(
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
    as_json: AsJson = False,
) -> None:
    """Have a time-stamping authority (RFC 3161) say that a signed bundle was there; once.

    Offline: --request, hand the file to the authority, --token. Exit 10 when the stamp does not
    check, 7 when the authority does not answer; the bundle is then as it was.

    Example: hdh-migrate report timestamp evidence-2026-11 --tsa https://tsa.example/stamp --tsa-trust tsa.pem
    """  # noqa: E501 - an example is one line
    task = Task(as_json=as_json)

    def body() -> None:
        if sum(option is not None for option in (query, token, tsa)) != 1:
            raise UsageError("give one of --request, --token and --tsa")
        if query is not None:
            told: dict[str, Any] = _request(bundle, query, tsa_trust)
            text = f"{query}: a request, for the authority; its answer goes to --token"
        else:
            told = _stamp(bundle, token, tsa, tsa_trust)
            text = _stamp_text(told)
        task.out.result(told, text)

    task.run(body)


def _request(bundle: Path, out: Path, tsa_trust: Path | None) -> dict[str, Any]:
    from hdh_migrate.evidence.stamps import request
    from hdh_migrate.folders import whole
    from hdh_migrate.session.stamping import NONCE_BITS

    if tsa_trust is not None:
        raise UsageError("--tsa-trust goes with --token or --tsa")
    made = request(bundle, secrets.randbits(NONCE_BITS))
    try:
        whole(out, made, mode=0o644)
    except FileExistsError:
        raise UsageError(f"{out}: exists already and is not overwritten") from None
    except OSError as error:
        raise UsageError(f"{out}: cannot be written: {error.strerror}") from None
    return {"request": str(out)}


def _stamp(
    bundle: Path, token: Path | None, tsa: str | None, tsa_trust: Path | None
) -> dict[str, Any]:
    from dataclasses import asdict

    from pydantic_core import PydanticCustomError

    from hdh_migrate.evidence.stamps import add_stamp, load_roots
    from hdh_migrate.plan.fields import authority_url
    from hdh_migrate.session.stamping import NONCE_BITS, stamp

    roots = given(load_roots, [tsa_trust])[0] if tsa_trust is not None else None
    if tsa is None:
        assert token is not None
        return asdict(add_stamp(bundle, _answer(token), roots))
    try:
        authority_url(tsa)
    except PydanticCustomError as error:
        raise UsageError(f"--tsa: {error.message()}") from None
    return asdict(stamp(bundle, tsa, roots, nonce=secrets.randbits(NONCE_BITS)))


def _answer(path: Path) -> bytes:
    from hdh_migrate.evidence.stamp import LARGEST_STAMP

    try:
        with path.open("rb") as file:
            return file.read(LARGEST_STAMP + 1)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None


def _stamp_text(stamp: dict[str, Any]) -> str:
    text = f"stamped at {stamp['at']} by {visible(stamp['authority'])}"
    if not stamp["trusted"]:
        text += "\nnot checked: whether that authority is one to trust (give --tsa-trust)"
    return text


def register(app: typer.Typer) -> None:
    """Add this module's verbs."""
    app.add_typer(report, name="report")
