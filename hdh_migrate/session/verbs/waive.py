"""Sign a waiver: one condition of a plan as it is, let go until a day."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from hdh_migrate.clocks import ALONE
from hdh_migrate.errors import UsageError
from hdh_migrate.evidence.signatures.signing import load_signer
from hdh_migrate.folders import STATE_DIR, ledger_path
from hdh_migrate.frozen import frozen
from hdh_migrate.plan.fields import is_day
from hdh_migrate.plan.loader import LoadedPlan, load
from hdh_migrate.results.proofs import Waived
from hdh_migrate.session.operator import operator
from hdh_migrate.session.policy import waivers
from hdh_migrate.session.policy.agreed import demand_may_waive
from hdh_migrate.session.policy.timekeeping import offline
from hdh_migrate.session.policy.waivable import open_findings
from hdh_migrate.telemetry import SystemClock
from hdh_migrate.wiring.chosen import check, profile_of


@frozen
class WaiverWish:
    """What is to be waived, until which day, and why."""

    what: str
    until: str
    reason: str
    key: Path
    passphrase: Callable[[], str | None]
    """Asked for when everything else is right."""


def waive(
    plan: Path, state_dir: Path | None, wish: WaiverWish, warn: Callable[[str | None], None]
) -> Waived:
    """Make a waiver beside the plan, and warn of what may make it worth less than it seems.

    Raises:
        PlanInvalid: the plan is refused.
        UsageError: that cannot be waived, or day or reason are none.
        KeyUnavailable: the key cannot be used.
        Refused: the key waives nothing by the terms in force, or signed reports before.
        LedgerDamaged: the ledger cannot be read.
    """
    loaded = load(plan)
    check(loaded)
    _demand_waivable(loaded, wish)
    clock = SystemClock()
    path_of_ledger = ledger_path(state_dir or loaded.base / STATE_DIR, loaded.plan.migration)
    covered = open_findings(wish.what, path_of_ledger, clock)
    phrase = wish.passphrase()
    signer = load_signer(wish.key, phrase.encode() if phrase else None)
    demand_may_waive(loaded, path_of_ledger, clock, signer.verifier)
    warn(signer.weakness)
    path, counts = waivers.make(
        loaded, signer, what=wish.what, reason=wish.reason, until=wish.until,
        now=offline(clock, path_of_ledger).now(), by=operator(),
    )  # fmt: skip
    if not counts:
        warn(
            "the plan does not list this key in waivers.keys, so this does not count; a key that"
            " is added there later needs a new waiver"
        )
    if covered is None and wish.what.startswith("finding."):
        warn(
            "there is no ledger here, so nobody looked whether such a finding is open; this covers"
            " those that are open by now, and none that comes later"
        )
    return {
        "made": str(path),
        "what": wish.what,
        "until": wish.until,
        "key": signer.key_id,
        "counts": counts,
        "covers": covered,
        "plan_digest": loaded.digest,
        "time": ALONE,
    }


def _demand_waivable(loaded: LoadedPlan, wish: WaiverWish) -> None:
    profile = profile_of(loaded.plan, loaded.base)
    if not waivers.may_be_waived(wish.what, profile):
        known = ", ".join(waivers.subjects(profile))
        raise UsageError(
            f"{wish.what} cannot be waived; there are {known}, finding.CODE",
            hint="a finding's CODE is what status and the report call it; nothing was waived",
        )
    if not is_day(wish.until):
        raise UsageError("--until must be a day such as 2026-12-31")
    if not wish.reason.strip() or len(wish.reason) > waivers.REASON_MAX:
        raise UsageError(f"--reason must be a sentence of up to {waivers.REASON_MAX} characters")
