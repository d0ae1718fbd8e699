"""However plaintext is cut on its way, what is sealed and digested is the same."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hdh_migrate.errors import ShortRead
from hdh_migrate.model import SEGMENT
from hdh_migrate.pipeline.workers.filling import WINDOW, Sealing
from hdh_migrate.sealing.crypt4gh import Crypt4ghEnvelopes
from hdh_migrate.sealing.keys import PrivateKey

KEY = PrivateKey(bytes([1]) * 32, protected=False)
ENVELOPES = Crypt4ghEnvelopes([KEY.public], KEY)
PLAIN = bytes(range(251)) * (2 * WINDOW // 251)
SIZES = st.sampled_from(
    (0, 1, SEGMENT - 1, SEGMENT, SEGMENT + 1, WINDOW - 1, WINDOW, WINDOW + 1, len(PLAIN))
) | st.integers(0, len(PLAIN))  # fmt: skip
PIECES = st.lists(
    st.sampled_from((0, 1, 16_384, SEGMENT, WINDOW, 2 * WINDOW)) | st.integers(1, WINDOW),
    max_size=6,
)


def sealed(size: int, pieces: list[int], *, lacks: int = 0) -> tuple[str, str, bytes]:
    """Seal plaintext that comes in pieces, and then the rest; return what opens, and digests."""
    envelope, plain = ENVELOPES.new(), PLAIN[:size]
    out = memoryview(bytearray(ENVELOPES.sealed_size(size)))
    sealing = Sealing(envelope, out, first=0, left=size, ends=True, md5=True)
    sealing.header(envelope.front)
    at, come = 0, size - lacks
    for piece in (*pieces, come):
        fleeting = bytearray(plain[at : min(come, at + piece)])
        sealing.write(memoryview(fleeting))
        at += len(fleeting)
        fleeting[:] = bytes(len(fleeting))  # it is valid during the call only
    sealing.close()
    assert sealing.size == len(out)
    assert sealing.md5 is not None
    assert hashlib.sha256(out).hexdigest() == sealing.stored.hexdigest()
    return sealing.plain.hexdigest(), sealing.md5.hexdigest(), ENVELOPES.whole(bytes(out))


@given(SIZES, PIECES)
@example(WINDOW + 5, [WINDOW])
@example(5, [])
@example(5, [2])
@example(WINDOW + 5, [1])
def test_the_cut_makes_no_difference(size: int, pieces: list[int]) -> None:
    plain, md5, opened = sealed(size, pieces)

    assert opened == PLAIN[:size]
    assert plain == hashlib.sha256(opened).hexdigest()
    assert md5 == hashlib.md5(opened, usedforsecurity=False).hexdigest()


@pytest.mark.parametrize("pieces", [[], [5], [WINDOW]])
def test_what_does_not_come_whole_is_no_object(pieces: list[int]) -> None:
    with pytest.raises(ShortRead):
        sealed(WINDOW + SEGMENT, pieces, lacks=1)
