"""Zip archives that every program unpacks alike.

A zip names its files twice: before each, and in a directory at its end. One program believes the
directory, another reads from the front; what begins with something else, or has something between,
is another archive to each of them. So what an auditor unpacks could be other than what was checked.
"""

from __future__ import annotations

import os
import struct
import zipfile
import zlib
from typing import IO, Final

from hdh_migrate.evidence import tapes

MAGIC: Final = b"PK"
_LOCAL: Final = struct.Struct("<4sHHH4xIIIHH")
"""The header before an entry: its magic, what unpacks it, flags, packing, checksum, sizes, and the
lengths of what follows."""
_CENTRAL: Final = struct.Struct("<4s24xHHH12x")
"""An entry of the directory: its magic, and the lengths of what follows."""
_END: Final = struct.Struct("<4sHHHHIIH")
"""The end: its magic, its disk and the directory's, entries here and in all, bytes and place of the
directory, and the length of a comment."""
_LONG_END: Final = struct.Struct("<4sQ4xIIQQQQ")
"""The same with longer numbers, which stands before it; its second number is its own length."""
_LOCATOR: Final = struct.Struct("<4sIQI")
"""Between these two: where the long one is."""
_SMALL, _LARGE = 0xFFFF, 0xFFFFFFFF
_NEWEST: Final = 45
"""The version of the format that its long form needs; of what needs a later one some programs leave
an entry out."""
_SIZES_FOLLOW: Final = 8
_LOCKED: Final = 0x2041
"""The flags of what takes a password."""
_ELSEWHERE: Final = _LARGE
_DESCRIPTORS: Final = {12, 16, 20, 24}
"""Bytes of the sizes that may follow an entry: with or without their own magic, 4 or 8 each."""
_PIECE: Final = 1 << 16
_EXTRA: Final = struct.Struct("<HH")
"""What stands before each extra field: its kind, and its length."""
_HARMLESS: Final = {0x0001, 0x000A, 0x5455, 0x5855, 0x7855, 0x7875, 0xA220, 0xCAFE}
"""Kinds of extra fields that are lengths, times, owners, room, or a mark of Java's. Others may give
an entry another name (0x7075), or make a link of it (0x000d, 0x756e), to programs that know them.
"""


def demand_plain(file: IO[bytes], archive: zipfile.ZipFile) -> None:
    """Demand that a zip is its entries one after another and its directory, and nothing besides.

    Raises:
        BadZipFile: it is not, or it is a tar archive as well.
    """
    file.seek(0)
    if tapes.is_header(file.read(tapes.BLOCK)):
        raise zipfile.BadZipFile("a tar archive, too")
    listed = sorted(archive.infolist(), key=lambda info: info.header_offset)
    ends = [info.header_offset for info in listed[1:]] + [archive.start_dir]
    at = 0
    for info, end in zip(listed, ends, strict=True):
        if info.header_offset != at:
            raise zipfile.BadZipFile("something that the directory does not list")
        _demand_entry(file, info, end)
        at = end
    if at != archive.start_dir:
        raise zipfile.BadZipFile("something that the directory does not list")
    _demand_end(file, at, len(listed))


def _demand_end(file: IO[bytes], begin: int, many: int) -> None:
    """Demand that directory and file end as they say, with nothing behind.

    Who finds an end that does not add up looks for an earlier one, which may stand in an entry.
    """
    at = begin
    for _ in range(many):
        file.seek(at)
        magic, *lengths = _CENTRAL.unpack(file.read(_CENTRAL.size))
        if magic != b"PK\1\2":
            raise zipfile.BadZipFile("a directory that ends before its end")
        at += _CENTRAL.size + sum(lengths)
    file.seek(at)
    rest = file.read(_LONG_END.size + _LOCATOR.size + _END.size + _SMALL + 1)
    true = (0, 0, many, many, at - begin, begin)
    is_long = rest.startswith(b"PK\6\6")
    if is_long:
        _, own, *told = _LONG_END.unpack_from(rest)
        places = _LOCATOR.unpack_from(rest, _LONG_END.size)
        if own != _LONG_END.size - 12 or (*told,) != true or places != (b"PK\6\7", 0, at, 1):
            raise zipfile.BadZipFile("an end that does not add up")
        rest = rest[_LONG_END.size + _LOCATOR.size :]
    magic, *told, comment = _END.unpack_from(rest)
    most = (_SMALL,) * 4 + (_LARGE,) * 2
    adds_up = all(
        one == right or (is_long and one == full)
        for one, right, full in zip(told, true, most, strict=True)
    )
    if not adds_up or magic != b"PK\5\6" or len(rest) != _END.size + comment:
        raise zipfile.BadZipFile("an end that does not add up")


def _demand_entry(file: IO[bytes], info: zipfile.ZipInfo, end: int) -> None:
    file.seek(info.header_offset)
    head = file.read(_LOCAL.size)
    if len(head) < _LOCAL.size:
        raise zipfile.BadZipFile("cut short")
    magic, needed, flags, packing, crc, packed, size, name, extra = _LOCAL.unpack(head)
    file.seek(name, os.SEEK_CUR)
    for fields in (info.extra, file.read(extra)):
        _demand_harmless(fields)
    begin = info.header_offset + _LOCAL.size + name + extra
    gap = end - begin - info.compress_size
    other = (flags ^ info.flag_bits) & (_SIZES_FOLLOW | _LOCKED)
    if magic != b"PK\3\4" or packing != info.compress_type or other:
        raise zipfile.BadZipFile("an entry that is another one in the directory")
    if "\0" in info.orig_filename:
        raise zipfile.BadZipFile("a name of which some programs read the beginning alone")
    if max(needed, info.extract_version) > _NEWEST:
        raise zipfile.BadZipFile("an entry that not every program unpacks")
    if flags & _SIZES_FOLLOW:
        # Who reads from the front knows the end of what is deflated, and of nothing else.
        if gap not in _DESCRIPTORS or (packing != zipfile.ZIP_DEFLATED and info.compress_size):
            raise zipfile.BadZipFile("an entry whose end nobody knows")
        if info.compress_size:
            _demand_ends(file, begin, info.compress_size)
        return
    told = (packed, size) in {(info.compress_size, info.file_size), (_ELSEWHERE, _ELSEWHERE)}
    if gap or not told or crc != info.CRC:
        raise zipfile.BadZipFile("an entry of another size in the directory")


def _demand_harmless(fields: bytes) -> None:
    while fields:
        if len(fields) < _EXTRA.size:
            raise zipfile.BadZipFile("an extra field that ends too soon")
        kind, length = _EXTRA.unpack_from(fields)
        if kind not in _HARMLESS or length > len(fields) - _EXTRA.size:
            raise zipfile.BadZipFile("an extra field that not every program reads alike")
        fields = fields[_EXTRA.size + length :]


def _demand_ends(file: IO[bytes], begin: int, packed: int) -> None:
    """Demand that what is deflated ends with its last byte: behind an earlier end anything fits."""
    file.seek(begin)
    unpacker, left = zlib.decompressobj(-zlib.MAX_WBITS), packed
    while left and not unpacker.eof:
        piece = unpacker.unconsumed_tail
        if not piece:
            piece = file.read(min(left, _PIECE))
            if not piece:
                raise zipfile.BadZipFile("cut short")
            left -= len(piece)
        unpacker.decompress(piece, _PIECE)
    while unpacker.unconsumed_tail and not unpacker.eof:
        unpacker.decompress(unpacker.unconsumed_tail, _PIECE)
    if not unpacker.eof or left or unpacker.unused_data:
        raise zipfile.BadZipFile("an entry that ends before its end")
