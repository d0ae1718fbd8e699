"""Everything that the steps of one batch's cutover share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import field
from typing import Protocol, TextIO

from hdh_migrate.clocks import ALONE, Moment
from hdh_migrate.errors import ClocksDiffer, MigrateError, Missing
from hdh_migrate.events.cutover import (
    PREFIX,
    CutoverBegun,
    CutoverWaits,
    PointerDescription,
    StoryKey,
    Track,
)
from hdh_migrate.events.event import SignedEnvelopes
from hdh_migrate.events.registry import CutoverEvent
from hdh_migrate.events.run import ClocksCompared
from hdh_migrate.fixity import text_digest
from hdh_migrate.frozen import frozen, mutable
from hdh_migrate.jsonform import ABSENT, Absent
from hdh_migrate.model import DatasetRow
from hdh_migrate.pipeline.context import Context
from hdh_migrate.pipeline.excused import Waivers
from hdh_migrate.pipeline.fences.fencing import Fencing
from hdh_migrate.pipeline.projections.standing import CutoverStanding, standing
from hdh_migrate.pipeline.retrying import Retrying
from hdh_migrate.pipeline.working_set import working_set
from hdh_migrate.ports.ledger import Ledger
from hdh_migrate.ports.sealing import Envelopes
from hdh_migrate.ports.stores import TargetReader
from hdh_migrate.ports.switching import FreezeProbe, Pointer


@frozen
class Consent:
    """What the approvals of one stage come to, at one moment."""

    given: bool
    keys: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    """Why it is not given, or which approvals did not count."""
    terms: str | None = None
    """The digest of the terms under which it was judged."""
    begins: str | None = None
    """From when it is stated that nobody writes; None: nobody stated it."""
    signed: SignedEnvelopes | Absent = ABSENT
    """What each of the `keys` signed, for the journal."""


@frozen
class Ran:
    """How a program of the plan ended; `ok` is status 0 within its time limit."""

    ok: bool
    detail: str


@frozen
class Program:
    """One smoke test of the plan that is a program."""

    name: str
    run: Callable[[], Ran]


@frozen
class Consumer:
    """What a consumer of the data has: a credential of its own, and a key that opens."""

    reader: TargetReader
    envelopes: Envelopes


@frozen
class Terms:
    """What the plan says of this cutover."""

    relist_seconds: int
    rounds: int
    smoke_objects: int
    window_seconds: int
    roll_back: bool
    """Whether failed smoke tests roll back by themselves."""


@frozen
class Need:
    """A batch that this one depends on: it must be verified, and cut over if the plan says so."""

    batch: str
    cut_over: bool


class Drawer(Protocol):
    """Keeps what may name objects or values beside the ledger, readable by its owner only."""

    def open(self, name: str) -> AbstractContextManager[TextIO]:
        """Write a file; it replaces an earlier one when it is whole."""

    def path(self, name: str) -> str:
        """Return where a file of this name is kept."""


@mutable
class Tale:
    """One batch's cutover and the journal that it writes to."""

    ledger: Ledger
    batch: str
    track: Track
    user: str

    def standing(self) -> CutoverStanding:
        """Return how this batch stands."""
        return standing(self.ledger.cutovers(), self.batch, self.track)

    @property
    def about(self) -> StoryKey:
        """Which story an event of it is of."""
        return {"batch": self.batch, "track": self.track}

    def note(self, event: CutoverEvent) -> None:
        """Write one event of this batch and commit it."""
        self.ledger.event(event)
        self.ledger.commit()

    def waits(self, why: str, reasons: Sequence[str]) -> None:
        """Write down why it does not go on, for `status`."""
        self.note(CutoverWaits(**self.about, why=why, told=tuple(reasons), user=self.user))

    def stopped_by(self, why: str, error: MigrateError) -> None:
        """Write down an error that it does not go on for, without values and programs' words."""
        self.waits(why, [error.journalled or str(error)])

    def datasets(self) -> list[DatasetRow]:
        """Return the batch's datasets, without those that were erased."""
        return working_set(self.ledger, self.batch)


