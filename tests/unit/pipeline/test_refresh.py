"""A source that is listed again: what is new, changed, gone or back, whatever it was before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from hdh_migrate.codes import Code
from hdh_migrate.errors import ConnectionLost, Exit, ListingBroken, Refused
from hdh_migrate.events.inventory import InventoryChanged
from hdh_migrate.events.refreshes import Refreshed, RefreshEnded
from hdh_migrate.ledger import database
from hdh_migrate.model import Place, State, Step
from hdh_migrate.pipeline.cutover.start import start
from hdh_migrate.pipeline.inventory import vanishing
from hdh_migrate.pipeline.projections.passes import PassDifference, passes
from hdh_migrate.pipeline.runner import Wishes
from tests.support.corpus import recounted
from tests.support.cutover import Affair
from tests.support.fakes import FakeSource
from tests.support.script import Killed, Point
from tests.support.world import ALL, BIG, ONE, Dataset, World

AGAIN = Wishes(refresh=True, user="ops@here")
LIST = (Step.INVENTORY,)
SIZES = {"a": 10, "b": 300, "c": BIG, "d": 0}
KEEPING = (replace(ONE[0], keep_vanished=True),)
TWO = (
    ONE[0],
    Dataset(name="e", batch="later", source=Place(bucket="more"), target=Place(bucket="dst2")),
)


@pytest.fixture(autouse=True)
def without_fsync(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kill here copies files that were written; whether they reached the disk is not tried."""
    pragmas = (*database._PRAGMAS, "PRAGMA synchronous = OFF")
    monkeypatch.setattr(database, "_PRAGMAS", pragmas)


def filled(folder: Path, *datasets: Dataset) -> World:
    made = World(folder, datasets or ONE)
    for name, size in SIZES.items():
        made.source.put("src", name, name.encode() * size)
    return made


