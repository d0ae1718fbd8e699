"""`audit export` and `audit compare` as CI and auditors run them: bundles only, no server."""

from __future__ import annotations

import csv
import io
import json
import logging
import shutil
import signal
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import typer

from hdh_migrate.cli.app import app
from hdh_migrate.errors import Exit
from hdh_migrate.evidence.exports.in_french import FRENCH
from hdh_migrate.evidence.lines.facts import ObjectCounts, StepPace
from hdh_migrate.evidence.signatures.envelopes import add_signature
from hdh_migrate.fixity import canonical_json
from tests.support.schemas import hold
from tests.unit.evidence.builders import (
    Told,
    bundle,
    dataset,
    facts,
    failed,
    record,
    reseal_sums,
    signer,
    told,
)

STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
ENDED = "2026-03-02T10:15:00Z"
NAME = "DUPONT-Jeanne-1961.dcm"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a key and two bundles that follow each other."""
    folder = tmp_path_factory.mktemp("desk")
    key = signer(folder, "operator")
    signer(folder, "stranger")
    about = facts(dataset(2))
    first = [failed(NAME), record("b")]
    old = bundle(folder / "old", first, about=about, signer=key)
    later = facts(dataset(2), previous_statement=old.statement_sha256)
    at, one, rows = ENDED, {"pmsi": 1}, {"rows_sha256": "00" * 32}
    begun = list(told(about, first, [], []))
    mended: list[Told] = [
        (at, "retried", {"ids": [2], "datasets": one, **rows}),
        (at, "sent", {"ids": [2], **rows}),
        (at, "verified", {"ids": [2], "datasets": one, **rows}),
    ]
    lost: list[Told] = [
        (at, "superseded", {"dropped": [1], "dropped_datasets": one, "ids": [], **rows}),
        (at, "failed", {"ids": [1], "datasets": one, **rows}),
    ]
    sent, seen = (
        StepPace(step=step, started=at, ended=at, seconds=1.0, bins=(ObjectCounts(2, 2000),))
        for step in ("transfer", "verify")
    )
    bundle(
        folder / "new", [record(NAME), record("b")], about=later, signer=key,
        telling=lambda _: [*begun, *mended],
    )  # fmt: skip
    bundle(
        folder / "worse", [record(NAME), failed("b")], about=replace(later, paces=(sent, seen)),
        signer=key, telling=lambda _: [*begun, *mended, *lost],
    )  # fmt: skip
    bundle(folder / "draft", [record(NAME)], about=facts(dataset(1)))
    return folder


@pytest.fixture(scope="module")
def command() -> Any:
    return typer.main.get_command(app)


class Audit:
    """Runs `hdh-migrate audit ...` in this process, in the desk's folder."""

    def __init__(self, command: Any, capture: pytest.CaptureFixture[bytes]) -> None:
        self._command, self._capture = command, capture

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        with pytest.raises(SystemExit) as ended:
            self._command(["audit", *arguments])
        out, err = self._capture.readouterr()
        assert b"Traceback" not in err, err
        hold(("audit", *arguments), int(str(ended.value.code)), out.decode())
        return subprocess.CompletedProcess(arguments, ended.value.code, out, err)  # type: ignore[arg-type]


