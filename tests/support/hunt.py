"""Search everything that a run leaves behind for what must never be there."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Mapping
from pathlib import Path

from crypt4gh.header import deconstruct


def data_key(stored: bytes, reader: bytes) -> bytes:
    """Return the data key of a stored object, as the reference package reads it."""
    keys, _ = deconstruct(io.BytesIO(stored), [(0, reader, None)])
    return bytes(keys[0])


def spellings(secret: bytes) -> set[bytes]:
    """Return the ways in which bytes may be written down; base64 at each of its three phases."""
    phased = {
        base64.b64encode(secret[start : start + (len(secret) - start) // 3 * 3]).rstrip(b"=")
        for start in range(3)
    }
    urlsafe = {text.translate(bytes.maketrans(b"+/", b"-_")) for text in phased}
    return {secret, secret.hex().encode(), secret.hex().upper().encode(), *phased, *urlsafe}


def found(
    secrets: Mapping[str, bytes], texts: Iterable[bytes], folders: Iterable[Path]
) -> list[str]:
    """Return which secrets stand in which text or file, in any spelling."""
    places = [(f"text {number}", text) for number, text in enumerate(texts)]
    places += [
        (str(path), path.read_bytes())
        for folder in folders
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    ]
    return [
        f"{name} in {place}"
        for name, secret in secrets.items()
        for spelling in spellings(secret)
        for place, content in places
        if spelling in content
    ]
