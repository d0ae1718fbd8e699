"""What an opened header pack holds; docs/header-packs.md tells the form of its lines."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Final

from hdh_migrate.errors import PackDamaged
from hdh_migrate.frozen import frozen_row
from hdh_migrate.pipeline.line_names import key_of

FORMAT: Final = "urn:hdh-migrate:header-pack:v1"

DATA_KEY: Final = 32
"""Bytes of a data key."""


@frozen_row
class PackedKey:
    """What a line of a pack says that is needed to open its object."""

    key: str
    data_key: bytes


def lines_of(pack: bytes, dataset: str, bucket: str) -> Iterator[PackedKey]:
    """Yield what an opened pack of a dataset holds.

    Whoever has the stewards' public keys can make a pack: what it says is proved by reading.

    Raises:
        PackDamaged: it is none, or of another dataset or bucket.
    """
    head, *lines = pack.split(b"\n")
    wanted = {"bucket": bucket, "dataset": dataset, "format": FORMAT}
    try:
        if json.loads(head) != wanted or not lines or lines.pop():
            raise PackDamaged("a header pack is damaged, or that of another dataset")
        for text in lines:
            line = json.loads(text)
            data_key = base64.b64decode(line["data_key"], validate=True)
            if len(data_key) != DATA_KEY:
                raise PackDamaged("a header pack is damaged")
            yield PackedKey(key_of(line), data_key)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise PackDamaged("a header pack is damaged") from None
