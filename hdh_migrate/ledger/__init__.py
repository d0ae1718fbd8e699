"""The only memory of a run: what is known of every object, and an append-only, chained journal."""

from hdh_migrate.ledger.ledger import SqliteLedger

__all__ = ["SqliteLedger"]
