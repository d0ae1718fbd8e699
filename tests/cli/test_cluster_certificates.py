"""The certificates of a cluster in every verb that looks: what is wrong, and what mends it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from hdh_migrate.errors import Exit
from hdh_migrate.plan.loader import load
from hdh_migrate.session.policy.cluster_keys import checks, problems
from tests.support.inside import inside as command


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    assert command("init", str(tmp_path / "new")).returncode == Exit.OK
    path = tmp_path / "new" / "plan.yaml"
    told = yaml.safe_load(path.read_text())
    told["engine"] = {
        "kind": "dask", "scheduler": "tls://127.0.0.1:1", "certificates": "keys/cluster",
    }  # fmt: skip
    path.write_text(yaml.safe_dump(told))
    return path


def certified(plan: Path, days: str = "30") -> Path:
    folder = plan.parent / "keys" / "cluster"
    done = command("worker", "--new-ca", str(folder), "--days", days)
    assert done.returncode == Exit.OK, done.stderr
    return folder


def noted(plan: Path) -> list[str]:
    """Return what `validate` notes of the certificates: the plan itself is valid."""
    done = command("validate", str(plan), "--json")
    assert done.returncode == Exit.OK, done.stdout
    notes: list[str] = json.loads(done.stdout)["target"]["notes"]
    return [one for one in notes if "certificates" in one]


def test_validate_says_that_there_are_none_yet_and_which_verb_makes_them(plan: Path) -> None:
    (note,) = noted(plan)
    assert "keys/cluster: there is no such folder" in note
    assert "hdh-migrate worker --new-ca DIR" in note


def test_validate_says_when_they_end_and_that_it_is_soon(plan: Path) -> None:
    certified(plan, "3")
    (note,) = noted(plan)
    assert "within a week" in note
    assert "hdh-migrate worker --new-ca DIR" in note


def test_preflight_has_a_check_of_them(plan: Path) -> None:
    loaded, now = load(plan), datetime.now(UTC)
    (missing,) = checks(loaded.plan, loaded.base, now.isoformat())
    assert not missing["ok"]
    assert "there is no such folder" in missing["problems"][0]
    certified(plan)
    (there,) = checks(loaded.plan, loaded.base, now.isoformat())
    assert there["ok"]
    assert there["notes"][0].startswith("they end on ")
    (ended,) = problems(loaded.plan, loaded.base, (now + timedelta(days=31)).isoformat())
    assert "its certificates ended on" in ended.what


def test_a_worker_does_not_start_with_a_key_that_others_may_read(plan: Path) -> None:
    (certified(plan) / "cluster.key").chmod(0o640)
    done = command("worker", str(plan))
    assert done.returncode == Exit.REFUSED
    assert "is open to others (mode 0640): whoever has it is let in" in done.stderr


def test_nothing_starts_with_a_folder_that_others_could_exchange(plan: Path) -> None:
    certified(plan).chmod(0o777)
    for verb in ("worker", "run"):
        done = command(verb, str(plan))
        assert done.returncode == Exit.REFUSED
        assert "may be written by others (mode 0777)" in done.stderr
