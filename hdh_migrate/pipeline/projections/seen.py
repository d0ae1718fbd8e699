"""Remember which objects of a ledger were seen: one bit each, so 100 million take 12.5 MB."""

from __future__ import annotations


class SeenIds:
    """A set of object ids up to a known one."""

    def __init__(self, last: int) -> None:
        self.last = last
        self._bits = bytearray(last // 8 + 1)

    def mark(self, number: int) -> None:
        """Note that an object was seen."""
        self._bits[number >> 3] |= 1 << (number & 7)

    def has(self, number: int) -> bool:
        """Return whether the object with this number was seen."""
        return bool(self._bits[number >> 3] & (1 << (number & 7)))