@pytest.fixture
def audit(
    desk: Path,
    command: Any,
    capfdbinary: pytest.CaptureFixture[bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Audit]:
    handlers = {number: signal.getsignal(number) for number in STOPS}
    log = logging.getLogger()
    kept = log.handlers[:], log.level
    monkeypatch.chdir(desk)
    yield Audit(command, capfdbinary)
    log.handlers[:], log.level = kept
    for number, handler in handlers.items():
        signal.signal(number, handler)


def test_the_installed_command_does_the_same(desk: Path, audit: Audit) -> None:
    arguments = ("audit", "export", "new", "--format", "csv")
    done = subprocess.run(
        [sys.executable, "-m", "hdh_migrate", *arguments], cwd=desk, capture_output=True, check=True
    )
    assert done.stdout == audit(*arguments[1:]).stdout


def test_csv_goes_to_stdout_as_it_is(audit: Audit) -> None:
    done = audit("export", "new", "--format", "csv")

    assert done.returncode == Exit.OK, done.stderr
    assert done.stdout.count(b"\r\n") == done.stdout.count(b"\n") == 3
    rows = list(csv.reader(io.StringIO(done.stdout.decode(), newline="")))
    assert [row[1] for row in rows] == ["key", NAME, "b"]


def test_a_french_spreadsheet_opens_the_rows_as_they_are(audit: Audit) -> None:
    done = audit("export", "new", "--format", "csv", "--dialect", "excel-fr")

    assert done.stdout.startswith('\ufeff"jeu de données";"nom";"octets";'.encode())
    plain = audit("export", "new", "--format", "csv").stdout.decode()
    french = done.stdout.decode("utf-8-sig")
    header, *shown = csv.reader(io.StringIO(french, newline=""), delimiter=";")
    words = {header.index(FRENCH[column]) for column in ("level.words", "verdict.words")}
    _, *rows = csv.reader(io.StringIO(plain, newline=""))
    assert [[cell for at, cell in enumerate(row) if at not in words] for row in shown] == rows


def test_the_first_screen_in_the_terminal_says_what_the_page_says(audit: Audit) -> None:
    done = audit("show", "new", "--trust", "operator.pub", "--json")

    assert done.returncode == Exit.OK, done.stderr
    shown = json.loads(done.stdout)
    assert (shown["verdict"], shown["trusted"]) == ("Complete and intact", True)
    assert shown["written"].startswith("Written on ")
    assert shown["marks"] == []
    told = audit("show", "new", "--trust", "operator.pub").stdout.decode()
    assert f"signed by {shown['signed_by'][0]}, as --trust demands" in told
    assert shown["written"] in told.splitlines()[1]
    assert NAME not in done.stdout.decode()
    questions = [one["question"] for one in shown["answers"]]
    assert questions[0] == "To do, to decide"
    assert len(questions) == len(set(questions)) == 12
    assert all(one["lines"] for one in shown["answers"])
    french = audit("show", "new", "--language", "fr").stdout.decode()
    assert "Complet et intact" in french
    assert "\nles signatures n\u2019ont pas été vérifiées : donner --trust KEY\n" in french
    assert "signatures were not checked" not in french


def test_who_is_shown_as_a_signer_was_checked(desk: Path, audit: Audit) -> None:
    folder, statement = desk / "seen", desk / "seen" / "statement.json"
    shutil.copytree(desk / "new", folder)
    envelope = add_signature(json.loads(statement.read_bytes()), signer(desk, "witness"))
    statement.write_bytes(canonical_json(envelope) + b"\n")
    reseal_sums(folder)

    shown = json.loads(audit("show", "seen", "--trust", "operator.pub", "--json").stdout)
    asked = ("show", "seen", "--trust", "operator.pub")
    told = audit(*asked).stdout.decode()
    french = audit(*asked, "--language", "fr").stdout.decode()
    both = json.loads(
        audit("show", "seen", "--trust", "operator.pub", "--trust", "witness.pub", "--json").stdout
    )

    assert (len(shown["signed_by"]), shown["unchecked"]) == (1, 1)
    assert "not checked: 1 more signature is by no key given with --trust" in told
    assert "non vérifié : 1 autre signature n\u2019est d\u2019aucune clé donnée" in french
    assert envelope["signatures"][1]["keyid"] not in told
    assert (len(both["signed_by"]), both["unchecked"]) == (2, 0)


def test_the_first_screen_of_a_draft_and_of_a_failure_say_so(audit: Audit) -> None:
    draft = audit("show", "draft").stdout.decode()
    assert "Nobody." in draft
    assert draft.startswith("Draft, not evidence. Nobody signed this report")
    shown = json.loads(audit("show", "old", "--json").stdout)
    assert (shown["verdict"], shown["beside"]) == ("An object failed", [])


def test_a_bundles_journal_is_printed_as_it_stands_there(desk: Path, audit: Audit) -> None:
    done = audit("journal", "new", "--trust", "operator.pub")

    assert done.returncode == Exit.OK, done.stderr
    printed = [json.loads(line) for line in done.stdout.splitlines()]
    stands = (desk / "new" / "journal.jsonl").read_text("utf-8").splitlines()
    assert printed == [json.loads(line) for line in stands]


def test_junit_goes_to_a_new_private_file_and_names_nobody(desk: Path, audit: Audit) -> None:
    out = desk / "junit.xml"
    done = audit("export", "old", "--format", "junit", "--out", "junit.xml",
                 "--trust", "operator.pub", "--json")  # fmt: skip

    assert done.returncode == Exit.OK, done.stderr
    told = json.loads(done.stdout)
    assert told == {
        "out": "junit.xml", "format": "junit", "bytes": out.stat().st_size, "trusted": True
    }  # fmt: skip
    assert out.stat().st_mode & 0o777 == 0o600
    assert ET.parse(out).getroot().get("failures") == "1"
    assert NAME not in out.read_text()
    again = audit("export", "old", "--format", "junit", "--out", "junit.xml")
    assert again.returncode == Exit.USAGE


def test_a_draft_says_so_in_the_summary_and_is_refused_where_signatures_count(audit: Audit) -> None:
    done = audit("export", "draft", "--format", "markdown")
    assert done.stdout.startswith(b"## DRAFT, not evidence")

    refused = audit("export", "draft", "--format", "markdown", "--trust", "operator.pub")
    assert (refused.returncode, refused.stdout) == (Exit.DAMAGED, b"")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("new", "--format", "markdown", "--what", "findings"), Exit.USAGE),
        (("new", "--format", "csv", "--json"), Exit.USAGE),
        (("new", "--format", "markdown", "--dialect", "excel-fr"), Exit.USAGE),
        (("new", "--format", "csv", "--language", "fr"), Exit.USAGE),
        (("new", "--format", "csv", "--trust", "stranger.pub"), Exit.DAMAGED),
        (("new", "--format", "csv", "--trust", "nothing.pub"), Exit.USAGE),
    ],
)
def test_mistakes_have_their_exit_code(
    audit: Audit, arguments: tuple[str, ...], code: Exit
) -> None:
    done = audit("export", *arguments)
    assert done.returncode == code, done.stderr
    assert done.stderr


