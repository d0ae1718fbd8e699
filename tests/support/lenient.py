"""Any Crypt4GH file, from any tool: opened as the standard says, which promises less than we do.

The standard does not notice segments that are removed, swapped or repeated. The result says
whether this file is one that would have.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from hdh_migrate.errors import UnsealFailed
from hdh_migrate.model import SEGMENT
from hdh_migrate.sealing.keys import PrivateKey
from hdh_migrate.sealing.packets import (
    DATA_KEY,
    MAGIC,
    NONCE,
    PREFIX,
    SEALED_SEGMENT,
    SEGMENT_EXTRA,
    PacketReader,
    segment_nonce,
    unseal_failed,
)

_PACKETS_MAX: Final = 1_000
_PACKET_MAX: Final = 64 << 10


@dataclass(frozen=True, slots=True)
class LenientResult:
    """What was read: plaintext bytes, and whether their order and number are proven."""

    size: int
    position_bound: bool
    note: str


def read_lenient(
    stream: BinaryIO, identity: PrivateKey, write: Callable[[memoryview], object]
) -> LenientResult:
    """Open a Crypt4GH stream to its end, handing plaintext on segment by segment.

    What `write` gets is valid during the call only. Discard it all after an error.

    Raises:
        UnsealFailed: no packet is for this identity, a segment does not open, or the file
            carries an edit list.
    """
    keys = _data_keys(stream, PacketReader(identity))
    sealed = memoryview(bytearray(SEALED_SEGMENT))
    plain = memoryview(bytearray(SEGMENT))
    size = index = 0
    bound, ended = len(keys) == 1, False
    while length := _fill(stream, sealed):
        inner, last = (segment_nonce(index, last=flag) for flag in (False, True))
        bound = bound and not ended and sealed[:NONCE] in (inner, last)
        ended = sealed[:NONCE] == last
        got = _open(keys, sealed[:length], plain)
        write(plain[:got])
        size += got
        index += 1
    return LenientResult(size, bound and ended, _note(bound=bound and ended, size=size))


def _note(*, bound: bool, size: int) -> str:
    if bound:
        return "position-bound: every segment is at its place and the last one is marked"
    if not size:
        return "not position-bound: an empty object, or one whose whole body was removed"
    return "not position-bound: removed, swapped or repeated segments would not be noticed"


def _data_keys(stream: BinaryIO, reader: PacketReader) -> list[ChaCha20Poly1305]:
    keys = []
    for packet in _packets(stream):
        content = reader.open(packet)
        if content is None:
            continue
        if content.startswith(DATA_KEY) and len(content) >= len(DATA_KEY) + 32:
            keys.append(ChaCha20Poly1305(content[len(DATA_KEY) :][:32]))
        else:
            raise UnsealFailed(
                "the file carries an edit list, or a packet of an unknown kind",
                hint="open it with the crypt4gh tool that made it",
            )
    if not keys:
        raise unseal_failed()
    return keys


def _packets(stream: BinaryIO) -> Iterator[bytes]:
    prefix = _exactly(stream, PREFIX)
    count = int.from_bytes(prefix[12:], "little")
    if not prefix.startswith(MAGIC) or not 1 <= count <= _PACKETS_MAX:
        raise unseal_failed()
    for _ in range(count):
        length = int.from_bytes(_exactly(stream, 4), "little") - 4
        if not 0 < length <= _PACKET_MAX:
            raise unseal_failed()
        yield _exactly(stream, length)


def _open(keys: list[ChaCha20Poly1305], sealed: memoryview, plain: memoryview) -> int:
    """Open one segment with the key that fits, and have that key tried first next time."""
    size = len(sealed) - SEGMENT_EXTRA
    if size <= 0:
        raise unseal_failed()
    for at, key in enumerate(keys):
        try:
            key.decrypt_into(sealed[:NONCE], sealed[NONCE:], None, plain[:size])
        except InvalidTag:
            continue
        keys.insert(0, keys.pop(at))
        return size
    raise unseal_failed()


def _exactly(stream: BinaryIO, size: int) -> bytes:
    buffer = bytearray(size)
    if _fill(stream, memoryview(buffer)) != size:
        raise unseal_failed()
    return bytes(buffer)


def _fill(stream: BinaryIO, buffer: memoryview) -> int:
    """Read until the buffer is full or the stream ends; return bytes read."""
    filled = 0
    while filled < len(buffer):
        data = stream.read(len(buffer) - filled)
        if not data:
            break
        buffer[filled : filled + len(data)] = data
        filled += len(data)
    return filled
