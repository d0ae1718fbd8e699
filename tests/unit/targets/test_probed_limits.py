"""What a probe found tighter counts in later runs; what it found looser does not."""

from __future__ import annotations

from typing import Any

from hdh_migrate.model import TargetLimits
from hdh_migrate.targets.probing.record import differences, lowered, seen, unknown

LIMITS = TargetLimits(
    max_parts=1000, min_part=5_000_000, max_part=1 << 32, max_put=1 << 32, max_object=1 << 42
)


def record(*observations: Any, **claims: Any) -> dict[str, Any]:
    return {"observations": [one.as_json(claims) for one in observations]}


def test_without_a_probe_the_profile_counts() -> None:
    assert lowered(LIMITS, None) == LIMITS


def test_what_is_tighter_counts() -> None:
    found = lowered(
        LIMITS,
        record(
            seen("max_parts", 137, ""), seen("min_part", 5 << 20, ""), seen("max_key", 255, ""),
            seen("create_only", False, ""), seen("tags", False, ""),
        ),
    )  # fmt: skip
    assert (found.max_parts, found.min_part, found.max_key) == (137, 5 << 20, 255)
    assert (found.conditional_put, found.conditional_complete, found.tags) == (False, True, False)


def test_what_is_looser_or_unknown_does_not_count() -> None:
    told = record(
        seen("max_parts", 10_000, ""), seen("min_part", 1, ""), unknown("max_key", "no answer")
    )
    assert lowered(LIMITS, told) == LIMITS


def test_a_host_that_cannot_replace_under_a_condition_still_creates_under_one() -> None:
    told = record(seen("conditional_put", False, ""), seen("create_only", True, ""))
    assert lowered(LIMITS, told).conditional_put


def test_only_what_is_less_than_claimed_is_a_difference() -> None:
    told = record(
        seen("max_parts", 137, ""), seen("max_key", 2000, ""), seen("tags", False, ""),
        seen("etag_single", "md5", ""), seen("keys_normalised", True, ""),
        seen("list_parts", True, ""), unknown("object_lock", "not tried"),
        seen("content_md5_required", ["DeleteObjects"], "", tried=["DeleteObjects"]),
        seen("no_claim", False, ""),
        max_parts=1000, max_key=1024, tags=True, etag_single="opaque", keys_normalised=False,
        list_parts=False, object_lock=True, content_md5_required=(),
    )  # fmt: skip
    assert [one["name"] for one in differences(told["observations"])] == [
        "max_parts",
        "tags",
        "keys_normalised",
    ]
