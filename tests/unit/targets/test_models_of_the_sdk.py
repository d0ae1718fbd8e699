"""What boto3 signs is what its own models say, whatever lies in a home folder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.processes import LONG

PROGRAM = """
from hdh_migrate.targets.s3_endpoint import S3Endpoint
from hdh_migrate.door import Door
from hdh_migrate.transport import SigV4, Transport
URL = "http://127.0.0.1:9"
door = Door.named(URL, local=True)
sign = SigV4(region="r", access_key="a", secret_key="b")
made = [
    S3Endpoint(URL, addressing="path", sign=sign, transport=Transport(door=door))
    for _ in range(2)
]
print(*(one.client.meta.service_model.api_version for one in made))
"""


@pytest.mark.slow
def test_a_model_in_a_home_folder_is_not_taken(tmp_path: Path) -> None:
    newer = tmp_path / ".aws" / "models" / "s3" / "2099-01-01"
    newer.mkdir(parents=True)
    (newer / "service-2.json").write_text('{"metadata": {}, "operations": {}, "shapes": {}}')
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, "HOME": str(tmp_path), "PYTHONPATH": str(Path.cwd())},
        capture_output=True, text=True, check=False, timeout=LONG,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["2006-03-01"] * 2
