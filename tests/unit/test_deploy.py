"""What machines do with an exit code is what the tool means by it."""

from __future__ import annotations

import configparser
from pathlib import Path

from hdh_migrate.errors import Exit

UNIT = Path(__file__).parents[2] / "deploy" / "systemd" / "hdh-migrate@.service"


def test_the_service_begins_again_after_a_clean_stop_and_after_nothing_else() -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]  # names as systemd has them
    unit.read_string(UNIT.read_text())
    service = unit["Service"]

    again = {int(code) for code in service["RestartForceExitStatus"].split()}
    waits = {int(code) for code in service["RestartPreventExitStatus"].split()}

    assert again == {Exit.STOPPED}
    assert waits == set(Exit) - {Exit.OK, Exit.STOPPED}
