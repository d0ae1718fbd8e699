"""Which findings a waiver covers: those that were known when it was made, to the millisecond."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from hdh_migrate.clocks import Judge, Moment
from hdh_migrate.errors import NoSpace, Refused, UsageError
from hdh_migrate.events.consent import ConsentTerms, CutoverTermsFixed
from hdh_migrate.events.cutover import Track
from hdh_migrate.events.run import ContentsRecorded
from hdh_migrate.evidence.signatures.signing import load_signer, load_trusted_key, new_report_key
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.plan.loader import LoadedPlan, load
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.policy import kept_approvals, waivers
from hdh_migrate.session.policy.agreed import unagreed
from hdh_migrate.session.policy.contents import SIGNER
from hdh_migrate.session.policy.excuses import excuses
from hdh_migrate.session.policy.terms import terms_digest, terms_of
from hdh_migrate.session.verbs.waive import WaiverWish, waive
from tests.support.narrow import files_of_at_most
from tests.support.quiet import Notes, WallClock
from tests.unit.session.test_gate import PLAN, UNSEALED


@pytest.mark.parametrize(
    ("made_at", "found_at", "covered"),
    [
        ("2026-11-24T12:00:00Z", "2026-11-24T12:00:00.500Z", False),
        ("2026-11-24T12:00:00.500Z", "2026-11-24T12:00:00.500Z", True),
        ("2026-11-24T12:00:00.6Z", "2026-11-24T12:00:00.500Z", True),
        ("2026-11-24T12:30:00+01:00", "2026-11-24T12:00:00.000Z", False),
        ("2026-11-24T12:30:00-01:00", "2026-11-24T12:00:00.000Z", False),  # no moment in UTC
    ],
)
def test_a_waiver_covers_what_was_known_when_it_was_made(
    tmp_path: Path, made_at: str, found_at: str, *, covered: bool
) -> None:
    (tmp_path / "keys").mkdir()
    private, _ = new_report_key(tmp_path / "keys", "dpo", None)
    text = PLAN.partition("seal:")[0] + UNSEALED
    (tmp_path / "plan.yaml").write_text(f"{text}waivers: {{keys: [keys/dpo.pub]}}\n")
    desk = Desk.open(tmp_path / "plan.yaml", None, Notes(), threading.Event())
    desk = replace(desk, clock=WallClock("2026-11-24T13:30:00.000Z"))
    waivers.make(
        desk.loaded, load_signer(private, None), what="finding.vanished", reason="known",
        until="2026-11-30", now=Moment.at(made_at), by="dpo",
    )  # fmt: skip
    ledger = SqliteLedger.temporary(desk.clock)
    waived = excuses(desk.loaded, ledger, Judge(desk.clock).now())
    assert waived({"code": "vanished", "at": found_at, "batch": "b"}) is covered
    assert not waived({"code": "drifted", "at": found_at, "batch": "b"})
    ledger.close()


def test_a_full_disk_is_no_wrong_usage_of_what_signs(tmp_path: Path) -> None:
    """An approval ended with 2, "--help tells what the verb takes"."""
    with files_of_at_most(0), pytest.raises(NoSpace, match="no space left"):
        kept_approvals.write_new(tmp_path / "approval.json", b"{}")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "keys").mkdir()
    private, _ = new_report_key(tmp_path / "keys", "dpo", None)
    loaded, signer = planned(tmp_path, "dpo"), load_signer(private, None)
    with files_of_at_most(0), pytest.raises(NoSpace, match="no space left"):
        waivers.make(
            loaded, signer, what="finding.vanished", reason="known", until="2026-11-30",
            now=Moment.at("2026-11-24T13:30:00.000Z"), by="dpo",
        )  # fmt: skip


def planned(folder: Path, name: str) -> LoadedPlan:
    """Return a plan that names one key of who may waive."""
    text = PLAN.partition("seal:")[0] + UNSEALED
    (folder / "plan.yaml").write_text(f"{text}waivers: {{keys: [keys/{name}.pub]}}\n")
    return load(folder / "plan.yaml")


def fix(ledger: SqliteLedger, terms: ConsentTerms) -> None:
    """Have the journal tell that a cutover's terms are these."""
    digest = terms_digest(terms)
    ledger.event(
        CutoverTermsFixed(
            batch="b", track=Track.CUTOVER, terms=terms, digest=digest, beside=(), adopted=False
        )
    )
    ledger.commit()


def waived_by(folder: Path, name: str, what: str) -> tuple[LoadedPlan, Path, Moment]:
    """Return a plan in which somebody waived something, the file of his public key, and when."""
    (folder / "keys").mkdir(exist_ok=True)
    private, public = new_report_key(folder / "keys", name, None)
    loaded, now = planned(folder, name), Moment.at("2026-11-24T13:30:00.000Z")
    waivers.make(
        loaded, load_signer(private, None), what=what, reason="known", until="2026-11-30",
        now=now, by=name,
    )  # fmt: skip
    return loaded, public, now


