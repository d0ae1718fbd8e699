"""What a plan's adapters are, once they are opened."""

from __future__ import annotations

from pathlib import Path

import pytest

from hdh_migrate.clocks import Judge
from hdh_migrate.plan.loader import LoadedPlan, load
from hdh_migrate.wiring import Services
from tests.support.quiet import WallClock
from tests.unit.session.test_gate import PLAN
from tests.unit.wiring.test_worker_secrets import PLAN as AZURE

NOW = "2026-11-25T12:00:00.000Z"
UNSEALED = 'seal: {format: none, reason: "a test"}\n'


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("T_ID", "T_SECRET", "T_WRITE_ID", "T_WRITE", "T_READ_ID", "T_READ"):
        monkeypatch.setenv(name, f"value of {name}")
    for name in ("T_SOURCE", "T_WRITER", "T_ERASER"):
        monkeypatch.setenv(name, "sv=1&sig=abc")


def planned(folder: Path, text: str) -> LoadedPlan:
    head, _, rest = text.partition("seal:")
    (folder / "plan.yaml").write_text(head + UNSEALED + rest[rest.index("datasets:") :])
    return load(folder / "plan.yaml")


def opened(plan: LoadedPlan) -> Services:
    return Services.open(plan.plan, plan.base, write=True)


def test_a_folder_is_no_witness_of_the_time(tmp_path: Path) -> None:
    services = opened(planned(tmp_path, PLAN))

    assert [one.endpoint for one in services.witnesses()] == ["https://s3.fr-par.scw.cloud"]


def test_where_there_is_only_a_folder_the_local_clock_judges_alone(tmp_path: Path) -> None:
    services = opened(planned(tmp_path, PLAN))
    services.transports = services.transports[:1]

    assert Judge(WallClock(NOW), witnesses=services.witnesses).firm().alone


def test_source_and_target_are_the_witnesses_of_a_plan(tmp_path: Path) -> None:
    services = opened(planned(tmp_path, AZURE))

    assert [one.endpoint for one in services.witnesses()] == [
        "http://127.0.0.1:10000",
        "http://127.0.0.1:9000",
    ]
