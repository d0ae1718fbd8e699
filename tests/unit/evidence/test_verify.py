"""The verifier as an auditor runs it: one file, `cryptography`, and nothing of ours."""

from __future__ import annotations

import ast
import random
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from hdh_migrate.evidence import forms, journal, rules, sample, verify
from hdh_migrate.evidence.check import check_bundle
from hdh_migrate.evidence.signing import Signer, load_signer, load_verifier, new_report_key
from tests.unit.evidence.builders import (
    bundle,
    dataset,
    exclusion,
    facts,
    failed,
    finding,
    lines,
    record,
    reseal_sums,
    signer,
)

ALONE = sys.stdlib_module_names | {"cryptography", "__future__"}
COMPANIONS = {"forms", "journal", "rules", "story"}
FLIPS = 400


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Signer]:
    folder = tmp_path_factory.mktemp("verify")
    key = signer(folder)
    whole = bundle(
        folder / "bundle",
        [record("a"), record("b\udcff"), failed("c")],
        about=facts(dataset(4, 3010)),
        signer=key,
        findings=[finding("a-code")],
        exclusions=[exclusion("x")],
        languages=("fr",),
    )
    return whole.folder, key


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the bundle's own verifier, isolated from this project."""
    done = subprocess.run(
        [sys.executable, "-I", str(folder / "verify.py"), *arguments],
        cwd=folder.parent, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr
    return done


def test_it_imports_nothing_but_the_standard_library_and_cryptography() -> None:
    ours = {"hdh_migrate"}  # where they are part of the tool; a bundle's run is isolated from it
    for module in (forms, journal, rules, verify):
        assert imported(module) <= ALONE | COMPANIONS | ours
    assert imported(sample) <= sys.stdlib_module_names


def test_only_the_sampler_can_open_a_connection() -> None:
    online = {"http", "socket", "ssl", "urllib", "subprocess", "asyncio"}

    assert imported(sample) & online
    assert not (imported(verify) | imported(forms) | imported(journal)) & online
    assert imported(rules) & online == {"urllib"}  # to take addresses apart
    assert "urllib.parse" in Path(rules.__file__).read_text()
    assert "urllib.request" not in Path(rules.__file__).read_text()


def imported(module: ModuleType) -> set[str]:
    tree = ast.parse(Path(str(module.__file__)).read_text())
    return {
        name.split(".")[0]
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }


def test_a_good_bundle_checks_alone(made: tuple[Path, Signer]) -> None:
    folder, _ = made
    done = run(folder, "bundle", "--trust", "report.pub")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("\nok ") + done.stdout.startswith("ok") == len(verify.CHECKED)


def test_a_bad_bundle_ends_with_10_and_usage_with_2(
    made: tuple[Path, Signer], tmp_path: Path
) -> None:
    folder, _ = made
    copy = tmp_path / "bundle"
    shutil.copytree(folder, copy)
    shutil.copy(folder.parent / "report.pub", tmp_path)
    (copy / "findings.jsonl").write_bytes(b"")

    assert run(copy, "bundle", "--trust", "report.pub").returncode == 10
    assert run(copy, "bundle", "--trust", "nothing.pub").returncode == 2
    assert run(copy, "bundle", "--trust", "report.pub", "--threshold", "2").returncode == 2
    assert run(copy, "nothing", "--trust", "report.pub").returncode == 2


def test_flipped_bits_are_caught_wherever_they_are(
    made: tuple[Path, Signer], tmp_path: Path
) -> None:
    """Also when SHA256SUMS is written anew, as somebody would who means it."""
    folder, key = made
    rng = random.Random(9)
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    names = [path.name for path in folder.iterdir() if path.name != "SHA256SUMS"]
    for _ in range(FLIPS):
        path = copy / rng.choice(names)
        whole = path.read_bytes()
        changed = bytearray(whole)
        changed[rng.randrange(len(whole))] ^= 1 << rng.randrange(8)
        path.chmod(0o600)
        path.write_bytes(changed)
        reseal_sums(copy)
        assert check_bundle(copy, [key.verifier]), path.name
        path.write_bytes(whole)
    reseal_sums(copy)
    assert check_bundle(copy, [key.verifier]) == []


@pytest.mark.parametrize(
    "change",
    [
        lambda events: events[:1] + events[2:],
        lambda events: events[:-1],
        lambda events: [events[1], events[0], *events[2:]],
        lambda events: [*events, events[-1]],
        lambda events: [events[0].replace(b"run-started", b"run-stopped"), *events[1:]],
    ],
    ids=["removed", "cut", "moved", "doubled", "edited"],
)
def test_a_changed_journal_is_named(
    made: tuple[Path, Signer], tmp_path: Path, change: object
) -> None:
    folder, key = made
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    events = (copy / "journal.jsonl").read_bytes().splitlines(keepends=True)
    assert len(lines(copy / "journal.jsonl")) > 3
    assert callable(change)
    (copy / "journal.jsonl").chmod(0o600)
    (copy / "journal.jsonl").write_bytes(b"".join(change(events)))
    reseal_sums(copy)

    problems = check_bundle(copy, [key.verifier])

    assert any("journal" in problem for problem in problems[1:]), problems


@pytest.mark.parametrize(
    ("until", "written", "ok"),
    [
        ("2026-03-02", "2026-03-02T23:59:59Z", True),
        ("2026-03-02", "2026-03-03T00:00:00Z", False),
        (None, "2099-01-01T00:00:00Z", True),
    ],
)
def test_a_key_signs_until_its_last_day(
    tmp_path: Path, until: str | None, written: str, ok: bool
) -> None:
    private, public = new_report_key(tmp_path, "report", None, until)
    bundle(
        tmp_path / "bundle", [record("a")],
        about=facts(dataset(1), written_at=written), signer=load_signer(private, None),
    )  # fmt: skip

    done = run(tmp_path / "bundle", "bundle", "--trust", public.name)
    problems = check_bundle(tmp_path / "bundle", [load_verifier(public)])

    assert (done.returncode == 0, problems == []) == (ok, ok)
    assert ok or "after the last day of their validity" in done.stdout
