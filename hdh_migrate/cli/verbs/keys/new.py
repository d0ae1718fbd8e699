"""`keys new`: a key pair."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from hdh_migrate.cli.command import Task, verb
from hdh_migrate.cli.keyfiles import passphrase_of
from hdh_migrate.cli.parameters import Folder, PassphraseFrom, ValidUntil
from hdh_migrate.errors import Exit, UsageError
from hdh_migrate.results.plans import Made


class Purpose(StrEnum):
    """What a new key is for."""

    SEAL = "seal"
    SEAL_HYBRID = "seal-hybrid"
    REPORT = "report"


@verb(
    examples=(
        "keys new steward --passphrase",
        "keys new report --purpose report --valid-until 2027-12-31",
    ),
    exits=(Exit.REFUSED, Exit.STOPPED),
    result=Made,
)
def new(
    task: Task,
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help="Files NAME.pub and NAME.sec (NAME.key for a report key)."
        ),
    ],
    *,
    folder: Folder = Path("keys"),
    purpose: Annotated[
        Purpose,
        typer.Option(
            help="seal: Crypt4GH; seal-hybrid: X25519 and ML-KEM; report: Ed25519, to sign"
            " reports, approvals and waivers."
        ),
    ] = Purpose.SEAL,
    passphrase: Annotated[
        bool, typer.Option("--passphrase", help="Ask for a passphrase (twice).")
    ] = False,
    passphrase_from: PassphraseFrom = None,
    valid_until: ValidUntil = None,
) -> None:
    """Make a key pair. Nothing is ever overwritten."""
    from hdh_migrate.evidence.signatures.signing import new_report_key
    from hdh_migrate.folders import demand_no_evidence
    from hdh_migrate.passphrases import demand_strong
    from hdh_migrate.sealing.keys import new_pair
    from hdh_migrate.telemetry import SystemClock

    if valid_until is not None and valid_until < SystemClock().now()[:10]:
        raise UsageError(
            f"--valid-until {valid_until}: that day is over, so nothing that the key signs counts",
            hint="name its last day, YYYY-MM-DD; nothing was written",
        )
    phrase = passphrase_of(asked=passphrase, reference=passphrase_from)
    if phrase is not None:
        demand_strong(phrase)
    demand_no_evidence(folder)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"{folder}: no folder can be made here: {error.strerror}",
            hint="name another one with --dir; nothing was written",
        ) from None
    if purpose is Purpose.REPORT:
        made = new_report_key(folder, name, phrase.encode() if phrase else None, until=valid_until)
    elif valid_until is not None:
        raise UsageError("--valid-until is for report keys: sealed data must open for ever")
    elif purpose is Purpose.SEAL_HYBRID:
        from hdh_migrate.sealing.hybrid import new_hybrid_pair

        made = new_hybrid_pair(folder, name, passphrase=phrase)
    else:
        made = new_pair(folder, name, passphrase=phrase)
    if phrase is None:
        task.out.say("warning: the private key has no passphrase; only its mode protects it")
    result: Made = {"made": [str(path) for path in made]}
    task.out.result(result, "\n".join(f"made {path}" for path in made))
