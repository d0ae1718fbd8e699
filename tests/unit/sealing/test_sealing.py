"""The container: the reference opens ours, ours opens what it should."""

import random
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hdh_migrate.errors import KeyUnavailable, UnsealFailed
from hdh_migrate.model import SEGMENT
from hdh_migrate.sealing.crypt4gh import (
    HEADER_MAX,
    SEALED_SEGMENT,
    WINDOW,
    Crypt4ghEnvelopes,
    header_size,
    sealed_size,
)
from hdh_migrate.sealing.keys import PublicKey
from tests.support.examples import many
from tests.unit.sealing.helpers import (
    ESCROW,
    STEWARD,
    STRANGER,
    THIRD,
    body,
    envelopes,
    identity,
    pieces,
    reference_opens,
    stored,
    unseal,
)

SIZES = [0, 1, 65_535, 65_536, 65_537, 3 * SEGMENT, 5 * (1 << 20) + 7]


def noise(size: int) -> bytes:
    """Bytes that are nowhere alike, without asking the system for as many."""
    return random.Random(3).randbytes(size)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.slow
def test_the_reference_opens_ours_for_every_recipient(size, count):
    recipients = [STEWARD, ESCROW, THIRD][:count]
    made, plain = envelopes(*recipients), noise(size)

    whole = stored(made.new(), plain)

    assert len(whole) == made.sealed_size(size)
    for recipient in recipients:
        assert reference_opens(whole, recipient) == plain
        assert unseal(envelopes(*recipients, opener=recipient), whole, size) == plain


def test_sizes_are_those_of_the_standard():
    assert [header_size(n) for n in (1, 2)] == [124, 232]
    assert SEALED_SEGMENT == 65_564
    assert header_size(64) == HEADER_MAX
    assert sealed_size(0, 124) == 124
    assert sealed_size(1, 124) == 124 + 29
    assert sealed_size(65_536, 124) == 124 + 65_564
    assert sealed_size(65_537, 0) == 65_564 + 29
    assert sealed_size(5 << 20, 0) == 80 * 65_564


def test_nonces_say_the_position_and_the_end():
    sealed = body(envelopes().new(), bytes(2 * SEGMENT + 1))

    assert [piece[:12].hex() for piece in pieces(sealed)] == [
        "000000" + "0000000000000000" + "00",
        "000000" + "0000000000000001" + "00",
        "000000" + "0000000000000002" + "01",
    ]


def test_a_far_segment_is_sealed_for_its_place():
    envelope, out = envelopes().new(), bytearray(29)
    far = 1 << 33

    envelope.seal_into(memoryview(b"x"), far, final=True, out=memoryview(out))

    assert out[:12] == b"\0\0\0" + far.to_bytes(8, "big") + b"\1"


def test_an_opened_envelope_goes_on_where_the_first_one_was_stopped():
    made, plain = envelopes(STEWARD, ESCROW), noise(4 * SEGMENT + 9)
    first = made.new()
    again = envelopes(ESCROW).open(first.header)

    half = memoryview(bytearray(2 * SEALED_SEGMENT))
    first.seal_into(memoryview(plain)[: 2 * SEGMENT], 0, final=False, out=half)
    rest = memoryview(bytearray(sealed_size(2 * SEGMENT + 9, 0)))
    again.seal_into(memoryview(plain)[2 * SEGMENT :], 2, final=True, out=rest)

    assert again.header == first.header
    assert bytes(half) + bytes(rest) == body(first, plain)
    assert unseal(made, first.header + bytes(half) + bytes(rest), len(plain)) == plain


def test_every_envelope_has_its_own_key_and_every_header_its_own_nonces():
    made = envelopes(STEWARD, ESCROW)
    headers = [made.new().header for _ in range(50)]
    sealed = {body(made.new(), bytes(100)) for _ in range(50)}
    nonces = {h[start + 40 : start + 52] for h in headers for start in (16, 124)}

    assert len(sealed) == 50
    assert len(nonces) == 100


def test_threads_may_share_an_envelope():
    made, plain = envelopes(), noise(32 * SEGMENT)
    envelope = made.new()

    def part(number: int) -> bytes:
        out = bytearray(4 * SEALED_SEGMENT)
        view = memoryview(plain)[number * 4 * SEGMENT : (number + 1) * 4 * SEGMENT]
        envelope.seal_into(view, number * 4, final=number == 7, out=memoryview(out))
        return bytes(out)

    with ThreadPoolExecutor(4) as pool:
        parts = list(pool.map(part, range(8)))

    assert b"".join(parts) == body(envelope, plain)


@pytest.mark.parametrize(
    ("size", "first", "final", "room"),
    [
        (SEGMENT - 1, 0, False, 2 * SEALED_SEGMENT),
        (SEGMENT + 1, 0, False, 2 * SEALED_SEGMENT),
        (0, 1, True, SEALED_SEGMENT),
        (1, -1, True, SEALED_SEGMENT),
        (SEGMENT, 0, True, SEALED_SEGMENT - 1),
        (SEGMENT + 1, 0, True, SEALED_SEGMENT + 28),
    ],
)
def test_a_caller_who_breaks_the_rules_is_told_before_anything_is_written(size, first, final, room):
    out = bytearray(room)

    with pytest.raises(ValueError, match="segments are full"):
        envelopes().new().seal_into(
            memoryview(bytes(size)), first, final=final, out=memoryview(out)
        )

    assert not any(out)


