"""What stands beside an object's bytes is the same whichever way the object was sent."""

from __future__ import annotations

from hdh_migrate.model import Stamp
from hdh_migrate.targets.s3_beside import begun, stamped
from tests.support.fakes import LIMITS


def test_a_sources_metadata_never_takes_the_place_of_our_mark() -> None:
    stamp = Stamp(attempt="ours", metadata={"HDH-Attempt": "theirs", "x": "1"})
    assert stamped(stamp, LIMITS)["x-amz-meta-hdh-attempt"] == "ours"
    assert begun(stamp, LIMITS)["x-amz-meta-hdh-attempt"] == "ours"


def test_metadata_has_the_same_names_with_a_put_and_with_an_upload() -> None:
    stamp = Stamp(attempt="a", metadata={"Origin": "ward 3", "note": "n"})

    put = stamped(stamp, LIMITS)

    assert begun(stamp, LIMITS) == put
    assert {name: value for name, value in put.items() if name.startswith("x-amz-meta-")} == {
        "x-amz-meta-hdh-attempt": "a",
        "x-amz-meta-origin": "ward 3",
        "x-amz-meta-note": "n",
    }
