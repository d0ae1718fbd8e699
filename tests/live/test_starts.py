"""What a start costs is counted in what it imports, for no machine is busy in that.

See docs/decisions/0049-what-a-start-costs.md.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from hdh_migrate.engines.local import LocalEngine
from hdh_migrate.errors import Exit
from hdh_migrate.model import Role, Step
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.verbs.run import perform
from hdh_migrate.wiring.worker_config import WorkerConfig
from tests.support.affair import Affair
from tests.support.quiet import Notes
from tests.support.telltale import FACTORY, PREFIX
from tests.support.workshop import ROOT

pytestmark = pytest.mark.live

SDKS = {"boto3", "botocore", "azure", "paramiko", "urllib3", "requests"}
PAGES = {"jinja2", "rich"}
RARE = {"tenacity", "asyncio", "xml.sax", "http.client"}
"""What comes with trying again, and with what nobody here asks for."""
OF_NO_WORKER = SDKS | PAGES | RARE | {
    "pydantic", "yaml", "typer", "apsw", "hdh_migrate.plan.model", "hdh_migrate.plan.sides",
    "hdh_migrate.ledger", "hdh_migrate.session", "hdh_migrate.evidence", "hdh_migrate.cli",
}  # fmt: skip

OF_NO_JUDGE = RARE | {
    "apsw", "pycurl", "hdh_migrate.ledger", "hdh_migrate.pipeline.inventory.inventory",
    "hdh_migrate.evidence.bundle", "hdh_migrate.evidence.check", "hdh_migrate.evidence.page",
    "hdh_migrate.transport", "hdh_migrate.engines",
}  # fmt: skip
"""The keys that a plan trusts are opened, to note those that are none; no evidence is read."""

SCRIPT = """
import json, sys
from hdh_migrate.cli.app import main
try:
    main(sys.argv[1:])
except SystemExit as end:
    with open(3, "w") as told:
        json.dump([end.code, list(sys.modules)], told)
"""


def imported(folder: Path, *arguments: str) -> set[str]:
    """Run a command in a process of its own; return the modules that it had at its end."""
    told = folder / "told"
    with told.open("wb") as file:
        shell = 'exec 3>"$1"; shift; exec "$@"'
        command = ["sh", "-c", shell, "sh", file.name, sys.executable, "-c", SCRIPT, *arguments]
        subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=240)
    code, modules = json.loads(told.read_text())
    assert code == Exit.OK
    return set(modules)


@pytest.mark.slow
def test_workers_import_neither_the_model_of_plans_nor_an_sdk(affair: Affair) -> None:
    def opened(config: WorkerConfig, plan: object) -> LocalEngine:
        del plan
        return LocalEngine(FACTORY, config.as_json(), processes=1, connections=2, search=[ROOT])

    plan = affair.folder / "plan.yaml"
    desk = Desk.open(plan, None, Notes(), threading.Event(), {"local": opened})
    assert perform(desk, list(Step), ())[0] is Exit.OK  # a large object and small ones

    for role in Role:
        (told,) = affair.folder.glob(f"{PREFIX}{role}-*")
        modules = set(told.read_text().splitlines())
        assert "hdh_migrate.pipeline.workers.perform" in modules
        assert not modules & OF_NO_WORKER, role


@pytest.mark.slow
def test_a_run_loads_no_sdk_for_what_every_run_asks(affair: Affair) -> None:
    modules = imported(affair.folder, "run", "plan.yaml", "--no-progress")

    assert "hdh_migrate.targets.s3" in modules
    assert modules.isdisjoint(SDKS | {"http.server"})
    for verb in ("status", "ls", "errors"):
        modules = imported(affair.folder, verb, "plan.yaml")
        assert modules.isdisjoint(SDKS | PAGES | RARE), verb


def test_validate_imports_what_judges_a_plan_and_no_more(affair: Affair) -> None:
    modules = imported(affair.folder, "validate", "plan.yaml")

    assert "hdh_migrate.plan.model" in modules
    assert modules.isdisjoint(SDKS | PAGES | OF_NO_JUDGE)
