"""`keys rotate`: one recipient's key for another, for everything that is at the target."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hdh_migrate.cli.command import Task, verb
from hdh_migrate.cli.parameters import WORKING, PassphraseFrom, Plan, key_option
from hdh_migrate.errors import Exit
from hdh_migrate.results.keys import KeysExchanged, RotationForecast
from hdh_migrate.telemetry import counted, hours_text, size_text


@verb(
    examples=(
        "keys rotate plan.yaml --from keys/steward.pub --to keys/steward-2027.pub",
        "keys rotate plan.yaml --from old.pub --to new.pub --identity old.sec --execute",
    ),
    exits=(
        Exit.REFUSED, Exit.FINDINGS, Exit.VERIFICATION_FAILED, Exit.STOPPED, Exit.APPROVAL_MISSING,
        Exit.AUTH, Exit.DAMAGED, Exit.LOCKED, Exit.INTERRUPTED,
    ),
    result=RotationForecast | KeysExchanged,
    options=WORKING,
)  # fmt: skip
def rotate(
    task: Task,
    plan: Plan,
    *,
    old: Annotated[Path, typer.Option("--from", metavar="FILE", help="The public key that goes.")],
    new: Annotated[Path, typer.Option("--to", metavar="FILE", help="The one that comes.")],
    identity: Annotated[
        Path | None, key_option("A private key that opens what is sealed now.", "--identity")
    ] = None,
    passphrase_from: PassphraseFrom = None,
    execute: Annotated[
        bool, typer.Option("--execute", help="Do it; without it nothing is changed.")
    ] = False,
) -> Exit:
    """Replace a recipient's key: new headers for every verified object; a dry run at first.

    The bodies stay where they are; each object is read back and opened before the earlier version
    goes. Stopped anywhere, the same command goes on.
    """
    from hdh_migrate.session.verbs import rotate as session

    keys, at = (old, new, identity, passphrase_from), session.RotationWish.at
    if not execute:
        would = task.at_desk(plan, lambda desk: session.forecast(desk, at(desk, *keys)))
        task.out.result(would, "\n".join(_forecast_lines(would)))
        return Exit.REFUSED if would["blockers"] else Exit.OK
    code, done = task.at_desk(plan, lambda desk: session.execute(desk, at(desk, *keys)))
    task.out.result(done, "\n".join(_lines(done)))
    return code


def _forecast_lines(would: RotationForecast) -> list[str]:
    hours = "unknown" if would["hours"] is None else hours_text(would["hours"])
    if would["headers"] is not None:
        return _forecast_of_packs(would, hours)
    how = (
        "bodies are copied on the host's side"
        if would["part_copy"]
        else "the host copies no parts: bodies travel through this machine"
    )
    so_far = f"  it goes on: {counted(would['done'], 'object is', 'objects are')} done"
    return [
        f"dry run: {would['old']} would be replaced by {would['new']}",
        *([so_far] if would["begun"] else []),
        f"  objects: {would['objects']}, {size_text(would['bytes'])} as they are stored; {how}",
        f"  from the target: {size_text(would['bytes_read'])}, with the reading back of each",
        f"  to the target: {size_text(would['bytes_written'])}; requests: {would['requests']}",
        f"  at the pace of the verification so far: {hours}",
        *(
            [f"  grants that stand: {would['grants']}; their readers need new packs afterwards"]
            if would["grants"]
            else []
        ),
        *(f"  against it: {line}" for line in would["blockers"]),
        "nothing was changed",
    ]


def _forecast_of_packs(would: RotationForecast, hours: str) -> list[str]:
    stored, asks = f"{size_text(would['bytes'])} as stored", f"requests: {would['requests']}"
    so_far = f"  it goes on: {counted(would['done'], 'pack is', 'packs are')} done"
    return [
        f"dry run: {would['old']} would be replaced by {would['new']}",
        *([so_far] if would["begun"] else []),
        f"  headers: {would['headers']}, in the ledger and in packs; no body is touched",
        f"  packs and other files of the tool: {would['objects']}, {stored}; {asks}",
        f"  at the pace of the verification so far: {hours}",
        *(f"  against it: {line}" for line in would["blockers"]),
        "nothing was changed",
    ]


def _lines(done: KeysExchanged) -> list[str]:
    objects = counted(done["objects"], "object has a new header", "objects have new headers")
    made = f"{objects}, each was read back and opened"
    if done["headers"] is not None:
        made = (
            f"{counted(done['headers'], 'header is', 'headers are')} wrapped anew, in"
            f" {counted(done['objects'], 'pack or file', 'packs and files')} of the tool,"
            " each of which was read back and opened"
        )
    return [
        f"{done['old']} is replaced by {done['new']}: {made}",
        *(f"  {line}" for line in done["remains"]),
    ]
