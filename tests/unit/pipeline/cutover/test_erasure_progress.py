"""What may be deleted at the source, of objects by their numbers: nothing of it is sent again."""

from __future__ import annotations

import pytest

from hdh_migrate.pipeline.projections.erasure_progress import ErasureProgress


@pytest.mark.parametrize(
    ("progress", "deleted"),
    [
        (ErasureProgress(), set()),
        (ErasureProgress(after=3), {1, 2, 3}),
        (ErasureProgress(after=3, open_until=5), {1, 2, 3, 4, 5}),
        (ErasureProgress(after=3, pending={2: "target-gone"}), {1, 3}),
        (ErasureProgress(after=3, pending={2: "held"}, reopened={1}), {1, 3}),
        (ErasureProgress(after=3, open_until=4, pending={2: "target-gone"}), {1, 3, 4}),
    ],
)
def test_what_was_left_for_later_is_at_the_source_and_what_nobody_saw_the_end_of_may_not_be(
    progress: ErasureProgress, deleted: set[int]
) -> None:
    assert {number for number in range(1, 8) if progress.may_be_deleted(number)} == deleted
