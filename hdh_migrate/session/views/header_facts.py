"""What a statement says of detached headers: their packs at the target, and the second copies."""

from __future__ import annotations

from hdh_migrate.events.run import HeadersCopied
from hdh_migrate.evidence.verifier.members import HeadersSection, PackCopies
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.model import State
from hdh_migrate.pipeline.own_files.folder_packs import PackSums
from hdh_migrate.plan.model import Plan
from hdh_migrate.wiring import routes_of


def header_facts(plan: Plan, ledger: SqliteLedger) -> HeadersSection | None:
    """Return what the statement says of header packs; None: headers stand before their objects."""
    if plan.seal.second_copy is None:
        return None
    routes, sums = routes_of(plan), PackSums()
    for dataset in sorted(ledger.datasets(), key=lambda row: row.name):
        for row in ledger.packs(dataset.id, routes[dataset.name].header_packs(dataset.name)):
            if row.state is State.VERIFIED:
                sums.add(row.stored_size or 0, row.stored_sha256)
    last = {event.batch: (at, event) for at, event in ledger.events(HeadersCopied)}
    copies: list[PackCopies] = [
        {"batch": batch, "packs": event.packs, "bytes": event.bytes, "root": event.root, "at": at}
        for batch, (at, event) in sorted(last.items())
    ]
    return {
        "packs": sums.packs, "bytes": sums.bytes, "root": sums.tree.root(), "copies": copies,
    }  # fmt: skip
