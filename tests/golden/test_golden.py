"""Bundles of every format, kept as they were written, go on to verify for ever."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from hdh_migrate.evidence.check import examine
from hdh_migrate.evidence.reading import open_bundle
from hdh_migrate.evidence.signatures.signing import load_trusted_key
from hdh_migrate.evidence.verifier.notes import load_note
from tests.support.agreed import agreed

FORMATS = (1, 2)


def kept(number: int) -> Path:
    """Return what make_bundle.py made on a commit that wrote this format."""
    return Path(__file__).with_name(f"evidence-v{number}")


@pytest.mark.parametrize("number", FORMATS)
def test_a_kept_bundle_verifies(number: int) -> None:
    folder = kept(number)
    notes = [load_note(path) for path in folder.glob("bundle.checkpoint")]
    outcome = examine(folder / "bundle", [load_trusted_key(folder / "report.pub")], notes=notes)

    assert outcome.problems == []
    assert len(notes) == number - 1
    agreed(folder / "bundle", folder / "report.pub")


@pytest.mark.parametrize("number", FORMATS)
def test_a_kept_bundle_verifies_alone_with_its_own_verifier(number: int) -> None:
    done = subprocess.run(
        [sys.executable, "-I", "verify.py", ".", "--trust", kept(number) / "report.pub"],
        cwd=kept(number) / "bundle", capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("number", FORMATS)
def test_a_kept_bundle_is_read(number: int) -> None:
    reading = open_bundle(kept(number) / "bundle", [load_trusted_key(kept(number) / "report.pub")])

    assert reading.format == number
    assert [line["code"] for _, line in reading.findings()] == [
        "key-not-utf8",
        "collision",
        "collision",
    ]
    assert len(list(reading.manifest())) == 9
    assert [line["size"] for _, line in reading.exclusions()] == [40]
