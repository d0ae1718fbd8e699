"""The pipe of pieces behaves as paramiko's own, whatever is fed and taken."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paramiko.buffered_pipe import BufferedPipe, PipeTimeout

from hdh_migrate.ssh.pipe import PiecePipe

FED = st.binary(max_size=40)
TAKEN = st.integers(1, 60)


@given(st.lists(st.one_of(FED, TAKEN), max_size=40))
def test_it_gives_what_paramikos_own_gives(acts: list[bytes | int]) -> None:
    ours, theirs = PiecePipe(), BufferedPipe()
    for act in acts:
        if isinstance(act, bytes):
            ours.feed(act)
            theirs.feed(act)
        elif theirs.read_ready():
            assert ours.read(act, 0.0) == theirs.read(act, 0.0)
        else:
            with pytest.raises(PipeTimeout):
                ours.read(act, 0.0)
        assert (len(ours), ours.read_ready()) == (len(theirs), theirs.read_ready())
    assert ours.empty() == theirs.empty()
    ours.close()
    assert ours.read(1, 0.0) == b""


def test_who_waits_is_woken_by_a_piece_and_by_the_end() -> None:
    pipe, got = PiecePipe(), list[bytes]()

    def take() -> None:
        while piece := pipe.read(1 << 20):
            got.append(piece)

    reader = threading.Thread(target=take)
    reader.start()
    pipe.feed(b"one")
    pipe.feed(b"two")
    pipe.close()
    reader.join()
    assert b"".join(got) == b"onetwo"
