"""Verbs about hosts: providers list, providers show, waive."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from hdh_migrate.cli.app import AsJson, Plan, Task
from hdh_migrate.cli.output import table, visible
from hdh_migrate.errors import UsageError

providers = typer.Typer(
    help="Look at the provider profiles: what is known of each host.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@providers.command("list")
def providers_list(*, as_json: AsJson = False) -> None:
    """List the profiles, with their regions and how much of each is confirmed.

    Example: hdh-migrate providers list
    """
    task = Task(as_json=as_json)

    def body() -> None:
        from hdh_migrate.targets import profiles

        rows: list[dict[str, Any]] = []
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
        task.out.result({"providers": rows}, table(shown, columns))

    task.run(body)


@providers.command("show")
def providers_show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A profile.")],
    *,
    own: Annotated[
        Path | None,
        typer.Option("--own", metavar="FILE", help="Lay a profile of your own over it."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show every claim of a profile with its date, its source, and whether it is confirmed.

    Example: hdh-migrate providers show scaleway
    """
    task = Task(as_json=as_json)

    def body() -> None:
        from hdh_migrate.targets import profiles
        from hdh_migrate.targets.facts import described

        if name not in profiles.names():
            raise UsageError(f"no provider {name}; there are {', '.join(profiles.names())}")
        told = described(profiles.load(name, own, None if own is None else str(own)))
        task.out.result(told, _profile_text(told))

    task.run(body)


def _profile_text(told: dict[str, Any]) -> str:
    from hdh_migrate.targets.profiles import OWN

    rows = [
        {
            "name": name,
            "value": _value(claim["value"]),
            "as_of": claim["as_of"],
            "confirmed": "yes" if claim["confirmed"] else "no",
            "source": claim["source"] + (f" [{OWN}]" if claim["origin"] == OWN else ""),
        }
        for name, claim in told["claims"].items()
    ]
    columns = {"name": "CLAIM", "value": "VALUE", "as_of": "AS OF", "confirmed": "CONFIRMED",
               "source": "SOURCE"}  # fmt: skip
    lines = [f"{told['name']}: {told['title']}, gone through on {told['as_of']}", ""]
    lines.append(table(rows, columns))
    lines += [
        visible(f"  of {name}: {claim['note']}")
        for name, claim in told["claims"].items() if "note" in claim
    ]  # fmt: skip
    if told["health"]:
        lines += ["", "a bucket for health data:"]
    for rule in told["health"]:
        lines.append(visible(f"  {rule['name']}: {rule['rule']}{_dated(rule)}"))
    if told["notes"]:
        lines += ["", "notes:"]
    lines += [visible(f"  {note['text']}{_dated(note)}") for note in told["notes"]]
    return "\n".join(lines)


def _dated(told: dict[str, Any]) -> str:
    confirmed = "" if told["confirmed"] == "yes" else ", not confirmed"
    return f" ({told['source']}, {told['as_of']}{confirmed})"


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


def waive(
    plan: Plan,
    *,
    what: Annotated[
        str,
        typer.Option("--what", metavar="WHAT", help="attestation, health.RULE or finding.CODE."),
    ],
    reason: Annotated[str, typer.Option("--reason", help="Why; it is printed in the report.")],
    until: Annotated[str, typer.Option("--until", metavar="DAY", help="The last day.")],
    key: Annotated[
        Path, typer.Option("--key", metavar="FILE", help="The private key (Ed25519) that signs.")
    ],
    passphrase_from: Annotated[
        str | None,
        typer.Option(metavar="REF", help="Take the passphrase from env:NAME or file:PATH."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Sign a waiver: let one condition go, for this plan as it is, until a day.

    It counts when the plan lists the key in `waivers.keys`, and the report shows it.

    Example: hdh-migrate waive plan.yaml --what attestation --reason "visa renewal, ref. 12"
    --until 2026-12-15 --key keys/dpo.key
    """
    task = Task(as_json=as_json)

    def body() -> None:
        from hdh_migrate.cli.making import passphrase_of
        from hdh_migrate.clocks import ALONE
        from hdh_migrate.evidence.signing import load_signer
        from hdh_migrate.folders import STATE_DIR
        from hdh_migrate.ledger import ledger_path
        from hdh_migrate.plan.fields import is_day
        from hdh_migrate.plan.loader import load
        from hdh_migrate.session import waivers
        from hdh_migrate.session.run import operator
        from hdh_migrate.session.timekeeping import offline
        from hdh_migrate.telemetry import SystemClock
        from hdh_migrate.wiring.chosen import check, profile_of

        loaded = load(plan)
        check(loaded)
        profile = profile_of(loaded.plan, loaded.base)
        if not waivers.may_be_waived(what, profile):
            known = ", ".join(waivers.subjects(profile))
            raise UsageError(
                f"{what} cannot be waived; there are {known}, finding.CODE",
                hint="a finding's CODE is what status and the report call it; nothing was waived",
            )
        if not is_day(until):
            raise UsageError("--until must be a day such as 2026-12-31")
        if not reason.strip() or len(reason) > waivers.REASON_MAX:
            raise UsageError(
                f"--reason must be a sentence of up to {waivers.REASON_MAX} characters"
            )
        phrase = passphrase_of(asked=False, reference=passphrase_from)
        signer = load_signer(key, phrase.encode() if phrase else None)
        task.out.warn(signer.weakness)
        path_of_ledger = ledger_path(loaded.base / STATE_DIR, loaded.plan.migration)
        path, counts = waivers.make(
            loaded, signer, what=what, reason=reason, until=until,
            now=offline(SystemClock(), path_of_ledger).now(), by=operator(),
        )  # fmt: skip
        if not counts:
            task.out.say(
                "warning: the plan does not list this key in waivers.keys, so this does not count;"
                " a key that is added there later needs a new waiver"
            )
        task.out.result(
            {"made": str(path), "what": what, "until": until, "key": signer.key_id,
             "counts": counts, "plan_digest": loaded.digest, "time": ALONE},
            f"made {path}\n{what} is waived until {until} for plan {loaded.digest[:16]}\n"
            f"{ALONE}",
        )  # fmt: skip

    task.run(body)


def register(app: typer.Typer) -> None:
    """Add this module's verbs."""
    app.add_typer(providers, name="providers")
    app.command()(waive)
