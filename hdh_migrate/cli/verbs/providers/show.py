"""`providers show`: every claim of one profile."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hdh_migrate.cli.command import Task, verb
from hdh_migrate.cli.output import table, visible
from hdh_migrate.errors import Exit, UsageError
from hdh_migrate.results.hosts import HealthRuleFact, NoteFact, ProfileFact


@verb(
    examples=(
        "providers show scaleway",
        "providers show scaleway --own profile.yaml --json",
    ),
    exits=(Exit.REFUSED,),
    result=ProfileFact,
)
def show(
    task: Task,
    name: Annotated[str, typer.Argument(metavar="NAME", help="A profile.")],
    *,
    own: Annotated[
        Path | None,
        typer.Option("--own", metavar="FILE", help="Lay a profile of your own over it."),
    ] = None,
) -> None:
    """Show every claim of a profile with its date, its source, and whether it is confirmed."""
    from hdh_migrate.targets import profiles
    from hdh_migrate.targets.facts import described

    if name not in profiles.names():
        raise UsageError(f"no provider {name}; there are {', '.join(profiles.names())}")
    result = described(profiles.load(name, own, None if own is None else str(own)))
    task.out.result(result, _profile_text(result))


def _profile_text(profile: ProfileFact) -> str:
    from hdh_migrate.targets.profiles import OWN

    rows = [
        {
            "name": name,
            "value": _value(claim["value"]),
            "as_of": claim["as_of"],
            "source": ("" if claim["confirmed"] else "not confirmed: ")
            + claim["source"]
            + (f" [{OWN}]" if claim["origin"] == OWN else ""),
        }
        for name, claim in profile["claims"].items()
    ]
    columns = {"name": "CLAIM", "value": "VALUE", "as_of": "AS OF", "source": "SOURCE"}
    lines = [f"{profile['name']}: {profile['title']}, gone through on {profile['as_of']}", ""]
    lines.append(table(rows, columns))
    lines += [
        visible(f"  of {name}: {claim['note']}")
        for name, claim in profile["claims"].items() if "note" in claim
    ]  # fmt: skip
    if profile["health"]:
        lines += ["", "a bucket for health data:"]
    for rule in profile["health"]:
        lines.append(visible(f"  {rule['name']}: {rule['rule']}{_dated(rule)}"))
    if profile["notes"]:
        lines += ["", "notes:"]
    lines += [visible(f"  {note['text']}{_dated(note)}") for note in profile["notes"]]
    return "\n".join(lines)


def _dated(fact: HealthRuleFact | NoteFact) -> str:
    confirmed = "" if fact["confirmed"] == "yes" else ", not confirmed"
    return f" ({fact['source']}, {fact['as_of']}{confirmed})"


def _value(value: object) -> str:
    if value is None or value == []:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, int | float):
        return f"{value:,.0f}" if value == int(value) else str(value)
    return str(value)
