"""The messages between a coordinator and the nodes of a cluster, independent of the carrier.

A node is one process on a machine of the cluster; it has engines of its own, which work there. What
is said is JSON of known kinds, as between an engine and its workers (`engines.wire`), and it never
holds a secret: a node has its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, get_args

from hdh_migrate.engines.messages import NAMES, Assigned, Question
from hdh_migrate.engines.wire import Vocabulary
from hdh_migrate.frozen import frozen
from hdh_migrate.model import Role, TargetLimits
from hdh_migrate.receipts import Aside, EndpointTraffic, ObjectReceipt, OrderDone

WORD_SECONDS = 5.0
"""How often coordinator and nodes let each other know that they are there."""

SILENCE_SECONDS = 45.0
"""Without a word for so long, the other end is taken for gone."""


@frozen
class ClusterSession:
    """What a coordinator tells nodes about a session, for one role, beyond their own plan."""

    id: str
    coordinator: str
    """Of one run; sessions of the same migration that another coordinator began end."""
    run_tag: str
    """The ledger's mark at the target; see `pipeline.workers.work.Toolbox`."""
    version: str
    code_sha256: str
    plan_sha256: str
    """The digest of the plan, which a node reads from its own copy."""
    role: Role
    epoch: int
    write: bool
    admitted: bool
    """Whether the gate is open for the target."""
    limits: TargetLimits
    recipients: tuple[str, ...]
    adopted: tuple[str, ...]
    share: float
    """Which part of what all may use together this node may."""
    rate: float | None = None
    """How many bytes a second all may move together; None: there is no ceiling."""


@frozen
class Joined:
    """A node takes orders of a session."""

    node: str
    """Names this process, not its address."""
    capacity: int


@frozen
class Unfit:
    """A node takes none, or no more; why, in words that may be shown."""

    why: str


@frozen
class Died:
    """A worker process of a node died with this order; workers that died have numbers."""

    order: int
    worker: int


@frozen
class Alive:
    """A sign of life of a node."""


@frozen
class Left:
    """The last message of a node in a session."""

    traffic: tuple[EndpointTraffic, ...]


FromNode = ObjectReceipt | Aside | OrderDone | Question | Joined | Unfit | Died | Alive | Left
ToNode = ClusterSession | Assigned

_NAMES: Final[Mapping[type[Any], str]] = {
    **NAMES,
    ClusterSession: "session",
    Joined: "joined",
    Unfit: "unfit",
    Died: "died",
    Alive: "alive",
    Left: "left",
}

TO_NODE = Vocabulary[ToNode](ClusterSession, Assigned, names=_NAMES)
FROM_NODE = Vocabulary[FromNode](
    *get_args(ObjectReceipt), *get_args(Aside), OrderDone, Question,
    Joined, Unfit, Died, Alive, Left, names=_NAMES,
)  # fmt: skip