@pytest.fixture(scope="module")
def whole_world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A world whose objects are all verified: each test has a copy of it."""
    made = filled(tmp_path_factory.mktemp("whole"))
    assert made.run() is Exit.OK
    return made


@pytest.fixture
def world(tmp_path: Path, whole_world: World) -> World:
    return whole_world.twin(tmp_path)


def last(world: World) -> PassDifference:
    """Return what the last pass found, as the journal tells it."""
    ledger = world.open()
    try:
        return passes(ledger)["b"][-1].found
    finally:
        ledger.close()


def counts(world: World) -> tuple[int, int, int, int]:
    """Return how many objects the last pass found new, changed, vanished, and left behind."""
    found = last(world)
    kinds = (found.new, found.changed, found.vanished, found.left)
    return tuple(one.objects for one in kinds)  # type: ignore[return-value]


def whole(world: World) -> bool:
    """Say whether everything at the source is verified, and opens as the source is."""
    dataset, states = world.datasets[0], world.states()
    names = [key for bucket, key in world.source._blobs if bucket == "src"]
    return all(
        states[f"d/{name}"] is State.VERIFIED
        and world.opened(dataset, name) == world.source.data("src", name)
        for name in names
    )


# --- a source that lives ---------------------------------------------------------------


def test_what_is_new_changed_or_gone_is_told_and_moved(world: World) -> None:
    world.source.put("src", "e", b"new" * 7)
    world.source.put("src", "f", b"")
    world.source.put("src", "c", b"other" * BIG)
    world.source.drop("src", "a")

    assert world.run(ALL, wishes=AGAIN) is Exit.FINDINGS

    found = last(world)
    assert counts(world) == (2, 1, 1, 0)
    assert (found.new.size, found.changed.size, found.vanished.size) == (21, 5 * BIG, 10)
    assert whole(world)
    assert world.findings() == [("vanished", "a")]
    assert world.states()["d/a"] is State.VERIFIED  # the target keeps it
    recounted(world)


def test_the_passes_over_a_source_that_comes_to_rest_shrink(world: World) -> None:
    for number in (5, 2, 0, 0):
        for one in range(number):
            world.source.put("src", f"n{number}-{one}", b"x")
        assert world.run(ALL, wishes=AGAIN) is Exit.OK
    ledger = world.open()
    told = passes(ledger)["b"]
    seals = sum(1 for _ in ledger.events(InventoryChanged))
    ledger.close()

    assert [one.number for one in told] == [1, 2, 3, 4]
    assert [one.found.new.objects for one in told] == [5, 2, 0, 0]
    assert [one.listed.objects if one.listed else None for one in told] == [9, 11, 11, 11]
    assert seals == 2  # who finds nothing changes nothing


def test_a_listing_alone_moves_nothing(world: World) -> None:
    world.source.put("src", "e", b"new")
    puts = world.script.calls["put"]
    assert world.run(LIST, wishes=AGAIN) is Exit.OK
    assert world.script.calls["put"] == puts
    assert world.states()["d/e"] is State.LISTED
    assert counts(world) == (1, 0, 0, 0)


def test_what_was_listed_in_the_same_run_is_not_listed_again(tmp_path: Path) -> None:
    world = filled(tmp_path)
    assert world.run(ALL, wishes=AGAIN) is Exit.OK
    pages = world.script.calls["page"]
    assert world.run() is Exit.OK
    assert world.script.calls["page"] == pages


def test_what_changed_gets_a_new_data_key_and_replaces_only_our_own(world: World) -> None:
    dataset = world.datasets[0]
    before = world.target.data("dst", "t/b.c4gh")
    world.source.put("src", "b", b"B" * 300)
    assert world.run(ALL, wishes=AGAIN) is Exit.OK
    after = world.target.data("dst", "t/b.c4gh")
    assert after[:400] != before[:400]  # the header wraps another key
    assert world.attempt(dataset, "b").endswith(".2")

    world.source.put("src", "b", b"C" * 300)
    world.target.keep("dst", "t/b.c4gh", b"somebody's")
    assert world.run(ALL, wishes=AGAIN) is Exit.FINDINGS
    assert world.target.data("dst", "t/b.c4gh") == b"somebody's"
    assert world.findings() == [("conflict", "b")]


@pytest.mark.parametrize("name", ["b", "c"])
def test_what_somebody_puts_there_at_the_last_moment_is_not_replaced(
    world: World, name: str
) -> None:
    """Between our look and our write: only compare-and-set can tell."""
    world.source.put("src", name, world.source.data("src", name)[::-1] + b"!")
    method = "put" if name == "b" else "complete"

    def act() -> None:
        world.target.keep("dst", f"t/{name}.c4gh", b"somebody's")

    world.script.at(method, world.script.calls[method] + 1, "before", act)
    assert world.run(ALL, wishes=AGAIN) is Exit.FINDINGS
    assert world.target.data("dst", f"t/{name}.c4gh") == b"somebody's"
    assert world.findings() == [("conflict", name)]


PHASES = {
    "before the listing": (),
    "after the listing": LIST,
    "after the transfer": ALL[:2],
    "after verify": ALL,
}


def added(source: FakeSource) -> None:
    source.put("src", "n", b"new" * 50)


def changed(source: FakeSource) -> None:
    source.put("src", "b", b"changed" * 50)


def grown(source: FakeSource) -> None:
    source.put("src", "b", b"now in parts" * BIG)


def deleted(source: FakeSource) -> None:
    source.drop("src", "b")


def made_anew(source: FakeSource) -> None:
    source.put("src", "b", source.data("src", "b"))


def swapped(source: FakeSource) -> None:
    source.put("src", "c", b"small now")
    source.put("src", "a", b"x" * BIG)
    source.drop("src", "d")


ACTS = (added, changed, grown, deleted, made_anew, swapped)


@pytest.mark.slow
@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("phase", PHASES)
def test_whatever_happens_at_the_source_in_whatever_phase(
    tmp_path: Path, phase: str, act: Callable[[FakeSource], None]
) -> None:
    """And then comes back: in the end everything there is right, and nothing is open."""
    world = filled(tmp_path)
    before = dict(world.source._blobs)
    if PHASES[phase]:
        world.run(PHASES[phase])
    act(world.source)
    for _ in range(3):
        world.run(ALL, wishes=AGAIN)
        assert whole(world)
    assert counts(world) == (0, 0, 0, 0)
    gone = set(before) - set(world.source._blobs) if PHASES[phase] else set()
    assert set(world.findings()) == {("vanished", key) for _, key in gone}

    for _, key in set(before) - set(world.source._blobs):
        world.source._blobs["src", key] = before["src", key]
    assert world.run(ALL, wishes=AGAIN) is Exit.OK
    assert whole(world)
    recounted(world)


# --- gone ----------------------------------------------------------------------------------------


def test_a_plan_may_say_that_what_vanishes_is_kept(tmp_path: Path) -> None:
    world = filled(tmp_path, *KEEPING)
    assert world.run() is Exit.OK
    world.source.drop("src", "a")
    for _ in range(2):
        assert world.run(ALL, wishes=AGAIN) is Exit.OK
        assert world.findings() == [("vanished-kept", "a")]
    assert world.target.data("dst", "t/a.c4gh")


def test_a_plan_that_calls_it_otherwise_by_now_is_followed(tmp_path: Path) -> None:
    world = filled(tmp_path)
    world.source.put("src", "x", b"never moved")
    world.run(LIST)
    world.source.drop("src", "x")
    assert world.run(ALL, wishes=AGAIN) is Exit.FINDINGS
    world.source.drop("src", "a")
    for plan, code, ends in (
        (ONE, "vanished", Exit.FINDINGS),
        (KEEPING, "vanished-kept", Exit.OK),
        (ONE, "vanished", Exit.FINDINGS),
    ):
        world.datasets = plan
        for _ in range(2):
            assert world.run(ALL, wishes=AGAIN) is ends
            assert sorted(world.findings()) == [(code, "a"), (code, "x")]


@pytest.mark.parametrize("back", ["same", "other"])
def test_what_comes_back_is_no_finding_any_more(world: World, back: str) -> None:
    blob = world.source._blobs["src", "a"]
    world.source.drop("src", "a")
    assert world.run(ALL, wishes=AGAIN) is Exit.FINDINGS
    if back == "same":
        world.source._blobs["src", "a"] = blob
    else:
        world.source.put("src", "a", b"anew")
    assert world.run(ALL, wishes=AGAIN) is Exit.OK
    assert counts(world) == (0, int(back == "other"), 0, 0)
    assert whole(world)


@pytest.mark.parametrize("kept", [False, True])
def test_what_vanished_before_it_was_moved_holds_nothing_back(
    tmp_path: Path, *, kept: bool
) -> None:
    """It was `missing` for ever, and every batch that needs this one waited."""
    first = replace(ONE[0], keep_vanished=kept)
    world = World(tmp_path, (first, TWO[1]), needs={"later": ("b",)})
    for name in "ab":
        world.source.put("src", name, name.encode())
    world.source.put("more", "m", b"m")
    assert world.run(LIST) is Exit.OK
    world.source.drop("src", "a")
    assert world.run() is Exit.FINDINGS
    assert world.states()["e/m"] is State.LISTED
    assert ("missing", "a") in world.findings()

    ends = Exit.OK if kept else Exit.FINDINGS
    assert world.run(ALL, wishes=AGAIN) is ends
    assert counts(world) == (0, 0, 1, 1)
    states = world.states()
    assert (states["d/a"], states["d/b"]) == (State.EXCLUDED, State.VERIFIED)
    assert states["e/m"] is State.VERIFIED
    assert ("vanished-kept" if kept else "vanished", "a") in world.findings()
    assert world.run() is ends
    world.waived.add("vanished")
    assert world.run() is Exit.OK


def test_what_was_left_behind_and_comes_back_is_moved(tmp_path: Path) -> None:
    world = filled(tmp_path)
    world.run(LIST)
    world.source.drop("src", "b")
    for _ in range(2):
        assert world.run(ALL, wishes=AGAIN) is Exit.FINDINGS
    blob = world.source._blobs["src", "a"]
    world.source.put("src", "b", b"again")
    assert world.run(ALL, wishes=AGAIN) is Exit.OK
    assert counts(world) == (1, 0, 0, 0)
    assert world.findings() == []
    assert whole(world)
    for _ in range(2):  # and so on, under one version as well
        world.source.drop("src", "a")
        assert world.run(ALL, wishes=AGAIN) is Exit.FINDINGS
        world.source._blobs["src", "a"] = blob
        assert world.run(ALL, wishes=AGAIN) is Exit.OK


def test_a_name_that_blocked_a_batch_is_mended_at_the_source(tmp_path: Path) -> None:
    """Renaming was what the hint advised, and no run ever looked again."""
    world = filled(tmp_path)
    world.source.put("src", "A", b"collides")
    world.source.put("src", "x\n", b"control")
    with pytest.raises(Refused, match="3 objects cannot be moved"):
        world.run()
    world.source.drop("src", "x\n")
    with pytest.raises(Refused, match="2 objects cannot be moved"):
        world.run(ALL, wishes=AGAIN)
    assert counts(world) == (0, 0, 1, 1)
    with pytest.raises(Refused, match="2 objects cannot be moved"):
        world.run(ALL, wishes=AGAIN)
    assert counts(world) == (0, 0, 0, 0)
    world.source.drop("src", "A")
    assert world.run(ALL, wishes=AGAIN) is Exit.FINDINGS
    assert sorted(world.findings()) == [("vanished", "A"), ("vanished", "x\n")]
    assert whole(world)


def test_what_became_a_symlink_is_told_and_a_waiver_lets_it_go(world: World) -> None:
    world.source.put("src", "a", b"-> b", kind="symlink")
    assert world.run(ALL, wishes=AGAIN) is Exit.FINDINGS
    assert world.findings() == [("kind-symlink", "a")]
    world.waived.add("kind-symlink")
    assert world.run(ALL, wishes=AGAIN) is Exit.OK
    world.source.put("src", "a", b"plain again")
    assert world.run(ALL, wishes=AGAIN) is Exit.OK
    assert whole(world)


def test_a_version_that_vanished_while_another_one_is_at_the_target_is_always_told(
    tmp_path: Path,
) -> None:
    """Even where vanishing is a note: nobody has proven what the target has there."""
    world = filled(tmp_path, *KEEPING)
    assert world.run() is Exit.OK
    world.source.put("src", "b", b"second")
    world.run(LIST, wishes=AGAIN)
    world.source.drop("src", "b")
    assert world.run(ALL, wishes=AGAIN) is Exit.FINDINGS
    assert world.findings() == [("vanished", "b")]
    assert world.states()["d/b"] is State.EXCLUDED
    assert world.target.data("dst", "t/b.c4gh")


def test_what_was_sent_and_vanished_is_verified_all_the_same(tmp_path: Path) -> None:
    world = filled(tmp_path, *KEEPING)
    world.run((Step.INVENTORY, Step.TRANSFER))
    world.source.drop("src", "b")
    assert world.run(ALL, wishes=AGAIN) is Exit.OK
    assert world.states()["d/b"] is State.VERIFIED
    assert world.findings() == [("vanished-kept", "b")]


# --- listings that lie ---------------------------------------------------------------


def hide(world: World, *names: str) -> Callable[[], None]:
    """Let listings of both sorts leave objects out that are there; return what ends it."""
    real = world.source._listed

    def some(place: Place) -> list[object]:
        return [info for info in real(place) if info.key not in names]

    world.source._listed = some  # type: ignore[assignment, method-assign]

    def heal() -> None:
        world.source._listed = real  # type: ignore[method-assign]

    return heal


@pytest.mark.parametrize("asked_max", [0, 1000])
def test_a_listing_that_leaves_out_what_is_there_is_not_believed(
    world: World, monkeypatch: pytest.MonkeyPatch, asked_max: int
) -> None:
    monkeypatch.setattr(vanishing, "ASKED_MAX", asked_max)
    before = world.records()
    real, pages = world.source._listed, []

    def once(place: Place) -> list[object]:
        pages.append(place)
        return [info for info in real(place) if info.key != "a" or len(pages) > 1]

    world.source._listed = once  # type: ignore[assignment, method-assign]
    with pytest.raises(ListingBroken, match="left out 1 object that the source has"):
        world.run(ALL, wishes=AGAIN)
    assert world.records() == before
    assert world.findings() == []
    world.source._listed = real  # type: ignore[method-assign]
    assert world.run(ALL, wishes=AGAIN) is Exit.OK
    assert counts(world) == (0, 0, 0, 0)


def test_a_much_shorter_listing_is_listed_again_before_it_is_believed(world: World) -> None:
    for name in "abc":
        world.source.drop("src", name)
    recounts = world.script.calls["recount"]
    assert world.run(ALL, wishes=AGAIN) is Exit.FINDINGS
    assert world.script.calls["recount"] == recounts + 1
    assert counts(world) == (0, 0, 3, 0)


def test_an_empty_listing_needs_the_plans_word(tmp_path: Path) -> None:
    world = filled(tmp_path)
    assert world.run() is Exit.OK
    heal = hide(world, *SIZES)
    before = world.records()
    with pytest.raises(Refused, match="lists no object any more, and had 4") as refused:
        world.run(ALL, wishes=AGAIN)
    assert "nothing was taken for deleted" in (refused.value.hint or "")
    assert world.records() == before
    heal()
    assert world.run(ALL, wishes=AGAIN) is Exit.OK

    world.source.make("src")
    for name in SIZES:
        world.source.drop("src", name)
    world.datasets = (replace(ONE[0], allow_empty=True),)
    assert world.run(ALL, wishes=AGAIN) is Exit.FINDINGS
    assert counts(world) == (0, 0, 4, 0)


def test_what_comes_back_while_it_is_asked_for_is_not_gone(world: World) -> None:
    world.source.drop("src", "b")

    def act() -> None:
        world.source.put("src", "b", b"back")

    world.script.at("head source", world.script.calls["head source"] + 1, "before", act)
    assert world.run(ALL, wishes=AGAIN) is Exit.OK
    assert counts(world) == (0, 0, 0, 0)
    assert world.run(ALL, wishes=AGAIN) is Exit.OK
    assert counts(world) == (0, 1, 0, 0)
    assert whole(world)


def test_a_source_that_does_not_answer_is_no_empty_one(world: World) -> None:
    world.script.always("page", ConnectionLost("no answer"))
    with pytest.raises(ConnectionLost):
        world.run(ALL, wishes=AGAIN)
    world.script.heal()
    assert world.run(ALL, wishes=AGAIN) is Exit.OK
    ledger = world.open()
    told = passes(ledger)["b"]
    ledger.close()
    assert [one.number for one in told] == [1]  # it went on under its number


# --- after a switch, and kills ---------------------------------------------------------------


def test_a_batch_that_is_cut_over_is_not_followed_any_more(tmp_path: Path) -> None:
    affair = Affair(tmp_path)
    for number in range(3):
        affair.world.source.put("src", f"o{number}", b"%d" % number * 100)
    assert affair.world.run() is Exit.OK
    affair.approve("cutover")
    affair.act(start)
    affair.world.source.put("src", "late", b"x")
    with pytest.raises(Refused, match="cut over") as refused:
        affair.world.run(ALL, "b", wishes=AGAIN)  # named: who asks for it is told why not
    assert "cutover rollback" in (refused.value.hint or "")

    assert affair.world.run(ALL, wishes=AGAIN) is Exit.OK  # as every night, for all batches
    assert "d/late" not in affair.world.states()
    assert any("its source is left alone" in one for one in affair.world.notes.lines)
    assert affair.world.run() is Exit.OK


def hurt(folder: Path) -> World:
    """Return a world of which one pass finds something of every kind."""
    made = filled(folder)
    made.source.put("src", "x", b"never moved")
    made.source.put("src", "y", b"never moved")
    assert made.run() is Exit.OK
    made.source.put("src", "x", b"changes before it goes")
    made.run(LIST, wishes=AGAIN)
    made.source.drop("src", "x")
    made.source.drop("src", "a")
    made.source.put("src", "b", b"changed")
    made.source.put("src", "c", b"larger" * BIG)
    made.source.put("src", "n", b"new")
    made.script.calls.clear()
    return made


@pytest.mark.slow
def test_a_refresh_that_is_killed_anywhere_converges_twice_in_a_row(tmp_path: Path) -> None:
    asked = {"page", "head source", "recount", "put", "complete", "now"}
    first = hurt(tmp_path / "first")
    clean = first.twin(tmp_path / "clean")
    clean.watch()
    clean.run(ALL, wishes=AGAIN)
    points = clean.script.points(lambda one: one.method in asked)
    expected = end(clean)
    assert len(points) > 30
    for number, point in enumerate(points):
        made = first.twin(tmp_path / str(number))
        for _ in range(2):
            made.script.calls.clear()
            made.kill_at(point)
            try:
                made.run(ALL, wishes=AGAIN)
            except Killed:
                continue
        made.script.heal()
        made.run(ALL, wishes=AGAIN)
        assert end(made) == expected, point


def end(world: World) -> tuple[object, ...]:
    """Return what must come of it, however often it was begun: the sums over all passes, too."""
    ledger = world.open()
    told = passes(ledger)["b"]
    ended = sum(1 for _ in ledger.events(RefreshEnded))
    parts = [event for _, event in ledger.events(Refreshed)]
    ledger.close()
    total = sum((one.found for one in told), PassDifference())
    assert ended == len([one for one in told if one.listed is not None])
    assert total.new.objects == sum(event.new.objects for event in parts)
    return whole(world), world.states(), sorted(world.findings()), total


def test_a_kill_between_the_ledger_and_the_seal_is_made_good(tmp_path: Path) -> None:
    made = hurt(tmp_path)
    made.kill_at(Point("head source", 1, "before"))
    with pytest.raises(Killed):
        made.run(ALL, wishes=AGAIN)
    assert made.states()["d/n"] is State.LISTED
    made.run(ALL, wishes=AGAIN)
    found = last(made)
    assert (found.new.objects, found.changed.objects) == (1, 2)  # told once, by one pass
    assert whole(made)
    assert Code.VANISHED.about.found == "inventory"
