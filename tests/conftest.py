"""What every test shares: real servers as fixtures, and a clean environment."""

from __future__ import annotations

import os

import pytest

pytest_plugins = ["tests.support.fixtures", "tests.support.affair", "tests.support.site"]

AMBIENT = ("AWS_", "AZURE_", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "HDH_")


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings of the machine that runs the tests must not decide them."""
    for name in list(os.environ):
        if name.upper().startswith(AMBIENT):
            monkeypatch.delenv(name)
