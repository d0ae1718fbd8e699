"""The checksums that S3 knows, of small bodies: the two odd CRCs straight from their definition."""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Callable, Mapping


def _reflected(polynomial: int, bits: int) -> Callable[[bytes], bytes]:
    """Return a CRC with all bits reflected, all ones at start and end."""
    ones = (1 << bits) - 1

    def digest(data: bytes) -> bytes:
        value = ones
        for byte in data:
            value ^= byte
            for _ in range(8):
                value = value >> 1 ^ (polynomial if value & 1 else 0)
        return (value ^ ones).to_bytes(bits // 8, "big")

    return digest


CHECKSUMS: Mapping[str, Callable[[bytes], bytes]] = {
    "crc32": lambda data: zlib.crc32(data).to_bytes(4, "big"),
    "crc32c": _reflected(0x82F63B78, 32),
    "crc64nvme": _reflected(0x9A6C9329AC4BC9B5, 64),
    "sha1": lambda data: hashlib.sha1(data, usedforsecurity=False).digest(),
    "sha256": lambda data: hashlib.sha256(data).digest(),
}
"""By the end of the header's name, x-amz-checksum-NAME."""


def header_value(digest: bytes) -> str:
    """Return a digest as a header carries it."""
    return base64.b64encode(digest).decode()


def md5_value(data: bytes) -> str:
    """Return the value of Content-MD5."""
    return header_value(hashlib.md5(data, usedforsecurity=False).digest())
