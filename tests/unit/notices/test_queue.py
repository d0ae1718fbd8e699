"""Documents that wait: on the disk, once each, the oldest first, until the journal has them."""

from __future__ import annotations

from pathlib import Path

import pytest

from hdh_migrate.errors import Refused
from hdh_migrate.fixity import canonical_json
from hdh_migrate.notices.queue import NoticeQueue, WaitingNotice


def notice(letter: str, at: int = 0) -> WaitingNotice:
    return WaitingNotice(
        channel="room", notice=letter * 32, noticed=f"2026-11-26T10:00:{at:02}.000Z",
        document=canonical_json({"type": "findings", "id": letter * 32}),
    )  # fmt: skip


def test_what_waits_is_there_for_whoever_comes_next_the_oldest_first(tmp_path: Path) -> None:
    queue = NoticeQueue(tmp_path / "notices")
    for one in (notice("a", 5), notice("b", 2)):
        assert queue.add(one)
        assert not queue.add(one)
    again = NoticeQueue(tmp_path / "notices")
    assert again.waiting() == [notice("b", 2), notice("a", 5)]
    assert (tmp_path / "notices").stat().st_mode & 0o777 == 0o700


def test_a_try_that_failed_is_remembered(tmp_path: Path) -> None:
    queue = NoticeQueue(tmp_path)
    queue.add(notice("a"))
    queue.failed(queue.failed(notice("a"), "answered 503"), "answered 500")
    (kept,) = queue.waiting()
    assert (kept.tries, kept.why, kept.document) == (2, "answered 500", notice("a").document)


def test_an_outcome_stays_until_it_is_journalled(tmp_path: Path) -> None:
    queue = NoticeQueue(tmp_path)
    queue.add(notice("a"))
    queue.ended(notice("a"), None)
    assert queue.waiting() == []
    (outcome,) = queue.outcomes()
    assert (outcome.type, outcome.tries, outcome.why) == ("findings", 1, None)
    queue.journalled(outcome)
    assert queue.outcomes() == []
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_document_is_left_alone(tmp_path: Path) -> None:
    queue = NoticeQueue(tmp_path)
    for name in (f"room.{'a' * 32}.waits", "room.short.waits", "notes.txt"):
        (tmp_path / name).write_text("{")
    undated = {"noticed": "soon", "document": {"type": "test"}, "tries": 0, "why": None}
    (tmp_path / f"room.{'b' * 32}.waits").write_bytes(canonical_json(undated))
    assert queue.waiting() == []
    assert queue.memory() == {}
    assert len(list(tmp_path.iterdir())) == 4


@pytest.mark.parametrize(
    "value", [{}, {"standing": None, "turn": 1}, {"standing": ["a"], "turn": "many"}, []]
)
def test_a_memory_of_another_form_is_none(tmp_path: Path, value: object) -> None:
    (tmp_path / "memory.json").write_bytes(canonical_json(value))
    assert NoticeQueue(tmp_path).memory() == {}
    NoticeQueue(tmp_path).remember({"standing": ["a"], "turn": 2})
    assert NoticeQueue(tmp_path).memory() == {"standing": ["a"], "turn": 2}


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "notices").write_text("a file")
    with pytest.raises(Refused, match="cannot be written"):
        NoticeQueue(tmp_path / "notices").add(notice("a"))
