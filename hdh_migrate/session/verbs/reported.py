"""The report at a run's end: written when there is something to tell since the last one.

What a run that did nothing adds to the journal (that it began, that it ended) is no reason for
another bundle: the last one says all that there is to say, as long as it is where it was put.
"""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path
from typing import cast

from hdh_migrate import __version__
from hdh_migrate.events.exchange import TrafficCounted
from hdh_migrate.events.fence import FenceReleased, FenceReleasing, FenceTaken, FenceTaking
from hdh_migrate.events.notices import NoticeDelivered, NoticeGivenUp, NoticesWaiting
from hdh_migrate.events.run import BatchDone, RunEnded, RunStarted
from hdh_migrate.evidence.signatures.checkpoint import sidecar
from hdh_migrate.evidence.signatures.dsse import statement_in
from hdh_migrate.evidence.signatures.stamps import stamp_of
from hdh_migrate.fixity import canonical_json, sha256_hex
from hdh_migrate.folders import write_whole
from hdh_migrate.results.proofs import ReportFact
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.policy.report_files import LAST
from hdh_migrate.session.policy.sound import sound_ledger
from hdh_migrate.session.policy.timekeeping import offline
from hdh_migrate.session.policy.waivers import waiver_facts
from hdh_migrate.session.verbs.report import signer_of, take_in
from hdh_migrate.session.verbs.timestamp import write_stamped_report
from hdh_migrate.session.views import shelf
from hdh_migrate.session.views.probed import probe_facts
from hdh_migrate.software import code_digest

_QUIET = {
    one.kind
    for one in (
        RunStarted, RunEnded, TrafficCounted, BatchDone, FenceTaking, FenceTaken, FenceReleasing,
        FenceReleased, NoticeDelivered, NoticeGivenUp, NoticesWaiting,
    )
}  # fmt: skip
"""Events that every run writes, whatever it does."""

QUIET_MAX = 1_000
"""So many events of runs that did nothing, and there is something to tell."""


def report_at_end(desk: Desk, out: Path | None) -> tuple[ReportFact, bool]:
    """Write a stamped report, or return the last one; also say whether it was written now.

    With `out` the last one counts only if it lies there; what else does is put aside.

    Raises:
        As `write_report`; the ledger is checked either way.
    """
    known = _last(desk, out)
    if known is not None:
        return known, False
    take_in(desk)
    if out is not None and (aside := shelf.put_aside(out, desk.loaded.plan.migration)) is not None:
        desk.progress.note(f"the report of an earlier run is now {aside}")
    written = write_stamped_report(desk, out)
    _keep(desk, written)
    return written, True


def _last(desk: Desk, out: Path | None) -> ReportFact | None:
    """Return the last report, if it is where it was put and there is nothing to add to it."""
    try:
        kept = json.loads(desk.ledger_path.with_name(LAST).read_bytes())
        report, folder = cast("ReportFact", kept["report"]), Path(kept["report"]["folder"])
        if out is not None and folder.resolve() != out.resolve():
            return None
        statement = statement_in(json.loads((folder / "statement.json").read_bytes()))
        same = sha256_hex(statement) == report["statement_sha256"]
        journal = json.loads(statement)["predicate"]["journal"]
        size, head = int(journal["events"]), str(journal["head"])
        if not same or kept["stands"] != _stands(desk) or _lacks(desk, folder, report):
            return None
    except (OSError, ValueError, KeyError, TypeError):
        return None
    with sound_ledger(desk) as ledger:
        events = list(islice(ledger.since(size), QUIET_MAX))
    first, later = events[:1], events[1:]
    if [(seq, digest.hex()) for seq, _, digest in first] != [(size, head)]:
        return None
    if len(events) == QUIET_MAX or any(kind not in _QUIET for _, kind, _ in later):
        return None
    return report


def _lacks(desk: Desk, folder: Path, report: ReportFact) -> bool:
    """Return whether something that belongs beside a bundle is missing."""
    if report["checkpoint"] is not None and not sidecar(folder).is_file():
        return True
    return desk.loaded.plan.report.tsa is not None and stamp_of(folder, None) is None


def _stands(desk: Desk) -> str:
    """Return a digest of what a statement says that no journal contains."""
    loaded, signer = desk.loaded, signer_of(desk)
    now = offline(desk.clock, desk.ledger_path).unchecked()
    return sha256_hex(
        canonical_json(
            {
                "plan": loaded.digest,
                "signer": None if signer is None else signer.key_id,
                "waivers": waiver_facts(loaded.plan, loaded.base, now),
                "probe": probe_facts(desk.state_dir, loaded.plan, loaded.base),
                "tool": __version__,
                "code": code_digest(),
            }
        )
    )


def _keep(desk: Desk, report: ReportFact) -> None:
    kept = {"report": report, "stands": _stands(desk)}
    write_whole(desk.ledger_path.with_name(LAST), canonical_json(kept), replace=True)
