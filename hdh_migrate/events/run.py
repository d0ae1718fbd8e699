"""What verbs began and ended, and with what plan, keys, files and endpoints they worked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from hdh_migrate.events.event import Event
from hdh_migrate.jsonform import ABSENT, Absent, JsonForm, json_form


@json_form
class RunStarted(Event):
    """A run of a plan begins."""

    kind: ClassVar[str] = "run-started"
    plan_digest: str
    steps: tuple[str, ...]
    batches: tuple[str, ...]
    """Those that were asked for; none: all of them."""
    tool: str
    code_sha256: str | Absent
    """The first version did not record it."""
    user: str
    pid: int


@json_form
class ExchangeTotal(JsonForm):
    """What one verb exchanged with one endpoint of one side."""

    side: str
    endpoint: str
    requests: int
    bytes_read: int
    bytes_written: int
    addresses: tuple[str, ...]
    tls: tuple[str, ...] | Absent
    """What its connections were secured with, where it was asked."""
    ssh: tuple[str, ...] | Absent
    """What its SSH connections agreed on: key exchange, host key, cipher, MAC, fingerprint."""
    clock_offset: float | Absent
    """By how many seconds the local clock was ahead of its newest Date, where there was one."""


@json_form
class RunEnded(Event):
    """A verb that had services open is over, whatever ended it."""

    kind: ClassVar[str] = "run-ended"
    traffic: tuple[ExchangeTotal, ...]


@json_form
class BatchDone(Event):
    """The steps that were asked for were gone through for a batch."""

    kind: ClassVar[str] = "batch-done"
    batch: str
    steps: tuple[str, ...]


@json_form
class PlanRebound(Event):
    """The ledger is bound to a plan that was changed; digests of both, and the changes."""

    kind: ClassVar[str] = "plan-changed"
    was: str
    now: str
    changes: tuple[str, ...]


@json_form
class LedgerNamed(Event):
    """The name by which approvals know this ledger."""

    kind: ClassVar[str] = "ledger-named"
    ledger: str
    approvals: Literal["signed"] | Absent = ABSENT
    """Every event that rests on approvals has them as they were signed; absent in early ledgers."""
    waivers: Literal["signed"] | Absent = ABSENT
    """Every waiver that something rests on stands in it as it was signed; absent as above."""


@json_form
class LedgerUpgraded(Event):
    """A ledger of an earlier version tells from here on what it did not tell before."""

    kind: ClassVar[str] = "ledger-upgraded"
    schema: int
    verified: Mapping[str, int]


@json_form
class RecipientsBound(Event):
    """For whom is sealed: public keys in hexadecimal; `first`: no run had sealed before."""

    kind: ClassVar[str] = "bound"
    recipients: tuple[str, ...]
    first: bool


@json_form
class StoredDrill(JsonForm):
    """What came of opening objects with a private key as the target holds them, drawn by chance."""

    objects: int
    opened: int
    bytes: int
    """Of all that were drawn, as they are stored."""
    whole: int
    """Of those that opened: every byte, and the plaintext's digest where it is known."""
    smallest: int
    """Plaintext bytes of the smallest and the largest that were drawn."""
    largest: int
    sent: int
    """Of those that were drawn: not verified yet."""
    packs: int
    """Header packs that were opened besides; 0 where headers stand in front of their objects."""


@json_form
class KeyDrilled(Event):
    """A recipient's private key opened what is sealed for it."""

    kind: ClassVar[str] = "drilled"
    fingerprint: str
    user: str
    stored: StoredDrill | Absent = ABSENT
    """Absent where it was tried on a test envelope alone."""


@json_form
class ContentsRecorded(Event):
    """With what content of the plan's files a verb works; `changed` since the one before."""

    kind: ClassVar[str] = "contents"
    files: Mapping[str, str]
    changed: tuple[str, ...]


@json_form
class ClocksCompared(Event):
    """Who gave the time for a step that cannot be taken back; `alone`: no endpoint did."""

    kind: ClassVar[str] = "clocks-compared"
    batch: str
    stage: str
    clock_offsets: Mapping[str, float]
    """By how many seconds the local clock is ahead of each endpoint's."""
    alone: bool


@json_form
class TargetSurveyed(Event):
    """The target was looked at before the first write; so many keys were taken there."""

    kind: ClassVar[str] = "surveyed"
    dataset: str
    occupied: int


@json_form
class ProbeStarted(Event):
    """A probe is about to write under a prefix of its own."""

    kind: ClassVar[str] = "probe-started"
    bucket: str
    prefix: str
    endpoint: str


@json_form
class ProbeEnded(Event):
    """What a probe wrote was removed but for `left` objects; None: it cannot be learned."""

    kind: ClassVar[str] = "probe-ended"
    bucket: str
    prefix: str
    left: int | None
    swept: Literal[True] | Absent
    """A later probe removed it."""


@json_form
class TargetProbed(Event):
    """The digest of what a probe found."""

    kind: ClassVar[str] = "probed"
    record_sha256: str


@json_form
class BucketProvisioning(Event):
    """A step at a bucket is about to be taken."""

    kind: ClassVar[str] = "provisioning"
    bucket: str
    step: str


@json_form
class BucketProvisioned(Event):
    """What came of a step at a bucket."""

    kind: ClassVar[str] = "provisioned"
    bucket: str
    step: str
    seen: str
    wanted: str
    done: str
    ok: bool


@json_form
class HeadersCopied(Event):
    """Every verified header pack of a batch has its second copy, which was compared with it.

    `root` is of the RFC 9162 tree over what they are at the target: docs/header-packs.md.
    """

    kind: ClassVar[str] = "headers-copied"
    batch: str
    packs: int
    bytes: int
    """As they are stored."""
    root: str


RunEvent = (
    RunStarted
    | RunEnded
    | BatchDone
    | PlanRebound
    | LedgerNamed
    | LedgerUpgraded
    | RecipientsBound
    | KeyDrilled
    | ContentsRecorded
    | ClocksCompared
    | TargetSurveyed
    | ProbeStarted
    | ProbeEnded
    | TargetProbed
    | BucketProvisioning
    | BucketProvisioned
    | HeadersCopied
)
