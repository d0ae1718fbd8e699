"""A process that does one thing: what it is sent, and that whatever befalls it is no answer."""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hdh_migrate.engines.errands import answered
from tests.support.processes import LONG, gone
from tests.support.workshop import ROOT

SECRET = "a secret of the source"


def ask(name: str, **asked: object) -> object:
    function = f"tests.support.asked:{name}"
    return answered(function, asked, unwanted=lambda: False, search=[ROOT], kept=["KEPT_"])


def test_what_it_is_asked_stands_neither_in_its_arguments_nor_in_its_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("KEPT_A", "of the source")
    monkeypatch.setenv("T_SECRET", SECRET)

    found = ask("seen", secret=SECRET)

    assert isinstance(found, dict)
    assert found["asked"] == {"secret": SECRET}
    assert SECRET not in str([found["argv"], found["environ"]])
    assert found["environ"]["KEPT_A"] == "of the source"
    assert (found["core"], found["dumpable"]) == ([0, 0], 0)
    assert gone(found["pid"])


@pytest.mark.parametrize("fate", ["nothing", "raising", "killed", "not_there"])
def test_whatever_befalls_it_is_no_answer(fate: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert ask(fate, secret=SECRET) is None
    assert SECRET not in "".join(capfd.readouterr())


def test_a_machine_that_starts_no_process_gives_no_answer() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        found = ask("seen")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert found is None


def test_it_is_ended_when_nobody_wants_its_answer_any_more(tmp_path: Path) -> None:
    place = tmp_path / "pid"

    found = answered(
        "tests.support.asked:waiting", {"place": str(place)},
        unwanted=lambda: place.exists() and bool(place.read_text()), search=[ROOT],
    )  # fmt: skip

    assert found is None
    assert gone(int(place.read_text()))


@pytest.mark.slow
def test_it_ends_with_the_process_that_asked(tmp_path: Path) -> None:
    place = tmp_path / "pid"
    script = f"""
import sys
sys.path.insert(0, {ROOT!r})
from hdh_migrate.engines.errands import answered
answered("tests.support.asked:waiting", {{"place": {str(place)!r}}},
         unwanted=lambda: False, search=[{ROOT!r}])
"""
    with subprocess.Popen([sys.executable, "-c", script]) as asks:
        end = time.monotonic() + LONG
        while not place.exists() or not place.read_text():
            assert time.monotonic() < end
            time.sleep(0.01)
        asks.kill()
    assert gone(int(place.read_text()))


@pytest.mark.slow
def test_who_lists_again_imports_little_more_than_the_source() -> None:
    """What a start costs is counted in what it imports."""
    found = ask("imports")

    assert isinstance(found, dict)
    modules = set(found["modules"])
    assert "hdh_migrate.sources.azure_recount" in modules
    assert modules.isdisjoint(
        {
            "pydantic", "yaml", "apsw", "azure", "cryptography", "tenacity", "asyncio",
            "multiprocessing", "concurrent.futures", "subprocess", "hdh_migrate.ledger",
            "hdh_migrate.plan.sides", "hdh_migrate.engines.wire",
            "hdh_migrate.pipeline.inventory.inventory",
        }
    )  # fmt: skip
