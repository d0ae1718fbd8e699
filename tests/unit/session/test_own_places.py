"""What a migration lives by is not moved as data, wherever its folders lie."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from hdh_migrate.sealing.keys import new_pair
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.policy import own_places, preparations
from tests.support.quiet import Notes

PLAN = """\
version: 1
migration: own
source: {{kind: folder}}
target:
  provider: generic
  endpoint: http://127.0.0.1:9
  region: us-east-1
  credential: {{kind: access-key, id: "env:T_ID", secret: "file:keys/secret"}}
seal: {{format: crypt4gh, recipients: [keys/steward.pub, keys/escrow.pub]}}
datasets:
  - {{name: all, source: {{path: {path}}}, target: {{bucket: landing, prefix: in/}}}}
  - {{name: other, source: {{path: other}}, target: {{bucket: landing, prefix: other/}}}}
batches:
  - {{name: pilot, datasets: [all]}}
  - {{name: rest, datasets: [other]}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "keys").mkdir()
    for name in ("steward", "escrow"):
        new_pair(tmp_path / "keys", name, passphrase=None)
    (tmp_path / "data").mkdir()
    (tmp_path / "link").symlink_to(".")
    return tmp_path


def opened(folder: Path, path: str, state: Path | None = None) -> Desk:
    (folder / "plan.yaml").write_text(PLAN.format(path=path))
    return Desk.open(folder / "plan.yaml", state, Notes(), threading.Event(), dry=True)


@pytest.mark.parametrize("path", [".", "link", "data/..", ".."])
def test_a_folder_that_holds_plan_keys_and_ledger_is_refused(folder: Path, path: str) -> None:
    """Its keys were sent as objects, and the ledger that changed all the while."""
    desk = opened(folder, path)

    (found,) = own_places.problems(desk.loaded, desk.state_dir, ())

    assert found.where == "dataset all"
    for what in ("the plan", "the folder of the ledger", "keys/steward.pub", "keys/secret"):
        assert what in found.what
    assert not own_places.problems(desk.loaded, desk.state_dir, ["rest"])
    (check,) = [one for one in preparations.checks(desk, ()) if not one["ok"]]
    assert check["check"] == "folders of the source"


def test_a_folder_of_data_alone_is_none_of_ours(folder: Path) -> None:
    desk = opened(folder, "data")
    assert not own_places.problems(desk.loaded, desk.state_dir, ())
    assert all(one["ok"] for one in preparations.checks(desk, ()))


def test_a_ledger_among_the_data_is_found_where_it_was_put(folder: Path) -> None:
    desk = opened(folder, "data", folder / "data" / "state")
    (found,) = own_places.problems(desk.loaded, desk.state_dir, ())
    assert found.what.endswith("holds what is no data: the folder of the ledger")
