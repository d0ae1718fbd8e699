"""`versions` of a dataset's source: a moment, and what a plan may not want beside it."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from hdh_migrate.plan.source_rules import RULES
from tests.support.toy import Toy
from tests.unit.plan.builders import GOOD, as_yaml, full, loaded, problems
from tests.unit.plan.test_cutover_sections import ENTRY, with_cutovers

MOMENT = "2026-01-31T18:00:00Z"
THEN = f"source: {{container: emc2, prefix: pmsi/, versions: {{as_of: {MOMENT}}}}}"
NOW = "source: {container: emc2, prefix: pmsi/}"
WORDS = "must be an instant in UTC, in whole seconds, such as 2026-01-31T18:00:00Z"


def test_a_moment_is_where_the_dataset_is_asked_for(tmp_path: Path) -> None:
    plan = loaded(tmp_path, GOOD.replace(NOW, THEN)).plan
    assert plan.dataset("pmsi").source.place.as_of == MOMENT
    assert plan.dataset("scans").source.place.as_of is None


def test_a_plan_without_a_moment_keeps_its_digest(tmp_path: Path) -> None:
    given = loaded(tmp_path, GOOD)
    assert b"versions" not in given.canonical
    current = loaded(tmp_path, GOOD.replace(NOW, f"{NOW[:-1]}, versions: current}}"))
    assert current.plan.dataset("pmsi").source.place == given.plan.dataset("pmsi").source.place


@pytest.mark.parametrize(
    "moment",
    ["2026-01-31", "2026-01-31T18:00:00", "2026-01-31T18:00:00.5Z", "2026-01-31T24:00:00Z",
     "2026-02-29T00:00:00Z", "2026-01-31T18:00:00+01:00", ""],
)  # fmt: skip
def test_another_moment_is_refused(tmp_path: Path, moment: str) -> None:
    plan = full()
    plan["datasets"][0]["source"]["versions"] = {"as_of": moment}
    told = problems(tmp_path, as_yaml(plan))
    assert any(one.endswith(f"datasets[0].source.versions.as_of: {WORDS}") for one in told), told


def test_nothing_is_deleted_of_what_is_moved_as_of_a_moment(tmp_path: Path) -> None:
    plan = yaml.safe_load(with_cutovers(ENTRY))
    plan["datasets"][0]["source"]["versions"] = {"as_of": MOMENT}
    told = problems(tmp_path, as_yaml(plan))
    words = "decommission: a dataset of this batch is moved as of a moment"
    assert any(words in one for one in told), told


def test_nothing_is_brought_back_beside_what_is_moved_as_of_a_moment(tmp_path: Path) -> None:
    asks = 'rehydrate: {credential: {kind: sas, value: "env:ASKS"}}\n'
    assert loaded(tmp_path, GOOD + asks)
    (told,) = problems(tmp_path, GOOD.replace(NOW, THEN) + asks)
    assert "rehydrate: a dataset is moved as of a moment" in told


def test_a_source_that_keeps_no_versions_says_so() -> None:
    """A kind whose datasets have a container all the same."""
    told = [
        broken.message
        for rule in RULES
        for broken in rule(yaml.safe_load(GOOD.replace(NOW, THEN)), Toy)
    ]
    assert "a toy keeps no versions: leave this out" in told


ALL = "source: {container: emc2, prefix: pmsi/, versions: all}"


def test_all_versions_are_meant_where_the_plan_says_so(tmp_path: Path) -> None:
    plan = loaded(tmp_path, GOOD.replace(NOW, ALL)).plan
    assert plan.dataset("pmsi").source.place.every_version
    assert not plan.dataset("scans").source.place.every_version
    current = loaded(tmp_path, GOOD.replace(NOW, f"{NOW[:-1]}, versions: current}}")).plan
    assert not current.dataset("pmsi").source.place.every_version


def test_nothing_is_deleted_of_what_is_moved_with_all_versions(tmp_path: Path) -> None:
    plan = yaml.safe_load(with_cutovers(ENTRY))
    plan["datasets"][0]["source"]["versions"] = "all"
    told = problems(tmp_path, as_yaml(plan))
    words = "decommission: a dataset of this batch is moved with all versions"
    assert any(words in one for one in told), told


def test_nothing_is_brought_back_beside_what_is_moved_with_all_versions(tmp_path: Path) -> None:
    asks = 'rehydrate: {credential: {kind: sas, value: "env:ASKS"}}\n'
    (told,) = problems(tmp_path, GOOD.replace(NOW, ALL) + asks)
    assert "rehydrate: a dataset is moved with all versions" in told
