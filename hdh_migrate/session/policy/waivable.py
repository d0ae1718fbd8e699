"""Whether a waiver would cover anything: it covers the findings that are open when it is made."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from hdh_migrate.codes import Code, Severity
from hdh_migrate.errors import UsageError
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.ports.run import Clock
from hdh_migrate.session.policy.waivers import finding


def open_findings(what: str, path: Path, clock: Clock) -> int | None:
    """Return how many open findings of the ledger at `path` a waiver would cover.

    None: it is about no findings, or there is no ledger to look into.

    Raises:
        UsageError: nothing is open that it could cover, so it would never count.
        LedgerDamaged: the ledger cannot be read.
    """
    code = next((one for one in Code if finding(one) == what), None)
    if code is None:
        return None
    if code.severity is Severity.NOTE:
        raise UsageError(
            f"{code} is a note, which holds nothing up", hint="nothing was waived, nor need be"
        )
    if not path.exists():
        return None
    ledger = SqliteLedger.read_only(path, clock)
    try:
        found = Counter(
            one["code"] for one in ledger.findings() if one["severity"] != Severity.NOTE
        )
    finally:
        ledger.close()
    if not found[code]:
        known = ", ".join(sorted(found)) or "none at all"
        raise UsageError(
            f"no finding {code} is open here; open are: {known}",
            hint="a waiver covers what is open when it is made, so nothing was waived; look with"
            ' "hdh-migrate errors PLAN", or give the right --state-dir',
        )
    return found[code]
