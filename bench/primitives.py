"""What digests and cipher take alone on this machine: below that no copy with proof goes."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from bench.corpora import MIB

AMOUNT = 128 * MIB
WINDOW = 256 * 1024
"""What is handled at once: a transfer works in windows of this size, too."""
SEGMENT = 64 * 1024
ROUNDS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Primitives:
    """CPU seconds that one GiB takes on one processor, the best of some rounds."""

    sha256: float
    md5: float
    cipher: float
    """ChaCha20-Poly1305 by segments of 64 KiB, as Crypt4GH has them."""

    @classmethod
    def measured(cls) -> Primitives:
        """Measure them; takes about a second."""
        data = memoryview(os.urandom(WINDOW))
        cipher, nonce = ChaCha20Poly1305(os.urandom(32)), bytes(12)
        digest, weak = hashlib.sha256(), hashlib.md5(usedforsecurity=False)

        def seal() -> None:
            for at in range(0, WINDOW, SEGMENT):
                cipher.encrypt(nonce, data[at : at + SEGMENT], None)

        return cls(
            sha256=_of_a_gib(lambda: digest.update(data)),
            md5=_of_a_gib(lambda: weak.update(data)),
            cipher=_of_a_gib(seal),
        )

    def passes(self) -> tuple[tuple[str, float], ...]:
        """Return what each work with large objects needs of them, in words and seconds a GiB."""
        copy, back = 2 * self.sha256 + self.cipher, 3 * self.sha256 + self.cipher
        return (
            ("sealed copy: SHA-256 twice, the cipher", copy),
            ("read-back: SHA-256 three times, the cipher", back),
            ("read-back where the source claims an MD5: that, too", back + self.md5),
        )


def _of_a_gib(work: Callable[[], object]) -> float:
    best = float("inf")
    for _ in range(ROUNDS):
        began = time.process_time()
        for _ in range(AMOUNT // WINDOW):
            work()
        best = min(best, time.process_time() - began)
    return best * (1024 * MIB / AMOUNT)
