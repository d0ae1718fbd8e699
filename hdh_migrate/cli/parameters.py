"""The arguments and options that several verbs take, said once."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from hdh_migrate.cli import environment
from hdh_migrate.errors import UsageError

Plan = Annotated[Path, typer.Argument(metavar="PLAN", help="The plan, a YAML file.")]
Bundle = Annotated[Path, typer.Argument(metavar="BUNDLE", help="The folder of a report.")]
AnyBundle = Annotated[
    Path, typer.Argument(metavar="BUNDLE", help="The folder of a report, or its .zip or .tar.")
]


class Language(StrEnum):
    """Languages of the report."""

    FR = "fr"
    EN = "en"


InLanguage = Annotated[Language, typer.Option("--language", help="Of what is shown.")]
Dataset = Annotated[str, typer.Argument(metavar="DATASET", help="A dataset of the plan.")]
Key = Annotated[
    str,
    typer.Argument(
        metavar="KEY",
        help="The key, as at the source; `-` reads it from stdin, where no `ps` shows it.",
    ),
]
"""What the command line says; `key_given` is what it means."""

Batch = Annotated[str, typer.Option("--batch", metavar="NAME", help="Which batch.")]
Batches = Annotated[
    list[str] | None, typer.Option("--batch", metavar="NAME", help="Only this batch; repeatable.")
]
MetricsFile = Annotated[
    Path | None,
    typer.Option("--metrics-file", metavar="FILE", help="Numbers for Prometheus, in a .prom file."),
]
ShowNames = Annotated[
    bool, typer.Option("--show-names", help="Show object names; they may identify patients.")
]
Folder = Annotated[Path, typer.Option("--dir", metavar="DIR", help="Where to put them.")]
NewFile = Annotated[Path, typer.Option("--out", metavar="FILE", help="A new file.")]
PassphraseFrom = Annotated[
    str | None,
    typer.Option(metavar="REF", help="Take the key's passphrase from env:NAME or file:PATH."),
]
ValidUntil = Annotated[
    str | None,
    typer.Option(metavar="DAY", help="The last day of a report key's use, YYYY-MM-DD."),
]
Trust = Annotated[
    list[Path],
    typer.Option(
        "--trust", metavar="KEY", help="A public key, obtained apart from the bundle; repeatable."
    ),
]
Threshold = Annotated[
    int,
    typer.Option(
        "--threshold", metavar="N", min=1, help="How many different keys must have signed."
    ),
]
TsaTrust = Annotated[
    Path | None,
    typer.Option(
        "--tsa-trust", metavar="PEM", help="Certificates of trusted time-stamping authorities."
    ),
]
Root = Annotated[
    str, typer.Option("--root", metavar="HEX", help="The root in a statement you trust.")
]

CredentialId = Annotated[
    str | None,
    typer.Option(metavar="REF", help="Id of a key that may set bucket policies: env:NAME."),
]
CredentialSecret = Annotated[
    str | None, typer.Option(metavar="REF", help="Its secret: env:NAME or file:PATH.")
]

_KEY_BYTES: Final = 8_192


def _key_file(said: str) -> Path:
    return Path(said) if Path(said).exists() else Path(said.removeprefix("file:"))


def key_option(what: str, name: str = "--key", metavar: str = "FILE") -> Any:  # noqa: ANN401
    """Return the option for a private key's file, which may be named as a plan names one."""
    return typer.Option(name, metavar=metavar, parser=_key_file, help=what)


def key_given(said: str) -> str:
    """Return the key that a command line gives, be it on stdin.

    Raises:
        UsageError: stdin holds none, or more than one can be.
    """
    if said != "-":
        return said
    data = sys.stdin.buffer.read(_KEY_BYTES + 1)
    found = data.removesuffix(b"\n").removesuffix(b"\r").removesuffix(b"\0")
    if not found or len(data) > _KEY_BYTES:
        raise UsageError("stdin has no key, or more than one can be")
    return found.decode("utf-8", "surrogateescape")


# --- of every verb --------------------------------------------------------------------------------

BY_LINE: Final = "JSON Lines on stdout: one document a line."
"""What `--json` is for a verb that prints as many documents as there are."""

SHARED: Final[Mapping[str, tuple[Any, Any, object]]] = {
    "log_file": (
        Path | None,
        typer.Option(
            "--log-file",
            envvar=environment.LOG_FILE,
            metavar="FILE",
            help="JSON Lines of what happens; no names.",
        ),
        None,
    ),
    "as_json": (bool, typer.Option("--json", help="One JSON document on stdout."), False),
    "state_dir": (
        Path | None,
        typer.Option(
            "--state-dir",
            metavar="DIR",
            envvar=environment.STATE_DIR,
            help="Where ledgers live; default: .hdh-migrate beside the plan.",
        ),
        None,
    ),
    "no_progress": (
        bool,
        typer.Option(
            "--no-progress", envvar=environment.NO_PROGRESS, help="Say only what is needed."
        ),
        False,
    ),
    "verbose": (
        int,
        typer.Option(
            "-v",
            "--verbose",
            count=True,
            show_default=False,
            help="Log more; twice for everything.",
        ),
        0,
    ),
}
"""The options that verbs share, in the order of their help: type, option and default."""

NOT_OF_EVERY_VERB: Final = frozenset({"log_file"})
"""The others every verb takes, so one line of options fits all; its help shows its own."""

ALONE: Final = ("as_json",)
"""Those of a verb that needs no plan."""

AT_PLAN: Final = ("as_json", "state_dir")
ASKING: Final = (*AT_PLAN, "verbose")
"""Those of a verb that asks an endpoint something."""

WORKING: Final = (*ASKING, "no_progress")
MOVING: Final = (*WORKING, "log_file")
"""Those of a verb that may be under way for weeks."""
