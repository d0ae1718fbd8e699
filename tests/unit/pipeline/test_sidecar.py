"""The sidecar: made of the ledger's rows, sent and verified like objects, whatever happens."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from hdh_migrate.errors import Exit
from hdh_migrate.evidence.page.annexes import ANNEXES
from hdh_migrate.evidence.verifier import rules
from hdh_migrate.fidelity import EARLIER, FEATURES, OTHER, Contract, Way, described, of_object
from hdh_migrate.ledger import database
from hdh_migrate.model import ObjectInfo, Place, State, Step
from hdh_migrate.pipeline.adoption.adopting import Adopt
from hdh_migrate.pipeline.looks.look_again import Choice, LookAgain
from hdh_migrate.pipeline.own_files import own_files, sidecar
from hdh_migrate.pipeline.rules.placing import placed
from hdh_migrate.pipeline.runner import Wishes
from hdh_migrate.pipeline.tags import mark_of
from hdh_migrate.session.verbs.restored import ELEMENTS
from tests.support.fakes import LIMITS, MODIFIED
from tests.support.script import Killed
from tests.support.world import ONE, RUN_TAG, Dataset, World

OWNER = {"owner": "alice", "group": "staff", "permissions": "rwxr-x---", "acl": "user::rwx"}
CHOSEN = Dataset(
    name="d", batch="b", source=Place(bucket="src"), target=Place(bucket="dst", prefix="t/"),
    contract=Contract.chosen({}),
)  # fmt: skip
BESIDE = ".hdh-migrate-sidecar/d/"


@pytest.fixture(autouse=True)
def without_fsync(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kill here copies files that were written; whether they reached the disk is not tried."""
    pragmas = (*database._PRAGMAS, "PRAGMA synchronous = OFF")
    monkeypatch.setattr(database, "_PRAGMAS", pragmas)


def filled(folder: Path, dataset: Dataset = CHOSEN) -> World:
    world = World(folder, (dataset,))
    world.source.put("src", "a", b"a", facts=OWNER, tags={"t": "1"})
    world.source.put("src", "b", b"bb", facts={"created": "2024-01-02T03:04:05Z"})
    world.source.put("src", "c", b"ccc", metadata={"note": "é", "large": "v" * 3000})
    world.source.put("src", "dir", b"", kind="directory", metadata={"hdi_isfolder": "true"})
    return world


def lines(world: World) -> dict[str, dict[str, Any]]:
    """Return every line of the sidecar that is at the target, by key."""
    found = dict[str, dict[str, Any]]()
    for name, record in world.records().items():
        if not record["key"].startswith(BESIDE):
            continue
        assert record["state"] is State.VERIFIED, name
        head, *more = opened(world, record).splitlines()
        assert json.loads(head) == {"dataset": "d", "format": sidecar.FORMAT}
        found |= {told["key"]: told for told in map(json.loads, more)}
    return found


def opened(world: World, record: dict[str, Any]) -> bytes:
    (dataset,) = world.datasets
    out = bytearray()
    unsealer = world.envelopes.unsealer(size=record["size"], write=out.extend)
    unsealer.write(world.target.data("dst", dataset.route.target_key(record["key"])))
    unsealer.close()
    return bytes(out)


def test_what_no_target_holds_is_in_the_sidecar(tmp_path: Path) -> None:
    world = filled(tmp_path)
    assert world.run() is Exit.OK
    told = lines(world)
    assert {key: one["features"] for key, one in told.items()} == {
        "a": {"owner": OWNER},
        "c": {"metadata": {"note": "é", "large": "v" * 3000}},
        "dir": {
            "dates": {"modified": MODIFIED},
            "metadata": {"hdi_isfolder": "true"},
        },
    }
    assert told["dir"]["directory"] is True
    stored = world.target.head("dst", "t/b.c4gh")
    assert stored is not None
    assert stored.metadata["hdh-src-created"] == "2024-01-02T03:04:05Z"
    sent = world.script.calls["put"]
    assert world.run() is Exit.OK  # and nothing is sent again
    assert world.script.calls["put"] == sent


def test_what_an_earlier_version_sealed_keeps_what_it_kept(tmp_path: Path) -> None:
    world = filled(tmp_path, ONE[0])
    assert world.run() is Exit.OK
    assert lines(world) == {}
    world.datasets = (CHOSEN,)
    assert EARLIER.as_ways() != CHOSEN.contract.as_ways()


def test_without_anything_to_keep_there_is_no_sidecar(tmp_path: Path) -> None:
    world = World(tmp_path, (CHOSEN,))
    world.source.put("src", "a", b"a")
    assert world.run() is Exit.OK
    assert list(world.records()) == ["d/a"]


