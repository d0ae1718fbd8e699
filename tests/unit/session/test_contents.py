"""What a plan points to is told by content, once and whenever it is another one."""

from __future__ import annotations

import json
import os
from hashlib import sha256
from pathlib import Path

import pytest

from hdh_migrate.errors import Refused
from hdh_migrate.events.run import ContentsRecorded
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.plan.loader import LoadedPlan, load
from hdh_migrate.session.policy.contents import LARGEST, contents_of, demand_known, record_contents
from tests.support.quiet import FakeClock
from tests.unit.plan.builders import full


@pytest.fixture
def loaded(tmp_path: Path) -> LoadedPlan:
    """A plan with every section, whose programs, attestation and authorities lie beside it."""
    plan = full()
    plan.pop("report")
    plan["target"]["attestation"] = "attested.yaml"
    path = tmp_path / "plan.yaml"
    path.write_text(json.dumps(plan))
    (tmp_path / "attested.yaml").write_text("provider: scaleway\n")
    (tmp_path / "ca.pem").write_text("an authority\n")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "alias").write_text("#!/bin/sh\necho one\n")
    return load(path)


@pytest.fixture
def ledger(tmp_path: Path) -> SqliteLedger:
    return SqliteLedger.open(tmp_path / "state" / "ledger.db", FakeClock())


def digest(text: str) -> str:
    return "sha256:" + sha256(text.encode()).hexdigest()


def test_files_keys_and_programs_are_told_by_what_they_are(loaded: LoadedPlan) -> None:
    told = contents_of(loaded, "c4gh:0011223344556677")
    assert told["seal.identity"] == "c4gh:0011223344556677"
    assert told["target.attestation"] == digest("provider: scaleway\n")
    program = digest("#!/bin/sh\necho one\n")
    programs = {name for name, what in told.items() if what == program}
    assert {name.rsplit(".", 1)[1] for name in programs} >= {"check[0]", "apply[0]", "revert[0]"}
    batch = loaded.plan.batches[1].name
    assert f"batches.{batch}.pointer.apply[0]" in programs
    assert not [name for name in told if name.endswith("[1]")]  # an argument is no file


def test_the_authorities_of_each_endpoint_are_told(loaded: LoadedPlan) -> None:
    told, ours = contents_of(loaded, None), digest("an authority\n")
    assert {name for name, what in told.items() if what == ours} == {
        "source.tls.ca_bundle", "target.tls.ca_bundle", "cutovers.pilot.canary.tls.ca_bundle",
    }  # fmt: skip


def test_waivers_are_told_though_their_files_go_before_a_report(
    loaded: LoadedPlan, ledger: SqliteLedger
) -> None:
    waiver = loaded.base / "waivers" / "attestation-2027-01-31-00aabbcc.json"
    waiver.parent.mkdir(exist_ok=True)
    waiver.write_text("{}\n")
    record_contents(ledger, loaded, None)
    waiver.unlink()
    assert record_contents(ledger, loaded, None) == [f"waivers/{waiver.name}"]
    first, _ = (event.files for _, event in ledger.events(ContentsRecorded))
    assert first[f"waivers/{waiver.name}"] == digest("{}\n")


def test_a_program_too_large_to_be_read_is_told_by_its_size(loaded: LoadedPlan) -> None:
    program = loaded.base / "bin" / "alias"
    os.truncate(program, LARGEST + 1)  # sparse
    told = {what for name, what in contents_of(loaded, None).items() if name.endswith("[0]")}
    assert f"size:{LARGEST + 1}" in told


def test_what_is_no_plain_file_is_not_read(loaded: LoadedPlan) -> None:
    program = loaded.base / "bin" / "alias"
    program.unlink()
    os.mkfifo(program)  # reading it would wait for ever
    assert not [name for name in contents_of(loaded, None) if "pointer" in name]


def test_the_journal_tells_a_change_once(loaded: LoadedPlan, ledger: SqliteLedger) -> None:
    assert record_contents(ledger, loaded, None) == []
    assert record_contents(ledger, loaded, None) == []
    (loaded.base / "attested.yaml").write_text("provider: another\n")
    assert record_contents(ledger, loaded, None) == ["target.attestation"]
    assert record_contents(ledger, loaded, "c4gh:0011223344556677") == ["seal.identity"]
    (loaded.base / "attested.yaml").unlink()
    assert record_contents(ledger, loaded, None) == ["seal.identity", "target.attestation"]
    bodies = [event for _, event in ledger.events(ContentsRecorded)]
    assert bodies[0].changed == ()
    assert len(bodies) == 4


def test_an_attestation_that_was_exchanged_for_a_while_stands_in_the_report(
    loaded: LoadedPlan, ledger: SqliteLedger
) -> None:
    """The journal told it, which few read: report and statement showed the one of the day."""
    attested, ours, theirs = (
        loaded.base / "attested.yaml", "provider: scaleway\n", "provider: another\n",
    )  # fmt: skip
    for text in (ours, theirs, ours):
        attested.write_text(text)
        record_contents(ledger, loaded, None)
    told = [(one["code"], one["detail"]) for one in ledger.findings()]
    assert told == [
        ("attestation-other",
         f"target.attestation: {digest(was)} until now, {digest(now)} from here on")
        for was, now in ((ours, theirs), (theirs, ours))
    ]  # fmt: skip
    (loaded.base / "bin" / "alias").write_text("#!/bin/sh\necho two\n")
    record_contents(ledger, loaded, None)
    assert len(list(ledger.findings())) == 2  # programs stand in the journal


def test_a_report_shows_what_some_run_has_worked_with(
    loaded: LoadedPlan, ledger: SqliteLedger
) -> None:
    attested = loaded.base / "attested.yaml"
    demand_known(ledger, loaded)  # an earlier version told nothing
    record_contents(ledger, loaded, None)
    demand_known(ledger, loaded)
    attested.write_text("provider: another\n")
    with pytest.raises(Refused, match=r"target\.attestation: attested\.yaml"):
        demand_known(ledger, loaded)
    record_contents(ledger, loaded, None)
    demand_known(ledger, loaded)
    attested.unlink()  # nothing is shown of it
    demand_known(ledger, loaded)
