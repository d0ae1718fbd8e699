"""What every test shares: real servers as fixtures, and a clean environment."""

from __future__ import annotations

import gc
import importlib
import os
import sys
from collections import deque
from collections.abc import Generator, Sequence
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis.configuration import set_hypothesis_home_dir

from tests.campaign.matrix import by_test

pytest_plugins = ["tests.support.hanging", "tests.support.passing", "tests.support.spent"]
FIXTURES = (
    "tests.support.fixtures", "tests.support.affair", "tests.support.site",
    "tests.support.finished",
)  # fmt: skip

# What Hypothesis reads out of sources and Unicode takes each process five seconds in a new clone.
_CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
set_hypothesis_home_dir(_CACHE / "hdh-migrate" / "hypothesis")

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
    group.addoption("--kills", type=int, default=4, help="kills of one migration")
    group.addoption("--cuts", type=int, default=250, help="power cuts of one ledger")


def pytest_configure(config: pytest.Config) -> None:
    """Import fixtures, and the SDKs they use, in the processes that run tests.

    What only hands tests out would take a second for it, in which nothing else can begin.
    """
    if config.getoption("dist", "no") == "no":
        for name in FIXTURES:
            if (
                name in sys.modules
            ):  # a folder's own conftest has imported it: pytest tests/contract
                config.pluginmanager.register(sys.modules[name], name)
            else:
                config.pluginmanager.import_plugin(name)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test with the faults that it shows: `pytest -m fault` runs them all."""
    shown = by_test()
    paths: dict[Path, str] = {}
    for item in items:
        path = paths.get(item.path)
        if path is None:
            path = item.path.relative_to(item.config.rootpath).as_posix()
            paths[item.path] = path
        name = getattr(item, "originalname", None) or item.name
        for number in shown.get((path, name), ()):
            item.add_marker(pytest.mark.fault(number))
    items[:] = shared_out(items, int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")))


def shared_out(items: Sequence[pytest.Item], processes: int) -> list[pytest.Item]:
    """Return tests so that processes, which begin with equal shares of them, end at one time.

    What takes long comes first in a share, a file at a time, and all that `waits` in one share:
    the others need the processors meanwhile.
    """
    if processes == 1:
        return list(items)
    shares: list[list[pytest.Item]] = [[] for _ in range(processes)]
    quick = deque[pytest.Item]()
    files: dict[Path, list[pytest.Item]] = {}
    for item in items:
        if item.get_closest_marker("waits") is not None:
            shares[0].append(item)
        elif item.get_closest_marker("slow") is not None:
            files.setdefault(item.path, []).append(item)
        else:
            quick.append(item)
    for number, some in enumerate(files.values()):
        shares[1 + number % (processes - 1)] += some
    left = len(items)
    for number, share in enumerate(shares):
        size = left // (processes - number)
        share += [quick.popleft() for _ in range(min(len(quick), max(0, size - len(share))))]
        left -= len(share)
    return [item for share in shares for item in share] + [*quick]


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Generator[None, object, object]:
    """What is imported and collected comes to stay: it is never looked through for rubbish."""
    gc.disable()
    try:
        _import_own_share(session.config)
        return (yield)
    finally:
        gc.freeze()
        gc.set_threshold(20_000, 20, 20)
        gc.enable()


def _import_own_share(config: pytest.Config) -> None:
    """Import a part of the tests' modules first, each process another one.

    All processes import all of them. In a new clone each would compile all of them, too, with the
    others at the same file; so each finds the better part compiled by the others.
    """
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    if not worker:
        return
    root = config.rootpath
    asked = [config.invocation_params.dir / one for one in config.args]
    found = {one for path in asked if path.is_relative_to(root) for one in path.rglob("test_*.py")}
    first, step = int(worker.removeprefix("gw")), int(os.environ["PYTEST_XDIST_WORKER_COUNT"])
    for path in sorted(found)[first::step]:
        name = ".".join(path.relative_to(root).with_suffix("").parts)
        with suppress(Exception):  # which is said when it is collected
            importlib.import_module(name)


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
