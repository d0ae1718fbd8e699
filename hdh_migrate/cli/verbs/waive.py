"""`waive`: one condition let go, signed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hdh_migrate.cli.command import AsJson, PassphraseFrom, Plan, StateDir, Task, verb
from hdh_migrate.cli.keyfiles import passphrase_of
from hdh_migrate.errors import Exit, UsageError
from hdh_migrate.results.proofs import Waived


@verb(
    examples=(
        (
            "waive plan.yaml --what attestation --until 2026-12-15 --key keys/dpo.key"
            ' --reason "visa renewal, ref. 12"'
        ),
        (
            "waive plan.yaml --what finding.conflict --until 2026-12-15 --key keys/dpo.key"
            ' --reason "left in place, ref. 14"'
        ),
    ),
    exits=(Exit.OK, Exit.USAGE, Exit.REFUSED, Exit.DAMAGED),
    result=Waived,
)
def waive(
    plan: Plan,
    *,
    what: Annotated[
        str,
        typer.Option("--what", metavar="WHAT", help="attestation, health.RULE or finding.CODE."),
    ],
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="Why; it is printed in the report.")
    ],
    until: Annotated[str, typer.Option("--until", metavar="DAY", help="The last day.")],
    key: Annotated[
        Path, typer.Option("--key", metavar="FILE", help="The private key (Ed25519) that signs.")
    ],
    passphrase_from: PassphraseFrom = None,
    as_json: AsJson = False,
    state_dir: StateDir = None,
) -> None:
    """Sign a waiver: set one condition aside, for this plan as it is, until a given day.

    It counts when the plan lists the key in `waivers.keys`, and the report shows it. Of findings
    it covers those that are open when it is made.
    """
    task = Task(as_json=as_json)

    def body() -> None:
        from hdh_migrate.clocks import ALONE
        from hdh_migrate.evidence.signatures.signing import load_signer
        from hdh_migrate.folders import STATE_DIR, ledger_path
        from hdh_migrate.plan.fields import is_day
        from hdh_migrate.plan.loader import load
        from hdh_migrate.session.operator import operator
        from hdh_migrate.session.policy import waivers
        from hdh_migrate.session.policy.timekeeping import offline
        from hdh_migrate.session.policy.waivable import open_findings
        from hdh_migrate.telemetry import SystemClock
        from hdh_migrate.wiring.chosen import check, profile_of

        loaded = load(plan)
        check(loaded)
        profile = profile_of(loaded.plan, loaded.base)
        if not waivers.may_be_waived(what, profile):
            known = ", ".join(waivers.subjects(profile))
            raise UsageError(
                f"{what} cannot be waived; there are {known}, finding.CODE",
                hint="a finding's CODE is what status and the report call it; nothing was waived",
            )
        if not is_day(until):
            raise UsageError("--until must be a day such as 2026-12-31")
        if not reason.strip() or len(reason) > waivers.REASON_MAX:
            raise UsageError(
                f"--reason must be a sentence of up to {waivers.REASON_MAX} characters"
            )
        clock = SystemClock()
        path_of_ledger = ledger_path(state_dir or loaded.base / STATE_DIR, loaded.plan.migration)
        covered = open_findings(what, path_of_ledger, clock)
        phrase = passphrase_of(asked=False, reference=passphrase_from)
        signer = load_signer(key, phrase.encode() if phrase else None)
        task.out.warn(signer.weakness)
        path, counts = waivers.make(
            loaded, signer, what=what, reason=reason, until=until,
            now=offline(clock, path_of_ledger).now(), by=operator(),
        )  # fmt: skip
        if not counts:
            task.out.say(
                "warning: the plan does not list this key in waivers.keys, so this does not count;"
                " a key that is added there later needs a new waiver"
            )
        if covered is None and what.startswith("finding."):
            task.out.say(
                "warning: there is no ledger here, so nobody looked whether such a finding is open;"
                " this covers those that are open by now, and none that comes later"
            )
        result: Waived = {
            "made": str(path),
            "what": what,
            "until": until,
            "key": signer.key_id,
            "counts": counts,
            "covers": covered,
            "plan_digest": loaded.digest,
            "time": ALONE,
        }
        task.out.result(
            result,
            f"made {path}\n{what} is waived until {until} for plan {loaded.digest[:16]}"
            + ("" if covered is None else f", of which {covered} are open")
            + "\n"
            f"{ALONE}",
        )  # fmt: skip

    task.run(body)
