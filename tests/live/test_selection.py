"""What rules take and leave, by a real listing, and what the bundle says of it."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest
from azure.storage.blob import ContainerClient

from hdh_migrate.demo.servers import Azurite
from hdh_migrate.errors import Exit, MigrateError
from hdh_migrate.evidence.check import check_bundle
from hdh_migrate.evidence.signatures.signing import load_trusted_key
from hdh_migrate.model import Step
from hdh_migrate.session.asked import AskedRun
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.verbs.amend import amend
from hdh_migrate.session.verbs.report import write_report
from hdh_migrate.session.verbs.run import perform, perform_with
from tests.support.affair import BIG, SMALL, Affair
from tests.support.agreed import agreed
from tests.support.here import HERE
from tests.support.quiet import Notes

pytestmark = pytest.mark.live


def select(affair: Affair, lines: str) -> None:
    affair.plan("    target: {bucket", f"{lines}    target: {{bucket")


def reporting(affair: Affair) -> None:
    affair.plan("limits:", 'report: {signer: "file:keys/report.key"}\nlimits:')


def desk_of(affair: Affair) -> Desk:
    return Desk.open(affair.folder / "plan.yaml", None, Notes(), threading.Event(), HERE)


def checked(affair: Affair, name: str, **more: str) -> list[tuple[str, str, str]]:
    """Write a report, check it with the verifier, and return its exclusions."""
    bundle = affair.folder / name
    write_report(desk_of(affair), bundle, **more)  # type: ignore[arg-type]
    key = affair.folder / "keys" / "report.pub"
    assert check_bundle(bundle, [load_trusted_key(key)]) == []
    agreed(bundle, key)
    lines = (bundle / "exclusions.jsonl").read_text().splitlines()
    return [(one["key"], one["rule"], one["reason"]) for one in map(json.loads, lines)]


def test_rules_of_every_kind_decide_and_the_bundle_says_which(affair: Affair) -> None:
    (affair.folder / "cohort").write_text(f"{BIG}\n{SMALL}\nempty\nwho was this?\n")
    reporting(affair)
    select(
        affair,
        "    include: [{keys_from: cohort}]\n"
        "    exclude:\n"
        "      - {smaller_than: 1B, reason: nothing in it}\n"
        "      - {older_than: 3650d, reason: too old, allow_unused: true}\n"
        "      - {glob: 'scans/**', larger_than: 8MiB, reason: moved by disk}\n",
    )
    assert affair.run() is Exit.FINDINGS
    assert affair.verified() == {SMALL}
    (found,) = affair.findings()
    assert found["code"] == "keys-lacking"
    assert found["detail"] == (
        "include[0]: 1 key of its list is not at the source (entry 4 of the list)"
    )
    rules = [
        ("empty", 'exclude {"smaller_than":"1B"}', "nothing in it"),
        (BIG, 'exclude {"glob":"scans/**","larger_than":"8MiB"}', "moved by disk"),
        (
            "tables/other.csv", "not included",
            "it matches none of the dataset's `include` rules",
        ),
    ]  # fmt: skip
    assert checked(affair, "plain") == rules
    assert sorted(one[1:] for one in checked(affair, "keyed", names="keyed")) == sorted(
        one[1:] for one in rules
    )
    journal = (affair.folder / "plain" / "journal.jsonl").read_text()
    assert journal.count('"ages-counted"') == 1
    assert "who was this" not in journal

    # Listed again, ages count from where they did, and nothing else is told.
    perform_with(desk_of(affair), AskedRun(steps=tuple(Step), refresh=True))
    assert checked(affair, "again") == rules
    assert (affair.folder / "again" / "journal.jsonl").read_text().count('"ages-counted"') == 1


def test_a_list_that_is_another_one_needs_an_amendment(affair: Affair) -> None:
    (affair.folder / "cohort").write_text(f"{SMALL}\n")
    reporting(affair)
    select(affair, "    include: [{keys_from: cohort}]\n")
    assert affair.run() is Exit.OK
    (affair.folder / "cohort").write_text(f"{SMALL}\nempty\n")
    assert affair.run() is Exit.REFUSED
    (told,) = affair.told
    assert "datasets[all].include" in told
    assert "amend" in told
    amend(desk_of(affair), "all", "the cohort grew", execute=True, show_names=False)
    assert affair.run() is Exit.OK
    assert affair.verified() == {SMALL, "empty"}
    told = checked(affair, "amended")
    assert [one[:2] for one in told] == [
        (BIG, "not included"),
        ("tables/other.csv", "not included"),
    ]


@pytest.mark.parametrize("names", ["plain", "keyed"])
def test_what_was_moved_before_a_rule_is_told(affair: Affair, names: str) -> None:
    """Rules of what a line shows, and of what it does not, after everything was moved."""
    reporting(affair)
    assert affair.run() is Exit.OK
    moved = affair.verified()
    select(
        affair,
        "    include: [{type: [object]}, '**']\n"
        "    exclude:\n"
        "      - {tier: [archive], reason: cold, allow_unused: true}\n"
        "      - {larger_than: 8MiB, reason: moved by disk, allow_unused: true}\n"
        "      - {newer_than: 3650d, prefix: tables/, reason: too new, allow_unused: true}\n",
    )
    amend(desk_of(affair), "all", "by disk", execute=True, show_names=False)
    perform_with(desk_of(affair), AskedRun(steps=tuple(Step), refresh=True))
    assert affair.verified() == moved
    assert checked(affair, "narrower", names=names) == []


def test_tags_decide_where_they_are_read(
    affair: Affair, azurite: Azurite, filled: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ContainerClient.from_connection_string(azurite.connection_string, filled) as client:
        client.get_blob_client("empty").set_blob_tags({"purpose": "test", "other": "x"})
    try:
        monkeypatch.setenv("T_SAS", azurite.sas("rlt"))
        reporting(affair)
        select(affair, "    exclude: [{tags: {purpose: test}, reason: a test}]\n")
        desk = desk_of(affair)
        try:
            code = perform(desk, [Step.INVENTORY], ())[0]
        except MigrateError as error:  # pragma: no cover - shown
            raise AssertionError(str(error)) from error
        assert code is Exit.OK
        assert {row["key"]: row["reason"] for row in affair.rows()} == {
            "empty": "exclude-0", BIG: None, SMALL: None, "tables/other.csv": None,
        }  # fmt: skip
        rule = 'exclude {"tags":{"purpose":"test"}}'
        assert checked(affair, "tagged") == [("empty", rule, "a test")]
    finally:
        with ContainerClient.from_connection_string(azurite.connection_string, filled) as client:
            client.get_blob_client("empty").set_blob_tags({})


def test_the_keys_of_a_list_stand_in_no_output(affair: Affair, tmp_path: Path) -> None:
    (tmp_path / "cohort").write_text("canary-patient-4711\n")
    select(affair, "    include: [{keys_from: cohort}]\n    allow_empty: true\n")
    assert affair.run() is Exit.FINDINGS
    assert "canary" not in json.dumps([one["detail"] for one in affair.findings()])
