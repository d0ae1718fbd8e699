"""What every test shares: real servers as fixtures, and a clean environment."""

from __future__ import annotations

import gc
import os
from collections.abc import Generator

import pytest
from hypothesis import settings

from tests.campaign.matrix import by_test

pytest_plugins = [
    "tests.support.fixtures", "tests.support.affair", "tests.support.site",
    "tests.support.finished",
]  # fmt: skip

# How long an example takes says how busy the machine is, and nothing else.
settings.register_profile("unhurried", deadline=None)
settings.register_profile("brief", settings.get_profile("unhurried"), max_examples=25)
settings.register_profile("campaign", settings.get_profile("unhurried"), max_examples=2_000)
settings.load_profile("unhurried")

AMBIENT = ("AWS_", "AZURE_", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "HDH_")


def pytest_addoption(parser: pytest.Parser) -> None:
    """What `make campaign` asks for more of than a run of the tests."""
    group = parser.getgroup("campaign")
    group.addoption("--seed", type=int, default=7, help="what is drawn in kills and power cuts")
    group.addoption("--kills", type=int, default=8, help="kills of one migration, at most")
    group.addoption("--cuts", type=int, default=250, help="power cuts of one ledger")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test with the faults that it shows: `pytest -m fault` runs them all."""
    shown = by_test()
    for item in items:
        path = item.path.relative_to(item.config.rootpath).as_posix()
        name = getattr(item, "originalname", None) or item.name
        for number in shown.get((path, name), ()):
            item.add_marker(pytest.mark.fault(number))


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


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish() -> None:
    """pytest looks for rubbish five times at the end: once is enough for what is there by now."""
    gc.collect()
    gc.freeze()


def pytest_collection_finish() -> None:
    """Settings of the machine that runs the tests must not decide them."""
    for name in list(os.environ):
        if name.upper().startswith(AMBIENT):
            del os.environ[name]
