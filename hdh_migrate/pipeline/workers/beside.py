"""Compare what the target keeps beside an object's bytes with what was written there.

Metadata, tags, retention and legal hold: whatever is written is read back, or it is said that it
could not be. Each comparison gives a finding (code and detail) or None.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol

from hdh_migrate.codes import Code
from hdh_migrate.errors import Permanent
from hdh_migrate.model import Lock, Stored
from hdh_migrate.orders import OrderItem
from hdh_migrate.pipeline.retrying import Retrying
from hdh_migrate.pipeline.tags import ATTEMPT, hyphenated
from hdh_migrate.pipeline.workers.sending import RETAIN, less_kept
from hdh_migrate.pipeline.workers.work import Route, Toolbox
from hdh_migrate.ports.stores import TargetReader
from hdh_migrate.telemetry import counted

Found = tuple[Code, str]


_VALUE_IS, _VALUES_ARE = "metadata value is", "metadata values are"


def beside(
    box: Toolbox, reader: TargetReader, route: Route, one: OrderItem, seen: Stored
) -> Iterator[Found]:
    """Yield every difference; an object without tags or lock costs no request."""
    yield from sent_beside(box, reader, route, one, seen)
    if (found := _lock(box, reader, route, seen)) is not None:
        yield found


class AsksAgain(Protocol):
    """Who asks the target again after a reply that was none."""

    @property
    def retry(self) -> Retrying:
        """Tries again what may work later."""


def sent_beside(
    box: AsksAgain, reader: TargetReader, route: Route, one: OrderItem, seen: Stored
) -> Iterator[Found]:
    """Yield every difference from what was sent with the bytes: metadata and tags."""
    for found in (_metadata(one, seen), _tags(box, reader, route, one, seen)):
        if found is not None:
            yield found


def _metadata(one: OrderItem, seen: Stored) -> Found | None:
    """Compare metadata; names are compared without case, which HTTP does not keep."""
    if not one.metadata:
        return None
    there = {name.lower(): value for name, value in seen.metadata.items() if name != ATTEMPT}
    sent = {name.lower(): value for name, value in one.metadata.items()}
    lost = [name for name, value in sent.items() if there.get(name) != value]
    if not lost:
        return None
    # Of two names that became one a value is gone, even where both had the same.
    apart = len({hyphenated(name) for name in sent}) == len(sent)
    if apart and all("_" in name and there.get(hyphenated(name)) == sent[name] for name in lost):
        return Code.METADATA_RENAMED, "the target writes `_` in the names of metadata as `-`"
    return Code.METADATA_DIFFERS, f"{counted(len(lost), _VALUE_IS, _VALUES_ARE)} not at the target"


def _tags(
    box: AsksAgain, reader: TargetReader, route: Route, one: OrderItem, seen: Stored
) -> Found | None:
    """Compare tags, name by name and value by value: a count in a reply tells of neither."""
    if not one.tags:
        return None
    sent = dict(one.tags)

    def ask() -> Mapping[str, str]:
        return reader.tags(route.target.bucket, seen)

    try:
        there = box.retry(ask)
        if there != sent:  # some hosts show for a moment what was there before
            there = box.retry(ask)
    except Permanent as error:
        return Code.TAGS_UNSHOWN, f"the target does not show its tags: {error}"
    if there == sent:
        return None
    lost = sum(there.get(name) != value for name, value in sent.items())
    more = len(there.keys() - sent.keys())
    detail = f"tags that are not at the target as they were sent: {lost} of {len(sent)}"
    return Code.TAGS_LOST, detail + (f"; tags there that were not sent: {more}" if more else "")


def _lock(box: Toolbox, reader: TargetReader, route: Route, seen: Stored) -> Found | None:
    """Compare retention and legal hold.

    What a reply does not show is asked for, since hosts hide it from who may not see it.
    """
    kept = route.keeping
    if kept is None:
        return None
    wanted = Lock(mode=kept.mode, until=seen.metadata.get(RETAIN), hold=kept.hold)
    if seen.lock == wanted:
        return None
    try:
        lock = box.retry(lambda: reader.lock(route.target.bucket, seen))
    except Permanent as error:
        return Code.RETENTION_DIFFERS, f"the target does not show how it is kept: {error}"
    detail = less_kept(lock, wanted)
    return None if detail is None else (Code.RETENTION_DIFFERS, detail)
