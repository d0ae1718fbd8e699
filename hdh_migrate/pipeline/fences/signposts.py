"""Signposts: what no later ledger may be ignorant of stands at the target, too.

A ledger that is made anew, or an old copy, knows neither that a dataset was erased nor that a
recipient's key was replaced: it would bring the data back, or vouch for a key that opens nothing
any more. So each such deed leaves a small object beside the fence, before it begins, and an
exchange of keys another one when it has ended. It is believed in one direction only: it makes a
ledger refuse, never do anything. Who may write in the bucket can remove it, as he can everything
there.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from itertools import islice
from typing import Final, Literal

from hdh_migrate.errors import Conflict, Missing
from hdh_migrate.events.registry import read_body
from hdh_migrate.fixity import canonical_json, sha256_hex
from hdh_migrate.frozen import frozen
from hdh_migrate.jsonform import JsonForm, OtherForm, json_form
from hdh_migrate.model import FENCES, Place, Stamp, Stored
from hdh_migrate.pipeline.fences.fence import naming_right
from hdh_migrate.pipeline.retrying import Retrying
from hdh_migrate.ports.stores import TargetReader, TargetWriter

FORMAT: Final = "urn:hdh-migrate:signpost:v1"
SIZE_MAX: Final = 16_384
MOST: Final = 10_000
"""Signposts that are read of one bucket; what lies behind them cannot be read by anybody."""

ERASED: Final = "erased"
EXCHANGING: Final = "exchanging"
EXCHANGED: Final = "exchanged"

_KEY = re.compile("(?:[0-9a-f]{2}){16,4096}")


@json_form
class Signpost(JsonForm):
    """What was done, by which ledger; nothing in it identifies people."""

    format: str
    migration: str
    ledger: str
    what: Literal["erased", "exchanging", "exchanged"]
    dataset: str
    """Whose headers were erased; empty otherwise."""
    number: int
    """Of the exchange of keys; 0 otherwise."""
    recipients: tuple[str, ...]
    """For whom is sealed since: public keys in hexadecimal; none otherwise."""
    at: str


@frozen
class SeenSignpost:
    """One object among the signposts; `post` is None where nobody can read what it says."""

    key: str
    post: Signpost | None


def erased(migration: str, ledger: str, dataset: str, at: str) -> Signpost:
    """Return what tells that a dataset's headers were erased."""
    return Signpost(
        format=FORMAT, migration=migration, ledger=ledger, what=ERASED, dataset=dataset, number=0,
        recipients=(), at=at,
    )  # fmt: skip


def key_exchange(
    migration: str,
    ledger: str,
    number: int,
    recipients: Sequence[str],
    at: str,
    *,
    ended: bool,
) -> Signpost:
    """Return what tells that a recipient's key is being replaced, or was for every object."""
    return Signpost(
        format=FORMAT, migration=migration, ledger=ledger, what=EXCHANGED if ended else EXCHANGING,
        dataset="", number=number, recipients=tuple(recipients), at=at,
    )  # fmt: skip


def put_up(writer: TargetWriter, retry: Retrying, buckets: Sequence[str], post: Signpost) -> None:
    """Leave a signpost in each bucket; one that stands there already stays as it is.

    Raises:
        StorageError: it cannot be written; nothing that it tells of may be done.
    """
    which = post.dataset if post.what == ERASED else f"{post.number:06}"
    key = f"{place_of(post.migration)}{post.what}-{post.ledger}-{which}.json"
    body = canonical_json(post.as_json())

    def put(bucket: str) -> None:
        stamp = Stamp(attempt=f"{post.ledger}.signpost.{post.what}")
        with naming_right(bucket, "s3:PutObject"):
            if writer.head(bucket, key) is None:
                writer.put(
                    bucket, key, memoryview(body), sha256=sha256_hex(body), stamp=stamp,
                    replaces=None,
                )  # fmt: skip

    for bucket in buckets:
        try:
            retry(partial(put, bucket))
        except Conflict:  # somebody was quicker, or our own reply was lost
            if retry(partial(writer.head, bucket, key)) is None:
                raise


def signposts(
    reader: TargetReader, retry: Retrying, bucket: str, migration: str
) -> list[SeenSignpost]:
    """Read a bucket's signposts of a migration.

    Raises:
        StorageError: it cannot be learned which there are.
    """
    place = Place(bucket=bucket, prefix=place_of(migration))
    with naming_right(bucket, "s3:GetObject"):
        listed = retry(lambda: list(islice(reader.keys(place), MOST + 1)))
        found = [
            SeenSignpost(key=one.key, post=retry(partial(_read, reader, bucket, one, migration)))
            for one in listed[:MOST]
        ]
    # A refusal must not be hidden behind a heap of objects.
    return found + [SeenSignpost(key=one.key, post=None) for one in listed[MOST:]]


def place_of(migration: str) -> str:
    """Return how the keys of a migration's signposts begin, the same in every bucket."""
    return f"{FENCES}{migration}/"


def _read(reader: TargetReader, bucket: str, stored: Stored, migration: str) -> Signpost | None:
    if stored.size > SIZE_MAX:
        return None
    body = bytearray()
    try:
        reader.read(bucket, stored, None, body.extend)
        found = read_body(Signpost, body.decode())
    except (Missing, Conflict, OtherForm, UnicodeDecodeError):
        return None
    right = (found.format, found.migration) == (FORMAT, migration)
    return found if right and all(map(_KEY.fullmatch, found.recipients)) else None