@mutable
class Back(Tale):
    """Everything that a rollback needs: the journal and the pointer, no endpoint, no permission."""

    retry: Retrying
    pointer: Pointer
    value: str
    """What the pointer becomes by the switch."""
    drawer: Drawer
    shown: Callable[[str], str]
    """Returns a pointer's value as it may be shown to people."""

    def led_to(self) -> str | None:
        """Return the value that the pointer has now, None when there is no pointer any more.

        Raises:
            StorageError: it cannot be read.
        """
        try:
            return self.retry(self.pointer.read)
        except Missing:
            return None

    # --- values of the pointer: in the ledger's memory, never in the journal -------------------

    def remember(self, old: str) -> None:
        """Keep what the pointer was; durable with the next event."""
        self.ledger.set_meta(self._old, old)

    def remembered(self, sha256: str | None) -> str | None:
        """Return what the pointer was before the switch, None if the journal tells otherwise.

        `sha256` is the digest that the journal has of it.
        """
        old = self.ledger.meta(self._old)
        return old if old is not None and text_digest(old) == sha256 else None

    @property
    def _old(self) -> str:
        return f"{PREFIX}old:{self.track}:{self.batch}"


@mutable
class Story(Tale):
    """One batch's cutover, its journal, and the judges of time and of approvals."""

    ledger: Ledger = field(init=False)
    ctx: Context
    root: Callable[[], str]
    """Computes the batch's manifest root from the ledger as it is now."""
    consent: Callable[[str, str], Consent]
    """Judges the approvals of a stage for a root, read anew from where they are kept."""
    held: Callable[[], str | None]
    """Says who holds the switch, None when nobody does."""

    def __post_init__(self) -> None:
        self.ledger = self.ctx.ledger

    def judged(self, stage: str) -> Moment:
        """Return the present for a step that cannot be taken back; journal whose Date it rests on.

        Raises:
            ClocksDiffer: it cannot be learned; nothing may be permitted.
        """
        try:
            found = self.ctx.judge.firm()
        except ClocksDiffer as error:
            self.waits("clock", error.blockers)
            raise
        self.ctx.ledger.event(
            ClocksCompared(
                batch=self.batch, stage=stage, clock_offsets=found.ahead, alone=found.alone
            )
        )
        self.ctx.ledger.commit()
        if found.alone:
            self.ctx.progress.note(ALONE)
        return found


@mutable
class Scene(Story):
    """A story with its pointer and everything else that a switch depends on."""

    pointer: Pointer
    value: str
    """What the pointer becomes."""
    probe: FreezeProbe | None
    """Tries to write; None: the plan asks for a signed statement instead."""
    terms: Terms
    needs: tuple[Need, ...]
    waivers: Waivers
    """Reads the signed waivers that count now."""
    attested: Callable[[], Sequence[str]]
    """Says why nothing may be sent to the target; empty means that all may be."""
    unfit: Callable[[], Sequence[str]]
    """Says which rules for health data the target's buckets do not keep to now; empty: all."""
    consumer: Callable[[], Consumer]
    lacking: Callable[[], Sequence[str]]
    """Says what the smoke tests lack; empty means that they can be made."""
    programs: Sequence[Program]
    drawer: Drawer
    shown: Callable[[str], str]
    """Returns a pointer's value as it may be shown to people."""
    rehearsing: bool
    """Whether every endpoint lies on this machine; the journal says so."""
    fencing: Fencing | None = None
    """What is held at the target by who writes there, or cannot take back what he does."""
    strangers: int = 0
    """Objects of somebody else's that stood in the batch's places when they were last listed."""

    @property
    def back(self) -> Back:
        """What of it going back needs."""
        return Back(
            ledger=self.ledger, batch=self.batch, track=self.track, user=self.user,
            retry=self.ctx.retry, pointer=self.pointer, value=self.value,
            drawer=self.drawer, shown=self.shown,
        )  # fmt: skip


NOWHERE = "there is no pointer any more: consumers are led nowhere"


@contextmanager
def telling(how: str) -> Iterator[None]:
    """Begin the hint of any error with how the pointer is: a full disk says nothing of it."""
    try:
        yield
    except MigrateError as error:
        error.hint = how if error.hint is None else f"{how}; {error.hint}"
        raise


def begun(scene: Scene, old: str) -> CutoverBegun:
    """Return what tells that a cutover begins, the pointer having this value."""
    return CutoverBegun(
        **scene.about,
        pointer=PointerDescription(kind=scene.pointer.kind, guard=scene.pointer.guard),
        old_sha256=text_digest(old), new_sha256=text_digest(scene.value),
        user=scene.user, rehearsing=scene.rehearsing,
    )  # fmt: skip
