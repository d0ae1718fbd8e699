"""Verbs for auditors: they need a bundle and public keys, neither plan, ledger nor cloud."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from hdh_migrate.cli.app import AsJson, Plan, StateDir, Task
from hdh_migrate.cli.trusting import given
from hdh_migrate.errors import EvidenceDamaged, Exit, UsageError

audit = typer.Typer(
    help="Check evidence offline: no plan, no ledger, no access to either cloud.",
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Bundle = Annotated[Path, typer.Argument(metavar="BUNDLE", help="The folder of a report.")]
Trust = Annotated[
    list[Path],
    typer.Option(
        "--trust", metavar="KEY", help="A public key, obtained apart from the bundle; repeatable."
    ),
]
TsaTrust = Annotated[
    Path | None,
    typer.Option(
        "--tsa-trust", metavar="PEM", help="Certificates of trusted time-stamping authorities."
    ),
]


@audit.command()
def verifier(
    *,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="A new folder for its files.")],
    as_json: AsJson = False,
) -> None:
    """Write the verifier for somebody who does not trust the one inside a bundle.

    Its digest is published with every release; whoever gets the files compares it:
    sha256sum *.py | sha256sum

    Example: hdh-migrate audit verifier --out verifier
    """
    task = Task(as_json=as_json)

    def body() -> None:
        from hdh_migrate.evidence.verifier import verifier_digest, write_verifier

        files, digest = write_verifier(out), verifier_digest()
        task.out.result(
            {"folder": str(out), "files": files, "sha256": digest},
            f"made {out}: {', '.join(files)}\nsha256 {digest} (sha256sum *.py | sha256sum)",
        )

    task.run(body)


@audit.command()
def verify(
    bundle: Annotated[
        Path, typer.Argument(metavar="BUNDLE", help="The folder of a report, or its .zip or .tar.")
    ],
    *,
    trust: Trust,
    threshold: Annotated[
        int, typer.Option("--threshold", min=1, help="How many different keys must have signed.")
    ] = 1,
    checkpoint: Annotated[
        list[Path] | None,
        typer.Option(
            "--checkpoint",
            metavar="FILE",
            help="A checkpoint of the journal that you kept, which this one must go on from.",
        ),
    ] = None,
    tsa_trust: TsaTrust = None,
    sample: Annotated[
        int | None,
        typer.Option("--sample", metavar="N", min=1, help="Read N stored objects at the target."),
    ] = None,
    target_credentials: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Id and secret of a read-only access key, a line each."),
    ] = None,
    nonce: Annotated[str | None, typer.Option(help="Repeat the draw of an earlier sample.")] = None,
    as_json: AsJson = False,
) -> None:
    """Do all of a bundle's sums again and check its signatures; exit 0, or 10 when one fails.

    Example: hdh-migrate audit verify evidence-2026-11 --trust operator.pub --trust witness.pub --threshold 2
    """  # noqa: E501 - an example is one line
    task = Task(as_json=as_json)

    def body() -> Exit:
        from hdh_migrate.evidence.check import examine
        from hdh_migrate.evidence.forms import Wrong
        from hdh_migrate.evidence.notes import load_note
        from hdh_migrate.evidence.pages import compare_pages
        from hdh_migrate.evidence.sample import Sample
        from hdh_migrate.evidence.signing import load_verifier
        from hdh_migrate.evidence.stamp import judged_by
        from hdh_migrate.evidence.stamps import load_roots
        from hdh_migrate.software import code_digest

        keys = given(load_verifier, trust)
        if threshold > len({key.fingerprint for key in keys}):
            raise UsageError(f"{threshold} keys must have signed, but {len(keys)} are trusted")
        reader = None
        try:
            if sample is not None:
                reader = Sample(sample, target_credentials, nonce)
        except OSError as error:
            raise UsageError(f"{target_credentials}: {error.strerror}") from None
        except ValueError as error:
            raise UsageError(str(error)) from None
        try:
            notes = [load_note(path) for path in checkpoint or ()]
        except Wrong as wrong:
            raise UsageError(str(wrong)) from None
        stamped = None
        if tsa_trust is not None:
            stamped = judged_by(given(load_roots, [tsa_trust])[0])
        outcome = examine(
            bundle, keys, threshold,
            stamped=stamped, sample=reader, notes=notes,
            also=partial(compare_pages, keys, code_digest()),
        )  # fmt: skip
        code = Exit.DAMAGED if outcome.problems else Exit.OK
        task.out.result(
            {
                "ok": not outcome.problems,
                "problems": outcome.problems,
                "checked": [] if outcome.problems else outcome.checked,
                "not_checked": outcome.open,
                "exit": int(code),
            },
            "\n".join(outcome.told()),
        )
        return code

    task.run(body)


@audit.command()
def prove(
    bundle: Bundle,
    key: Annotated[str, typer.Argument(metavar="KEY", help="The object's key at the source.")],
    *,
    dataset: Annotated[str | None, typer.Option("--dataset", help="Its dataset.")] = None,
    as_json: AsJson = False,
) -> None:
    """Print the proof that one object stands in the manifest, without showing any other.

    Example: hdh-migrate audit prove evidence-2026-11 pmsi/2024/mco.csv > proof.json
    """
    task = Task(as_json=True)
    del as_json  # a proof is a document in any case

    def body() -> None:
        task.out.data(_proof(bundle, key, dataset))

    task.run(body)


def _proof(bundle: Path, key: str, dataset: str | None) -> dict[str, Any]:
    from hdh_migrate.evidence.proofs import prove as proof_of
    from hdh_migrate.evidence.proofs import root_of
    from hdh_migrate.evidence.records import MAX_LINE, manifest_line, read_line

    found: list[bytes] = []

    def lines(file: Any) -> Any:  # noqa: ANN401 - an open file
        while raw := file.readline(MAX_LINE + 1):
            record = read_line(raw, manifest_line)
            wanted = record["key"] == key and dataset in {None, record["dataset"]}
            if wanted:
                found.append(raw[:-1])
            yield raw[:-1], wanted

    try:
        with (bundle / "manifest.jsonl").open("rb") as file:
            proof = proof_of(lines(file))
    except OSError as error:
        raise UsageError(f"{bundle}: no manifest can be read here: {error.strerror}") from None
    except EvidenceDamaged as error:
        if len(found) > 1:
            raise UsageError("more than one dataset has this key: give --dataset") from error
        raise
    if proof is None:
        raise UsageError("the manifest has no such object")
    return {
        "line": found[0].decode(),
        "index": proof.index,
        "size": proof.size,
        "path": [digest.hex() for digest in proof.path],
        "root": root_of(found[0], proof).hex(),
    }


@audit.command("check-proof")
def check_proof(
    proof: Annotated[Path, typer.Argument(metavar="PROOF", help="What `audit prove` printed.")],
    *,
    root: Annotated[
        str, typer.Option("--root", metavar="HEX", help="The root in a statement you trust.")
    ],
    as_json: AsJson = False,
) -> None:
    """Check a proof against a manifest root; exit 0, or 10 when it does not lead there.

    Example: hdh-migrate audit check-proof proof.json --root 5df6e0e2...
    """
    task = Task(as_json=as_json)

    def body() -> None:
        from hdh_migrate.evidence.facts import DIGEST
        from hdh_migrate.evidence.proofs import inclusion_of, read_proof, root_of
        from hdh_migrate.evidence.records import manifest_line, read_line

        if not DIGEST.fullmatch(root.lower()):
            raise UsageError("--root: not the 64 hexadecimal digits of a root")
        otherwise = f"{proof}: not a proof"
        line, inclusion = inclusion_of(read_proof(proof, otherwise), otherwise)
        record = read_line(line + b"\n", manifest_line)
        if root_of(line, inclusion).hex() != root.lower():
            raise EvidenceDamaged("the proof does not lead to this root")
        task.out.result({"ok": True, "record": record}, f"ok      {line.decode()}")

    task.run(body)


@audit.command()
def journal(
    plan: Plan,
    *,
    as_json: AsJson = False,
    state_dir: StateDir = None,
) -> None:
    """Print the ledger's journal as JSON Lines and check its chain; exit 10 when it is broken.

    Example: hdh-migrate audit journal plan.yaml > journal.jsonl
    """
    task = Task(as_json=True)
    del as_json  # a stream of JSON in any case

    def body() -> None:

        desk = task.desk(plan, state_dir)
        ledger = desk.read_ledger()
        try:
            for seq, at, kind, text, digest in ledger.journal():
                event = {"seq": seq, "at": at, "kind": kind, "body": text, "digest": digest.hex()}
                task.out.data(event)
            ledger.check()
        finally:
            ledger.close()

    task.run(body)


def register(app: typer.Typer) -> None:
    """Add this module's verbs."""
    app.add_typer(audit, name="audit")
