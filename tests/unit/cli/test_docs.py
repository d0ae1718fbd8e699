"""`hdh-migrate docs`: pages and schemas, from a checkout and from a wheel."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hdh_migrate.cli.app import main
from hdh_migrate.cli.verbs import docs
from hdh_migrate.errors import Exit

ROOT = Path(__file__).parents[3]


def ran(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    with pytest.raises(SystemExit) as end:
        main(["docs", *arguments])
    return int(end.value.code or 0), capsys.readouterr().out


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    code, out = ran(capsys, *arguments, "--json")
    assert code == Exit.OK
    return json.loads(out)


def test_every_page_is_listed_with_its_title_and_can_be_read(
    capsys: pytest.CaptureFixture[str],
) -> None:
    pages = {page["name"]: page["title"] for page in told(capsys)["pages"]}
    assert set(pages) == {
        str(path.relative_to(ROOT / "docs").with_suffix("")) for path in ROOT.glob("docs/**/*.md")
    }
    assert pages["operations"] == "Operations"
    text = (ROOT / "docs" / "operations.md").read_text()
    for name in ("operations", "operations.md", "docs/operations.md"):
        assert ran(capsys, name) == (Exit.OK, text)
    assert told(capsys, "operations")["text"] == text


def test_the_schemas_of_plan_evidence_and_verbs_are_printed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    names = told(capsys)["schemas"]
    assert {"plan", "evidence-v2", "run", "cutover-start", "report"} <= set(names)
    assert ran(capsys, "--schema", "plan")[1] == (ROOT / "plans" / "schema.json").read_text()
    schema = json.loads(ran(capsys, "--schema", "cutover start")[1])
    assert schema["title"] == "hdh-migrate cutover start --json"
    assert told(capsys, "--schema", "cutover-start") == {"name": "cutover-start", "schema": schema}


@pytest.mark.parametrize("wrong", [("nowhere",), ("--schema", "x"), ("cutover", "--schema", "run")])
def test_what_is_not_there_is_wrong_usage(
    capsys: pytest.CaptureFixture[str], wrong: tuple[str, ...]
) -> None:
    assert ran(capsys, *wrong) == (Exit.USAGE, "")


@pytest.mark.slow
def test_a_wheel_carries_them_beside_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    script = (
        "import sys\n"
        "from setuptools import Distribution\n"
        "from distutils.core import run_setup\n"
        "made = run_setup(sys.argv[1], stop_after='init').get_command_obj('build_py')\n"
        "made.ensure_finalized()\n"
        "made.build_lib = sys.argv[2]\n"
        "made.run()\n"
    )
    command = [sys.executable, "-c", script, str(ROOT / "setup.py"), str(tmp_path)]
    subprocess.run(command, check=True, cwd=tmp_path)

    monkeypatch.setattr(docs, "_CARRIED", tmp_path / "hdh_migrate_docs")
    monkeypatch.setattr(docs, "_PACKAGES", tmp_path)
    carried = told(capsys)
    assert ran(capsys, "--schema", "plan")[1] == (ROOT / "plans" / "schema.json").read_text()
    monkeypatch.undo()
    assert carried == told(capsys)


def test_messages_name_the_verb_and_not_a_file_that_a_wheel_lacks() -> None:
    """Docstrings and comments are for who has the tree; what people are told is not."""
    for path in (ROOT / "hdh_migrate").rglob("*.py"):
        text = path.read_text()
        text = re.sub(r'"""(?:.|\n)*?"""', "", text) if path.parts[-2] != "cli" else text
        code = re.sub(r"#.*", "", text)
        if path.name not in {"reference.py", "docs.py"}:
            assert not re.search(r"docs/[a-z-]+\.md", code), path
