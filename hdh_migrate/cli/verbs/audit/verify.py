"""`audit verify`: all of a bundle's sums, done again."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hdh_migrate.cli.command import Task, verb
from hdh_migrate.cli.keyfiles import load_each, trusted_keys
from hdh_migrate.cli.parameters import (
    AnyBundle,
    InLanguage,
    Language,
    Threshold,
    Trust,
    TsaTrust,
)
from hdh_migrate.errors import Exit, UsageError
from hdh_migrate.plan.files import CHECK_PATH
from hdh_migrate.results.proofs import BundleChecked

if TYPE_CHECKING:
    from hdh_migrate.evidence.verifier.notes import SignedNote
    from hdh_migrate.evidence.verifier.sample import SampleCheck

_ACCESS = "two lines: the id and the secret of an access key that may only read"
_KEPT = "give the .checkpoint file that was written beside an earlier report"


@verb(
    examples=(
        "audit verify evidence-2026-11 --trust operator.pub",
        "audit verify evidence.zip --trust operator.pub --trust witness.pub --threshold 2",
    ),
    exits=(Exit.DAMAGED,),
    result=BundleChecked,
    at_length=True,
)
def verify(
    task: Task,
    bundle: AnyBundle,
    *,
    trust: Trust,
    threshold: Threshold = 1,
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
    nonce: Annotated[
        str | None, typer.Option(metavar="HEX", help="Repeat the draw of an earlier sample.")
    ] = None,
    language: InLanguage = Language.EN,
) -> Exit:
    """Compute all of a bundle's sums again, check its signatures; exit 0, or 10 when one fails."""
    from hdh_migrate.evidence.check import examine
    from hdh_migrate.evidence.page.checked import said, text_of, wrong_in
    from hdh_migrate.evidence.page.pages import compare_pages
    from hdh_migrate.evidence.signatures.stamps import load_roots
    from hdh_migrate.evidence.verifier.stamp import judged_by
    from hdh_migrate.software import code_digest

    keys = trusted_keys(trust, threshold)
    reader = None if sample is None else _sample(sample, target_credentials, nonce)
    notes = _notes(checkpoint or ())
    stamped = None
    if tsa_trust is not None:
        stamped = judged_by(load_each(load_roots, [tsa_trust])[0])
    outcome = examine(
        bundle, keys, threshold,
        stamped=stamped, sample=reader, notes=notes,
        also=partial(compare_pages, keys, code_digest()),
    )  # fmt: skip
    code = Exit.DAMAGED if outcome.problems else Exit.OK
    result: BundleChecked = {
        "ok": not outcome.problems,
        "problems": wrong_in(outcome.problems, language),
        "checked": [] if outcome.problems else said(outcome.checked, language),
        "not_checked": said(outcome.open, language),
        "exit": int(code),
    }
    task.out.result(result, text_of(outcome, language))
    return code


def _sample(objects: int, credentials: Path | None, nonce: str | None) -> SampleCheck:
    from hdh_migrate.evidence.verifier.sample import SampleCheck

    try:
        return SampleCheck(objects, credentials, nonce)
    except OSError as error:
        raise UsageError(f"{credentials}: {error.strerror}", hint=CHECK_PATH) from None
    except UnicodeDecodeError:
        raise UsageError(f"{credentials}: no text", hint=_ACCESS) from None
    except ValueError as error:
        raise UsageError(str(error), hint=_ACCESS) from None


def _notes(checkpoints: Sequence[Path]) -> list[SignedNote]:
    from hdh_migrate.evidence.verifier.forms import Wrong
    from hdh_migrate.evidence.verifier.notes import load_note

    try:
        return [load_note(path) for path in checkpoints]
    except Wrong as wrong:
        raise UsageError(str(wrong), hint=_KEPT) from None
