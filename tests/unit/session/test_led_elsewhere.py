"""What is said of a pointer's value, by where the cutover stands."""

from __future__ import annotations

import pytest

from hdh_migrate.fixity import text_digest
from hdh_migrate.pipeline.projections.standing import FINAL, CutoverStage, CutoverStanding
from hdh_migrate.session.verbs.led_elsewhere import wrong_now

SWITCHED = (CutoverStage.SWITCHED, CutoverStage.OPEN)
BACK = CutoverStage.ROLLED_BACK


@pytest.mark.parametrize(
    ("stages", "value", "told"),
    [
        (SWITCHED, "new", None),
        (SWITCHED, "old", "not led to the target"),
        (SWITCHED, "other", "not led to the target"),
        (SWITCHED, None, "led nowhere"),
        (FINAL, "new", None),
        (FINAL, "old", "back to the source"),
        (FINAL, "other", None),  # consumers may move on
        (FINAL, None, None),
        ((BACK,), "old", None),
        ((BACK,), "new", "led to the target"),
        ((BACK,), "other", None),
        ((BACK,), None, None),
    ],
)
def test_a_pointer_is_held_against_what_its_cutover_left(
    stages: tuple[CutoverStage, ...], value: str | None, told: str | None
) -> None:
    for stage in stages:
        story = CutoverStanding(
            "all", stage=stage, old_sha256=text_digest("old"), new_sha256=text_digest("new")
        )
        said = wrong_now(story, value)
        assert (said is None) if told is None else (said is not None and told in said)
