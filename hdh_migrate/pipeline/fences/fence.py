"""The fence: one small object in each target bucket that says which ledger writes there.

It proves itself by a nonce that is new for every run, and stands in the journal before it stands in
the fence. So of two copies of a ledger only the one that ran last knows what the fence shows. No
time that stands in it is believed: a fence ends by its owner's word, or is taken over by people.
docs/decisions/0045-one-writer.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final, Literal

from hdh_migrate.errors import AccessDenied, Conflict, Fenced, Missing
from hdh_migrate.events.fence import FenceHolder, FenceReleased, FenceTaken, FenceTaking
from hdh_migrate.events.registry import read_body
from hdh_migrate.frozen import frozen
from hdh_migrate.jsonform import ABSENT, Absent, JsonForm, OtherForm, json_form
from hdh_migrate.model import FENCES, Stored
from hdh_migrate.ports.ledger import Ledger
from hdh_migrate.ports.stores import TargetReader

FORMAT: Final = "urn:hdh-migrate:fence:v1"
SIZE_MAX: Final = 4_096
LOOKS_MAX: Final = 5
EPOCH_MAX: Final = 1_000_000
"""What tells of more take-overs is no fence: who took it over would write in that epoch."""
PID_MAX: Final = 1 << 32
EVENTS_MAX: Final = 1 << 62

State = Literal["running", "idle", "released"]


@json_form
class Shown(JsonForm):
    """The content of a fence; nothing in it identifies people or objects."""

    format: str
    migration: str
    ledger: str
    """The name of the ledger that writes; its copies have the same."""
    epoch: int
    """Counts how often it was taken over, from 0; every object's attempt tag carries it."""
    nonce: str
    """What only the ledger knows that was the last to take it."""
    place: str
    """A digest of where that ledger's file lies: who finds it there again, and could lock it, knows
    that nobody else is at work with it."""
    host: str
    pid: int
    since: str
    seen: str
    state: State
    """Whether a run is under way, ended by itself, or was the last that is to be."""
    recipients: tuple[str, ...] | Absent = ABSENT
    """Fingerprints of the keys for which that run sealed; an earlier version did not say."""
    events: int | Absent = ABSENT
    """How many events that ledger's journal had when this was written: a copy that was made before
    in that run has the nonce, and not what came after."""
    head: str | Absent = ABSENT
    """The digest of the last of them."""


@frozen
class FenceStanding:
    """What stands in one bucket's fence; `shown` is None when it says nothing that can be read."""

    stored: Stored
    shown: Shown | None


@frozen
class Known:
    """What the journal knows of one bucket's fence."""

    held: bool = False
    """Whether it was ever seen to be ours."""
    epoch: int = 0
    nonces: tuple[str, ...] = ()
    """What ours may show now: what it was last seen to show, and what was to come after that."""
    released: bool = False
    firm: bool = False
    """Whether the host was seen to keep conditions when it was last taken."""
    goes_on_from: Callable[[int, str], bool] = lambda _events, _head: False
    """Says whether a journal of so many events that ends so is the beginning of ours."""


def fence_key(migration: str) -> str:
    """Return the key of a migration's fence, the same in every bucket."""
    return f"{FENCES}{migration}.json"


def known(ledger: Ledger) -> Mapping[str, Known]:
    """Return what the journal knows of each bucket's fence, as long as the ledger is open."""
    intents: dict[str, list[FenceTaking]] = {}
    for _, taking in ledger.events(FenceTaking):
        intents.setdefault(taking.bucket, []).append(taking)
    receipts: dict[str, FenceTaken] = {
        fence.bucket: fence for _, fence in ledger.events(FenceTaken)
    }
    released = {fence.nonce for _, fence in ledger.events(FenceReleased)}
    found = {}
    for bucket, fence in intents.items():
        last = receipts.get(bucket)
        nonces = [one.nonce for one in fence]
        if last is not None:
            nonces = nonces[nonces.index(last.nonce) :]
        found[bucket] = Known(
            held=last is not None,
            epoch=0 if last is None else last.epoch,
            nonces=tuple(nonces),
            released=last is not None and last.nonce in released,
            firm=last is not None and last.firm,
            goes_on_from=ledger.goes_on_from,
        )
    return found


def epoch_of(found: Mapping[str, Known]) -> int:
    """Return the epoch in which a ledger writes, as its journal tells."""
    return max((one.epoch for one in found.values()), default=0)


def read_fence(reader: TargetReader, bucket: str, migration: str) -> FenceStanding | None:
    """Read a bucket's fence; None when there is none.

    Raises:
        StorageError: it cannot be learned.
    """
    key = fence_key(migration)
    with naming_right(bucket, "s3:GetObject"):
        for _ in range(LOOKS_MAX):
            stored = reader.head(bucket, key)
            if stored is None:
                return None
            if stored.size > SIZE_MAX:
                return FenceStanding(stored=stored, shown=None)
            body = bytearray()
            try:
                reader.read(bucket, stored, None, body.extend)
            except (Conflict, Missing):
                continue  # it was written anew between the two
            return FenceStanding(stored=stored, shown=_shown(bytes(body), migration))
    raise Conflict(f"the fence of bucket {bucket} changes faster than it can be read")


