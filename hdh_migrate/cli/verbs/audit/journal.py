"""`audit journal`: the ledger's journal, its chain checked."""

from __future__ import annotations

from hdh_migrate.cli.command import AsJson, Plan, StateDir, Task, verb
from hdh_migrate.errors import Exit
from hdh_migrate.results.proofs import JournalEventFact


@verb(
    examples=(
        "audit journal plan.yaml",
        "audit journal plan.yaml --state-dir /srv/state",
    ),
    exits=(Exit.OK, Exit.USAGE, Exit.REFUSED, Exit.DAMAGED),
    result=JournalEventFact,
)
def journal(
    plan: Plan,
    *,
    as_json: AsJson = False,
    state_dir: StateDir = None,
) -> None:
    """Print the ledger's journal as JSON Lines and check its chain; exit 10 when it is broken."""
    task = Task(as_json=True)
    del as_json  # a stream of JSON in any case

    def body() -> None:

        desk = task.desk(plan, state_dir)
        ledger = desk.read_ledger()
        try:
            for seq, at, kind, text, digest in ledger.journal():
                event: JournalEventFact = {
                    "seq": seq,
                    "at": at,
                    "kind": kind,
                    "body": text,
                    "digest": digest.hex(),
                }
                task.out.data(event)
            ledger.check()
        finally:
            ledger.close()

    task.run(body)
