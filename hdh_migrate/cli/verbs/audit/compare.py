"""`audit compare`: does a later report take something back?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hdh_migrate.cli.command import Task, verb
from hdh_migrate.cli.keyfiles import trusted_keys
from hdh_migrate.cli.output import visible
from hdh_migrate.cli.parameters import ShowNames, Threshold, Trust
from hdh_migrate.errors import Exit
from hdh_migrate.results.proofs import Compared, PlaceInBoth, Said

if TYPE_CHECKING:
    from hdh_migrate.evidence.compare import Comparison


@verb(
    examples=(
        "audit compare evidence-2026-10 evidence-2026-11 --trust operator.pub",
        "audit compare october.zip november.zip --trust operator.pub --json",
    ),
    exits=(Exit.DAMAGED,),
    result=Compared,
    at_length=True,
)
def compare(
    task: Task,
    old: Annotated[Path, typer.Argument(metavar="OLD", help="A report: folder or archive.")],
    new: Annotated[Path, typer.Argument(metavar="NEW", help="A later one.")],
    *,
    trust: Trust,
    threshold: Threshold = 1,
    show_names: ShowNames = False,
) -> Exit:
    """Check two bundles and that the later one takes nothing back; exit 0, or 10 when it does."""
    from hdh_migrate.evidence.archives import unpacked
    from hdh_migrate.evidence.compare import compare_bundles

    keys = trusted_keys(trust, threshold)
    with unpacked(old) as was, unpacked(new) as now:
        found = compare_bundles(was, now, keys, threshold=threshold, show_names=show_names)
    code = Exit.DAMAGED if found.contradictions else Exit.OK
    document: Compared = {
        "ok": not found.contradictions,
        "contradictions": [_said(*one) for one in found.contradictions],
        "notes": [_said(*one) for one in found.notes],
        "objects": {
            kind: {"count": sums.objects, "lines": sums.lines} for kind, sums in found.kinds.items()
        },
        "exit": int(code),
    }
    task.out.result(document, "\n".join(_text_lines(found)))
    return code


def _said(code: str, message: str) -> Said:
    return {"code": code, "message": message}


def _text_lines(found: Comparison) -> list[str]:
    from hdh_migrate.evidence.compare import CONTRADICTIONS, LISTED

    lines = [f"WRONG   {message} [{code}]" for code, message in found.contradictions]
    for code in CONTRADICTIONS:
        if code in found.kinds:
            kind = found.kinds[code]
            lines += [f"        {code}: {_place(line)}" for line in kind.lines]
            if kind.objects > LISTED:
                lines.append(f"        {code}: and {kind.objects - LISTED} more")
    lines += [f"note    {message}" for _, message in found.notes]
    if [code for code, _ in found.contradictions] == ["same"]:
        return [*lines, "the new bundle is the old one"]
    if found.contradictions:
        return [*lines, "the bundles contradict each other"]
    return [*lines, "the new bundle takes nothing back"]


def _place(line: PlaceInBoth) -> str:
    """Return where an object stands in the two manifests, and its name if it was asked for."""
    both = (("old", line["old"]), ("new", line["new"]))
    places = [f"line {number} of the {side} manifest" for side, number in both if number]
    named = [visible(f"{line['dataset']}: {line['key']}")] if "key" in line else []
    return ", ".join([*places, *named])
