"""A header for one more reader opens the same body, and nothing else."""

import pytest

from hdh_migrate.errors import Exit, UnsealFailed, UsageError
from hdh_migrate.grants.rewrapping import Rewrapping
from hdh_migrate.sealing.crypt4gh import Crypt4ghEnvelopes
from tests.unit.grants.helpers import READER, rewrapped, sealed_header
from tests.unit.sealing.helpers import ESCROW, STEWARD, STRANGER, body, reference_opens

PLAIN = bytes(n % 251 for n in range(200_000))


@pytest.fixture(scope="module")
def stored_object():
    made = Crypt4ghEnvelopes([STEWARD.public, ESCROW.public], STEWARD).new()
    return made.header, body(made, PLAIN)


def test_the_reference_tool_opens_an_object_with_the_readers_header(stored_object):
    header, segments = stored_object

    assert reference_opens(rewrapped(header) + segments, READER) == PLAIN


@pytest.mark.parametrize("other", [STRANGER, STEWARD, ESCROW])
def test_the_readers_header_opens_for_nobody_else(stored_object, other):
    with pytest.raises(UnsealFailed):
        Crypt4ghEnvelopes([other.public], other).open(rewrapped(stored_object[0]))


def test_headers_of_one_reader_differ():
    header = sealed_header()

    assert rewrapped(header) != rewrapped(header)


def test_the_stewards_own_key_is_no_reader():
    with pytest.raises(UsageError, match="steward's own key") as failure:
        Rewrapping.of(STEWARD, STEWARD.public)
    assert failure.value.exit_code is Exit.USAGE


def test_a_header_that_is_not_for_the_steward_is_refused():
    foreign = Crypt4ghEnvelopes([STRANGER.public], STRANGER).new().header

    with pytest.raises(UnsealFailed):
        rewrapped(foreign)
