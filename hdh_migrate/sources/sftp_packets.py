"""SFTP version 3 as it is on the wire: requests, replies, attributes.

Source: draft-ietf-secsh-filexfer-02, which is what servers speak. Names are bytes. paramiko's own
client is not used: it decodes names, believes a file that ends early, and keeps what arrives
without a bound (docs/decisions/0046-sftp.md).
"""

from __future__ import annotations

import stat
import struct
from enum import IntEnum
from typing import Final, NamedTuple

from hdh_migrate.errors import ShortRead
from hdh_migrate.frozen import mutable_row

VERSION: Final = 3
PACKET_MAX: Final = 300_000
"""Bytes of the longest reply that is taken: more than the 256 KiB of OpenSSH."""

_FLAGS: Final = 0x0000_000F | 0x8000_0000
_SIZE, _OWNER, _PERMISSIONS, _TIMES, _EXTENDED = 1, 2, 4, 8, 0x8000_0000


class Ask(IntEnum):
    """Kinds of requests; none of them can change anything."""

    INIT = 1
    OPEN = 3
    CLOSE = 4
    READ = 5
    LSTAT = 7
    FSTAT = 8
    OPENDIR = 11
    READDIR = 12
    REALPATH = 16


class ReplyKind(IntEnum):
    """Kinds of replies."""

    VERSION = 2
    STATUS = 101
    HANDLE = 102
    DATA = 103
    NAME = 104
    ATTRS = 105


class StatusCode(IntEnum):
    """What a STATUS reply says; others are failures as well."""

    OK = 0
    EOF = 1
    NO_SUCH_FILE = 2
    PERMISSION_DENIED = 3
    FAILURE = 4
    BAD_MESSAGE = 5
    NO_CONNECTION = 6
    CONNECTION_LOST = 7
    OP_UNSUPPORTED = 8


class Attrs(NamedTuple):
    """What a server says of one file; None: it does not say."""

    size: int | None
    mode: int | None
    modified: int | None
    """Seconds since 1970."""

    @property
    def is_whole(self) -> bool:
        """Whether it says everything that is needed."""
        return None not in self

    @property
    def is_folder(self) -> bool:
        """Whether it is a directory."""
        return self.mode is not None and stat.S_ISDIR(self.mode)

    @property
    def kind(self) -> str:
        """What kind of object it is; see `model.ObjectInfo.kind`."""
        mode = self.mode or 0
        if stat.S_ISREG(mode):
            return "object"
        return "symlink" if stat.S_ISLNK(mode) else "special-file"


@mutable_row
class Fields:
    """Reads the fields of one packet, in order.

    Raises (each of them):
        ShortRead: the packet ends before the field does.
    """

    data: bytes
    at: int = 0

    def number(self) -> int:
        """Return an unsigned number of four bytes."""
        return self._unpacked(">I", 4)

    def long(self) -> int:
        """Return an unsigned number of eight bytes."""
        return self._unpacked(">Q", 8)

    def text(self) -> bytes:
        """Return a string of bytes."""
        size = self.number()
        if size > len(self.data) - self.at:
            raise ShortRead("the SFTP server sent a packet that contradicts itself")
        found = self.data[self.at : self.at + size]
        self.at += size
        return found

    def attrs(self) -> Attrs:
        """Return attributes."""
        flags = self.number()
        if flags & ~_FLAGS:
            raise ShortRead("the SFTP server sent attributes that version 3 does not have")
        size = self.long() if flags & _SIZE else None
        if flags & _OWNER:
            self.number(), self.number()
        mode = self.number() if flags & _PERMISSIONS else None
        modified = None
        if flags & _TIMES:
            self.number()
            modified = self.number()
        if flags & _EXTENDED:
            for _ in range(self.number()):
                self.text(), self.text()
        return Attrs(size, mode, modified)

    def _unpacked(self, form: str, size: int) -> int:
        try:
            (found,) = struct.unpack_from(form, self.data, self.at)
        except struct.error as error:
            raise ShortRead("the SFTP server sent a packet that contradicts itself") from error
        self.at += size
        return int(found)


def text(value: bytes) -> bytes:
    """Return a string of bytes as it is sent."""
    return struct.pack(">I", len(value)) + value
