"""One verb's turn: credentials that are renewed on the way, and what was exchanged with whom."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from hdh_migrate.session.run import Desk, Turn, held_ledger
from hdh_migrate.session.timekeeping import judge_for
from hdh_migrate.transport import Traffic
from tests.support.quiet import Notes

PLAN = """\
version: 1
migration: turn
source: {kind: folder}
target:
  provider: generic
  endpoint: "http://127.0.0.1:9"
  region: here
  credential: {kind: access-key, id: "env:T_ID", secret: "file:secret"}
seal: {format: none, reason: "a test"}
datasets:
  - {name: all, source: {path: data}, target: {bucket: hds-all}}
"""


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setenv("T_ID", "an id")
    (tmp_path / "data").mkdir()
    (tmp_path / "plan.yaml").write_text(PLAN)
    kept(tmp_path, "one")
    return Desk.open(tmp_path / "plan.yaml", None, Notes(), threading.Event())


def kept(folder: Path, secret: str) -> None:
    path = folder / "secret"
    path.touch(mode=0o600)
    path.write_text(secret)


def test_a_credential_counts_as_renewed_once_and_what_both_exchanged_is_told(desk: Desk) -> None:
    opened = [desk.services(write=True)]
    judge = judge_for(desk.clock, opened, desk.ledger_path)
    with held_ledger(desk, judge) as ledger:
        with Turn(desk=desk, opened=opened, ledger=ledger, judge=judge) as turn:
            first = turn.ctx
            assert turn.renewed() is None
            kept(desk.loaded.base, "two")
            again = turn.renewed()
            assert again is turn.ctx is not first
            assert turn.renewed() is None, "the same renewal counts again and again"
            assert len(opened) == 2
            assert opened[1].admitted
            for services, requests in zip(opened, (3, 4), strict=True):
                _, transport = services.transports[-1]
                transport.traffic = {"http://127.0.0.1:9": Traffic(requests=requests)}
            witness = judge._witnesses()[-1]
            assert opened[1].transports[-1][1] in witness.transports  # type: ignore[attr-defined]
        ((_, ended),) = ledger.events("run-ended")
    (told,) = (one for one in ended["traffic"] if one["side"] == "target")
    assert told["requests"] >= 7
