"""Section 10 for the second verifier: a checkpoint, which is a signed note."""

from __future__ import annotations

import re
from hashlib import sha256
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.support.second_forms import Json, Refused, merkle_root, need, unbase64


def check_note(
    note: bytes, predicate: Json, journal: bytes, trusted: Any, threshold: int, day: str
) -> None:
    need(len(note) <= 65_536, "checkpoint: too long")
    need(predicate["names"] == "plain", "checkpoint: a bundle with keyed names")
    text, between, tail = note.partition(b"\n\n")
    need(between and tail.endswith(b"\n"), "checkpoint: not a signed note")
    signed = text + b"\n"
    try:
        lines, signatures = text.decode().split("\n"), tail.decode()[:-1].split("\n")
    except UnicodeDecodeError:
        raise Refused("checkpoint: no text") from None
    need(len(lines) == 3, "checkpoint: not three lines")
    need(lines[0] == f"hdh-migrate/{predicate['migration']}/journal", "checkpoint: its origin")
    need(re.fullmatch("0|[1-9][0-9]*", lines[1]) and len(lines[1]) < 20, "checkpoint: its size")
    root, size = unbase64(lines[2], "checkpoint"), int(lines[1])
    counted = set()
    for line in signatures:
        found = re.fullmatch("\N{EM DASH} ([^ +\n]+) ([^ ]+)", line)
        if found is None:
            raise Refused("checkpoint: a line that is no signature")
        name, content = found[1], unbase64(found[2], "checkpoint: a signature")
        need(len(content) == 68, "checkpoint: a signature's length")
        for fingerprint, (key, until) in trusted.items():
            own = key.public_bytes(Encoding.Raw, PublicFormat.Raw)
            tag = sha256(name.encode() + b"\n\x01" + own).digest()[:4]
            if tag == content[:4] and (until is None or day <= until):
                try:
                    key.verify(content[4:], signed)
                except InvalidSignature:
                    continue
                counted.add(fingerprint)
    need(len(counted) >= threshold, "checkpoint: not enough trusted keys signed it")
    leaves = journal.split(b"\n")[:-1]
    need(size <= len(leaves), "checkpoint: it is about more events than there are")
    need(root == merkle_root(leaves[:size]), "checkpoint: another journal")