def test_the_help_states_the_cell_rule(audit: Audit) -> None:
    text = " ".join(audit("export", "--help").stdout.decode().split())
    assert "= + - @" in text
    assert r"\u{..}" in text
    assert "Examples: hdh-migrate audit export" in text


def test_archived_bundles_are_exported_and_compared_too(desk: Path, audit: Audit) -> None:
    for name in ("old", "new"):
        shutil.make_archive(str(desk / name), "zip", desk, name)

    summary = audit("export", "new.zip", "--format", "markdown")
    assert summary.stdout.startswith(b"## complete and proven")
    compared = audit("compare", "old.zip", "new.zip", "--trust", "operator.pub")
    assert compared.returncode == Exit.OK, compared.stdout + compared.stderr


def test_a_later_bundle_that_goes_on_is_consistent(audit: Audit) -> None:
    done = audit("compare", "old", "new", "--trust", "operator.pub")

    assert done.returncode == Exit.OK, done.stdout + done.stderr
    assert done.stdout.decode().splitlines()[-1] == "the new bundle takes nothing back"
    assert NAME.encode() not in done.stdout


def test_a_bundle_beside_itself_shows_nothing_newer_and_is_not_accused(audit: Audit) -> None:
    done = audit("compare", "old", "old", "--trust", "operator.pub")

    assert done.returncode == Exit.DAMAGED
    assert done.stdout.decode().splitlines()[-1] == "the new bundle is the old one"


def test_what_a_later_journal_takes_back_is_said_line_by_line(audit: Audit) -> None:
    done = audit("compare", "old", "worse", "--trust", "operator.pub", "--json")

    assert done.returncode == Exit.OK
    told = json.loads(done.stdout)
    assert told["contradictions"] == []
    assert told["objects"]["unverified"] == {"count": 1, "lines": [{"new": 2, "old": 2}]}
    people = audit("compare", "old", "worse", "--trust", "operator.pub", "--show-names")
    assert b"unverified: line 2 of the old manifest, line 2 of the new manifest, pmsi: b" in (
        people.stdout
    )


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("new", "old", "--trust", "operator.pub"), Exit.DAMAGED),
        (("old", "draft", "--trust", "operator.pub"), Exit.DAMAGED),
        (("old", "nothing", "--trust", "operator.pub"), Exit.USAGE),
        (("old", "new", "--trust", "operator.pub", "--threshold", "2"), Exit.USAGE),
    ],
)
def test_what_cannot_be_compared_has_its_exit_code(
    audit: Audit, arguments: tuple[str, ...], code: Exit
) -> None:
    assert audit("compare", *arguments).returncode == code


def test_an_opening_that_is_none_is_one_line(desk: Path, audit: Audit) -> None:
    (desk / "opening.json").write_text("{}")
    done = audit("check-opening", "opening.json", "--root", "00")
    assert done.returncode == Exit.DAMAGED
    assert done.stderr.startswith(b"error: opening.json: not an opening")
