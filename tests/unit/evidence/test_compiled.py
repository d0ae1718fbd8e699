"""What templates were compiled to is kept, and taken only if it is of them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.util import cache_from_source
from pathlib import Path
from typing import Any

import jinja2
import pytest

import hdh_migrate
from hdh_migrate.evidence.page.compiled import CompiledTemplates
from hdh_migrate.software import code_digest
from tests.support.processes import LONG


class Counting(jinja2.Environment):
    """Counts what is compiled of a folder's templates."""

    def __init__(self, folder: Path) -> None:
        super().__init__(
            loader=jinja2.FileSystemLoader(folder),
            bytecode_cache=CompiledTemplates(),
            autoescape=True,
        )
        self.compiled = 0

    def _compile(self, source: str, filename: str) -> Any:
        self.compiled += 1
        return super()._compile(source, filename)


@pytest.fixture(autouse=True)
def _may_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)


@pytest.fixture
def page(tmp_path: Path) -> Path:
    made = tmp_path / "page.html"
    made.write_text("{{ name }} was moved")
    return made


def shown(page: Path) -> tuple[str, int]:
    """Return what a new process would show, and how many templates it compiles for that."""
    made = Counting(page.parent)
    return made.get_template(page.name).render(name="a & b"), made.compiled


def kept(page: Path) -> Path:
    (found,) = (page.parent / "__pycache__").iterdir()
    return found


def test_a_template_is_compiled_once(page: Path) -> None:
    assert shown(page) == ("a &amp; b was moved", 1)
    assert shown(page) == ("a &amp; b was moved", 0)
    assert kept(page).stat().st_mode & 0o777 == 0o644


def test_what_was_compiled_of_another_source_is_not_taken(page: Path) -> None:
    shown(page)
    page.write_text("{{ name }} was lost")
    assert shown(page) == ("a &amp; b was lost", 1)
    assert shown(page) == ("a &amp; b was lost", 0)


@pytest.mark.parametrize("harm", ["cut", "empty", "a byte", "of another"])
@pytest.mark.slow
def test_what_is_not_whole_or_of_another_is_not_taken(page: Path, harm: str) -> None:
    shown(page)
    good = kept(page).read_bytes()
    for at in range(0, len(good), 7):
        match harm:
            case "cut":
                bad = good[:at]
            case "empty":
                bad = b""
            case "a byte":
                bad = good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :]
            case _:
                bad = good[:at] + good[at + 7 :]
        kept(page).write_bytes(bad)
        assert shown(page) == ("a &amp; b was moved", 1)
        assert kept(page).read_bytes() == good


def test_who_cannot_or_must_not_write_compiles_for_itself(
    page: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (page.parent / "__pycache__").write_text("no folder")
    assert shown(page) == shown(page) == ("a &amp; b was moved", 1)
    (page.parent / "__pycache__").unlink()

    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    assert shown(page) == shown(page) == ("a &amp; b was moved", 1)
    assert not (page.parent / "__pycache__").exists()


@pytest.mark.slow
def test_all_are_compiled_at_once_and_are_no_part_of_the_code_that_evidence_names() -> None:
    before = code_digest()
    templates = Path(hdh_migrate.__file__).parent / "evidence" / "page" / "templates"
    shutil.rmtree(templates / "__pycache__", ignore_errors=True)

    subprocess.run(
        [sys.executable, "-m", "hdh_migrate.evidence.page.compiled"],
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": ""}, check=True, timeout=LONG,
    )  # fmt: skip

    for path in templates.glob("*.html"):
        assert Path(cache_from_source(path, optimization="jinja")).is_file()
    code_digest.cache_clear()
    assert code_digest() == before
