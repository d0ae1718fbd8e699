"""The unsealed twin has the same shape and the same rules; only the protection is missing."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdh_migrate.errors import UnsealFailed
from hdh_migrate.model import SEGMENT
from hdh_migrate.sealing.crypt4gh import Crypt4ghEnvelopes
from hdh_migrate.sealing.plain import PlainEnvelopes


def public(thing: type) -> set[str]:
    return {name for name in dir(thing) if not name.startswith("_")}


def test_the_twin_offers_what_the_sealed_form_offers():
    assert public(Crypt4ghEnvelopes) == public(PlainEnvelopes)


@given(plain=st.binary(max_size=300), cuts=st.lists(st.integers(0, 300)))
def test_any_cut_makes_the_round_trip(plain, cuts):
    made, out = PlainEnvelopes(), bytearray()
    room = memoryview(bytearray(made.sealed_size(len(plain))))
    envelope = made.open(made.new().header)
    assert envelope.seal_into(memoryview(plain), 0, final=True, out=room) == len(plain)

    unsealer = made.unsealer(size=len(plain), write=out.extend)
    edges = [0, *sorted(min(cut, len(plain)) for cut in cuts), len(plain)]
    for start, end in pairwise(edges):
        unsealer.write(room[start:end])
    unsealer.close()

    assert out == plain
    assert made.header_size == len(envelope.header) == 0
    made.self_test()
    assert (repr(made), repr(envelope)) == ("PlainEnvelopes()", "PlainEnvelope()")


def test_too_few_and_too_many_bytes_are_refused_and_none_too_many_is_handed_on():
    out = bytearray()
    short = PlainEnvelopes().unsealer(size=3, write=out.extend)
    short.write(b"ab")
    with pytest.raises(UnsealFailed, match="not as many"):
        short.close()
    with pytest.raises(UnsealFailed, match="not as many"):
        short.write(b"c")

    long = PlainEnvelopes().unsealer(size=3, write=out.extend)
    with pytest.raises(UnsealFailed, match="not as many"):
        long.write(b"abcd")
    with pytest.raises(UnsealFailed, match="not as many"):
        long.close()
    assert out == b"ab"


def test_what_was_sealed_is_not_taken_for_plain():
    with pytest.raises(UnsealFailed, match="was sealed"):
        PlainEnvelopes().open(b"crypt4gh")
    with pytest.raises(UnsealFailed, match="was sealed"):
        PlainEnvelopes().unsealer(size=0, write=len, header=b"crypt4gh")


@pytest.mark.parametrize(
    ("size", "first", "final", "room"),
    [(SEGMENT - 1, 0, False, SEGMENT), (0, 1, True, 1), (1, -1, True, 1), (2, 0, True, 1)],
)
def test_the_rules_of_sealing_hold_here_too(size, first, final, room):
    envelope = PlainEnvelopes().new()
    with pytest.raises(ValueError, match="segments are full"):
        envelope.seal_into(
            memoryview(bytes(size)), first, final=final, out=memoryview(bytearray(room))
        )
