"""Who of a cluster works is told when it changes, and kept for who looks."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from hdh_migrate.model import ClusterWorker, WorkerState
from hdh_migrate.pipeline.pace.crew import ANSWER_SECONDS, Crew


def seen(name: str, state: WorkerState = "works", why: str | None = None) -> ClusterWorker:
    return ClusterWorker(
        name=name, address=f"tls://{name}", state=state, share=0.5, capacity=4, orders=1,
        objects=2, size=3, bytes_per_second=4.0, silent=5.0, why=why,
    )  # fmt: skip


@pytest.fixture
def notes() -> list[str]:
    return []


@pytest.fixture
def kept() -> list[Sequence[ClusterWorker]]:
    return []


@pytest.fixture
def crew(notes: list[str], kept: list[Sequence[ClusterWorker]]) -> Crew:
    return Crew(notes.append, kept.append)


def test_each_worker_that_comes_is_told_once(crew: Crew, notes: list[str]) -> None:
    crew.look([seen("a"), seen("b", "begins")], 0.0)
    crew.look([seen("a"), seen("b")], 0.0)
    crew.look([seen("a"), seen("b")], 0.0)
    assert notes == ["worker a takes orders: 1 at work", "worker b takes orders: 2 at work"]


def test_a_worker_that_goes_is_told_with_the_reason_and_who_is_left(
    crew: Crew, notes: list[str]
) -> None:
    crew.look([seen("a"), seen("b")], 0.0)
    notes.clear()
    crew.look([seen("a"), seen("b", "gone", "it has left")], 0.0)
    crew.look([seen("a"), seen("b", "gone", "it has left")], 0.0)
    assert notes == ["worker b is gone (it has left): 1 at work; what it held is handed out again"]


def test_the_last_workers_leaving_pauses_the_run_and_says_so(crew: Crew, notes: list[str]) -> None:
    crew.look([seen("a")], 0.0)
    notes.clear()
    crew.look([seen("a", "gone", "it has left")], 0.0)
    assert len(notes) == 2
    assert notes[0].startswith("worker a is gone (it has left): 0 at work")
    assert notes[1].startswith("paused: no worker of the cluster takes orders")
    crew.look([seen("a", "gone", "it has left")], 0.0)
    assert len(notes) == 2
    crew.look([seen("a", "gone", "it has left"), seen("b")], 0.0)
    assert notes[2:] == ["worker b takes orders: 1 at work"]


def test_a_run_that_begins_without_a_worker_says_so_once_and_not_at_once(
    crew: Crew, notes: list[str]
) -> None:
    for now in (0.0, 1.0, ANSWER_SECONDS - 0.1):
        crew.look([], now)
    assert notes == []
    for now in (ANSWER_SECONDS, ANSWER_SECONDS + 1, 100.0):
        crew.look([seen("b", "begins")], now)
    (note,) = notes
    assert note.startswith("paused: no worker of the cluster takes orders")


def test_why_a_worker_is_refused_is_told_once(crew: Crew, notes: list[str]) -> None:
    for _ in range(2):
        crew.look([seen("a"), seen("x", "gone", "it runs version 0.0.1")], 0.0)
    assert notes[1:] == ["worker x takes no orders: it runs version 0.0.1"]


def test_everybody_is_kept_and_nobody_when_nothing_is_handed_out(
    crew: Crew, kept: list[Sequence[ClusterWorker]]
) -> None:
    everybody = [seen("a"), seen("b", "gone", "it has left")]
    crew.look(everybody, 0.0)
    crew.rest()
    assert kept == [everybody, ()]


def test_one_machine_has_no_crew(
    crew: Crew, notes: list[str], kept: list[Sequence[ClusterWorker]]
) -> None:
    crew.look(None, 0.0)
    crew.rest()
    assert (notes, kept) == ([], [])
