"""Who judges the time for a verb that needs no endpoint and writes into the journal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hdh_migrate.clocks import Judge
from hdh_migrate.errors import MigrateError
from hdh_migrate.session.policy.timekeeping import judge_for, offline

if TYPE_CHECKING:
    from hdh_migrate.session.desk import Desk


def dating_judge(desk: Desk) -> Judge:
    """Return who judges for a verb that needs no endpoint and writes into the journal.

    Endpoints are asked for the time all the same, once and without a credential: what a clock that
    is ahead writes there would stand in the way of every run until that time has passed. Who does
    not answer, may not be asked, or cannot be opened for want of a secret holds nothing up.
    """
    try:
        services = desk.services(write=False)
    except MigrateError:
        return offline(desk.clock, desk.ledger_path)
    judge = judge_for(desk.clock, [services], desk.ledger_path)
    judge.look()
    return judge
