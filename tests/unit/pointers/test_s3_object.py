"""An S3 object as a pointer, where the host ignores conditions and keeps versions."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from hdh_migrate.errors import PointerMoved, Transient
from hdh_migrate.pointers.s3_object import PointerInObject
from hdh_migrate.targets.s3_bucket import S3Bucket
from hdh_migrate.transport import Reply
from tests.support.answers import endpoint

NAMESPACES = ["", ' xmlns="http://s3.amazonaws.com/doc/2006-03-01/"']


@pytest.mark.parametrize("namespace", NAMESPACES)
def test_a_write_in_between_is_seen_with_and_without_a_namespace(namespace: str) -> None:
    body, written = {"1": b"old", "2": b"theirs"}, list[bytes]()

    def answer(method: str, path: str, query: Mapping[str, str]) -> Reply:
        if method == "PUT":
            written.append(path.encode())
            return Reply(status=200, headers={"etag": '"e"', "x-amz-version-id": "3"})
        if "versions" in query:
            listed = "".join(
                f"<Version><Key>k</Key><VersionId>{version}</VersionId></Version>"
                for version in ("3", "2", "1")
            )
            text = f"<ListVersionsResult{namespace}>{listed}</ListVersionsResult>"
            return Reply(status=200, body=text.encode())
        version = query.get("versionId", "1")
        return Reply(
            status=200, headers={"etag": '"e"', "x-amz-version-id": version}, body=body[version]
        )

    place, _ = endpoint(answer)
    pointer = PointerInObject(S3Bucket(place, "b"), "b", "k", conditional=False)

    with pytest.raises(PointerMoved, match="their value was put back"):
        pointer.swap(expected="old", new="new")
    assert len(written) == 2


def test_a_value_that_is_shown_late_is_nobody_elses() -> None:
    """It was called somebody's change, and the switch withdrawn, which then came to light."""
    shown = ["old", "old", "new"]

    def answer(method: str, path: str, query: Mapping[str, str]) -> Reply:
        body = b"" if method == "PUT" else (shown.pop(0) if shown else "new").encode()
        return Reply(status=200, headers={"etag": '"e"'}, body=body)

    place, _ = endpoint(answer)
    pointer = PointerInObject(S3Bucket(place, "b"), "b", "k", conditional=False)

    with pytest.raises(Transient, match="old value is shown"):
        pointer.swap(expected="old", new="new")
    pointer.swap(expected="old", new="new")
    assert shown == []


@pytest.mark.parametrize("done", [True, False])
def test_a_condition_that_is_refused_and_does_not_hold_guards_nothing(done: bool) -> None:
    """The switch was said to be by compare-and-set, and an object was left beside the pointer."""
    held = {"k": b"old"}

    def answer(method: str, path: str, query: Mapping[str, str]) -> Reply:
        key = path.rpartition("/")[2]
        if method == "PUT" and key != "k":
            held.update({key: b""} if done else {})
            return Reply(status=412)
        if method == "PUT":
            held[key] = b"new"
        if method == "DELETE":
            del held[key]
            return Reply(status=204)
        if key not in held:
            return Reply(status=404)
        return Reply(status=200, headers={"etag": '"e"'}, body=held[key])

    place, _ = endpoint(answer)
    pointer = PointerInObject(S3Bucket(place, "b"), "b", "k", conditional=True)

    pointer.swap(expected="old", new="new")

    assert pointer.guard == ("checked" if done else "conditional")
    assert held == {"k": b"new"}