@pytest.mark.slow
def test_a_run_killed_at_any_call_ends_with_the_same_sidecar(tmp_path: Path) -> None:
    clean = filled(tmp_path / "clean")
    clean.watch()
    assert clean.run() is Exit.OK
    points, expected = clean.script.points(), lines(clean)
    for number, point in enumerate(points):
        world = filled(tmp_path / str(number))
        world.kill_at(point)
        with pytest.raises(Killed):
            world.run()
        assert world.run() is Exit.OK, point
        assert lines(world) == expected, point
        assert set(world.states().values()) == {State.VERIFIED, State.EXCLUDED}


def test_what_changed_at_the_source_changes_in_the_sidecar(tmp_path: Path) -> None:
    world = filled(tmp_path)
    assert world.run() is Exit.OK
    world.source.put("src", "a", b"other", facts={**OWNER, "owner": "bob"})
    world.source.put("src", "new", b"new", facts=OWNER)
    world.source.drop("src", "c")
    assert world.run(wishes=Wishes(refresh=True)) is Exit.FINDINGS  # c is gone, and stays
    told = lines(world)
    assert told["a"]["features"]["owner"]["owner"] == "bob"
    assert told.keys() == {"a", "c", "dir", "new"}
    assert [code for code, _ in world.findings()] == ["vanished"]


def test_an_object_that_changes_on_its_way_arrives_with_what_is_beside_it_then(
    tmp_path: Path,
) -> None:
    world = World(tmp_path, (CHOSEN,))
    world.source.put("src", "a", b"old", facts=OWNER, metadata={"v": "1"})
    world.run([Step.INVENTORY])
    world.source.put("src", "a", b"newer", facts={**OWNER, "owner": "bob"}, metadata={"v": "2"})
    assert world.run() is Exit.OK
    stored = world.target.head("dst", "t/a.c4gh")
    assert stored is not None
    assert stored.metadata["v"] == "2"
    assert lines(world)["a"]["features"]["owner"]["owner"] == "bob"


def test_a_sidecar_that_the_target_lost_is_made_and_sent_again(tmp_path: Path) -> None:
    world = filled(tmp_path)
    assert world.run() is Exit.OK
    expected = lines(world)
    (name,) = [one["key"] for one in world.records().values() if one["key"].startswith(BESIDE)]
    world.target.drop("dst", f"t/{name}.c4gh")
    ledger = world.open()
    try:
        LookAgain(world.context(ledger), "b", Choice(level="full"), user="").run()
    finally:
        ledger.close()
    world.run()
    assert lines(world) == expected


def test_the_source_may_not_have_an_object_under_a_name_of_the_sidecar(tmp_path: Path) -> None:
    world = filled(tmp_path)
    world.source.put("src", f"{BESIDE}0.jsonl", b"not ours")
    with pytest.raises(Exception, match="cannot be moved as planned"):
        world.run()
    assert "key-reserved" in [code for code, _ in world.findings()]


def test_no_file_of_a_sidecar_is_ever_deleted_at_the_source(tmp_path: Path) -> None:
    world = filled(tmp_path)
    assert world.run() is Exit.OK
    ledger = world.open()
    try:
        (number,) = [row.id for row in ledger.erasable("b", 0, 9, whole=True) if BESIDE in row.key]
        assert [row.key for row in ledger.erasable("b", 0, 9)] == ["a", "b", "c"]
        assert ledger.erasable_of("b", [number]) == []
        assert ledger.erasable_left("b", 0).objects == 3
        assert ledger.erasable_left("b", 0, whole=True).objects == 4
    finally:
        ledger.close()


def test_many_lines_are_many_files_and_a_new_object_changes_one_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_files, "LINES", 4)
    world = World(tmp_path, (CHOSEN,))
    for number in range(40):
        world.source.put("src", f"o{number:02}", b"x", facts=OWNER)
    assert world.run() is Exit.OK
    before = {name: one["version"] for name, one in world.records().items() if BESIDE in name}
    assert len(before) > 4
    assert len(lines(world)) == 40
    world.source.put("src", "o20a", b"x", facts=OWNER)
    assert world.run(wishes=Wishes(refresh=True)) is Exit.OK
    after = {name: one["version"] for name, one in world.records().items() if BESIDE in name}
    assert len(lines(world)) == 41
    assert sum(after[name] != version for name, version in before.items()) == 1


class NoProofs:
    def of(self, dataset: str) -> Any:
        del dataset
        return iter(())


@pytest.mark.slow
def test_an_adopted_dataset_gets_a_sidecar_with_all_that_cannot_be_put_beside(
    tmp_path: Path,
) -> None:
    world = filled(tmp_path, ONE[0])  # by a version that knew no contract
    assert world.run() is Exit.OK
    shutil.rmtree(world.path.parent)
    world.run_tag, world.datasets = f"{RUN_TAG}-anew", (CHOSEN,)
    ledger = world.open()
    try:
        Adopt(
            world.context(ledger), "b", ours=lambda name: mark_of(name) == RUN_TAG,
            proofs=NoProofs(), journals=[], user="",
        ).run()  # fmt: skip
    finally:
        ledger.close()
    assert world.run() is Exit.OK
    told = lines(world)
    assert told["b"]["features"]["dates"]["created"] == "2024-01-02T03:04:05Z"
    assert told["a"]["features"].keys() == {"dates", "owner"}


