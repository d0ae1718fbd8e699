"""Where an object's features go is the same, whether it was worked out for its names or for it."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from hdh_migrate.fidelity import EARLIER, FEATURES, OTHER, Contract, Way
from hdh_migrate.model import ObjectInfo, TargetLimits
from hdh_migrate.pipeline.rules.placing import Placing, placed

LIMITS = TargetLimits(max_parts=10_000, min_part=5 << 20, max_part=5 << 30, max_put=5 << 30,
                      max_object=5 << 40)  # fmt: skip

NAMES = st.sampled_from(["serie", "Serie", "a_b", "a-b", "hdh-attempt", "hdh-src-tier", "é", "a b"])
TEXTS = st.text(st.sampled_from("aZ0 ~\n\t\x7fé:"), max_size=8) | st.just("x" * 900)
FIELDS = sorted({name for one in FEATURES.values() for name in one.names})
FACTS = st.dictionaries(st.sampled_from([*FIELDS, OTHER + "Word"]), TEXTS, max_size=6)
OBJECTS = st.builds(
    ObjectInfo,
    key=st.just("k"), size=st.just(1), version=st.just("1"),
    modified=st.none() | TEXTS, tier=st.none() | TEXTS, lease=st.none() | TEXTS,
    headers=FACTS, facts=FACTS,
    metadata=st.dictionaries(NAMES, TEXTS, max_size=3),
    tags=st.dictionaries(st.sampled_from(["t", "aws:t", "u", "v"]), TEXTS, max_size=3),
)  # fmt: skip
WAYS = st.sampled_from(Way)
CONTRACTS = st.just(EARLIER) | st.builds(
    Contract,
    ways=st.fixed_dictionaries(dict.fromkeys(FEATURES, WAYS)), directories=WAYS, overflow=WAYS,
)  # fmt: skip
TARGETS = st.builds(
    replace, st.just(LIMITS), max_metadata=st.sampled_from([128, 160, 300, 2_048]),
    metadata_hyphens=st.booleans(), tags=st.booleans(), max_tags=st.sampled_from([1, 10]),
)  # fmt: skip


@given(st.lists(OBJECTS, min_size=1, max_size=4), TARGETS, CONTRACTS)
def test_features_go_where_they_go_one_by_one(
    objects: list[ObjectInfo], limits: TargetLimits, contract: Contract
) -> None:
    placing = Placing(limits, contract)

    for obj in [*objects, *objects]:  # the second time from what the first has left
        found, wanted = placing.of(obj), placed(obj, limits, contract)

        assert found == wanted
        assert [*found.metadata] == [*wanted.metadata]


@given(OBJECTS, TEXTS, TARGETS, CONTRACTS)
def test_objects_with_the_same_names_are_judged_by_their_own_values(
    obj: ObjectInfo, other: str, limits: TargetLimits, contract: Contract
) -> None:
    placing = Placing(limits, contract)
    placing.of(obj)
    alike = replace(
        obj, metadata=dict.fromkeys(obj.metadata, other), headers=dict.fromkeys(obj.headers, other)
    )

    assert placing.of(alike) == placed(alike, limits, contract)


def test_every_day_objects_are_placed_at_once() -> None:
    placing = Placing(LIMITS, Contract.chosen({}))
    obj = ObjectInfo(
        key="k", size=1, version="1", modified="2026-11-01T08:00:00Z", tier="Hot",
        headers={"content-type": "application/dicom"}, facts={"created": "2026-11-01T08:00:00Z"},
        metadata={"serie": "1"},
    )  # fmt: skip
    placing.of(obj)

    (layout,) = placing._layouts.values()
    assert layout is not None
    assert placing.of(obj) == placing._filled(obj, layout)
