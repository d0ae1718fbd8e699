"""`providers list`: which hosts are known."""

from __future__ import annotations

from hdh_migrate.cli.command import Task, verb
from hdh_migrate.cli.output import table
from hdh_migrate.results.hosts import Provider, Providers


@verb(
    examples=(
        "providers list",
        "providers list --json",
    ),
    exits=(),
    result=Providers,
)
def list_(task: Task) -> None:
    """List the profiles, with their regions and how much of each is confirmed."""
    from hdh_migrate.targets import profiles

    rows: list[Provider] = []
    for profile in map(profiles.load, profiles.names()):
        claims = profile.capabilities.values()
        rows.append(
            {
                "name": profile.name,
                "title": profile.title,
                "regions": list(profile.regions),
                "endpoint": profile.endpoint,
                "as_of": profile.as_of,
                "claims": len(claims),
                "confirmed": sum(claim.confirmed for claim in claims),
                "health_rules": len(profile.health),
            }
        )
    shown = [
        {
            **row,
            "regions": ", ".join(row["regions"]) or "any",
            "confirmed": f"{row['confirmed']} of {row['claims']}",
        }
        for row in rows
    ]
    columns = {"name": "NAME", "regions": "REGIONS", "as_of": "AS OF", "confirmed": "CONFIRMED",
               "health_rules": "HEALTH RULES", "title": "TITLE"}  # fmt: skip
    result: Providers = {"providers": rows}
    task.out.result(result, table(shown, columns))
