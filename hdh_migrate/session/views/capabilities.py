"""What a probe saw of the target, as far as it is evidence."""

from __future__ import annotations

from hdh_migrate.events.run import TargetProbed
from hdh_migrate.fixity import canonical_json, sha256_hex
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.results.hosts import ProbeRecord
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.views.probed import probe_facts


def capabilities(desk: Desk, ledger: SqliteLedger) -> ProbeRecord | None:
    """Return what a probe saw that this journal tells of: another's proves nothing here."""
    record = probe_facts(desk.state_dir, desk.loaded.plan, desk.loaded.base)
    if record is None:
        return None
    digest = sha256_hex(canonical_json(record))
    known = any(event.record_sha256 == digest for _, event in ledger.events(TargetProbed))
    return record if known else None
