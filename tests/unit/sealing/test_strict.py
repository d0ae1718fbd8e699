"""The strict reader refuses everything but the whole object that was sealed, with one message."""

import pytest

from hdh_migrate.errors import Exit, UnsealFailed
from hdh_migrate.model import SEGMENT
from tests.unit.sealing.helpers import (
    ESCROW,
    STEWARD,
    STRANGER,
    body,
    envelopes,
    header_of,
    pieces,
    reference_seals,
    stored,
    unseal,
)

MESSAGE = "the stored bytes do not open as the whole object that was sealed"
SIZE = 3 * SEGMENT + 100
PLAIN = bytes(n % 251 for n in range(SIZE))
DATA_KEY = bytes(8) + b"k" * 32


def refused(whole: bytes, size: int = SIZE, *, cut: int = 0, header: bytes | None = None) -> bytes:
    """Demand the one refusal, and return what was handed on before it."""
    out = bytearray()
    unsealer = envelopes().unsealer(size=size, write=out.extend, header=header)
    step = cut or max(len(whole), 1)

    def read() -> None:
        for start in range(0, len(whole), step):
            unsealer.write(whole[start : start + step])
        unsealer.close()

    with pytest.raises(UnsealFailed) as failure:
        read()
    assert str(failure.value) == MESSAGE
    assert failure.value.exit_code is Exit.VERIFICATION_FAILED
    assert failure.value.__cause__ is None
    with pytest.raises(UnsealFailed, match=MESSAGE):
        unsealer.close()
    return bytes(out)


@pytest.fixture
def sealed() -> tuple[bytes, list[bytes]]:
    envelope = envelopes().new()
    return envelope.header, pieces(body(envelope, PLAIN))


def joined(header: bytes, *parts: bytes) -> bytes:
    return header + b"".join(parts)


@pytest.mark.parametrize("cut", [0, 1_000, 65_564])
def test_removed_swapped_and_repeated_segments(sealed, cut):
    header, (a, b, c, d) = sealed

    for parts in (
        (b, c, d),
        (a, c, d),
        (a, b, d),
        (a, b, c),
        (b, a, c, d),
        (a, c, b, d),
        (a, b, c, c),
        (a, a, c, d),
        (a, b, c, d, d),
        (a, b, b, c, d),
        (),
    ):
        refused(joined(header, *parts), cut=cut)


def test_a_body_cut_on_a_border_is_refused_even_for_the_size_it_then_has(sealed):
    header, (a, b, c, _) = sealed

    refused(joined(header, a, b, c), 3 * SEGMENT)
    refused(joined(header, a), SEGMENT)
    refused(header, SEGMENT)


def test_a_body_cut_off_a_border_is_refused_even_for_the_size_it_then_has(sealed):
    whole = joined(sealed[0], *sealed[1])

    for short in (1, 27, 28, 29, 100, 127, 128, 129, 65_000):
        refused(whole[:-short])
        refused(whole[:-short], SIZE - short)


def test_a_header_cut_anywhere_is_refused(sealed):
    header = sealed[0]

    for length in range(len(header)):
        refused(header[:length], 0)


def test_trailing_bytes_are_refused(sealed):
    whole = joined(sealed[0], *sealed[1])

    refused(whole + b"\0")
    refused(whole + whole)
    refused(whole + b"\0", SIZE + 1)
    refused(envelopes().new().header + b"\0", 0)


def test_trailing_bytes_in_a_later_write_are_refused(sealed):
    out = bytearray()
    unsealer = envelopes().unsealer(size=SIZE, write=out.extend)
    unsealer.write(joined(sealed[0], *sealed[1]))
    with pytest.raises(UnsealFailed):
        unsealer.write(b"\0")
    with pytest.raises(UnsealFailed):
        unsealer.close()


def test_an_empty_object_that_should_not_be_empty_is_refused(sealed):
    refused(sealed[0])
    refused(b"")
    refused(b"", 0)


def test_segments_of_another_object_are_refused(sealed):
    header, (a, b, c, d) = sealed
    other = envelopes().new()
    x, y, z, w = pieces(body(other, PLAIN))

    refused(joined(header, x, b, c, d))
    refused(joined(header, a, b, c, w))
    refused(joined(header, x, y, z, w))
    refused(joined(other.header, a, b, c, d))


def test_segments_of_another_object_under_the_same_key_are_refused_at_other_places(sealed):
    header, (a, b, c, d) = sealed
    longer = pieces(body(envelopes().open(header), PLAIN + PLAIN))

    refused(joined(header, a, b, c, longer[4]))
    refused(joined(header, a, longer[4], c, d))
    refused(joined(header, *longer[:4]))  # its fourth segment does not end an object


