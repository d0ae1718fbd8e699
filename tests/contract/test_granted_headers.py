"""On every target: a header is read of exactly the object that was verified, and of no other."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

from hdh_migrate.errors import TargetDiffers
from hdh_migrate.grants.collecting import StoredHead, read_header
from hdh_migrate.grants.rewrapping import Rewrapping
from hdh_migrate.model import Stamp, Stored
from hdh_migrate.sealing.crypt4gh import Crypt4ghEnvelopes
from tests.support.contract import TARGETS, TargetRig, of
from tests.unit.grants.helpers import READER
from tests.unit.sealing.helpers import ESCROW, STEWARD, body, reference_opens

pytestmark = pytest.mark.live

PLAIN = b"an object that somebody may read" * 4_000

every = of(TARGETS)


@pytest.fixture
def rig(name: str, request: pytest.FixtureRequest) -> TargetRig:
    return TARGETS[name].make(request.getfixturevalue, False)


def put(rig: TargetRig, plain: bytes, *, replaces: str | None = None) -> tuple[Stored, bytes]:
    made = Crypt4ghEnvelopes([STEWARD.public, ESCROW.public], STEWARD).new()
    data = made.header + body(made, plain)
    stored = rig.writer.put(
        rig.bucket, "in/granted.c4gh", memoryview(data), sha256=hashlib.sha256(data).hexdigest(),
        stamp=Stamp(attempt="run-1-1"), replaces=replaces,
    )  # fmt: skip
    return stored, data


@every
@pytest.mark.parametrize("plain", [PLAIN, b""], ids=["some", "nothing"])
def test_the_header_of_the_verified_object_is_read_and_opens_for_the_reader(
    rig: TargetRig, plain: bytes
) -> None:
    stored, data = put(rig, plain)
    head = StoredHead(bucket=rig.bucket, stored=stored, length=len(plain))

    header = read_header(rig.writer, head)

    assert header == data[: head.body]
    wrapped = Rewrapping.of(STEWARD, READER.public).header(header)
    assert reference_opens(wrapped + data[head.body :], READER) == plain


@every
def test_no_header_is_read_of_what_replaced_it(rig: TargetRig) -> None:
    stored, _ = put(rig, PLAIN)
    put(rig, PLAIN, replaces=stored.etag)

    with pytest.raises(TargetDiffers, match="was replaced"):
        read_header(rig.writer, StoredHead(bucket=rig.bucket, stored=stored, length=len(PLAIN)))


@every
def test_no_header_is_read_of_what_is_gone(rig: TargetRig) -> None:
    stored, _ = put(rig, PLAIN)
    gone = replace(stored, key="in/gone.c4gh")

    with pytest.raises(TargetDiffers, match="does not hold an object any more"):
        read_header(rig.writer, StoredHead(bucket=rig.bucket, stored=gone, length=len(PLAIN)))
