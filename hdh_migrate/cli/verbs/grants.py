"""`grants`: who may read what."""

from __future__ import annotations

from collections.abc import Iterator

from hdh_migrate.cli.command import Task, verb
from hdh_migrate.cli.output import visible
from hdh_migrate.cli.parameters import AT_PLAN, Plan
from hdh_migrate.errors import Exit
from hdh_migrate.results.grants import GrantListed, GrantsListed
from hdh_migrate.telemetry import counted, size_text


@verb(
    examples=("grants plan.yaml", "grants plan.yaml --json"),
    exits=(Exit.REFUSED, Exit.DAMAGED),
    result=GrantsListed,
    options=AT_PLAN,
)
def grants(task: Task, plan: Plan) -> None:
    """List every grant: who may read what, on which permit, until when, and what became of it.

    Packs are compared with the ledger: stale ones are listed, with why and what renews them.
    Nobody is contacted. Whether a reader used it only the host's own logs tell.
    """
    from hdh_migrate.session.views.grants import grants as listed

    result = listed(task.desk(plan, dry=True))
    lines = [line for one in result["grants"] for line in _lines(one)]
    task.out.result(result, "\n".join([*lines, result["bounds"]] if lines else ["no grants"]))


def _lines(one: GrantListed) -> Iterator[str]:
    part = "" if one["whole"] else "a part of "
    amount = (
        f"{counted(one['objects'], 'object')} ({size_text(one['bytes'])}) of {part}{one['dataset']}"
    )
    yield visible(f"{one['grant']}  {one['stage']:<8} {one['reader']}  until {one['until']}")
    yield visible(f"  {amount}; permit {one['permit']}; for {one['purpose']}")
    if one["stage"] == "asked":
        yield f"  asked for at {one['asked_at']} by {one['asked_by']}; nothing was given yet"
    if one["revoked_at"] is not None:
        yield visible(f"  revoked at {one['revoked_at']}: {one['reason']}")
    if one["renewed_by"] is not None:
        yield f"  renewed at {one['renewed_at']} as {one['renewed_by']}"
    if one["renews"] is not None:
        yield f"  in the place of {one['renews']}"
    yield from _pack(one)
    for entry in one["at_host"]:
        told = "lets in" if entry["allowed"] else "no longer lets in"
        sure = "" if entry["sure"] else ", or may: what told it so never ended"
        yield visible(f"  bucket {entry['bucket']} {told} {entry['principal']}{sure}")
    if one["closed"] is not None:
        closed = one["closed"]
        yield visible(f"  closed at the host, in the word of {closed['by']}: {closed['how']}")
        if (seen := one["seen"]) is not None:
            yield visible(f"  and in that of a second, {seen['by']}: {seen['how']}")
    elif one["given_at"] is not None and one["renewed_by"] is None and not one["at_host"]:
        yield "  no policy was set from here: what the host serves to the reader is not known here"
        if one["stage"] == "revoked":
            yield (
                "  once somebody has closed it there:"
                f' "hdh-migrate revoke PLAN {one["grant"]} --reason TEXT --closed-at-host TEXT"'
                " writes that down"
            )


def _pack(one: GrantListed) -> Iterator[str]:
    from hdh_migrate.events.grants import StaleWhy
    from hdh_migrate.session.policy.freshness import WORDS

    pack = one["pack"]
    if one["stage"] not in {"given", "ended"}:
        return
    if pack is None:
        yield "  whether its pack is stale is not known here"
        return
    if pack["stale"]:
        why = "; ".join(WORDS[StaleWhy(word)] for word in pack["stale"])
        yield f'  stale: {why}: "hdh-migrate grant PLAN --renew {one["grant"]} --out DIR"'
    if pack["unverified"]:
        unverified = counted(pack["unverified"], "object")
        yield f"  {unverified} of it not verified now: run the plan first"
    if pack["newer"]:
        newer = counted(pack["newer"], "object")
        yield f"  {newer} came since, and would be in a renewed pack"