def test_nothing_to_seal_writes_nothing():
    for final in (False, True):
        assert (
            envelopes().new().seal_into(memoryview(b""), 0, final=final, out=memoryview(b"")) == 0
        )


@settings(max_examples=many(40), deadline=None)
@given(
    size=st.integers(0, 40 * SEGMENT)
    | st.sampled_from([SEGMENT, WINDOW * SEGMENT - 1, WINDOW * SEGMENT, WINDOW * SEGMENT + 1])
    | st.just(2 * WINDOW * SEGMENT),
    cuts=st.lists(st.integers(0, 9_000_000), max_size=12),
)
@pytest.mark.slow
def test_any_size_makes_the_round_trip_under_any_cut(size, cuts):
    made, plain = envelopes(STEWARD, ESCROW), noise(size)
    whole = stored(made.new(), plain)
    edges = [0, *sorted(cut % (len(whole) + 1) for cut in cuts), len(whole)]

    chunks = [whole[a:b] for a, b in pairwise(edges)]

    assert unseal(made, chunks, size) == plain


@settings(max_examples=many(10), deadline=None)
@given(step=st.integers(1, 40))
def test_a_small_object_makes_the_round_trip_under_tiny_cuts(step):
    made, plain = envelopes(), b"a few bytes"
    whole = stored(made.new(), plain)

    chunks = [whole[a : a + step] for a in range(0, len(whole), step)]

    assert unseal(made, chunks, len(plain)) == plain


@settings(max_examples=many(25), deadline=None)
@given(size=st.integers(0, 24 * SEGMENT), step=st.integers(1, 9))
def test_sealing_in_parts_equals_sealing_at_once(size, step):
    envelope, plain = envelopes().new(), noise(size)

    assert body(envelope, plain, segments_per_part=step) == body(envelope, plain)


@pytest.mark.parametrize(
    ("cut", "handed_on", "held"),
    [
        (10_000, SEGMENT, 3 * SEGMENT),
        (512 * 1024, 8 * SEGMENT, 10 * SEGMENT),
        (200 * SEGMENT, WINDOW * SEGMENT, (WINDOW + 2) * SEGMENT),
    ],
)
def test_an_unsealer_holds_no_more_than_what_comes_at_a_time_or_a_window(cut, handed_on, held):
    made, size = envelopes(), 2 * WINDOW * SEGMENT
    whole = memoryview(stored(made.new(), bytes(size)))
    seen: list[int] = []

    tracemalloc.start()
    unsealer = made.unsealer(size=size, write=lambda view: seen.append(len(view)))
    for start in range(0, len(whole), cut):
        unsealer.write(whole[start : start + cut])
    unsealer.close()
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert sum(seen) == size
    assert max(seen) <= handed_on
    assert most <= held


def test_without_an_identity_one_may_seal_but_not_open():
    made = envelopes(STEWARD, reader=False)
    whole = stored(made.new(), b"plain")

    assert unseal(envelopes(STEWARD), whole, 5) == b"plain"
    with pytest.raises(KeyUnavailable, match="no identity"):
        made.open(whole[:124])
    with pytest.raises(KeyUnavailable, match="no identity"):
        unseal(made, whole, 5)
    with pytest.raises(KeyUnavailable, match="no identity"):
        made.self_test()


def test_the_self_test_names_an_identity_that_is_no_recipient():
    envelopes(STEWARD, ESCROW, opener=ESCROW).self_test()

    with pytest.raises(KeyUnavailable, match=STRANGER.public.fingerprint):
        envelopes(STEWARD, ESCROW, opener=STRANGER).self_test()


def test_recipients_are_at_least_one_and_never_twice_the_same():
    with pytest.raises(KeyUnavailable, match="1 to 64 recipients"):
        Crypt4ghEnvelopes([], STEWARD)
    with pytest.raises(KeyUnavailable, match="1 to 64 recipients"):
        Crypt4ghEnvelopes([PublicKey(bytes([n]) * 32) for n in range(65)], STEWARD)
    with pytest.raises(KeyUnavailable, match=f"{ESCROW.public.fingerprint} is named twice"):
        Crypt4ghEnvelopes([STEWARD.public, ESCROW.public, ESCROW.public], STEWARD)


def test_a_recipient_that_no_secret_can_be_shared_with_is_refused():
    with pytest.raises(KeyUnavailable, match="not a usable key"):
        Crypt4ghEnvelopes([PublicKey(bytes(32))], STEWARD)


def test_sixty_four_recipients_are_read_back():
    everyone = [identity() for _ in range(64)]
    made = envelopes(*everyone, opener=everyone[-1])

    assert len(made.new().header) == HEADER_MAX
    assert unseal(made, stored(made.new(), b"plain"), 5) == b"plain"


def test_many_writers_do_not_fill_the_memory():
    opener = envelopes()
    for _ in range(200):
        opener.open(envelopes().new().header)

    assert opener._reader is not None
    assert len(opener._reader._shared) <= 64


def test_what_the_sink_raises_passes_through_and_ends_the_reading():
    made = envelopes()
    whole = stored(made.new(), b"plain")

    def full(_: memoryview) -> None:
        raise OSError(28, "no space")

    unsealer = made.unsealer(size=5, write=full)
    with pytest.raises(OSError, match="no space"):
        unsealer.write(whole)
    with pytest.raises(UnsealFailed):
        unsealer.close()
