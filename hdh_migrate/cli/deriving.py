"""Verbs of `audit` that derive something from bundles: exports, comparisons, opened names."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hdh_migrate.cli.app import AsJson, Plan, ShowNames, StateDir, Task
from hdh_migrate.cli.auditing import Trust, audit
from hdh_migrate.cli.output import visible
from hdh_migrate.cli.trusting import given
from hdh_migrate.errors import Exit, UsageError

if TYPE_CHECKING:
    from hdh_migrate.evidence.compare import Comparison
    from hdh_migrate.evidence.signing import Verifier

Threshold = Annotated[
    int, typer.Option("--threshold", min=1, help="How many different keys must have signed.")
]


class Format(StrEnum):
    """What an export may be (`evidence.exports.FORMATS`; not imported here, for a quick help)."""

    CSV = "csv"
    JUNIT = "junit"
    MARKDOWN = "markdown"


class What(StrEnum):
    """Which lines a CSV file holds."""

    MANIFEST = "manifest"
    FINDINGS = "findings"
    EXCLUSIONS = "exclusions"


def export(
    bundle: Annotated[
        Path, typer.Argument(metavar="BUNDLE", help="The folder of a report, or its .zip or .tar.")
    ],
    *,
    form: Annotated[Format, typer.Option("--format", help="The form of the export.")],
    out: Annotated[
        str, typer.Option("--out", metavar="FILE", help="A new file, or - for stdout.")
    ] = "-",
    what: Annotated[
        What | None, typer.Option("--what", help="Which lines, for csv; default manifest.")
    ] = None,
    trust: Annotated[
        list[Path] | None,
        typer.Option("--trust", metavar="KEY", help="Check signatures too; repeatable."),
    ] = None,
    threshold: Threshold = 1,
    show_names: ShowNames = False,
    as_json: AsJson = False,
) -> None:
    r"""Give a bundle as CSV, JUnit XML (for CI) or a Markdown summary; checks the bundle first.

    CSV holds the object names; junit only with --show-names; markdown never.

    CSV cells are safe in spreadsheets: a cell that begins with = + - @ (full-width forms too) or
    with an apostrophe gets an apostrophe in front; control, direction and invisible characters
    and semicolons are written \u{..}, bytes that are no text \x{..}. To undo it, take one leading
    apostrophe away and turn the escapes back (docs/exports.md).

    Example: hdh-migrate audit export evidence-2026-11 --format junit --out migration.xml
    """
    task = Task(as_json=as_json)

    def body() -> None:
        from hdh_migrate.evidence.archives import unpacked
        from hdh_migrate.evidence.exports import FORMATS, ExportRequest, save
        from hdh_migrate.evidence.reading import open_bundle

        if what is not None and form is not Format.CSV:
            raise UsageError("--what chooses the lines of a CSV file", hint="leave it out")
        if as_json and out == "-":
            raise UsageError("stdout holds the export itself", hint="give --out FILE with --json")
        with unpacked(bundle) as folder:
            reading = open_bundle(folder, _trusted(trust or (), threshold), threshold)
            pieces = FORMATS[form](
                reading, ExportRequest(what=what or What.MANIFEST, show_names=show_names)
            )
            if out == "-":
                task.out.stream(pieces)
                return
            size = save(pieces, Path(out))
        told = {"out": out, "format": str(form), "bytes": size, "trusted": reading.trusted}
        task.out.result(told, f"{out}: {size} bytes")

    task.run(body)


def compare(
    old: Annotated[Path, typer.Argument(metavar="OLD", help="A report: folder or archive.")],
    new: Annotated[Path, typer.Argument(metavar="NEW", help="A later one.")],
    *,
    trust: Trust,
    threshold: Threshold = 1,
    show_names: ShowNames = False,
    as_json: AsJson = False,
) -> None:
    """Check two bundles and that the later one takes nothing back; exit 0, or 10 when it does.

    Example: hdh-migrate audit compare evidence-2026-10 evidence-2026-11 --trust operator.pub
    """
    task = Task(as_json=as_json)

    def body() -> Exit:
        from hdh_migrate.evidence.archives import unpacked
        from hdh_migrate.evidence.compare import compare_bundles

        keys = _trusted(trust, threshold)
        with unpacked(old) as was, unpacked(new) as now:
            found = compare_bundles(was, now, keys, threshold=threshold, show_names=show_names)
        code = Exit.DAMAGED if found.contradictions else Exit.OK
        document = {
            "ok": not found.contradictions,
            "contradictions": [dict(zip(_SAID, one, strict=True)) for one in found.contradictions],
            "notes": [dict(zip(_SAID, one, strict=True)) for one in found.notes],
            "objects": {
                kind: {"count": sums.objects, "lines": sums.lines}
                for kind, sums in found.kinds.items()
            },
            "exit": int(code),
        }
        task.out.result(document, "\n".join(_told(found)))
        return code

    task.run(body)


_SAID = ("code", "message")


def _told(found: Comparison) -> list[str]:
    from hdh_migrate.evidence.compare import CONTRADICTIONS, LISTED

    lines = [f"WRONG   {message} [{code}]" for code, message in found.contradictions]
    for code in CONTRADICTIONS:
        if code in found.kinds:
            kind = found.kinds[code]
            lines += [f"        {code}: {_place(line)}" for line in kind.lines]
            if kind.objects > LISTED:
                lines.append(f"        {code}: and {kind.objects - LISTED} more")
    lines += [f"note    {message}" for _, message in found.notes]
    if found.contradictions:
        return [*lines, "the bundles contradict each other"]
    return [*lines, "the new bundle takes nothing back"]


def _place(line: dict[str, Any]) -> str:
    """Say where an object stands in the two manifests, and its name if it was asked for."""
    places = [f"line {line[side]} of the {side} manifest" for side in ("old", "new") if line[side]]
    named = [visible(f"{line['dataset']}: {line['key']}")] if "key" in line else []
    return ", ".join([*places, *named])


def _trusted(paths: Sequence[Path], threshold: int) -> list[Verifier]:
    from hdh_migrate.evidence.signing import load_verifier

    keys = given(load_verifier, paths)
    different = len({key.fingerprint for key in keys})
    if threshold > max(different, 1):
        raise UsageError(f"{threshold} keys must have signed, but {different} are trusted")
    return keys


def open_name(
    plan: Plan,
    dataset: Annotated[str, typer.Argument(metavar="DATASET", help="A dataset of the plan.")],
    key: Annotated[str, typer.Argument(metavar="KEY", help="The key, as at the source.")],
    *,
    bundle: Annotated[
        Path, typer.Option("--bundle", metavar="BUNDLE", help="A report with keyed names.")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="A new file.")],
    as_json: AsJson = False,
    state_dir: StateDir = None,
) -> None:
    """Write what one auditor needs to recognise one object in a report with keyed names.

    The file names the object and proves that a line of the report stands for it; it helps with
    no other object. Whoever has it and the report's root checks it with `audit check-opening`.

    Example: hdh-migrate audit open plan.yaml pmsi pmsi/2024/mco.csv --bundle keyed --out mco.json
    """
    task = Task(as_json=as_json)

    def body() -> None:
        from hdh_migrate.session.names import open_one

        desk = task.desk(plan, state_dir)
        told = open_one(desk, dataset, key, bundle, out)
        task.out.result(told, f"{out}: one object of {dataset}, under the root {told['root']}")

    task.run(body)


def check_opening(
    opening: Annotated[Path, typer.Argument(metavar="OPENING", help="What `audit open` wrote.")],
    *,
    root: Annotated[
        str, typer.Option("--root", metavar="HEX", help="The root in a statement you trust.")
    ],
    show_names: ShowNames = False,
    as_json: AsJson = False,
) -> None:
    """Check that an opened name is the one in a report's manifest; exit 0, or 10 when it is not.

    Example: hdh-migrate audit check-opening mco.json --root 5df6e0e2...
    """
    task = Task(as_json=as_json)

    def body() -> None:
        from hdh_migrate.evidence.opening import check_opening as check

        record = check(opening, root)
        hidden = () if show_names else ("key", "target_key")
        shown = {name: value for name, value in record.items() if name not in hidden}
        known = {name: value for name, value in shown.items() if value is not None}
        text = [f"{name}: {visible(str(value))}" for name, value in known.items()]
        task.out.result(
            {"ok": True, "record": shown},
            "\n".join(["ok      the line is this object's, under this root", *text]),
        )

    task.run(body)


def register(app: typer.Typer) -> None:
    """Add this module's verbs to `audit`."""
    del app
    audit.command("export")(export)
    audit.command("compare")(compare)
    audit.command("open")(open_name)
    audit.command("check-opening")(check_opening)
