"""Write the dossier of a claim for egress: from the journal, signed by the key of the report."""

from __future__ import annotations

from pathlib import Path

from hdh_migrate import __version__
from hdh_migrate.clocks import Judge
from hdh_migrate.errors import Refused
from hdh_migrate.events.cutover import CutoverSwitched, Track
from hdh_migrate.evidence.bundle import published
from hdh_migrate.evidence.dossier.check import (
    ENVELOPE,
    LANGUAGES,
    costs_of,
    page_name,
    statement_of,
)
from hdh_migrate.evidence.dossier.facts import (
    BatchSwitch,
    ClaimParties,
    DossierPrice,
    DossierRow,
    EgressDossier,
    JournalReference,
)
from hdh_migrate.evidence.dossier.page import render_dossier
from hdh_migrate.evidence.page.signing_keys import SignedBy
from hdh_migrate.evidence.signatures.checkpoint import Watched
from hdh_migrate.evidence.signatures.dsse import STATEMENT_TYPE
from hdh_migrate.fixity import canonical_json, sha256_hex
from hdh_migrate.folders import write_whole
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.plan.prices import EgressClaim
from hdh_migrate.results.forecasts import DossierFact
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.policy.sound import sound_ledger
from hdh_migrate.session.verbs.fence import last_to_write
from hdh_migrate.session.verbs.report import signer_of
from hdh_migrate.session.views.costs import account_of
from hdh_migrate.software import code_digest
from hdh_migrate.wiring.chosen import is_rehearsal

PRIVATE = 0o600


def write_dossier(desk: Desk, out: Path) -> DossierFact:
    """Write a new folder with the signed facts and a page in each language.

    Raises:
        Refused: the plan says not who claims from whom, or names no key that signs.
        KeyUnavailable: the key cannot be opened.
        UsageError: no run of this plan has begun, or `out` is in use.
        Fenced: the target shows a newer copy of the ledger, which knows what was read since.
        LedgerDamaged: the ledger does not check; no dossier is made from it.
    """
    claim, signer = desk.loaded.plan.claim, signer_of(desk)
    if claim is None:
        raise Refused(
            "the plan does not say who claims from whom (claim)",
            hint='"hdh-migrate docs forecast" shows the section; nothing was written',
        )
    if signer is None:
        raise Refused(
            "a dossier is signed, and the plan names no key for it (report.signer)",
            hint='"hdh-migrate keys new --purpose report" makes one; nothing was written',
        )
    last_to_write(desk)
    with sound_ledger(desk) as ledger:
        facts = _facts(desk, ledger, claim)
    by = SignedBy(signer.key_id, signer.verifier.fingerprint)
    pages = {page_name(one): render_dossier(facts, by, one) for one in LANGUAGES}
    payload = statement_of(facts, pages)
    with published(out) as folder:
        for name, page in pages.items():
            write_whole(folder / name, page, mode=PRIVATE)
        signed = canonical_json(signer.sign(STATEMENT_TYPE, payload)) + b"\n"
        write_whole(folder / ENVELOPE, signed, mode=PRIVATE)
    source = [row for row in facts.rows if row.side == "source"]
    return {
        "folder": str(out),
        "statement_sha256": sha256_hex(payload),
        "signed_by": signer.key_id,
        "first_day": min((row.first_day for row in source), default=None),
        "last_day": max((row.last_day for row in source), default=None),
        "source_bytes": sum(row.bytes_read for row in source),
        "source_requests": sum(row.requests for row in source),
        "rows": len(facts.rows),
    }


def _facts(desk: Desk, ledger: SqliteLedger, claim: EgressClaim) -> EgressDossier:
    plan, account = desk.loaded.plan, account_of(ledger, desk.loaded.plan)
    rows = tuple(DossierRow(**row._asdict()) for row in account.rows)
    journal = Watched(ledger.journal(), {})
    for _ in journal:
        pass  # to read it is all
    end = journal.checkpoint(plan.migration)
    switches = {
        event.batch: at
        for at, event in ledger.events(CutoverSwitched)
        if event.track is Track.CUTOVER and event.batch in account.switched
    }
    return EgressDossier(
        migration=plan.migration,
        rehearsal=is_rehearsal(plan, desk.loaded.base),
        written=Judge(desk.clock, journal=ledger.last_at).now().latest,
        tool_version=__version__,
        code_sha256=code_digest(),
        plan_sha256=desk.loaded.digest,
        journal=JournalReference(events=end.size, head=ledger.head(), root=end.root),
        parties=ClaimParties.of(claim),
        rows=rows,
        costs=tuple(costs_of(rows, plan.prices)),
        currency=plan.prices[0].currency if plan.prices else None,
        prices=tuple(map(DossierPrice.of, plan.prices)),
        switches=tuple(BatchSwitch(batch=one, at=at) for one, at in sorted(switches.items())),
        runs=account.runs,
        cut_off=account.cut_off,
        unended=account.unended,
    )
