"""`audit show`: the report's first screen, in the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from hdh_migrate.cli.command import Task, verb
from hdh_migrate.cli.keyfiles import trusted_keys
from hdh_migrate.cli.parameters import AnyBundle, InLanguage, Language, Threshold
from hdh_migrate.errors import Exit
from hdh_migrate.results.proofs import FirstScreenShown


@verb(
    examples=(
        "audit show evidence-2026-11 --trust operator.pub",
        "audit show evidence.zip --language fr",
    ),
    exits=(Exit.DAMAGED,),
    result=FirstScreenShown,
    at_length=True,
)
def show(
    task: Task,
    bundle: AnyBundle,
    *,
    language: InLanguage = Language.EN,
    trust: Annotated[
        list[Path] | None,
        typer.Option("--trust", metavar="KEY", help="Check signatures too; repeatable."),
    ] = None,
    threshold: Threshold = 1,
) -> None:
    """Show a report's first screen: what moved, whether it is whole, what is not proven.

    The bundle is checked first; it shows no object's name.
    """
    from hdh_migrate.evidence.archives import unpacked
    from hdh_migrate.evidence.exports.first_screen import first_screen
    from hdh_migrate.evidence.reading import open_bundle

    keys = trusted_keys(trust or (), threshold)
    with unpacked(bundle) as folder:
        reading = open_bundle(folder, keys, threshold)
        screen = first_screen(reading, keys, language)
    shown: FirstScreenShown = {
        "marks": list(screen.marks),
        "title": screen.title,
        "written": screen.written,
        "verdict": screen.verdict,
        "why": screen.why,
        "beside": list(screen.beside),
        "answers": [{"question": one.question, "lines": list(one.lines)} for one in screen.answers],
        "trusted": reading.trusted,
        "signed_by": list(reading.signed_by),
        "unchecked": reading.unchecked,
    }
    task.out.result(shown, _text(shown, language))


def _signed(shown: FirstScreenShown, language: str) -> Iterator[str]:
    """Yield what was made sure of signatures: this command says so, and no bundle."""
    from hdh_migrate.evidence.page.text import Text

    def said(text: Text, more: int = 0) -> str:
        line = text.said(language, singular=more == 1)
        # No-break spaces are for browsers.
        return " ".join(line.format(keys=", ".join(shown["signed_by"]), n=more).split())

    if not shown["trusted"]:
        yield said(Text(
            "les signatures n'ont pas été vérifiées : donner --trust KEY",
            "signatures were not checked: give --trust KEY",
        ))  # fmt: skip
        return
    yield said(Text(
        "vérifié : signé par {keys}, comme --trust le demande",
        "checked: signed by {keys}, as --trust demands",
    ))  # fmt: skip
    if more := shown["unchecked"]:
        yield said(Text(
            "non vérifié : {n} autre signature n'est d'aucune clé donnée avec --trust"
            "|non vérifié : {n} autres signatures ne sont d'aucune clé donnée avec --trust",
            "not checked: {n} more signature is by no key given with --trust"
            "|not checked: {n} more signatures are by no key given with --trust",
        ), more)  # fmt: skip


def _text(shown: FirstScreenShown, language: Language) -> str:
    told = (shown["why"], *shown["beside"])
    lines = [*shown["marks"], shown["title"], shown["written"], ""]
    lines += [shown["verdict"], *(f"  {line}" for line in told), ""]
    lines += _signed(shown, language)
    for answer in shown["answers"]:
        lines += ["", answer["question"], *(f"  {line}" for line in answer["lines"])]
    return "\n".join(lines)
