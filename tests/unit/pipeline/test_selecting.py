"""What inventory decides about one object."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hdh_migrate.codes import Code
from hdh_migrate.model import FREEZE_TRIAL, ObjectInfo, Place, State, TargetLimits
from hdh_migrate.pipeline.rules.ruling import Rules, compile_rules
from hdh_migrate.pipeline.rules.selecting import (
    decide,
    folded,
    portable_metadata,
    portable_tags,
)
from hdh_migrate.pipeline.workers.work import Route
from tests.support.fakes import LIMITS

ROUTE = Route(
    source=Place(bucket="c", prefix="p/"), target=Place(bucket="b", prefix="t/"), suffix=""
)
NO_RULES = compile_rules((), (), fold=True)


def an(key: str, **more: object) -> ObjectInfo:
    return ObjectInfo(key=f"p/{key}", version="v", **{"size": 1, **more})  # type: ignore[arg-type]


def decided(
    obj: ObjectInfo, limits: TargetLimits = LIMITS, *, rules: Rules = NO_RULES
) -> tuple[State, str | None]:
    listed = decide(obj, ROUTE, rules, limits, header=232, sealed=True)
    return listed.state, listed.reason


@pytest.mark.parametrize(
    ("glob", "matching", "other"),
    [
        ("*.csv", ["a.csv", ".csv"], ["d/a.csv", "a.csv2", "a_csv"]),
        ("**/*.csv", ["a.csv", "d/a.csv", "d/e/a.csv"], ["a.csv/x"]),
        (
            "**/_temporary/**",
            ["_temporary/x", "d/_temporary/x/y"],
            ["d/x_temporary/y", "_temporary"],
        ),
        ("d/**", ["d/a", "d/e/f", "d/"], ["d", "dd/a"]),
        ("?.txt", ["a.txt", "é.txt"], ["/.txt", "ab.txt", ".txt"]),
        ("a.b(c)[d]+", ["a.b(c)[d]+"], ["axb(c)d", "a.b(c)[d]"]),
        ("**", ["", "a", "a/b\nc"], []),
        ("*", ["a\nb"], ["a/b"]),
    ],
)
def test_a_glob_matches_whole_keys_below_the_prefix(
    glob: str, matching: list[str], other: list[str]
) -> None:
    (rule,) = compile_rules([glob], (), fold=True).include
    assert [key for key in matching if not rule.match(key, an(key))] == []
    assert [key for key in other if rule.match(key, an(key))] == []


def test_an_exclusion_names_its_rule_and_wins_over_an_inclusion() -> None:
    rules = compile_rules(["*.csv"], ["b*", "a*"], fold=True)
    assert decided(an("a.csv"), rules=rules) == (State.EXCLUDED, "exclude-1")
    assert decided(an("x.csv"), rules=rules) == (State.LISTED, None)
    assert decided(an("x.txt"), rules=rules) == (State.EXCLUDED, "not-included")


def test_the_globs_see_the_key_without_the_datasets_prefix() -> None:
    assert decided(an("a"), rules=compile_rules((), ["p/**"], fold=True)) == (State.LISTED, None)


def test_what_a_killed_freeze_trial_left_is_told_and_only_that() -> None:
    name = f"{FREEZE_TRIAL}{'0a' * 8}"
    assert decided(an(name, size=0)) == (State.REFUSED, Code.FREEZE_TRIAL_LEFT)
    for data in (an(name), an(f"{name}0", size=0), an(name[:-1], size=0), an(f"d/{name}", size=0)):
        assert decided(data) == (State.LISTED, None)
    excluded = compile_rules((), [f"{FREEZE_TRIAL}*"], fold=True)
    assert decided(an(name, size=0), rules=excluded) == (State.EXCLUDED, "exclude-0")


def test_a_directory_is_excluded_and_other_kinds_are_findings() -> None:
    assert decided(an("d", kind="directory")) == (State.EXCLUDED, "directory")
    assert decided(an("l", kind="symlink")) == (State.FAILED, "kind-symlink")
    assert decided(an("x", kind="archived"), rules=compile_rules((), ["x"], fold=True)) == (
        State.EXCLUDED,
        "exclude-0",
    )


@pytest.mark.parametrize(
    ("key", "code"),
    [
        ("a\nb", "key-control"),
        ("a\x00b", "key-control"),
        ("a\x7fb", "key-control"),
        ("a\x85b", "key-control"),
        ("a\ufffeb", "key-control"),
        ("a\udcffb", "key-not-utf8"),
        (".", "key-dot-segment"),
        ("a/../b", "key-dot-segment"),
        ("a/./b", "key-dot-segment"),
        ("é" * 512, "key-too-long"),
    ],
)
def test_keys_that_the_target_cannot_hold_are_refused(key: str, code: str) -> None:
    assert decided(an(key)) == (State.REFUSED, code)


@pytest.mark.parametrize(
    "key",
    ["a b", "é", "🩺", "100%", "a+b", "a%2Fb", "a//b", "/a", "..a", "a../b", "'\"&<>", "x" * 1022],
)
def test_odd_keys_that_the_target_can_hold_are_listed(key: str) -> None:
    assert decided(an(key)) == (State.LISTED, None)


def test_the_longest_key_is_counted_in_bytes_with_prefix_and_suffix() -> None:
    route = replace(ROUTE, suffix=".c4gh")

    def reason(length: int) -> str | None:
        obj = an("x" * length)
        return decide(obj, route, NO_RULES, LIMITS, header=232, sealed=True).reason

    assert reason(1024 - len("t/.c4gh")) is None
    assert reason(1025 - len("t/.c4gh")) == "key-too-long"


def test_an_object_over_the_targets_largest_is_refused_with_its_sealed_size() -> None:
    largest = replace(LIMITS, max_object=65_536 + 28 + 232)
    sizes = {
        size: decide(an("a", size=size), ROUTE, NO_RULES, largest, header=232, sealed=True).reason
        for size in (65_536, 65_537)
    }
    assert sizes == {65_536: None, 65_537: "too-large"}


@pytest.mark.parametrize(
    ("one", "other"), [("a/B", "A/b"), ("é", "e\u0301"), ("STRASSE", "straße"), ("É", "e\u0301")]
)
def test_keys_that_a_careless_store_mixes_up_have_one_fold(one: str, other: str) -> None:
    assert folded("b", one) == folded("b", other)
    assert folded("b", one) != folded("c", one)


def test_keys_that_differ_have_different_folds() -> None:
    keys = ["a", "b", "a/", "/a", "é", "e", "a b", "a+b", "a%20b", "a\udcff"]
    assert len({folded("b", key) for key in keys}) == len(keys)
    assert decide(an("a"), ROUTE, compile_rules((), (), fold=False), LIMITS, header=0, sealed=True
                  ).fold is None  # fmt: skip


@pytest.mark.parametrize(
    "metadata",
    [{"name": "é"}, {"name": "a\r\nx-amz-acl: public"}, {"na me": "v"}, {"é": "v"}, {"n": " v"},
     {"n": "x" * 2048}, {"": "v"}],
)  # fmt: skip
def test_metadata_that_s3_cannot_hold_is_noted_and_left_behind(metadata: dict[str, str]) -> None:
    obj = an("a", metadata=metadata)
    assert portable_metadata(obj, LIMITS) is None
    assert decided(obj) == (State.LISTED, "metadata-loss")


def test_metadata_that_s3_can_hold_goes_along() -> None:
    metadata = {"origin": "ward 3", "empty": "", "x_1-2.3": "~!@#$%^&*()"}
    assert portable_metadata(an("a", metadata=metadata), LIMITS) == metadata


HYPHENS = replace(LIMITS, metadata_hyphens=True)


def test_names_are_written_with_hyphens_where_the_plan_says_so() -> None:
    metadata = {"scan_date": "1", "a_b_c": "2", "plain": "3"}
    obj = an("a", metadata=metadata)
    assert portable_metadata(obj, LIMITS) == metadata
    assert portable_metadata(obj, HYPHENS) == {"scan-date": "1", "a-b-c": "2", "plain": "3"}
    assert decided(obj, HYPHENS) == (State.LISTED, "metadata-hyphens")
    assert decided(an("a", metadata={"plain": "3"}), HYPHENS) == (State.LISTED, None)


@pytest.mark.parametrize("names", [("a_b", "a-b"), ("A_b", "a-B"), ("x", "X")])
@pytest.mark.parametrize("values", [("1", "2"), ("same", "same")])
def test_names_that_would_become_one_are_never_sent_in_silence(
    names: tuple[str, str], values: tuple[str, str]
) -> None:
    obj = an("a", metadata=dict(zip(names, values, strict=True)))
    assert portable_metadata(obj, HYPHENS) is None
    assert decided(obj, HYPHENS) == (State.LISTED, "metadata-collision")
    assert Code.METADATA_COLLISION.severity == "finding"


@pytest.mark.parametrize(
    "name", ["hdh-attempt", "hdh_attempt", "HDH_Attempt", "hdh_retain_until", "hdh-retain_until"]
)
@pytest.mark.parametrize("limits", [LIMITS, HYPHENS])
def test_a_name_that_would_take_the_place_of_ours_is_never_sent(
    name: str, limits: TargetLimits
) -> None:
    obj = an("a", metadata={name: "theirs", "x": "1"})
    assert portable_metadata(obj, limits) is None
    assert decided(obj, limits) == (State.LISTED, "metadata-collision")


def test_names_that_a_host_keeps_apart_are_sent() -> None:
    metadata = {"a_b": "1", "a-b": "2"}
    assert portable_metadata(an("a", metadata=metadata), LIMITS) == metadata


def test_tags_go_along_unless_there_are_too_many_or_the_target_has_none() -> None:
    ten = {f"t{n}": "v" for n in range(10)}
    assert portable_tags(an("a", tags=ten), LIMITS) == ten
    assert portable_tags(an("a", tags=ten | {"t10": "v"}), LIMITS) is None
    assert portable_tags(an("a", tags=ten), replace(LIMITS, tags=False)) is None
    assert portable_tags(an("a"), replace(LIMITS, tags=False)) == {}
    assert portable_tags(an("a", tags={"AWS:x": "1", "y": "2"}), LIMITS) is None


def test_everything_that_is_noted_of_an_object_is_in_one_reason() -> None:
    obj = an("a", metadata={"n": "é"}, tags={f"t{n}": "" for n in range(11)}, lease="leased")
    assert decided(obj) == (State.LISTED, "metadata-loss,tags-loss,leased")
