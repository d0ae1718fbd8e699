"""The programs that docs/exports.md prints do what it says of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hdh_migrate.evidence.exports.cells import safe
from hdh_migrate.evidence.exports.keyed import KeyedNames
from hdh_migrate.evidence.exports.opening import opening
from hdh_migrate.evidence.lines.records import manifest_line
from tests.unit.evidence.builders import record
from tests.unit.evidence.hostile import HOSTILE

PAGE = Path(__file__).parents[3] / "docs" / "exports.md"


@pytest.fixture(scope="module")
def printed() -> dict[str, Any]:
    scope: dict[str, Any] = {}
    for block in PAGE.read_text("utf-8").split("```python\n")[1:]:
        exec(block.partition("```")[0], scope)
    return scope


def test_the_printed_undo_restores_every_name(printed: dict[str, Any]) -> None:
    for name in HOSTILE:
        assert printed["restored"](safe(name)) == name


def test_the_printed_check_accepts_the_object_and_no_other(
    printed: dict[str, Any], tmp_path: Path
) -> None:
    names, plain = KeyedNames(bytes(range(32))), record("scans/é.dcm")
    lines = [manifest_line(names.record(plain)), manifest_line(names.record(record("zzz")))]
    (tmp_path / "manifest.jsonl").write_bytes(b"".join(sorted(lines)))
    told = opening(tmp_path, plain, names.object_key(plain["dataset"], plain["key"]))

    assert printed["stands_for"](told)
    for name in ("key", "target_key", "dataset"):
        assert not printed["stands_for"]({**told, name: "other"})
    for name in ("opening", "sha256"):
        assert not printed["stands_for"]({**told, name: "00" * 32})
