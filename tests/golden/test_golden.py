"""Bundles of earlier formats, kept as they were written, go on to verify for ever."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from hdh_migrate.evidence.check import examine
from hdh_migrate.evidence.reading import open_bundle
from hdh_migrate.evidence.signing import load_verifier

V1 = Path(__file__).with_name("evidence-v1")
"""Made by make_v1.py on the last commit that wrote the first format."""


def test_a_bundle_of_the_first_format_verifies() -> None:
    outcome = examine(V1 / "bundle", [load_verifier(V1 / "report.pub")])

    assert outcome.problems == []


def test_a_bundle_of_the_first_format_verifies_alone_with_its_own_verifier() -> None:
    done = subprocess.run(
        [sys.executable, "verify.py", ".", "--trust", V1 / "report.pub"],
        cwd=V1 / "bundle", capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout


def test_a_bundle_of_the_first_format_is_read() -> None:
    reading = open_bundle(V1 / "bundle", [load_verifier(V1 / "report.pub")])

    assert reading.format == 1
    assert [line["code"] for _, line in reading.lines("findings")] == [
        "key-not-utf8",
        "collision",
        "collision",
    ]
    assert len(list(reading.lines("manifest"))) == 9
    assert [line["size"] for _, line in reading.lines("exclusions")] == [40]
