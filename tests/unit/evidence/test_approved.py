"""A page says who agreed to what and when, what was taken back, and what was erased since."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hdh_migrate.events.cutover import (
    CutoverOpen,
    CutoverRolledBack,
    CutoverRollingBack,
    CutoverSwitching,
    StoryKey,
    Track,
)
from hdh_migrate.events.erasure import HeadersErasing
from hdh_migrate.events.event import Event
from hdh_migrate.events.rotation import DataKeysRotating, KeysRotating
from hdh_migrate.evidence.page.approved import by_key, in_order
from hdh_migrate.jsonform import ABSENT
from tests.unit.evidence.test_chronicle import AT, amended, chronicle, granted

DPO, CISO = "ab" * 32, "cd" * 32


def switched(*keys: str, batch: str = "all", track: Track = Track.CUTOVER) -> list[Event]:
    story = StoryKey(batch=batch, track=track)
    return [
        CutoverSwitching(
            **story, approvals=keys, approved_stage="cutover", terms=ABSENT, old_sha256="1" * 64,
            new_sha256="2" * 64, root="3" * 64, guard="checked", strangers=0,
        ),
        CutoverOpen(**story, until=AT),
    ]  # fmt: skip


def taken_back(*, track: Track = Track.CUTOVER, ended: bool = True) -> list[Event]:
    story = StoryKey(batch="all", track=track)
    end = CutoverRolledBack(**story, switched=True, guard="checked")
    return [CutoverRollingBack(**story, user="ops@here"), *([end] if ended else [])]


def keys_rotating(kind: type[Event]) -> Event:
    about: dict[str, Any] = {
        "number": 1, "recipients": ("5" * 64,), "request": "6" * 64, "objects": 1, "bytes": 1,
        "approvals": {"all": (DPO,), "scans": (DPO,)}, "user": "ops@here",
    }  # fmt: skip
    if kind is KeysRotating:
        return KeysRotating(**about, old="4" * 64, new="5" * 64)
    return DataKeysRotating(**about)


def erasing(dataset: str = "emc2") -> HeadersErasing:
    return HeadersErasing(
        dataset=dataset, batch="all", request="6" * 64, objects=5, bytes=9, packs=1, pack_bytes=1,
        root="1" * 64, versions=2, copies=1, headers=5, although=(), reason="permis R-7 échu",
        approvals=(DPO,), user="ops@here",
    )  # fmt: skip


def agreed() -> list[tuple[str, str, dict[str, Any]]]:
    """What is told of approvals, as a bundle's builder tells events; with a rollback that ended."""
    story = StoryKey(batch="pilot", track=Track.CUTOVER)
    told: list[Event] = [
        *switched(DPO, CISO, batch="pilot"),
        CutoverRollingBack(**story, user="ops@here"),
        CutoverRolledBack(**story, switched=True, guard="checked"),
        CutoverRollingBack(**story, user="ops@here"),
        keys_rotating(KeysRotating), keys_rotating(DataKeysRotating), erasing(),
        *amended(2, "keys rotate: c4gh:1 to c4gh:2"),
    ]  # fmt: skip
    return [(AT, one.kind, one.as_json()) for one in told]


def test_a_key_is_shown_once_with_all_that_it_approved(tmp_path: Path) -> None:
    told = [*switched(DPO, CISO), keys_rotating(KeysRotating), erasing()]
    found = by_key(chronicle(tmp_path, told).approvals, [])
    assert {key: [(one.kind, one.name, one.stage, one.at) for one in acts]
            for key, acts in found.items()} == {
        DPO: [
            ("batch", "all", "cutover", AT), ("batch", "all", "rotate", AT),
            ("batch", "scans", "rotate", AT), ("dataset", "emc2", "erase", AT),
        ],
        CISO: [("batch", "all", "cutover", AT)],
    }  # fmt: skip


def test_what_only_the_statement_tells_comes_last_and_has_no_day(tmp_path: Path) -> None:
    cutovers = [
        {
            "batch": "all", "track": "cutover",
            "approvals": {"finalize": [DPO], "decommission": [], "cutover": [DPO]},
        },
        {"batch": "scans", "track": "cutover", "approvals": {"cutover": [CISO]}},
        {"batch": "more", "track": "rehearsal", "approvals": {"cutover": [CISO]}},
    ]  # fmt: skip
    found = by_key(chronicle(tmp_path, switched(DPO)).approvals, cutovers)
    acts = [(one.name, one.stage, one.at) for one in found[DPO]]
    assert acts == [("all", "cutover", AT), ("all", "finalize", None)]
    assert [(one.name, one.at) for one in found[CISO]] == [("scans", None)]


def test_a_rehearsal_is_nobodys_approval_of_the_cutover(tmp_path: Path) -> None:
    track = Track.REHEARSAL
    found = chronicle(tmp_path, [*switched(DPO, track=track), *taken_back(track=track)])
    assert (list(found.approvals), list(found.rollbacks)) == ([], [])


def test_stages_come_in_their_order() -> None:
    stages = dict.fromkeys(("decommission", "other", "finalize", "cutover"), (DPO,))
    assert [stage for stage, _ in in_order(stages)] == [
        "cutover", "finalize", "decommission", "other",
    ]  # fmt: skip


@pytest.mark.parametrize("ended", [True, False])
def test_a_rollback_that_goes_on_after_a_stop_is_one(tmp_path: Path, *, ended: bool) -> None:
    told = [*switched(DPO), *taken_back(ended=False), *taken_back(ended=ended)]
    (one,) = chronicle(tmp_path, told).rollbacks
    assert (one.batch, one.user, one.open) == ("all", "ops@here", AT)
    assert one.ended == (AT if ended else None)


def test_each_rollback_is_told_with_the_switch_that_it_took_back(tmp_path: Path) -> None:
    told = [*switched(DPO), *taken_back(), *taken_back(), *switched(DPO)]
    found = chronicle(tmp_path, told)
    assert [one.open for one in found.rollbacks] == [AT, None]


def test_grants_name_who_approved_them(tmp_path: Path) -> None:
    found = chronicle(tmp_path, granted(1)).approvals
    assert {one.stage for one in found} <= {"grant"}
    assert found
