"""Tar archives, as much of them as a bundle needs: plain files, folders, and long names.

Read from front to back in bounded memory. Written out because the standard library's reader
believes what a header says of its own size, and follows links and holes that no bundle has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import IO, Final, NamedTuple

BLOCK: Final = 512
PIECE: Final = 1 << 20
HEADER_MAX: Final = 1 << 16
"""Bytes of the largest header that goes before an entry (POSIX pax, GNU long name)."""

_FILES: Final = {b"0", b"\0", b"7"}
_FOLDER, _LONG_NAME, _ITS_PAX, _ALL_PAX = b"5", b"L", b"x", b"g"
_DECIDING: Final = {"path", "size", "linkpath", "hdrcharset", "SCHILY.filetype"}
"""In a header for all that follows these hold for every entry to some programs, to others for the
next one; so the name and the bytes of an entry come from nothing but its own header."""


class TarEntry(NamedTuple):
    """One entry of an archive; `pieces` is read before the next entry is asked for."""

    name: str
    plain: bool
    pieces: Callable[[], Iterator[bytes]]


def entries(file: IO[bytes], most: int) -> Iterator[TarEntry]:
    """Yield the entries, folders left out; what is no plain file is said to be none.

    After `most` bytes, headers and all, the archive is taken for one that does not end.

    Raises:
        ValueError, EOFError: it is no tar archive, or is cut short.
    """
    tape, said, empty = _Tape(file, most), dict[str, str](), True
    while block := _whole(tape, BLOCK, or_nothing=not empty):
        if not block.strip(b"\0"):
            _demand_nothing(tape)
            return
        empty = False
        kind, size, name = block[156:157], _number(block[124:136]), _name(block)
        if not is_header(block):
            raise ValueError("no header of a tar archive")
        if kind in {_LONG_NAME, _ITS_PAX, _ALL_PAX}:
            said |= _head(kind, _padded(tape, size), said)
            continue
        size = _digits(said["size"].encode(), 10) if "size" in said else size
        if size < 0 or (size and kind == _FOLDER):
            raise ValueError("a size that cannot be")
        body = _Body(tape, size)
        if kind != _FOLDER:
            # What has holes has more bytes than are here.
            holes = _decides(said.keys() - {"path", "size"})
            yield TarEntry(said.get("path", name), kind in _FILES and not holes, body.pieces)
        for _ in body.pieces():
            pass  # who took the entry has read it; who did not steps over it
        _whole(tape, -size % BLOCK)
        said = {}
    if empty:
        raise ValueError("nothing at all")


def is_header(block: bytes) -> bool:
    """Say whether 512 bytes are what stands before an entry: their sum is among them."""
    try:
        return len(block) == BLOCK and int(block[148:156].strip(b"\0 ") or b"0", 8) == _sum(block)
    except ValueError:
        return False


def _demand_nothing(tape: _Tape) -> None:
    """Demand that zeros alone follow: behind the end some programs go on unpacking.

    Raises:
        ValueError: there is more.
    """
    while piece := tape.read(PIECE):
        if piece.strip(b"\0"):
            raise ValueError("more behind the end")


class _Tape:
    """A file that ends when more is read of it than there can be."""

    def __init__(self, file: IO[bytes], most: int) -> None:
        self._file, self._left = file, most

    def read(self, size: int) -> bytes:
        data = self._file.read(size)
        self._left -= len(data)
        if self._left < 0:
            raise ValueError("more than there can be")
        return data


class _Body:
    """The bytes of one entry, read once."""

    def __init__(self, tape: _Tape, size: int) -> None:
        self._tape, self._left = tape, size

    def pieces(self) -> Iterator[bytes]:
        while self._left:
            piece = _whole(self._tape, min(self._left, PIECE))
            self._left -= len(piece)
            yield piece


def _whole(tape: _Tape, size: int, *, or_nothing: bool = False) -> bytes:
    data = b""
    while len(data) < size:
        more = tape.read(size - len(data))
        if not more:
            if or_nothing and not data:
                return b""
            raise EOFError("cut short")
        data += more
    return data


def _padded(tape: _Tape, size: int) -> bytes:
    if not 0 <= size <= HEADER_MAX:
        raise ValueError("a header too large to be one")
    return _whole(tape, size + -size % BLOCK)[:size]


def _head(kind: bytes, head: bytes, before: Mapping[str, str]) -> dict[str, str]:
    """Return what a header says of the next entry, which has no other one."""
    if kind == _ALL_PAX:
        if _decides(_pax(head)):
            raise ValueError("a header for all that follows")
        return {}
    if before:
        raise ValueError("two headers, of which each program believes another")
    return {"path": _text(head)} if kind == _LONG_NAME else _pax(head)


def _number(field: bytes) -> int:
    """Read a size: octal, or for large ones base 256."""
    if field[0] in {0x80, 0xFF}:
        return int.from_bytes(field[1:], "big", signed=field[0] == 0xFF)
    return _digits(field.strip(b"\0 ") or b"0", 8)


def _digits(text: bytes, base: int) -> int:
    """Read a number of digits alone: Python takes `1_0` for ten, others for one."""
    if not text.isdigit():
        raise ValueError("no number")
    return int(text, base)


def _decides(words: Iterable[str]) -> bool:
    """Say whether words of a pax header decide what an entry is called, and where it ends."""
    return any(word in _DECIDING or word.startswith(("GNU.", "SCHILY.real")) for word in words)


def _sum(block: bytes) -> int:
    return sum(block) - sum(block[148:156]) + 8 * 0x20


def _name(block: bytes) -> str:
    name, prefix = _text(block[:100]), _text(block[345:500])
    is_posix = block[257:263] == b"ustar\0"
    return f"{prefix}/{name}" if prefix and is_posix else name


def _text(data: bytes) -> str:
    return data.split(b"\0", 1)[0].decode("utf-8", "surrogateescape")


def _pax(data: bytes) -> dict[str, str]:
    """Read records, each its length, a space, and what it says, up to a line feed."""
    said: dict[str, str] = {}
    while data:
        head, _, _ = data.partition(b" ")
        length = int(head) if head.isdigit() and len(head) < 10 else 0
        if not len(head) + 3 <= length <= len(data) or data[length - 1 : length] != b"\n":
            raise ValueError("a header that does not add up")
        key, is_one, value = data[len(head) + 1 : length - 1].partition(b"=")
        if not is_one:
            raise ValueError("a header without a value")
        said[_text(key)] = _text(value)
        data = data[length:]
    return said
