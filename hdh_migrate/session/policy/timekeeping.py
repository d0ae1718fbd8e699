"""The judge of time for one verb: over this machine's clock, the endpoints and the journal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hdh_migrate.clocks import Judge, Moment, Witness
from hdh_migrate.errors import EvidenceDamaged
from hdh_migrate.ledger import SqliteLedger

if TYPE_CHECKING:
    from hdh_migrate.evidence.verifier.members import Predicate
    from hdh_migrate.ports.run import Clock
    from hdh_migrate.transport import Transport
    from hdh_migrate.wiring import Services


def judge_for(clock: Clock, opened: Sequence[Services], ledger_path: Path) -> Judge:
    """Return who judges for a verb that contacts the plan's endpoints.

    Of the `opened` services the last are in use; their endpoints tell the time. The journal is
    looked at where it lies, until a ledger that is open takes its place.
    """

    def witnesses() -> Sequence[Witness]:
        return opened[-1].witnesses()

    return Judge(clock, witnesses=witnesses, journal=lambda: last_of(ledger_path, clock))


def judge_over(clock: Clock, transports: Iterable[Transport], ledger_path: Path) -> Judge:
    """Return who judges for a verb that contacts some endpoint and is no run."""
    from hdh_migrate.wiring.services import witnesses_of

    kept = tuple(transports)
    return Judge(
        clock,
        witnesses=lambda: witnesses_of(kept),
        journal=lambda: last_of(ledger_path, clock),
    )


def offline(clock: Clock, ledger_path: Path) -> Judge:
    """Return who judges where nothing is contacted: this machine's clock and the journal alone."""
    return Judge(clock, journal=lambda: last_of(ledger_path, clock))


def last_of(path: Path, clock: Clock) -> str | None:
    """Return the time of the last event of a ledger's journal; None when there is no ledger.

    Raises:
        LedgerDamaged: there is one, and it cannot be read.
    """
    if not path.exists():
        return None
    ledger = SqliteLedger.read_only(path, clock)
    try:
        return ledger.last_at()
    finally:
        ledger.close()


def dated_ahead(bundle: Path, predicate: Predicate, moment: Moment) -> list[str]:
    """Return what in a bundle, which checks, is dated in the future of every clock here.

    A time-stamp counts whoever gave it: here it can only refuse.
    """
    from hdh_migrate.evidence.archives import unpacked  # a run asks for the time, for no bundle
    from hdh_migrate.evidence.signatures.stamps import stamp_of

    ahead = []
    written = str(predicate["times"]["written"])
    if moment.not_yet(written):
        ahead.append(f"it was written on {written}, in the future of this machine's clock")
    try:
        with unpacked(bundle) as folder:
            stamp = stamp_of(folder, None)
    except EvidenceDamaged as error:
        return [*ahead, str(error)]
    if stamp is not None and moment.not_yet(stamp.at):
        ahead.append(f"its time-stamp is of {stamp.at}, so this machine's clock is behind: set it")
    return ahead
