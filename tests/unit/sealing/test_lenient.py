"""Files of other tools: opened as the standard says, and said to prove less."""

import io

import pytest
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from hdh_migrate.errors import UnsealFailed
from hdh_migrate.model import SEGMENT
from hdh_migrate.sealing.keys import PrivateKey
from tests.support.lenient import LenientResult, read_lenient
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
)

PLAIN = bytes(n % 253 for n in range(2 * SEGMENT + 50))


class Trickle(io.BytesIO):
    """A stream that gives little at a time, as sockets do."""

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(min(10_000, size if size and size > 0 else 10_000))


def read(whole: bytes, key: PrivateKey = STEWARD) -> tuple[bytes, LenientResult]:
    out = bytearray()
    result = read_lenient(Trickle(whole), key, out.extend)
    assert result.size == len(out)
    return bytes(out), result


@pytest.mark.parametrize("size", [1, 65_535, 65_536, 65_537, len(PLAIN)])
def test_what_the_reference_seals_is_opened_and_said_to_be_not_position_bound(size):
    whole = reference_seals(PLAIN[:size], ESCROW, STEWARD)

    plain, result = read(whole)

    assert plain == PLAIN[:size]
    assert not result.position_bound
    assert result.note.startswith("not position-bound")


@pytest.mark.parametrize("size", [1, 65_536, len(PLAIN)])
def test_what_we_seal_is_opened_and_said_to_be_position_bound(size):
    plain, result = read(stored(envelopes(ESCROW, STEWARD).new(), PLAIN[:size]))

    assert plain == PLAIN[:size]
    assert result.position_bound
    assert result.note.startswith("position-bound")


def test_ours_with_segments_removed_swapped_or_repeated_is_no_longer_position_bound():
    envelope = envelopes().new()
    a, b, c = pieces(body(envelope, PLAIN))

    for parts in ((a, b), (b, a, c), (a, b, b, c), (b, c), (a, b, c[:0], b), (a,), (c,)):
        _, result = read(envelope.header + b"".join(parts))
        assert not result.position_bound


def test_an_object_joined_to_itself_is_not_position_bound():
    envelope = envelopes().new()
    sealed = body(envelope, PLAIN[:SEGMENT])

    assert not read(envelope.header + sealed + sealed)[1].position_bound


def test_an_end_in_the_middle_is_not_position_bound():
    envelope = envelopes().new()
    (a, b), (_, _, c) = (pieces(body(envelope, PLAIN[:size])) for size in (2 * SEGMENT, len(PLAIN)))

    assert read(envelope.header + a + b)[1].position_bound
    assert not read(envelope.header + a + b + c)[1].position_bound


def test_a_flag_that_we_never_write_is_not_position_bound():
    header, parts = header_of([bytes(8) + b"k" * 32], STEWARD), []
    for index, flag in enumerate((2, 1)):
        nonce = bytes(10) + bytes([index, flag])
        parts.append(nonce + ChaCha20Poly1305(b"k" * 32).encrypt(nonce, bytes(SEGMENT), None))

    assert not read(header + b"".join(parts))[1].position_bound


def test_an_empty_body_proves_nothing():
    for whole in (envelopes().new().header, reference_seals(b"", STEWARD)):
        plain, result = read(whole)
        assert plain == b""
        assert not result.position_bound
        assert "removed" in result.note


def test_several_data_keys_are_tried():
    keys = [bytes(8) + bytes([n]) * 32 for n in range(3)]
    parts = []
    for n, content in enumerate(keys):
        opened = envelopes().open(header_of([content], STEWARD))
        parts.append(pieces(body(opened, PLAIN))[n])

    plain, result = read(header_of(keys, STEWARD) + b"".join(parts))

    assert plain == PLAIN
    assert not result.position_bound


@pytest.mark.parametrize("content", [b"\1" + bytes(3) + b"\1" + bytes(11), b"\7" + bytes(39), b""])
def test_edit_lists_and_unknown_packets_are_refused_by_name(content):
    header = header_of([bytes(8) + bytes(32), content], STEWARD)

    with pytest.raises(UnsealFailed, match="an edit list, or a packet of an unknown kind"):
        read(header)


def test_what_does_not_open_is_refused():
    whole = stored(envelopes().new(), PLAIN)
    huge = (1 << 32) - 1
    bad = bytearray(whole)
    bad[-1] ^= 1

    for broken in (
        b"",
        b"no crypt4gh at all, but long enough",
        whole[:100],
        whole[:8] + b"\2\0\0\0" + whole[12:],
        whole[:12] + bytes(4) + whole[16:],
        whole[:12] + huge.to_bytes(4, "little") + whole[16:],
        whole[:16] + huge.to_bytes(4, "little") + whole[20:],
        whole[:16] + bytes(4) + whole[20:],
        whole[:16] + b"\6\0\0\0" + whole[20:],
        whole[:-1],
        whole[:150],
        whole + bytes(28),
        bytes(bad),
    ):
        with pytest.raises(UnsealFailed, match="do not open"):
            read(broken)


def test_packets_of_other_methods_and_other_readers_are_passed_over():
    ours = header_of([bytes(8) + b"k" * 32], STRANGER, STEWARD)
    odd = (20).to_bytes(4, "little") + b"\1" + bytes(15)
    short = (30).to_bytes(4, "little") + bytes(26)
    shorter = (50).to_bytes(4, "little") + bytes(4) + b"w" * 42
    header = ours[:12] + (5).to_bytes(4, "little") + odd + short + shorter + ours[16:]

    assert read(header)[0] == b""


def test_a_stranger_is_refused():
    with pytest.raises(UnsealFailed, match="do not open"):
        read(stored(envelopes().new(), PLAIN), STRANGER)