def test_the_same_waiver_within_a_second_is_one_file(tmp_path: Path) -> None:
    """A command that was given again at once ended as wrong usage."""
    loaded, _, now = waived_by(tmp_path, "dpo", "finding.vanished")
    signer = load_signer(tmp_path / "keys" / "dpo.key", None)
    (first,) = waivers.files(tmp_path)
    was = first.read_bytes()

    def again() -> Path:
        return waivers.make(
            loaded, signer, what="finding.vanished", reason="known", until="2026-11-30", now=now,
            by="dpo",
        )[0]  # fmt: skip

    assert again() == first
    assert first.read_bytes() == was
    first.write_bytes(b"of somebody else")
    with pytest.raises(UsageError, match="exists"):
        again()


def test_a_key_that_once_signed_reports_waives_nothing(tmp_path: Path) -> None:
    """Whoever runs the plan exchanged its file, and waived with the key from before."""
    loaded, public, now = waived_by(tmp_path, "dpo", "finding.vanished")
    key = load_trusted_key(public)

    assert len(waivers.in_force(loaded.plan, tmp_path, now)[0]) == 1
    counted, refused = waivers.in_force(
        loaded.plan, tmp_path, now, signers=frozenset({key.fingerprint})
    )
    assert counted == []
    assert "its key signs the reports" in refused[0]


def test_a_waiver_by_a_key_that_the_terms_do_not_name_lets_no_run_begin(tmp_path: Path) -> None:
    """An operator put in a key of his own, and waived the attestation for batches to come."""
    (tmp_path / "keys").mkdir()
    new_report_key(tmp_path / "keys", "dpo", None)
    first = planned(tmp_path, "dpo")
    agreed = terms_of(first, first.plan.batches[0].name)
    loaded, _, now = waived_by(tmp_path, "mine", "attestation")
    ledger = SqliteLedger.temporary(WallClock("2026-11-24T13:00:00.000Z"))

    def count() -> int:
        return len(unagreed(ledger, loaded.plan, tmp_path, now))

    assert count() == 0
    fix(ledger, agreed)
    assert count() == 1
    ledger.close()


def test_a_waiver_by_a_key_that_signed_reports_is_not_agreed(tmp_path: Path) -> None:
    loaded, public, now = waived_by(tmp_path, "mine", "attestation")
    ledger = SqliteLedger.temporary(WallClock("2026-11-24T13:00:00.000Z"))
    assert unagreed(ledger, loaded.plan, tmp_path, now) == []
    files = {SIGNER: f"ed25519:{load_trusted_key(public).fingerprint}"}
    ledger.event(ContentsRecorded(files=files, changed=()))
    ledger.commit()
    assert len(unagreed(ledger, loaded.plan, tmp_path, now)) == 1
    ledger.close()


def test_whom_the_terms_do_not_name_yet_signs_no_waiver(tmp_path: Path) -> None:
    """The plan has a new key, and nobody has agreed to it: its waiver would stop every run."""
    (tmp_path / "keys").mkdir()
    new_report_key(tmp_path / "keys", "dpo", None)
    first = planned(tmp_path, "dpo")
    agreed = terms_of(first, first.plan.batches[0].name)
    private, _ = new_report_key(tmp_path / "keys", "new", None)
    loaded = planned(tmp_path, "new")
    desk = Desk.open(tmp_path / "plan.yaml", None, Notes(), threading.Event())
    ledger = SqliteLedger.open(desk.ledger_path, WallClock("2026-11-24T13:00:00.000Z"))
    fix(ledger, agreed)
    ledger.close()
    wish = WaiverWish(
        what="attestation", until="2099-11-30", reason="known", key=private,
        passphrase=lambda: None,
    )  # fmt: skip

    with pytest.raises(Refused, match="may not waive here") as refused:
        waive(loaded.path, None, wish, lambda _: None)

    assert "approve PLAN --batch NAME --stage terms" in str(refused.value.hint)
    assert not (tmp_path / waivers.FOLDER).exists()
    wish = replace(wish, key=new_report_key(tmp_path / "keys", "stranger", None)[0])
    assert not waive(loaded.path, None, wish, lambda _: None)["counts"]


def test_a_waiver_of_findings_that_does_not_count_stops_no_run(tmp_path: Path) -> None:
    """Who asks whether a finding has one asks the journal, too: no gate opens by it."""
    loaded, public, now = waived_by(tmp_path, "mine", "finding.vanished")
    ledger = SqliteLedger.temporary(WallClock("2026-11-24T13:00:00.000Z"))
    files = {SIGNER: f"ed25519:{load_trusted_key(public).fingerprint}"}
    ledger.event(ContentsRecorded(files=files, changed=()))
    ledger.commit()

    assert unagreed(ledger, loaded.plan, tmp_path, now) == []
    waived = excuses(loaded, ledger, now)
    assert not waived({"code": "vanished", "at": "2026-11-24T13:00:00.000Z", "batch": "b"})
    ledger.close()
