"""What a channel has received and nobody has taken, in the pieces in which it came."""

from __future__ import annotations

from collections import deque

from paramiko.buffered_pipe import BufferedPipe


class _Pieces:
    """Bytes in order; stands in for the array that paramiko adds to and cuts from."""

    def __init__(self) -> None:
        self._held: deque[bytes] = deque()
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def add(self, data: bytes) -> None:
        """Put some behind the others, without a copy."""
        if data:
            self._held.append(data)
            self._size += len(data)

    def first(self, limit: int | None) -> bytes:
        """Return the first bytes, `limit` of them at the most; they stay."""
        if len(self._held) > 1:
            self._held = deque([b"".join(self._held)])
        whole = self._held[0] if self._held else b""
        return whole if limit is None else whole[:limit]

    def __delitem__(self, taken: slice) -> None:
        """Let go of the first bytes, or of all."""
        whole, self._held = self.first(None), deque()
        self._size = 0
        if taken.stop is not None:
            self.add(whole[taken.stop :])


class PiecePipe(BufferedPipe):  # type: ignore[misc]  # of a package without types
    """paramiko's pipe between the thread that receives and the one that reads, with fewer copies.

    Its own copies each byte into an array, out of it, and moves what is behind.
    """

    def __init__(self) -> None:
        """Make an empty one."""
        super().__init__()
        self._buffer = _Pieces()

    def _buffer_frombytes(self, data: bytes) -> None:
        self._buffer.add(data)

    def _buffer_tobytes(self, limit: int | None = None) -> bytes:
        return self._buffer.first(limit)
