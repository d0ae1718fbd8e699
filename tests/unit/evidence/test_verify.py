"""The verifier as an auditor runs it: one file, `cryptography`, and nothing of ours."""

from __future__ import annotations

import ast
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hdh_migrate.evidence.check import check_bundle
from hdh_migrate.evidence.signatures.signing import (
    Signer,
    load_signer,
    load_trusted_key,
    new_report_key,
)
from hdh_migrate.evidence.verifier import verify
from hdh_migrate.evidence.verifier.outcome import CHECKED
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
COMPANIONS = {name.removesuffix(".py") for name in verify.CODES[2]}
PACKAGE = "hdh_migrate.evidence.verifier"
FLIPS = 64


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


@pytest.mark.parametrize("name", verify.CODES[2])
def test_it_imports_nothing_but_the_standard_library_and_cryptography(name: str) -> None:
    modules = imported(name)
    ours = {module for module in modules if module.startswith("hdh_migrate")}
    assert ours <= {f"{PACKAGE}.{companion}" for companion in COMPANIONS}
    assert {module.split(".")[0] for module in modules - ours} <= ALONE
    if name == "sample.py":
        assert {module.split(".")[0] for module in modules} <= sys.stdlib_module_names


@pytest.mark.parametrize("name", verify.CODES[2])
def test_only_the_sampler_can_open_a_connection(name: str) -> None:
    online = {"http", "socket", "ssl", "urllib", "subprocess", "asyncio", "ftplib", "ctypes"}
    found = {module for module in imported(name) if module.split(".")[0] in online}
    if name == "sample.py":
        assert found
    else:  # urllib.parse takes addresses apart
        assert found <= {"urllib.parse"}


def imported(name: str) -> set[str]:
    """Return the modules that one of the verifier's files imports; ours by their whole names."""
    tree = ast.parse(Path(verify.__file__).with_name(name).read_text())
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            assert node.module is not None
            whole = node.module == PACKAGE
            found |= {f"{PACKAGE}.{one.name}" for one in node.names} if whole else {node.module}
    return found


@pytest.mark.slow
def test_a_good_bundle_checks_alone(made: tuple[Path, Signer]) -> None:
    folder, _ = made
    done = run(folder, "bundle", "--trust", "report.pub")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("\nok ") + done.stdout.startswith("ok") == len(CHECKED)


BESIDE = {
    "in a place where the tool is installed": "",
    "where the tool is loaded": "import hdh_migrate.evidence.verifier.forms, hdh_migrate.cli.app",
    "where another bundle was checked": "runpy.run_path(sys.argv[1] + '/verify.py')",
}


@pytest.mark.slow
@pytest.mark.parametrize("where", BESIDE)
def test_a_bundle_is_checked_by_its_own_files(
    made: tuple[Path, Signer], tmp_path: Path, where: str
) -> None:
    """Also when another script runs it, and the tool is there: no file of the tool is used."""
    folder, _ = made
    script = tmp_path / "script.py"
    script.write_text(
        f"import os, runpy, sys\n{BESIDE[where]}\nbefore = {{*sys.modules.items()}}\n"
        "def opened(event, arguments):\n"
        "    name = str(arguments[0]) if event == 'open' else ''\n"
        "    if '/hdh_migrate/' in name: os._exit(99)\n"
        "sys.addaudithook(opened)\n"
        "try:\n    runpy.run_path(sys.argv[1] + '/verify.py', run_name='__main__')\n"
        "finally:\n"
        "    ours = [one for one in before if one[0].startswith('hdh_migrate')]\n"
        "    assert all(sys.modules[name] is module for name, module in ours)\n"
        "    now = {name for name in sys.modules if name.startswith('hdh_migrate')}\n"
        "    assert now == {name for name, _ in ours}\n"
    )
    shutil.copytree(folder, tmp_path / "bundle")
    command = [sys.executable, str(script), "bundle", "--trust", str(folder.parent / "report.pub")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("the bundle checks\n")
    assert sorted(path.name for path in (tmp_path / "bundle").iterdir()) == sorted(
        path.name for path in folder.iterdir()
    )


@pytest.mark.slow
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
    assert run(copy, "n" * 5000, "--trust", "report.pub").returncode == 2


@pytest.mark.slow
def test_what_has_no_end_is_no_key(made: tuple[Path, Signer], tmp_path: Path) -> None:
    with (tmp_path / "large").open("wb") as file:
        file.truncate(1 << 40)  # there is nothing in it
    for path, why in (("/dev/zero", "not a regular file"), (tmp_path / "large", "too large")):
        done = run(made[0], "bundle", "--trust", str(path))
        assert (done.returncode, why in done.stderr) == (2, True)


@pytest.mark.parametrize(
    ("name", "why"),
    [("manifest.jsonl", "a zero byte, which no line has"), ("summary.json", "too large"),
     ("verify.py", "too large"), ("report.fr.html", "too large")],
)  # fmt: skip
def test_a_hole_is_not_read_to_its_end(
    made: tuple[Path, Signer], tmp_path: Path, name: str, why: str
) -> None:
    shutil.copytree(made[0], tmp_path / "bundle")
    with (tmp_path / "bundle" / name).open("r+b") as file:
        file.truncate(1 << 43)  # takes no room, and an hour to read
    assert check_bundle(tmp_path / "bundle", [made[1].verifier]) == [f"{name}: {why}"]


@pytest.mark.slow
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


@pytest.mark.slow
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
    problems = check_bundle(tmp_path / "bundle", [load_trusted_key(public)])

    assert (done.returncode == 0, problems == []) == (ok, ok)
    assert ok or "after the last day of validity" in done.stdout
