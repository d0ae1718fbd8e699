"""What every test shares: real servers as fixtures, and a clean environment."""

from __future__ import annotations

import gc
import os
from collections.abc import Generator

import pytest
from hypothesis import settings

pytest_plugins = ["tests.support.fixtures", "tests.support.affair", "tests.support.site"]

# How long an example takes says how busy the machine is, and nothing else.
settings.register_profile("unhurried", deadline=None)
settings.register_profile("brief", settings.get_profile("unhurried"), max_examples=25)
settings.load_profile("unhurried")

AMBIENT = ("AWS_", "AZURE_", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "HDH_")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is imported and collected comes to stay: it is looked through for rubbish once."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.set_threshold(20_000, 20, 20)
        gc.enable()


def pytest_collection_finish() -> None:
    """Settings of the machine that runs the tests must not decide them."""
    for name in list(os.environ):
        if name.upper().startswith(AMBIENT):
            del os.environ[name]