def adopted_by(world: World, name: str) -> None:
    """Lose the ledger, and adopt with another one of this name."""
    shutil.rmtree(world.path.parent)
    world.run_tag = name
    ledger = world.open()
    try:
        Adopt(
            world.context(ledger), "b", ours=lambda one: mark_of(one) == RUN_TAG,
            proofs=NoProofs(), journals=[], user="",
        ).run()  # fmt: skip
    finally:
        ledger.close()


def test_a_sidecar_of_a_ledger_that_had_adopted_itself_is_made_anew(tmp_path: Path) -> None:
    """Nothing but that file tells of the second ledger: a third one met a conflict for ever."""
    world = filled(tmp_path)
    assert world.run() is Exit.OK
    for name in ("second", "third", "fourth"):
        adopted_by(world, f"{RUN_TAG}-{name}")
        world.source.put("src", f"z{name}", b"z", facts=OWNER)  # no file has the bytes of before
        assert world.run(wishes=Wishes(refresh=True)) is Exit.OK
        assert [code for code, _ in world.findings()] == ["adopted"]
        assert lines(world)[f"z{name}"]["features"]["owner"]["owner"] == "alice"


def test_a_file_of_another_migration_under_a_name_of_the_sidecar_is_a_conflict(
    tmp_path: Path,
) -> None:
    world = filled(tmp_path)
    assert world.run() is Exit.OK
    (name,) = [one["key"] for one in world.records().values() if one["key"].startswith(BESIDE)]
    adopted_by(world, f"{RUN_TAG}-second")
    world.target.rewrite("dst", f"t/{name}.c4gh", **{"hdh-attempt": f"{'f' * 16}-x.9.1"})
    assert world.run() is Exit.FINDINGS
    assert ("conflict", name) in world.findings()


@pytest.mark.parametrize("name", FEATURES)
@pytest.mark.parametrize("way", Way)
def test_each_feature_goes_the_way_that_is_chosen(name: str, way: Way) -> None:
    feature = FEATURES[name]
    if way not in feature.ways:
        return
    names = feature.names or ("one",)
    fields = dict.fromkeys(names, "v")
    own = {key: fields[key] for key in ("modified", "tier", "lease") if key in fields}
    facts = {key: "v" for key in fields if key not in own and name != "headers"}
    obj = ObjectInfo(
        key="k", size=1, version="1", **own,  # type: ignore[arg-type]  # texts
        headers=fields if name == "headers" else {},
        metadata=fields if name == "metadata" else {}, tags=fields if name == "tags" else {},
        facts={feature.begins + key: text for key, text in facts.items()}
        if feature.names or feature.begins else {},
    )  # fmt: skip
    found = placed(obj, LIMITS, Contract.chosen({name: str(way)}))
    beside = {**found.metadata, **found.tags}
    assert bool(beside) is (way is Way.KEPT)
    assert found.sidecar == ({name: fields} if way is Way.SIDECAR else {})
    assert found.dropped == ([name] if way is Way.DROPPED else [])
    if way is Way.KEPT:
        assert {key.removeprefix("hdh-src-") for key in beside} == set(names)


def test_what_is_kept_and_does_not_fit_overflows_whole() -> None:
    obj = ObjectInfo(
        key="k", size=1, version="1", metadata={"m": "v" * 1800},
        headers={"content-disposition": "x" * 150}, tier="Hot",
    )  # fmt: skip
    found = placed(obj, LIMITS, Contract.chosen({}))
    assert found.sidecar == {"headers": {"content-disposition": "x" * 150}}
    assert found.metadata.keys() == {"m", "hdh-src-tier"}
    assert placed(obj, LIMITS, Contract.chosen({"overflow": "dropped"})).dropped == ["headers"]


def test_every_feature_has_its_words_and_names_everywhere() -> None:
    assert FEATURES.keys() == rules.FEATURES
    for name, feature in FEATURES.items():
        assert f"loss.{name}" in ANNEXES
        assert set(feature.names) <= ELEMENTS.keys()


def test_an_object_is_described_again_by_what_a_line_says_of_it() -> None:
    """Who adopts knows of an object that the source has no more what its sidecar tells."""
    obj = ObjectInfo(
        key="a", size=1, version="v", modified="2026-01-02T03:04:05Z", tier="Cool", lease="leased",
        headers={"content-type": "text/plain"}, metadata={"ward": "3"}, tags={"year": "1970"},
        facts={"created": "2025-01-02T03:04:05Z", f"{OTHER}New-Thing": "x"},
    )  # fmt: skip
    told = {feature.name: dict(fields) for feature, fields in of_object(obj)}
    again = described(ObjectInfo(key="a", size=1, version="v"), told)
    assert {feature.name: dict(fields) for feature, fields in of_object(again)} == told
    assert (again.modified, again.tier, again.metadata) == (obj.modified, obj.tier, obj.metadata)
    assert len(told) > 5
