"""What a signature alone vouches for: a record of what both verifiers took, and the page's table.

The record (`word.json`) has every member that was ever walked, with each kind of change that both
verifiers took somewhere and where. The table in docs/evidence-format.md is made from it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from tests.campaign.forging.judging import KEYED, Judged
from tests.campaign.forging.walk import HOWS, LINES, MemberOf

RECORD = Path(__file__).with_name("word.json")
PAGE = Path(__file__).parents[3] / "docs/evidence-format.md"
BEGIN, END = "<!-- by word alone: begin -->", "<!-- by word alone: end -->"
WHOLE = {"all": "left out", "twice": "told twice", "moved": "told after the next"}
Record = dict[str, dict[str, dict[str, str]]]
"""By where and member: by each kind of change that was taken, in which bundle."""


def read() -> Record:
    """Return the record as it is."""
    found: Record = json.loads(RECORD.read_text("utf-8"))
    return found


def joined(record: Record, judged: Judged) -> Record:
    """Return a record with what was walked and taken now, too."""
    made = {where: {name: {**hows} for name, hows in of.items()} for where, of in record.items()}
    for member in judged.members:
        made.setdefault(member.where, {}).setdefault(member.member, {})
    for member, taken in judged.taken.items():
        for how, bundle in taken.items():
            made[member.where][member.member].setdefault(how, bundle)
    return made


def write(record: Record) -> None:
    """Write the record, and the table that is made from it."""
    blocks = [
        f"{json.dumps(where)}: {{\n" + ",\n".join(_line(*one) for one in sorted(of.items())) + "\n}"
        for where, of in sorted(record.items())
    ]
    RECORD.write_text("{\n" + ",\n".join(blocks) + "\n}\n", "utf-8")
    page = PAGE.read_text("utf-8")
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text("\n".join([before + BEGIN, *table(record), END + after]), "utf-8")


def _line(member: str, hows: dict[str, str]) -> str:
    return f"{json.dumps(member)}: {json.dumps(hows, sort_keys=True)}"


def unlisted(record: Record, judged: Judged) -> list[str]:
    """Return what was taken now and is not in the record."""
    return [
        f"{member.where} {member.member}: {how}: {bundle}"
        for member, taken in sorted(judged.taken.items())
        for how, bundle in taken.items()
        if how not in record.get(member.where, {}).get(member.member, {})
    ]


def table(record: Record) -> Iterator[str]:
    """Yield the lines of the table."""
    yield "| Where | Another value | Some other values | The whole |"
    yield "| --- | --- | --- | --- |"
    first = ["statement", "plan", *(f"{LINES[0]}{of}" for of in (" (verified)", " (others)"))]
    first += LINES[1:]
    first += [f"{where}{KEYED}" for where in first]
    rest = sorted(record.keys() - {*first}, key=lambda one: (one.endswith(KEYED), one))
    for where in [*first, *rest]:
        of = record.get(where, {})
        free = [name for name, hows in sorted(of.items()) if name and "other" in hows]
        some = [name for name, hows in sorted(of.items()) if name and hows and "other" not in hows]
        whole = [WHOLE[how] for how in HOWS if how in of.get("", {})]
        if free or some or whole:
            yield f"| `{where}` | {_names(free)} | {_names(some)} | {', '.join(whole)} |"


def _names(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def shown(record: Record, bundles: set[str]) -> list[tuple[MemberOf, str, str]]:
    """Return each member and kind of change that was taken in one of these bundles."""
    return [
        (MemberOf(where, name), how, bundle)
        for where, of in sorted(record.items())
        for name, hows in sorted(of.items())
        for how, bundle in sorted(hows.items())
        if bundle in bundles
    ]