@contextmanager
def naming_right(bucket: str, right: str) -> Iterator[None]:
    """Add to an `AccessDenied` which right the credential needs on the fence."""
    try:
        yield
    except AccessDenied as error:
        raise AccessDenied(
            f"target bucket {bucket}: no right to the fence",
            hint=f"the credential needs {right} on {FENCES}*, or this machine's clock is not the"
            " host's; nothing was written",
        ) from error


def _shown(body: bytes, migration: str) -> Shown | None:
    try:
        shown = read_body(Shown, body.decode())
    except (OtherForm, UnicodeDecodeError):
        return None
    right = (shown.format, shown.migration) == (FORMAT, migration)
    bounded = 0 <= shown.epoch <= EPOCH_MAX and 0 <= shown.pid <= PID_MAX
    counted = shown.events is ABSENT or 0 <= shown.events <= EVENTS_MAX
    return shown if right and bounded and counted else None


def holder_of(shown: Shown) -> FenceHolder:
    """Return who holds a fence, as the journal tells it."""
    return FenceHolder(
        ledger=plain(shown.ledger), epoch=shown.epoch, nonce=plain(shown.nonce),
        host=plain(shown.host), pid=shown.pid, since=plain(shown.since),
    )  # fmt: skip


def why_barred(
    bucket: str, standing: FenceStanding | None, own: Known, *, ledger: str, place: str
) -> str | None:
    """Return why a ledger may not write in a bucket; None if it may."""
    if standing is None:
        why = GONE if own.held else None
    elif standing.shown is None:
        why = "what lies under the name of the fence is none that can be read"
    elif standing.shown.nonce in own.nonces:
        why = _as_new_as_this(standing.shown, own, place)
    else:
        why = _newer_than_this(standing.shown, ledger)
    return None if why is None else f"bucket {bucket}: {why}"


GONE = (
    "the fence that this ledger left there is gone: another copy of this ledger, or somebody,"
    " removed it, or made the bucket anew"
)


def _as_new_as_this(shown: Shown, own: Known, place: str) -> str | None:
    events, head = shown.events, shown.head
    if events is not ABSENT and head is not ABSENT and not own.goes_on_from(events, head):
        return (
            f"{words_of(shown)}; this is an older copy of the ledger, made in the middle of that"
            f" run or after it: it lacks what the journal told later, at event {events}"
        )
    if shown.state != "running" or shown.place == place:
        return None
    return (
        f"{words_of(shown)}; that run began with a copy of this ledger as new as this one, and"
        " it has not said that it ended"
    )


def _newer_than_this(shown: Shown, ledger: str) -> str | None:
    if shown.ledger == ledger:
        return f"another copy of this ledger writes there: {words_of(shown)}"
    return None if shown.state == "released" else f"another ledger writes there: {words_of(shown)}"


def words_of(shown: Shown) -> str:
    """Return who holds a fence, for people."""
    state = {
        "running": "a run is under way, or was killed",
        "idle": "its last run ended",
        "released": "it is done writing",
    }[shown.state]
    return (
        f"host {plain(shown.host)}, pid {shown.pid}, since {plain(shown.since)}, last heard of"
        f" {plain(shown.seen)}, epoch {shown.epoch}, {state}"
    )


def judge(
    reader: TargetReader,
    own: Mapping[str, Known],
    buckets: Iterable[str],
    *,
    migration: str,
    ledger: str,
    place: str,
    gone: Callable[[str], None] | None = None,
) -> list[str]:
    """Return why a ledger is not the one that wrote last in these buckets; empty: it is.

    One that never took a fence, where there is none, is of an earlier version. A fence that is
    `gone` is told to who asks for that, and is no reason then.

    Raises:
        StorageError: it cannot be learned.
    """
    problems = []
    for bucket in buckets:
        mine, standing = own.get(bucket, Known()), read_fence(reader, bucket, migration)
        why = why_barred(bucket, standing, mine, ledger=ledger, place=place)
        if why is None and standing is not None and standing.shown is not None:
            if standing.shown.nonce in mine.nonces:
                continue
            why = f"bucket {bucket}: another ledger was the last: {words_of(standing.shown)}"
        if why is not None and standing is None and gone is not None:
            gone(why)
        elif why is not None:
            problems.append(why)
    return problems


def fenced_out(problems: Sequence[str]) -> Fenced:
    """Return the refusal to write, with every reason."""
    lines = ("this ledger may not write at the target", *(f"  {line}" for line in problems))
    return Fenced("\n".join(lines))


def plain(text: str) -> str:
    """Return text from a fence made safe for messages: it could drive a terminal."""
    return "".join(one if one.isascii() and one.isprintable() else "?" for one in text[:80])
