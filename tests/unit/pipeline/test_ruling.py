"""Which rule decides, and what is refused where a rule cannot be kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from hdh_migrate.errors import Exit, Refused
from hdh_migrate.model import ObjectInfo, Step, Untagged
from hdh_migrate.pipeline.rules.ruling import Rule, compile_rules
from tests.support.world import ONE, World

TESTS = Rule(tests=(lambda _, obj: "t" in obj.tags,), asks=frozenset({"tags"}))


def test_the_deciding_rule_is_told_by_its_place() -> None:
    rules = compile_rules(["a*", "b*"], ["*.tmp"], fold=True)
    places = {name: rules.decide(name, ObjectInfo(key=name, size=1, version="v")).place
              for name in ("b.csv", "a.tmp", "c")}  # fmt: skip
    assert places == {"b.csv": "include[1]", "a.tmp": "exclude[0]", "c": "include"}
    directory = ObjectInfo(key="a", size=0, version="v", kind="directory")
    assert rules.decide("a", directory) == ("directory", "directory")
    none = compile_rules([], ["*.tmp"], fold=True)
    assert none.decide("c", ObjectInfo(key="c", size=1, version="v")) == ("", None)


@pytest.mark.parametrize("why", list(Untagged))
def test_rules_about_tags_that_no_listing_tells_are_refused(tmp_path: Path, why: Untagged) -> None:
    """They used to be read as `no tags`: what was to stay would have been moved."""
    world = World(tmp_path, (replace(ONE[0], exclude=(TESTS,)),))
    world.source.put("src", "a", b"x")
    world.source.untagged_for = why
    with pytest.raises(Refused, match="its rules ask for index tags, and"):
        world.run((Step.INVENTORY,))
    world.source.untagged_for = None
    world.source.put("src", "a", b"x", tags={"t": "1"})
    world.source.put("src", "b", b"x")
    assert world.run((Step.INVENTORY,)) is Exit.OK
    assert world.findings() == []