@pytest.mark.slow
def test_every_flipped_bit_of_a_small_object_is_caught():
    for plain in (b"", b"a small object"):
        whole = stored(envelopes().new(), plain)
        for at in range(len(whole)):
            for bit in range(8):
                bad = bytearray(whole)
                bad[at] ^= 1 << bit
                assert refused(bytes(bad), len(plain)) == b""


def test_a_flipped_bit_for_another_recipient_is_caught_by_the_header_that_was_kept():
    made = envelopes(STEWARD, ESCROW)
    whole = stored(made.new(), b"plain")
    header = whole[: made.header_size]

    assert unseal(made, whole, 5, header=header) == b"plain"
    for at in range(len(header)):
        bad = bytearray(whole)
        bad[at] ^= 1
        refused(bytes(bad), 5, header=header)


def test_no_plaintext_of_a_bad_segment_is_handed_on(sealed):
    header, (a, b, c, d) = sealed
    bad = bytearray(d)
    bad[50] ^= 1

    seen = refused(joined(header, a, b, c, bytes(bad)))

    assert seen == b""  # one window: all of it or nothing


def test_a_wrong_recipient_learns_nothing(sealed):
    opener = envelopes(STRANGER)
    with pytest.raises(UnsealFailed, match=MESSAGE):
        unseal(opener, joined(sealed[0], *sealed[1]), SIZE)
    with pytest.raises(UnsealFailed, match=MESSAGE):
        opener.open(sealed[0])


def test_a_second_data_key_is_refused():
    for recipients in ((STEWARD,), (STEWARD, ESCROW)):
        refused(header_of([DATA_KEY, DATA_KEY], *recipients), 0)
        refused(header_of([DATA_KEY, bytes(8) + b"l" * 32], *recipients), 0)


def test_a_header_of_the_reference_with_one_data_key_is_read():
    opener = envelopes()

    assert unseal(opener, header_of([DATA_KEY], ESCROW, STEWARD), 0) == b""


@pytest.mark.parametrize(
    "content",
    [
        b"\1" + bytes(3) + b"\4" + bytes(3) + bytes(32),  # an edit list, as long as a key packet
        b"\1" + bytes(3) + b"\1" + bytes(3) + bytes(8),
        b"\7" + bytes(39),  # a kind that nobody knows
        bytes(4) + b"\1" + bytes(35),  # a data key for another cipher
        bytes(8) + bytes(31),
        bytes(8) + bytes(33),
        b"",
    ],
)
def test_whatever_else_opens_is_refused_alone_or_beside_a_data_key(content):
    refused(header_of([content], STEWARD), 0)
    refused(header_of([DATA_KEY, content], STEWARD), 0)
    refused(header_of([content, DATA_KEY], STEWARD), 0)


def test_absurd_counts_and_lengths_are_refused_before_anything_is_kept(sealed):
    header = sealed[0]

    for count in (0, 2, 65, 1 << 16, (1 << 32) - 1):
        refused(header[:12] + count.to_bytes(4, "little") + header[16:], 0)
    for length in (0, 3, 107, 109, 1 << 20, (1 << 32) - 1):
        refused(header[:16] + length.to_bytes(4, "little") + header[20:], 0)


@pytest.mark.parametrize("count", [0, 65, 1 << 20, (1 << 32) - 1])
def test_an_absurd_count_is_refused_without_waiting_for_its_packets(sealed, count):
    unsealer = envelopes().unsealer(size=1 << 40, write=len)

    with pytest.raises(UnsealFailed, match=MESSAGE):
        unsealer.write(sealed[0][:12] + count.to_bytes(4, "little"))


def test_a_long_stream_that_is_no_object_is_refused_at_its_first_bytes():
    out = bytearray()
    unsealer = envelopes().unsealer(size=1 << 40, write=out.extend)
    with pytest.raises(UnsealFailed):
        unsealer.write(b"x" * 16)
    with pytest.raises(UnsealFailed):
        unsealer.write(b"x" * 1_000_000)
    assert len(unsealer._head) == 16


def test_a_packet_without_a_shared_secret_is_refused(sealed):
    header = sealed[0]

    refused(header[:24] + bytes(32) + header[56:], 0)  # a writer key of small order


def test_what_the_reference_seals_is_refused():
    refused(reference_seals(PLAIN, STEWARD))


def test_open_is_as_strict_as_the_reader(sealed):
    header, opener = sealed[0], envelopes()

    assert opener.open(header).header == header
    for bad in (b"", header[:-1], header + b"\0", header[:16], header_of([DATA_KEY] * 2, STEWARD)):
        with pytest.raises(UnsealFailed, match=MESSAGE):
            opener.open(bad)
