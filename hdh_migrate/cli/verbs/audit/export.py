"""`audit export`: a bundle as CSV, JUnit XML, Markdown, a bag or an RO-Crate."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from hdh_migrate.cli.command import Task, verb
from hdh_migrate.cli.keyfiles import trusted_keys
from hdh_migrate.cli.parameters import AnyBundle, Language, ShowNames, Threshold
from hdh_migrate.errors import Exit, UsageError
from hdh_migrate.results.proofs import Exported


class Format(StrEnum):
    """What an export may be (`evidence.exports`; not imported here, for a quick help)."""

    CSV = "csv"
    JUNIT = "junit"
    MARKDOWN = "markdown"
    BAGIT = "bagit"
    RO_CRATE = "ro-crate"


FOLDERS = frozenset({Format.BAGIT, Format.RO_CRATE})
"""What is a folder and not a file (`evidence.exports.packages.PACKAGES`)."""


class What(StrEnum):
    """Which lines a CSV file holds; `datasets`: the sums of each, `cutovers`: how each stands."""

    MANIFEST = "manifest"
    FINDINGS = "findings"
    EXCLUSIONS = "exclusions"
    DATASETS = "datasets"
    CUTOVERS = "cutovers"


class CsvDialect(StrEnum):
    """How a CSV file is written (`evidence.exports.DIALECTS`)."""

    RFC4180 = "rfc4180"
    EXCEL_FR = "excel-fr"


@verb(
    examples=(
        "audit export evidence-2026-11 --format csv --what findings --dialect excel-fr",
        "audit export evidence.zip --format bagit --out bag-2026-11",
    ),
    exits=(Exit.REFUSED, Exit.STOPPED, Exit.DAMAGED),
    result=Exported,
    at_length=True,
)
def export(
    task: Task,
    bundle: AnyBundle,
    *,
    form: Annotated[Format, typer.Option("--format", help="The form of the export.")],
    out: Annotated[
        str,
        typer.Option(
            "--out",
            metavar="FILE",
            help="A new file, or - for stdout; of bagit and ro-crate a new folder.",
        ),
    ] = "-",
    what: Annotated[
        What | None, typer.Option("--what", help="Which lines, for csv; default manifest.")
    ] = None,
    dialect: Annotated[
        CsvDialect | None,
        typer.Option(
            "--dialect", help="How a CSV file is written; excel-fr: in French, with semicolons."
        ),
    ] = None,
    language: Annotated[
        Language | None, typer.Option("--language", help="Of markdown; default en.")
    ] = None,
    trust: Annotated[
        list[Path] | None,
        typer.Option("--trust", metavar="KEY", help="Check signatures too; repeatable."),
    ] = None,
    threshold: Threshold = 1,
    show_names: ShowNames = False,
) -> None:
    r"""Give a bundle as CSV, JUnit XML, Markdown, a bag or an RO-Crate; checks the bundle first.

    CSV holds the object names; junit only with --show-names; markdown never. bagit (RFC 8493) and
    ro-crate (1.1) are folders for archives that hold the whole bundle unchanged, names included.

    CSV cells are safe in spreadsheets: a cell that begins with = + - @ (full-width forms too) or
    with an apostrophe, or would be read as a number or a date, gets an apostrophe in front;
    control, direction and invisible characters, and outside excel-fr semicolons, are written
    \u{..}, bytes that are no text \x{..}. To undo it, take one leading apostrophe away and turn
    the escapes back (hdh-migrate docs exports).
    """
    from hdh_migrate.evidence.archives import unpacked
    from hdh_migrate.evidence.exports.exports import FORMATS, ExportRequest, save
    from hdh_migrate.evidence.exports.packages import package
    from hdh_migrate.evidence.reading import open_bundle

    if what is not None and form is not Format.CSV:
        raise UsageError("--what chooses the lines of a CSV file", hint="leave it out")
    if dialect is not None and form is not Format.CSV:
        raise UsageError("--dialect is how a CSV file is written", hint="leave it out")
    if language is not None and form is not Format.MARKDOWN:
        hint = "--dialect excel-fr gives a French CSV file"
        raise UsageError("--language is of markdown", hint=hint)
    if task.out.as_json and out == "-":
        raise UsageError("stdout holds the export itself", hint="give --out FILE with --json")
    if form in FOLDERS and out == "-":
        raise UsageError(f"{form} is a folder", hint="give --out with a folder that is new")
    with unpacked(bundle) as folder:
        reading = open_bundle(folder, trusted_keys(trust or (), threshold), threshold)
        wanted = ExportRequest(
            what=what or What.MANIFEST,
            dialect=dialect or CsvDialect.RFC4180,
            language=language or Language.EN,
            show_names=show_names,
        )
        if form in FOLDERS:
            size = package(reading, form, Path(out))
        else:
            pieces = FORMATS[form](reading, wanted)
            if out == "-":
                task.out.stream(pieces)
                return
            size = save(pieces, Path(out))
    result: Exported = {
        "out": out,
        "format": str(form),
        "bytes": size,
        "trusted": reading.trusted,
    }
    task.out.result(result, f"{out}: {size} bytes")
