"""Two recipients are two points: none that all can open for, none that is another in disguise."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from hdh_migrate.errors import KeyUnavailable
from hdh_migrate.sealing.keys import PublicKey, is_honest
from tests.unit.sealing.helpers import STEWARD

PRIME = 2**255 - 19
SMALL = [
    0,
    1,
    325606250916557431795983626356110631294008115727848805560023387167927233504,
    39382357235489614581723060781553021112529911719440698176882885853963445705823,
    PRIME - 1,
]
"""The u-coordinates of order 1, 2, 4 and 8 on Curve25519 and its twist (RFC 7748, section 7)."""


def written(folder: Path, raw: bytes) -> Path:
    path = folder / "escrow.pub"
    body = base64.b64encode(raw).decode()
    kind = "CRYPT4GH PUBLIC KEY"
    path.write_text(f"-----BEGIN {kind}-----\n{body}\n-----END {kind}-----\n")
    return path


def number(value: int) -> bytes:
    return value.to_bytes(32, "little")


STEWARDS = int.from_bytes(STEWARD.public.raw, "little")
DISHONEST = {
    **{f"small order {value}": number(value) for value in SMALL},
    **{f"small order {value}, top bit": number(value | 1 << 255) for value in SMALL},
    "the prime": number(PRIME),
    "the prime and one": number(PRIME + 1),
    "the base point beyond the prime": number(PRIME + 9),
    "the steward's with its top bit": number(STEWARDS | 1 << 255),
    "all ones": bytes([255]) * 32,
}


@pytest.mark.parametrize("raw", DISHONEST.values(), ids=DISHONEST)
def test_a_recipient_that_is_no_honest_point_is_refused(tmp_path: Path, raw: bytes) -> None:
    with pytest.raises(KeyUnavailable, match="no honest public key"):
        PublicKey.load(written(tmp_path, raw))


def test_an_honest_point_is_taken(tmp_path: Path) -> None:
    assert PublicKey.load(written(tmp_path, STEWARD.public.raw)) == STEWARD.public
    assert is_honest(number(9))
