"""What one worker needs to perform orders."""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping
from dataclasses import field
from datetime import datetime, timedelta

from hdh_migrate.bounded import count_of
from hdh_migrate.errors import Conflict, SourceChanged
from hdh_migrate.frozen import frozen
from hdh_migrate.model import HEADER_PACKS, SIDECARS, Keeping, Lock, ObjectInfo, Place
from hdh_migrate.model.naming import name_in
from hdh_migrate.pipeline.pace.level import Level
from hdh_migrate.pipeline.retrying import Retrying
from hdh_migrate.pipeline.tags import attempt_tag, later_epoch, mark_of
from hdh_migrate.pipeline.workers.buffers import BufferPool
from hdh_migrate.pipeline.workers.helping import Helpers
from hdh_migrate.pipeline.workers.turns import Turns
from hdh_migrate.ports.run import Clock
from hdh_migrate.ports.sealing import Envelopes
from hdh_migrate.ports.stores import Source, TargetReader, TargetWriter


@frozen
class Route:
    """Where a dataset comes from and goes to."""

    source: Place
    target: Place
    suffix: str
    keeping: Keeping | None = None

    def lock(self, now: str) -> Lock | None:
        """Return what an object that is sent now (RFC 3339) is to be kept by."""
        kept = self.keeping
        if kept is None:
            return None
        until = None
        if kept.mode is not None:
            moment = datetime.fromisoformat(now) + timedelta(days=kept.days)
            until = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
        return Lock(mode=kept.mode, until=until, hold=kept.hold)

    def target_key(self, key: str) -> str:
        """Return the key under which an object is stored: of all versions of a name the same."""
        name = self.name(key)
        return self.target.prefix + name.removeprefix(self.source.prefix) + self.suffix

    def name(self, key: str) -> str:
        """Return the name that a key is of; where each is a name of its own, the key."""
        return name_in(key) if self.every_version else key

    @property
    def every_version(self) -> bool:
        """Whether each version of a name is an object of its own here (`model.naming`)."""
        return self.source.every_version

    @property
    def own(self) -> str:
        """How the keys begin of whatever the tool adds to a dataset."""
        return self.source.prefix + SIDECARS

    @property
    def own_place(self) -> Place:
        """Where at the target that is."""
        begins = self.target.prefix + self.own.removeprefix(self.source.prefix)
        return Place(bucket=self.target.bucket, prefix=begins)

    def sidecar(self, dataset: str) -> str:
        """Return how the keys begin of the files of a dataset's sidecar."""
        return f"{self.own}{dataset}/"

    def header_packs(self, dataset: str) -> str:
        """Return how the keys begin of a dataset's header packs."""
        return f"{self.source.prefix}{HEADER_PACKS}{dataset}/"

    def is_sidecar(self, key: str) -> bool:
        """Say whether a key is kept for the tool's own files: no object of a source may have it."""
        return key.startswith(self.own)

    def source_key(self, target_key: str) -> str | None:
        """Return the name whose object would be stored under `target_key`, None if none would."""
        if not target_key.startswith(self.target.prefix) or not target_key.endswith(self.suffix):
            return None
        middle = target_key[len(self.target.prefix) : len(target_key) - len(self.suffix)]
        return self.source.prefix + middle


@frozen
class Toolbox:
    """What all orders of one process share; a side that is None is not open in this process."""

    source: Source | None
    reader: TargetReader | None
    """What proves; who writes reads with `writer`."""
    writer: TargetWriter | None
    envelopes: Envelopes
    routes: Mapping[str, Route]
    run_tag: str
    level: str
    reread: bool
    checked: bool
    retry: Retrying
    pool: BufferPool
    clock: Clock
    halt: threading.Event
    epoch: int = 0
    """In which this ledger writes; see `pipeline.fences.fence`."""
    adopted: Collection[str] = frozenset()
    """The names of other ledgers whose objects are ours."""
    turns: Turns = field(default_factory=Turns)
    helpers: Helpers = field(default_factory=Helpers)
    at_once: Level = field(default_factory=Level)

    def tag(self, entry: int, attempt: int) -> str:
        """Return the attempt tag that an object of ours carries at the target."""
        return attempt_tag(self.run_tag, entry, attempt, self.epoch)

    def epoch_of(self, tag: str | None, entry: int) -> int | None:
        """Return in which epoch an attempt of ours at this object left a tag; None: none did.

        Raises:
            Fenced: it is a later epoch than ours: another copy of this ledger took over.
        """
        ours = f"{self.run_tag}.{entry}."
        if tag is not None and tag.partition(".")[0] in self.adopted:
            return 0  # whatever it was there
        if tag is None or not tag.startswith(ours):
            return None
        attempt, _, last = tag.removeprefix(ours).partition(".")
        epoch = count_of(last or "0")
        if count_of(attempt) is None or epoch is None:
            return None
        if epoch > self.epoch:
            raise later_epoch(epoch, self.epoch)
        return epoch

    def still(self, source: Source, place: Place, obj: ObjectInfo) -> None:
        """Demand that the source still describes an object as it is ordered.

        Raises:
            SourceChanged: it does not; what the order says is of no use any more.
        """
        now = self.retry(lambda: source.head(place, obj.key))
        if (now.version, now.size, now.kind, now.md5) != (
            obj.version, obj.size, obj.kind, obj.md5,
        ):  # fmt: skip
            raise SourceChanged("the source describes an object in another way than its listing")

    def conflict(self, tag: str | None) -> Conflict:
        """Return the refusal to overwrite an object that carries a tag which is not ours."""
        if tag is not None and tag.startswith(f"{mark_of(self.run_tag)}-"):
            return Conflict(
                "another ledger of this plan put an object under this key: run the plan with"
                ' that ledger\'s --state-dir, or, if it is lost, "hdh-migrate adopt PLAN"'
            )
        return Conflict("the target already holds another object under this key")
