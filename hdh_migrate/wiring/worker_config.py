"""The configuration of a worker process: what its role needs of the plan, as plain values.

A worker has no model of plans: reading one costs more than its first objects do. What stands here
was read from the plan by the coordinator (`workers.config_of`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from pathlib import Path

from hdh_migrate.engines.wire import as_object, from_object
from hdh_migrate.frozen import frozen
from hdh_migrate.model import Role, TargetLimits
from hdh_migrate.pipeline.workers.work import Route


@frozen
class TargetAccess:
    """One way to the target: its address, and the references of the credential that is used."""

    url: str
    addressing: str
    region: str
    """As requests are signed for it."""
    local: bool
    """Whether the address is one of this machine."""
    private: bool
    """Whether it may be one of a private network."""
    rehearsal: bool
    id: str
    secret: str
    token: str | None
    ca_file: str | None
    pins: tuple[str, ...]


@frozen
class WorkerConfig:
    """What a worker process is given when it starts; it goes over its own pipe alone."""

    base: Path
    """The plan's folder; relative paths start there."""
    secrets: Mapping[str, str] = field(repr=False)
    """By reference; see `workers.worker_secrets`."""
    run_tag: str
    epoch: int
    """In which objects are written; see `pipeline.fences.fence`."""
    role: Role
    write: bool
    admitted: bool
    limits: TargetLimits
    source: Mapping[str, object] | None
    """The source's section with its kind's answers; None: this role does not read it."""
    reads: TargetAccess | None
    """How the target is read back, by who proves."""
    writes: TargetAccess | None
    form: str
    """How it is sealed; see `plan.seal.form`."""
    recipients: tuple[str, ...]
    identity: str | None
    """The reference of the key that opens what was sealed; None: this role opens nothing."""
    identity_passphrase: str | None
    routes: Mapping[str, Route]
    level: str
    """How much verify proves."""
    reread: bool
    """Whether verify reads the source again."""
    checked: bool
    """Whether the source's own digest of each range is asked for."""
    retry_budget: float
    """Seconds."""
    memory: int
    """Bytes, of all processes together."""
    adopted: tuple[str, ...] = ()
    """Names of other ledgers whose objects are ours."""
    processes: int = 1
    """How many share what the target allows; the engine says it."""
    fixed: bool = False
    """Whether so many requests are under way whatever the stores say."""
    connections: int = 1
    """How many requests this process may have under way as one of several; the engine says it."""
    alone: int | None = None
    """How many it may have as long as it works alone; None: it does not. The engine says it."""
    together: int | None = None
    """How many requests all processes of all machines may have under way; None: nobody says."""
    lane: int | None = None
    """The descriptor of the file through which they share what they may move in a second; None:
    each for itself, and without a ceiling."""

    def as_json(self) -> dict[str, object]:
        """Return it as the engine sends it."""
        return as_object(self)

    @classmethod
    def of(cls, values: Mapping[str, object]) -> WorkerConfig:
        """Return what an engine sent; what else it adds is its own.

        Raises:
            MalformedMessage: a field is missing or of another type.
        """
        return from_object(cls, values)
