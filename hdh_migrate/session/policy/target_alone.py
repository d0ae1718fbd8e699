"""The plan's target alone, with its writing credential: for what is about the target itself."""

from __future__ import annotations

from hdh_migrate.clocks import Judge
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.policy import gate
from hdh_migrate.session.policy.timekeeping import judge_over
from hdh_migrate.targets.s3_endpoint import S3Endpoint
from hdh_migrate.transport import Transport
from hdh_migrate.wiring import Vault, open_target


def admitted(desk: Desk, heard: list[Transport] | None = None) -> S3Endpoint:
    """Return the plan's target, which may be contacted.

    What reaches it joins those `heard` from before it is admitted: it is asked for the time then.

    Raises:
        Refused: the gate stays shut; with every reason.
        ClocksDiffer: it cannot be learned which time it is.
        KeyUnavailable: a reference cannot be read.
    """
    plan, base = desk.loaded.plan, desk.loaded.base
    desk.demand_agreed()
    endpoint = open_target(plan, plan.target.credential, Vault.open(base), network=desk.network)
    if heard is not None:
        heard.append(endpoint.transport)
    gate.admit_target(endpoint, plan, base, judge_of(desk, endpoint))
    return endpoint


def judge_of(desk: Desk, endpoint: S3Endpoint) -> Judge:
    """Return who judges the time for what is about the target itself."""
    return judge_over(desk.clock, [endpoint.transport], desk.ledger_path)
